import { DEFAULT_DURATION_MS, type SilencePrefill } from "./silence-draft.ts";
import type { Silence, SilenceRecurrence } from "./silence-state.ts";
import { formatShortDateTime } from "./time-format.ts";
import { parseTimeBound, TIME_BOUND_HINT } from "./time-range.ts";
import type { TimeZone } from "./time-zone.ts";

const HOUR_MS = 3_600_000;

export const DURATIONS = [
  { value: "30m", name: "30m", ms: HOUR_MS / 2 },
  { value: "1h", name: "1h", ms: HOUR_MS },
  { value: "2h", name: "2h", ms: 2 * HOUR_MS },
  { value: "4h", name: "4h", ms: 4 * HOUR_MS },
  { value: "8h", name: "8h", ms: 8 * HOUR_MS },
  { value: "1d", name: "1d", ms: 24 * HOUR_MS },
  { value: "3d", name: "3d", ms: 72 * HOUR_MS },
  { value: "1w", name: "1w", ms: 168 * HOUR_MS },
] as const;

export const REPEATS = [
  { value: "", name: "Once" },
  { value: "FREQ=DAILY", name: "Every day" },
  { value: "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", name: "Monday to Friday" },
  { value: "FREQ=WEEKLY", name: "Every week" },
  { value: "custom", name: "By a rule" },
] as const;
export type Repeat = (typeof REPEATS)[number]["value"];

/** How long something recurs where nobody says: a year, and then somebody looks at it again. */
const RECURS_MS = 365 * 24 * HOUR_MS;

/** When a silence holds, as it is typed. */
export interface SilenceSchedule {
  /** `now`, or a wall time. */
  readonly start: string;
  /** Of `DURATIONS`; "" where `end` counts. */
  readonly duration: string;
  /** Of the silence; of its first window where it recurs. */
  readonly end: string;
  readonly repeat: Repeat;
  /** RFC 5545; counts where `repeat` is "custom". */
  readonly rule: string;
  /** When it no longer recurs. */
  readonly lastEnd: string;
}

/** The same as points in time. */
export interface SilenceTimes {
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  /** The end of the first window; `endsAtMs` where it does not recur. */
  readonly windowEndMs: number;
  readonly recurrence: SilenceRecurrence | undefined;
}

/** What a form begins with: the times of the silence that it changes, or from now on. */
export function initialSchedule(
  prefill: SilencePrefill,
  silence: Silence | undefined,
  nowMs: number,
  zone: TimeZone,
): SilenceSchedule {
  const text = (ms: number) => formatShortDateTime(ms, zone);
  if (silence === undefined || silence.state === "expired") {
    const durationMs = prefill.durationMs ?? DEFAULT_DURATION_MS;
    const preset = DURATIONS.find(({ ms }) => ms === durationMs);
    return {
      start: "now",
      duration: preset?.value ?? "",
      end: text(nowMs + durationMs),
      repeat: "",
      rule: "FREQ=WEEKLY;BYDAY=SU",
      lastEnd: text(nowMs + RECURS_MS),
    };
  }
  const { endsAtMs, recurrence, startsAtMs } = silence;
  if (recurrence === undefined)
    return {
      start: text(startsAtMs),
      duration: "",
      end: text(endsAtMs),
      repeat: "",
      rule: "FREQ=WEEKLY;BYDAY=SU",
      lastEnd: text(startsAtMs + RECURS_MS),
    };
  return {
    start: text(startsAtMs),
    duration: DURATIONS.find(({ ms }) => ms === recurrence.durationMs)?.value ?? "",
    end: text(startsAtMs + recurrence.durationMs),
    repeat: REPEATS.find(({ value }) => value === recurrence.rrule)?.value ?? "custom",
    rule: recurrence.rrule,
    lastEnd: text(endsAtMs),
  };
}

/** What the fields mean at a moment, or what is wrong with them. Windows recur by the clock of `zone`. */
export function resolveSchedule(
  schedule: SilenceSchedule,
  nowMs: number,
  zone: TimeZone,
): SilenceTimes | { readonly problem: string } {
  const startsAtMs = pointOf(schedule.start, nowMs, zone);
  if (startsAtMs === undefined)
    return { problem: `The start is no time such as ${TIME_BOUND_HINT}.` };
  const durationMs = DURATIONS.find(({ value }) => value === schedule.duration)?.ms;
  const windowEndMs =
    durationMs === undefined ? pointOf(schedule.end, nowMs, zone) : startsAtMs + durationMs;
  if (windowEndMs === undefined)
    return { problem: `The end is no time such as ${TIME_BOUND_HINT}.` };
  if (windowEndMs <= startsAtMs) return { problem: "The end must be after the start." };
  const rrule = schedule.repeat === "custom" ? schedule.rule.trim() : schedule.repeat;
  if (schedule.repeat === "") {
    if (windowEndMs <= nowMs) return { problem: "The end must be after now." };
    return { startsAtMs, endsAtMs: windowEndMs, windowEndMs, recurrence: undefined };
  }
  if (rrule === "") return { problem: "A rule is missing, such as FREQ=WEEKLY;BYDAY=SU." };
  const endsAtMs = pointOf(schedule.lastEnd, nowMs, zone);
  if (endsAtMs === undefined)
    return { problem: `The last end is no time such as ${TIME_BOUND_HINT}.` };
  if (endsAtMs < windowEndMs || endsAtMs <= nowMs)
    return { problem: "It must recur at least until its first end, and until after now." };
  const recurrence = { rrule, durationMs: windowEndMs - startsAtMs, timeZone: zone };
  return { startsAtMs, endsAtMs, windowEndMs, recurrence };
}

function pointOf(text: string, nowMs: number, zone: TimeZone): number | undefined {
  const bound = parseTimeBound(text, zone);
  if (bound === undefined) return undefined;
  return bound.kind === "absolute" ? bound.timestampMs : nowMs - bound.agoMs;
}
