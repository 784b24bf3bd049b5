import fc from "fast-check";
import { expect, test } from "vitest";
import {
  absoluteRange,
  formatRange,
  formatTimeBound,
  formatTimeBoundIn,
  lastRange,
  NOW,
  parseTimeBound,
  RANGE_MS_MIN,
  rangeProblem,
  resolveRange,
  shiftRange,
  type TimeBound,
  zoomOut,
  zoomTo,
} from "../src/time-range.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = Date.parse("2026-11-21T12:00:00Z");
const BERLIN = "Europe/Berlin";

const absolute = (text: string): TimeBound => ({ kind: "absolute", timestampMs: Date.parse(text) });

test("a bound is now, so long before now, a wall time of the zone, or a timestamp", () => {
  expect(parseTimeBound(" now ", BERLIN)).toEqual(NOW);
  expect(parseTimeBound("now-1h30m", BERLIN)).toEqual({ kind: "relative", agoMs: 1.5 * HOUR_MS });
  expect(parseTimeBound("2026-11-21 14:05", BERLIN)).toEqual(absolute("2026-11-21T13:05:00Z"));
  expect(parseTimeBound("2026-11-21 14:05:09", "UTC")).toEqual(absolute("2026-11-21T14:05:09Z"));
  expect(parseTimeBound("2026-11-21", BERLIN)).toEqual(absolute("2026-11-20T23:00:00Z"));
  expect(parseTimeBound("2026-11-21T14:05:00+01:00", "UTC")).toEqual(
    absolute("2026-11-21T13:05:00Z"),
  );
  expect(parseTimeBound("1795262400", BERLIN)).toEqual(absolute("2026-11-21T12:00:00Z"));
  expect(parseTimeBound("1795262400000", BERLIN)).toEqual(absolute("2026-11-21T12:00:00Z"));
});

test("what is no time is refused, and not rolled over into another day", () => {
  for (const text of [
    "",
    "yesterday",
    "now-",
    "now+1h",
    "now-1x",
    "now-300y",
    "2026-02-29",
    "2026-13-01",
    "2026-11-31 10:00",
    "2026-11-21 24:00",
    "2026-11-21 10:60",
    "2026-02-30T10:00",
  ])
    expect(parseTimeBound(text, BERLIN), text).toBeUndefined();
});

const bounds = fc.oneof(
  fc
    .integer({ min: 0, max: 10 * 365 * 86_400 })
    .map((sec): TimeBound => ({ kind: "relative", agoMs: sec * 1000 })),
  fc
    .integer({ min: 0, max: 4_000_000_000_000 })
    .map((timestampMs): TimeBound => ({ kind: "absolute", timestampMs })),
);

test("a bound in the URL means the same in every zone", () => {
  fc.assert(
    fc.property(bounds, fc.constantFrom("UTC", BERLIN, "Asia/Kathmandu"), (bound, zone) => {
      expect(parseTimeBound(formatTimeBound(bound), zone)).toEqual(bound);
    }),
  );
});

test("a bound in the picker can be applied as it stands", () => {
  fc.assert(
    fc.property(bounds, (bound) => {
      const again = parseTimeBound(formatTimeBoundIn(bound, "Asia/Tokyo"), "Asia/Tokyo");
      if (bound.kind === "relative") expect(again).toEqual(bound);
      else
        expect(again).toEqual({
          kind: "absolute",
          timestampMs: Math.floor(bound.timestampMs / 1000) * 1000,
        });
    }),
  );
});

test("a range in words is short where it can be", () => {
  expect(formatRange(lastRange(HOUR_MS), "UTC")).toBe("Last 1h");
  const range = { from: absolute("2026-11-21T10:00:00Z"), to: absolute("2026-11-21T11:30:00Z") };
  expect(formatRange(range, "UTC")).toBe("2026-11-21 10:00 to 11:30");
  expect(formatRange(range, "Pacific/Auckland")).toBe("2026-11-21 23:00 to 2026-11-22 00:30");
});

test("a relative range follows now and an absolute one does not", () => {
  const relative = lastRange(HOUR_MS);
  expect(resolveRange(relative, NOW_MS)).toEqual({ fromMs: NOW_MS - HOUR_MS, toMs: NOW_MS });
  const fixed = absoluteRange({ fromMs: 1_000_000, toMs: 2_000_000 });
  expect(resolveRange(fixed, NOW_MS)).toEqual(resolveRange(fixed, NOW_MS + HOUR_MS));
});

test("any two bounds give a range with its start before its end, within the limits", () => {
  fc.assert(
    fc.property(bounds, bounds, (from, to) => {
      const { fromMs, toMs } = resolveRange({ from, to }, NOW_MS);
      expect(toMs - fromMs).toBeGreaterThanOrEqual(RANGE_MS_MIN);
      expect(toMs - fromMs).toBeLessThanOrEqual(3650 * 24 * HOUR_MS);
    }),
  );
});

test("a reversed or too short range is named before it is applied", () => {
  const reversed = { from: NOW, to: { kind: "relative", agoMs: HOUR_MS } } as const;
  expect(rangeProblem(reversed, NOW_MS)).toMatch(/after the start/);
  expect(rangeProblem(lastRange(5000), NOW_MS)).toMatch(/at least 10 seconds/);
  expect(rangeProblem(lastRange(HOUR_MS), NOW_MS)).toBeUndefined();
});

test("zooming out of a range that ends now doubles it and still ends now", () => {
  expect(zoomOut(lastRange(HOUR_MS), NOW_MS)).toEqual(lastRange(2 * HOUR_MS));
});

test("zooming out of a past range doubles it around its middle, never beyond now", () => {
  const past = absoluteRange({ fromMs: NOW_MS - 6 * HOUR_MS, toMs: NOW_MS - 4 * HOUR_MS });
  expect(resolveRange(zoomOut(past, NOW_MS), NOW_MS)).toEqual({
    fromMs: NOW_MS - 7 * HOUR_MS,
    toMs: NOW_MS - 3 * HOUR_MS,
  });
  const recent = absoluteRange({ fromMs: NOW_MS - 2 * HOUR_MS, toMs: NOW_MS - 1000 });
  expect(resolveRange(zoomOut(recent, NOW_MS), NOW_MS).toMs).toBe(NOW_MS);
});

test("a zoom into a sliver is widened to the shortest range", () => {
  const { fromMs, toMs } = resolveRange(zoomTo({ fromMs: 1000, toMs: 1500 }), NOW_MS);
  expect(toMs - fromMs).toBe(RANGE_MS_MIN);
});

test("a step into the past and back ends where it began", () => {
  const before = shiftRange(lastRange(HOUR_MS), -1, NOW_MS);
  expect(resolveRange(before, NOW_MS)).toEqual({
    fromMs: NOW_MS - 1.5 * HOUR_MS,
    toMs: NOW_MS - 0.5 * HOUR_MS,
  });
  expect(shiftRange(before, 1, NOW_MS)).toEqual(lastRange(HOUR_MS));
});
