import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { onCallAt, type Schedule, type ScheduleLayer, shifts } from "../src/index.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function at(text: string, timeZone = "Europe/Berlin"): number {
  return Temporal.PlainDateTime.from(text).toZonedDateTime(timeZone).epochMilliseconds;
}

function layer(change: Partial<ScheduleLayer> = {}): ScheduleLayer {
  return {
    name: "weekly",
    participants: ["ada", "bob", "cyd"],
    startsAt: "2026-01-05T09:00",
    handover: { kind: "every", hours: 7 * 24 },
    ...change,
  };
}

function schedule(layers: readonly ScheduleLayer[], change: Partial<Schedule> = {}): Schedule {
  return { name: "primary", timeZone: "Europe/Berlin", layers, overrides: [], ...change };
}

/** `who from`, in local time. */
function told(of: Schedule, from: string, to: string): string[] {
  return shifts(of, at(from), at(to)).map(({ onDuty, startsAtMs }) => {
    const wall = Temporal.Instant.fromEpochMilliseconds(startsAtMs)
      .toZonedDateTimeISO(of.timeZone)
      .toPlainDateTime();
    return `${onDuty?.contact ?? "nobody"} ${wall}`;
  });
}

test("people take turns by the week, and hand over at the same time of the day in summer and in winter", () => {
  deepEqual(told(schedule([layer()]), "2026-03-16T09:00", "2026-04-13T00:00"), [
    "bob 2026-03-16T09:00:00",
    "cyd 2026-03-23T09:00:00",
    "ada 2026-03-30T09:00:00",
    "bob 2026-04-06T09:00:00",
  ]);
});

test("turns last days, or hours, or until days of the week", () => {
  const days = layer({ handover: { kind: "every", hours: 48 } });
  deepEqual(told(schedule([days]), "2026-01-05T09:00", "2026-01-10T00:00"), [
    "ada 2026-01-05T09:00:00",
    "bob 2026-01-07T09:00:00",
    "cyd 2026-01-09T09:00:00",
  ]);
  const hours = layer({ handover: { kind: "every", hours: 12 }, participants: ["ada", "bob"] });
  deepEqual(told(schedule([hours]), "2026-03-28T09:00", "2026-03-30T00:00"), [
    "ada 2026-03-28T09:00:00",
    "bob 2026-03-28T21:00:00",
    "ada 2026-03-29T09:00:00",
    "bob 2026-03-29T21:00:00",
  ]);
  const weekends = layer({
    handover: { kind: "weekdays", weekdays: [1, 5] },
    participants: ["week", "weekend"],
  });
  deepEqual(told(schedule([weekends]), "2026-01-05T09:00", "2026-01-20T00:00"), [
    "week 2026-01-05T09:00:00",
    "weekend 2026-01-09T09:00:00",
    "week 2026-01-12T09:00:00",
    "weekend 2026-01-16T09:00:00",
    "week 2026-01-19T09:00:00",
  ]);
});

test("a layer counts within its restrictions, the later of two counts, and an override before all", () => {
  const location = "Europe/Berlin";
  const nights = layer({
    name: "nights",
    participants: ["owl"],
    startsAt: "2026-01-01T00:00",
    restrictions: [
      { times: [{ startMinute: 22 * 60, endMinute: 24 * 60 }], location },
      { times: [{ startMinute: 0, endMinute: 6 * 60 }], location },
    ],
  });
  const of = schedule([layer(), nights], {
    overrides: [
      {
        id: "1",
        contact: "dee",
        startsAtMs: at("2026-01-07T05:00"),
        endsAtMs: at("2026-01-07T12:00"),
      },
    ],
  });
  deepEqual(told(of, "2026-01-06T12:00", "2026-01-08T00:00"), [
    "ada 2026-01-06T12:00:00",
    "owl 2026-01-06T22:00:00",
    "dee 2026-01-07T05:00:00",
    "ada 2026-01-07T12:00:00",
    "owl 2026-01-07T22:00:00",
  ]);
});

test("before a layer begins and after it ends nobody is on call by it", () => {
  const of = schedule([layer({ endsAt: "2026-01-14T09:00" })]);
  deepEqual(told(of, "2026-01-01T00:00", "2026-02-01T00:00"), [
    "nobody 2026-01-01T00:00:00",
    "ada 2026-01-05T09:00:00",
    "bob 2026-01-12T09:00:00",
    "nobody 2026-01-14T09:00:00",
  ]);
});

