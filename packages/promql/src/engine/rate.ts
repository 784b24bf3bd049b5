import { extrapolationFactor, startedFactor } from "./range/extrapolation.ts";
import type { RangeNotes } from "./range/range-notes.ts";
import { beginsAnew, startOverlaps } from "./range/start-times.ts";
import { roomFor } from "./raw-samples.ts";
import type { RawSamples, StepColumn, Windows } from "./windows.ts";

/** What of a difference is wanted. */
export interface RateKind {
  /** Whether values that go down are resets: rate, increase and irate. */
  readonly isCounter: boolean;
  readonly perSecond: boolean;
}

type Kernel = (raw: RawSamples, windows: Windows, timesMs: Float64Array, out: StepColumn) => void;

/**
 * rate, increase and delta: the difference between the last and the first sample of a window, counter resets added
 * back, and extrapolated to the window's ends, but for a counter never to before it was 0.
 */
export function extrapolatedRate(kind: RateKind, notes: RangeNotes): Kernel {
  const plain = plainRate(kind);
  const started = startedRate(kind.perSecond, notes);
  return (raw, windows, timesMs, out) => {
    if (kind.isCounter && raw.startsMs !== undefined) started(raw, raw.startsMs, windows, out);
    else plain(raw, windows, timesMs, out);
  };
}

function plainRate({ isCounter, perSecond }: RateKind): Kernel {
  let resetsBefore = new Int32Array(64);
  return (raw, windows, _, out) => {
    const { timestampsMs, values, length } = raw;
    const { count, rangeMs, endsMs, from, to } = windows;
    // Counts of resets up to each sample, so that a window without one (nearly all) need not be walked.
    let hasResets = false;
    if (isCounter) {
      for (let i = 1; i < length && !hasResets; i++)
        hasResets = (values[i] as number) < (values[i - 1] as number);
      if (hasResets) {
        if (resetsBefore.length < length)
          resetsBefore = new Int32Array(roomFor(length, resetsBefore.length));
        resetsBefore[0] = 0;
        for (let i = 1; i < length; i++)
          resetsBefore[i] =
            (resetsBefore[i - 1] as number) +
            ((values[i] as number) < (values[i - 1] as number) ? 1 : 0);
      }
    }
    for (let i = 0; i < count; i++) {
      const low = from[i] as number;
      const last = (to[i] as number) - 1;
      if (last <= low) continue;
      const firstValue = values[low] as number;
      let result = (values[last] as number) - firstValue;
      if (hasResets && resetsBefore[last] !== resetsBefore[low])
        for (let j = low + 1; j <= last; j++) {
          const previous = values[j - 1] as number;
          if ((values[j] as number) < previous) result += previous;
        }
      const firstMs = timestampsMs[low] as number;
      const lastMs = timestampsMs[last] as number;
      const endMs = endsMs[i] as number;
      const sampled = (lastMs - firstMs) / 1000;
      let factor = extrapolationFactor(
        sampled,
        sampled / (last - low),
        (firstMs - (endMs - rangeMs)) / 1000,
        (endMs - lastMs) / 1000,
        isCounter && result > 0 && firstValue >= 0
          ? sampled * (firstValue / result)
          : Number.POSITIVE_INFINITY,
      );
      if (perSecond) factor /= rangeMs / 1000;
      out.values[i] = result * factor;
      out.present[i] = 1;
    }
  };
}

/**
 * The rate of a counter that says when it began: that tells of resets which values alone do not show, and where it began
 * inside of the window, it was 0 there, so that a single sample is enough.
 */
function startedRate(
  perSecond: boolean,
  notes: RangeNotes,
): (raw: RawSamples, startsMs: Float64Array, windows: Windows, out: StepColumn) => void {
  return ({ timestampsMs, values }, startsMs, { count, rangeMs, endsMs, from, to }, out) => {
    let overlaps = false;
    for (let i = 0; i < count; i++) {
      const low = from[i] as number;
      const last = (to[i] as number) - 1;
      if (last < low) continue;
      const firstValue = values[low] as number;
      let result = (values[last] as number) - firstValue;
      for (let j = low + 1; j <= last; j++) {
        const previous = values[j - 1] as number;
        const previousMs = timestampsMs[j - 1] as number;
        const previousStartMs = startsMs[j - 1] as number;
        const startMs = startsMs[j] as number;
        overlaps ||= startOverlaps(previousStartMs, previousMs, startMs);
        if (
          (values[j] as number) < previous ||
          beginsAnew(previousStartMs, previousMs, startMs, timestampsMs[j] as number)
        )
          result += previous;
      }
      const firstMs = timestampsMs[low] as number;
      const lastMs = timestampsMs[last] as number;
      const beganMs = startsMs[low] as number;
      const endMs = endsMs[i] as number;
      const toEnd = (endMs - lastMs) / 1000;
      const average = last === low ? 0 : (lastMs - firstMs) / 1000 / (last - low);
      let factor: number;
      if (beganMs > endMs - rangeMs && beganMs < firstMs) {
        result += firstValue;
        factor = startedFactor((lastMs - beganMs) / 1000, average, toEnd);
      } else if (last > low) {
        const sampled = (lastMs - firstMs) / 1000;
        factor = extrapolationFactor(
          sampled,
          average,
          (firstMs - (endMs - rangeMs)) / 1000,
          toEnd,
          result > 0 && firstValue >= 0
            ? sampled * (firstValue / result)
            : Number.POSITIVE_INFINITY,
        );
      } else continue;
      if (perSecond) factor /= rangeMs / 1000;
      out.values[i] = result * factor;
      out.present[i] = 1;
    }
    if (overlaps) notes.overlappingStartTime();
  };
}

/** irate and idelta: from the last two samples of a window. */
export function instantRate(isCounter: boolean): Kernel {
  return ({ timestampsMs, values, startsMs }, { count, from, to }, _, out) => {
    for (let i = 0; i < count; i++) {
      const last = (to[i] as number) - 1;
      if (last <= (from[i] as number)) continue;
      const value = values[last] as number;
      const previous = values[last - 1] as number;
      const timestampMs = timestampsMs[last] as number;
      const previousMs = timestampsMs[last - 1] as number;
      const isReset =
        isCounter &&
        (value < previous ||
          (startsMs !== undefined &&
            beginsAnew(
              startsMs[last - 1] as number,
              previousMs,
              startsMs[last] as number,
              timestampMs,
            )));
      const difference = isReset ? value : value - previous;
      out.values[i] = isCounter ? difference / ((timestampMs - previousMs) / 1000) : difference;
      out.present[i] = 1;
    }
  };
}
