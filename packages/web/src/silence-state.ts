import { type Labels, labelsFrom, parseDuration } from "@pharos/base";
import type { Json } from "./json-reader.ts";

export const SILENCE_STATES = ["active", "pending", "expired"] as const;
export type SilenceState = (typeof SILENCE_STATES)[number];

export const MATCH_OPERATORS = ["=", "!=", "=~", "!~"] as const;
export type MatchOperator = (typeof MATCH_OPERATORS)[number];

/** A condition on a label. */
export interface SilenceMatcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
}

/** When a silence hides alerts again and again. */
export interface SilenceRecurrence {
  /** RFC 5545 without `RRULE:`. */
  readonly rrule: string;
  readonly durationMs: number;
  /** An IANA name. */
  readonly timeZone: string;
}

export interface Silence {
  readonly id: string;
  readonly state: SilenceState;
  readonly matchers: readonly SilenceMatcher[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly recurrence: SilenceRecurrence | undefined;
}

/** What a silence would hide now. */
export interface SilencePreview {
  /** Alerts that fire. */
  readonly totalCount: number;
  /** Of them, those that it would hide. */
  readonly count: number;
  /** The first of these. */
  readonly alerts: readonly {
    readonly fingerprint: string;
    readonly labels: Labels;
    /** Ids of silences that hide it already. */
    readonly silencedBy: readonly string[];
  }[];
  /** When it hides, from now on: the first ones, where its end was asked about. */
  readonly windows: readonly { readonly startsAtMs: number; readonly endsAtMs: number }[];
}

export function readSilence(silence: Json): Silence {
  const recurrence = silence.get("recurrence");
  return {
    id: silence.get("id").text(),
    state: silence.get("status").get("state").oneOf(SILENCE_STATES),
    matchers: silence.get("matchers").list().map(readMatcher),
    startsAtMs: silence.get("startsAt").timestampMs() ?? Number.NaN,
    endsAtMs: silence.get("endsAt").timestampMs() ?? Number.NaN,
    createdBy: silence.get("createdBy").textOrEmpty(),
    comment: silence.get("comment").textOrEmpty(),
    recurrence:
      recurrence.value === undefined
        ? undefined
        : {
            rrule: recurrence.get("rrule").text(),
            durationMs: parseDuration(recurrence.get("duration").text()) ?? 0,
            timeZone: recurrence.get("timeZone").text(),
          },
  };
}

function readMatcher(matcher: Json): SilenceMatcher {
  const isEqual = matcher.get("isEqual").value !== false;
  const isRegex = matcher.get("isRegex").value === true;
  return {
    name: matcher.get("name").text(),
    operator: isRegex ? (isEqual ? "=~" : "!~") : isEqual ? "=" : "!=",
    value: matcher.get("value").textOrEmpty(),
  };
}

export function readPreview(data: Json): SilencePreview {
  return {
    totalCount: data.get("total").number(),
    count: data.get("count").number(),
    alerts: data
      .get("alerts")
      .list()
      .map((alert) => ({
        fingerprint: alert.get("fingerprint").text(),
        labels: labelsFrom(alert.get("labels").textEntries()),
        silencedBy: alert
          .get("silencedBy")
          .list()
          .map((id) => id.text()),
      })),
    windows: data
      .get("windows")
      .list()
      .map((window) => ({
        startsAtMs: window.get("startsAt").timestampMs() ?? Number.NaN,
        endsAtMs: window.get("endsAt").timestampMs() ?? Number.NaN,
      })),
  };
}

const ORDER: Readonly<Record<SilenceState, number>> = { active: 0, pending: 1, expired: 2 };

/** Those in force first, what ends next before what ends later; the expired last, the latest first. */
export function bySilenceState(a: Silence, b: Silence): number {
  const byEnd = a.state === "expired" ? b.endsAtMs - a.endsAtMs : a.endsAtMs - b.endsAtMs;
  return ORDER[a.state] - ORDER[b.state] || byEnd;
}

const FREQUENCIES: Readonly<Record<string, string>> = {
  HOURLY: "every hour",
  DAILY: "every day",
  WEEKLY: "every week",
  MONTHLY: "every month",
};
const DAYS: Readonly<Record<string, string>> = {
  MO: "Monday",
  TU: "Tuesday",
  WE: "Wednesday",
  TH: "Thursday",
  FR: "Friday",
  SA: "Saturday",
  SU: "Sunday",
};

/** A recurrence in words where it is one of the common ones, else the rule as it is written. */
export function recurrenceText(rrule: string): string {
  const parts = new Map(
    rrule.split(";").map((part) => {
      const [name = "", value = ""] = part.split("=");
      return [name.toUpperCase(), value] as const;
    }),
  );
  const every = FREQUENCIES[parts.get("FREQ") ?? ""];
  const days = parts.get("BYDAY")?.split(",") ?? [];
  const known = [...parts.keys()].every((name) => name === "FREQ" || name === "BYDAY");
  if (every === undefined || !known || days.some((day) => DAYS[day] === undefined)) return rrule;
  if (days.length === 0) return every;
  if (days.join() === "MO,TU,WE,TH,FR") return "Monday to Friday";
  return `every ${days.map((day) => DAYS[day]).join(", ")}`;
}
