import type { BucketSpan, NativeHistogram } from "@pharos/base";

/** The buckets of one sign: their indices, rising, and a count for each. */
export interface BucketSide {
  readonly indices: readonly number[];
  readonly counts: readonly number[];
}

export type Sign = "positive" | "negative";
export const SIGNS: readonly Sign[] = ["negative", "positive"];

const NO_BUCKETS: BucketSide = { indices: [], counts: [] };

export function spansOf(histogram: NativeHistogram, sign: Sign): readonly BucketSpan[] {
  return sign === "positive" ? histogram.positiveSpans : histogram.negativeSpans;
}

export function countsOf(histogram: NativeHistogram, sign: Sign): readonly number[] {
  return sign === "positive" ? histogram.positiveCounts : histogram.negativeCounts;
}

export function sideOf(histogram: NativeHistogram, sign: Sign): BucketSide {
  const counts = countsOf(histogram, sign);
  return counts.length === 0
    ? NO_BUCKETS
    : { indices: indicesOf(spansOf(histogram, sign)), counts };
}

/** The index of each bucket of the spans. */
export function indicesOf(spans: readonly BucketSpan[]): number[] {
  const indices: number[] = [];
  let index = 0;
  for (const { offset, length } of spans) {
    index += offset;
    for (let i = 0; i < length; i++) indices.push(index++);
  }
  return indices;
}

/** The spans that hold buckets with these indices, which rise, and no others. */
export function spansFor(indices: readonly number[]): BucketSpan[] {
  const spans: BucketSpan[] = [];
  let start = 0;
  let end = 0;
  for (let i = 1; i <= indices.length; i++) {
    if (i < indices.length && (indices[i] as number) === (indices[i - 1] as number) + 1) continue;
    const first = indices[start] as number;
    spans.push({ offset: first - end, length: i - start });
    end = (indices[i - 1] as number) + 1;
    start = i;
  }
  return spans;
}

/** Whether spans stand for the same buckets, however they are cut. */
export function sameSpans(a: readonly BucketSpan[], b: readonly BucketSpan[]): boolean {
  if (a === b) return true;
  if (a.length === b.length) {
    let i = 0;
    while (
      i < a.length &&
      (a[i] as BucketSpan).offset === (b[i] as BucketSpan).offset &&
      (a[i] as BucketSpan).length === (b[i] as BucketSpan).length
    )
      i++;
    if (i === a.length) return true;
  }
  return sameNumbers(indicesOf(a), indicesOf(b));
}

export function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** All numbers of two rising lists, each once, rising. */
export function union(a: readonly number[], b: readonly number[]): readonly number[] {
  if (a.length === 0 || sameNumbers(a, b)) return b;
  if (b.length === 0) return a;
  const all: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const left = a[i] ?? Number.POSITIVE_INFINITY;
    const right = b[j] ?? Number.POSITIVE_INFINITY;
    all.push(Math.min(left, right));
    if (left <= right) i++;
    if (right <= left) j++;
  }
  return all;
}

/** The counts of the buckets with the indices `wanted`, among which are all that the side has; 0 for the others. */
export function spread(side: BucketSide, wanted: readonly number[]): readonly number[] {
  if (sameNumbers(side.indices, wanted)) return side.counts;
  const counts = new Array<number>(wanted.length).fill(0);
  let at = 0;
  for (let i = 0; i < side.indices.length; i++) {
    const index = side.indices[i] as number;
    while ((wanted[at] as number) < index) at++;
    counts[at] = side.counts[i] as number;
  }
  return counts;
}

/** The buckets of which `keep` says so of their index and count. */
export function filterSide(
  side: BucketSide,
  keep: (index: number, count: number) => boolean,
): BucketSide {
  const indices: number[] = [];
  const counts: number[] = [];
  for (let i = 0; i < side.indices.length; i++) {
    const index = side.indices[i] as number;
    const count = side.counts[i] as number;
    if (!keep(index, count)) continue;
    indices.push(index);
    counts.push(count);
  }
  return indices.length === side.indices.length ? side : { indices, counts };
}

/** Buckets put together where `newIndex`, which rises with the index, gives the same index. */
export function mergeBuckets(side: BucketSide, newIndex: (index: number) => number): BucketSide {
  const indices: number[] = [];
  const counts: number[] = [];
  for (let i = 0; i < side.indices.length; i++) {
    const index = newIndex(side.indices[i] as number);
    const count = side.counts[i] as number;
    if (indices.at(-1) === index) (counts[counts.length - 1] as number) += count;
    else {
      indices.push(index);
      counts.push(count);
    }
  }
  return { indices, counts };
}

/** The buckets in a schema with half as many an octave for each step between. */
export function reduceSide(side: BucketSide, schema: number, target: number): BucketSide {
  if (schema === target) return side;
  const merged = 2 ** (schema - target);
  return mergeBuckets(side, (index) => Math.floor((index - 1) / merged) + 1);
}
