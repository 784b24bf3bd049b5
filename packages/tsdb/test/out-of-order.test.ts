import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LateSamples } from "../src/out-of-order.ts";

/** Timestamp and the two halves of the value. */
type Sample = [timestampMs: number, low: number, high: number];

function samplesOf({ timestampsMs, bits }: LateSamples): Sample[] {
  return Array.from(timestampsMs, (ms, i) => [
    ms,
    bits[i * 2] as number,
    bits[i * 2 + 1] as number,
  ]);
}

test("in whatever order samples come, they are kept by time, and the first one at a time stands", () => {
  const sample = fc.tuple(fc.integer({ min: -20, max: 20 }), fc.nat(3), fc.nat(3));
  const bound = fc.integer({ min: -25, max: 25 });
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 80 }), bound, bound, (sent, minMs, maxMs) => {
      const late = new LateSamples();
      const model = new Map<number, Sample>();
      for (const one of sent) {
        const [timestampMs, low, high] = one;
        const there = model.get(timestampMs);
        const same = there !== undefined && there[1] === low && there[2] === high;
        const wanted = there === undefined ? "appended" : same ? "duplicate" : "conflicting";
        equal(late.insert(timestampMs, low, high), wanted);
        if (there === undefined) model.set(timestampMs, one);
      }
      const sorted = [...model.values()].sort((a, b) => a[0] - b[0]);
      deepEqual(samplesOf(late), sorted);
      equal(late.length, sorted.length);
      equal(late.indexFrom(minMs), sorted.filter(([ms]) => ms < minMs).length);
      if (minMs > maxMs) return;
      const copy = late.copy(minMs, maxMs);
      const within = sorted.filter(([ms]) => ms >= minMs && ms <= maxMs);
      deepEqual(samplesOf(copy), within);
      // A copy takes more samples like any other.
      copy.insert(-100, 1, 2);
      copy.insert(100, 3, 4);
      deepEqual(samplesOf(copy), [[-100, 1, 2], ...within, [100, 3, 4]]);
    }),
  );
});

test("samples that come backwards are as cheap as samples in order", () => {
  // Moving all that is there for each would take minutes.
  const late = new LateSamples();
  for (let i = 0; i < 1_000_000; i++) late.insert(-i, i, 0);
  equal(late.length, 1_000_000);
  equal(late.timestampsMs[0], -999_999);
});

test("samples in a random order are nearly as cheap", () => {
  // As above.
  const late = new LateSamples();
  const count = 2 ** 17;
  // An odd factor visits each time once, far from the one before.
  for (let i = 0; i < count; i++) late.insert((i * 83_417) % count, i, 0);
  equal(late.length, count);
  equal(
    late.timestampsMs.every((timestampMs, at) => timestampMs === at),
    true,
  );
});
