import { assert, type Clock } from "@pharos/base";

interface Sleeper {
  readonly wakeAtMs: number;
  readonly wake: () => void;
}

/**
 * Time that moves only when nothing else can happen. `run` lets a task go on until it and all it started wait, then
 * jumps to the next wake-up: a day of `repeat_interval` takes milliseconds, and a deadlock is an assertion failure.
 */
export class SimClock implements Clock {
  #nowMs: number;
  #wallOffsetMs = 0;
  readonly #sleepers = new Set<Sleeper>();

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  /** Moves the wall clock only, as an administrator or a time server may; either way. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const abort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason);
      };
      const sleeper: Sleeper = {
        wakeAtMs: this.#nowMs + Math.max(0, ms),
        wake: () => {
          signal.removeEventListener("abort", abort);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal.addEventListener("abort", abort, { once: true });
    });
  }

  /** Runs `task` to its end, jumping to the next wake-up whenever nothing else can happen. */
  async run<T>(task: Promise<T>): Promise<T> {
    const progress = { done: false };
    const settled = task.finally(() => {
      progress.done = true;
    });
    settled.catch(() => {}); // Awaited below; here only so that no rejection goes unheard meanwhile.
    for (;;) {
      await settle();
      if (progress.done) return settled;
      const next = this.#next();
      assert(next !== undefined, "the task waits for something that never comes");
      this.#wake(next);
    }
  }

  /** Lets `ms` pass for everything that sleeps on this clock, in order. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      const next = this.#next();
      if (next === undefined || next.wakeAtMs > endMs) break;
      this.#wake(next);
    }
    this.#nowMs = endMs;
    await settle();
  }

  #next(): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers)
      if (first === undefined || sleeper.wakeAtMs < first.wakeAtMs) first = sleeper;
    return first;
  }

  #wake(sleeper: Sleeper): void {
    this.#sleepers.delete(sleeper);
    this.#nowMs = Math.max(this.#nowMs, sleeper.wakeAtMs);
    sleeper.wake();
  }
}

/** Lets every promise that can settle do so. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
