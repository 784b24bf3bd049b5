import { type GroupAlert, groupKey, groupLabels, isResolved, type Route } from "@pharos/alert";
import type { Labels } from "@pharos/base";
import type { Due } from "./flush-queue.ts";
import { groupIdOf } from "./idempotency-key.ts";
import type { GroupIdentity } from "./observer.ts";
import type { StoredGroup } from "./stored-group.ts";

/** Alerts with the same group labels under one node of the routing tree, and when to look at them next. */
export class LiveGroup implements Due, StoredGroup {
  readonly id: string;
  readonly key: string;
  readonly labels: Labels;
  /** A reload may put another node with the same id in its place. */
  route: Route;
  /** By fingerprint: what fires, and what resolved since the last flush. */
  readonly members = new Map<string, GroupAlert>();
  nextFlushMs: number;
  flushed = false;
  /** Integrations that are being told something now: what changed meanwhile is decided when that is over. */
  readonly deferred = new Set<string>();
  /** Names of the time intervals that muted the group at its last flush. */
  mutedBy: readonly string[] = [];
  /** Whether a document says as much as a restart must know. */
  isKept = false;

  constructor(route: Route, labels: Labels, nextFlushMs: number) {
    this.route = route;
    this.labels = labels;
    this.key = groupKey(route, labels);
    this.id = groupIdOf(route.id, this.key);
    this.nextFlushMs = nextFlushMs;
  }

  get routeId(): string {
    return this.route.id;
  }

  get identity(): GroupIdentity {
    return { id: this.id, key: this.key, receiver: this.route.receiver, labels: this.labels };
  }

  /**
   * Takes in an alert that began, changed or ended. True where the group must be looked at sooner: the alert has waited
   * elsewhere for as long as the group would, before a restart or where it comes from.
   */
  insert(fingerprint: string, alert: GroupAlert, nowMs: number): boolean {
    this.members.set(fingerprint, alert);
    if (this.flushed || this.nextFlushMs <= nowMs) return false;
    if (alert.startsAtMs + this.route.groupWaitMs >= nowMs) return false;
    this.nextFlushMs = nowMs;
    return true;
  }

  /** How many of its alerts fire. */
  firingCount(nowMs: number): number {
    let count = 0;
    for (const alert of this.members.values()) if (!isResolved(alert, nowMs)) count++;
    return count;
  }
}

/** Names the group that an alert belongs to under a route. */
export function groupIdFor(route: Route, labels: Labels): string {
  return groupIdOf(route.id, groupKey(route, groupLabels(route, labels)));
}
