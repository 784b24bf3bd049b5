import { RRuleTemporal } from "rrule-temporal";
import { isTimeZone, TIME_ZONE_HINT } from "../routing/time-zone.ts";

/** When a silence hides alerts again and again. */
export interface Recurrence {
  /**
   * RFC 5545 without `RRULE:`, such as `FREQ=WEEKLY;BYDAY=SU`. It counts from the silence's `startsAtMs` on, whose time
   * of the day the windows begin at where the rule says no other. A silence's `endsAtMs` ends it: no UNTIL, no COUNT.
   */
  readonly rrule: string;
  /** How long each window lasts, in time that passes, whatever the clock on the wall does meanwhile. */
  readonly durationMs: number;
  /** A zone of the IANA database: the windows begin at the same time of its day, summer and winter. */
  readonly timeZone: string;
}

/** From its start to its end, which does not belong to it. */
export interface TimeWindow {
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

const DAY_MS = 86_400_000;
export const RRULE_LENGTH_MAX = 500;
export const RECURRENCE_DURATION_MS_MIN = 60_000;
export const RECURRENCE_DURATION_MS_MAX = 31 * DAY_MS;

interface Recurring {
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly recurrence?: Recurrence;
}

/** How many windows that overlap or touch are joined to one; a longer row is told in parts. */
const JOINED_WINDOWS_MAX = 30;

/**
 * The window that something recurring is in at `nowMs`, else its next one; undefined where none comes any more. Windows
 * that overlap or touch are one, up to thirty of them. What does not recur has one window.
 *
 * The recurrence must be one in which `recurrenceProblem` finds nothing.
 */
export function activeWindow(recurring: Recurring, nowMs: number): TimeWindow | undefined {
  let found: TimeWindow | undefined;
  let atMs = nowMs;
  for (let joined = 0; joined < JOINED_WINDOWS_MAX; joined++) {
    const window = singleWindow(recurring, atMs);
    if (window === undefined || (found !== undefined && window.startsAtMs > found.endsAtMs)) break;
    found = { startsAtMs: found?.startsAtMs ?? window.startsAtMs, endsAtMs: window.endsAtMs };
    atMs = window.endsAtMs;
  }
  return found;
}

/** Of the windows that hold `nowMs` the last, else the next: as `activeWindow`, but not joined, at less cost. */
export function singleWindow(recurring: Recurring, nowMs: number): TimeWindow | undefined {
  const { startsAtMs, endsAtMs, recurrence } = recurring;
  if (nowMs >= endsAtMs) return undefined;
  if (recurrence === undefined) return { startsAtMs, endsAtMs };
  let found: TimeWindow | undefined;
  for (const start of startsAround(recurrence, startsAtMs, nowMs)) {
    if (start >= endsAtMs || (start > nowMs && found !== undefined)) break;
    const end = Math.min(start + recurrence.durationMs, endsAtMs);
    if (end > nowMs) found = { startsAtMs: start, endsAtMs: end };
  }
  return found;
}

/**
 * More than any zone has ever moved its clock (Samoa: a day). So far apart may the order of starts on the wall and in
 * time be.
 */
const CLOCK_SHIFT_MS_MAX = 25 * 3_600_000;

/** In order of time: the starts of all windows that may hold `nowMs`, and at least one later where there is one. */
function startsAround(recurrence: Recurrence, firstStartMs: number, nowMs: number): number[] {
  const { timeZone, durationMs } = recurrence;
  const rule = compiledRule(recurrence, firstStartMs);
  // The rule runs on the clock of the wall, written as if it were UTC: days of 24 hours, each hour once.
  const nowWallMs = toWall(Math.max(nowMs, firstStartMs), timeZone);
  const from = nowWallMs - durationMs - CLOCK_SHIFT_MS_MAX;
  const to = nowWallMs + CLOCK_SHIFT_MS_MAX;
  const walls = rule.between(new Date(from), new Date(to), true).map((at) => at.epochMilliseconds);
  const later = nextOf(rule, to);
  if (later !== undefined) walls.push(later);
  return [...new Set(walls.map((wallMs) => fromWall(wallMs, timeZone)))].sort((a, b) => a - b);
}

/** Undefined where the library gives up to look as well: a rule may have none for a very long time. */
function nextOf(rule: RRuleTemporal, afterWallMs: number): number | undefined {
  try {
    return rule.next(new Date(afterWallMs))?.epochMilliseconds;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("Maximum ")) return undefined;
    throw error;
  }
}

function toWall(timeMs: number, timeZone: string): number {
  const at = Temporal.Instant.fromEpochMilliseconds(Math.floor(timeMs)).toZonedDateTimeISO(
    timeZone,
  );
  return at.epochMilliseconds + at.offsetNanoseconds / 1e6;
}

/**
 * A time that the clocks skip is as much later as they were moved; one that comes twice is the first of the two. RFC
 * 5545 would drop the first kind, and with it the maintenance window of a night in spring.
 */
function fromWall(wallMs: number, timeZone: string): number {
  return Temporal.Instant.fromEpochMilliseconds(wallMs)
    .toZonedDateTimeISO("UTC")
    .toPlainDateTime()
    .toZonedDateTime(timeZone, { disambiguation: "compatible" }).epochMilliseconds;
}

