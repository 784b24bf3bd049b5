import { fingerprint, firingAlerts, type Incident, type IncidentAlert } from "@pharos/alert";
import {
  type AlertTransitionJson,
  AUTHOR_LENGTH_MAX,
  type IncidentAlertJson,
  type IncidentJson,
} from "@pharos/api";
import { formatValue, labelValue } from "@pharos/base";
import type { AlertTransitionRecord, TimelineEntry } from "@pharos/notify";
import { formatTime, labelsObject } from "./answer.ts";

/** Names of rules that a list shows for one incident. */
const RULES_SHOWN_MAX = 20;
/** Alerts that one incident shows. */
export const ALERTS_SHOWN_MAX = 1000;

/** An incident as the API shows it, without its alerts. */
export function incidentJson(incident: Incident): IncidentJson {
  const { id, status, severity, priority, group, acknowledgement, escalation } = incident;
  const firing = firingAlerts(incident);
  const [first] = firing.length > 0 ? firing : incident.alerts.values();
  return {
    id,
    status,
    severity,
    priority,
    receiver: group.receiver,
    groupKey: group.key,
    labels: labelsObject(group.labels),
    rules: ruleNames(incident),
    summary: first?.summary ?? "",
    startedAt: formatTime(incident.startedAtMs),
    openedAt: formatTime(incident.openedAtMs),
    updatedAt: formatTime(incident.updatedAtMs),
    resolvedAt: timeOrNull(incident.resolvedAtMs),
    acknowledgement:
      acknowledgement === null
        ? null
        : {
            by: acknowledgement.by.slice(0, AUTHOR_LENGTH_MAX),
            comment: acknowledgement.comment,
            at: formatTime(acknowledgement.atMs),
            until: timeOrNull(acknowledgement.untilMs),
            covers: acknowledgement.covers.map((kind) => ({ ...kind })),
          },
    flapping: incident.flapping,
    suppressed: incident.suppressed,
    escalation:
      escalation === null
        ? null
        : {
            policy: escalation.policy,
            step: escalation.step + 1,
            nextAt: timeOrNull(escalation.nextAtMs),
          },
    notifications: {
      delivered: incident.notificationCount,
      failed: incident.failedNotificationCount,
    },
    firing: firing.length,
    firingMax: incident.firingCountMax,
  };
}

/** The names of an incident's alerts, each once. */
export function ruleNames({ alerts }: Pick<Incident, "alerts">): string[] {
  const names = new Set<string>();
  for (const { labels } of alerts.values()) names.add(labelValue(labels, "alertname"));
  names.delete("");
  return [...names].slice(0, RULES_SHOWN_MAX);
}

/** Those that fire first. */
export function incidentAlertsJson({ alerts }: Incident): IncidentAlertJson[] {
  return [...alerts]
    .sort(([, a], [, b]) => Number(b.firing) - Number(a.firing))
    .slice(0, ALERTS_SHOWN_MAX)
    .map(([fingerprint, alert]) => ({
      fingerprint,
      labels: labelsObject(alert.labels),
      summary: alert.summary,
      state: alertState(alert),
      startsAt: formatTime(alert.startsAtMs),
      endsAt: timeOrNull(alert.endsAtMs),
      suppressedBy: [...alert.suppressedBy],
      generatorURL: alert.generatorUrl,
    }));
}

function alertState({ firing, dismissed }: IncidentAlert): IncidentAlertJson["state"] {
  if (!firing) return "resolved";
  return dismissed ? "dismissed" : "firing";
}

export function timelineJson({ sequence, atMs, kind, status, detail }: TimelineEntry) {
  return { sequence, at: formatTime(atMs), kind, status, detail };
}

export function transitionJson(transition: AlertTransitionRecord): AlertTransitionJson {
  const { rule, ruleGroup, labels, from, to, atMs, value } = transition;
  return {
    at: formatTime(atMs),
    rule,
    ruleGroup,
    fingerprint: fingerprint(labels),
    labels: labelsObject(labels),
    from,
    to,
    value: value === undefined ? null : formatValue(value),
  };
}

function timeOrNull(timestampMs: number | null): string | null {
  return timestampMs === null ? null : formatTime(timestampMs);
}
