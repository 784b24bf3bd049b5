import { ok } from "node:assert/strict";
import { test } from "node:test";
import {
  bucketsOf,
  CUSTOM_BOUNDS_SCHEMA,
  histogramProblem,
  type NativeHistogram,
} from "@pharos/base";
import fc from "fast-check";
import { HistogramAccumulator } from "../src/engine/histogram/accumulator.ts";
import {
  addHistograms,
  compactHistogram,
  divideHistogram,
  histogramsEqual,
  scaleHistogram,
  subtractHistograms,
} from "../src/engine/histogram/arithmetic.ts";
import { detectReset } from "../src/engine/histogram/counter-reset.ts";
import { histogramFraction, histogramQuantile } from "../src/engine/histogram/quantile.ts";
import { trimLower, trimUpper } from "../src/engine/histogram/trim.ts";
import { histogramVariance } from "../src/engine/histogram/variance.ts";

const counts = fc.oneof(
  fc.nat(5),
  fc.double({ noNaN: false }),
  fc.constantFrom(0, Number.NaN, Infinity, -Infinity, 1e308, -1),
);

/** Spans as a sender may have them: empty ones, adjacent ones, far away ones. */
function sides(far: boolean): fc.Arbitrary<{
  spans: { offset: number; length: number }[];
  counts: number[];
}> {
  const offset = far ? fc.oneof(fc.nat(5), fc.nat(2 ** 20)) : fc.nat(2);
  const first = far ? fc.integer({ min: -(2 ** 20), max: 2 ** 20 }) : fc.nat(2);
  return fc.array(fc.record({ offset, length: fc.nat(3) }), { maxLength: 4 }).chain((spans) =>
    fc.record({
      spans: first.map((start) =>
        spans.map((span, i) => (i === 0 ? { ...span, offset: start } : span)),
      ),
      counts: fc.array(counts, {
        minLength: spans.reduce((total, { length }) => total + length, 0),
        maxLength: spans.reduce((total, { length }) => total + length, 0),
      }),
    }),
  );
}

const base = {
  isInteger: false,
  stale: false,
  counterReset: "unknown",
} as const;

const exponential: fc.Arbitrary<NativeHistogram> = fc
  .record({
    schema: fc.integer({ min: -4, max: 8 }),
    zeroThreshold: fc.oneof(
      fc.constantFrom(0, 1, Number.MIN_VALUE, 1e300),
      fc.double({ min: 0, max: 8, noNaN: true }),
    ),
    zeroCount: counts,
    count: counts,
    sum: counts,
    positive: sides(true),
    negative: sides(true),
  })
  .map(({ positive, negative, ...rest }) => ({
    ...base,
    ...rest,
    positiveSpans: positive.spans,
    positiveCounts: positive.counts,
    negativeSpans: negative.spans,
    negativeCounts: negative.counts,
    customBounds: [],
  }));

const custom: fc.Arbitrary<NativeHistogram> = fc
  .record({
    count: counts,
    sum: counts,
    positive: sides(false),
    customBounds: fc
      .uniqueArray(fc.integer({ min: -9, max: 9 }), { maxLength: 12 })
      .map((bounds) => bounds.toSorted((a, b) => a - b)),
  })
  .map(({ positive, ...rest }) => ({
    ...base,
    ...rest,
    schema: CUSTOM_BOUNDS_SCHEMA,
    zeroThreshold: 0,
    zeroCount: 0,
    positiveSpans: positive.spans,
    positiveCounts: positive.counts,
    negativeSpans: [],
    negativeCounts: [],
  }));

/** Also with negative counts, as after a subtraction. */
const histograms = fc.oneof(exponential, custom).filter((histogram) => {
  const absolute = (list: readonly number[]): number[] => list.map(Math.abs);
  const problem = histogramProblem({
    ...histogram,
    count: Math.abs(histogram.count),
    zeroCount: Math.abs(histogram.zeroCount),
    positiveCounts: absolute(histogram.positiveCounts),
    negativeCounts: absolute(histogram.negativeCounts),
  });
  return problem === undefined;
});

function isWhole({ positiveSpans, positiveCounts, ...histogram }: NativeHistogram): boolean {
  const { negativeSpans, negativeCounts } = histogram;
  const places = (spans: NativeHistogram["positiveSpans"]): number =>
    spans.reduce((total, { length }) => total + length, 0);
  return (
    places(positiveSpans) === positiveCounts.length &&
    places(negativeSpans) === negativeCounts.length &&
    [...positiveSpans.slice(1), ...negativeSpans.slice(1)].every(({ offset }) => offset >= 0)
  );
}

test("whatever a store can hold, what comes of it is a histogram again", () => {
  fc.assert(
    fc.property(histograms, histograms, counts, (a, b, number) => {
      const results: NativeHistogram[] = [
        scaleHistogram(a, number),
        divideHistogram(a, number),
        compactHistogram(a),
        trimUpper(a, number),
        trimLower(a, number),
      ];
      for (const sum of [addHistograms(a, b), subtractHistograms(a, b)])
        if (sum.error === undefined) results.push(sum.histogram);
      for (const purpose of ["sum", "average"] as const) {
        const accumulator = new HistogramAccumulator(purpose);
        for (const histogram of [a, b, a]) accumulator.add(histogram);
        const result = accumulator.result();
        ok(accumulator.isIncompatible === (result === undefined));
        if (result !== undefined) results.push(result);
      }
      for (const result of results) {
        ok(isWhole(result), "counts and spans belong together");
        ok(histogramsEqual(result, result));
        bucketsOf(result);
        histogramQuantile(Math.abs(number) % 1, result);
        histogramFraction(-1, number, result);
        histogramVariance(result);
        detectReset(result, a);
      }
    }),
    { numRuns: 300 },
  );
});
