import { heldBecause, type IncidentGroup, type ObservedAlert } from "@pharos/alert";
import type { Labels } from "@pharos/base";
import type { IncidentBook } from "./incident-book.ts";

/** What became of one attempt to tell one integration of a group. */
export interface FollowedAttempt {
  /** The idempotency key of the notification. */
  readonly key: string;
  readonly integration: string;
  readonly receiver: string;
  readonly outcome: "delivered" | "retrying" | "failed";
  /** "" where it was delivered. */
  readonly error: string;
}

/**
 * Lets incidents follow the dispatcher's groups; fits its `DispatchObserver`. There is nothing to write with what the
 * dispatcher keeps: the book does so by itself, within moments, against what other servers have decided.
 */
export class IncidentFollower {
  readonly #book: Pick<IncidentBook, "enqueue" | "ofGroup">;

  constructor(book: Pick<IncidentBook, "enqueue" | "ofGroup">) {
    this.#book = book;
  }

  alertsSeen(group: IncidentGroup, alerts: readonly ObservedAlert[], nowMs: number): readonly [] {
    const event = { kind: "alerts", group, alerts } as const;
    this.#book.enqueue({ groupId: group.id, atMs: nowMs, event });
    return NOTHING;
  }

  attempted(groupId: string, attempt: FollowedAttempt, nowMs: number): readonly [] {
    const { key: notification, integration, receiver, outcome, error } = attempt;
    // What is tried again is in the delivery log; an incident's timeline has what came of it.
    if (outcome === "retrying") return NOTHING;
    const event = {
      kind: "notified",
      notification,
      integration,
      receiver,
      outcome,
      error,
    } as const;
    this.#book.enqueue({ groupId, atMs: nowMs, event });
    return NOTHING;
  }

  regrouped(groupIds: readonly string[], nowMs: number): readonly [] {
    for (const groupId of groupIds)
      this.#book.enqueue({ groupId, atMs: nowMs, event: { kind: "regrouped" } });
    return NOTHING;
  }

  /** Why an alert that fires is not notified: somebody is at it, or has called it over. */
  heldBecause(
    groupId: string,
    fingerprint: string,
    labels: Labels,
    nowMs: number,
  ): "acknowledged" | "dismissed" | undefined {
    return heldBecause(this.#book.ofGroup(groupId), fingerprint, labels, nowMs);
  }
}

const NOTHING = [] as const;
