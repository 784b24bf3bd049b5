import { systemClock } from "@pharos/adapters/node";
import { assert } from "@pharos/base";
import { decodeLabels } from "@pharos/kernels";
import type { LogBatch, LogConsumer, LogPosition, LogReadOptions } from "@pharos/ports";
import type { Caller } from "./calls.ts";
import type { ConsumerState, LogCalls } from "./log-calls.ts";

/** How often the store is asked how far behind a consumer is that does not hear of it otherwise. */
const STATE_MS = 2000;

/** A consumer of the log on another thread than the store's. */
export class RemoteLogConsumer implements LogConsumer {
  readonly name: string;
  readonly #caller: Caller<LogCalls>;
  #state: ConsumerState;
  readonly #stop = new AbortController();

  private constructor(name: string, caller: Caller<LogCalls>, state: ConsumerState) {
    this.name = name;
    this.#caller = caller;
    this.#state = state;
    void this.#watch();
  }

  /** @throws OperatingError as `SampleLog.consumer`. */
  static async open(name: string, caller: Caller<LogCalls>): Promise<RemoteLogConsumer> {
    return new RemoteLogConsumer(name, caller, await caller.call("consumer", name));
  }

  /** Nothing is asked any more. */
  close(): void {
    this.#stop.abort();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await systemClock.sleep(STATE_MS, signal).catch(() => {}); // Only the signal ends it.
      if (signal.aborted) return;
      // Where that fails others hear of it.
      this.#state = await this.#caller.call("state", this.name).catch(() => this.#state);
    }
  }

  committed(): readonly LogPosition[] {
    return this.#state.committed;
  }

  lag(): number {
    return this.#state.lag;
  }

  async commit(position: LogPosition): Promise<void> {
    this.#state = await this.#caller.call("commit", { name: this.name, position });
  }

  async *read({ from, follow, signal }: LogReadOptions): AsyncGenerator<LogBatch, void, undefined> {
    assert(follow, "a reader on another thread follows the log");
    const reading = await this.#caller.call("read", { name: this.name, from });
    /** Bytes, since there may be millions; decoded when they are asked for. */
    const labels = new Map<number, Uint8Array>();
    let epoch = -1;
    try {
      for (;;) {
        const batch = await this.#caller.call("next", reading, { signal });
        if (batch.epoch !== epoch) labels.clear();
        epoch = batch.epoch;
        for (const [i, ref] of batch.newSeries.entries())
          labels.set(ref, batch.newLabels[i] as Uint8Array);
        this.#state = { ...this.#state, lag: batch.lag };
        const labelsOf = (ref: number) => {
          const bytes = labels.get(ref);
          assert(bytes !== undefined, () => `reference ${ref} is of the batch at hand`);
          return decodeLabels(bytes);
        };
        yield { ...batch, labelsOf };
      }
    } finally {
      this.#caller.tell("endRead", reading);
    }
  }
}
