import { assert } from "@pharos/base";
import type { Extent } from "../../syntax/ast.ts";
import { HistogramAccumulator } from "../histogram/accumulator.ts";
import type { RateKind } from "../rate.ts";
import { extendedHistogramRate } from "./extended-histogram-rate.ts";
import { histogramRate, instantHistogramRate } from "./histogram-rate.ts";
import type { RangeNotes } from "./range-notes.ts";
import { countMixedTurns } from "./sample-sequence.ts";
import type { SampleWindow } from "./sample-window.ts";

/**
 * What a range function gives for a window with at least one histogram, maybe floats beside it. When it is called, the
 * window has what the function gives for its floats alone.
 */
export type MixedFunction = (window: SampleWindow) => void;

export function createMixedFunction(
  func: string,
  extent: Extent | undefined,
  notes: RangeNotes,
): MixedFunction {
  switch (func) {
    case "rate":
      return rateFunction({ isCounter: true, perSecond: true }, extent, notes);
    case "increase":
      return rateFunction({ isCounter: true, perSecond: false }, extent, notes);
    case "delta":
      return rateFunction({ isCounter: false, perSecond: false }, extent, notes);
    case "irate":
      return (window) => giveInstantRate(window, true, notes);
    case "idelta":
      return (window) => giveInstantRate(window, false, notes);
    case "sum_over_time":
      return (window) => giveAccumulated(window, "sum", notes);
    case "avg_over_time":
      return (window) => giveAccumulated(window, "average", notes);
    case "count_over_time":
      return (window) => window.give(window.floatCount + window.histogramCount);
    case "present_over_time":
    case "absent_over_time":
      return (window) => window.give(1);
    case "first_over_time":
      return (window) => {
        if (!isFloatFirst(window)) window.giveHistogram(window.histogram(window.first));
      };
    case "last_over_time":
      return (window) => {
        if (!isFloatLast(window)) window.giveHistogram(window.histogram(window.end - 1));
      };
    case "ts_of_first_over_time":
      return (window) => {
        if (!isFloatFirst(window)) window.give(window.histogramMs(window.first) / 1000);
      };
    case "ts_of_last_over_time":
      return (window) => {
        if (!isFloatLast(window)) window.give(window.histogramMs(window.end - 1) / 1000);
      };
    case "changes":
    case "resets":
      return (window) => countMixedTurns(window, func, extent);
    default:
      // The others see floats only.
      return ({ floatCount }) => {
        if (floatCount > 0) notes.histogramsIgnored();
      };
  }
}

function rateFunction(
  kind: RateKind,
  extent: Extent | undefined,
  notes: RangeNotes,
): MixedFunction {
  return (window) => {
    window.giveNothing();
    if (window.floatCount > 0) {
      notes.mixedFloatsAndHistograms();
      return;
    }
    const rate =
      extent === undefined
        ? histogramRate(window, kind, notes)
        : extendedHistogramRate(window, kind, extent, notes);
    if (rate !== undefined) window.giveHistogram(rate);
  };
}

/** irate and idelta, of the last two samples where these are histograms. */
function giveInstantRate(window: SampleWindow, isCounter: boolean, notes: RangeNotes): void {
  const { floatCount, histogramCount, high, end, floats } = window;
  if (floatCount + histogramCount < 2) return;
  const floatMs = (back: number): number =>
    floatCount < back ? Number.NEGATIVE_INFINITY : (floats.timestampsMs[high - back] as number);
  const histogramMs = (back: number): number =>
    histogramCount < back ? Number.NEGATIVE_INFINITY : window.histogramMs(end - back);
  // Both are floats: what was computed of the floats alone holds.
  if (floatMs(2) > histogramMs(1)) return;
  window.giveNothing();
  if (histogramMs(2) <= floatMs(1)) {
    notes.mixedFloatsAndHistograms();
    return;
  }
  const rate = instantHistogramRate(window, end - 1, isCounter, notes);
  if (rate !== undefined) window.giveHistogram(rate);
}

function giveAccumulated(
  window: SampleWindow,
  purpose: "sum" | "average",
  notes: RangeNotes,
): void {
  window.giveNothing();
  if (window.floatCount > 0) {
    notes.mixedFloatsAndHistograms();
    return;
  }
  const accumulator = new HistogramAccumulator(purpose);
  for (let i = window.first; i < window.end; i++) accumulator.add(window.histogram(i));
  if (accumulator.isIncompatible) {
    notes.mixedSchemas();
    return;
  }
  if (accumulator.counterResetCollision) notes.resetCollision("aggregation");
  if (accumulator.nhcbBoundsReconciled) notes.boundsReconciled("aggregation");
  const result = accumulator.result();
  assert(result !== undefined, "a window of histograms has a sum");
  window.giveHistogram(result);
}

function isFloatFirst({ floatCount, low, floats, histograms, first }: SampleWindow): boolean {
  if (floatCount === 0) return false;
  return (floats.timestampsMs[low] as number) < (histograms.timestampsMs[first] as number);
}

function isFloatLast({ floatCount, high, floats, histograms, end }: SampleWindow): boolean {
  if (floatCount === 0) return false;
  return (floats.timestampsMs[high - 1] as number) > (histograms.timestampsMs[end - 1] as number);
}
