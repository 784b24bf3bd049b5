import { type Labels, labelValue } from "@pharos/base";
import { hashLabels } from "../fingerprint.ts";
import type { FlapState } from "./flapping.ts";
import { comparePriorities, type Priority, priorityOf, severityOf } from "./severity.ts";

export type IncidentStatus = "firing" | "acknowledged" | "resolved";

export const INCIDENT_STATUSES = [
  "firing",
  "acknowledged",
  "resolved",
] as const satisfies readonly IncidentStatus[];

/** Resolved alerts that an incident remembers; the ones that ended first are forgotten. All that fire are kept. */
export const RESOLVED_ALERTS_MAX = 200;

/**
 * One firing episode of one group of alerts: from its first alert to the moment when none fires any more. Groups are
 * those of the first route that an alert matches, so that an alert has one incident however many receivers hear of it.
 */
export interface Incident {
  /** 16 hexadecimal digits. */
  readonly id: string;
  readonly group: IncidentGroup;
  readonly status: IncidentStatus;
  /** Of the worst alert that fires; while none does, of the worst that did last. */
  readonly severity: string;
  readonly priority: Priority;
  /** By fingerprint. */
  readonly alerts: ReadonlyMap<string, IncidentAlert>;
  /** When we opened it. No two incidents of a group have the same. */
  readonly openedAtMs: number;
  /** When its first alert began, which may be long before anybody heard of it. */
  readonly startedAtMs: number;
  readonly resolvedAtMs: number | null;
  /** Of the last transition; transitions never go back in time, whatever the clock does. */
  readonly updatedAtMs: number;
  /** The last one given, until it is taken back or runs out; an incident that is over keeps what it had. */
  readonly acknowledgement: Acknowledgement | null;
  /** Whether an alert of it, or the group as a whole, goes on and off so often that it is not resolved meanwhile. */
  readonly flapping: boolean;
  /** By fingerprint, and `GROUP_FLAP` for the group as a whole. Only what has changed lately. */
  readonly flaps: ReadonlyMap<string, FlapState>;
  /** Whether all alerts that fire are silenced, inhibited or muted. */
  readonly suppressed: boolean;
  /** Null while somebody is at it, and before it begins. */
  readonly escalation: IncidentEscalation | null;
  /** Receivers outside the routes that escalations have told, and that want to hear of the end. */
  readonly pagedReceivers: readonly string[];
  /** Notifications that were delivered, and that were given up. */
  readonly notificationCount: number;
  readonly failedNotificationCount: number;
  /** The most alerts that fired at once. */
  readonly firingCountMax: number;
  /** How many transitions there were. */
  readonly transitionCount: number;
}

/** The key of the group as a whole among `flaps`; no fingerprint is empty. */
export const GROUP_FLAP = "";

/** What an incident's alerts have in common. */
export interface IncidentGroup {
  /** Names the group among all: its route's `id` and its labels. */
  readonly id: string;
  /** As notifications name it: `{}:{alertname="Up"}`. */
  readonly key: string;
  readonly receiver: string;
  readonly labels: Labels;
}

export interface IncidentAlert {
  readonly labels: Labels;
  /** The annotation `summary`, else `description`; "" without. */
  readonly summary: string;
  readonly generatorUrl: string;
  readonly startsAtMs: number;
  /** When it resolved or will resolve if nothing more is heard; null while nothing says so. */
  readonly endsAtMs: number | null;
  /** As of the last step: an end that lies ahead has its own. */
  readonly firing: boolean;
  /** What keeps it from being notified, such as `silence:<id>`, `alert:<fingerprint>`, `interval:<name>`. */
  readonly suppressedBy: readonly string[];
  /** It went on firing when somebody resolved its incident: it counts for nothing until it fires anew. */
  readonly dismissed: boolean;
}

/** Somebody is at it. Nothing that it covers is notified or escalated while it lasts. */
export interface Acknowledgement {
  readonly by: string;
  readonly comment: string;
  readonly atMs: number;
  /** Null for as long as the incident lasts. */
  readonly untilMs: number | null;
  /** What was firing when it was given. An alert of another kind is news. */
  readonly covers: readonly AlertKind[];
}

