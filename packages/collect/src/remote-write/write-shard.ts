import { assert, type Clock } from "@pharos/base";
import type { RemoteWriteCounters } from "./remote-write-counters.ts";
import type { RemoteWriteQueueSettings } from "./remote-write-settings.ts";
import type { SentSeries } from "./sent-series.ts";
import type { BatchOnTheWay } from "./write-progress.ts";
import type { SentSamples, WriteRequestEncoder } from "./write-request.ts";
import type { WriteSender } from "./write-sender.ts";

export interface WriteShardParts {
  readonly settings: RemoteWriteQueueSettings;
  readonly clock: Clock;
  readonly sender: WriteSender;
  readonly encoder: WriteRequestEncoder;
  readonly counters: RemoteWriteCounters;
  /** Whether so much waits that what cannot be sent is to be dropped. */
  isBehind(): boolean;
  /** Told why samples are sent again or lost. */
  onProblem(reason: string, isLost: boolean): void;
}

/**
 * Sends the samples of some series, in their order, one request after another. Samples wait in a ring of a fixed
 * size: who adds waits for room.
 */
export class WriteShard {
  readonly #parts: WriteShardParts;
  readonly #capacity: number;
  readonly #series: (SentSeries | undefined)[];
  readonly #timestampsMs: Float64Array;
  readonly #valueBits: Uint32Array;
  readonly #batches: (BatchOnTheWay | undefined)[];
  #first = 0;
  #count = 0;
  /** Samples of the request under way. */
  #sending = 0;
  /** Since when the oldest waits, on the monotonic clock. */
  #waitingSinceMs = 0;
  #closed = false;
  #wake: () => void = () => {};
  #roomWanted: (() => void)[] = [];
  /** Ends the wait between two attempts. */
  #patience = new AbortController();

  constructor(parts: WriteShardParts) {
    this.#parts = parts;
    this.#capacity = Math.max(parts.settings.capacity, parts.settings.samplesPerSendMax);
    this.#series = new Array<SentSeries | undefined>(this.#capacity);
    this.#batches = new Array<BatchOnTheWay | undefined>(this.#capacity);
    this.#timestampsMs = new Float64Array(this.#capacity);
    this.#valueBits = new Uint32Array(this.#capacity * 2);
  }

  /** Samples that wait, and those of the request under way. */
  get pending(): number {
    return this.#count + this.#sending;
  }

