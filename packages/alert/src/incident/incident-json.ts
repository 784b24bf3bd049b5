import { labelsFrom, StoredJson } from "@pharos/base";
import type { FlapState } from "./flapping.ts";
import {
  type Acknowledgement,
  INCIDENT_STATUSES,
  type Incident,
  type IncidentAlert,
  type IncidentEscalation,
} from "./incident.ts";
import { PRIORITIES } from "./severity.ts";

/** On disk since the first version; a change needs a new number and a reader for the old one. */
const FORMAT_VERSION = 1;

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** What an incident is kept as: plain JSON. */
export function incidentToJson(incident: Incident): Json {
  const { id, group, alerts, flaps, acknowledgement, escalation, ...rest } = incident;
  return {
    version: FORMAT_VERSION,
    ...rest,
    groupId: group.id,
    groupKey: group.key,
    receiver: group.receiver,
    labels: group.labels,
    alerts: [...alerts].map(([fingerprint, alert]) => ({
      fingerprint,
      ...alert,
      // Senders put the end of what fires off every minute, and that is not written: an old end would be believed.
      endsAtMs: alert.firing ? null : alert.endsAtMs,
    })),
    flaps: [...flaps].map(([key, flap]) => ({ key, ...flap })),
    acknowledgement:
      acknowledgement === null
        ? null
        : { ...acknowledgement, covers: acknowledgement.covers.map((kind) => ({ ...kind })) },
    escalation: escalation === null ? null : { ...escalation },
  };
}

/** @throws OperatingError `disk.corrupt` where `json` is not what `incidentToJson` wrote. */
export function incidentFromJson(id: string, json: unknown): Incident {
  const root = new StoredJson(json, `incident ${id}`);
  root.member("version").version(FORMAT_VERSION);
  const paged = root.member("pagedReceivers");
  return {
    id,
    group: {
      id: root.member("groupId").text(),
      key: root.member("groupKey").text(),
      receiver: root.member("receiver").text(),
      labels: labelsFrom(root.member("labels").pairs()),
    },
    status: root.member("status").oneOf(INCIDENT_STATUSES),
    severity: root.member("severity").text(),
    priority: root.member("priority").oneOf(PRIORITIES),
    alerts: new Map(
      root
        .member("alerts")
        .items()
        .map((alert) => [alert.member("fingerprint").text(), alertFromJson(alert)]),
    ),
    openedAtMs: root.member("openedAtMs").number(),
    startedAtMs: root.member("startedAtMs").number(),
    resolvedAtMs: numberOrNull(root.member("resolvedAtMs")),
    updatedAtMs: root.member("updatedAtMs").number(),
    acknowledgement: orNull(root.member("acknowledgement"), acknowledgementFromJson),
    flapping: root.member("flapping").boolean(),
    flaps: new Map(
      root
        .member("flaps")
        .items()
        .map((flap) => [flap.member("key").text(), flapFromJson(flap)]),
    ),
    suppressed: root.member("suppressed").boolean(),
    escalation: orNull(root.member("escalation"), escalationFromJson),
    // Incidents were kept before it was kept whom they paged.
    pagedReceivers: paged.isAbsent() ? [] : texts(paged),
    notificationCount: root.member("notificationCount").number(),
    failedNotificationCount: root.member("failedNotificationCount").number(),
    firingCountMax: root.member("firingCountMax").number(),
    transitionCount: root.member("transitionCount").number(),
  };
}

function alertFromJson(alert: StoredJson): IncidentAlert {
  return {
    labels: labelsFrom(alert.member("labels").pairs()),
    summary: alert.member("summary").text(),
    generatorUrl: alert.member("generatorUrl").text(),
    startsAtMs: alert.member("startsAtMs").number(),
    endsAtMs: numberOrNull(alert.member("endsAtMs")),
    firing: alert.member("firing").boolean(),
    suppressedBy: texts(alert.member("suppressedBy")),
    dismissed: alert.member("dismissed").boolean(),
  };
}

function flapFromJson(flap: StoredJson): FlapState {
  return {
    firing: flap.member("firing").boolean(),
    changesMs: flap
      .member("changesMs")
      .items()
      .map((change) => change.number()),
    flappingSinceMs: numberOrNull(flap.member("flappingSinceMs")),
  };
}

function acknowledgementFromJson(acknowledgement: StoredJson): Acknowledgement {
  return {
    by: acknowledgement.member("by").text(),
    comment: acknowledgement.member("comment").text(),
    atMs: acknowledgement.member("atMs").number(),
    untilMs: numberOrNull(acknowledgement.member("untilMs")),
    covers: acknowledgement
      .member("covers")
      .items()
      .map((kind) => ({
        alertname: kind.member("alertname").text(),
        severity: kind.member("severity").text(),
      })),
  };
}

function escalationFromJson(escalation: StoredJson): IncidentEscalation {
  return {
    policy: escalation.member("policy").text(),
    run: escalation.member("run").number(),
    sinceMs: escalation.member("sinceMs").number(),
    round: escalation.member("round").number(),
    step: escalation.member("step").number(),
    nextAtMs: numberOrNull(escalation.member("nextAtMs")),
    pausedAtMs: numberOrNull(escalation.member("pausedAtMs")),
  };
}

function texts(list: StoredJson): string[] {
  return list.items().map((item) => item.text());
}

function numberOrNull(value: StoredJson): number | null {
  return value.isNull() ? null : value.number();
}

function orNull<T>(value: StoredJson, read: (value: StoredJson) => T): T | null {
  return value.isNull() ? null : read(value);
}