const compiledRules = new WeakMap<Recurrence, { startMs: number; rule: RRuleTemporal }>();

function compiledRule(recurrence: Recurrence, startMs: number): RRuleTemporal {
  const known = compiledRules.get(recurrence);
  if (known !== undefined && known.startMs === startMs) return known.rule;
  const wallMs = toWall(Math.floor(startMs / 1000) * 1000, recurrence.timeZone);
  const start = new Date(wallMs).toISOString().replace(/[-:]|\.\d+/g, "");
  const rule = new RRuleTemporal({
    rruleString: `DTSTART:${start}\nRRULE:${recurrence.rrule}`,
    strict: true,
  });
  compiledRules.set(recurrence, { startMs, rule });
  return rule;
}

/**
 * What is wrong with a recurrence that begins and ends with a silence, and what is allowed; undefined where nothing is.
 */
export function recurrenceProblem(
  recurrence: Recurrence,
  startsAtMs: number,
  endsAtMs: number,
): string | undefined {
  const { rrule, durationMs, timeZone } = recurrence;
  if (!isTimeZone(timeZone)) return `timeZone "${timeZone}" is not known; ${TIME_ZONE_HINT}`;
  if (!(durationMs >= RECURRENCE_DURATION_MS_MIN && durationMs <= RECURRENCE_DURATION_MS_MAX))
    return "duration must be from 1 minute to 31 days";
  const problem = rruleProblem(rrule) ?? densityProblem(rrule, durationMs);
  if (problem !== undefined) return problem;
  try {
    const window = activeWindow({ startsAtMs, endsAtMs, recurrence }, startsAtMs);
    if (window === undefined) return `rrule "${rrule}" has no window before the silence ends`;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return `rrule "${rrule}": ${error.message}`;
  }
  return undefined;
}

/** How many windows may begin while one lasts: all of them are looked at to find the one that holds a time. */
const STARTS_MAX = 1000;

function densityProblem(rrule: string, durationMs: number): string | undefined {
  const countOf = (name: string): number | undefined =>
    new RegExp(`(?:^|;)${name}=([^;]*)`).exec(rrule)?.[1]?.split(",").length;
  const hours = countOf("BYHOUR") ?? (rrule.includes("FREQ=HOURLY") ? 24 : 1);
  const starts = hours * (countOf("BYMINUTE") ?? 1) * Math.ceil(durationMs / DAY_MS);
  if (starts <= STARTS_MAX) return undefined;
  return `up to ${starts} windows begin while one lasts; at most ${STARTS_MAX} are allowed`;
}

const RRULE_HINT = "expected a rule of RFC 5545 such as FREQ=WEEKLY;BYDAY=SA,SU";

/** How each part of a rule is written; the library would take some mistakes for nothing said. */
const RRULE_PARTS: Readonly<Record<string, RegExp>> = {
  FREQ: /^(?:HOURLY|DAILY|WEEKLY|MONTHLY|YEARLY)$/,
  INTERVAL: /^[1-9]\d{0,3}$/,
  BYMINUTE: listOf("[0-5]?\\d"),
  BYHOUR: listOf("[01]?\\d|2[0-3]"),
  BYDAY: listOf("(?:[+-]?(?:[1-9]|[1-4]\\d|5[0-3]))?(?:MO|TU|WE|TH|FR|SA|SU)"),
  BYMONTHDAY: listOf("[+-]?(?:[1-9]|[12]\\d|3[01])"),
  BYYEARDAY: listOf("[+-]?(?:[1-9]|[1-9]\\d|[12]\\d\\d|3[0-5]\\d|36[0-6])"),
  BYWEEKNO: listOf("[+-]?(?:[1-9]|[1-4]\\d|5[0-3])"),
  BYMONTH: listOf("[1-9]|1[0-2]"),
  BYSETPOS: listOf("[+-]?(?:[1-9]|[1-9]\\d|[12]\\d\\d|3[0-5]\\d|36[0-6])"),
  WKST: /^(?:MO|TU|WE|TH|FR|SA|SU)$/,
};

function listOf(item: string): RegExp {
  return new RegExp(`^(?:${item})(?:,(?:${item}))*$`);
}

function rruleProblem(rrule: string): string | undefined {
  if (rrule.length > RRULE_LENGTH_MAX)
    return `rrule of ${rrule.length} characters; at most ${RRULE_LENGTH_MAX} are read`;
  const seen = new Set<string>();
  for (const part of rrule.split(";")) {
    const [name = "", value = "", ...rest] = part.split("=");
    if (name === "UNTIL" || name === "COUNT")
      return `rrule has ${name}; say when the silence ends with its end time instead`;
    const form = Object.hasOwn(RRULE_PARTS, name) ? RRULE_PARTS[name] : undefined;
    if (form === undefined || rest.length > 0)
      return `rrule part "${part}" is not known; ${RRULE_HINT}, of the parts ${Object.keys(RRULE_PARTS).join(", ")}`;
    if (seen.has(name)) return `rrule has ${name} twice`;
    if (!form.test(value)) return `rrule part "${part}" is not valid; ${RRULE_HINT}`;
    seen.add(name);
  }
  return seen.has("FREQ") ? undefined : `rrule has no FREQ; ${RRULE_HINT}`;
}
