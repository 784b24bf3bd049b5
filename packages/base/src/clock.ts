/**
 * Time, as the only way this code may learn it. Production passes the adapters' `systemClock`;
 * tests pass a `SimClock` that moves only when told to.
 */
export interface Clock {
  /** Wall-clock time, Unix epoch, in ms. May jump either way; never subtract two of these. */
  nowMs(): number;
  /** Time since an arbitrary origin, in ms. Never goes back; for measuring, not for storing. */
  monotonicMs(): number;
  /** Resolves after `ms` (any length), or rejects with `signal.reason` as soon as `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}
