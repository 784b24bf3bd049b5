import { FLOAT, type StepSeries } from "./step-series.ts";

/** Counts that differ by less than this, relative to their sum, are taken for equal: rates of sums are not exact. */
const COUNT_TOLERANCE = 1e-12;

/** One bucket of a classic histogram: a series with the label `le`, whose value counts what is up to that bound. */
export interface BucketSeries {
  readonly bound: number;
  readonly series: StepSeries;
}

/** The buckets of one histogram at one step, by bound, each bound once. Scratch space, valid up to `used`. */
export interface Buckets {
  readonly bounds: Float64Array;
  readonly counts: Float64Array;
  used: number;
}

export function createBuckets(length: number): Buckets {
  return { bounds: new Float64Array(length), counts: new Float64Array(length), used: 0 };
}

/** Puts bounds in order, lowest first. */
export function sortBuckets(buckets: BucketSeries[]): void {
  buckets.sort((a, b) => a.bound - b.bound || 0);
}

/** Takes the buckets that have a sample at a step. Bounds written in several ways (`1`, `1.0`) are one bucket. */
export function gatherBuckets(buckets: readonly BucketSeries[], step: number, into: Buckets): void {
  const { bounds, counts } = into;
  let used = 0;
  for (const { bound, series } of buckets) {
    if (series.present[step] !== FLOAT) continue;
    const value = series.values[step] as number;
    if (used > 0 && bounds[used - 1] === bound)
      counts[used - 1] = (counts[used - 1] as number) + value;
    else {
      bounds[used] = bound;
      counts[used++] = value;
    }
  }
  into.used = used;
}

/** Whether the last bucket counts all observations. */
function isComplete({ bounds, used }: Buckets): boolean {
  return bounds[used - 1] === Number.POSITIVE_INFINITY;
}

/** A bucket's bound as Go's `strconv.ParseFloat` reads it; undefined for anything else. */
export function parseBound(le: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(le)) return Number(le);
  if (/^\+?inf(inity)?$/i.test(le)) return Number.POSITIVE_INFINITY;
  if (/^-inf(inity)?$/i.test(le)) return Number.NEGATIVE_INFINITY;
  return undefined;
}

/** What had to be changed: the lowest and the highest bound, the largest change. */
export interface MonotonicityFix {
  boundMin: number;
  boundMax: number;
  difference: number;
}

/**
 * Makes counts never decrease with the bound: what falls below the one before is raised to it. They decrease where
 * buckets come from different scrapes; without this the search below would give nonsense. Tiny differences either
 * way are rounding and are evened out silently.
 */
export function forceMonotonic({ bounds, counts, used }: Buckets): MonotonicityFix | undefined {
  let fix: MonotonicityFix | undefined;
  let previous = counts[0] as number;
  for (let i = 1; i < used; i++) {
    const count = counts[i] as number;
    if (count === previous) continue;
    if (almostEqual(previous, count)) counts[i] = previous;
    else if (count < previous) {
      counts[i] = previous;
      const bound = bounds[i] as number;
      fix ??= { boundMin: bound, boundMax: bound, difference: 0 };
      fix.boundMax = bound;
      fix.difference = Math.max(fix.difference, previous - count);
    } else previous = count;
  }
  return fix;
}

function almostEqual(a: number, b: number): boolean {
  if (Number.isNaN(a) && Number.isNaN(b)) return true;
  const sum = Math.abs(a) + Math.abs(b);
  const difference = Math.abs(a - b);
  const normalMin = 2 ** -1022;
  if (a === 0 || b === 0 || sum < normalMin) return difference < COUNT_TOLERANCE * normalMin;
  return difference / Math.min(sum, Number.MAX_VALUE) < COUNT_TOLERANCE;
}

/**
 * The value below which the share `q` of the observations is, spread evenly within each bucket; the lowest one starts at
 * 0 if its bound is above. The counts must not decrease. NaN without a bucket for all observations.
 */
export function bucketQuantile(q: number, buckets: Buckets): number {
  const { bounds, counts, used } = buckets;
  if (Number.isNaN(q)) return Number.NaN;
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  if (!isComplete(buckets) || used < 2) return Number.NaN;
  const last = used - 1;
  const total = counts[last] as number;
  if (total === 0) return Number.NaN;
  let rank = q * total;
  let low = 0;
  let high = last;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((counts[middle] as number) >= rank) high = middle;
    else low = middle + 1;
  }
  if (low === last) return bounds[last - 1] as number;
  const end = bounds[low] as number;
  if (low === 0 && end <= 0) return end;
  let start = 0;
  let count = counts[low] as number;
  if (low > 0) {
    start = bounds[low - 1] as number;
    count -= counts[low - 1] as number;
    rank -= counts[low - 1] as number;
  }
  return start + (end - start) * (rank / count);
}

/** The share of observations between two values, which is the inverse of `bucketQuantile`. */
export function bucketFraction(lower: number, upper: number, buckets: Buckets): number {
  const total = buckets.counts[buckets.used - 1] as number;
  if (!isComplete(buckets) || total === 0 || Number.isNaN(lower) || Number.isNaN(upper))
    return Number.NaN;
  if (lower >= upper) return 0;
  return (rankOf(upper, buckets) - rankOf(lower, buckets)) / total;
}

/** How many observations are up to `value`, taken to be spread evenly within each bucket. */
function rankOf(value: number, { bounds, counts, used }: Buckets): number {
  const total = counts[used - 1] as number;
  let start = (bounds[0] as number) <= 0 ? Number.NEGATIVE_INFINITY : 0;
  let rank = 0;
  for (let i = 0; i < used; i++) {
    if (start >= value) return Math.min(rank, total);
    const end = bounds[i] as number;
    const count = counts[i] as number;
    if (end > value) {
      // A bucket without a lower end cannot be divided: all of it counts.
      const within =
        start === Number.NEGATIVE_INFINITY
          ? count
          : rank + ((count - rank) * (value - start)) / (end - start);
      return Math.min(within, total);
    }
    start = end;
    rank = count;
  }
  return total;
}
