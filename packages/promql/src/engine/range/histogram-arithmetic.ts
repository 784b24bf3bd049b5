import type { NativeHistogram } from "@pharos/base";
import type { HistogramOperation } from "../annotations.ts";
import { addHistograms, type HistogramSum, subtractHistograms } from "../histogram/arithmetic.ts";
import type { RangeNotes } from "./range-notes.ts";

// Sums and differences of the histograms of one window, with what is to be said of them. That one says that there was a
// reset and the other that there was none is not: functions of range vectors look for resets themselves.

/** Undefined, and a warning, where the two cannot be added up. */
export function plus(
  a: NativeHistogram,
  b: NativeHistogram,
  notes: RangeNotes,
): NativeHistogram | undefined {
  return settled(addHistograms(a, b), "addition", notes);
}

/** As `plus`. */
export function minus(
  a: NativeHistogram,
  b: NativeHistogram,
  notes: RangeNotes,
): NativeHistogram | undefined {
  return settled(subtractHistograms(a, b), "subtraction", notes);
}

function settled(
  sum: HistogramSum,
  operation: HistogramOperation,
  notes: RangeNotes,
): NativeHistogram | undefined {
  if (sum.error !== undefined) {
    notes.mixedSchemas();
    return undefined;
  }
  if (sum.nhcbBoundsReconciled) notes.boundsReconciled(operation);
  return sum.histogram;
}
