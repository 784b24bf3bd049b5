import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { quantile } from "../src/engine/quantile.ts";
import { SortedWindow } from "../src/engine/range/sorted-window.ts";

const value = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -5, max: 5 }) },
  { weight: 4, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0) },
);
const values = fc
  .array(value, { minLength: 1, maxLength: 120 })
  .map((list) => new Float64Array(list));
/** How far the ends of a window move on, step by step. */
const moves = fc.array(fc.tuple(fc.nat(4), fc.nat(5)), { minLength: 1, maxLength: 40 });
const q = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.constantFrom(0, 0.5, 1, -1, 2, Number.NaN),
);

/** 0 and -0 are equal: which of them comes out may differ. */
const plain = (number: number): number => number + 0;

test("quantiles of a window that moves on are those of sorting each window", () => {
  fc.assert(
    fc.property(values, moves, q, (list, steps, quantileOf) => {
      const sorted = new SortedWindow();
      for (const samples of [list, list.toReversed()]) {
        sorted.open(samples);
        let low = 0;
        let high = Math.min(10, samples.length);
        for (const [going, coming] of steps) {
          high = Math.min(high + coming, samples.length);
          low = Math.min(low + going, high - 1);
          sorted.moveTo(low, high);
          const window = samples.slice(low, high);
          deepEqual(
            plain(sorted.quantile(quantileOf)),
            plain(quantile(quantileOf, window.slice(), window.length)),
          );
          deepEqual(plain(sorted.medianDeviation()), plain(medianDeviation(window)));
        }
      }
    }),
  );
});

test("a window that was sorted in turns is in the same order as one sorted at once", async () => {
  let pauses = 0;
  const context = {
    tick: () => true,
    isTurnOver: () => true,
    async pause() {
      pauses++;
    },
  };
  const sorted = new SortedWindow();
  // Runs of 65,536: none, one, two, and an odd number of them.
  for (const [length, low] of [
    ...[
      [5, 0],
      [65_536, 1],
      [70_000, 3],
      [330_001, 100],
    ],
  ] as const) {
    const samples = Float64Array.from({ length }, (_, i) =>
      i % 1000 === 7 ? Number.NaN : (Math.imul(i, 2_654_435_761) >>> 8) / 16,
    );
    await sorted.prepare(samples, low, length, context);
    const before = pauses;
    sorted.open(samples);
    sorted.moveTo(low, length);
    const window = samples.slice(low);
    for (const quantileOf of [0, 0.001, 0.25, 0.5, 0.999, 1])
      equal(sorted.quantile(quantileOf), quantile(quantileOf, window.slice(), window.length));
    equal(pauses, before);
    // What comes after it begins anew.
    sorted.open(samples);
    sorted.moveTo(0, 2);
    equal(sorted.quantile(1), Math.max(samples[0] as number, samples[1] as number));
  }
});

function medianDeviation(window: Float64Array): number {
  if (window.some(Number.isNaN)) return Number.NaN;
  const median = quantile(0.5, window.slice(), window.length);
  return quantile(
    0.5,
    window.map((one) => Math.abs(one - median)),
    window.length,
  );
}
