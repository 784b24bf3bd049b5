import { type Clock, OperatingError } from "@pharos/base";

/** How long a reader may hold what others want to free. Longer than any query may run. */
export const SNAPSHOT_MS_MAX = 5 * 60_000;

/** One reader's hold on what was there when it began. */
export interface Snapshot {
  /**
   * What it reads may be gone if it was held for too long, or the store was closed.
   * @throws OperatingError `query.timeout`, `query.cancelled`.
   */
  check(): void;
  release(): void;
}

interface Held {
  readonly releasedBy: Promise<void>;
  readonly deadlineMs: number;
  expire(reason: OperatingError): void;
}

/** The readers there are, for those who free head chunks and blocks: they wait until nobody reads them any more. */
export class Snapshots {
  readonly #clock: Clock;
  readonly #held = new Set<Held>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(): Snapshot {
    let expired: OperatingError | undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const held: Held = {
      releasedBy: promise,
      deadlineMs: this.#clock.monotonicMs() + SNAPSHOT_MS_MAX,
      expire: (reason) => {
        expired = reason;
        this.#held.delete(held);
      },
    };
    this.#held.add(held);
    return {
      check: () => {
        if (expired !== undefined) throw expired;
      },
      release: () => {
        this.#held.delete(held);
        resolve();
      },
    };
  }

  /** Nothing can be read any more. */
  close(): void {
    for (const held of [...this.#held])
      held.expire(new OperatingError("query.cancelled", "the store was closed"));
  }

  /** Resolves when all snapshots taken before the call are released, or too old to be honoured. */
  async drained(signal: AbortSignal): Promise<void> {
    for (const held of [...this.#held]) {
      const leftMs = held.deadlineMs - this.#clock.monotonicMs();
      const stop = new AbortController();
      const end = AbortSignal.any([signal, stop.signal]);
      const expiry = this.#clock.sleep(Math.max(0, leftMs), end).then(
        () => held.expire(heldTooLong()),
        () => {}, // Released in time, or the store closes.
      );
      await Promise.race([held.releasedBy, expiry]);
      stop.abort();
    }
  }
}

/** What was read may be gone. */
export function heldTooLong(): OperatingError {
  const seconds = SNAPSHOT_MS_MAX / 1000;
  return new OperatingError("query.timeout", `the selection was read for more than ${seconds} s`);
}
