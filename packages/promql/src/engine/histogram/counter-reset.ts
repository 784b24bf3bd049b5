import type { NativeHistogram } from "@pharos/base";
import { type BucketSide, SIGNS, sameNumbers } from "./bucket-side.ts";
import {
  commonLayout,
  coversBuckets,
  sameLayout,
  settledZeroThreshold,
  uncoveredSide,
  usesCustomBounds,
  zeroCountWithin,
} from "./layout.ts";

/**
 * Whether counts were reset between two histograms of a series: the later one says so, or does not deny it and counts
 * less somewhere, or has a layout that it cannot have without a reset (a finer schema, a narrower zero bucket).
 */
export function detectReset(current: NativeHistogram, previous: NativeHistogram): boolean {
  if (current.counterReset === "reset") return true;
  if (current.counterReset === "none") return false;
  if (current.count < previous.count) return true;
  if (sameLayout(current, previous) && !coversBuckets(current))
    return (
      current.zeroCount < previous.zeroCount ||
      anyLess(current.positiveCounts, previous.positiveCounts) ||
      anyLess(current.negativeCounts, previous.negativeCounts)
    );
  if (usesCustomBounds(current)) {
    if (!usesCustomBounds(previous)) return true;
    if (!sameNumbers(current.customBounds, previous.customBounds))
      return countsLess(current, previous, commonLayout(current, previous));
  }
  if (current.schema > previous.schema) return true;
  if (current.zeroThreshold < previous.zeroThreshold) return true;
  const { zeroThreshold } = current;
  // A zero bucket only grows to the end of a bucket that holds something.
  if (settledZeroThreshold(previous, zeroThreshold) !== zeroThreshold) return true;
  if (current.zeroCount < zeroCountWithin(previous, zeroThreshold)) return true;
  return countsLess(current, previous, current);
}

function anyLess(current: readonly number[], previous: readonly number[]): boolean {
  for (let i = 0; i < current.length; i++)
    if ((current[i] as number) < (previous[i] as number)) return true;
  return false;
}

function countsLess(
  current: NativeHistogram,
  previous: NativeHistogram,
  resolution: Parameters<typeof uncoveredSide>[2],
): boolean {
  return SIGNS.some((sign) =>
    sideCountsLess(
      uncoveredSide(current, sign, resolution),
      uncoveredSide(previous, sign, resolution),
    ),
  );
}

function sideCountsLess(current: BucketSide, previous: BucketSide): boolean {
  let at = 0;
  for (let i = 0; i < previous.indices.length; i++) {
    const index = previous.indices[i] as number;
    const count = previous.counts[i] as number;
    while (at < current.indices.length && (current.indices[at] as number) < index) at++;
    const isMissing = current.indices[at] !== index;
    if (isMissing ? count !== 0 : (current.counts[at] as number) < count) return true;
  }
  return false;
}
