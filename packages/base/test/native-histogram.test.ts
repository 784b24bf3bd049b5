import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  BUCKET_COUNT_MAX,
  type BucketSpan,
  bucketsOf,
  CUSTOM_BOUNDS_SCHEMA,
  DEFAULT_ZERO_THRESHOLD,
  decodeHistogram,
  encodeHistogram,
  exponentialBound,
  histogramProblem,
  type NativeHistogram,
  STALE_HISTOGRAM,
} from "../src/index.ts";

const EMPTY: NativeHistogram = {
  ...STALE_HISTOGRAM,
  stale: false,
  sum: 0,
  zeroThreshold: DEFAULT_ZERO_THRESHOLD,
};

/** Observed 1 once in each of (1/2, 1] and (1, 2], twice in (4, 8], once in [-2, -1) and three times 0. */
const SMALL: NativeHistogram = {
  ...EMPTY,
  count: 8,
  zeroCount: 3,
  sum: 12.5,
  positiveSpans: [
    { offset: 0, length: 2 },
    { offset: 1, length: 1 },
  ],
  positiveCounts: [1, 1, 2],
  negativeSpans: [{ offset: 1, length: 1 }],
  negativeCounts: [1],
};

const spans = fc.array(
  fc.record(
    { offset: fc.integer({ min: 0, max: 300 }), length: fc.integer({ min: 0, max: 20 }) },
    { noNullPrototype: true },
  ),
  { maxLength: 5 },
);
const countOf = (isInteger: boolean) =>
  isInteger ? fc.maxSafeNat().map((value) => value % (BUCKET_COUNT_MAX + 1)) : fc.double();

function countsFor(list: readonly BucketSpan[], isInteger: boolean) {
  const length = list.reduce((total, span) => total + span.length, 0);
  return fc.array(countOf(isInteger), { minLength: length, maxLength: length });
}

/** Any histogram that can be encoded, also those that make no sense. */
const anyHistogram = fc
  .tuple(fc.boolean(), spans, spans, fc.integer({ min: -500, max: 500 }))
  .chain(([isInteger, positiveSpans, negativeSpans, shift]) =>
    fc.record(
      {
        schema: fc.constantFrom(-4, -1, 0, 3, 8, CUSTOM_BOUNDS_SCHEMA),
        isInteger: fc.constant(isInteger),
        counterReset: fc.constantFrom("unknown", "reset", "none", "gauge"),
        stale: fc.constant(false),
        zeroThreshold: fc.oneof(fc.constant(DEFAULT_ZERO_THRESHOLD), fc.double()),
        zeroCount: countOf(isInteger),
        count: countOf(isInteger),
        sum: fc.double(),
        positiveSpans: fc.constant(
          positiveSpans.map((span, i) => (i === 0 ? { ...span, offset: shift } : span)),
        ),
        negativeSpans: fc.constant(negativeSpans),
        positiveCounts: countsFor(positiveSpans, isInteger),
        negativeCounts: countsFor(negativeSpans, isInteger),
        customBounds: fc.array(fc.double(), { maxLength: 8 }),
      },
      { noNullPrototype: true },
    ),
  ) as fc.Arbitrary<NativeHistogram>;

test("a histogram comes back from its bytes as it was, with every bit of its floats", () => {
  fc.assert(
    fc.property(anyHistogram, (histogram) => {
      const bytes = encodeHistogram(histogram);
      const back = decodeHistogram(bytes);
      deepEqual(back, histogram);
      deepEqual(encodeHistogram(back as NativeHistogram), bytes);
    }),
  );
});

test("the bytes are those of docs/formats/histograms.md, for ever", () => {
  equal(
    Buffer.from(encodeHistogram(SMALL)).toString("hex"),
    "2000020002020101020100000000000029400803020002" + "02",
  );
  const float = { ...SMALL, isInteger: false, zeroThreshold: 0.5, counterReset: "gauge" } as const;
  equal(
    Buffer.from(encodeHistogram(float)).toString("hex"),
    "0700000000000000e03f0200020201010201" +
      "0000000000002940" +
      "00000000000020400000000000000840" +
      "000000000000f03f000000000000f03f0000000000000040000000000000f03f",
  );
});

test("a staleness marker is one byte", () => {
  equal(encodeHistogram(STALE_HISTOGRAM).length, 1);
  deepEqual(decodeHistogram(encodeHistogram(STALE_HISTOGRAM)), STALE_HISTOGRAM);
});

test("an integer histogram takes little more than a byte a bucket", () => {
  const length = 40;
  const positiveCounts = Array.from({ length }, (_, i) => 30 - Math.abs(i - 20));
  const positiveSpans = [{ offset: -20, length }];
  const count = positiveCounts.reduce((sum, one) => sum + one);
  equal(encodeHistogram({ ...EMPTY, count, positiveSpans, positiveCounts }).length, 57);
});

