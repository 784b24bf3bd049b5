import { roomFor } from "./raw-samples.ts";
import type { RawSamples, StepColumn, Windows } from "./windows.ts";

type Kernel = (raw: RawSamples, windows: Windows, timesMs: Float64Array, out: StepColumn) => void;

/** Windows of more samples than this on average are summed by differences of running sums, not one by one. */
const DIRECT_SAMPLES_MAX = 32;

/** Sums are compensated (Kahan, Neumaier's variant), as in Prometheus. */
export function sumOverTime(): Kernel {
  return overWindows(sum, (total) => total);
}

export function averageOverTime(): Kernel {
  return overWindows(average, (total, count) => total / count);
}

function overWindows(
  direct: (values: Float64Array, low: number, high: number) => number,
  fromSum: (sum: number, count: number) => number,
): Kernel {
  const running = new RunningSums();
  return ({ values, length }, { count, from, to }, _, out) => {
    const long = isLong(count, from, to) && running.fill(values, length);
    for (let i = 0; i < count; i++) {
      const low = from[i] as number;
      const high = to[i] as number;
      if (low === high) continue;
      out.present[i] = 1;
      const obvious = long ? running.obvious(values, low, high) : undefined;
      if (obvious !== undefined) out.values[i] = obvious;
      else if (long && running.find(low, high)) out.values[i] = fromSum(running.found, high - low);
      else out.values[i] = direct(values, low, high);
    }
  };
}

function isLong(count: number, from: Int32Array, to: Int32Array): boolean {
  if (count < 2) return false;
  let total = 0;
  for (let i = 0; i < count; i++) total += (to[i] as number) - (from[i] as number);
  return total > DIRECT_SAMPLES_MAX * count;
}

/**
 * The sums of a series up to each sample, as a rounded sum and what rounding lost, so that the sum of any window is
 * one subtraction: an hour's average at 15 s costs a hundredth of adding up each window.
 */
class RunningSums {
  found = 0;
  #sums = new Float64Array(256);
  #lost = new Float64Array(256);
  #greatest = 0;
  /** How many samples `obvious` has looked at, and which of them were the last ones not 0, NaN and infinite. */
  #seen = 0;
  #lastOther = -1;
  #lastNaN = -1;
  #lastPlus = -1;
  #lastMinus = -1;

  /**
   * Leaves samples out that are not finite: see `obvious`. False where the sums are too large, so that windows must be
   * added up one by one.
   */
  fill(values: Float64Array, length: number): boolean {
    this.#seen = 0;
    this.#lastOther = -1;
    this.#lastNaN = -1;
    this.#lastPlus = -1;
    this.#lastMinus = -1;
    if (this.#sums.length <= length) {
      const capacity = roomFor(length + 1, this.#sums.length);
      this.#sums = new Float64Array(capacity);
      this.#lost = new Float64Array(capacity);
    }
    const sums = this.#sums;
    const losts = this.#lost;
    let total = 0;
    let lost = 0;
    let greatest = 0;
    for (let i = 0; i < length; i++) {
      const sample = values[i] as number;
      const value = Number.isFinite(sample) ? sample : 0;
      const next = total + value;
      if (Math.abs(total) >= Math.abs(value)) lost += total - next + value;
      else lost += value - next + total;
      total = next;
      sums[i + 1] = total;
      losts[i + 1] = lost;
      greatest = Math.max(greatest, Math.abs(total), Math.abs(value));
    }
    this.#greatest = greatest;
    return Number.isFinite(total) && Number.isFinite(lost) && Number.isFinite(greatest);
  }

  /**
   * What samples `low` to `high` (excluded) come to, as a sum and on average, where that needs no adding up: where one is
   * not finite, or all are 0. Undefined elsewhere. Later windows do not end before earlier ones.
   */
  obvious(values: Float64Array, low: number, high: number): number | undefined {
    for (; this.#seen < high; this.#seen++) {
      const value = values[this.#seen] as number;
      if (value === 0) continue;
      this.#lastOther = this.#seen;
      if (Number.isNaN(value)) this.#lastNaN = this.#seen;
      else if (value === Number.POSITIVE_INFINITY) this.#lastPlus = this.#seen;
      else if (value === Number.NEGATIVE_INFINITY) this.#lastMinus = this.#seen;
    }
    if (this.#lastOther < low) return 0;
    const isPlus = this.#lastPlus >= low;
    const isMinus = this.#lastMinus >= low;
    if (this.#lastNaN >= low || (isPlus && isMinus)) return Number.NaN;
    if (isPlus) return Number.POSITIVE_INFINITY;
    return isMinus ? Number.NEGATIVE_INFINITY : undefined;
  }

  /**
   * Puts the sum of samples `low` to `high` (excluded) into `found`. False where it is so small beside the running
   * sums that their rounding could show.
   */
  find(low: number, high: number): boolean {
    const before = this.#sums[low] as number;
    const after = this.#sums[high] as number;
    const difference = after - before;
    // What the subtraction itself lost.
    const lost =
      Math.abs(after) >= Math.abs(before)
        ? after - difference - before
        : after - (difference + before);
    this.found = difference + (lost + ((this.#lost[high] as number) - (this.#lost[low] as number)));
    return Math.abs(this.found) >= this.#greatest * 2 ** -40;
  }
}

function sum(values: Float64Array, low: number, high: number): number {
  let total = 0;
  let lost = 0;
  for (let j = low; j < high; j++) {
    const value = values[j] as number;
    const next = total + value;
    if (Math.abs(next) === Number.POSITIVE_INFINITY) lost = 0;
    else if (Math.abs(total) >= Math.abs(value)) lost += total - next + value;
    else lost += value - next + total;
    total = next;
  }
  return total + lost;
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

/**
 * The least or the greatest sample, or the time of the last of those, in seconds. NaN only where there is nothing else.
 *
 * One pass whatever the window's length: `queue` holds the samples that are the best of all after them.
 */
export function extremeOverTime(which: "min" | "max", give: "value" | "timestamp"): Kernel {
  const sign = which === "max" ? 1 : -1;
  let queue = new Int32Array(256);
  return ({ timestampsMs, values, length }, { count, from, to }, _, out) => {
    if (queue.length < length) queue = new Int32Array(roomFor(length, queue.length));
    let head = 0;
    let tail = 0;
    let next = 0;
    for (let i = 0; i < count; i++) {
      const low = from[i] as number;
      const high = to[i] as number;
      for (; next < high; next++) {
        const value = sign * (values[next] as number);
        if (Number.isNaN(value)) continue;
        while (tail > head && sign * (values[queue[tail - 1] as number] as number) <= value) tail--;
        queue[tail++] = next;
      }
      while (head < tail && (queue[head] as number) < low) head++;
      if (low === high) continue;
      const at = head < tail ? (queue[head] as number) : high - 1;
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
