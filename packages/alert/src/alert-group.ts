import { compareUtf8, type Label, type Labels, labelValue, onlyLabels, quote } from "@pharos/base";
import type { Route } from "./routing/route.ts";

/** An alert as notifications know it, from our rules or from outside. */
export interface GroupAlert {
  readonly labels: Labels;
  readonly annotations: readonly Label[];
  readonly startsAtMs: number;
  /** When it resolved or will resolve if nothing more is heard; null while nothing says so. */
  readonly endsAtMs: number | null;
  /** A link to where the alert comes from; may be "". */
  readonly generatorUrl: string;
}

/** Whether an alert is over at `nowMs`. */
export function isResolved(alert: Pick<GroupAlert, "endsAtMs">, nowMs: number): boolean {
  return alert.endsAtMs !== null && alert.endsAtMs <= nowMs;
}

/** The labels that make an alert's group. */
export function groupLabels(route: Pick<Route, "groupBy">, labels: Labels): Labels {
  return route.groupBy === "all" ? labels : onlyLabels(labels, new Set(route.groupBy));
}

/** The name of a group as Alertmanager writes it: `{}/{severity="critical"}:{alertname="Up"}`. */
export function groupKey(route: Pick<Route, "key">, labels: Labels): string {
  return `${route.key}:{${labels.map(([name, value]) => `${name}=${quote(value)}`).join(", ")}}`;
}

/** An alert, and whether what is known of its end is only that nothing was said of it. */
export interface HeardAlert {
  readonly alert: GroupAlert;
  /** The end is a guess: whoever posted the alert named none. */
  readonly timedOut: boolean;
}

/**
 * What is known of an alert after it was heard of again, as Alertmanager merges: where the two overlap in time, the
 * earliest start stands, of two that are over the later end, and an end that somebody named outlasts an earlier one.
 */
export function mergeAlerts(known: HeardAlert, heard: HeardAlert, nowMs: number): HeardAlert {
  const [before, after] = [known.alert, heard.alert];
  const [beforeEndMs, afterEndMs] = [endMs(before), endMs(after)];
  const overlap =
    (afterEndMs > before.startsAtMs && afterEndMs < beforeEndMs) ||
    (after.startsAtMs > before.startsAtMs && after.startsAtMs < beforeEndMs);
  if (!overlap) return heard;
  const startsAtMs = Math.min(before.startsAtMs, after.startsAtMs);
  const keepsEnd = isResolved(after, nowMs)
    ? isResolved(before, nowMs) && beforeEndMs > afterEndMs
    : beforeEndMs > afterEndMs && !known.timedOut;
  return keepsEnd
    ? { alert: { ...after, startsAtMs, endsAtMs: before.endsAtMs }, timedOut: known.timedOut }
    : { alert: { ...after, startsAtMs }, timedOut: heard.timedOut };
}

function endMs(alert: GroupAlert): number {
  return alert.endsAtMs ?? Number.POSITIVE_INFINITY;
}

/** As Alertmanager orders alerts in a notification: by job, instance, then all labels, fewer labels first. */
export function sortAlerts(alerts: readonly GroupAlert[]): GroupAlert[] {
  return [...alerts].sort((a, b) => {
    for (const name of ["job", "instance"]) {
      const [left, right] = [labelValue(a.labels, name), labelValue(b.labels, name)];
      if (left === right) continue;
      if (left === "") return 1;
      if (right === "") return -1;
      return compareUtf8(left, right);
    }
    return compareLabelSets(a.labels, b.labels);
  });
}

/** As Alertmanager orders sets of labels: fewer labels first. Of as many, at the first name in order that one does not have, that one; else by the value. */
export function compareLabelSets(a: Labels, b: Labels): number {
  if (a.length !== b.length) return a.length - b.length;
  for (const [i, [name, value]] of a.entries()) {
    const [otherName, otherValue] = b[i] as Label;
    const order = compareUtf8(otherName, name) || compareUtf8(value, otherValue);
    if (order !== 0) return order;
  }
  return 0;
}