test("a hand-over at a time that comes twice is at the first of the two, at one that is skipped an hour later", () => {
  const of = schedule([
    layer({ startsAt: "2026-01-05T02:30", handover: { kind: "every", hours: 24 } }),
  ]);
  const around = (from: string, to: string): number[] =>
    shifts(of, at(from), at(to)).map(({ startsAtMs }) => startsAtMs);
  const spring = around("2026-03-28T12:00", "2026-03-30T12:00");
  deepEqual(
    spring.slice(1).map((ms) => new Date(ms).toISOString()),
    ["2026-03-29T01:30:00.000Z", "2026-03-30T00:30:00.000Z"],
  );
  const autumn = around("2026-10-24T12:00", "2026-10-26T12:00");
  deepEqual(
    autumn.slice(1).map((ms) => new Date(ms).toISOString()),
    ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"],
  );
});

const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"];

const layers = fc.record({
  zone: fc.constantFrom(...ZONES, "Africa/Casablanca", "Pacific/Apia"),
  participants: fc.integer({ min: 1, max: 4 }),
  hour: fc.integer({ min: 0, max: 23 }),
  minute: fc.constantFrom(0, 30),
  handover: fc.oneof(
    fc.record({ kind: fc.constant("every" as const), hours: fc.integer({ min: 1, max: 400 }) }),
    fc
      .uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 })
      .map((days) => ({ kind: "weekdays" as const, weekdays: days.sort((a, b) => a - b) })),
  ),
  /** In minutes from the start, over the changes of the clock of more than a year. */
  minuteAsked: fc.integer({ min: 0, max: 500 * 24 * 60 }),
});

test("at every minute exactly one person of a layer is on call, and the turns go round", () => {
  fc.assert(
    fc.property(layers, ({ zone, participants, hour, minute, handover, minuteAsked }) => {
      const names = Array.from({ length: participants }, (_, i) => `p${i}`);
      const time = `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
      const of = schedule(
        [layer({ participants: names, startsAt: `2026-01-05T${time}`, handover })],
        { timeZone: zone },
      );
      const startMs = at(`2026-01-05T${time}`, zone);
      const fromMs = startMs + minuteAsked * 60_000;
      const found = shifts(of, fromMs, fromMs + 3 * DAY_MS);
      let endMs = fromMs;
      for (const { onDuty, startsAtMs, endsAtMs } of found) {
        equal(startsAtMs, endMs, "no hole, no overlap");
        ok(endsAtMs > startsAtMs);
        ok(onDuty !== null, "somebody is on call");
        for (const ms of [startsAtMs, Math.floor((startsAtMs + endsAtMs) / 2), endsAtMs - 1])
          equal(onCallAt(of, ms)?.contact, onDuty.contact, "a shift is what the minutes say");
        endMs = endsAtMs;
      }
      equal(endMs, fromMs + 3 * DAY_MS);
      // A turn that the clocks skip may be left out: of each other two the later is the next in order.
      for (const [i, { onDuty, startsAtMs }] of found.slice(1).entries()) {
        const before = names.indexOf(found[i]?.onDuty?.contact ?? "");
        const skipped = handover.kind === "every" && handover.hours <= 24;
        if (!skipped)
          equal(names.indexOf(onDuty?.contact ?? ""), (before + 1) % participants, `${startsAtMs}`);
      }
    }),
    { numRuns: 300 },
  );
});

test("in the weeks in which clocks change, hand-overs are at the hour that people agreed on", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ZONES),
      fc.integer({ min: 4, max: 23 }),
      fc.integer({ min: 1, max: 10 }),
      (zone, hour, days) => {
        const time = `${String(hour).padStart(2, "0")}:00`;
        const of = schedule(
          [
            layer({
              startsAt: `2026-01-05T${time}`,
              handover: { kind: "every", hours: 24 * days },
            }),
          ],
          { timeZone: zone },
        );
        for (const { startsAtMs } of shifts(
          of,
          at("2026-02-20T00:00", zone),
          at("2026-12-01T00:00", zone),
        ).slice(1)) {
          const wall = Temporal.Instant.fromEpochMilliseconds(startsAtMs).toZonedDateTimeISO(zone);
          equal(wall.hour * 60 + wall.minute, hour * 60);
        }
      },
    ),
    { numRuns: 40 },
  );
});
