import { expect, test } from "vitest";
import { overviewRange } from "../src/host-overview.ts";
import { lastRange } from "../src/time-range.ts";

const NOW_MS = 1_000_000_000_000;
const MINUTE_MS = 60_000;

test("the overview begins with two minutes, grows with its samples, and stops at an hour", () => {
  const after = (ageMs: number) => overviewRange(NOW_MS - ageMs, NOW_MS);
  expect(overviewRange(undefined, NOW_MS)).toEqual(lastRange(2 * MINUTE_MS));
  expect(after(MINUTE_MS)).toEqual(lastRange(2 * MINUTE_MS));
  expect(after(4 * MINUTE_MS)).toEqual(lastRange(5 * MINUTE_MS));
  expect(after(40 * MINUTE_MS)).toEqual(lastRange(60 * MINUTE_MS));
  expect(after(9000 * MINUTE_MS)).toEqual(lastRange(60 * MINUTE_MS));
});
