import { quote } from "@pharos/base";
import type { InclusiveRange, TimeInterval, TimeRange } from "./time-interval.ts";
import { isTimeZone, TIME_ZONE_HINT } from "./time-zone.ts";

/** An interval as `alertmanager.yml` has it. */
export interface WrittenTimeInterval {
  readonly times?: readonly WrittenTimeRange[] | undefined;
  /** Such as "monday:friday"; so are the others, each with what it counts. */
  readonly weekdays?: readonly string[] | undefined;
  readonly days_of_month?: readonly string[] | undefined;
  readonly months?: readonly string[] | undefined;
  readonly years?: readonly string[] | undefined;
  readonly location?: string | undefined;
}

export interface WrittenTimeRange {
  readonly start_time?: string | undefined;
  readonly end_time?: string | undefined;
}

/** Hears of each mistake: where it is within the interval, what it is and what is allowed. */
export type ReportProblem = (path: readonly (string | number)[], message: string) => void;

/**
 * Reads an interval as Alertmanager does. What is reported as wrong is left out of the result. `localTimeZone` is what
 * the location "Local" stands for.
 */
export function parseTimeInterval(
  written: WrittenTimeInterval,
  report: ReportProblem,
  localTimeZone = "UTC",
): TimeInterval {
  const ranges = (field: keyof typeof READERS): readonly InclusiveRange[] | undefined =>
    written[field]?.flatMap((text, index) => {
      const range = parseRange(text, READERS[field]);
      if (typeof range !== "string") return [range];
      report([field, index], range);
      return [];
    });
  const times = written.times?.flatMap((time, index) => {
    const range = parseTimes(time);
    if (!("field" in range)) return [range];
    report(["times", index, ...range.field], range.problem);
    return [];
  });
  const location = written.location === "Local" ? localTimeZone : written.location || "UTC";
  if (!isTimeZone(location))
    report(["location"], `${quote(location)} is no time zone that is known; ${TIME_ZONE_HINT}`);
  return withoutAbsent({
    times,
    weekdays: ranges("weekdays"),
    daysOfMonth: ranges("days_of_month"),
    months: ranges("months"),
    years: ranges("years"),
    location,
  });
}

type Absent<T> = { readonly [K in keyof T]: T[K] | undefined };

function withoutAbsent(interval: Absent<Required<TimeInterval>>): TimeInterval {
  const { times, weekdays, daysOfMonth, months, years, location } = interval;
  return {
    // An empty list stays: in Alertmanager it holds never.
    ...(times === undefined ? {} : { times }),
    ...(weekdays === undefined ? {} : { weekdays }),
    ...(daysOfMonth === undefined ? {} : { daysOfMonth }),
    ...(months === undefined ? {} : { months }),
    ...(years === undefined ? {} : { years }),
    ...(location === undefined || location === "UTC" ? {} : { location }),
  };
}

const TIME = /^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/;
const TIME_HINT = "expected a time from 00:00 to 24:00, such as 09:30";

function parseTimes(
  time: WrittenTimeRange,
): TimeRange | { readonly field: readonly string[]; readonly problem: string } {
  const minutes: number[] = [];
  for (const field of ["start_time", "end_time"] as const) {
    const text = time[field];
    if (text === undefined || text === "")
      return {
        field: [],
        problem: `${field} is missing; a range has a start_time and an end_time`,
      };
    if (!TIME.test(text))
      return { field: [field], problem: `${quote(text)} is no time; ${TIME_HINT}` };
    minutes.push(Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));
  }
  const [startMinute, endMinute] = minutes as [number, number];
  if (startMinute < endMinute) return { startMinute, endMinute };
  const problem =
    "the start_time is not before the end_time; a range over midnight is written as two, to 24:00 and from 00:00";
  return { field: [], problem };
}

/** How the values of a field are written, and which ranges of them make sense. */
interface FieldReader {
  readonly hint: string;
  /** Undefined for what is no value of the field. */
  value(text: string): number | undefined;
  /** What is wrong with a range; undefined for a good one. */
  problem(range: InclusiveRange): string | undefined;
}

const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS = [
  ...["january", "february", "march", "april", "may", "june"],
  ...["july", "august", "september", "october", "november", "december"],
];

const READERS = {
  weekdays: {
    hint: 'expected a day such as "monday", or a range such as "monday:friday"; a week begins with sunday',
    value: (text) => indexOf(WEEKDAYS, text),
    problem: beginsAfterItsEnd,
  },
  days_of_month: {
    hint: 'expected days from 1 to 31, or from -31 to -1 counted from the end, such as "1:5" or "-3:-1"',
    value: (text) => {
      const day = wholeNumber(text);
      return day === undefined || day === 0 || Math.abs(day) > 31 ? undefined : day;
    },
    problem: daysProblem,
  },
  months: {
    hint: 'expected months by name or from 1 to 12, such as "january:march" or "6"',
    value: (text) => {
      const named = indexOf(MONTHS, text);
      const month = named === undefined ? wholeNumber(text) : named + 1;
      return month === undefined || month < 1 || month > 12 ? undefined : month;
    },
    problem: beginsAfterItsEnd,
  },
  years: {
    hint: 'expected a year such as "2026", or a range such as "2026:2028"',
    value: wholeNumber,
    problem: beginsAfterItsEnd,
  },
} as const satisfies Record<string, FieldReader>;

/** A text says what is wrong. */
function parseRange(text: string, reader: FieldReader): InclusiveRange | string {
  const parts = text.toLowerCase().split(":");
  const values = parts.map((part) => reader.value(part));
  const [begin, end = begin] = values;
  if (begin === undefined || end === undefined || values.includes(undefined) || parts.length > 2)
    return `${quote(text)} is not valid; ${reader.hint}`;
  const problem = reader.problem({ begin, end });
  return problem === undefined ? { begin, end } : `${quote(text)} ${problem}; ${reader.hint}`;
}

function beginsAfterItsEnd({ begin, end }: InclusiveRange): string | undefined {
  return begin > end ? "begins after its end" : undefined;
}

/** The shortest month decides what can never be: 28 days. */
function daysProblem({ begin, end }: InclusiveRange): string | undefined {
  if (begin < 0 && end > 0) return "begins counted from the end and ends counted from the start";
  const first = begin < 0 ? 28 + begin : begin;
  const last = end < 0 ? 28 + end : end;
  return first > last ? "begins after its end in some months" : undefined;
}

function indexOf(names: readonly string[], text: string): number | undefined {
  const index = names.indexOf(text);
  return index < 0 ? undefined : index;
}

function wholeNumber(text: string): number | undefined {
  return /^[+-]?\d{1,9}$/.test(text) ? Number(text) : undefined;
}
