/** How many rules are evaluated at once, of all groups, unless told. */
export const RULES_CONCURRENT_MAX = 32;

/** Lets at most `limit` tasks run at once; the others wait their turn in order. */
export class Semaphore {
  readonly limit: number;
  #free: number;
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.limit = limit;
    this.#free = limit;
  }

  /** Who gives up before its turn keeps nobody waiting: the task is not run then. */
  async run(task: () => Promise<void>, signal: AbortSignal): Promise<void> {
    if (this.#free > 0) this.#free--;
    else if (!(await this.#turn(signal))) return;
    try {
      await task();
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#free++;
      else next(); // The place goes straight to the next one.
    }
  }

  /** Whether it came. */
  async #turn(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const come = (): void => {
      this.#waiting.delete(come);
      resolve(true);
    };
    const giveUp = (): void => {
      this.#waiting.delete(come);
      resolve(false);
    };
    this.#waiting.add(come);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }
}
