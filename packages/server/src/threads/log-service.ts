// The end of the log that lies on the store's thread, for consumers on other threads.
import { assert } from "@pharos/base";
import { encodeLabels } from "@pharos/kernels";
import type { LogBatch, LogConsumer, LogPosition } from "@pharos/ports";
import type { EmbeddedStore } from "@pharos/tsdb";
import { answerCalls, Moved, type Port } from "./calls.ts";
import type { ConsumerState, LogCalls, SentLogBatch } from "./log-calls.ts";

/** Batches are sent together up to so many samples; one alone may have more. */
const SAMPLES_MAX = 32_768;

/** Answers consumers of the log over a port. */
export function serveLog(store: EmbeddedStore, port: Port): void {
  const consumers = new Map<string, LogConsumer>();
  const readings = new Map<number, LogReading>();
  let nextReading = 1;
  const consumer = async (name: string): Promise<LogConsumer> => {
    const known = consumers.get(name) ?? (await store.log.consumer(name, "end"));
    consumers.set(name, known);
    return known;
  };
  const state = (of: LogConsumer): ConsumerState => ({ committed: of.committed(), lag: of.lag() });
  answerCalls<LogCalls>(port, {
    consumer: async (name) => state(await consumer(name)),
    async read({ name, from }) {
      const id = nextReading++;
      readings.set(id, new LogReading(await consumer(name), from));
      return id;
    },
    async next(id, signal) {
      const reading = readings.get(id);
      assert(reading !== undefined, "a reading is asked for more until it ends");
      signal.addEventListener("abort", () => reading.end(), { once: true });
      const batch = await reading.next();
      const { series, timestampsMs, values, stale } = batch;
      const buffers = [series.buffer, timestampsMs.buffer, values.buffer] as ArrayBuffer[];
      if (stale !== null) buffers.push(stale.buffer as ArrayBuffer);
      return new Moved(batch, buffers);
    },
    endRead(id) {
      readings.get(id)?.end();
      readings.delete(id);
    },
    async commit({ name, position }) {
      const committing = await consumer(name);
      await committing.commit(position);
      return state(committing);
    },
    state: async (name) => state(await consumer(name)),
    metadata: () => store.metadata(),
  });
}

/** One pass over the log, which knows what its reader has been told of series. */
class LogReading {
  readonly #consumer: LogConsumer;
  readonly #stop = new AbortController();
  readonly #batches: AsyncIterator<LogBatch>;
  /** What was asked for and did not fit. */
  #pending: Promise<IteratorResult<LogBatch>> | undefined;
  #epoch = -1;
  readonly #known = new Set<number>();

  constructor(consumer: LogConsumer, from: readonly LogPosition[] | undefined) {
    this.#consumer = consumer;
    const { signal } = this.#stop;
    const start = from === undefined ? {} : { from };
    this.#batches = consumer.read({ ...start, follow: true, signal })[Symbol.asyncIterator]();
  }

  end(): void {
    this.#stop.abort();
  }

  /** Waits for the next batch, and takes those along that are there already. */
  async next(): Promise<SentLogBatch> {
    const list = [await this.#take()];
    let count = list[0]?.series.length ?? 0;
    while (count < SAMPLES_MAX) {
      const next = await this.#atHand();
      const isApart = next === undefined || next.epoch !== list[0]?.epoch;
      if (isApart || count + next.series.length > SAMPLES_MAX) break;
      this.#pending = undefined;
      list.push(next);
      count += next.series.length;
    }
    return this.#joined(list, count);
  }

  async #take(): Promise<LogBatch> {
    const { value } = await (this.#pending ?? this.#batches.next());
    this.#pending = undefined;
    this.#stop.signal.throwIfAborted();
    return value as LogBatch;
  }

  /** The next batch if it need not be waited for; it stays the next one. */
  async #atHand(): Promise<LogBatch | undefined> {
    this.#pending ??= this.#batches.next();
    this.#pending.catch(() => {}); // Heard by who asks for it next.
    const soon = new Promise<undefined>((resolve) => {
      setImmediate(resolve, undefined);
    });
    const result = await Promise.race([this.#pending, soon]).catch(() => undefined);
    return result?.value as LogBatch | undefined;
  }

  #joined(list: readonly LogBatch[], count: number): SentLogBatch {
    const [first] = list;
    const last = list.at(-1);
    assert(first !== undefined && last !== undefined, "there is a batch");
    if (first.epoch !== this.#epoch) this.#known.clear();
    this.#epoch = first.epoch;
    const series = new Uint32Array(count);
    const timestampsMs = new Float64Array(count);
    const values = new Float64Array(count);
    const stale = list.some((batch) => batch.stale !== null) ? new Uint8Array(count) : null;
    const newSeries: number[] = [];
    const newLabels: Uint8Array[] = [];
    let at = 0;
    for (const batch of list) {
      series.set(batch.series, at);
      timestampsMs.set(batch.timestampsMs, at);
      values.set(batch.values, at);
      if (batch.stale !== null) stale?.set(batch.stale, at);
      at += batch.series.length;
      for (const ref of batch.series) {
        if (this.#known.has(ref)) continue;
        this.#known.add(ref);
        newSeries.push(ref);
        newLabels.push(encodeLabels(batch.labelsOf(ref)));
      }
    }
    return {
      ...{ partition: first.partition, offset: first.offset, nextOffset: last.nextOffset },
      ...{ appendedMs: last.appendedMs, epoch: first.epoch },
      ...{ series, timestampsMs, values, stale, newSeries, newLabels },
      lag: this.#consumer.lag(),
    };
  }
}
