export interface RateLimit {
  readonly perSecond: number;
  /** So many may go at once after a quiet time. */
  readonly burst: number;
}

/** Generous: what a chat takes, and more than a person reads. */
export const DEFAULT_RATE_LIMIT: RateLimit = { perSecond: 500, burst: 2000 };

/** Lets so many through in a second. Times are of the monotonic clock. */
export class TokenBucket {
  readonly #limit: RateLimit;
  #tokens: number;
  #filledAtMs: number | undefined;

  constructor(limit: RateLimit) {
    this.#limit = limit;
    this.#tokens = limit.burst;
  }

  /** When the next may go. */
  nextMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens >= 1 ? nowMs : nowMs + ((1 - this.#tokens) / this.#limit.perSecond) * 1000;
  }

  /** One goes. */
  take(nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens--;
  }

  #fill(nowMs: number): void {
    const passedMs = nowMs - (this.#filledAtMs ?? nowMs);
    this.#filledAtMs = nowMs;
    this.#tokens = Math.min(
      this.#limit.burst,
      this.#tokens + (passedMs / 1000) * this.#limit.perSecond,
    );
  }
}
