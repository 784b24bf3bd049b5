import type { GroupAlert } from "../alert-group.ts";
import { fingerprint } from "../fingerprint.ts";
import { type AlertKind, type IncidentAlert, kindOf, RESOLVED_ALERTS_MAX } from "./incident.ts";
import { ALERTS_NAMED_MAX, type NamedAlerts } from "./incident-transition.ts";

/** An alert of a group, and what keeps it from being notified; without `suppressedBy` that is as it was. */
export interface ObservedAlert {
  readonly alert: GroupAlert;
  readonly suppressedBy?: readonly string[];
}

/** With what was heard of them. The same map where nothing is different. */
export function withAlerts(
  alerts: ReadonlyMap<string, IncidentAlert>,
  observed: readonly ObservedAlert[],
): ReadonlyMap<string, IncidentAlert> {
  const next = new Map(alerts);
  let same = true;
  for (const { alert, suppressedBy } of observed) {
    const id = fingerprint(alert.labels);
    const known = next.get(id);
    const heard: IncidentAlert = {
      labels: known?.labels ?? alert.labels,
      summary: annotation(alert, "summary") || annotation(alert, "description"),
      generatorUrl: alert.generatorUrl,
      startsAtMs: alert.startsAtMs,
      endsAtMs: alert.endsAtMs,
      firing: known?.firing ?? false,
      suppressedBy: suppressedBy ?? known?.suppressedBy ?? [],
      dismissed: known?.dismissed ?? false,
    };
    if (known !== undefined && isSameAlert(known, heard)) continue;
    next.set(id, heard);
    same = false;
  }
  return same ? alerts : next;
}

function isSameAlert(a: IncidentAlert, b: IncidentAlert): boolean {
  return (
    isSameState(a, b) &&
    a.endsAtMs === b.endsAtMs &&
    a.summary === b.summary &&
    a.generatorUrl === b.generatorUrl
  );
}

/** Whether two are the same but for texts, and for ends that lie ahead. */
export function isSameState(a: IncidentAlert, b: IncidentAlert): boolean {
  return (
    a.firing === b.firing &&
    a.dismissed === b.dismissed &&
    a.startsAtMs === b.startsAtMs &&
    a.suppressedBy.length === b.suppressedBy.length &&
    a.suppressedBy.every((by, i) => by === b.suppressedBy[i])
  );
}

function annotation(alert: GroupAlert, wanted: string): string {
  return alert.annotations.find(([name]) => name === wanted)?.[1] ?? "";
}

/** Begins to fire where nothing says that it is over. What fires anew is dismissed no longer. */
export function fired(alert: IncidentAlert, nowMs: number): IncidentAlert {
  if (alert.firing || (alert.endsAtMs !== null && alert.endsAtMs <= nowMs)) return alert;
  return { ...alert, firing: true, dismissed: false };
}

/** Fires no longer where it is over. */
export function endedBy(alert: IncidentAlert, nowMs: number): IncidentAlert {
  if (!alert.firing || alert.endsAtMs === null || alert.endsAtMs > nowMs) return alert;
  return { ...alert, firing: false };
}

/** Fires no longer for this incident. */
export function stopped(alert: IncidentAlert): IncidentAlert {
  return alert.firing ? { ...alert, firing: false } : alert;
}

/** The same map where no alert is different. */
export function mapAlerts(
  alerts: ReadonlyMap<string, IncidentAlert>,
  change: (alert: IncidentAlert, id: string) => IncidentAlert,
): ReadonlyMap<string, IncidentAlert> {
  const next = new Map<string, IncidentAlert>();
  let same = true;
  for (const [id, alert] of alerts) {
    const changed = change(alert, id);
    if (changed !== alert) same = false;
    next.set(id, changed);
  }
  return same ? alerts : next;
}

/** Of those that ended, only the last ones. The same map where there are not too many. */
export function withoutOldEnds(
  alerts: ReadonlyMap<string, IncidentAlert>,
): ReadonlyMap<string, IncidentAlert> {
  const ended = [...alerts].filter(([, alert]) => !alert.firing);
  const tooMany = ended.length - RESOLVED_ALERTS_MAX;
  if (tooMany <= 0) return alerts;
  const next = new Map(alerts);
  ended.sort(([, a], [, b]) => (a.endsAtMs ?? 0) - (b.endsAtMs ?? 0));
  for (const [id] of ended.slice(0, tooMany)) next.delete(id);
  return next;
}

/** As a transition names them: their count, and the first. */
export function named(alerts: readonly (readonly [string, IncidentAlert])[]): NamedAlerts {
  return {
    count: alerts.length,
    named: alerts
      .slice(0, ALERTS_NAMED_MAX)
      .map(([id, { labels }]) => ({ fingerprint: id, labels })),
  };
}

/** Each once, in the order in which they come. */
export function alertKinds(alerts: readonly IncidentAlert[]): AlertKind[] {
  const kinds = new Map<string, AlertKind>();
  for (const { labels } of alerts) {
    const kind = kindOf(labels);
    kinds.set(JSON.stringify([kind.alertname, kind.severity]), kind);
  }
  return [...kinds.values()];
}
