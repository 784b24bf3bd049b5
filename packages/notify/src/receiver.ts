import type { Notification } from "@pharos/alert";

export interface OutgoingNotification {
  /** Same for every attempt, so that a receiver which saw an earlier one can drop this one. */
  readonly idempotencyKey: string;
  readonly notification: Notification;
}

/** One way to reach people: a webhook, a mail server, a chat. Knows its protocol, not retries. */
export interface Receiver {
  /** @throws OperatingError `notify.unavailable` (may work later) or `notify.rejected` (never will); or the signal's reason. */
  send(outgoing: OutgoingNotification, signal: AbortSignal): Promise<void>;
}
