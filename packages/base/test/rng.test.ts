import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { seededRng } from "../src/rng.ts";

test("the same seed gives the same numbers, another seed others", () => {
  const draw = (seed: number): number[] => {
    const rng = seededRng(seed);
    return Array.from({ length: 5 }, () => rng.below(1_000_000));
  };
  deepEqual(draw(7), draw(7));
  ok(draw(7).some((value, at) => value !== draw(8)[at]));
});

test("numbers are spread evenly", () => {
  const rng = seededRng(1);
  const even = Array.from({ length: 10 }, () => 0);
  for (let i = 0; i < 100_000; i++) {
    const at = rng.below(10);
    even[at] = (even[at] ?? 0) + 1;
  }
  for (const count of even) ok(Math.abs(count - 10_000) < 500, `${count} of 100,000`);
});
