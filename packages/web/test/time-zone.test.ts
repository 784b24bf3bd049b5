import fc from "fast-check";
import { expect, test } from "vitest";
import { timestampAt, wallTimeAt } from "../src/time-zone.ts";

const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"];

function at(text: string, zone: string): string {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = text.split(/\D/).map(Number);
  return new Date(timestampAt({ year, month, day, hour, minute, second: 0 }, zone)).toISOString();
}

test("a wall time is read in its zone, in summer and in winter", () => {
  expect(at("2026-01-15 12:00", "Europe/Berlin")).toBe("2026-01-15T11:00:00.000Z");
  expect(at("2026-07-15 12:00", "Europe/Berlin")).toBe("2026-07-15T10:00:00.000Z");
  expect(at("2026-07-15 12:00", "Asia/Kathmandu")).toBe("2026-07-15T06:15:00.000Z");
});

test("a time that the clock skips in spring is the one after the jump", () => {
  expect(at("2026-03-29 02:30", "Europe/Berlin")).toBe("2026-03-29T01:30:00.000Z");
  expect(at("2026-03-08 02:30", "America/New_York")).toBe("2026-03-08T07:30:00.000Z");
});

test("a time that the clock shows twice in autumn is the first of them", () => {
  expect(at("2026-10-25 02:30", "Europe/Berlin")).toBe("2026-10-25T00:30:00.000Z");
  expect(at("2026-04-05 01:45", "Australia/Lord_Howe")).toBe("2026-04-04T14:45:00.000Z");
});

test("a day of 25 hours has 25 hours", () => {
  const from = Date.parse(at("2026-10-25 00:00", "Europe/Berlin"));
  const to = Date.parse(at("2026-10-26 00:00", "Europe/Berlin"));
  expect((to - from) / 3_600_000).toBe(25);
});

test("what the wall clock shows leads back to a time at which it shows the same", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2_000_000_000 }),
      fc.constantFrom(...ZONES),
      (sec, zone) => {
        const wall = wallTimeAt(sec * 1000, zone);
        const backMs = timestampAt(wall, zone);
        expect(wallTimeAt(backMs, zone)).toEqual(wall);
        // Two hours: no zone here puts its clock back by more.
        expect(sec * 1000 - backMs).toBeGreaterThanOrEqual(0);
        expect(sec * 1000 - backMs).toBeLessThanOrEqual(7_200_000);
      },
    ),
  );
});
