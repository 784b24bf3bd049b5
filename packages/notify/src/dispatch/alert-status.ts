import {
  compareLabelSets,
  type GroupAlert,
  type HoldReason,
  isResolved,
  sortAlerts,
} from "@pharos/alert";
import { compareUtf8, type Labels } from "@pharos/base";
import type { KnownAlert } from "./alert-intake.ts";
import { type DispatchState, suppressionOf } from "./dispatch-state.ts";
import type { LiveGroup } from "./live-group.ts";
import { type AlertSuppression, mutedBy, type Suppression } from "./suppression.ts";

/** An alert and what becomes of it now, as Alertmanager's API shows it. */
export interface AlertStatus extends AlertSuppression {
  readonly fingerprint: string;
  readonly alert: GroupAlert;
  readonly updatedAtMs: number;
  /** `unprocessed`: no group has been looked at since it came. */
  readonly state: "unprocessed" | "active" | "suppressed";
  /** Sorted, each once. */
  readonly receivers: readonly string[];
  /** Somebody is at it, or has called it over; undefined where neither. */
  readonly heldBecause: HoldReason | undefined;
}

/** A group of alerts with those of its alerts that fire. */
export interface GroupStatus {
  readonly id: string;
  readonly routeId: string;
  readonly key: string;
  readonly labels: Labels;
  readonly routeLabels: Labels;
  readonly receiver: string;
  /** Names of time intervals that mute the group. */
  readonly mutedBy: readonly string[];
  readonly nextFlushMs: number;
  /** Sorted as in notifications. */
  readonly alerts: readonly AlertStatus[];
}

/** All alerts that are not over, by fingerprint. */
export function alertStatuses(state: DispatchState): AlertStatus[] {
  const nowMs = state.clock.nowMs();
  const suppression = suppressionOf(state);
  const statuses: AlertStatus[] = [];
  for (const known of state.intake.all())
    if (!isResolved(known.alert, nowMs))
      statuses.push(alertStatus(state, suppression, known, nowMs));
  return statuses.sort((a, b) => compareUtf8(a.fingerprint, b.fingerprint));
}

/** All groups in which something fires, by labels, in Alertmanager's order, and then receiver. */
export function groupStatuses(state: DispatchState): GroupStatus[] {
  const nowMs = state.clock.nowMs();
  const suppression = suppressionOf(state);
  const statuses: GroupStatus[] = [];
  for (const group of state.table.values()) {
    const firing: GroupAlert[] = [];
    const known = new Map<GroupAlert, KnownAlert>();
    for (const [id, alert] of group.members) {
      const found = state.intake.get(id);
      if (found === undefined || isResolved(alert, nowMs)) continue;
      firing.push(alert);
      known.set(alert, found);
    }
    if (firing.length === 0) continue;
    statuses.push({
      id: group.id,
      routeId: group.routeId,
      key: group.key,
      labels: group.labels,
      routeLabels: state.routeLabels(group, firing),
      receiver: group.route.receiver,
      mutedBy: mutedBy(group.route, suppression.timeIntervals, nowMs),
      nextFlushMs: group.nextFlushMs,
      alerts: sortAlerts(firing).map((alert) =>
        alertStatus(state, suppression, known.get(alert) as KnownAlert, nowMs, group),
      ),
    });
  }
  return statuses.sort(
    (a, b) => compareLabelSets(a.labels, b.labels) || compareUtf8(a.receiver, b.receiver),
  );
}

/** Of an alert in one of its groups, or in all of them. */
function alertStatus(
  { table }: DispatchState,
  suppression: Suppression,
  { fingerprint, alert, updatedAtMs }: KnownAlert,
  nowMs: number,
  only?: LiveGroup,
): AlertStatus {
  const receivers = new Set<string>();
  const intervals = new Set<string>();
  let isProcessed = false;
  for (const { route, groupId } of table.targetsOf(fingerprint, alert.labels)) {
    receivers.add(route.receiver);
    const group = table.get(groupId);
    if (group?.flushed === true) isProcessed = true;
    if (only !== undefined && group !== only) continue;
    for (const name of mutedBy(route, suppression.timeIntervals, nowMs)) intervals.add(name);
  }
  const inhibitedBy = suppression.inhibitor.inhibitedBy(alert.labels, nowMs);
  const silencedBy = suppression.silencedBy(alert.labels, nowMs);
  const isSuppressed = inhibitedBy.length + silencedBy.length + intervals.size > 0;
  const firstGroup = table.firstGroupOf(fingerprint) ?? "";
  return {
    fingerprint,
    alert,
    updatedAtMs,
    state: isSuppressed ? "suppressed" : isProcessed ? "active" : "unprocessed",
    inhibitedBy,
    silencedBy,
    mutedBy: [...intervals],
    receivers: [...receivers].sort(compareUtf8),
    heldBecause: suppression.heldBecause(firstGroup, fingerprint, alert.labels, nowMs),
  };
}
