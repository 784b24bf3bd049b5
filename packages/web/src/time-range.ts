import { formatDuration, parseDuration } from "@pharos/base";
import { formatShortDateTime } from "./time-format.ts";
import { type TimeZone, timestampAt } from "./time-zone.ts";

/** One end of a time range: so long before now, or a timestamp. */
export type TimeBound =
  | { readonly kind: "relative"; readonly agoMs: number }
  | { readonly kind: "absolute"; readonly timestampMs: number };

/** What the reader asked to see. `resolveRange` turns it into timestamps. */
export interface TimeRange {
  readonly from: TimeBound;
  readonly to: TimeBound;
}

/** A range on the time line; `fromMs` is before `toMs`. */
export interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export const NOW: TimeBound = { kind: "relative", agoMs: 0 };

/** Shorter ranges show nothing that a second of scraping could fill. */
export const RANGE_MS_MIN = 10_000;
/** Ten years: past every retention, and far from where timestamps lose digits. */
export const RANGE_MS_MAX = 3650 * DAY_MS;

/** The ranges of the picker, short to long. */
export const PRESETS_MS = [
  5 * MINUTE_MS,
  15 * MINUTE_MS,
  30 * MINUTE_MS,
  60 * MINUTE_MS,
  3 * 60 * MINUTE_MS,
  6 * 60 * MINUTE_MS,
  12 * 60 * MINUTE_MS,
  DAY_MS,
  2 * DAY_MS,
  7 * DAY_MS,
  14 * DAY_MS,
  30 * DAY_MS,
] as const;

/** The last `ms` up to now. */
export function lastRange(ms: number): TimeRange {
  return { from: { kind: "relative", agoMs: ms }, to: NOW };
}

export function absoluteRange(interval: Interval): TimeRange {
  // Whole seconds: no chart shows less, and the URL stays short.
  const whole = (ms: number) => Math.round(ms / 1000) * 1000;
  return {
    from: { kind: "absolute", timestampMs: whole(interval.fromMs) },
    to: { kind: "absolute", timestampMs: whole(interval.toMs) },
  };
}

export const DEFAULT_RANGE = lastRange(60 * MINUTE_MS);

/** What a bound may look like, for the message under the input. */
export const TIME_BOUND_HINT = "now, now-1h30m, 2026-11-21 14:05, 2026-11-21T14:05:00Z";

const WALL = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2}))?)?$/;
const ZONED = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * Reads a bound as typed or as the URL has it: `now`, `now-1h`, a wall time in `zone`, RFC 3339, or Unix time in
 * seconds (up to ten digits, a fraction allowed) or milliseconds. Undefined where it is none of these.
 */
export function parseTimeBound(text: string, zone: TimeZone): TimeBound | undefined {
  const trimmed = text.trim();
  if (trimmed === "now") return NOW;
  if (trimmed.startsWith("now-")) {
    const agoMs = parseDuration(trimmed.slice(4).trim());
    return agoMs === undefined || agoMs > RANGE_MS_MAX ? undefined : { kind: "relative", agoMs };
  }
  const timestampMs = parseTimestamp(trimmed, zone);
  return timestampMs === undefined ? undefined : { kind: "absolute", timestampMs };
}

function parseTimestamp(text: string, zone: TimeZone): number | undefined {
  if (/^\d{1,10}(\.\d{1,3})?$/.test(text)) return Math.round(Number(text) * 1000);
  if (/^\d{11,14}$/.test(text)) return Number(text);
  if (ZONED.test(text)) {
    const ms = Date.parse(text);
    return Number.isNaN(ms) ? undefined : ms;
  }
  const match = WALL.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  if (month < 1 || month > 12 || day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate())
    return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return timestampAt({ year, month, day, hour, minute, second }, zone);
}

