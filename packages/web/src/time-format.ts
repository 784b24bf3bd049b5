import { type TimeZone, UTC, type WallTime, wallTimeAt } from "./time-zone.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function two(n: number): string {
  return String(n).padStart(2, "0");
}

function dateOf(wall: WallTime): string {
  return `${wall.year}-${two(wall.month)}-${two(wall.day)}`;
}

/** `2026-11-21 14:05:09`: the 24 h clock, in `zone`. */
export function formatDateTime(timestampMs: number, zone: TimeZone): string {
  if (!Number.isFinite(timestampMs)) return "–";
  const wall = wallTimeAt(timestampMs, zone);
  return `${dateOf(wall)} ${two(wall.hour)}:${two(wall.minute)}:${two(wall.second)}`;
}

/** As `formatDateTime`, without what two times of the same range share: seconds if they are zero. */
export function formatShortDateTime(timestampMs: number, zone: TimeZone): string {
  const text = formatDateTime(timestampMs, zone);
  return text.endsWith(":00") ? text.slice(0, -3) : text;
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** `Mon`, in `zone`. */
export function formatWeekday(timestampMs: number, zone: TimeZone): string {
  if (!Number.isFinite(timestampMs)) return "–";
  const { year, month, day } = wallTimeAt(timestampMs, zone);
  return WEEKDAYS[new Date(Date.UTC(year, month - 1, day)).getUTCDay()] ?? "–";
}

/** The zone as a reader knows it: "UTC", "Berlin", "New York". */
export function formatZone(zone: TimeZone): string {
  if (zone === UTC || zone === "Etc/UTC") return "UTC";
  return (zone.split("/").at(-1) ?? zone).replaceAll("_", " ");
}

/**
 * The labels of a time axis: the clock where ticks are less than a day apart, with the date on a second line at the
 * first tick and at each new day; the date where they are a day or more apart. `splitsSec` ascends.
 */
export function formatTicks(
  splitsSec: readonly number[],
  incrementSec: number,
  zone: TimeZone,
): string[] {
  let dayBefore = "";
  return splitsSec.map((sec) => {
    const wall = wallTimeAt(sec * 1000, zone);
    const day = `${wall.day} ${MONTHS[wall.month - 1]}`;
    if (incrementSec >= DAY_MS / 1000) return day;
    const clock = `${two(wall.hour)}:${two(wall.minute)}`;
    const time = incrementSec < 60 ? `${clock}:${two(wall.second)}` : clock;
    const label = day === dayBefore ? time : `${time}\n${day}`;
    dayBefore = day;
    return label;
  });
}

/** How long something lasted, in two units at most: `0.4ms`, `830ms`, `12s`, `3m 5s`, `2h 10m`, `12d 4h`. */
export function formatAge(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  const left = Math.max(0, ms);
  if (left > 0 && left < 1) return `${Math.max(0.1, Math.round(left * 10) / 10)}ms`;
  if (left < SECOND_MS) return `${Math.round(left)}ms`;
  if (left < MINUTE_MS) return `${Math.floor(left / SECOND_MS)}s`;
  if (left < HOUR_MS) return units(left, MINUTE_MS, "m", SECOND_MS, "s");
  if (left < DAY_MS) return units(left, HOUR_MS, "h", MINUTE_MS, "m");
  return units(left, DAY_MS, "d", HOUR_MS, "h");
}

function units(ms: number, bigMs: number, big: string, smallMs: number, small: string): string {
  const rest = Math.floor((ms % bigMs) / smallMs);
  const head = `${Math.floor(ms / bigMs)}${big}`;
  return rest === 0 ? head : `${head} ${rest}${small}`;
}
