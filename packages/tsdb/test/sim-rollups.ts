// Rows of a store in a simulation, compared with what the model's samples give when they are added up one by one.
import { fail } from "node:assert/strict";
import { createMatcher, formatLabels, METRIC_NAME } from "@pharos/base";
import type { RollupColumns, RollupTier } from "@pharos/ports";
import { WINDOW_MS } from "@pharos/ports";
import type { EmbeddedStore } from "../src/store.ts";
import { type Model, NAMES, numberOf, STALE } from "./store-model.ts";

const DAY_MS = 86_400_000;

/** From when on a series' rows in a tier have to be there; Infinity where it gets none. */
export type RowsFrom = (series: number, tier: RollupTier) => number;

/**
 * Reads the rows of some days in a tier. All samples of the store have to be in blocks.
 *
 * Windows whose samples nobody can tell for sure are held to what is always true: their rows are made of samples that
 * were sent.
 */
export async function checkRollups(
  store: EmbeddedStore,
  model: Model,
  tier: RollupTier,
  nowMs: number,
  rowsFrom: RowsFrom,
  where: string,
): Promise<void> {
  const range = { minMs: nowMs - 5 * DAY_MS, maxMs: nowMs + DAY_MS };
  const answers = store.selectRollup(range, [createMatcher("=~", METRIC_NAME, ".+")], {
    tier,
    quantiles: true,
    samplesMax: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
  });
  const missing = new Set(NAMES);
  for await (const columns of answers) {
    const name = formatLabels(columns.labels);
    if (!missing.delete(name)) fail(`${where}, ${tier}: ${name} comes twice, or was never sent`);
    const series = NAMES.indexOf(name);
    checkSeries(columns, windowsOf(model, series, tier, range.minMs, range.maxMs), {
      fromMs: rowsFrom(series, tier),
      where: `${where}, ${tier}, ${name}`,
    });
  }
  for (const name of missing) {
    const series = NAMES.indexOf(name);
    const windows = windowsOf(model, series, tier, range.minMs, range.maxMs);
    for (const [windowMs, window] of windows)
      if (windowMs >= rowsFrom(series, tier) && window.known && window.values.length > 0)
        fail(`${where}, ${tier}, ${name}: the row at ${windowMs} is missing`);
  }
}

interface Window {
  /** Whether it is known which of its samples were read; then there is a row, if there was one. */
  known: boolean;
  /** Whether some have expired: of those that came late, a row may lack what expired before. */
  expired: boolean;
  /** Without staleness markers, in the order of time. */
  readonly values: number[];
  /** All that was ever sent for this time. */
  readonly sent: Set<number>;
  readonly times: Set<number>;
}

function windowsOf(
  model: Model,
  series: number,
  tier: RollupTier,
  minMs: number,
  maxMs: number,
): Map<number, Window> {
  const windowMs = WINDOW_MS[tier];
  const windows = new Map<number, Window>();
  for (const [timestampMs, { values, rolled }] of [...model.samplesOf(series)].sort(
    (a, b) => a[0] - b[0],
  )) {
    const startMs = Math.floor(timestampMs / windowMs) * windowMs;
    if (startMs < minMs || startMs > maxMs) continue;
    const window = windows.getOrInsertComputed(startMs, () => ({
      known: true,
      expired: false,
      values: [],
      sent: new Set(),
      times: new Set(),
    }));
    for (const bits of values) window.sent.add(numberOf(bits));
    window.times.add(timestampMs);
    if (rolled === undefined) window.known = false;
    else if (rolled !== STALE) window.values.push(numberOf(rolled));
    if (!model.isExpired(series, timestampMs)) continue;
    window.expired = true;
    // Which of two values for one time a row knows depends on when it was made.
    if (values.size > 1) window.known = false;
  }
  return windows;
}

function checkSeries(
  columns: RollupColumns,
  windows: ReadonlyMap<number, Window>,
  { fromMs, where }: { readonly fromMs: number; readonly where: string },
): void {
  const rows = new Map<number, number>();
  for (const [row, windowMs] of columns.windowsMs.entries()) {
    if (row > 0 && windowMs <= (columns.windowsMs[row - 1] as number))
      fail(`${where}: windows come in order, each once`);
    rows.set(windowMs, row);
    const window = windows.get(windowMs);
    if (window === undefined) fail(`${where}: a row at ${windowMs}, where nothing was sent`);
    const { min, max, first, last, count } = rowOf(columns, row);
    for (const value of [min, max, first, last])
      if (!window.sent.has(value)) fail(`${where}, window ${windowMs}: ${value} was never sent`);
    if (count < 1 || count > window.times.size)
      fail(`${where}, window ${windowMs}: ${count} samples of ${window.times.size}`);
  }
  for (const [windowMs, window] of windows) {
    if (!window.known || windowMs < fromMs) continue;
    const row = rows.get(windowMs);
    if (row === undefined) {
      if (window.values.length > 0) fail(`${where}: the row at ${windowMs} is missing`);
      continue;
    }
    if (window.expired && window.times.size > 1) continue;
    checkRow(columns, row, window.values, `${where}, window ${windowMs}`);
  }
}

function rowOf(columns: RollupColumns, row: number) {
  const [count, sum, min, max, first, last, increase] = (
    ["count", "sum", "min", "max", "first", "last", "increase"] as const
  ).map((name) => columns[name][row] as number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { count, sum, min, max, first, last, increase };
}

function checkRow(
  columns: RollupColumns,
  row: number,
  values: readonly number[],
  where: string,
): void {
  const found = rowOf(columns, row);
  const numbers = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const same = (name: string, actual: number, expected: number | undefined): void => {
    if (actual !== expected && !(Number.isNaN(actual) && Number.isNaN(expected)))
      fail(`${where}: ${name} ${actual}, expected ${expected} of ${values}`);
  };
  const near = (name: string, actual: number, expected: number, within: number): void => {
    if (Number.isNaN(expected) ? !Number.isNaN(actual) : !(Math.abs(actual - expected) <= within))
      fail(`${where}: ${name} ${actual}, expected ${expected} of ${values}`);
  };
  same("count", found.count, values.length);
  same("min", found.min, numbers[0] ?? Number.NaN);
  same("max", found.max, numbers.at(-1) ?? Number.NaN);
  same("first", found.first, values[0]);
  same("last", found.last, values.at(-1));
  const magnitude = numbers.reduce((sum, value) => sum + Math.abs(value), 0);
  const sum = values.reduce((total, value) => total + value, 0);
  near("sum", found.sum, sum, 1e-12 * magnitude);
  let previous = row === 0 ? undefined : (columns.last[row - 1] as number);
  let increase = 0;
  for (const value of values) {
    if (previous !== undefined) increase += value < previous ? value : value - previous;
    previous = value;
  }
  near("increase", found.increase, increase, 1e-11 * (magnitude + Math.abs(increase)));
  // Of an even number of samples, anything between the two in the middle is a median.
  const median = columns.quantile(0.5, row, row + 1);
  if (Number.isNaN(median) || numbers.length === 0) return;
  const low = numbers[Math.floor((numbers.length - 1) / 2)] as number;
  const high = numbers[Math.ceil((numbers.length - 1) / 2)] as number;
  if (median < low * 0.989 || median > high * 1.011)
    fail(`${where}: median ${median}, expected ${low} to ${high}`);
}
