import { type Clock, OperatingError } from "@pharos/base";

/** Something that is looked after again and again, whatever goes wrong meanwhile. */
export class Periodic implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  /**
   * @param waitMs how long until the next turn; asked anew after each.
   * @param onProblem told of a turn's failure, after which the next one comes as always.
   */
  constructor(
    clock: Clock,
    waitMs: () => number,
    turn: () => Promise<void>,
    onProblem: (error: OperatingError) => void,
  ) {
    this.#running = this.#run(clock, waitMs, turn, onProblem);
  }

  async #run(
    clock: Clock,
    waitMs: () => number,
    turn: () => Promise<void>,
    onProblem: (error: OperatingError) => void,
  ): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await turn();
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof OperatingError)) throw error;
        onProblem(error);
      }
      await clock.sleep(waitMs(), signal).catch(() => {}); // Ends the loop.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
