import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  activeWindow,
  type Recurrence,
  RRULE_LENGTH_MAX,
  recurrenceProblem,
} from "../../src/silence/recurrence.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The first `count` windows from `from` on, as starts and ends in UTC. */
function windows(
  recurrence: Recurrence,
  startsAt: string,
  from: string,
  count: number,
  endsAt = "2040-01-01T00:00Z",
): string[] {
  const startsAtMs = Date.parse(startsAt);
  const endsAtMs = Date.parse(endsAt);
  equal(recurrenceProblem(recurrence, startsAtMs, endsAtMs), undefined);
  const found: string[] = [];
  let nowMs = Date.parse(from);
  while (found.length < count) {
    const window = activeWindow({ startsAtMs, endsAtMs, recurrence }, nowMs);
    if (window === undefined) break;
    found.push(`${text(window.startsAtMs)} ${text(window.endsAtMs)}`);
    nowMs = window.endsAtMs;
  }
  return found;
}

function text(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(5, 16);
}

const BERLIN = { durationMs: HOUR_MS, timeZone: "Europe/Berlin" };

test("a window begins at the same time of the day in summer and in winter", () => {
  const rule = { ...BERLIN, rrule: "FREQ=WEEKLY;BYDAY=MO" };
  deepEqual(windows(rule, "2026-03-02T03:00Z", "2026-03-20T00:00Z", 2), [
    "03-23T03:00 03-23T04:00",
    "03-30T02:00 03-30T03:00",
  ]);
  deepEqual(windows(rule, "2026-03-02T03:00Z", "2026-10-19T00:00Z", 2), [
    "10-19T02:00 10-19T03:00",
    "10-26T03:00 10-26T04:00",
  ]);
});

test("a start that the clocks skip is as much later, one that comes twice is the first, and both last as long", () => {
  const rule = { ...BERLIN, rrule: "FREQ=DAILY" };
  deepEqual(windows(rule, "2026-03-01T01:30Z", "2026-03-28T00:00Z", 3), [
    "03-28T01:30 03-28T02:30",
    "03-29T01:30 03-29T02:30",
    "03-30T00:30 03-30T01:30",
  ]);
  deepEqual(windows(rule, "2026-03-01T01:30Z", "2026-10-24T00:00Z", 3), [
    "10-24T00:30 10-24T01:30",
    "10-25T00:30 10-25T01:30",
    "10-26T01:30 10-26T02:30",
  ]);
});

test("rules of RFC 5545 say which days and hours", () => {
  const utc = { durationMs: HOUR_MS, timeZone: "UTC" };
  const starts = (rrule: string, count: number): string[] =>
    windows({ ...utc, rrule }, "2026-01-01T09:00Z", "2026-01-01T09:00Z", count).map((window) =>
      window.slice(0, 11),
    );
  deepEqual(starts("FREQ=MONTHLY;BYDAY=-1SU", 3), ["01-25T09:00", "02-22T09:00", "03-29T09:00"]);
  deepEqual(starts("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", 2), [
    "01-30T09:00",
    "02-27T09:00",
  ]);
  deepEqual(starts("FREQ=MONTHLY;BYMONTHDAY=31", 3), ["01-31T09:00", "03-31T09:00", "05-31T09:00"]);
  deepEqual(starts("FREQ=WEEKLY;INTERVAL=2;BYDAY=TH,FR;BYHOUR=2,14", 5), [
    "01-01T14:00",
    "01-02T02:00",
    "01-02T14:00",
    "01-15T02:00",
    "01-15T14:00",
  ]);
  deepEqual(starts("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", 1), ["02-29T09:00"]);
  deepEqual(starts("FREQ=DAILY;INTERVAL=3", 2), ["01-01T09:00", "01-04T09:00"]);
});

test("windows that overlap or touch are one, and none reaches beyond the end", () => {
  const rule = { durationMs: 36 * HOUR_MS, timeZone: "UTC", rrule: "FREQ=WEEKLY;BYDAY=SA,SU" };
  deepEqual(windows(rule, "2026-01-01T00:00Z", "2026-01-01T00:00Z", 9, "2026-01-11T06:00Z"), [
    "01-03T00:00 01-05T12:00",
    "01-10T00:00 01-11T06:00",
  ]);
});

