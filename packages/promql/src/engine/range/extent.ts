import { OperatingError } from "@pharos/base";
import type { Extent } from "../../syntax/ast.ts";
import { extentProblem } from "../../syntax/functions.ts";

/** @throws OperatingError `query.failed` for a function that has no meaning for windows that reach beyond their range. */
export function checkExtent(func: string, extent: Extent): void {
  const problem = extentProblem(func, extent);
  if (problem !== undefined) throw new OperatingError("query.failed", problem);
}

/** How far windows reach beyond their range: as far as a selector looks back. */
export function reachOf(
  extent: Extent | undefined,
  lookbackMs: number,
): { beforeMs: number; afterMs: number } {
  return {
    beforeMs: extent === undefined ? 0 : lookbackMs,
    afterMs: extent === "smoothed" ? lookbackMs : 0,
  };
}

/**
 * The sample that stands for the value at a window's start: the last one at or before it, else the first one after it.
 * `low` to `high` are the samples within reach. `high` where none is after the start, so that there is nothing to
 * measure.
 */
export function anchorOf(
  timestampsMs: Float64Array,
  low: number,
  high: number,
  startMs: number,
): number {
  const next = firstAfter(timestampsMs, low, high, startMs);
  return next === high ? high : Math.max(low, next - 1);
}

/** The first sample after a time, among `low` to `high`; `high` if there is none. */
export function firstAfter(
  timestampsMs: Float64Array,
  low: number,
  high: number,
  timeMs: number,
): number {
  let from = low;
  let to = high;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((timestampsMs[middle] as number) > timeMs) to = middle;
    else from = middle + 1;
  }
  return from;
}

/**
 * The sample that stands for the value at a window's end: with `smoothed` the first one that is not before it, or the
 * last there is; else the last.
 */
export function lastWithin(
  timestampsMs: Float64Array,
  low: number,
  high: number,
  endMs: number,
  extent: Extent,
): number {
  if (extent === "anchored") return high - 1;
  let at = high - 1;
  while (at > low && (timestampsMs[at - 1] as number) >= endMs) at--;
  return at;
}
