import { type Clock, OperatingError } from "@pharos/base";

export interface PeriodicOptions {
  readonly clock: Clock;
  /** Whether the first turn comes at once or after a wait. */
  readonly startsWith: "turn" | "wait";
  /** How long until the next turn; asked anew before each wait. */
  readonly waitMs: () => number;
  /** One at a time. The signal aborts when it is closed; what it throws then is nobody's problem. */
  readonly turn: (signal: AbortSignal) => Promise<void>;
  /** Told of a turn's failure, after which the next one comes as always. */
  readonly onProblem: (error: OperatingError) => void;
}

/** Something that is looked after again and again, whatever goes wrong meanwhile, until it is closed. */
export class Periodic implements AsyncDisposable {
  readonly #options: PeriodicOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: PeriodicOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    if (this.#options.startsWith === "wait") await this.#wait();
    while (!this.#stop.signal.aborted) {
      await this.#takeTurn();
      await this.#wait();
    }
  }

  async #takeTurn(): Promise<void> {
    const { turn, onProblem } = this.#options;
    const { signal } = this.#stop;
    try {
      await turn(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof OperatingError)) throw error;
      onProblem(error);
    }
  }

  async #wait(): Promise<void> {
    const { clock, waitMs } = this.#options;
    await clock.sleep(waitMs(), this.#stop.signal).catch(() => {}); // Only the signal ends it.
  }

  /** A turn that has begun ends first. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
