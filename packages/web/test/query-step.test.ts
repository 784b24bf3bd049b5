import fc from "fast-check";
import { expect, test } from "vitest";
import {
  alignToStep,
  allowedStepMs,
  autoStepMs,
  POINTS_MAX,
  POINTS_WANTED,
} from "../src/query-step.ts";
import { RANGE_MS_MAX, RANGE_MS_MIN } from "../src/time-range.ts";

const lengths = fc.integer({ min: RANGE_MS_MIN, max: RANGE_MS_MAX });

test("an hour is drawn every 15 s, a day every 5 m, a month every 3 h", () => {
  expect(autoStepMs(3_600_000)).toBe(15_000);
  expect(autoStepMs(86_400_000)).toBe(300_000);
  expect(autoStepMs(30 * 86_400_000)).toBe(3 * 3_600_000);
});

test("no range asks for more points than are seen", () => {
  fc.assert(
    fc.property(lengths, (lengthMs) => {
      expect(lengthMs / autoStepMs(lengthMs)).toBeLessThanOrEqual(POINTS_WANTED);
    }),
  );
});

test("a step of the reader's own is kept unless the server would refuse it", () => {
  expect(allowedStepMs(1000, 3_600_000)).toBe(1000);
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 3_600_000 }), (lengthMs, stepMs) => {
      const allowed = allowedStepMs(stepMs, lengthMs);
      expect(allowed).toBeGreaterThanOrEqual(stepMs);
      expect(Math.floor(lengthMs / allowed) + 1).toBeLessThanOrEqual(POINTS_MAX);
    }),
  );
});

test("an aligned interval lies on multiples of the step and loses less than one at each end", () => {
  fc.assert(
    fc.property(fc.nat(2_000_000_000_000), lengths, (fromMs, lengthMs) => {
      const stepMs = autoStepMs(lengthMs);
      const toMs = fromMs + lengthMs;
      const aligned = alignToStep({ fromMs, toMs }, stepMs);
      expect([aligned.fromMs % stepMs, aligned.toMs % stepMs]).toEqual([0, 0]);
      expect(toMs - aligned.toMs).toBeLessThan(stepMs);
      expect(fromMs - aligned.fromMs).toBeLessThan(stepMs);
    }),
  );
});
