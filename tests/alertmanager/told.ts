import { GRID_SECONDS, type Scenario, type Seconds } from "./scenario.ts";

/** A webhook that was accepted. */
export interface Told {
  readonly hook: string;
  readonly at: Seconds;
  /** As it was sent, with times in seconds since the start, null for Go's zero time. */
  readonly body: ToldBody;
}

export interface ToldBody {
  readonly groupKey: string;
  readonly [field: string]: unknown;
}

/** What was accepted, as it came. */
export interface Accepted {
  readonly hook: string;
  readonly atMs: number;
  readonly body: string;
}

/** What later Alertmanagers have, and the one that was recorded has not. */
const NEWER_FIELDS = ["notification_reason"];

/**
 * What was told until the scenario was over, with times on the grid, by webhook and group in the order in which it came.
 */
export function toldOf(
  accepted: readonly Accepted[],
  startMs: number,
  { until }: Pick<Scenario, "until">,
): readonly Told[] {
  const heard = accepted.filter(({ atMs }) => atMs < startMs + until * 1000);
  const told = heard.map(({ hook, atMs, body }): Told => {
    const parsed = JSON.parse(body) as ToldBody & { alerts: Readonly<Record<string, unknown>>[] };
    const alerts = parsed.alerts.map((alert) => ({
      ...alert,
      startsAt: secondsOf(alert["startsAt"], startMs),
      endsAt: secondsOf(alert["endsAt"], startMs),
    }));
    const fields = Object.entries({ ...parsed, alerts }).filter(
      ([name]) => !NEWER_FIELDS.includes(name),
    );
    return { hook, at: onGrid(atMs - startMs), body: Object.fromEntries(fields) as ToldBody };
  });
  return told.sort((a, b) => compareText(a.hook, b.hook) || compareText(groupOf(a), groupOf(b)));
}

function secondsOf(time: unknown, startMs: number): Seconds | null {
  return time === "0001-01-01T00:00:00Z" ? null : onGrid(Date.parse(String(time)) - startMs);
}

function onGrid(ms: number): Seconds {
  return Math.floor(ms / (GRID_SECONDS * 1000)) * GRID_SECONDS;
}

function groupOf({ body }: Told): string {
  return body.groupKey;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `ours` with their times where these are near enough to be taken as equal. */
export function withinSlack(
  ours: readonly Told[],
  theirs: readonly Told[],
  { slack }: Pick<Scenario, "slack">,
): readonly Told[] {
  if (slack === undefined) return ours;
  return ours.map((each, i) => {
    const other = theirs[i];
    return other !== undefined && Math.abs(each.at - other.at) <= slack.seconds
      ? { ...each, at: other.at }
      : each;
  });
}