test("before the first window there is the first, after the end there is none", () => {
  const rule = { durationMs: HOUR_MS, timeZone: "UTC", rrule: "FREQ=DAILY;BYHOUR=3" };
  deepEqual(windows(rule, "2026-06-01T12:00Z", "2020-01-01T00:00Z", 1), [
    "06-02T03:00 06-02T04:00",
  ]);
  deepEqual(windows(rule, "2026-06-01T12:00Z", "2026-06-03T00:00Z", 1, "2026-06-03T00:00Z"), []);
});

const MISTAKES: readonly (readonly [change: Partial<Recurrence>, problem: RegExp])[] = [
  [{ rrule: "" }, /^rrule part "" is not known; expected a rule of RFC 5545/],
  [{ rrule: "RRULE:FREQ=DAILY" }, /^rrule part "RRULE:FREQ=DAILY" is not known/],
  [{ rrule: "BYDAY=MO" }, /^rrule has no FREQ/],
  [{ rrule: "FREQ=MINUTELY" }, /^rrule part "FREQ=MINUTELY" is not valid/],
  [{ rrule: "FREQ=DAILY;FREQ=DAILY" }, /^rrule has FREQ twice/],
  [{ rrule: "FREQ=DAILY;COUNT=3" }, /^rrule has COUNT; say when the silence ends/],
  [{ rrule: "FREQ=DAILY;UNTIL=20260101T000000Z" }, /^rrule has UNTIL/],
  [{ rrule: "FREQ=DAILY;BYMONTH=13" }, /^rrule part "BYMONTH=13" is not valid/],
  [{ rrule: "FREQ=DAILY;INTERVAL=0" }, /^rrule part "INTERVAL=0"/],
  [{ rrule: "FREQ=DAILY;BYHOUR=24" }, /^rrule part "BYHOUR=24"/],
  [{ rrule: "FREQ=WEEKLY;BYDAY=1MO" }, /^rrule "FREQ=WEEKLY;BYDAY=1MO": BYDAY/],
  [{ rrule: "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30" }, /has no window before the silence ends/],
  [{ rrule: `FREQ=DAILY;BYHOUR=${"1,".repeat(RRULE_LENGTH_MAX)}1` }, /at most 500 are read/],
  [{ rrule: "FREQ=DAILY;__proto__=1" }, /^rrule part "__proto__=1" is not known/],
  [
    {
      rrule: "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=0,5,10,15,20,25,30,35,40,45,50",
      durationMs: 31 * DAY_MS,
    },
    /^up to 1023 windows begin while one lasts; at most 1000/,
  ],
  [{ durationMs: 1000 }, /^duration must be from 1 minute to 31 days$/],
  [{ durationMs: 32 * DAY_MS }, /^duration must be/],
  [{ durationMs: Number.NaN }, /^duration must be/],
  [{ timeZone: "CEST+2" }, /^timeZone "CEST\+2" is not known; expected a time zone such as/],
];

test("each mistake in a recurrence is named with what is allowed", () => {
  const startsAtMs = Date.UTC(2026, 0, 1);
  for (const [change, problem] of MISTAKES) {
    const recurrence = { ...BERLIN, rrule: "FREQ=DAILY", ...change };
    match(
      recurrenceProblem(recurrence, startsAtMs, startsAtMs + 365 * DAY_MS) ?? "nothing",
      problem,
    );
  }
});

test("the densest and longest windows that are allowed are found in time", () => {
  const rule = { ...BERLIN, rrule: "FREQ=HOURLY", durationMs: 31 * DAY_MS };
  const found = windows(rule, "2010-01-01T00:00Z", "2026-06-01T00:00Z", 1, "2026-09-01T00:00Z");
  equal(found[0]?.slice(12), "09-01T00:00");
});

test("a rule whose next window is years away is no trouble", () => {
  const rule = { ...BERLIN, rrule: "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=29" };
  deepEqual(windows(rule, "2025-01-01T00:00Z", "2025-01-01T00:00Z", 1), [
    "02-28T23:00 02-29T23:00",
  ]);
});

