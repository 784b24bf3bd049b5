import { type Labels, labelsFrom } from "@pharos/base";
import type { Json } from "./json-reader.ts";

export const INCIDENT_STATUSES = ["firing", "acknowledged", "resolved"] as const;
export type IncidentStatus = (typeof INCIDENT_STATUSES)[number];

export const PRIORITIES = ["P1", "P2", "P3", "P4"] as const;
export type Priority = (typeof PRIORITIES)[number];

/** One firing episode of a group of alerts. */
export interface Incident {
  readonly id: string;
  readonly status: IncidentStatus;
  /** The word of the worst alert's label; may be "". */
  readonly severity: string;
  readonly priority: Priority;
  readonly receiver: string;
  /** What its alerts have in common. */
  readonly labels: Labels;
  /** Names of its alerts. */
  readonly rules: readonly string[];
  readonly summary: string;
  /** When its first alert began. */
  readonly startedAtMs: number;
  /** When we heard of that. */
  readonly openedAtMs: number;
  readonly resolvedAtMs: number | undefined;
  readonly acknowledgement: Acknowledgement | undefined;
  readonly flapping: boolean;
  /** All that fires is silenced, inhibited or muted. */
  readonly suppressed: boolean;
  readonly escalation: Escalation | undefined;
  readonly deliveredCount: number;
  readonly failedCount: number;
  readonly firingCount: number;
  readonly firingCountMax: number;
}

export interface Acknowledgement {
  readonly by: string;
  readonly comment: string;
  readonly atMs: number;
  /** Undefined for as long as the incident lasts. */
  readonly untilMs: number | undefined;
}

export interface Escalation {
  readonly policy: string;
  /** From 0; -1 before the first. */
  readonly step: number;
  readonly nextAtMs: number | undefined;
}

export interface IncidentAlert {
  readonly fingerprint: string;
  readonly labels: Labels;
  readonly summary: string;
  readonly state: "firing" | "resolved" | "dismissed";
  readonly startsAtMs: number | undefined;
  readonly endsAtMs: number | undefined;
  readonly suppressedBy: readonly string[];
  readonly generatorUrl: string;
}

/** A transition of the incident. `detail` differs by kind. */
export interface TimelineEntry {
  readonly sequence: number;
  readonly atMs: number;
  readonly kind: string;
  readonly detail: Json;
}

/** One attempt to notify. */
export interface Delivery {
  readonly atMs: number;
  readonly integration: string;
  readonly receiver: string;
  readonly reason: string;
  readonly outcome: "delivered" | "retrying" | "failed";
  readonly attempt: number;
  readonly error: string;
  /** The same for all attempts at one notification. */
  readonly key: string;
}

export interface IncidentDetail extends Incident {
  readonly alerts: readonly IncidentAlert[];
  /** The newest first. */
  readonly timeline: readonly TimelineEntry[];
  /** Whether older transitions are not in `timeline`. */
  readonly hasMore: boolean;
  readonly deliveries: readonly Delivery[];
}

/** A page of a list; `cursor` names the next one. */
export interface IncidentPage {
  readonly incidents: readonly Incident[];
  readonly cursor: string | undefined;
}

export function readIncidentPage(data: Json): IncidentPage {
  return {
    incidents: data.get("incidents").list().map(readIncident),
    cursor: data.get("cursor").textOrEmpty() || undefined,
  };
}