  /** Adds a sample; false where there is no room. */
  add(
    series: SentSeries,
    timestampMs: number,
    low: number,
    high: number,
    batch: BatchOnTheWay,
  ): boolean {
    assert(!this.#closed, "nothing is added after the end");
    if (this.#count === this.#capacity) return false;
    const at = (this.#first + this.#count) % this.#capacity;
    this.#series[at] = series;
    this.#batches[at] = batch;
    this.#timestampsMs[at] = timestampMs;
    this.#valueBits[at * 2] = low;
    this.#valueBits[at * 2 + 1] = high;
    if (this.#count === 0) this.#waitingSinceMs = this.#parts.clock.monotonicMs();
    this.#count++;
    if (this.#count === 1 || this.#count === this.#parts.settings.samplesPerSendMax) this.#wake();
    return true;
  }

  /** Resolves when something has left; rejects with the signal's reason. */
  room(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#roomWanted.push(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
    return promise;
  }

  /** Nothing is added any more: `run` ends when all is sent. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Drops what waits, and what is tried again in vain. */
  dropAll(): void {
    this.#parts.counters.samplesBehind += this.#count;
    this.#leave(this.#count);
    this.#patience.abort();
    this.#patience = new AbortController();
  }

  /** Sends until it is closed and empty. @throws the signal's reason: what was not accepted waits still. */
  async run(signal: AbortSignal): Promise<void> {
    const { settings, clock } = this.#parts;
    for (;;) {
      signal.throwIfAborted();
      if (this.#count === 0) {
        if (this.#closed) return;
        await this.#woken(undefined, signal);
        continue;
      }
      const leftMs = this.#waitingSinceMs + settings.batchSendDeadlineMs - clock.monotonicMs();
      if (this.#count < settings.samplesPerSendMax && !this.#closed && leftMs > 0) {
        await this.#woken(leftMs, signal);
        continue;
      }
      await this.#sendSome(Math.min(this.#count, settings.samplesPerSendMax), signal);
    }
  }

  /** Resolves with the next wake-up, or after a while. */
  async #woken(ms: number | undefined, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const done = new AbortController();
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#wake = resolve;
    if (ms !== undefined) this.#parts.clock.sleep(ms, done.signal).then(resolve, () => {});
    try {
      await promise;
    } finally {
      this.#wake = () => {};
      signal.removeEventListener("abort", abort);
      done.abort();
    }
  }

  async #sendSome(count: number, signal: AbortSignal): Promise<void> {
    const taken = this.#take(count);
    const { batches } = taken;
    this.#sending = count;
    try {
      await this.#deliver(taken, signal);
      for (const [batch, samples] of batches) batch.open -= samples;
    } finally {
      this.#sending = 0;
    }
  }

  /** Takes the oldest from the ring. */
  #take(count: number): TakenSamples {
    const series: SentSeries[] = [];
    const timestampsMs = new Float64Array(count);
    const valueBits = new Uint32Array(count * 2);
    const batches = new Map<BatchOnTheWay, number>();
    for (let i = 0; i < count; i++) {
      const at = (this.#first + i) % this.#capacity;
      series.push(this.#series[at] as SentSeries);
      timestampsMs[i] = this.#timestampsMs[at] as number;
      valueBits[i * 2] = this.#valueBits[at * 2] as number;
      valueBits[i * 2 + 1] = this.#valueBits[at * 2 + 1] as number;
      const batch = this.#batches[at] as BatchOnTheWay;
      batches.set(batch, (batches.get(batch) ?? 0) + 1);
    }
    this.#forget(count);
    return { samples: { count, series, timestampsMs, valueBits }, batches };
  }

  /** The oldest are done with, whatever became of them. */
  #leave(count: number): void {
    for (let i = 0; i < count; i++) {
      const batch = this.#batches[(this.#first + i) % this.#capacity] as BatchOnTheWay;
      batch.open--;
    }
    this.#forget(count);
  }

  #forget(count: number): void {
    for (let i = 0; i < count; i++) {
      const at = (this.#first + i) % this.#capacity;
      this.#series[at] = undefined;
      this.#batches[at] = undefined;
    }
    this.#first = (this.#first + count) % this.#capacity;
    this.#count -= count;
    this.#waitingSinceMs = this.#parts.clock.monotonicMs();
    const wanted = this.#roomWanted;
    this.#roomWanted = [];
    for (const resolve of wanted) resolve();
  }

  /** Sends until the samples are accepted, refused, or dropped. */
  async #deliver(taken: TakenSamples, signal: AbortSignal): Promise<void> {
    const { settings, clock, sender, encoder, counters, onProblem } = this.#parts;
    let { samples } = taken;
    let body: Uint8Array | undefined;
    let backoffMs = settings.backoffMsMin;
    for (let attempt = 0; ; attempt++) {
      const young = this.#young(samples);
      if (young !== samples) body = undefined;
      samples = young;
      if (samples.count === 0) return;
      body ??= encoder.samples(samples);
      const startedMs = clock.monotonicMs();
      const sent = await sender.send(body, attempt, signal);
      counters.sendingMs += clock.monotonicMs() - startedMs;
      counters.requests++;
      if (sent.outcome === "accepted") {
        counters.samplesSent += samples.count;
        counters.bytesSent += body.length;
        for (const at of samples.timestampsMs)
          if (at > counters.highestSentMs) counters.highestSentMs = at;
        return;
      }
      if (sent.outcome === "refused") {
        counters.samplesFailed += samples.count;
        onProblem(sent.reason, true);
        return;
      }
      onProblem(sent.reason, false);
      if (this.#parts.isBehind()) {
        counters.samplesBehind += samples.count;
        return;
      }
      counters.samplesRetried += samples.count;
      const patience = AbortSignal.any([signal, this.#patience.signal]);
      // Cut short where there is too much: then the next failure drops them.
      await clock.sleep(sent.waitMs ?? backoffMs, patience).catch(() => {});
      signal.throwIfAborted();
      backoffMs = Math.min(backoffMs * 2, settings.backoffMsMax);
    }
  }

  /** Those that are not too old to be sent. */
  #young(samples: SentSamples): SentSamples {
    const { settings, clock, counters } = this.#parts;
    if (settings.sampleAgeMsMax === 0) return samples;
    const oldestMs = clock.nowMs() - settings.sampleAgeMsMax;
    const kept: number[] = [];
    for (let i = 0; i < samples.count; i++)
      if ((samples.timestampsMs[i] as number) >= oldestMs) kept.push(i);
    if (kept.length === samples.count) return samples;
    counters.samplesTooOld += samples.count - kept.length;
    return {
      count: kept.length,
      series: kept.map((i) => samples.series[i] as SentSeries),
      timestampsMs: Float64Array.from(kept, (i) => samples.timestampsMs[i] as number),
      valueBits: Uint32Array.from(
        kept.flatMap((i) => [i * 2, i * 2 + 1]),
        (i) => samples.valueBits[i] as number,
      ),
    };
  }
}

interface TakenSamples {
  readonly samples: SentSamples;
  /** How many of them are of each batch. */
  readonly batches: ReadonlyMap<BatchOnTheWay, number>;
}
