import type { Rng } from "@pharos/base";

export interface RetryPolicy {
  readonly firstDelayMs: number;
  readonly delayMsMax: number;
  /** Then the notification has failed, and the group decides anew at its next flush. */
  readonly attemptsMax: number;
}

/** 1 s, 2 s, 4 s … up to a minute; gives up after some 50 minutes. */
export const DEFAULT_RETRY: RetryPolicy = {
  firstDelayMs: 1000,
  delayMsMax: 60_000,
  attemptsMax: 100,
};

/** How long to wait after so many failed attempts. Full jitter: after an outage, groups must not come back in step. */
export function retryDelayMs(policy: RetryPolicy, attemptCount: number, rng: Rng): number {
  const ceilingMs = Math.min(policy.firstDelayMs * 2 ** (attemptCount - 1), policy.delayMsMax);
  return rng.unit() * ceilingMs;
}
