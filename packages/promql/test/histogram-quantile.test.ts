import { deepEqual, equal, ok } from "node:assert/strict";
import { describe, test } from "node:test";
import type { NativeHistogram } from "@pharos/base";
import fc from "fast-check";
import { histogramFraction, histogramQuantile } from "../src/engine/histogram/quantile.ts";
import { trimLower, trimUpper } from "../src/engine/histogram/trim.ts";
import { histogramVariance } from "../src/engine/histogram/variance.ts";
import { anyHistogram, exponentialHistograms, histogramOf } from "./histogram-arbitrary.ts";

function near(actual: number, expected: number, why?: string): void {
  const isNear = Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected));
  ok(isNear || Object.is(actual, expected), `${why ?? ""} ${actual} is not near ${expected}`);
}

describe("quantiles", () => {
  test("are interpolated on a logarithmic scale in exponential buckets", () => {
    const up = histogramOf({ positive: { 1: 1, 2: 1 } });
    near(histogramQuantile(0.25, up), Math.SQRT2);
    near(histogramQuantile(0.75, up), 2 * Math.SQRT2);
    near(histogramQuantile(1, up), 4);
    near(histogramQuantile(0.5, histogramOf({ negative: { 1: 1 } })), -Math.SQRT2);
  });

  test("are interpolated linearly in the zero bucket, which holds only what the other buckets hold", () => {
    const zero = { zeroThreshold: 0.5, zeroCount: 10 };
    near(histogramQuantile(0.25, histogramOf(zero)), -0.25);
    near(histogramQuantile(0.25, histogramOf({ ...zero, positive: { 3: 10 } })), 0.25);
    near(histogramQuantile(0.75, histogramOf({ ...zero, negative: { 3: 10 } })), -0.25);
  });

  test("are interpolated linearly between custom bounds, the lowest bucket beginning at 0", () => {
    const custom = histogramOf({ customBounds: [5, 10], positive: { 0: 1, 1: 2, 2: 1 } });
    near(histogramQuantile(0.125, custom), 2.5);
    near(histogramQuantile(0.5, custom), 7.5);
    near(histogramQuantile(0.9, custom), 10);
    near(histogramQuantile(0.1, histogramOf({ customBounds: [-5], positive: { 0: 1 } })), -5);
  });

  test("outside of 0 to 1 are infinite, and there are none without observations", () => {
    const some = histogramOf({ positive: { 1: 1 } });
    deepEqual([histogramQuantile(-0.1, some), histogramQuantile(1.1, some)], [-Infinity, Infinity]);
    deepEqual([histogramQuantile(0.5, histogramOf({})), histogramQuantile(NaN, some)], [NaN, NaN]);
  });

  test("of observations that are NaN are told of", () => {
    const some = histogramOf({ positive: { 1: 4 }, count: 8, sum: NaN });
    const effects: string[] = [];
    near(
      histogramQuantile(0.25, some, (effect) => effects.push(effect)),
      Math.SQRT2,
    );
    equal(
      histogramQuantile(0.9, some, (effect) => effects.push(effect)),
      NaN,
    );
    deepEqual(effects, ["result is skewed", "result is NaN"]);
    const whole = histogramOf({ positive: { 1: 4 }, sum: NaN });
    histogramQuantile(0.5, whole, () => ok(false, "all observations are in buckets"));
  });

  test("rise with the share that is asked for", () => {
    fc.assert(
      fc.property(
        anyHistogram,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (histogram, p, q) => {
          const [low, high] = [Math.min(p, q), Math.max(p, q)];
          const lower = histogramQuantile(low, histogram);
          const upper = histogramQuantile(high, histogram);
          ok(!(lower > upper * (1 + 1e-9 * Math.sign(upper)) + 1e-9), `${lower} > ${upper}`);
        },
      ),
    );
  });
});

