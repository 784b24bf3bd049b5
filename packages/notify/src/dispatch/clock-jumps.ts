import type { Clock } from "@pharos/base";

/** The wall clock against the monotonic one: beyond this somebody has set it. */
const JUMP_MS_MIN = 5000;
/** So many are remembered, the newest. */
const JUMPS_MAX = 16;

/** Notices that the wall clock was set, and knows how long ago something was all the same. */
export class ClockJumps {
  readonly #clock: Clock;
  /** Between the wall clock and the monotonic one. */
  #offsetMs: number;
  /** Those ahead, with what the clock said before. */
  #ahead: readonly { readonly fromMs: number; readonly byMs: number }[] = [];
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offsetMs = clock.nowMs() - clock.monotonicMs();
  }

  /** How often the clock was set so far, either way. */
  count(): number {
    const nowMs = this.#clock.nowMs();
    const offsetMs = nowMs - this.#clock.monotonicMs();
    const byMs = offsetMs - this.#offsetMs;
    if (Math.abs(byMs) < JUMP_MS_MIN) return this.#count;
    this.#offsetMs = offsetMs;
    this.#count++;
    if (byMs > 0) this.#ahead = [...this.#ahead, { fromMs: nowMs - byMs, byMs }].slice(-JUMPS_MAX);
    return this.#count;
  }

  /** How long ago a time of the wall clock was; negative for one that lies ahead. */
  agoMs(timestampMs: number): number {
    this.count();
    let agoMs = this.#clock.nowMs() - timestampMs;
    for (const { fromMs, byMs } of this.#ahead) if (timestampMs <= fromMs) agoMs -= byMs;
    return agoMs;
  }
}
