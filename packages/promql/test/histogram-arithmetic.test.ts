import { deepEqual, equal, ok } from "node:assert/strict";
import { describe, test } from "node:test";
import { bucketsOf, type CounterReset, type NativeHistogram } from "@pharos/base";
import fc from "fast-check";
import { HistogramAccumulator } from "../src/engine/histogram/accumulator.ts";
import {
  addHistograms,
  compactHistogram,
  divideHistogram,
  type HistogramSum,
  histogramsEqual,
  negateHistogram,
  reduceResolution,
  scaleHistogram,
  subtractHistograms,
} from "../src/engine/histogram/arithmetic.ts";
import { detectReset } from "../src/engine/histogram/counter-reset.ts";
import {
  anyHistogram,
  customHistograms,
  exponentialHistograms,
  histogramOf,
  histogramPairs,
} from "./histogram-arbitrary.ts";

function sumOf(result: HistogramSum): NativeHistogram {
  ok(result.error === undefined, "the two can be added");
  return result.histogram;
}

/** Bounds and counts of the buckets that hold something, for comparing what histograms say. */
function shown(histogram: NativeHistogram): string[] {
  return bucketsOf(histogram).map(({ lower, upper, count }) => `${lower}..${upper}: ${count}`);
}

function whatItSays(histogram: NativeHistogram): unknown {
  const { count, sum, schema, zeroThreshold, customBounds } = histogram;
  return { count, sum, schema, zeroThreshold, customBounds, buckets: shown(histogram) };
}

