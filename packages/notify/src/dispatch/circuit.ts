export interface CircuitPolicy {
  /** So many attempts that fail one after another open it. */
  readonly failuresMax: number;
  /** How long nothing is tried then. */
  readonly openMs: number;
}

export const DEFAULT_CIRCUIT: CircuitPolicy = { failuresMax: 5, openMs: 30_000 };

/** `half-open`: one attempt may find out whether the receiver is back. */
export type CircuitState = "closed" | "open" | "half-open";

/** Spares a receiver that does not answer, and everybody the waiting for it. Times are of the monotonic clock. */
export class Circuit {
  readonly #policy: CircuitPolicy;
  #failureCount = 0;
  #openUntilMs = Number.NEGATIVE_INFINITY;
  #isProbing = false;

  constructor(policy: CircuitPolicy) {
    this.#policy = policy;
  }

  state(nowMs: number): CircuitState {
    if (this.#failureCount < this.#policy.failuresMax) return "closed";
    return nowMs < this.#openUntilMs ? "open" : "half-open";
  }

  /** When the next attempt may begin; undefined while the end of one is awaited. */
  nextAttemptMs(nowMs: number): number | undefined {
    switch (this.state(nowMs)) {
      case "closed":
        return nowMs;
      case "open":
        return this.#openUntilMs;
      case "half-open":
        return this.#isProbing ? undefined : nowMs;
    }
  }

  began(nowMs: number): void {
    if (this.state(nowMs) === "half-open") this.#isProbing = true;
  }

  /** It has answered, whatever it said. */
  answered(): void {
    this.#failureCount = 0;
    this.#isProbing = false;
  }

  failed(nowMs: number): void {
    this.#failureCount++;
    this.#isProbing = false;
    if (this.#failureCount >= this.#policy.failuresMax)
      this.#openUntilMs = nowMs + this.#policy.openMs;
  }

  /** An attempt ended without telling anything of the receiver. */
  abandoned(): void {
    this.#isProbing = false;
  }
}
