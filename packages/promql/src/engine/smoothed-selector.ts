import { NO_LABELS } from "@pharos/base";
import type { SeriesColumns } from "@pharos/ports";
import type { VectorSelector } from "../syntax/ast.ts";
import type { Sink } from "./evaluator.ts";
import type { QueryContext } from "./query-context.ts";
import { interpolateHistogram } from "./range/extended-histogram-rate.ts";
import { interpolate } from "./range/extended-rate.ts";
import { firstAfter } from "./range/extent.ts";
import { RangeNotes } from "./range/range-notes.ts";
import { createScratch, withoutStale } from "./raw-samples.ts";
import { type Reading, shiftedRange } from "./read-series.ts";
import {
  emptySeries,
  FLOAT,
  type Grid,
  hasSamples,
  NONE,
  putHistogram,
  type StepSeries,
} from "./step-series.ts";
import {
  createWindows,
  moveWindows,
  type RawHistograms,
  type RawSamples,
  sameWindows,
} from "./windows.ts";

/**
 * What gives the series of an instant vector selector that is `smoothed`: at each step the value between the sample before and
 * the one after it, by time; after the last one its value, as far as the lookback. Staleness markers do not count.
 */
export function openSmoothedSelector(
  selector: VectorSelector,
  grid: Grid,
  context: QueryContext,
  sink: Sink,
): Reading {
  const { firstMs, lastMs } = shiftedRange(context, selector, grid);
  const { lookbackMs } = context;
  const stepMs = selector.at === undefined ? grid.stepMs : 0;
  const windows = createWindows(grid.count, lookbackMs, firstMs, stepMs, { afterMs: lookbackMs });
  const histogramWindows = sameWindows(windows);
  const notes = new RangeNotes(context.annotations, selector.span);
  const scratch = createScratch();
  const out = emptySeries(NO_LABELS, false, grid.count);
  const needed = { afterMs: firstMs - lookbackMs, maxMs: lastMs + lookbackMs };
  const take = (columns: SeriesColumns): ReturnType<Sink> => {
    const raw = withoutStale(columns, scratch);
    moveWindows(windows, raw);
    if (raw.histograms !== undefined) moveWindows(histogramWindows, raw.histograms);
    notes.about(columns.labels);
    out.present.fill(NONE);
    out.histograms = undefined;
    for (let i = 0; i < grid.count; i++) {
      const low = windows.from[i] as number;
      const high = windows.to[i] as number;
      const timeMs = windows.endsMs[i] as number;
      if (raw.histograms === undefined) smoothFloats(raw, low, high, timeMs, out, i);
      else {
        const first = histogramWindows.from[i] as number;
        const end = histogramWindows.to[i] as number;
        if (first === end) smoothFloats(raw, low, high, timeMs, out, i);
        else if (low < high) notes.mixedFloatsAndHistograms();
        else smoothHistograms(raw.histograms, first, end, timeMs, out, i, notes);
      }
    }
    return hasSamples(out) ? sink({ ...out, labels: columns.labels }) : undefined;
  };
  return { selector, needed, take };
}

/** The last of samples `low` to `high` that is not after a time; undefined if there is none. */
function lastUpTo(
  timestampsMs: Float64Array,
  low: number,
  high: number,
  timeMs: number,
): number | undefined {
  const next = firstAfter(timestampsMs, low, high, timeMs);
  return next === low ? undefined : next - 1;
}

function smoothFloats(
  { timestampsMs, values }: RawSamples,
  low: number,
  high: number,
  timeMs: number,
  out: StepSeries,
  step: number,
): void {
  const at = lastUpTo(timestampsMs, low, high, timeMs);
  if (at === undefined) return;
  out.present[step] = FLOAT;
  out.values[step] =
    timestampsMs[at] === timeMs || at + 1 === high
      ? (values[at] as number)
      : interpolate(timestampsMs, values, at, timeMs, false);
}

function smoothHistograms(
  raw: RawHistograms,
  first: number,
  end: number,
  timeMs: number,
  out: StepSeries,
  step: number,
  notes: RangeNotes,
): void {
  const at = lastUpTo(raw.timestampsMs, first, end, timeMs);
  if (at === undefined) return;
  const histogram =
    at + 1 === end ? raw.histograms[at] : interpolateHistogram(raw, at, timeMs, false, notes);
  if (histogram !== undefined) putHistogram(out, step, histogram);
}