describe("adding histograms", () => {
  test("counts of the same buckets are added, others are kept", () => {
    const a = histogramOf({ positive: { 0: 1, 1: 2, 5: 3 }, negative: { 2: 1 }, sum: 10 });
    const b = histogramOf({ positive: { 1: 4, 2: 5, 9: 6 }, zeroCount: 2, sum: 5 });
    const expected = histogramOf({
      positive: { 0: 1, 1: 6, 2: 5, 5: 3, 9: 6 },
      negative: { 2: 1 },
      zeroCount: 2,
      sum: 15,
    });
    deepEqual(sumOf(addHistograms(a, b)), expected);
  });

  test("the finer of two schemas gives way", () => {
    const fine = histogramOf({ schema: 1, positive: { 1: 1, 2: 2, 3: 4, 4: 8 } });
    const coarse = histogramOf({ schema: 0, positive: { 1: 100, 2: 200 } });
    deepEqual(shown(sumOf(addHistograms(fine, coarse))), ["1..2: 103", "2..4: 212"]);
  });

  test("a wider zero bucket takes the buckets below its threshold, and grows to the end of one that it cuts", () => {
    const wide = histogramOf({ zeroThreshold: 3, zeroCount: 1 });
    const narrow = histogramOf({
      zeroThreshold: 0.5,
      zeroCount: 2,
      positive: { 0: 4, 1: 8, 2: 16, 3: 32 },
    });
    const { zeroThreshold, zeroCount } = sumOf(addHistograms(wide, narrow));
    deepEqual([zeroThreshold, zeroCount], [4, 31]);
    deepEqual(shown(sumOf(addHistograms(narrow, wide))), ["-4..4: 31", "4..8: 32"]);
  });

  test("buckets inside the zero bucket of what is added do not count, as little as in Prometheus", () => {
    const wrong = histogramOf({ zeroThreshold: 1, zeroCount: 1, positive: { 0: 2, 1: 4 } });
    const sum = sumOf(addHistograms(wrong, wrong));
    deepEqual([sum.zeroCount, sum.positiveCounts], [2, [2, 8]]);
    const accumulator = new HistogramAccumulator("sum");
    accumulator.add(wrong);
    accumulator.add(wrong);
    deepEqual(accumulator.result()?.positiveCounts, [2, 8]);
    const less = histogramOf({
      zeroThreshold: 1,
      zeroCount: 1,
      positive: { 0: 1, 1: 5 },
      count: 8,
    });
    equal(detectReset(less, wrong), false);
  });

  test("custom bounds that only one has are given up, and it is said", () => {
    const a = histogramOf({ customBounds: [1, 2, 3], positive: { 0: 1, 1: 2, 2: 3, 3: 4 } });
    const b = histogramOf({ customBounds: [2, 3, 4], positive: { 0: 10, 1: 20, 2: 30, 3: 40 } });
    const result = addHistograms(a, b);
    deepEqual(result.error === undefined && result.nhcbBoundsReconciled, true);
    deepEqual(sumOf(result).customBounds, [2, 3]);
    deepEqual(shown(sumOf(result)), ["-Infinity..2: 13", "2..3: 23", "3..Infinity: 74"]);
  });

  test("exponential and custom buckets do not go together", () => {
    const custom = histogramOf({ customBounds: [1], positive: { 0: 1 } });
    deepEqual(addHistograms(custom, histogramOf({})), { error: "incompatible" });
    deepEqual(subtractHistograms(histogramOf({}), custom), { error: "incompatible" });
  });

  test("what is said of resets is kept where both say it, and a gauge makes a gauge", () => {
    const cases: readonly (readonly [CounterReset, CounterReset, CounterReset, boolean])[] = [
      ["reset", "reset", "reset", false],
      ["none", "none", "none", false],
      ["unknown", "none", "unknown", false],
      ["reset", "unknown", "unknown", false],
      ["reset", "none", "unknown", true],
      ["none", "reset", "unknown", true],
      ["gauge", "reset", "gauge", false],
      ["unknown", "gauge", "gauge", false],
    ];
    for (const [left, right, both, collides] of cases) {
      const a = histogramOf({ counterReset: left });
      const b = histogramOf({ counterReset: right });
      for (const result of [addHistograms(a, b), subtractHistograms(a, b)]) {
        equal(sumOf(result).counterReset, both);
        equal(result.error === undefined && result.counterResetCollision, collides);
      }
    }
  });

  test("the order does not matter", () => {
    fc.assert(
      fc.property(histogramPairs, ([a, b]) => {
        deepEqual(whatItSays(sumOf(addHistograms(a, b))), whatItSays(sumOf(addHistograms(b, a))));
      }),
    );
  });

  test("no observation is lost or counted twice", () => {
    fc.assert(
      fc.property(histogramPairs, ([a, b]) => {
        const sum = sumOf(addHistograms(a, b));
        equal(
          bucketsOf(sum).reduce((total, { count }) => total + count, 0),
          a.count + b.count,
        );
      }),
    );
  });

  test("taking away what was added leaves what was there, as coarse as the sum is", () => {
    fc.assert(
      fc.property(histogramPairs, ([a, b]) => {
        const back = sumOf(subtractHistograms(sumOf(addHistograms(a, b)), b));
        const zero = sumOf(subtractHistograms(b, b));
        const expected = sumOf(addHistograms(a, zero));
        deepEqual(whatItSays(compactHistogram(back)), {
          ...(whatItSays(compactHistogram(expected)) as object),
          zeroThreshold: back.zeroThreshold,
          buckets: shown(back),
        });
        equal(back.count, a.count);
        equal(back.sum, a.sum);
      }),
    );
  });

  test("adding and then reducing the resolution is reducing and then adding", () => {
    fc.assert(
      fc.property(
        fc.tuple(exponentialHistograms, exponentialHistograms, fc.nat(6)),
        ([a, b, steps]) => {
          const narrow = { zeroThreshold: 0, zeroCount: 0 };
          const [x, y] = [
            { ...a, ...narrow },
            { ...b, ...narrow },
          ];
          const schema = Math.max(-4, Math.min(a.schema, b.schema) - steps);
          const after = reduceResolution(sumOf(addHistograms(x, y)), schema);
          const before = addHistograms(reduceResolution(x, schema), reduceResolution(y, schema));
          deepEqual(shown(after), shown(sumOf(before)));
        },
      ),
    );
  });
});

