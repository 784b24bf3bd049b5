import { matcherToJson, type Silence, silenceState } from "@pharos/alert";
import { formatDuration } from "@pharos/base";
import type { AlertStatus, GroupStatus } from "@pharos/notify";
import { formatTime, labelsObject } from "./answer.ts";

/** When an alert of ours ends that says nothing of its end: as if it had been told of just now. */
export interface AlertTimes {
  readonly nowMs: number;
  readonly resolveTimeoutMs: number;
}

/** An alert as Alertmanager shows it. */
export function alertJson(
  { alert, fingerprint, receivers, updatedAtMs, ...status }: AlertStatus,
  { nowMs, resolveTimeoutMs }: AlertTimes,
): unknown {
  const { inhibitedBy, mutedBy, silencedBy } = status;
  const isSuppressed = inhibitedBy.length + mutedBy.length + silencedBy.length > 0;
  return {
    annotations: labelsObject(alert.annotations),
    endsAt: formatTime(alert.endsAtMs ?? nowMs + resolveTimeoutMs),
    fingerprint,
    receivers: receivers.map((name) => ({ name })),
    startsAt: formatTime(alert.startsAtMs),
    status: {
      inhibitedBy,
      mutedBy,
      silencedBy,
      // Alertmanager looks at what suppresses an alert whenever it is asked, after which none is "unprocessed".
      state: isSuppressed ? "suppressed" : "active",
    },
    updatedAt: formatTime(updatedAtMs),
    ...(alert.generatorUrl === "" ? {} : { generatorURL: alert.generatorUrl }),
    labels: labelsObject(alert.labels),
  };
}

/** Whether Alertmanager counts an alert as active: muted times are a matter of groups. */
export function isActive({ inhibitedBy, silencedBy }: AlertStatus): boolean {
  return inhibitedBy.length + silencedBy.length === 0;
}

/** A group with those of its alerts that are shown. */
export function groupJson(
  { labels, receiver, routeLabels }: GroupStatus,
  alerts: readonly AlertStatus[],
  times: AlertTimes,
): unknown {
  return {
    alerts: alerts.map((alert) => alertJson(alert, times)),
    labels: labelsObject(labels),
    receiver: { name: receiver },
    routeLabels: labelsObject(routeLabels),
  };
}

/** A silence as Alertmanager shows it; recurring ones say how, which its clients do not read. */
export function silenceJson(silence: Silence, nowMs: number): unknown {
  const { annotations, recurrence } = silence;
  return {
    id: silence.id,
    status: { state: silenceState(silence, nowMs) },
    updatedAt: formatTime(silence.updatedAtMs),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    comment: silence.comment,
    createdBy: silence.createdBy,
    endsAt: formatTime(silence.endsAtMs),
    matchers: silence.matchers.map(matcherToJson),
    startsAt: formatTime(silence.startsAtMs),
    ...(recurrence === undefined
      ? {}
      : {
          recurrence: {
            rrule: recurrence.rrule,
            duration: formatDuration(recurrence.durationMs),
            timeZone: recurrence.timeZone,
          },
        }),
  };
}

const STATE_ORDER = { active: 1, pending: 2, expired: 3 } as const;

/** Active ones first, that which ends next at the top; then what begins next; then what ended last. */
export function sortSilences(silences: readonly Silence[], nowMs: number): readonly Silence[] {
  const keyed = silences.map((silence) => {
    const state = silenceState(silence, nowMs);
    const { startsAtMs, endsAtMs } = silence;
    const time = { active: endsAtMs, pending: startsAtMs, expired: -endsAtMs }[state];
    return { silence, order: STATE_ORDER[state], time };
  });
  keyed.sort(
    (a, b) => a.order - b.order || a.time - b.time || (a.silence.id < b.silence.id ? -1 : 1),
  );
  return keyed.map(({ silence }) => silence);
}