describe("fractions", () => {
  test("are what is between two values", () => {
    const histogram = histogramOf({ positive: { 1: 2, 2: 2 }, negative: { 1: 2 }, zeroCount: 2 });
    equal(histogramFraction(-Infinity, Infinity, histogram), 1);
    equal(histogramFraction(1, 4, histogram), 0.5);
    near(histogramFraction(Math.SQRT2, 2, histogram), 0.125);
    near(histogramFraction(-Math.SQRT2, -1, histogram), 0.125);
    equal(histogramFraction(4, 1, histogram), 0);
    equal(histogramFraction(NaN, 1, histogram), NaN);
    equal(histogramFraction(0, 1, histogramOf({})), NaN);
  });

  test("below a quantile are what the quantile was asked for, where no bucket is empty", () => {
    const filled = fc
      .record({
        schema: fc.integer({ min: -4, max: 8 }),
        counts: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 }),
        sign: fc.constantFrom("positive", "negative"),
      })
      .map(({ schema, counts, sign }) => histogramOf({ schema, [sign]: { ...counts } }));
    fc.assert(
      fc.property(filled, fc.double({ min: 0, max: 1, noNaN: true }), (histogram, q) => {
        const value = histogramQuantile(q, histogram);
        near(histogramFraction(-Infinity, value, histogram), q, `${value}`);
      }),
    );
  });

  test("count observations that are NaN among all, and say so", () => {
    let told = 0;
    const some = histogramOf({ positive: { 1: 4 }, count: 8, sum: NaN });
    equal(
      histogramFraction(-Infinity, Infinity, some, () => told++),
      0.5,
    );
    equal(told, 1);
  });
});

describe("the variance", () => {
  test("takes each observation to be in the middle of its bucket", () => {
    near(histogramVariance(histogramOf({ positive: { 1: 2 }, sum: 2 * Math.SQRT2 })), 0);
    near(histogramVariance(histogramOf({ positive: { 1: 1 }, negative: { 1: 1 } })), 2);
    near(histogramVariance(histogramOf({ customBounds: [2, 4], positive: { 1: 2 }, sum: 8 })), 1);
    equal(histogramVariance(histogramOf({})), NaN);
  });
});

describe("trimming", () => {
  const bounds = fc.oneof(
    fc.double({ min: -20, max: 20, noNaN: true }),
    fc.constantFrom(-Infinity, 0, 1, 2, Infinity),
  );

  test("keeps whole buckets on one side of the bound and estimates the sum anew", () => {
    const histogram = histogramOf({ positive: { 1: 2, 2: 4 }, sum: 100 });
    const below = trimUpper(histogram, 2);
    deepEqual([below.count, below.positiveCounts], [2, [2]]);
    near(below.sum, 2 * Math.SQRT2);
    const above = trimLower(histogram, 2);
    deepEqual([above.count, above.positiveCounts], [4, [4]]);
  });

  test("cuts the bucket that has the bound inside", () => {
    const histogram = histogramOf({ positive: { 1: 2 } });
    near(trimUpper(histogram, Math.SQRT2).count, 1);
    near(trimLower(histogram, Math.SQRT2).sum, Math.sqrt(2 * Math.SQRT2));
    const custom = histogramOf({ customBounds: [10, 20], positive: { 1: 10 } });
    near(trimUpper(custom, 13).count, 3);
    near(trimLower(custom, 13).sum, 7 * 16.5);
  });

  test("takes what has no lower bound for infinitely low, and what has no upper one for infinitely high", () => {
    const custom = histogramOf({ customBounds: [-5, 5], positive: { 0: 1, 2: 2 } });
    deepEqual(countAndSum(trimUpper(custom, -10)), [1, -10]);
    deepEqual(countAndSum(trimLower(custom, 10)), [2, 20]);
    deepEqual(countAndSum(trimUpper(custom, 10)), [1, -5]);
    const single = histogramOf({ customBounds: [], positive: { 0: 3 }, schema: -53 });
    deepEqual(countAndSum(trimUpper(single, 0)), [0, 0]);
  });

  test("at an infinite bound takes all or nothing, and leaves the sum of what it does not touch", () => {
    fc.assert(
      fc.property(anyHistogram, (histogram) => {
        equal(trimUpper(histogram, Infinity).sum, histogram.sum);
        equal(trimLower(histogram, -Infinity).sum, histogram.sum);
        equal(trimUpper(histogram, -Infinity).count, 0);
        equal(trimLower(histogram, Infinity).count, 0);
      }),
    );
  });

  test("on both sides of a bound leaves all observations once, in exponential buckets", () => {
    fc.assert(
      fc.property(exponentialHistograms, bounds, (histogram, bound) => {
        // What is exactly 0 is kept on both sides of 0.
        fc.pre(histogram.zeroThreshold > 0 || bound !== 0);
        const below = trimUpper(histogram, bound).count;
        const above = trimLower(histogram, bound).count;
        near(below + above, histogram.count, `${below} + ${above}`);
      }),
    );
  });

  function countAndSum({ count, sum }: NativeHistogram): readonly number[] {
    return [count, sum];
  }
});
