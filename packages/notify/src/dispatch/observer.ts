import type { GroupAlert, HoldReason, NotificationContext } from "@pharos/alert";
import type { Labels } from "@pharos/base";
import type { AttemptOutcome } from "../delivery-log.ts";
import type { Write } from "./write.ts";

/** A group of alerts, for whoever follows it. */
export interface GroupIdentity {
  /** Names the group among all and for ever: a hash of its route's `id` and its labels. */
  readonly id: string;
  /** As notifications name it: `{}:{alertname="Up"}`. */
  readonly key: string;
  readonly receiver: string;
  readonly labels: Labels;
}

/** An alert of a group, and what keeps it from being notified; absent where that was not looked at now. */
export interface SeenAlert {
  readonly alert: GroupAlert;
  /** Such as `silence:<id>`, `alert:<fingerprint>`, `interval:<name>`. */
  readonly suppressedBy?: readonly string[];
}

/** What became of one attempt to tell one integration of a group. */
export interface SeenAttempt {
  readonly key: string;
  readonly integration: string;
  readonly receiver: string;
  readonly outcome: AttemptOutcome;
  /** "" where it was delivered to everybody. */
  readonly error: string;
  readonly atMs: number;
}

/**
 * Follows groups of alerts, each alert in the group of the first route that it matches. What a call gives is written
 * in the transaction that keeps what happened; memory counts at once. Called in order, and never while another call of
 * the same runs.
 */
export interface DispatchObserver {
  /** Alerts began, changed or ended (all that changed at once, not all of the group), or a flush looked at all. */
  alertsSeen(group: GroupIdentity, alerts: readonly SeenAlert[], nowMs: number): readonly Write[];
  /** An attempt of a notification of the group, of whatever route of it, ended. */
  attempted(groupId: string, attempt: SeenAttempt, nowMs: number): readonly Write[];
  /** The groups' alerts belong to other groups now, of which it hears next: the routes have changed. */
  regrouped(groupIds: readonly string[], nowMs: number): readonly Write[];
  /** Why an alert that fires is not notified; undefined where it is to be. */
  heldBecause(
    groupId: string,
    fingerprint: string,
    labels: Labels,
    nowMs: number,
  ): HoldReason | undefined;
}

/** Adds what helps whoever is told; asked before the first attempt, and given up where it takes too long. */
export type Enrich = (
  group: Pick<GroupIdentity, "id" | "key" | "labels">,
  alerts: readonly GroupAlert[],
  signal: AbortSignal,
) => Promise<NotificationContext | undefined>;
