import { equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DURATION_MS_MAX, formatDuration, parseDuration } from "../src/duration.ts";

test("durations are read as Prometheus reads them", () => {
  const table: readonly (readonly [string, number | undefined])[] = [
    ["0", 0],
    ["0s", 0],
    ["15s", 15_000],
    ["1h30m", 5_400_000],
    ["1d12h", 129_600_000],
    ["2w", 1_209_600_000],
    ["1y", 31_536_000_000],
    ["10ms", 10],
    ["1m500ms", 60_500],
    ["", undefined],
    ["1", undefined],
    ["-5m", undefined],
    ["30m1h", undefined],
    ["5m5m", undefined],
    ["1.5h", undefined],
    ["1 h", undefined],
    ["294y", undefined],
  ];
  for (const [text, ms] of table) equal(parseDuration(text), ms, text);
});

test("durations are written as Prometheus writes them", () => {
  const table: readonly (readonly [number, string])[] = [
    [0, "0s"],
    [1, "1ms"],
    [90_000, "1m30s"],
    [86_400_000 * 7, "1w"],
    [86_400_000 * 8, "8d"],
    [86_400_000 * 365, "1y"],
    [-300_000, "-5m"],
  ];
  for (const [ms, text] of table) equal(formatDuration(ms), text);
});

test("what is written is read back", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (n) => {
      const ms = n % DURATION_MS_MAX;
      equal(parseDuration(formatDuration(ms)), ms);
    }),
  );
});