test("bytes that are cut, longer, or changed anywhere are no histogram or another one, never an exception", () => {
  const bytes = encodeHistogram(SMALL);
  for (let size = 0; size < bytes.length; size++)
    equal(decodeHistogram(bytes.subarray(0, size)), undefined);
  equal(decodeHistogram(Uint8Array.of(...bytes, 0)), undefined);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = bytes.slice();
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    decodeHistogram(changed);
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (any) => void decodeHistogram(any)));
});

test("spans that promise more buckets than there are bytes cost nothing", () => {
  const huge = Uint8Array.of(32, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 1, 1);
  equal(decodeHistogram(huge), undefined);
});

test("buckets come by rising bounds, without the empty ones", () => {
  const positiveCounts = [1, 0, 2];
  const shown = bucketsOf({ ...SMALL, positiveCounts, count: 7 }).map(
    ({ lower, upper, lowerInclusive, upperInclusive, count }) =>
      `${lowerInclusive ? "[" : "("}${lower}, ${upper}${upperInclusive ? "]" : ")"} ${count}`,
  );
  const zero = DEFAULT_ZERO_THRESHOLD;
  deepEqual(shown, ["[-2, -1) 1", `[${-zero}, ${zero}] 3`, "(0.5, 1] 1", "(4, 8] 2"]);
});

test("a bucket that reaches into the zero bucket begins where that ends", () => {
  const [negative, , positive] = bucketsOf({ ...SMALL, zeroThreshold: 1.5 });
  deepEqual([negative?.lower, negative?.upper], [-2, -1.5]);
  deepEqual([positive?.lower, positive?.upper], [1.5, 1]);
});

test("buckets with custom bounds begin at minus infinity and end at infinity", () => {
  const custom: NativeHistogram = {
    ...EMPTY,
    schema: CUSTOM_BOUNDS_SCHEMA,
    zeroThreshold: 0,
    customBounds: [0.1, 5],
    positiveSpans: [{ offset: 0, length: 3 }],
    positiveCounts: [1, 2, 3],
    count: 6,
  };
  equal(histogramProblem(custom), undefined);
  const shown = bucketsOf(custom).map(({ lower, upper, lowerInclusive }) => [
    lower,
    upper,
    lowerInclusive,
  ]);
  deepEqual(shown, [
    [Number.NEGATIVE_INFINITY, 0.1, true],
    [0.1, 5, false],
    [5, Number.POSITIVE_INFINITY, false],
  ]);
});

test("bounds are powers of two, to the last bit those of Prometheus's clients", () => {
  equal(exponentialBound(0, 10), 1024);
  equal(exponentialBound(-2, 3), 4096);
  // The table there has values from 0.5 to 1, with 16 digits.
  equal(exponentialBound(1, -1), 0.7071067811865475);
  equal(exponentialBound(1, 1), 2 * 0.7071067811865475);
  equal(exponentialBound(2, 3), 2 * 0.8408964152537144);
  equal(exponentialBound(5, -1), 0.9785720620876999);
  equal(exponentialBound(8, 101), 2 * 0.6572577939746774);
  equal(exponentialBound(8, 7 * 256 + 255), 2 ** 8 * 0.9972960560854698);
  equal(exponentialBound(8, 256), 2);
  equal(exponentialBound(0, 1024), Number.MAX_VALUE);
  equal(exponentialBound(0, 1025), Number.POSITIVE_INFINITY);
  equal(exponentialBound(0, -1074), Number.MIN_VALUE);
  equal(exponentialBound(3, 1024 * 8), Number.MAX_VALUE);
  for (const schema of [1, 3, 8])
    for (let index = -300; index < 300; index++) {
      const near = 2 ** (index / 2 ** schema);
      const difference = Math.abs(exponentialBound(schema, index) / near - 1);
      equal(difference <= 4 * Number.EPSILON, true, `${schema} ${index}`);
    }
});

test("what a histogram cannot be is said in words", () => {
  equal(histogramProblem(SMALL), undefined);
  equal(histogramProblem(STALE_HISTOGRAM), undefined);
  const problems: [Partial<NativeHistogram>, RegExp][] = [
    [{ schema: 9 }, /schema 9/],
    [{ zeroThreshold: -1 }, /zero threshold/],
    [{ positiveCounts: [1, 1] }, /2 buckets in spans of 3/],
    [{ count: 7 }, /8 observations .* count of 7/],
    [{ zeroCount: 1.5 }, /count of 1.5/],
    [{ zeroCount: 2 ** 53 }, /count of 9007199254740992/],
    [{ customBounds: [1] }, /custom bounds with schema 0/],
    [
      {
        positiveSpans: [
          { offset: 0, length: 2 },
          { offset: -1, length: 1 },
        ],
      },
      /goes back/,
    ],
    [{ schema: CUSTOM_BOUNDS_SCHEMA }, /with custom bounds/],
  ];
  for (const [change, wanted] of problems)
    match(histogramProblem({ ...SMALL, ...change }) ?? "nothing", wanted);
  // Observations that are NaN count, and are in no bucket.
  equal(histogramProblem({ ...SMALL, count: 9, sum: Number.NaN }), undefined);
});
