import type { Clock } from "@pharos/base";

/** Made once: it tells nobody anything. */
const RUNG = new Error("somebody rang");
/** Never sleep longer than this: the wall clock may be set meanwhile. */
const SLEEP_MS_MAX = 60_000;

/** Sleeps for a while or until a wall-clock time, or until somebody rings because there may be something to do sooner. */
export class Alarm {
  readonly #clock: Clock;
  readonly #stop: AbortSignal;
  #bell = new AbortController();

  constructor(clock: Clock, stop: AbortSignal) {
    this.#clock = clock;
    this.#stop = stop;
  }

  /** Take it before looking for work, and pass it to `wait`: then no ring between the two is missed. */
  get bell(): AbortSignal {
    return this.#bell.signal;
  }

  ring(): void {
    const bell = this.#bell;
    this.#bell = new AbortController();
    bell.abort(RUNG);
  }

  /** Until a wall-clock time; undefined: until somebody rings. As `waitFor`. */
  async wait(untilMs: number | undefined, bell: AbortSignal): Promise<void> {
    await this.waitFor(untilMs === undefined ? undefined : untilMs - this.#clock.nowMs(), bell);
  }

  /** May return early. Throws the stop signal's reason as soon as it aborts. */
  async waitFor(leftMs: number | undefined, bell: AbortSignal): Promise<void> {
    this.#stop.throwIfAborted();
    if (leftMs !== undefined && leftMs <= 0) return;
    try {
      const either = AbortSignal.any([bell, this.#stop]);
      await this.#clock.sleep(Math.min(leftMs ?? SLEEP_MS_MAX, SLEEP_MS_MAX), either);
    } catch (error) {
      this.#stop.throwIfAborted();
      if (!bell.aborted) throw error;
    }
  }
}