export interface AlertKind {
  readonly alertname: string;
  readonly severity: string;
}

/** How far the escalation of an incident has come. */
export interface IncidentEscalation {
  readonly policy: string;
  /** How many transitions the incident had when it began: no other escalation of the incident has the same. */
  readonly run: number;
  /** When it began: with the incident, or when nobody was at it any more. */
  readonly sinceMs: number;
  /** How often all steps were gone through before. */
  readonly round: number;
  /** The last step that was taken, from 0; -1 before the first. */
  readonly step: number;
  /** When the next step is due, if nothing holds it; null where none is left. */
  readonly nextAtMs: number | null;
  /** Since when it waits, because all that fires is hidden; null where it does not. */
  readonly pausedAtMs: number | null;
}

export function kindOf(labels: Labels): AlertKind {
  return { alertname: labelValue(labels, "alertname"), severity: severityOf(labels) };
}

/** The alerts that an incident is about now. */
export function firingAlerts(incident: Pick<Incident, "alerts">): IncidentAlert[] {
  const firing: IncidentAlert[] = [];
  for (const alert of incident.alerts.values())
    if (alert.firing && !alert.dismissed) firing.push(alert);
  return firing;
}

/** Whether something of the incident can still change by itself: it is not over, or alerts that were dismissed fire on. */
export function isLive(incident: Incident): boolean {
  if (incident.status !== "resolved") return true;
  for (const alert of incident.alerts.values()) if (alert.firing) return true;
  return false;
}

/** Somebody is at it, has called it over, or it goes on and off. */
export type HoldReason = "acknowledged" | "dismissed" | "flapping";

/** Why an alert that fires is not notified; undefined where it is to be. */
export function heldBecause(
  incident: Incident | undefined,
  fingerprint: string,
  labels: Labels,
  nowMs: number,
): Exclude<HoldReason, "flapping"> | undefined {
  if (incident === undefined) return undefined;
  if (incident.alerts.get(fingerprint)?.dismissed === true) return "dismissed";
  if (incident.status === "resolved") return undefined;
  return isCovered(incident.acknowledgement, labels, nowMs) ? "acknowledged" : undefined;
}

/** Whether an acknowledgement is for alerts like this one, and lasts. */
export function isCovered(
  acknowledgement: Acknowledgement | null,
  labels: Labels,
  nowMs: number,
): boolean {
  if (acknowledgement === null) return false;
  if (acknowledgement.untilMs !== null && acknowledgement.untilMs <= nowMs) return false;
  const { alertname, severity } = kindOf(labels);
  return acknowledgement.covers.some(
    (kind) => kind.alertname === alertname && kind.severity === severity,
  );
}

/** Whether people should be told again, and more of them: it fires, nobody is at it, and nothing mutes it. */
export function mayEscalate(incident: Incident, nowMs: number): boolean {
  if (incident.status !== "firing") return false;
  return firingAlerts(incident).some(
    (alert) =>
      alert.suppressedBy.length === 0 && !isCovered(incident.acknowledgement, alert.labels, nowMs),
  );
}

/** The worst severity of some alerts, by the words of their labels. `fallback` where there are none. */
export function worstSeverity(
  alerts: readonly Pick<IncidentAlert, "labels">[],
  fallback: Pick<Incident, "severity" | "priority">,
): Pick<Incident, "severity" | "priority"> {
  let worst: Pick<Incident, "severity" | "priority"> | undefined;
  for (const { labels } of alerts) {
    const severity = severityOf(labels);
    const priority = priorityOf(severity);
    if (worst === undefined || comparePriorities(priority, worst.priority) < 0)
      worst = { severity, priority };
  }
  return worst ?? { severity: fallback.severity, priority: fallback.priority };
}

/** Names the incident of a group that was opened then: the same for every server that decides it. */
export function incidentId(groupId: string, openedAtMs: number): string {
  const { high, low } = hashLabels([[groupId, String(openedAtMs)]]);
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}
