import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  parseTimeInterval,
  type WrittenTimeInterval,
} from "../../src/routing/parse-time-interval.ts";
import { isActiveAt } from "../../src/routing/time-interval.ts";

/** The interval as read, with what is wrong with it. */
function read(written: WrittenTimeInterval): {
  problems: string[];
  isActive: (time: string) => boolean;
} {
  const problems: string[] = [];
  const interval = parseTimeInterval(
    written,
    (path, message) => problems.push(`${path.join(".")}: ${message}`),
    "America/New_York",
  );
  return { problems, isActive: (time) => isActiveAt([interval], Date.parse(time)) };
}

const TABLE: readonly (readonly [
  interval: WrittenTimeInterval,
  inside: readonly string[],
  outside: readonly string[],
])[] = [
  [{}, ["2026-01-01T00:00:00Z", "1970-01-01T00:00:00Z"], []],
  [
    { times: [{ start_time: "09:00", end_time: "17:00" }], weekdays: ["monday:friday"] },
    ["2020-04-27T09:00:00Z", "2020-05-01T16:59:59.999Z", "2020-04-29T12:00:00Z"],
    [
      "2020-04-27T08:59:59Z",
      "2020-04-27T17:00:00Z",
      "2020-05-02T12:00:00Z",
      "2020-05-03T12:00:00Z",
    ],
  ],
  [
    {
      times: [
        { start_time: "23:00", end_time: "24:00" },
        { start_time: "00:00", end_time: "01:30" },
      ],
    },
    ["2020-01-01T23:59:59Z", "2020-01-01T00:00:00Z", "2020-01-01T01:29:59Z"],
    ["2020-01-01T01:30:00Z", "2020-01-01T22:59:59Z"],
  ],
  [
    { weekdays: ["Saturday", "sunday:monday"] },
    ["2026-11-21T12:00:00Z", "2026-11-22T12:00:00Z", "2026-11-23T12:00:00Z"],
    ["2026-11-24T00:00:00Z", "2026-11-20T23:59:59Z"],
  ],
  [
    { days_of_month: ["-1"] },
    ["2026-02-28T00:00:00Z", "2024-02-29T00:00:00Z", "2026-04-30T23:59:59Z"],
    ["2024-02-28T00:00:00Z", "2026-03-30T00:00:00Z"],
  ],
  [
    { days_of_month: ["1:5", "-3:-1"] },
    ["2026-06-01T00:00:00Z", "2026-06-05T00:00:00Z", "2026-06-28T00:00:00Z"],
    ["2026-06-06T00:00:00Z", "2026-06-27T00:00:00Z"],
  ],
  [
    { days_of_month: ["31"] },
    ["2026-01-31T00:00:00Z"],
    ["2026-02-28T00:00:00Z", "2026-04-30T00:00:00Z", "2026-03-01T00:00:00Z"],
  ],
  [
    { days_of_month: ["25:31"] },
    ["2026-02-28T00:00:00Z", "2026-02-25T00:00:00Z"],
    ["2026-03-01T00:00:00Z", "2026-02-24T00:00:00Z"],
  ],
  [
    { days_of_month: ["-31:-1"] },
    ["2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-02-28T00:00:00Z"],
    [],
  ],
  [
    { days_of_month: ["-31:-27"] },
    ["2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z", "2026-01-05T00:00:00Z"],
    ["2026-02-03T00:00:00Z", "2026-01-06T00:00:00Z"],
  ],
  [
    { months: ["january:march", "6", "November:12"] },
    [
      "2026-01-31T00:00:00Z",
      "2026-03-01T00:00:00Z",
      "2026-06-30T00:00:00Z",
      "2026-12-31T00:00:00Z",
    ],
    ["2026-04-01T00:00:00Z", "2026-10-31T23:59:59Z"],
  ],
  [
    { years: ["2020:2022", "2026"] },
    ["2020-01-01T00:00:00Z", "2022-12-31T23:59:59Z", "2026-05-05T00:00:00Z"],
    ["2019-12-31T23:59:59Z", "2023-01-01T00:00:00Z"],
  ],
  [
    { times: [{ start_time: "09:00", end_time: "17:00" }], location: "Australia/Sydney" },
    ["2026-01-14T22:00:00Z", "2026-07-14T23:00:00Z"],
    ["2026-01-14T21:59:59Z", "2026-07-14T22:00:00Z", "2026-01-15T06:00:00Z"],
  ],
  [
    { times: [{ start_time: "02:00", end_time: "03:00" }], location: "Europe/Berlin" },
    // In spring this hour is skipped; in autumn it comes twice.
    ["2026-03-28T01:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
    ["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-10-25T02:00:00Z"],
  ],
  [
    // March has an hour less there, and 31 days all the same.
    { days_of_month: ["-1"], location: "Europe/Berlin" },
    ["2026-03-31T12:00:00Z", "2026-03-30T22:00:00Z"],
    ["2026-03-30T12:00:00Z", "2026-03-31T22:00:00Z"],
  ],
  [
    { times: [{ start_time: "00:00", end_time: "12:00" }], location: "Local" },
    ["2026-01-01T05:00:00Z", "2026-01-01T16:59:00Z"],
    ["2026-01-01T04:59:59Z", "2026-01-01T17:00:00Z"],
  ],
  [{ weekdays: [] }, [], ["2026-01-01T00:00:00Z"]],
];

test("an interval holds where all its fields do, on the clock of its zone", () => {
  for (const [written, inside, outside] of TABLE) {
    const { problems, isActive } = read(written);
    deepEqual(problems, [], JSON.stringify(written));
    for (const time of inside) equal(isActive(time), true, `${JSON.stringify(written)} at ${time}`);
    for (const time of outside)
      equal(isActive(time), false, `${JSON.stringify(written)} not at ${time}`);
  }
});

test("of several intervals one is enough, of none none holds", () => {
  const noon = Date.parse("2026-01-01T12:00:00Z");
  equal(isActiveAt([], noon), false);
  equal(isActiveAt([{ years: [{ begin: 2020, end: 2020 }] }, {}], noon), true);
});

const MISTAKES: readonly (readonly [interval: WrittenTimeInterval, problem: RegExp])[] = [
  [
    { times: [{ start_time: "9:00", end_time: "17:00" }] },
    /^times\.0\.start_time: "9:00" is no time; expected .*09:30/,
  ],
  [{ times: [{ start_time: "09:00", end_time: "24:01" }] }, /^times\.0\.end_time: "24:01"/],
  [
    { times: [{ start_time: "09:00", end_time: "09:00" }] },
    /^times\.0: the start_time is not before/,
  ],
  [
    { times: [{ start_time: "22:00", end_time: "06:00" }] },
    /written as two, to 24:00 and from 00:00/,
  ],
  [{ times: [{ start_time: "09:00" }] }, /^times\.0: end_time is missing/],
  [
    { weekdays: ["monday", "mon"] },
    /^weekdays\.1: "mon" is not valid; expected a day such as "monday"/,
  ],
  [{ weekdays: ["1:5"] }, /^weekdays\.0: /],
  [{ weekdays: ["friday:monday"] }, /begins after its end; .* a week begins with sunday/],
  [{ weekdays: ["monday:tuesday:friday"] }, /^weekdays\.0: /],
  [{ days_of_month: ["0"] }, /^days_of_month\.0: "0" is not valid; expected days from 1 to 31/],
  [{ days_of_month: ["1:32"] }, /^days_of_month\.0: /],
  [{ days_of_month: ["-32"] }, /^days_of_month\.0: /],
  [{ days_of_month: ["-3:5"] }, /begins counted from the end/],
  [{ days_of_month: ["10:5"] }, /begins after its end/],
  [{ days_of_month: ["10:-25"] }, /begins after its end in some months/],
  [{ days_of_month: ["first"] }, /^days_of_month\.0: /],
  [{ months: ["jan"] }, /^months\.0: "jan" is not valid; expected months by name or from 1 to 12/],
  [{ months: ["13"] }, /^months\.0: /],
  [{ months: ["march:1"] }, /begins after its end/],
  [{ years: ["2022:2020"] }, /^years\.0: "2022:2020" begins after its end/],
  [{ years: ["MMXX"] }, /^years\.0: /],
  [{ years: [""] }, /^years\.0: /],
  [{ location: "Europe/Atlantis" }, /^location: "Europe\/Atlantis" is no time zone/],
  [{ location: "+01:00" }, /^location: /],
];

test("each mistake is named with its field and what is allowed", () => {
  for (const [written, problem] of MISTAKES) {
    const { problems } = read(written);
    equal(problems.length, 1, JSON.stringify(written));
    equal(problem.test(problems[0] ?? ""), true, problems[0] ?? "");
  }
});

test("in any zone, an hour of the day holds for exactly the minutes whose clock shows it", () => {
  const zones = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata"];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: 0, max: 23 }),
      fc.integer({ min: 0, max: 4 * 365 * 1440 }),
      (location, hour, minute) => {
        const timeMs = Date.UTC(2024, 0, 1) + minute * 60_000;
        const shown = new Intl.DateTimeFormat("en", {
          timeZone: location,
          hour: "numeric",
          hourCycle: "h23",
        }).format(timeMs);
        const times = [{ startMinute: hour * 60, endMinute: hour * 60 + 60 }];
        equal(isActiveAt([{ times, location }], timeMs), Number(shown) === hour);
      },
    ),
    { numRuns: 400 },
  );
});
