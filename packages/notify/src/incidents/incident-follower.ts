import {
  type HoldReason,
  heldBecause,
  type IncidentGroup,
  isHeldForFlapping,
  type ObservedAlert,
} from "@pharos/alert";
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
  readonly #holdFlapping: boolean;

  /** With `holdFlapping`, alerts that go on and off are told less often; see `isHeldForFlapping`. */
  constructor(book: Pick<IncidentBook, "enqueue" | "ofGroup">, holdFlapping = false) {
    this.#book = book;
    this.#holdFlapping = holdFlapping;
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

  /** Why an alert that fires is not notified; undefined where it is to be. */
  heldBecause(
    groupId: string,
    fingerprint: string,
    labels: Labels,
    nowMs: number,
  ): HoldReason | undefined {
    const incident = this.#book.ofGroup(groupId);
    const reason = heldBecause(incident, fingerprint, labels, nowMs);
    if (reason !== undefined || !this.#holdFlapping) return reason;
    const isHeld = isHeldForFlapping(incident?.flaps.get(fingerprint), nowMs);
    return isHeld ? "flapping" : undefined;
  }
}

const NOTHING = [] as const;

/**
 * Has people told again when an acknowledgement runs out or is taken back while alerts fire on: they count on hearing
 * of it, and `repeat_interval` may be hours away.
 */
export function followIncidents(
  book: Pick<IncidentBook, "listen">,
  dispatcher: { readonly tellAgain: (fingerprints: Iterable<string>) => Promise<void> },
): Disposable {
  return book.listen((incident, transitions) => {
    const isHeldNoLonger = transitions.some(
      ({ kind }) => kind === "acknowledgement_expired" || kind === "unacknowledged",
    );
    if (!isHeldNoLonger || incident.status !== "firing") return;
    const firing: string[] = [];
    for (const [id, alert] of incident.alerts)
      if (alert.firing && !alert.dismissed) firing.push(id);
    void dispatcher.tellAgain(firing);
  });
}
