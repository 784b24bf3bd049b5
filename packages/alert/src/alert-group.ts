import {
  assert,
  compareLabels,
  compareUtf8,
  type Label,
  type Labels,
  labelValue,
  onlyLabels,
  quote,
} from "@pharos/base";
import { fingerprint } from "./fingerprint.ts";

/** How alerts are gathered into notifications; an Alertmanager `route`. */
export interface Route {
  readonly receiver: string;
  /** Label names; "all" for `['...']`: every alert is a group of its own. */
  readonly groupBy: readonly string[] | "all";
  /** How long the first notification of a group waits for more alerts. */
  readonly groupWaitMs: number;
  /** How long later ones wait for more changes. */
  readonly groupIntervalMs: number;
  /** After this long without a change, firing alerts are notified again. */
  readonly repeatIntervalMs: number;
}

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

/** What a receiver was last told about a group: fingerprints of alerts. */
export interface NotificationRecord {
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  readonly timestampMs: number;
}

/** Alerts with the same group labels under one route, and what was told to whom. */
export interface AlertGroup {
  /** As Alertmanager writes it: `{}:{alertname="Up"}`. */
  readonly key: string;
  readonly labels: Labels;
  /** By fingerprint. */
  readonly alerts: ReadonlyMap<string, GroupAlert>;
  /** When to look next whether something must be sent. Wall-clock time, so that it outlives a restart. */
  readonly nextFlushMs: number;
  /** False while the group is in its `group_wait`. */
  readonly flushed: boolean;
  /** By integration, such as `team/webhook[0]`. */
  readonly records: ReadonlyMap<string, NotificationRecord>;
}

/** One way in which a route's receiver is told. */
export interface Integration {
  readonly key: string;
  readonly sendResolved: boolean;
}

/** Why a notification is sent, in Alertmanager's words. */
export type NotificationReason =
  | "first notification"
  | "new alerts added"
  | "all alerts resolved"
  | "some alerts resolved"
  | "repeat interval elapsed";

/** What one flush decided to send to one integration. */
export interface PlannedNotification {
  readonly integration: string;
  readonly reason: NotificationReason;
  /** Sorted by job, instance, labels; firing ones have no end. */
  readonly alerts: readonly GroupAlert[];
  /** What the integration had been told before, should this one fail. */
  readonly recordBefore: NotificationRecord | undefined;
}

export type GroupEvent =
  /** Alerts that began, changed or ended. All must belong to the group. */
  | { readonly kind: "alerts"; readonly alerts: readonly GroupAlert[] }
  /** `nextFlushMs` has come. */
  | { readonly kind: "flush"; readonly integrations: readonly Integration[] }
  /** A notification could not be delivered: what it said is not known to the receiver. */
  | {
      readonly kind: "failed";
      readonly integration: string;
      readonly alerts: readonly GroupAlert[];
      readonly recordBefore: NotificationRecord | undefined;
    };

export interface GroupStep {
  /** Undefined where nothing is left to know about: the group is over. */
  readonly group: AlertGroup | undefined;
  readonly notifications: readonly PlannedNotification[];
}

/** The labels that make an alert's group. */
export function groupLabels(route: Pick<Route, "groupBy">, labels: Labels): Labels {
  return route.groupBy === "all" ? labels : onlyLabels(labels, new Set(route.groupBy));
}

/** The name of a group; there is one route, whose own key is `{}`. */
export function groupKey(labels: Labels): string {
  return `{}:{${labels.map(([name, value]) => `${name}=${quote(value)}`).join(", ")}}`;
}

/** A group that is about to get its first alerts. */
export function emptyGroup(labels: Labels, route: Route, nowMs: number): AlertGroup {
  return {
    key: groupKey(labels),
    labels,
    alerts: new Map(),
    nextFlushMs: nowMs + route.groupWaitMs,
    flushed: false,
    records: new Map(),
  };
}

/** The life of a group, as Alertmanager's dispatcher and deduplication have it. */
export function stepGroup(
  group: AlertGroup,
  event: GroupEvent,
  route: Route,
  nowMs: number,
): GroupStep {
  switch (event.kind) {
    case "alerts":
      return { group: addAlerts(group, event.alerts, route, nowMs), notifications: [] };
    case "flush":
      return flush(group, event.integrations, route, nowMs);
    case "failed":
      return { group: takeBack(group, event, route, nowMs), notifications: [] };
  }
}

/** Whether an alert is over at `nowMs`. */
export function isResolved(alert: GroupAlert, nowMs: number): boolean {
  return alert.endsAtMs !== null && alert.endsAtMs <= nowMs;
}

/**
 * Whether a receiver must be told, given what it was told last, and why: undefined for no. Fingerprints of the alerts
 * that are firing, and that resolved since the last flush. With nothing firing and something told, the answer is yes
 * even for a receiver that wants no resolved ones: its record must be cleared.
 */
export function needsNotification(
  record: NotificationRecord | undefined,
  firing: readonly string[],
  resolved: readonly string[],
  sendResolved: boolean,
  repeatIntervalMs: number,
  nowMs: number,
): NotificationReason | undefined {
  if (record === undefined) return firing.length > 0 ? "first notification" : undefined;
  if (!isSubset(firing, record.firing))
    return record.firing.length === 0 ? "first notification" : "new alerts added";
  if (firing.length === 0) return record.firing.length > 0 ? "all alerts resolved" : undefined;
  if (sendResolved && !isSubset(resolved, record.resolved)) return "some alerts resolved";
  return record.timestampMs < nowMs - repeatIntervalMs ? "repeat interval elapsed" : undefined;
}

