import {
  INCIDENT_STATUSES,
  type IncidentStatus,
  PRIORITIES,
  type Priority,
} from "./incident-state.ts";
import { selectorOf } from "./label-query.ts";
import type { SearchParams } from "./search-params.ts";
import { formatTimeBound, parseTimeBound, type TimeBound } from "./time-range.ts";
import { UTC } from "./time-zone.ts";

export const STATUS_CHOICES = ["open", ...INCIDENT_STATUSES, "all"] as const;
/** `open` is what is not resolved. */
export type StatusChoice = IncidentStatus | "open" | "all";

/** Which incidents the list shows; all of it is in the URL. */
export interface IncidentFilter {
  readonly status: StatusChoice;
  readonly priority: Priority | undefined;
  /** What was typed; see `selectorOf`. */
  readonly text: string;
  /** Only those opened since; undefined for all that are kept. */
  readonly from: TimeBound | undefined;
  readonly to: TimeBound | undefined;
  /** Where the page before ended; undefined on the first. */
  readonly cursor: string | undefined;
}

export function readIncidentFilter(params: SearchParams): IncidentFilter {
  return {
    status: STATUS_CHOICES.find((status) => status === params["status"]) ?? "open",
    priority: PRIORITIES.find((priority) => priority === params["priority"]),
    text: params["q"] ?? "",
    from: parseTimeBound(params["from"] ?? "", UTC),
    to: parseTimeBound(params["to"] ?? "", UTC),
    cursor: params["cursor"] || undefined,
  };
}

export function writeIncidentFilter(filter: IncidentFilter): SearchParams {
  const { cursor, from, priority, status, text, to } = filter;
  return {
    ...(status === "open" ? {} : { status }),
    ...(priority === undefined ? {} : { priority }),
    ...(text === "" ? {} : { q: text }),
    ...(from === undefined ? {} : { from: formatTimeBound(from) }),
    ...(to === undefined ? {} : { to: formatTimeBound(to) }),
    ...(cursor === undefined ? {} : { cursor }),
  };
}

/** As many as the API gives at once: what is open is sorted by urgency, and so wanted as a whole. */
const OPEN_LIMIT = "1000";

/** How the API is asked for them. */
export function incidentQuery(filter: IncidentFilter, nowMs: number): Record<string, string> {
  const { cursor, from, priority, status, text, to } = filter;
  const selector = selectorOf(text);
  return {
    ...(status === "all" ? {} : { status }),
    ...(status === "all" || status === "resolved" ? {} : { limit: OPEN_LIMIT }),
    ...(priority === undefined ? {} : { priority }),
    ...(selector === undefined ? {} : { "match[]": selector }),
    ...(from === undefined ? {} : { start: secondsOf(from, nowMs) }),
    ...(to === undefined ? {} : { end: secondsOf(to, nowMs) }),
    ...(cursor === undefined ? {} : { cursor }),
  };
}

function secondsOf(bound: TimeBound, nowMs: number): string {
  const ms = bound.kind === "absolute" ? bound.timestampMs : nowMs - bound.agoMs;
  return String(ms / 1000);
}
