import { OperatingError } from "@pharos/base";

export interface IngestQueueLimits {
  /** Requests that are admitted and not yet answered. */
  readonly requestsMax: number;
  /** Bytes of their bodies. */
  readonly bytesMax: number;
  /** How many of them are worked on at the same time; the others wait in order. */
  readonly concurrentMax: number;
}

export const INGEST_QUEUE_LIMITS: IngestQueueLimits = {
  requestsMax: 1024,
  bytesMax: 256 * 1024 * 1024,
  // Several wait for the same sync of the log; more than that gains nothing.
  concurrentMax: 32,
};

/** What a client that was refused should wait, as `Retry-After` says it. */
export const INGEST_RETRY_AFTER_SECONDS = 1;

/** How full the queue is, and what was refused so far. */
export interface IngestQueueStats {
  readonly requests: number;
  readonly bytes: number;
  /** Requests for which there was no room. */
  readonly refusedTotal: number;
  /** Samples of admitted requests whose series was refused. */
  readonly samplesRefusedTotal: number;
}

/**
 * The bounded queue between those who push and the store. A request is admitted or refused at once; an admitted one is
 * done when `run` resolves, so that "accepted" is said only of what the store has made durable.
 */
export class IngestQueue {
  readonly #limits: IngestQueueLimits;
  readonly #waiting: (() => void)[] = [];
  #requests = 0;
  #bytes = 0;
  #running = 0;
  #refusedTotal = 0;
  #samplesRefusedTotal = 0;

  constructor(limits: IngestQueueLimits = INGEST_QUEUE_LIMITS) {
    this.#limits = limits;
  }

  /**
   * Runs `work` when its turn comes, in the order of the calls, and settles as it does. `size` is what the request
   * holds in memory, in bytes. A single request larger than `bytesMax` is admitted only into an empty queue.
   *
   * @throws OperatingError `queue.full`: nothing was done; the same request may be tried again later.
   */
  async run<T>(size: number, work: () => Promise<T> | T): Promise<T> {
    const { requestsMax, bytesMax, concurrentMax } = this.#limits;
    if (this.#requests >= requestsMax) throw this.#refuse(`${requestsMax} requests`);
    if (this.#requests > 0 && this.#bytes + size > bytesMax)
      throw this.#refuse(`${bytesMax} bytes`);
    this.#requests++;
    this.#bytes += size;
    try {
      if (this.#running >= concurrentMax)
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      else this.#running++;
      try {
        return await work();
      } finally {
        // The place is handed to the next one in line, if there is one.
        const next = this.#waiting.shift();
        if (next === undefined) this.#running--;
        else next();
      }
    } finally {
      this.#requests--;
      this.#bytes -= size;
    }
  }

  #refuse(limit: string): OperatingError {
    this.#refusedTotal++;
    return new OperatingError(
      "queue.full",
      `the ingest queue is full (${limit} wait already); try again in ${INGEST_RETRY_AFTER_SECONDS} s`,
    );
  }

  /** Notes samples of an admitted push that were left out, since their series was refused. */
  countRefused(samples: number): void {
    this.#samplesRefusedTotal += samples;
  }

  stats(): IngestQueueStats {
    return {
      requests: this.#requests,
      bytes: this.#bytes,
      refusedTotal: this.#refusedTotal,
      samplesRefusedTotal: this.#samplesRefusedTotal,
    };
  }
}
