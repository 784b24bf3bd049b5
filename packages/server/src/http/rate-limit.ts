import type { Clock } from "@pharos/base";

export interface RateLimitOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly perSecond: number;
  /** So many at once. */
  readonly burst: number;
}

/** A bucket of tokens: so many a second on the average, and a few at once. */
export class RateLimit {
  readonly #options: RateLimitOptions;
  #tokens: number;
  #atMs: number;

  constructor(options: RateLimitOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#atMs = options.clock.monotonicMs();
  }

  /** Whether one more may go through now. */
  take(): boolean {
    const { clock, perSecond, burst } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#atMs) / 1000) * perSecond);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
