import { NO_LABELS } from "@pharos/base";
import type { HistogramColumn, SeriesColumns } from "@pharos/ports";
import type { VectorSelector } from "../syntax/ast.ts";
import { collect } from "./collect.ts";
import type { Sink } from "./evaluator.ts";
import { KernelLookup, type Looks } from "./kernel-lookup.ts";
import type { QueryContext } from "./query-context.ts";
import { type Reading, readSeries, shiftedRange } from "./read-series.ts";
import { openSmoothedSelector } from "./smoothed-selector.ts";
import {
  emptySeries,
  FLOAT,
  type Grid,
  HISTOGRAM_WORK,
  hasAny,
  NONE,
  putHistogram,
  type StepSeries,
} from "./step-series.ts";
import type { StepColumn } from "./windows.ts";

/** What of the sample found: its value (or the histogram it is), its time, or when its counter began, in seconds. */
export type Give = "value" | "timestamp" | "start";

/** Steps that are looked at in one go: a millisecond or two. */
const STEPS_PER_TURN = 2 ** 18;
/** Bytes a step of the columns in which series are given. */
const STEP_SIZE = 9;

/** Gives an instant vector selector's series one by one: at each step the sample found. */
export function streamSelector(
  selector: VectorSelector,
  grid: Grid,
  context: QueryContext,
  give: Give,
  sink: Sink,
): Promise<void> {
  return readSeries(context, [openSelector(selector, grid, context, give, sink)]);
}

/** What `streamSelector` does with the series that it reads. */
export function openSelector(
  selector: VectorSelector,
  grid: Grid,
  context: QueryContext,
  give: Give,
  taker: Sink,
): Reading {
  const sink = context.sampleCounts?.counting(grid, taker) ?? taker;
  if (give === "value" && selector.extent === "smoothed")
    return openSmoothedSelector(selector, grid, context, sink);
  const { firstMs, lastMs } = shiftedRange(context, selector, grid);
  const { lookbackMs } = context;
  const stepMs = selector.at === undefined ? grid.stepMs : 0;
  const looks = { count: grid.count, firstMs, stepMs, lookbackMs };
  const fast = give === "start" ? undefined : KernelLookup.open(context.kernels, looks);
  const reserved = context.reserve(grid.count * STEP_SIZE);
  const out = emptySeries(NO_LABELS, give !== "value", grid.count);
  const finish = (columns: SeriesColumns): ReturnType<Sink> => {
    out.histograms = undefined;
    if (columns.histograms !== undefined)
      lookUpHistograms(columns, columns.histograms, looks, give, out);
    return hasAny(out.present) ? sink({ ...out, labels: columns.labels }) : undefined;
  };
  return {
    selector,
    needed: { afterMs: firstMs - lookbackMs, maxMs: lastMs, starts: give === "start" },
    take(columns) {
      const { labels } = columns;
      context.worked(grid.count * (columns.histograms === undefined ? 1 : HISTOGRAM_WORK));
      if (fast !== undefined && give !== "start" && columns.histograms === undefined) {
        const found = fast.find(columns, give);
        if (found === "none") return undefined;
        if (found !== undefined) {
          const { values, present } = found;
          return sink({ labels, dropName: out.dropName, values, present });
        }
      }
      if (grid.count <= STEPS_PER_TURN) {
        lookUp(columns, looks, give, out, { step: 0, next: 0 });
        return finish(columns);
      }
      return lookUpInTurns(columns, looks, give, out, context).then(() => finish(columns));
    },
    end() {
      reserved[Symbol.dispose]();
      fast?.[Symbol.dispose]();
    },
  };
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

/** How far a look at the steps of a series has come: the next step, and the first sample after the one before. */
interface LookPosition {
  step: number;
  next: number;
}

async function lookUpInTurns(
  columns: SeriesColumns,
  looks: Looks,
  give: Give,
  out: StepColumn,
  context: QueryContext,
): Promise<void> {
  const position = { step: 0, next: 0 };
  while (position.step < looks.count) {
    lookUp(columns, looks, give, out, position);
    if (context.isTurnOver()) await context.pause();
  }
}

/**
 * For each step the last float at or before it, if that is younger than the lookback and no staleness marker. Goes on from
 * a position for so many steps as are done in one go.
 */
function lookUp(
  { timestampsMs, values, stale, startsMs }: SeriesColumns,
  looks: Looks,
  give: Give,
  out: StepColumn,
  position: LookPosition,
): void {
  const { length } = timestampsMs;
  const end = Math.min(looks.count, position.step + STEPS_PER_TURN);
  let { next } = position;
  for (let i = position.step; i < end; i++) {
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
    if (give === "value") out.values[i] = values[at] as number;
    else if (give === "timestamp") out.values[i] = (timestampsMs[at] as number) / 1000;
    else out.values[i] = startSeconds(startsMs, at);
    out.present[i] = FLOAT;
  }
  position.step = end;
  position.next = next;
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
      out.values[i] = give === "start" ? startSeconds(column.startsMs, at) : foundMs / 1000;
      out.present[i] = FLOAT;
    }
  }
}

/** When a sample's counter began, in seconds; 0 where that is not known. */
function startSeconds(startsMs: Float64Array | undefined, at: number): number {
  const startMs = startsMs?.[at] ?? Number.NaN;
  return Number.isNaN(startMs) ? 0 : startMs / 1000;
}
