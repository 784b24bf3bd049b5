import { type GroupAlert, groupKey, groupLabels, isResolved } from "../alert-group.ts";
import { fingerprint } from "../fingerprint.ts";
import { type NotificationRecord, planNotification } from "../notification-plan.ts";
import { matchRoutes } from "../routing/match-routes.ts";
import type { Route } from "../routing/route.ts";

/** Who would be told of what. */
export interface ReplayRouting {
  readonly route: Route;
  /** The ways in which a receiver is told. */
  readonly integrations: (
    receiver: string,
  ) => readonly { readonly key: string; readonly sendResolved: boolean }[];
}

interface ReplayedGroup {
  readonly key: string;
  readonly route: Route;
  readonly alerts: Map<string, GroupAlert>;
  /** Of the first flush; the others follow at the group's interval. */
  readonly firstFlushMs: number;
  /** The next flush that can send something. */
  nextFlushMs: number;
}

/**
 * Counts the notifications that a routing tree would have sent of alerts of the past. Silences, inhibition and muted
 * times are left out: what is asked is how loud a rule is by itself.
 */
export class NotificationReplay {
  /** By receiver. */
  readonly counts = new Map<string, number>();
  readonly #routing: ReplayRouting;
  /** By node of the tree and group labels; all have alerts. */
  readonly #groups = new Map<string, ReplayedGroup>();
  /** What was told, by group and integration; outlives the group, as Alertmanager's log does. */
  readonly #records = new Map<string, NotificationRecord>();

  constructor(routing: ReplayRouting) {
    this.#routing = routing;
  }

  /** Alerts that began or ended. Times must not go back. */
  update(alerts: readonly GroupAlert[], nowMs: number): void {
    this.advance(nowMs);
    for (const alert of alerts)
      for (const route of matchRoutes(this.#routing.route, alert.labels)) {
        const key = `${route.id} ${groupKey(route, groupLabels(route, alert.labels))}`;
        const group = this.#groups.get(key);
        const known = group?.alerts ?? new Map<string, GroupAlert>();
        // Of what nobody knows there is nothing to end.
        if (group === undefined && isResolved(alert, nowMs)) continue;
        known.set(fingerprint(alert.labels), alert);
        if (group !== undefined) group.nextFlushMs = flushAfter(group, nowMs);
        else {
          const firstFlushMs = nowMs + route.groupWaitMs;
          const times = { firstFlushMs, nextFlushMs: firstFlushMs };
          this.#groups.set(key, { key, route, alerts: known, ...times });
        }
      }
  }

  /** Lets time pass up to `nowMs`. */
  advance(nowMs: number): void {
    for (const group of this.#groups.values())
      while (group.nextFlushMs <= nowMs && group.alerts.size > 0) {
        const toldMs = this.#flush(group, group.nextFlushMs);
        // Until it has to be repeated, only a change can be news.
        const quietUntilMs = toldMs + group.route.repeatIntervalMs;
        group.nextFlushMs = flushAfter(group, Math.max(group.nextFlushMs, quietUntilMs));
      }
    for (const [key, { alerts }] of this.#groups) if (alerts.size === 0) this.#groups.delete(key);
  }

  /** Answers when the integration that was told longest ago was told. */
  #flush({ key, route, alerts }: ReplayedGroup, nowMs: number): number {
    const { receiver, repeatIntervalMs } = route;
    let toldMs = nowMs;
    for (const { key: integration, sendResolved } of this.#routing.integrations(receiver)) {
      const id = `${key} ${integration}`;
      const options = { sendResolved, repeatIntervalMs };
      const planned = planNotification(this.#records.get(id), alerts, options, nowMs);
      toldMs = Math.min(
        toldMs,
        planned?.record.timestampMs ?? this.#records.get(id)?.timestampMs ?? nowMs,
      );
      if (planned === undefined) continue;
      this.#records.set(id, planned.record);
      if (planned.alerts.length > 0)
        this.counts.set(receiver, (this.counts.get(receiver) ?? 0) + 1);
    }
    for (const [id, alert] of alerts) if (isResolved(alert, nowMs)) alerts.delete(id);
    return toldMs;
  }
}

/** The group's first flush behind `nowMs`. */
function flushAfter({ firstFlushMs, route }: ReplayedGroup, nowMs: number): number {
  const intervalMs = Math.max(1, route.groupIntervalMs);
  const flushes = Math.floor((nowMs - firstFlushMs) / intervalMs) + 1;
  return firstFlushMs + Math.max(0, flushes) * intervalMs;
}
