import type { Extent } from "../../syntax/ast.ts";
import type { RateKind } from "../rate.ts";
import type { RawSamples, StepColumn, Windows } from "../windows.ts";
import { anchorOf, lastWithin } from "./extent.ts";

/**
 * rate, increase and delta with `anchored` or `smoothed`: the difference between what the series is at the window's end
 * and at its start, where it is taken from the sample before (`anchored`) or interpolated (`smoothed`), not extrapolated.
 */
export function extendedRate(
  { isCounter, perSecond }: RateKind,
  extent: Extent,
): (raw: RawSamples, windows: Windows, timesMs: Float64Array, out: StepColumn) => void {
  return ({ timestampsMs, values }, { count, rangeMs, endsMs, from, to }, _, out) => {
    for (let i = 0; i < count; i++) {
      const endMs = endsMs[i] as number;
      const startMs = endMs - rangeMs;
      const low = from[i] as number;
      const high = to[i] as number;
      if (low === high) continue;
      const first = anchorOf(timestampsMs, low, high, startMs);
      if (first === high) continue;
      const last = lastWithin(timestampsMs, low, high, endMs, extent);
      const firstMs = timestampsMs[first] as number;
      const lastMs = timestampsMs[last] as number;
      if (firstMs > endMs || lastMs <= startMs) continue;
      const isSmoothed = extent === "smoothed";
      const at = (index: number, timeMs: number): number =>
        interpolate(timestampsMs, values, index, timeMs, isCounter);
      const left = isSmoothed && firstMs < startMs ? at(first, startMs) : (values[first] as number);
      const right =
        isSmoothed && last > low && lastMs > endMs ? at(last - 1, endMs) : (values[last] as number);
      let result = right - left;
      if (isCounter) {
        // A reset between a sample outside and the edge is dealt with by the interpolation.
        const inner = firstMs <= startMs ? first + 1 : first;
        const innerEnd = lastMs >= endMs ? last : last + 1;
        let previous = left;
        for (let j = inner; j < innerEnd; j++) {
          const value = values[j] as number;
          if (value < previous) result += previous;
          previous = value;
        }
        if (right < previous) result += previous;
      }
      out.values[i] = perSecond ? result / (rangeMs / 1000) : result;
      out.present[i] = 1;
    }
  };
}

/** The value at a time between sample `at` and the one after it. A counter that goes down between them began at 0. */
export function interpolate(
  timestampsMs: Float64Array,
  values: Float64Array,
  at: number,
  timeMs: number,
  isCounter: boolean,
): number {
  const fromMs = timestampsMs[at] as number;
  const toMs = timestampsMs[at + 1] as number;
  const to = values[at + 1] as number;
  let from = values[at] as number;
  if (isCounter && to < from) from = 0;
  return from + ((to - from) * (timeMs - fromMs)) / (toMs - fromMs);
}
