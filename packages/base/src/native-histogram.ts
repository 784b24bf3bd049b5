import { assert } from "./assert.ts";

/** The schema of histograms whose bounds are given one by one, in `customBounds`. */
export const CUSTOM_BOUNDS_SCHEMA = -53;
const SCHEMA_MIN = -4;
const SCHEMA_MAX = 8;
/** The zero threshold that senders use unless told otherwise: 2^-128. */
export const DEFAULT_ZERO_THRESHOLD = 2 ** -128;
/** Buckets of a histogram, empty ones within spans included. */
export const BUCKETS_MAX = 16_384;
/** Counts of integer histograms: sums and differences of two of them stay exact. */
export const BUCKET_COUNT_MAX = 2 ** 52;
/** Indices of buckets: far beyond those that any float has. */
const BUCKET_INDEX_MAX = 2 ** 31;

/** Buckets one after another: `offset` is the gap behind the span before, or the index of the first span's first bucket. */
export interface BucketSpan {
  readonly offset: number;
  readonly length: number;
}

/** What a sender says of counts going down since the histogram before; gauges may go either way. */
export type CounterReset = "unknown" | "reset" | "none" | "gauge";

/**
 * A native histogram: what was counted by one sample, as Prometheus has it. The bucket with index i of the schema s holds
 * what is above 2^((i-1)*2^-s) and at most 2^(i*2^-s), the negative one the same mirrored; with `CUSTOM_BOUNDS_SCHEMA`
 * the bucket i is that up to `customBounds[i]`, and the last is that above all of them.
 */
export interface NativeHistogram {
  /** -4 to 8, or `CUSTOM_BOUNDS_SCHEMA`. */
  readonly schema: number;
  /** Whether counts are whole numbers; else they are floats, as after a rate. */
  readonly isInteger: boolean;
  readonly counterReset: CounterReset;
  /** Says that the series has ended; everything else is empty then. */
  readonly stale: boolean;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  readonly positiveSpans: readonly BucketSpan[];
  readonly negativeSpans: readonly BucketSpan[];
  /** The count of each bucket of the spans, absolute. */
  readonly positiveCounts: readonly number[];
  readonly negativeCounts: readonly number[];
  /** Upper bounds, rising; empty but with `CUSTOM_BOUNDS_SCHEMA`. */
  readonly customBounds: readonly number[];
}

/** The sample that ends a series of histograms. */
export const STALE_HISTOGRAM: NativeHistogram = {
  schema: 0,
  isInteger: true,
  counterReset: "unknown",
  stale: true,
  zeroThreshold: 0,
  zeroCount: 0,
  count: 0,
  sum: Number.NaN,
  positiveSpans: [],
  negativeSpans: [],
  positiveCounts: [],
  negativeCounts: [],
  customBounds: [],
};

/** What is wrong with a histogram that somebody sent, for people; undefined if nothing is. */
export function histogramProblem(histogram: NativeHistogram): string | undefined {
  const { schema, isInteger, stale, zeroThreshold, zeroCount, count, sum } = histogram;
  if (stale) return undefined;
  if (!isSchema(schema)) return `schema ${schema}`;
  if (!(zeroThreshold >= 0 && zeroThreshold < Number.POSITIVE_INFINITY))
    return `a zero threshold of ${zeroThreshold}`;
  const { positiveSpans, negativeSpans, positiveCounts, negativeCounts } = histogram;
  if (positiveCounts.length + negativeCounts.length > BUCKETS_MAX)
    return `more than ${BUCKETS_MAX} buckets`;
  const spans =
    spansProblem(positiveSpans, positiveCounts.length) ??
    spansProblem(negativeSpans, negativeCounts.length) ??
    customProblem(histogram);
  if (spans !== undefined) return spans;
  let observed = 0;
  for (const one of [zeroCount, ...positiveCounts, ...negativeCounts]) {
    if (!isCount(one, isInteger)) return `a bucket's count of ${one}`;
    observed += one;
  }
  if (!isCount(count, isInteger)) return `a count of ${count}`;
  // Observations that are NaN are in no bucket, and make the sum NaN.
  if (isInteger && (Number.isNaN(sum) ? observed > count : observed !== count))
    return `${observed} observations in the buckets, but a count of ${count}`;
  return undefined;
}

function isSchema(schema: number): boolean {
  return schema === CUSTOM_BOUNDS_SCHEMA || (schema >= SCHEMA_MIN && schema <= SCHEMA_MAX);
}

function isCount(value: number, isInteger: boolean): boolean {
  if (isInteger) return Number.isInteger(value) && value >= 0 && value <= BUCKET_COUNT_MAX;
  return !(value < 0);
}

function spansProblem(spans: readonly BucketSpan[], buckets: number): string | undefined {
  let total = 0;
  let index = 0;
  for (const [i, { offset, length }] of spans.entries()) {
    if (i > 0 && offset < 0) return "a span that goes back";
    total += length;
    index += offset + length;
    if (Math.abs(index) > BUCKET_INDEX_MAX) return `a bucket with the index ${index}`;
  }
  return total === buckets ? undefined : `${buckets} buckets in spans of ${total}`;
}

