import { quantile } from "./quantile.ts";
import type { RawSamples, StepColumn, Windows } from "./windows.ts";

type Kernel = (raw: RawSamples, windows: Windows, timesMs: Float64Array, out: StepColumn) => void;

/** Sums are compensated (Kahan, Neumaier's variant), as in Prometheus. */
export function sumOverTime(): Kernel {
  return ({ values }, { count, from, to }, _, out) => {
    for (let i = 0; i < count; i++) {
      const low = from[i] as number;
      const high = to[i] as number;
      if (low === high) continue;
      let sum = 0;
      let lost = 0;
      for (let j = low; j < high; j++) {
        const value = values[j] as number;
        const next = sum + value;
        if (Math.abs(next) === Number.POSITIVE_INFINITY) lost = 0;
        else if (Math.abs(sum) >= Math.abs(value)) lost += sum - next + value;
        else lost += value - next + sum;
        sum = next;
      }
      out.values[i] = sum + lost;
      out.present[i] = 1;
    }
  };
}

export function averageOverTime(): Kernel {
  return ({ values }, { count, from, to }, _, out) => {
    for (let i = 0; i < count; i++) {
      const low = from[i] as number;
      const high = to[i] as number;
      if (low === high) continue;
      out.values[i] = average(values, low, high);
      out.present[i] = 1;
    }
  };
}

function average(values: Float64Array, low: number, high: number): number {
  let sum = values[low] as number;
  let lost = 0;
  for (let j = low + 1; j < high; j++) {
    const value = values[j] as number;
    const next = sum + value;
    if (Math.abs(next) === Number.POSITIVE_INFINITY)
      return incrementalAverage(values, low, j, high, sum, lost);
    if (Math.abs(sum) >= Math.abs(value)) lost += sum - next + value;
    else lost += value - next + sum;
    sum = next;
  }
  return sum / (high - low) + lost / (high - low);
}

/** Goes on from sample `at`, where the sum would overflow, with the mean so far instead. */
function incrementalAverage(
  values: Float64Array,
  low: number,
  at: number,
  high: number,
  sum: number,
  sumLost: number,
): number {
  let mean = sum / (at - low);
  let lost = sumLost / (at - low);
  for (let j = at; j < high; j++) {
    const seen = j - low + 1;
    const share = (seen - 1) / seen;
    const scaled = share * mean;
    const addend = (values[j] as number) / seen;
    const next = scaled + addend;
    lost *= share;
    if (Math.abs(next) === Number.POSITIVE_INFINITY) lost = 0;
    else if (Math.abs(scaled) >= Math.abs(addend)) lost += scaled - next + addend;
    else lost += addend - next + scaled;
    mean = next;
  }
  return mean + lost;
}

/** The least or the greatest sample, or the time of the last of those, in seconds. NaN only where there is nothing else. */
export function extremeOverTime(which: "min" | "max", give: "value" | "timestamp"): Kernel {
  const sign = which === "max" ? 1 : -1;
  return ({ timestampsMs, values }, { count, from, to }, _, out) => {
    for (let i = 0; i < count; i++) {
      const low = from[i] as number;
      const high = to[i] as number;
      if (low === high) continue;
      let best = sign * (values[low] as number);
      let at = low;
      for (let j = low + 1; j < high; j++) {
        const value = sign * (values[j] as number);
        if (value >= best || Number.isNaN(best)) {
          best = value;
          at = j;
        }
      }
      out.values[i] =
        give === "value" ? (values[at] as number) : (timestampsMs[at] as number) / 1000;
      out.present[i] = 1;
    }
  };
}

/** The population variance, by Welford's method with compensated sums. */
export function variance(values: Float64Array, from: number, to: number): number {
  let mean = 0;
  let meanLost = 0;
  let sum = 0;
  let sumLost = 0;
  for (let i = from; i < to; i++) {
    const value = values[i] as number;
    const delta = value - (mean + meanLost);
    const meanStep = delta / (i - from + 1);
    const nextMean = mean + meanStep;
    if (Math.abs(nextMean) === Number.POSITIVE_INFINITY) meanLost = 0;
    else if (Math.abs(mean) >= Math.abs(meanStep)) meanLost += mean - nextMean + meanStep;
    else meanLost += meanStep - nextMean + mean;
    mean = nextMean;
    const square = delta * (value - (mean + meanLost));
    const nextSum = sum + square;
    if (Math.abs(nextSum) === Number.POSITIVE_INFINITY) sumLost = 0;
    else if (Math.abs(sum) >= Math.abs(square)) sumLost += sum - nextSum + square;
    else sumLost += square - nextSum + sum;
    sum = nextSum;
  }
  return (sum + sumLost) / (to - from);
}

/** The median of the distances from the median; overwrites `buffer`. */
export function medianDeviation(buffer: Float64Array, count: number): number {
  for (let i = 0; i < count; i++) if (Number.isNaN(buffer[i])) return Number.NaN;
  const median = quantile(0.5, buffer, count);
  for (let i = 0; i < count; i++) buffer[i] = Math.abs((buffer[i] as number) - median);
  return quantile(0.5, buffer, count);
}