export function readIncident(incident: Json): Incident {
  const notifications = incident.get("notifications");
  return {
    id: incident.get("id").text(),
    status: incident.get("status").oneOf(INCIDENT_STATUSES),
    severity: incident.get("severity").textOrEmpty(),
    priority: incident.get("priority").oneOf(PRIORITIES),
    receiver: incident.get("receiver").textOrEmpty(),
    labels: labelsFrom(incident.get("labels").textEntries()),
    rules: incident
      .get("rules")
      .list()
      .map((name) => name.text()),
    summary: incident.get("summary").textOrEmpty(),
    startedAtMs: incident.get("startedAt").timestampMs() ?? Number.NaN,
    openedAtMs: incident.get("openedAt").timestampMs() ?? Number.NaN,
    resolvedAtMs: incident.get("resolvedAt").timestampMs(),
    acknowledgement: readAcknowledgement(incident.get("acknowledgement")),
    flapping: incident.get("flapping").value === true,
    suppressed: incident.get("suppressed").value === true,
    escalation: readEscalation(incident.get("escalation")),
    deliveredCount: notifications.get("delivered").number(),
    failedCount: notifications.get("failed").number(),
    firingCount: incident.get("firing").number(),
    firingCountMax: incident.get("firingMax").number(),
  };
}

function readAcknowledgement(json: Json): Acknowledgement | undefined {
  if (json.value === null || json.value === undefined) return undefined;
  return {
    by: json.get("by").text(),
    comment: json.get("comment").textOrEmpty(),
    atMs: json.get("at").timestampMs() ?? Number.NaN,
    untilMs: json.get("until").timestampMs(),
  };
}

function readEscalation(json: Json): Escalation | undefined {
  if (json.value === null || json.value === undefined) return undefined;
  return {
    policy: json.get("policy").text(),
    step: json.get("step").number(),
    nextAtMs: json.get("nextAt").timestampMs(),
  };
}

export function readIncidentDetail(data: Json): IncidentDetail {
  return {
    ...readIncident(data),
    alerts: data.get("alerts").list().map(readAlert),
    timeline: data.get("timeline").list().map(readTimelineEntry),
    hasMore: data.get("cursor").textOrEmpty() !== "",
    deliveries: data.get("deliveries").list().map(readDelivery),
  };
}

function readAlert(alert: Json): IncidentAlert {
  return {
    fingerprint: alert.get("fingerprint").text(),
    labels: labelsFrom(alert.get("labels").textEntries()),
    summary: alert.get("summary").textOrEmpty(),
    state: alert.get("state").oneOf(["firing", "resolved", "dismissed"]),
    startsAtMs: alert.get("startsAt").timestampMs(),
    endsAtMs: alert.get("endsAt").timestampMs(),
    suppressedBy: alert
      .get("suppressedBy")
      .list()
      .map((text) => text.text()),
    generatorUrl: alert.get("generatorURL").textOrEmpty(),
  };
}

function readTimelineEntry(entry: Json): TimelineEntry {
  return {
    sequence: entry.get("sequence").number(),
    atMs: entry.get("at").timestampMs() ?? Number.NaN,
    kind: entry.get("kind").text(),
    detail: entry.get("detail"),
  };
}

function readDelivery(delivery: Json): Delivery {
  return {
    atMs: delivery.get("at").timestampMs() ?? Number.NaN,
    integration: delivery.get("integration").text(),
    receiver: delivery.get("receiver").text(),
    reason: delivery.get("reason").textOrEmpty(),
    outcome: delivery.get("outcome").oneOf(["delivered", "retrying", "failed"]),
    attempt: delivery.get("attempt").number(),
    error: delivery.get("error").textOrEmpty(),
    key: delivery.get("key").text(),
  };
}

/** What people call an incident: the names of its alerts. */
export function incidentTitle({ rules }: Pick<Incident, "rules">): string {
  return rules.length === 0 ? "Alerts without a name" : rules.join(", ");
}

/** What needs somebody first: nobody is at it before somebody is, then the urgent, then the new. */
export function byUrgency(a: Incident, b: Incident): number {
  const rank = ({ status }: Incident) => INCIDENT_STATUSES.indexOf(status);
  const muted = ({ suppressed }: Incident) => Number(suppressed);
  return (
    rank(a) - rank(b) ||
    muted(a) - muted(b) ||
    a.priority.localeCompare(b.priority) ||
    b.startedAtMs - a.startedAtMs
  );
}