/** A bound for the URL, free of any zone: `now`, `now-1h`, `2026-11-21T14:05:00Z`. */
export function formatTimeBound(bound: TimeBound): string {
  if (bound.kind === "absolute")
    return new Date(bound.timestampMs).toISOString().replace(".000Z", "Z");
  return bound.agoMs === 0 ? "now" : `now-${formatDuration(bound.agoMs)}`;
}

/** A bound as the reader types it: the wall time of `zone`, or `now-1h`. */
export function formatTimeBoundIn(bound: TimeBound, zone: TimeZone): string {
  return bound.kind === "absolute"
    ? formatShortDateTime(bound.timestampMs, zone)
    : formatTimeBound(bound);
}

/** The range in words: "Last 1h", or both ends. */
export function formatRange(range: TimeRange, zone: TimeZone): string {
  if (range.to.kind === "relative" && range.to.agoMs === 0 && range.from.kind === "relative")
    return `Last ${formatDuration(range.from.agoMs)}`;
  const from = formatTimeBoundIn(range.from, zone);
  const to = formatTimeBoundIn(range.to, zone);
  const sameDay = range.to.kind === "absolute" && from.slice(0, 10) === to.slice(0, 10);
  return `${from} to ${sameDay ? to.slice(11) : to}`;
}

/** Why a range cannot be shown, or undefined where it can. */
export function rangeProblem(range: TimeRange, nowMs: number): string | undefined {
  const lengthMs = boundMs(range.to, nowMs) - boundMs(range.from, nowMs);
  if (lengthMs <= 0) return "The end must be after the start.";
  if (lengthMs < RANGE_MS_MIN) return "The range must be at least 10 seconds long.";
  if (lengthMs > RANGE_MS_MAX) return "The range must be at most 10 years long.";
  return undefined;
}

function boundMs(bound: TimeBound, nowMs: number): number {
  return bound.kind === "absolute" ? bound.timestampMs : nowMs - bound.agoMs;
}

/** The range on the time line at `nowMs`. One that is too short, long or reversed is put right at its start. */
export function resolveRange(range: TimeRange, nowMs: number): Interval {
  const toMs = boundMs(range.to, nowMs);
  const lengthMs = toMs - boundMs(range.from, nowMs);
  return { fromMs: toMs - clampLength(lengthMs), toMs };
}

function clampLength(lengthMs: number): number {
  return Math.min(RANGE_MS_MAX, Math.max(RANGE_MS_MIN, lengthMs));
}

/** Twice the range around its middle; a range that ends now keeps its end and doubles into the past. */
export function zoomOut(range: TimeRange, nowMs: number): TimeRange {
  const { fromMs, toMs } = resolveRange(range, nowMs);
  const lengthMs = clampLength((toMs - fromMs) * 2);
  if (range.to.kind === "relative" && range.to.agoMs === 0) return lastRange(lengthMs);
  const endMs = Math.min(nowMs, (fromMs + toMs) / 2 + lengthMs / 2);
  return absoluteRange({ fromMs: endMs - lengthMs, toMs: endMs });
}

/** The part that was dragged over, at least `RANGE_MS_MIN` long. */
export function zoomTo(interval: Interval): TimeRange {
  const missingMs = Math.max(0, RANGE_MS_MIN - (interval.toMs - interval.fromMs));
  return absoluteRange({
    fromMs: interval.fromMs - missingMs / 2,
    toMs: interval.toMs + missingMs / 2,
  });
}

/** The range moved by half its length: -1 into the past, 1 towards now, never beyond it. */
export function shiftRange(range: TimeRange, direction: -1 | 1, nowMs: number): TimeRange {
  const { fromMs, toMs } = resolveRange(range, nowMs);
  const lengthMs = toMs - fromMs;
  const endMs = toMs + (direction * lengthMs) / 2;
  if (endMs >= nowMs) {
    const same = range.to.kind === "relative" && range.to.agoMs === 0;
    return same ? range : lastRange(lengthMs);
  }
  return absoluteRange({ fromMs: endMs - lengthMs, toMs: endMs });
}
