import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sortInSlices } from "../src/sliced-sort.ts";

const noPause = () => Promise.resolve();

test("sorting in slices answers what sorting does, and equal items keep their order", async () => {
  const lengths = fc.oneof(fc.nat(100), fc.integer({ min: 4000, max: 20_000 }));
  await fc.assert(
    fc.asyncProperty(lengths, fc.integer({ min: 1, max: 2 ** 31 }), async (length, step) => {
      // Few different keys, so that many are equal.
      const items = Array.from({ length }, (_, at) => ({ at, key: (at * step) % 997 }));
      const expected = items.toSorted((a, b) => a.key - b.key);
      await sortInSlices(items, (a, b) => a.key - b.key, noPause);
      deepEqual(items, expected);
    }),
    { numRuns: 40 },
  );
});

test("others get their turn while much is sorted", async () => {
  const numbers = Uint32Array.from({ length: 100_000 }, (_, at) => (at * 7919) % 100_003);
  let compared = 0;
  let most = 0;
  const compare = (a: number, b: number): number => {
    compared++;
    return a - b;
  };
  await sortInSlices(numbers, compare, async () => {
    most = Math.max(most, compared);
    compared = 0;
  });
  deepEqual(numbers, numbers.slice().sort());
  ok(most < 100_000, `${most} comparisons in one go`);
});
