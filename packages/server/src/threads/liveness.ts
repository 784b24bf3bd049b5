import type { Clock } from "@pharos/base";

/** Whether another thread still answers: what it works on gives others their turn every few milliseconds. */
export class Liveness {
  readonly #clock: Clock;
  readonly #ping: () => Promise<unknown>;
  /** When the question was asked that is not answered yet, on the monotonic clock. */
  #askedMs: number | undefined;
  #hasAnswered = false;

  /** @param ping resolves when the thread has answered. */
  constructor(clock: Clock, ping: () => Promise<unknown>) {
    this.#clock = clock;
    this.#ping = ping;
  }

  /** Notes that it has answered something else. */
  heard(): void {
    this.#hasAnswered = true;
  }

  /** Whether it ever has answered: before that it may still be starting. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** For how long the thread has not answered, in ms; asks again where it has. */
  check(): number {
    const nowMs = this.#clock.monotonicMs();
    if (this.#askedMs !== undefined) return nowMs - this.#askedMs;
    this.#askedMs = nowMs;
    this.#ping().then(
      () => {
        this.#askedMs = undefined;
        this.heard();
      },
      () => {}, // The thread is gone.
    );
    return 0;
  }
}
