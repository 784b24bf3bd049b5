import { quantile } from "../quantile.ts";
import { roomFor } from "../raw-samples.ts";
import type { Breaks } from "../turns.ts";

/** With so many samples that come or go beside those that stay, sorting anew is cheaper than to move each into its place. */
const CHANGES_MAX_SHARE = 1 / 8;

/** How many samples are sorted in one go, or merged: some ms. */
const RUN_LENGTH = 2 ** 16;

/**
 * The samples of a window in order of size, NaN first as in Prometheus. As the window moves on, samples come and go one by
 * one: with an hour of samples and steps of a minute that costs a tenth of sorting each window.
 */
export class SortedWindow {
  /** Without NaN, rising, up to `#length`. */
  #sorted = new Float64Array(64);
  #length = 0;
  #nans = 0;
  #values: Float64Array = new Float64Array(0);
  #low = 0;
  #high = 0;
  #isPrepared = false;

  /** Begins with another series, of which `values` are the samples; goes on where these have just been sorted. */
  open(values: Float64Array): void {
    const isSorted = this.#isPrepared && values === this.#values;
    this.#isPrepared = false;
    if (isSorted) return;
    this.#values = values;
    this.#length = 0;
    this.#nans = 0;
    this.#low = 0;
    this.#high = 0;
  }

  /** Moves on to the samples `low` to `high` (excluded), neither of which is less than before. */
  moveTo(low: number, high: number): void {
    const going = Math.min(low, this.#high) - this.#low;
    const coming = high - Math.max(low, this.#high);
    const values = this.#values;
    if (low >= this.#high || going + coming > (high - low) * CHANGES_MAX_SHARE)
      this.#sort(low, high);
    else {
      for (let i = this.#low; i < low; i++) this.#remove(values[i] as number);
      this.#reserve(this.#length + coming);
      for (let i = this.#high; i < high; i++) this.#insert(values[i] as number);
    }
    this.#low = low;
    this.#high = high;
  }

  /** Begins with a series and moves on to the samples `low` to `high` (excluded) of it, with breaks: for millions of them. */
  async prepare(values: Float64Array, low: number, high: number, context: Breaks): Promise<void> {
    this.#isPrepared = false;
    this.open(values);
    this.#reserve(high - low);
    const ends: number[] = [];
    for (let from = low; from < high; from += RUN_LENGTH) {
      const start = this.#length;
      this.#gather(from, Math.min(high, from + RUN_LENGTH));
      this.#sorted.subarray(start, this.#length).sort();
      ends.push(this.#length);
      if (context.isTurnOver()) await context.pause();
    }
    await this.#merge(ends, context);
    this.#low = low;
    this.#high = high;
    this.#isPrepared = true;
  }

  /** Merges sorted runs that end before those places, two and two until there is one. */
  async #merge(runEnds: readonly number[], context: Breaks): Promise<void> {
    let runs = runEnds;
    let other = new Float64Array(this.#length);
    while (runs.length > 1) {
      const ends: number[] = [];
      for (let i = 0; i < runs.length; i += 2) {
        const start = runs[i - 1] ?? 0;
        const middle = runs[i] as number;
        const end = runs[i + 1] ?? middle;
        await mergeRun(this.#sorted, other, { start, middle, end }, context);
        ends.push(end);
      }
      [this.#sorted, other] = [other, this.#sorted];
      runs = ends;
    }
  }

  /** The q-quantile; as `quantile` of the window's samples. */
  quantile(q: number): number {
    const count = this.#high - this.#low;
    if (count === 0 || Number.isNaN(q)) return Number.NaN;
    if (q < 0) return Number.NEGATIVE_INFINITY;
    if (q > 1) return Number.POSITIVE_INFINITY;
    const rank = q * (count - 1);
    const lower = Math.max(0, Math.floor(rank));
    const weight = rank - Math.floor(rank);
    return this.#at(lower) * (1 - weight) + this.#at(Math.min(count - 1, lower + 1)) * weight;
  }

  /** The median of the distances from the median; NaN if there is any NaN. */
  medianDeviation(): number {
    const count = this.#high - this.#low;
    if (count === 0 || this.#nans > 0) return Number.NaN;
    const median = this.quantile(0.5);
    const sorted = this.#sorted;
    const areFinite = Number.isFinite(sorted[0]) && Number.isFinite(sorted[count - 1]);
    if (!areFinite) {
      const distances = sorted.slice(0, count).map((value) => Math.abs(value - median));
      return quantile(0.5, distances, count);
    }
    // Distances rise from the median to both ends: they are merged from there, up to the middle one.
    let below = lowerBound(sorted, count, median) - 1;
    let above = below + 1;
    const rank = (count - 1) / 2;
    const lower = Math.floor(rank);
    const upper = Math.min(count - 1, lower + 1);
    let atLower = 0;
    let atUpper = 0;
    for (let i = 0; i <= upper; i++) {
      const down = below < 0 ? Number.POSITIVE_INFINITY : median - (sorted[below] as number);
      const up = above === count ? Number.POSITIVE_INFINITY : (sorted[above] as number) - median;
      atUpper = Math.min(down, up);
      if (down < up) below--;
      else above++;
      if (i === lower) atLower = atUpper;
    }
    const weight = rank - lower;
    return atLower * (1 - weight) + atUpper * weight;
  }

  #at(rank: number): number {
    return rank < this.#nans ? Number.NaN : (this.#sorted[rank - this.#nans] as number);
  }

  #sort(low: number, high: number): void {
    this.#length = 0;
    this.#nans = 0;
    this.#reserve(high - low);
    this.#gather(low, high);
    this.#sorted.subarray(0, this.#length).sort();
  }

  #gather(low: number, high: number): void {
    for (let i = low; i < high; i++) {
      const value = this.#values[i] as number;
      if (Number.isNaN(value)) this.#nans++;
      else this.#sorted[this.#length++] = value;
    }
  }

  #reserve(length: number): void {
    if (this.#sorted.length >= length) return;
    const grown = new Float64Array(roomFor(length, this.#sorted.length));
    grown.set(this.#sorted.subarray(0, this.#length));
    this.#sorted = grown;
  }

  #insert(value: number): void {
    if (Number.isNaN(value)) {
      this.#nans++;
      return;
    }
    const at = lowerBound(this.#sorted, this.#length, value);
    this.#sorted.copyWithin(at + 1, at, this.#length);
    this.#sorted[at] = value;
    this.#length++;
  }

  #remove(value: number): void {
    if (Number.isNaN(value)) {
      this.#nans--;
      return;
    }
    const at = lowerBound(this.#sorted, this.#length, value);
    this.#sorted.copyWithin(at, at + 1, this.#length);
    this.#length--;
  }
}

/** Merges two rising runs of `from`, one behind the other, into the same places of `into`. */
async function mergeRun(
  from: Float64Array,
  into: Float64Array,
  { start, middle, end }: { start: number; middle: number; end: number },
  context: Breaks,
): Promise<void> {
  let left = start;
  let right = middle;
  for (let at = start; at < end; ) {
    for (const stop = Math.min(end, at + RUN_LENGTH); at < stop; at++) {
      const isLeft =
        right === end || (left < middle && (from[left] as number) <= (from[right] as number));
      into[at] = from[isLeft ? left++ : right++] as number;
    }
    if (context.isTurnOver()) await context.pause();
  }
}

/** The first of `length` rising numbers that is not less than the value; `length` if all are. */
function lowerBound(sorted: Float64Array, length: number, value: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
