/** The zone in which times are shown and typed, as an IANA name: "UTC", "Europe/Berlin". */
export type TimeZone = string;

export const UTC: TimeZone = "UTC";

/** A point on the wall clock of some zone: no zone in it, month from 1. */
export interface WallTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

/** The zone of this browser. */
export function browserTimeZone(): TimeZone {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

// Building a formatter costs about a hundred times a call of it; a page uses two or three zones.
const formatters = new Map<TimeZone, Intl.DateTimeFormat>();

function formatterOf(zone: TimeZone): Intl.DateTimeFormat {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formatters.set(zone, formatter);
  }
  return formatter;
}

/** What the wall clock of `zone` shows at a timestamp. Whole seconds: milliseconds are cut off. */
export function wallTimeAt(timestampMs: number, zone: TimeZone): WallTime {
  const wall: WallTime = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
  for (const { type, value } of formatterOf(zone).formatToParts(timestampMs))
    if (type in wall) wall[type as keyof WallTime] = Number(value);
  return wall;
}

function asIfUtc(wall: WallTime): number {
  return Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute, wall.second);
}

function offsetMs(timestampMs: number, zone: TimeZone): number {
  const wholeMs = Math.floor(timestampMs / 1000) * 1000;
  return asIfUtc(wallTimeAt(wholeMs, zone)) - wholeMs;
}

/**
 * The timestamp at which the wall clock of `zone` shows `wall`. Where the clock is put back and shows it twice, the
 * first time; where it is put forward and never shows it, the time after the jump that is as far from it.
 */
export function timestampAt(wall: WallTime, zone: TimeZone): number {
  const naiveMs = asIfUtc(wall);
  // The offset in force lies within a day of the naive reading; take it from both sides of a possible change.
  const beforeMs = naiveMs - offsetMs(naiveMs - 86_400_000, zone);
  if (offsetMs(beforeMs, zone) === naiveMs - beforeMs) return beforeMs;
  const afterMs = naiveMs - offsetMs(naiveMs + 86_400_000, zone);
  if (offsetMs(afterMs, zone) === naiveMs - afterMs) return afterMs;
  return beforeMs;
}