function customProblem(histogram: NativeHistogram): string | undefined {
  const { schema, customBounds, positiveSpans, zeroCount, zeroThreshold } = histogram;
  if (schema !== CUSTOM_BOUNDS_SCHEMA)
    return customBounds.length > 0 ? `custom bounds with schema ${schema}` : undefined;
  if (customBounds.length > BUCKETS_MAX) return `more than ${BUCKETS_MAX} custom bounds`;
  if (histogram.negativeSpans.length > 0 || zeroCount !== 0 || zeroThreshold !== 0)
    return "negative buckets or a zero bucket with custom bounds";
  for (const [i, bound] of customBounds.entries())
    if (!Number.isFinite(bound) || (i > 0 && bound <= (customBounds[i - 1] as number)))
      return "custom bounds that do not rise";
  const end = positiveSpans.reduce((index, { offset, length }) => index + offset + length, 0);
  const begins = positiveSpans[0]?.offset ?? 0;
  return begins < 0 || end > customBounds.length + 1 ? "a bucket without a bound" : undefined;
}

/** A bucket as queries show it. */
export interface Bucket {
  readonly lower: number;
  readonly upper: number;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
  readonly count: number;
}

/**
 * The buckets that are not empty, by rising bounds. As in Prometheus, one that reaches into the zero bucket is shown as
 * beginning where that ends, and a zero bucket with a negative count, as after a subtraction, is not shown.
 */
export function bucketsOf(histogram: NativeHistogram): Bucket[] {
  const { zeroThreshold, zeroCount } = histogram;
  const { positiveSpans, positiveCounts, negativeSpans, negativeCounts } = histogram;
  const boundOf = (index: number): number => upperBound(histogram, index);
  const buckets: Bucket[] = [];
  for (const [index, count] of indexed(negativeSpans, negativeCounts)) {
    const [lower, upper] = [-boundOf(index), Math.min(-boundOf(index - 1), -zeroThreshold)];
    buckets.push({ lower, upper, lowerInclusive: true, upperInclusive: false, count });
  }
  buckets.reverse();
  const inclusive = { lowerInclusive: true, upperInclusive: true };
  if (zeroCount > 0)
    buckets.push({ lower: -zeroThreshold, upper: zeroThreshold, ...inclusive, count: zeroCount });
  for (const [index, count] of indexed(positiveSpans, positiveCounts)) {
    const isCustom = histogram.schema === CUSTOM_BOUNDS_SCHEMA;
    const lowerInclusive = isCustom && index === 0;
    const bound = boundOf(index - 1);
    const lower = isCustom ? bound : Math.max(bound, zeroThreshold);
    const upper = boundOf(index);
    buckets.push({ lower, upper, lowerInclusive, upperInclusive: true, count });
  }
  return buckets.filter(({ count }) => count !== 0);
}

function* indexed(
  spans: readonly BucketSpan[],
  counts: readonly number[],
): Generator<readonly [index: number, count: number]> {
  let index = 0;
  let at = 0;
  for (const { offset, length } of spans) {
    index += offset;
    for (let i = 0; i < length; i++) yield [index++, counts[at++] as number];
  }
}

function upperBound({ schema, customBounds }: NativeHistogram, index: number): number {
  if (schema !== CUSTOM_BOUNDS_SCHEMA) return exponentialBound(schema, index);
  if (index < 0) return Number.NEGATIVE_INFINITY;
  return customBounds[index] ?? Number.POSITIVE_INFINITY;
}

/** The upper bound of a bucket, 2^(index * 2^-schema). The last finite bucket ends at the largest double. */
export function exponentialBound(schema: number, index: number): number {
  assert(isSchema(schema) && schema !== CUSTOM_BOUNDS_SCHEMA, () => `schema ${schema}`);
  if (schema <= 0) return powerOfTwo(index * 2 ** -schema);
  const perOctave = 2 ** schema;
  const octave = Math.floor(index / perOctave);
  const part = index - octave * perOctave;
  if (part === 0) return powerOfTwo(octave);
  // In two steps: the power alone may be beyond what a double holds where the product is not.
  const half = Math.trunc(octave / 2);
  return (octaveBounds(schema)[part] as number) * 2 ** half * 2 ** (octave - half);
}

function powerOfTwo(exponent: number): number {
  return exponent === 1024 ? Number.MAX_VALUE : 2 ** exponent;
}

/** By schema. */
const BOUNDS: Float64Array[] = [];

/**
 * 2^(i / 2^schema) for each i below 2^schema, to the last bit as in Prometheus's table, which clients also sort
 * observations by: the product of the roots of two that the bits of i stand for, from the highest one down. The square
 * root of two is the reciprocal of its half there, one bit below the nearest double.
 */
function octaveBounds(schema: number): Float64Array {
  const known = BOUNDS[schema];
  if (known !== undefined) return known;
  const bounds = new Float64Array(2 ** schema).fill(1);
  let root = 2 / Math.SQRT2;
  for (let bit = bounds.length / 2; bit >= 1; bit /= 2) {
    for (let i = 0; i < bounds.length; i++) if ((i & bit) !== 0) (bounds[i] as number) *= root;
    root = Math.sqrt(root);
  }
  BOUNDS[schema] = bounds;
  return bounds;
}
