import type { Clock } from "@pharos/base";

/** Made once: it tells nobody anything. */
const RUNG = new Error("somebody rang");
/** Never sleep longer than this: the wall clock may be set meanwhile. */
const SLEEP_MS_MAX = 60_000;

/** How often was rung so far: of two that differ, somebody rang between them. */
export type Bell = number;

/**
 * Sleeps for a while, or until somebody rings because there may be something to do sooner. For one sleeper; to ring
 * where nobody sleeps costs nothing.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #stop: AbortSignal;
  #bell: Bell = 0;
  /** Ends the sleep that is going on. */
  #sleep: AbortController | undefined;

  constructor(clock: Clock, stop: AbortSignal) {
    this.#clock = clock;
    this.#stop = stop;
    stop.addEventListener("abort", () => this.#sleep?.abort(RUNG), { once: true });
  }

  /** Take it before looking for work, and pass it to `waitFor`: then no ring between the two is missed. */
  get bell(): Bell {
    return this.#bell;
  }

  ring(): void {
    this.#bell++;
    this.#sleep?.abort(RUNG);
  }

  /** Until somebody rings where `leftMs` is undefined. May return early. Throws the stop signal's reason once it aborts. */
  async waitFor(leftMs: number | undefined, bell: Bell): Promise<void> {
    this.#stop.throwIfAborted();
    if (this.#bell !== bell || (leftMs !== undefined && leftMs <= 0)) return;
    const sleep = new AbortController();
    this.#sleep = sleep;
    try {
      await this.#clock.sleep(Math.min(leftMs ?? SLEEP_MS_MAX, SLEEP_MS_MAX), sleep.signal);
    } catch (error) {
      this.#stop.throwIfAborted();
      if (!sleep.signal.aborted) throw error;
    } finally {
      this.#sleep = undefined;
    }
  }
}