describe("scaling histograms", () => {
  const histogram = histogramOf({ positive: { 1: 4 }, negative: { 2: 2 }, zeroCount: 8, sum: 6 });

  test("everything is multiplied or divided, and a negative factor makes a gauge", () => {
    const doubled = scaleHistogram(histogram, 2);
    deepEqual(whatItSays(divideHistogram(histogram, 0.5)), whatItSays(doubled));
    deepEqual(
      [
        doubled.count,
        doubled.sum,
        doubled.zeroCount,
        doubled.positiveCounts,
        doubled.negativeCounts,
      ],
      [28, 12, 16, [8], [4]],
    );
    equal(doubled.counterReset, "unknown");
    equal(negateHistogram(histogram).counterReset, "gauge");
    equal(divideHistogram(histogram, -1).counterReset, "gauge");
  });

  test("dividing by zero leaves no buckets", () => {
    const divided = divideHistogram(histogram, 0);
    deepEqual([divided.count, divided.sum, divided.zeroCount], [Infinity, Infinity, Infinity]);
    deepEqual([divided.positiveCounts, divided.positiveSpans, divided.negativeSpans], [[], [], []]);
    ok(Number.isNaN(divideHistogram(histogramOf({}), 0).count));
  });
});

describe("comparing histograms", () => {
  test("spans may be cut differently, but an empty bucket is one", () => {
    const whole = histogramOf({ positive: { 1: 1, 2: 2 } });
    const cut = {
      ...whole,
      positiveSpans: [
        { offset: 0, length: 0 },
        { offset: 1, length: 1 },
        { offset: 0, length: 1 },
      ],
    };
    equal(histogramsEqual(whole, cut), true);
    equal(histogramsEqual(whole, histogramOf({ positive: { 1: 1, 2: 2, 3: 0 } })), false);
    equal(histogramsEqual(whole, { ...whole, counterReset: "reset" }), true);
    equal(histogramsEqual(whole, { ...whole, sum: 1 }), false);
  });

  test("compacting drops empty buckets and nothing else", () => {
    fc.assert(
      fc.property(anyHistogram, (histogram) => {
        const compact = compactHistogram(histogram);
        ok(![...compact.positiveCounts, ...compact.negativeCounts].includes(0));
        deepEqual(whatItSays(compact), whatItSays(histogram));
      }),
    );
  });
});

describe("a counter reset", () => {
  test("is where a bucket counts less or is gone", () => {
    const before = histogramOf({ positive: { 1: 1, 2: 2 }, zeroCount: 1 });
    equal(detectReset(before, before), false);
    equal(detectReset(histogramOf({ positive: { 1: 1, 2: 3 }, zeroCount: 1 }), before), false);
    equal(detectReset(histogramOf({ positive: { 1: 0, 2: 9 }, zeroCount: 1 }), before), true);
    equal(detectReset(histogramOf({ positive: { 2: 9 }, zeroCount: 1 }), before), true);
    equal(detectReset(histogramOf({ positive: { 1: 9, 2: 9 } }), before), true);
    equal(detectReset(histogramOf({}), histogramOf({ positive: { 1: 0 } })), false);
  });

  test("is what the later histogram says it is", () => {
    const before = histogramOf({ positive: { 1: 5 } });
    equal(detectReset(histogramOf({ positive: { 1: 9 }, counterReset: "reset" }), before), true);
    equal(detectReset(histogramOf({ positive: { 1: 1 }, counterReset: "none" }), before), false);
    equal(detectReset(histogramOf({ positive: { 1: 1 }, counterReset: "gauge" }), before), true);
  });

  test("is where the resolution grows or the zero bucket shrinks, but not the other way round", () => {
    const coarse = histogramOf({ schema: 0, positive: { 1: 3 } });
    const fine = histogramOf({ schema: 1, positive: { 1: 1, 2: 2 } });
    equal(detectReset(fine, coarse), true);
    equal(detectReset(coarse, fine), false);
    const wide = histogramOf({ zeroThreshold: 2, zeroCount: 3 });
    const narrow = histogramOf({ zeroThreshold: 1, positive: { 1: 3 } });
    equal(detectReset(narrow, wide), true);
    equal(detectReset(wide, narrow), false);
    equal(detectReset({ ...wide, zeroThreshold: 1.5 }, narrow), true);
  });

  test("is found over custom bounds that differ in what both have", () => {
    const before = histogramOf({ customBounds: [1, 2, 3], positive: { 0: 1, 1: 1, 2: 1 } });
    const more = histogramOf({ customBounds: [2, 3], positive: { 0: 2, 1: 1, 2: 5 } });
    equal(detectReset(more, before), false);
    const less = histogramOf({ customBounds: [2, 3], positive: { 0: 1, 1: 9 } });
    equal(detectReset(less, before), true);
    equal(detectReset(before, histogramOf({ positive: { 1: 1 } })), true);
  });

  test("is never found where something was added", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.tuple(exponentialHistograms, exponentialHistograms),
          fc.tuple(customHistograms, customHistograms),
        ),
        ([a, b]) => {
          const later = sumOf(addHistograms(a, b));
          equal(detectReset({ ...later, counterReset: "unknown" }, a), false);
        },
      ),
    );
  });
});

