import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Kernels } from "../src/kernels.ts";
import {
  QUANTILE_RELATIVE_ERROR,
  QuantileSketch,
  SKETCH_BUCKETS_MAX,
} from "../src/quantile-sketch.ts";

const kernels = await Kernels.load();
const sketch = new QuantileSketch(kernels);
const QUANTILES = [0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1];

function encodedOf(values: readonly number[]): Uint8Array {
  sketch.clear();
  sketch.addValues(Float64Array.from(values));
  return sketch.encode().slice();
}

function merged(...parts: readonly Uint8Array[]): Uint8Array {
  sketch.clear();
  for (const part of parts) ok(sketch.addEncoded(part));
  return sketch.encode().slice();
}

/** As PromQL's quantile_over_time has it. */
function exactQuantile(q: number, sorted: Float64Array): number {
  const rank = q * (sorted.length - 1);
  const lower = sorted[Math.floor(rank)] as number;
  const upper = sorted[Math.ceil(rank)] as number;
  const weight = rank - Math.floor(rank);
  return lower === upper ? lower : lower * (1 - weight) + upper * weight;
}

function near(value: number, exact: number): boolean {
  return (
    Object.is(value, exact) ||
    Math.abs(value - exact) <= Math.abs(exact) * QUANTILE_RELATIVE_ERROR * (1 + 1e-9)
  );
}

const magnitude = fc.oneof(
  fc.double({ min: 2 ** -1022, max: Number.MAX_VALUE, noNaN: true }),
  fc.double({ min: 0.001, max: 1000, noNaN: true }),
  fc.integer({ min: 1, max: 5000 }),
  // Where buckets and doublings begin.
  fc
    .tuple(fc.integer({ min: -1022, max: 1022 }), fc.constantFrom(1 - 2 ** -53, 1, 1 + 2 ** -52))
    .map(([exponent, part]) => Math.max(2 ** exponent * part, 2 ** -1022)),
);
const positive = fc.oneof(
  { arbitrary: magnitude, weight: 10 },
  { arbitrary: fc.constant(0), weight: 1 },
);
const anySign = fc.tuple(positive, fc.boolean()).map(([value, minus]) => (minus ? -value : value));
const anyValue = fc.oneof(
  { arbitrary: anySign, weight: 10 },
  {
    arbitrary: fc.constantFrom(
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      5e-324,
    ),
    weight: 1,
  },
);
const lists = fc.array(anyValue, { maxLength: 60 });

test("every rank is within one percent of the exact value", () => {
  fc.assert(
    fc.property(fc.array(anySign, { minLength: 1, maxLength: 60 }), (values) => {
      encodedOf(values);
      const sorted = Float64Array.from(values).sort();
      for (const [rank, exact] of sorted.entries()) {
        const value = sketch.quantile(sorted.length === 1 ? 0 : rank / (sorted.length - 1));
        // Between two ranks both count, which is where a rank lies that is no whole part of the number.
        const other = sorted[Math.min(rank + 1, sorted.length - 1)] as number;
        ok(
          near(value, exact) || near(value, other) || (value > exact && value < other),
          `${rank}: ${value} for ${exact}`,
        );
      }
    }),
    { numRuns: 1000 },
  );
});

test("every quantile of positive values is within one percent of the exact one", () => {
  const ordinary = fc.array(
    fc.oneof(
      fc.double({ min: 1e-300, max: 1e300, noNaN: true }),
      fc.integer({ min: 0, max: 9999 }),
    ),
    {
      minLength: 1,
      maxLength: 80,
    },
  );
  fc.assert(
    fc.property(ordinary, (values) => {
      encodedOf(values);
      const sorted = Float64Array.from(values).sort();
      for (const q of QUANTILES) {
        const exact = exactQuantile(q, sorted);
        ok(near(sketch.quantile(q), exact), `${q}: ${sketch.quantile(q)} for ${exact}`);
      }
    }),
    { numRuns: 1000 },
  );
});

test("a number too small for all its digits is told to one percent and its last digit", () => {
  for (let digits = 1; digits < 2 ** 40; digits = digits * 3 + 1) {
    const value = digits * 5e-324;
    encodedOf([value]);
    const error = Math.abs(sketch.quantile(0.5) - value);
    ok(error <= value * QUANTILE_RELATIVE_ERROR + 5e-324, `${sketch.quantile(0.5)} for ${value}`);
  }
});

test("a single value is told within one percent, whatever its size", () => {
  fc.assert(
    fc.property(anySign, (value) => {
      encodedOf([value]);
      ok(
        near(sketch.quantile(0.5), value === 0 ? 0 : value),
        `${sketch.quantile(0.5)} for ${value}`,
      );
    }),
    { numRuns: 20_000 },
  );
});

