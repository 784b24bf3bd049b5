// A 30-day view answered from the rollups of each tier and from the samples themselves: how many rows and samples each has to
// read, how long that takes, and how far the answers are apart, beside the bounds that are promised. `npm run
// bench:rollups`.
import { rm } from "node:fs/promises";
import { nodeDisk, systemClock } from "@pharos/adapters/node";
import { createMatcher, labelsFrom } from "@pharos/base";
import { Kernels, SampleColumns, SeriesTable } from "@pharos/kernels";
import {
  ROLLUP_TIERS,
  type RollupColumns,
  type RollupTier,
  type SeriesColumns,
  WINDOW_MS,
} from "@pharos/ports";
import { type EmbeddedStore, openStore } from "@pharos/tsdb";
import { benchOptions } from "./bench-options.ts";
import { endProgress, percentile, printTable, progress } from "./comparison.ts";
import { temporaryFolder } from "./server-process.ts";
import { STEP_MS, w1LabelSets, w1Values } from "./workload-w1.ts";

const DAY_MS = 86_400_000;
/** What a counter begins again at 0 behind, as one does when its process starts anew. */
const RESET_AT = 100_000;
const COUNTER_SUFFIX = "_total";
const REPEATS = 3;
/** The bounds that `RollupColumns` promises. */
const SUM_ERROR_MAX = 1e-12;
const QUANTILE_ERROR_MAX = 0.01;

const options = benchOptions({ days: ["30", "3"] });
const days = Number(options.own.days);
const endMs = Math.floor(Date.now() / STEP_MS) * STEP_MS;
const range = { minMs: endMs - days * DAY_MS, maxMs: endMs };
const everything = [createMatcher("=", "job", "w1")];

interface Figures {
  readonly rows: number;
  readonly samples: number;
  readonly timeMs: number;
  /** The largest differences: of what must be exact, of sums by the sum of magnitudes, of quantiles by their value. */
  readonly exactDifference: number;
  readonly sumDifference: number;
  readonly quantileDifference: number;
}

/** One window as the samples themselves have it. */
interface Window {
  startMs: number;
  count: number;
  sum: number;
  magnitude: number;
  min: number;
  max: number;
  first: number;
  last: number;
  increase: number;
  readonly values: number[];
}

/** A hundred series, of one host, at 15 s. */
async function fill(store: EmbeddedStore, kernels: Kernels): Promise<number> {
  const labelSets = w1LabelSets(1);
  const isCounter = labelSets.map(({ __name__: name = "" }) => name.endsWith(COUNTER_SUFFIX));
  const values = w1Values(labelSets.length);
  // They stay: none of them is ever without a sample for an hour.
  const refs = labelSets.map((labels) => store.intern(labelsFrom(labels)));
  const columns = new SampleColumns(kernels, labelSets.length);
  const rounds = (days * DAY_MS) / STEP_MS;
  for (let round = 0; round < rounds; round++) {
    columns.clear();
    const timestampMs = endMs - (rounds - 1 - round) * STEP_MS;
    for (const [at, ref] of refs.entries()) {
      const value = values.next(at);
      columns.push(ref, timestampMs, isCounter[at] === true ? value % RESET_AT : value);
    }
    await store.appendColumns(columns);
    if (round % 1000 !== 999) continue;
    progress(`${round + 1} of ${rounds} rounds`);
    await store.maintain(endMs);
  }
  columns.release();
  // The newest hours stay in memory, as they do: they are read from the samples.
  await store.maintain(endMs);
  await store.rollupBackfill(range);
  endProgress();
  return rounds * labelSets.length;
}

/** The median of a few times, after one that is not counted. */
async function timed(read: () => Promise<void>): Promise<number> {
  const timesMs: number[] = [];
  for (let at = 0; at <= REPEATS; at++) {
    const started = performance.now();
    await read();
    if (at > 0) timesMs.push(performance.now() - started);
  }
  return percentile(timesMs, 50);
}

async function measure(store: EmbeddedStore, tier: RollupTier): Promise<Figures> {
  const { signal } = new AbortController();
  const limits = { samplesMax: Number.POSITIVE_INFINITY, signal };
  let reading = { rows: 0, samples: 0 };
  const timeMs = await timed(async () => {
    reading = { rows: 0, samples: 0 };
    const wanted = { ...limits, tier, reading, quantiles: false };
    for await (const { count } of store.selectRollup(range, everything, wanted))
      if (count.length === 0) throw new Error(`tier ${tier}: a series without rows`);
  });
  if (reading.rows === 0) throw new Error(`tier ${tier} has no rows`);

  // Windows that start in the range, up to now, whole: the samples are read to the end of the last.
  const windowMs = WINDOW_MS[tier];
  const fromMs = Math.ceil(range.minMs / windowMs) * windowMs;
  const samples = store.select({ minMs: fromMs, maxMs: endMs }, everything, limits);
  const rollups = store.selectRollup(range, everything, { ...limits, tier, quantiles: true });
  const worst = { exactDifference: 0, sumDifference: 0, quantileDifference: 0 };
  const source = rollups[Symbol.asyncIterator]();
  for await (const columns of samples) {
    const next = await source.next();
    if (next.done === true) throw new Error(`tier ${tier} lacks a series`);
    differences(windowsOf(columns, windowMs), next.value, worst);
  }
  return { ...reading, timeMs, ...worst };
}