/** Zones that move their clocks: by an hour, by half an hour, at midnight, in the south, and one by a whole day. */
const ZONES: readonly (readonly [zone: string, aroundMs: number])[] = [
  ["Europe/Berlin", Date.UTC(2026, 2, 29)],
  ["Europe/Berlin", Date.UTC(2026, 9, 25)],
  ["America/New_York", Date.UTC(2026, 2, 8)],
  ["America/New_York", Date.UTC(2026, 10, 1)],
  ["Australia/Lord_Howe", Date.UTC(2026, 3, 5)],
  ["Australia/Lord_Howe", Date.UTC(2026, 9, 4)],
  ["America/Santiago", Date.UTC(2026, 8, 6)],
  ["Pacific/Apia", Date.UTC(2011, 11, 30)],
  ["Asia/Kolkata", Date.UTC(2026, 5, 1)],
];

/** What the clock of a zone shows, in minutes since 1970. */
function wallMinute(timeMs: number, timeZone: string): number {
  const at = Temporal.Instant.fromEpochMilliseconds(timeMs).toZonedDateTimeISO(timeZone);
  return timeMs / MINUTE_MS + at.offsetNanoseconds / 6e10;
}

/**
 * Whether each minute is in a window, found by walking: a window begins in the first minute at which the clock has
 * reached its time of a day that counts, or when a jump forward has passed over it.
 */
function walk(
  zone: string,
  fromMs: number,
  minuteCount: number,
  isStart: (wall: number) => boolean,
  durationMinutes: number,
): boolean[] {
  const begun = new Set<number>();
  const openUntil: number[] = [];
  const active: boolean[] = [];
  let previous = wallMinute(fromMs - MINUTE_MS, zone);
  for (let minute = 0; minute < minuteCount; minute++) {
    const wall = wallMinute(fromMs + minute * MINUTE_MS, zone);
    for (let passed = previous + 1; passed <= wall; passed++) {
      if (!isStart(passed) || begun.has(passed)) continue;
      begun.add(passed);
      // A start within a jump is as much later as the jump is long.
      const late = passed < wall ? passed - previous - 1 : 0;
      openUntil.push(minute + late, minute + late + durationMinutes);
    }
    previous = wall;
    let isActive = false;
    for (let i = 0; i < openUntil.length; i += 2)
      isActive ||= (openUntil[i] as number) <= minute && minute < (openUntil[i + 1] as number);
    active.push(isActive);
  }
  return active;
}

test("across every change of the clocks, the windows are those of walking minute by minute", () => {
  const dayMinutes = 1440;
  let activeCount = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...ZONES),
      fc.integer({ min: 0, max: dayMinutes - 1 }),
      fc.constantFrom(1, 30, 60, 150, 1500),
      fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 7 }),
      ([timeZone, aroundMs], startMinute, durationMinutes, days) => {
        const fromMs = aroundMs - 3 * DAY_MS;
        const startsAtMs = fromMs - 30 * DAY_MS;
        const byDay = days.map((day) => ["TH", "FR", "SA", "SU", "MO", "TU", "WE"][day]).join();
        const [hour, minute] = [Math.floor(startMinute / 60), startMinute % 60];
        const recurrence: Recurrence = {
          rrule: `FREQ=WEEKLY;BYDAY=${byDay};BYHOUR=${hour};BYMINUTE=${minute}`,
          durationMs: durationMinutes * MINUTE_MS,
          timeZone,
        };
        // The days of 1970 began with a Thursday.
        const isStart = (wall: number): boolean =>
          wall % dayMinutes === startMinute && days.includes(Math.floor(wall / dayMinutes) % 7);
        const leadMinutes = 2 * dayMinutes;
        const minuteCount = 5 * dayMinutes;
        const expected = walk(
          timeZone,
          fromMs - leadMinutes * MINUTE_MS,
          leadMinutes + minuteCount,
          isStart,
          durationMinutes,
        ).slice(leadMinutes);
        const recurring = { startsAtMs, endsAtMs: aroundMs + 30 * DAY_MS, recurrence };
        let at = 0;
        while (at < minuteCount) {
          const nowMs = fromMs + at * MINUTE_MS;
          const window = activeWindow(recurring, nowMs);
          ok(window !== undefined);
          const isActive = window.startsAtMs <= nowMs;
          const untilMs = isActive ? window.endsAtMs : window.startsAtMs;
          for (; at < minuteCount && fromMs + at * MINUTE_MS < untilMs; at++) {
            equal(
              expected[at],
              isActive,
              `${recurrence.rrule} ${timeZone} at ${text(fromMs + at * MINUTE_MS)}`,
            );
            if (isActive) activeCount++;
          }
        }
      },
    ),
    { numRuns: 40 },
  );
  ok(activeCount > 1000, "windows were met");
});