describe("the accumulator", () => {
  function accumulate(
    purpose: "sum" | "average",
    histograms: readonly NativeHistogram[],
  ): HistogramAccumulator {
    const accumulator = new HistogramAccumulator(purpose);
    for (const histogram of histograms) accumulator.add(histogram);
    return accumulator;
  }

  test("sums whole counts to what adding one by one gives", () => {
    const lists = fc.oneof(
      fc.array(exponentialHistograms, { minLength: 1, maxLength: 6 }),
      fc.array(customHistograms, { minLength: 1, maxLength: 6 }),
    );
    fc.assert(
      fc.property(lists, (list) => {
        const expected = list.reduce((sum, next) => sumOf(addHistograms(sum, next)));
        const result = accumulate("sum", list).result();
        ok(result !== undefined);
        deepEqual(whatItSays(result), whatItSays(expected));
        equal(result.counterReset, expected.counterReset);
      }),
    );
  });

  test("the average times the number is the sum", () => {
    const list = [1, 2, 6].map((count) => histogramOf({ positive: { 1: count }, sum: count }));
    const average = accumulate("average", list).result();
    deepEqual(average && [average.count, average.sum, average.positiveCounts], [3, 3, [3]]);
  });

  test("what rounding loses of a small count beside a large one is not lost in the end", () => {
    const list = [1, 1e100, 1, -1e100].map((sum) => histogramOf({ positive: { 1: 1 }, sum }));
    equal(accumulate("sum", list).result()?.sum, 2);
    equal(accumulate("average", list).result()?.sum, 0.5);
  });

  test("an average stays finite where the sum is not", () => {
    const list = [1, 1, 1].map((sign) => histogramOf({ positive: { 1: 1 }, sum: sign * 1e308 }));
    equal(accumulate("sum", list).result()?.sum, Infinity);
    const average = accumulate("average", list).result()?.sum ?? Number.NaN;
    ok(Math.abs(average / 1e308 - 1) < 1e-12, `${average}`);
  });

  test("says what cannot be added and what was given up", () => {
    const custom = histogramOf({ customBounds: [1, 2], positive: { 0: 1 } });
    const other = histogramOf({ customBounds: [2, 3], positive: { 0: 1 } });
    const mixed = accumulate("sum", [custom, histogramOf({})]);
    deepEqual([mixed.isIncompatible, mixed.result()], [true, undefined]);
    equal(accumulate("sum", [custom, other]).nhcbBoundsReconciled, true);
    const collision = [
      histogramOf({ counterReset: "reset" }),
      histogramOf({}),
      histogramOf({ counterReset: "none" }),
    ];
    equal(accumulate("average", collision).counterResetCollision, true);
    equal(accumulate("sum", []).result(), undefined);
  });
});