function windowsOf({ timestampsMs, values }: SeriesColumns, windowMs: number): readonly Window[] {
  const windows: Window[] = [];
  let window: Window | undefined;
  let before: number | undefined;
  for (const [at, timestampMs] of timestampsMs.entries()) {
    const value = values[at] as number;
    const startMs = Math.floor(timestampMs / windowMs) * windowMs;
    if (window === undefined || window.startMs !== startMs) {
      window = {
        ...{ startMs, count: 0, sum: 0, magnitude: 0, increase: 0, values: [] },
        ...{ min: value, max: value, first: value, last: value },
      };
      windows.push(window);
    }
    window.count++;
    window.sum += value;
    window.magnitude += Math.abs(value);
    window.min = Math.min(window.min, value);
    window.max = Math.max(window.max, value);
    window.last = value;
    if (before !== undefined) window.increase += value < before ? value : value - before;
    window.values.push(value);
    before = value;
  }
  return windows;
}

function differences(
  windows: readonly Window[],
  rows: RollupColumns,
  worst: { exactDifference: number; sumDifference: number; quantileDifference: number },
): void {
  if (windows.length !== rows.windowsMs.length)
    throw new Error(`${rows.windowsMs.length} rows for ${windows.length} windows`);
  for (const [at, window] of windows.entries()) {
    const exact = [
      [window.startMs, rows.windowsMs[at]],
      [window.count, rows.count[at]],
      [window.min, rows.min[at]],
      [window.max, rows.max[at]],
      [window.first, rows.first[at]],
      [window.last, rows.last[at]],
    ] as const;
    for (const [wanted, found = Number.NaN] of exact)
      worst.exactDifference = greater(worst.exactDifference, Math.abs(wanted - found));
    // The parts of an increase are its steps, none of which is negative.
    const sums = [
      [window.sum, rows.sum[at], window.magnitude],
      [window.increase, rows.increase[at], window.increase],
    ] as const;
    for (const [wanted, found = Number.NaN, magnitude] of sums)
      worst.sumDifference = greater(
        worst.sumDifference,
        Math.abs(wanted - found) / (magnitude || 1),
      );
    const sorted = window.values.toSorted((a, b) => a - b);
    for (const q of [0.5, 0.95, 0.99]) {
      const rank = q * (sorted.length - 1);
      const [lower = 0, upper = 0] = [sorted[Math.floor(rank)], sorted[Math.ceil(rank)]];
      const wanted = lower + (upper - lower) * (rank - Math.floor(rank));
      const off = Math.abs(rows.quantile(q, at, at + 1) - wanted) / (Math.abs(wanted) || 1);
      worst.quantileDifference = greater(worst.quantileDifference, off);
    }
  }
}

/** As `Math.max`, but NaN is greater than all. */
function greater(a: number, b: number): number {
  return Number.isNaN(a) || b <= a ? a : b;
}

const folder = await temporaryFolder("rollups");
try {
  const kernels = await Kernels.load();
  const table = new SeriesTable(kernels, { seed: 1 });
  await using store = await openStore({
    ...{ disk: nodeDisk(folder), clock: systemClock, kernels, table },
    retentionMs: Number.POSITIVE_INFINITY,
  });
  const sampleCount = await fill(store, kernels);
  const { signal } = new AbortController();
  let raw = 0;
  const rawMs = await timed(async () => {
    raw = 0;
    const limits = { samplesMax: Number.POSITIVE_INFINITY, signal };
    for await (const { values } of store.select(range, everything, limits)) raw += values.length;
  });

  const results = new Map<string, readonly Figures[]>();
  const nothing = { exactDifference: 0, sumDifference: 0, quantileDifference: 0 };
  results.set("samples", [{ rows: 0, samples: raw, timeMs: rawMs, ...nothing }]);
  for (const tier of ROLLUP_TIERS) results.set(tier, [await measure(store, tier)]);
  process.stdout.write(`${sampleCount} samples of ${days} days\n`);
  printTable<Figures>(`${days} days from`, results, [
    { title: "rows", digits: 0, of: (f) => f.rows },
    { title: "samples", digits: 0, of: (f) => f.samples },
    { title: "read of all, 1 in", digits: 0, of: (f) => raw / (f.rows + f.samples) },
    { title: "ms", digits: 0, of: (f) => f.timeMs, ratio: true },
    { title: "exact ones off by", digits: 0, of: (f) => f.exactDifference },
    {
      title: "sums off by (1e-12 of parts)",
      digits: 3,
      of: (f) => f.sumDifference / SUM_ERROR_MAX,
    },
    { title: "quantiles off by %", digits: 3, of: (f) => f.quantileDifference * 100 },
  ]);
  const bad = [...results.values()].flat().some(
    (f) =>
      // NaN is bad, too.
      !(f.exactDifference === 0) ||
      !(f.sumDifference <= SUM_ERROR_MAX) ||
      !(f.quantileDifference <= QUANTILE_ERROR_MAX),
  );
  process.stdout.write(bad ? "\nBAD  outside the bounds\n" : "\nAll within the bounds.\n");
  if (bad) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
