import { type Labels, NO_LABELS } from "@pharos/base";
import type { SelectOptions, SeriesColumns } from "@pharos/ports";
import type { VectorSelector } from "../syntax/ast.ts";
import type { QueryContext } from "./query-context.ts";
import { emptySeries, type Grid, gridEndMs, type StepSeries } from "./step-series.ts";
import type { RawSamples, StepColumn } from "./windows.ts";

/** Takes one series of a result; its columns are overwritten when the next one comes. */
export type Sink = (series: StepSeries) => void;

/**
 * Gives an instant vector selector's series one by one: at each step the sample found, or its time in seconds.
 */
export async function streamSelector(
  selector: VectorSelector,
  grid: Grid,
  context: QueryContext,
  give: "value" | "timestamp",
  sink: Sink,
): Promise<void> {
  const { firstMs, lastMs } = shiftedRange(context, selector, grid);
  const { lookbackMs } = context;
  const times = { firstMs, stepMs: selector.at === undefined ? grid.stepMs : 0, lookbackMs };
  const { values, present } = emptySeries(NO_LABELS, false, grid.count);
  const out = { values, present };
  await readSeries(context, selector, firstMs - lookbackMs, lastMs, (columns) => {
    if (lookUp(columns, times, give, out))
      sink({ labels: columns.labels, dropName: give === "timestamp", values, present });
  });
}

/**
 * Shows the selector's series with their samples in (`afterMs`, `maxMs`]; also the sample at `afterMs` may be among
 * them. Counts what is read, takes turns with others, and keeps nothing.
 */
export async function readSeries(
  context: QueryContext,
  selector: VectorSelector,
  afterMs: number,
  maxMs: number,
  show: (columns: SeriesColumns) => void,
  wishes: Pick<SelectOptions, "histograms"> = {},
): Promise<void> {
  const selection = context.store.select({ minMs: afterMs, maxMs }, selector.matchers, {
    // The limit is on what a query holds at once, not on what passes through it.
    samplesMax: Number.POSITIVE_INFINITY,
    signal: context.signal,
    warn: (warning) => context.annotations.incomplete(warning),
    ...wishes,
  });
  for await (const columns of selection) {
    const length = columns.timestampsMs.length + (columns.histograms?.timestampsMs.length ?? 0);
    context.samplesRead += length;
    context.seriesRead++;
    context.hold(length);
    show(columns);
    context.release(length);
    if (context.tick()) await context.pause();
  }
}

/** The first and last times that a vector selector looks at on a grid, before lookback. */
export function shiftedRange(
  context: QueryContext,
  selector: VectorSelector,
  grid: Grid,
): { firstMs: number; lastMs: number } {
  return {
    firstMs: context.shiftedMs(selector, grid.startMs),
    lastMs: context.shiftedMs(selector, gridEndMs(grid)),
  };
}

/**
 * For each step the last sample at or before it, if that is younger than the lookback and no staleness marker.
 * `firstMs` is the time of the first step, `stepMs` the distance (0 under `@`). `give` picks the value, or the time in
 * seconds. Answers whether there is any.
 */
function lookUp(
  { timestampsMs, values, stale }: SeriesColumns,
  times: { readonly firstMs: number; readonly stepMs: number; readonly lookbackMs: number },
  give: "value" | "timestamp",
  out: StepColumn,
): boolean {
  const { length } = timestampsMs;
  const count = out.values.length;
  let any = false;
  let next = 0;
  for (let i = 0; i < count; i++) {
    const timeMs = times.firstMs + i * times.stepMs;
    while (next < length && (timestampsMs[next] as number) <= timeMs) next++;
    const at = next - 1;
    if (
      at < 0 ||
      (timestampsMs[at] as number) <= timeMs - times.lookbackMs ||
      (stale !== null && stale[at] === 1)
    ) {
      out.present[i] = 0;
      continue;
    }
    out.values[i] = give === "value" ? (values[at] as number) : (timestampsMs[at] as number) / 1000;
    out.present[i] = 1;
    any = true;
  }
  return any;
}

/** The samples without staleness markers, in `scratch` where there are any, else the store's own arrays. */
export function withoutStale(
  { timestampsMs, values, stale }: SeriesColumns,
  scratch: RawSamples,
): RawSamples {
  const { length } = timestampsMs;
  if (stale === null) return { timestampsMs, values, length };
  reserve(scratch, length);
  let kept = 0;
  for (let i = 0; i < length; i++) {
    if (stale[i] === 1) continue;
    scratch.timestampsMs[kept] = timestampsMs[i] as number;
    scratch.values[kept] = values[i] as number;
    kept++;
  }
  scratch.length = kept;
  return scratch;
}

export function createScratch(): RawSamples {
  return { timestampsMs: new Float64Array(0), values: new Float64Array(0), length: 0 };
}

export function reserve(scratch: RawSamples, length: number): void {
  if (scratch.values.length >= length) return;
  scratch.timestampsMs = new Float64Array(length * 2);
  scratch.values = new Float64Array(length * 2);
}

/** A range selector's result at one time: samples as they are. */
export interface SampleRun {
  readonly labels: Labels;
  readonly dropName: boolean;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
}
