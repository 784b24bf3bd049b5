import type { ApiTransport } from "./api-transport.ts";
import { listIncidents } from "./incident-requests.ts";
import { type Incident, PRIORITIES, type Priority } from "./incident-state.ts";
import { selectorOf } from "./label-query.ts";
import type { CalendarDay } from "./shift-calendar.ts";

/** As many as the API gives at once. */
const PAGE_SIZE = "1000";
/** Pages that are read; of a longer history the newest part is shown. */
const PAGES_MAX = 5;

/** The incidents that were opened since a time, the newest first. */
export interface IncidentHistory {
  readonly incidents: readonly Incident[];
  /** Whether there were more than are read. */
  readonly isTruncated: boolean;
}

export async function loadIncidentHistory(
  transport: ApiTransport,
  { fromMs, text }: { readonly fromMs: number; readonly text: string },
  signal: AbortSignal,
): Promise<IncidentHistory> {
  const selector = selectorOf(text);
  const query = {
    start: String(fromMs / 1000),
    limit: PAGE_SIZE,
    ...(selector === undefined ? {} : { "match[]": selector }),
  };
  const incidents: Incident[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const page = await listIncidents(
      transport,
      { ...query, ...(cursor === undefined ? {} : { cursor }) },
      signal,
    );
    incidents.push(...page.incidents);
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  return { incidents, isTruncated: cursor !== undefined };
}

/** What was opened on a day. */
export interface HistoryDay extends CalendarDay {
  readonly count: number;
  readonly byPriority: Readonly<Record<Priority, number>>;
}

/** How it went with some incidents. Times are medians in ms, undefined where there is none. */
export interface HistorySummary {
  readonly count: number;
  readonly acknowledgedCount: number;
  /** From when we heard of it until somebody was at it. */
  readonly untilAcknowledgedMs: number | undefined;
  /** Of those that are over. */
  readonly lastedMs: number | undefined;
}

export interface RuleHistory extends HistorySummary {
  readonly rule: string;
}

/** Incidents by the day on which they were opened. */
export function countByDay(
  incidents: readonly Incident[],
  days: readonly CalendarDay[],
): HistoryDay[] {
  return days.map((day) => {
    const opened = incidents.filter(
      ({ openedAtMs }) => day.startsAtMs <= openedAtMs && openedAtMs < day.endsAtMs,
    );
    const of = (priority: Priority) => opened.filter((one) => one.priority === priority).length;
    const [P1, P2, P3, P4] = PRIORITIES.map(of);
    return {
      ...day,
      count: opened.length,
      byPriority: { P1: P1 ?? 0, P2: P2 ?? 0, P3: P3 ?? 0, P4: P4 ?? 0 },
    };
  });
}

export function summarize(incidents: readonly Incident[]): HistorySummary {
  const acknowledged: number[] = [];
  const lasted: number[] = [];
  for (const { acknowledgement, openedAtMs, resolvedAtMs, startedAtMs } of incidents) {
    if (acknowledgement !== undefined) acknowledged.push(acknowledgement.atMs - openedAtMs);
    if (resolvedAtMs !== undefined) lasted.push(resolvedAtMs - startedAtMs);
  }
  return {
    count: incidents.length,
    acknowledgedCount: acknowledged.length,
    untilAcknowledgedMs: median(acknowledged),
    lastedMs: median(lasted),
  };
}

/** What keeps people busy: the rules with the most incidents first. An incident of two rules counts for both. */
export function summarizeByRule(incidents: readonly Incident[]): RuleHistory[] {
  const byRule = new Map<string, Incident[]>();
  for (const incident of incidents)
    for (const rule of incident.rules) {
      const known = byRule.get(rule);
      if (known === undefined) byRule.set(rule, [incident]);
      else known.push(incident);
    }
  return [...byRule]
    .map(([rule, ofRule]) => ({ rule, ...summarize(ofRule) }))
    .sort((a, b) => b.count - a.count || a.rule.localeCompare(b.rule));
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)];
  const lower = sorted[Math.ceil(middle) - 1];
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
}