test("merging is that of the whole, in any order and any grouping", () => {
  fc.assert(
    fc.property(lists, lists, lists, (a, b, c) => {
      const whole = encodedOf([...a, ...b, ...c]);
      const [ea, eb, ec] = [encodedOf(a), encodedOf(b), encodedOf(c)];
      deepEqual(merged(ea, eb, ec), whole);
      deepEqual(merged(ec, ea, eb), whole);
      deepEqual(merged(merged(ea, eb), ec), whole);
      deepEqual(merged(ea, merged(eb, ec)), whole);
    }),
    { numRuns: 500 },
  );
});

test("sketches that lie one after another are added at once, all or none", () => {
  fc.assert(
    fc.property(
      fc.array(lists, { minLength: 1, maxLength: 8 }),
      fc.nat(),
      fc.nat(),
      fc.nat(9),
      (parts, a, b, damage) => {
        const encoded = parts.map(encodedOf);
        const ends = new Uint32Array(encoded.length);
        let end = 0;
        for (const [i, { length }] of encoded.entries()) ends[i] = end += length;
        const bytes = Uint8Array.from(encoded.flatMap((part) => [...part]));
        const [from, to] = [a % (parts.length + 1), b % (parts.length + 1)].sort(
          (x, y) => x - y,
        ) as [number, number];
        const before = encodedOf([3, 4, -5, 4000]);
        if (damage === 0 && to > from) {
          // More buckets than it says it has.
          bytes[(ends[to - 1] as number) - (encoded[to - 1] as Uint8Array).length] = 127;
          ok(!sketch.addEncodedAll(bytes, ends, from, to));
          deepEqual(sketch.encode().slice(), before);
        } else {
          ok(sketch.addEncodedAll(bytes, ends, from, to));
          deepEqual(
            sketch.encode().slice(),
            encodedOf([3, 4, -5, 4000, ...parts.slice(from, to).flat()]),
          );
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("NaNs are left out, infinities and zeros are values", () => {
  encodedOf([Number.NaN, Number.POSITIVE_INFINITY, 0, -0, Number.NEGATIVE_INFINITY]);
  equal(sketch.count, 4);
  equal(sketch.quantile(0), Number.NEGATIVE_INFINITY);
  equal(sketch.quantile(0.5), 0);
  equal(sketch.quantile(1), Number.POSITIVE_INFINITY);
});

test("sketches are the bytes that the format's document draws", () => {
  // 1 is where bucket 0 begins, 2 where bucket 35 does, 0.99 lies in bucket -1.
  deepEqual(encodedOf([1, 2, 2, 0.99]), Uint8Array.of(3, 3, 1, 2, 71, 2));
  deepEqual(encodedOf([-1]), Uint8Array.of(1, 2, 1));
  deepEqual(encodedOf([0, -0]), Uint8Array.of(1, 0, 2));
});

test("a sketch of nothing is one byte and has no quantiles", () => {
  deepEqual(encodedOf([Number.NaN]), Uint8Array.of(0));
  equal(sketch.count, 0);
  ok(Number.isNaN(sketch.quantile(0.5)));
});

test("a sketch of a minute is some bytes, that of a million values some hundred", () => {
  equal(encodedOf([0.3, 0.3003, 0.2999, 0.3001]).length, 4);
  ok(encodedOf([17, 21, 19, 1000]).length <= 10);
  const million = Float64Array.from(
    { length: 1_000_000 },
    (_, i) => 1 + ((i * 7919) % 1_000_000) / 1000,
  );
  sketch.clear();
  sketch.addValues(million);
  ok(sketch.encode().length < 1500);
  equal(sketch.count, 1_000_000);
});

test("values that spread over too many buckets keep the highest ones exact", () => {
  const spread = Array.from({ length: SKETCH_BUCKETS_MAX + 100 }, (_, i) => 1.03 ** (i - 1000));
  const bytes = encodedOf(spread);
  sketch.clear();
  ok(sketch.addEncoded(bytes));
  equal(sketch.count, spread.length);
  for (const q of [0.5, 0.9, 0.99, 1])
    ok(near(sketch.quantile(q), exactQuantile(q, Float64Array.from(spread))));
});

test("damaged sketches are refused or add what they say, and refusing adds nothing", () => {
  fc.assert(
    fc.property(lists, fc.nat(), fc.nat(255), fc.nat(80), (values, at, byte, cut) => {
      const bytes = encodedOf(values).slice(0, cut);
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      encodedOf([1, 2, 3]);
      const before = sketch.encode().slice();
      if (!sketch.addEncoded(bytes)) deepEqual(sketch.encode().slice(), before);
      else ok(sketch.count >= 3);
    }),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
      sketch.clear();
      if (sketch.addEncoded(bytes)) return;
      equal(sketch.count, 0);
    }),
    { numRuns: 5000 },
  );
});
