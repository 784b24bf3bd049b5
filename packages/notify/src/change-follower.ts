import { type Clock, OperatingError } from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";

/** How long until changes are read again where that has failed. */
const RETRY_MS = 5000;

export interface ChangeFollowerOptions {
  readonly store: DocumentStore;
  readonly clock: Clock;
  readonly collection: string;
  /** Reads what has changed since it was last called, and makes it known. @throws OperatingError of the store. */
  readonly read: () => Promise<void>;
  /** Told of a reading that failed and is made again. */
  readonly onProblem: (error: OperatingError) => void;
}

/**
 * Keeps what is in memory of a collection up to date with what other servers write to it. Readings come one at a time;
 * what changes during one is read by the next.
 */
export class ChangeFollower implements AsyncDisposable {
  readonly #options: ChangeFollowerOptions;
  readonly #stop = new AbortController();
  readonly #watcher: Disposable;
  #reading: Promise<void> = Promise.resolve();
  /** Whether a reading that has not begun yet will see what has changed. */
  #isAwaited = false;

  constructor(options: ChangeFollowerOptions) {
    this.#options = options;
    this.#watcher = options.store.watch(options.collection, () => this.#follow());
  }

  #follow(): void {
    if (this.#isAwaited) return;
    this.#isAwaited = true;
    this.#reading = this.#reading.then(() => this.#read());
  }

  async #read(): Promise<void> {
    const { read, onProblem } = this.#options;
    const { signal } = this.#stop;
    this.#isAwaited = false;
    if (signal.aborted) return;
    try {
      await read();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof OperatingError)) throw error;
      onProblem(error);
      void this.#followLater();
    }
  }

  async #followLater(): Promise<void> {
    try {
      await this.#options.clock.sleep(RETRY_MS, this.#stop.signal);
    } catch {
      return; // Closed.
    }
    this.#follow();
  }

  /** A reading that has begun ends first. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#watcher[Symbol.dispose]();
    await this.#reading;
  }
}
