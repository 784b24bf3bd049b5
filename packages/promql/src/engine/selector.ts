import { NO_LABELS } from "@pharos/base";
import type { HistogramColumn, SeriesColumns } from "@pharos/ports";
import type { VectorSelector } from "../syntax/ast.ts";
import type { Sink } from "./evaluator.ts";
import type { QueryContext } from "./query-context.ts";
import {
  ColumnCopier,
  emptySeries,
  FLOAT,
  type Grid,
  gridEndMs,
  hasAny,
  NONE,
  putHistogram,
  type StepSeries,
} from "./step-series.ts";
import type { StepColumn } from "./windows.ts";

/** What of the sample found: its value (or the histogram it is), or its time in seconds. */
export type Give = "value" | "timestamp";

/** Where a selector looks at each step of a grid. */
interface Looks {
  /** Where the first step looks, and how far the next one is from there: 0 under `@`. */
  readonly firstMs: number;
  readonly stepMs: number;
  readonly lookbackMs: number;
}

/** Gives an instant vector selector's series one by one: at each step the sample found. */
export async function streamSelector(
  selector: VectorSelector,
  grid: Grid,
  context: QueryContext,
  give: Give,
  sink: Sink,
): Promise<void> {
  const { firstMs, lastMs } = shiftedRange(context, selector, grid);
  const { lookbackMs } = context;
  const looks = { firstMs, stepMs: selector.at === undefined ? grid.stepMs : 0, lookbackMs };
  const out = emptySeries(NO_LABELS, give === "timestamp", grid.count);
  await readSeries(
    context,
    selector,
    { afterMs: firstMs - lookbackMs, maxMs: lastMs },
    (columns) => {
      let any = lookUp(columns, looks, give, out);
      out.histograms = undefined;
      if (columns.histograms !== undefined) {
        lookUpHistograms(columns, columns.histograms, looks, give, out);
        any = hasAny(out.present);
      }
      return any ? sink({ ...out, labels: columns.labels }) : undefined;
    },
  );
}

/** As `streamSelector`, but keeps them all. */
export function collectSelector(
  selector: VectorSelector,
  grid: Grid,
  context: QueryContext,
  give: Give,
): Promise<StepSeries[]> {
  return collect(grid, context, (sink) => streamSelector(selector, grid, context, give, sink));
}

/** Runs a stream and keeps a copy of all it gives. */
export async function collect(
  grid: Grid,
  context: QueryContext,
  stream: (sink: Sink) => Promise<void>,
): Promise<StepSeries[]> {
  const list: StepSeries[] = [];
  const copier = new ColumnCopier(grid.count);
  await stream((series) => {
    context.hold(grid.count);
    list.push(copier.copy(series));
  });
  return list;
}

/** Which samples of a selector are needed: those in (`afterMs`, `maxMs`]. */
export interface NeededSamples {
  readonly afterMs: number;
  readonly maxMs: number;
  /** Whether when their counters began, too. */
  readonly starts?: boolean;
}

/**
 * Shows the selector's series with the samples needed; also one at `afterMs` may be among them. Counts what is read,
 * takes turns with others, and keeps nothing.
 */
export async function readSeries(
  context: QueryContext,
  selector: VectorSelector,
  { afterMs, maxMs, starts = false }: NeededSamples,
  show: (columns: SeriesColumns) => Promise<void> | undefined | void,
): Promise<void> {
  const selection = context.store.select({ minMs: afterMs, maxMs }, selector.matchers, {
    // The limit is on what a query holds at once, not on what passes through it.
    samplesMax: Number.POSITIVE_INFINITY,
    signal: context.signal,
    warn: (warning) => context.annotations.incomplete(warning),
    histograms: true,
    starts,
  });
  for await (const columns of selection) {
    const length = columns.timestampsMs.length + (columns.histograms?.timestampsMs.length ?? 0);
    context.countSeries(length);
    context.hold(length);
    const busy = show(columns);
    if (busy !== undefined) await busy;
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
 * For each step the last float at or before it, if that is younger than the lookback and no staleness marker. Answers
 * whether there is any.
 */
function lookUp(
  { timestampsMs, values, stale }: SeriesColumns,
  looks: Looks,
  give: Give,
  out: StepColumn,
): boolean {
  const { length } = timestampsMs;
  const count = out.values.length;
  let any = false;
  let next = 0;
  for (let i = 0; i < count; i++) {
    const timeMs = looks.firstMs + i * looks.stepMs;
    while (next < length && (timestampsMs[next] as number) <= timeMs) next++;
    const at = next - 1;
    if (
      at < 0 ||
      (timestampsMs[at] as number) <= timeMs - looks.lookbackMs ||
      (stale !== null && stale[at] === 1)
    ) {
      out.present[i] = NONE;
      continue;
    }
    out.values[i] = give === "value" ? (values[at] as number) : (timestampsMs[at] as number) / 1000;
    out.present[i] = FLOAT;
    any = true;
  }
  return any;
}

/** Puts the last histogram where that is the series' last sample, after `lookUp` has dealt with the floats. */
function lookUpHistograms(
  { timestampsMs: floatsMs }: SeriesColumns,
  column: HistogramColumn,
  looks: Looks,
  give: Give,
  out: StepSeries,
): void {
  const { timestampsMs } = column;
  let nextFloat = 0;
  let next = 0;
  let decodedAt = -1;
  let decoded = undefined as ReturnType<HistogramColumn["at"]> | undefined;
  for (let i = 0; i < out.present.length; i++) {
    const timeMs = looks.firstMs + i * looks.stepMs;
    while (nextFloat < floatsMs.length && (floatsMs[nextFloat] as number) <= timeMs) nextFloat++;
    while (next < timestampsMs.length && (timestampsMs[next] as number) <= timeMs) next++;
    const at = next - 1;
    if (at < 0) continue;
    const foundMs = timestampsMs[at] as number;
    if (foundMs <= timeMs - looks.lookbackMs) continue;
    if (nextFloat > 0 && (floatsMs[nextFloat - 1] as number) >= foundMs) continue;
    // Several steps mostly find the same one.
    if (decodedAt !== at || decoded === undefined) {
      decoded = column.at(at);
      decodedAt = at;
    }
    if (decoded.stale) out.present[i] = NONE;
    else if (give === "value") putHistogram(out, i, decoded);
    else {
      out.values[i] = foundMs / 1000;
      out.present[i] = FLOAT;
    }
  }
}
