import type { Notification } from "@pharos/alert";
import { OperatingError } from "@pharos/base";
import type { Json } from "@pharos/ports";

export interface OutgoingNotification {
  /** Same for every attempt, so that a receiver which saw an earlier one can drop this one. */
  readonly idempotencyKey: string;
  readonly notification: Notification;
  /** What the last receipt for this group and integration kept: the thread of a chat, the key of a ticket. */
  readonly state: Json | undefined;
}

/** What a receiver answered. */
export interface Receipt {
  /** Kept for the next notification of the same group and integration, in place of what was; absent: as it was. */
  readonly state?: Json;
  /** What did not work though the notification was taken: one of several recipients was refused. */
  readonly shortfall?: string;
}

/** One way to reach people: a webhook, a mail server, a chat. Knows its protocol, not retries. */
export interface Receiver {
  /**
   * @throws OperatingError `notify.unavailable` (may work later) or `notify.rejected` (never will), as `DeliveryError`
   *   where the receiver said when to come back; or the signal's reason.
   */
  send(outgoing: OutgoingNotification, signal: AbortSignal): Promise<Receipt>;
}

/** A receiver did not take a notification. */
export class DeliveryError extends OperatingError {
  /** How long the receiver asks to be left alone: its `Retry-After`. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: "notify.unavailable" | "notify.rejected",
    message: string,
    { retryAfterMs, ...options }: { readonly retryAfterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(code, message, options);
    this.retryAfterMs = retryAfterMs;
  }
}