function isSubset(part: readonly string[], whole: readonly string[]): boolean {
  const set = new Set(whole);
  return part.every((item) => set.has(item));
}

function addAlerts(
  group: AlertGroup,
  added: readonly GroupAlert[],
  route: Route,
  nowMs: number,
): AlertGroup | undefined {
  const alerts = new Map(group.alerts);
  let { nextFlushMs } = group;
  for (const alert of added) {
    assert(
      groupKey(groupLabels(route, alert.labels)) === group.key,
      () => `alert belongs to ${group.key}`,
    );
    const id = fingerprint(alert.labels);
    const known = alerts.get(id);
    // Nobody heard of it, so nobody needs to hear that it is over.
    if (known === undefined && isResolved(alert, nowMs) && !wasTold(group, id)) continue;
    alerts.set(id, known === undefined ? alert : mergeAlert(known, alert, nowMs));
    // It has waited elsewhere: before a restart, or where it comes from.
    if (!group.flushed && alert.startsAtMs + route.groupWaitMs < nowMs)
      nextFlushMs = Math.min(nextFlushMs, nowMs);
  }
  if (alerts.size === 0 && group.records.size === 0) return undefined;
  return { ...group, alerts, nextFlushMs };
}

function wasTold(group: AlertGroup, id: string): boolean {
  for (const record of group.records.values()) if (record.firing.includes(id)) return true;
  return false;
}

/** What is newly heard stands, but while an alert goes on, its earliest start does. */
function mergeAlert(known: GroupAlert, heard: GroupAlert, nowMs: number): GroupAlert {
  if (isResolved(known, nowMs) && !isResolved(heard, nowMs)) return heard; // It came back.
  return { ...heard, startsAtMs: Math.min(known.startsAtMs, heard.startsAtMs) };
}

function flush(
  group: AlertGroup,
  integrations: readonly Integration[],
  route: Route,
  nowMs: number,
): GroupStep {
  const firing = new Map<string, GroupAlert>();
  const resolved = new Map<string, GroupAlert>();
  for (const [id, alert] of group.alerts)
    if (isResolved(alert, nowMs)) resolved.set(id, alert);
    else firing.set(id, alert);

  const records = new Map<string, NotificationRecord>();
  const notifications: PlannedNotification[] = [];
  for (const { key, sendResolved } of integrations) {
    const recordBefore = group.records.get(key);
    const reason = needsNotification(
      recordBefore,
      [...firing.keys()],
      [...resolved.keys()],
      sendResolved,
      route.repeatIntervalMs,
      nowMs,
    );
    if (reason === undefined) {
      if (recordBefore !== undefined) records.set(key, recordBefore);
      continue;
    }
    records.set(key, {
      firing: [...firing.keys()],
      resolved: [...resolved.keys()],
      timestampMs: nowMs,
    });
    const alerts = [...firing.values()].map((alert) => ({ ...alert, endsAtMs: null }));
    const told = sendResolved ? [...alerts, ...resolved.values()] : alerts;
    if (told.length > 0)
      notifications.push({ integration: key, reason, alerts: sortAlerts(told), recordBefore });
  }
  // Whoever wanted to hear of the resolved ones has it planned now.
  if (firing.size === 0) return { group: undefined, notifications };
  const nextFlushMs = nowMs + route.groupIntervalMs;
  return {
    group: { ...group, alerts: firing, records, nextFlushMs, flushed: true },
    notifications,
  };
}

/**
 * The next flush decides anew from what the receiver really knows. Resolved alerts come back for it, but not for ever:
 * a receiver that refuses everything must not be told of last week.
 */
function takeBack(
  group: AlertGroup,
  failed: Extract<GroupEvent, { kind: "failed" }>,
  route: Route,
  nowMs: number,
): AlertGroup | undefined {
  const records = new Map(group.records);
  if (failed.recordBefore === undefined) records.delete(failed.integration);
  else records.set(failed.integration, failed.recordBefore);
  const told = new Set(failed.recordBefore?.firing);
  const alerts = new Map(group.alerts);
  for (const alert of failed.alerts) {
    const id = fingerprint(alert.labels);
    if (alert.endsAtMs === null || alerts.has(id) || !told.has(id)) continue;
    if (nowMs - alert.endsAtMs <= route.repeatIntervalMs) alerts.set(id, alert);
  }
  if (alerts.size === 0) return undefined;
  const nextFlushMs = group.flushed ? group.nextFlushMs : nowMs + route.groupIntervalMs;
  return { ...group, alerts, records, nextFlushMs, flushed: true };
}

/** As Alertmanager orders alerts in a notification: by job, instance, then all labels. */
export function sortAlerts(alerts: readonly GroupAlert[]): GroupAlert[] {
  return [...alerts].sort((a, b) => {
    for (const name of ["job", "instance"]) {
      const [left, right] = [labelValue(a.labels, name), labelValue(b.labels, name)];
      if (left === right) continue;
      if (left === "") return 1;
      if (right === "") return -1;
      return compareUtf8(left, right);
    }
    return compareLabels(a.labels, b.labels);
  });
}
