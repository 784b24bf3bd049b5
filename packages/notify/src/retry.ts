import type { Rng } from "@pharos/base";

export interface RetryPolicy {
  readonly firstDelayMs: number;
  readonly delayMsMax: number;
  /** Then the notification has failed, and the group decides anew at its next flush. */
  readonly attemptsMax: number;
}

/** Three retries, after 1 s, 2 s and 4 s. */
export const DEFAULT_RETRY: RetryPolicy = {
  firstDelayMs: 1000,
  delayMsMax: 60_000,
  attemptsMax: 4,
};

/** How much longer than the policy says a wait may be: after an outage, groups must not come back in step. */
const JITTER = 0.1;

/** How long to wait after so many failed attempts: twice as long each time. */
export function retryDelayMs(policy: RetryPolicy, attemptCount: number, rng: Rng): number {
  const delayMs = Math.min(policy.firstDelayMs * 2 ** (attemptCount - 1), policy.delayMsMax);
  return delayMs * (1 + JITTER * rng.unit());
}
