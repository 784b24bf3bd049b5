import type { RawSamples, StepColumn, Windows } from "./windows.ts";

/**
 * rate, increase and delta: the difference between the last and the first sample of a window, counter resets added
 * back, and extrapolated to the window's ends where samples come close enough to them (within 1.1 average distances;
 * else by half a distance), but for a counter never to before it was 0.
 */
export function extrapolatedRate({
  isCounter,
  perSecond,
}: {
  isCounter: boolean;
  perSecond: boolean;
}): (raw: RawSamples, windows: Windows, timesMs: Float64Array, out: StepColumn) => void {
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
        if (resetsBefore.length < length) resetsBefore = new Int32Array(length * 2);
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
      const sampledSeconds = (lastMs - firstMs) / 1000;
      const averageSeconds = sampledSeconds / (last - low);
      const nearSeconds = averageSeconds * 1.1;
      let toStart = (firstMs - (endMs - rangeMs)) / 1000;
      let toEnd = (endMs - lastMs) / 1000;
      if (toStart >= nearSeconds) toStart = averageSeconds / 2;
      if (isCounter && result > 0 && firstValue >= 0) {
        const toZero = sampledSeconds * (firstValue / result);
        if (toZero < toStart) toStart = toZero;
      }
      if (toEnd >= nearSeconds) toEnd = averageSeconds / 2;
      let factor = (sampledSeconds + toStart + toEnd) / sampledSeconds;
      if (perSecond) factor /= rangeMs / 1000;
      out.values[i] = result * factor;
      out.present[i] = 1;
    }
  };
}

/** irate and idelta: from the last two samples of a window. */
export function instantRate(
  isCounter: boolean,
): (raw: RawSamples, windows: Windows, timesMs: Float64Array, out: StepColumn) => void {
  return ({ timestampsMs, values }, { count, from, to }, _, out) => {
    for (let i = 0; i < count; i++) {
      const last = (to[i] as number) - 1;
      if (last <= (from[i] as number)) continue;
      const value = values[last] as number;
      const previous = values[last - 1] as number;
      const difference = isCounter && value < previous ? value : value - previous;
      const seconds = ((timestampsMs[last] as number) - (timestampsMs[last - 1] as number)) / 1000;
      out.values[i] = isCounter ? difference / seconds : difference;
      out.present[i] = 1;
    }
  };
}
