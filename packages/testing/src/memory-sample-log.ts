import { assert, type Labels, labelsKey, OperatingError } from "@pharos/base";
import type {
  LogBatch,
  LogConsumer,
  LogConsumerStatus,
  LogPosition,
  LogReadOptions,
  SampleBatch,
  SampleLog,
} from "@pharos/ports";

/** A log as plain as the contract allows: one partition, and offsets that count batches. */
export class MemorySampleLog implements SampleLog {
  readonly #batches: LogBatch[] = [];
  readonly #refs = new Map<string, number>();
  readonly #labels: Labels[] = [];
  readonly #committed = new Map<string, number>();
  readonly #waiting = new Set<() => void>();
  readonly #batchesMax: number;
  readonly #nowMs: () => number;

  /**
   * @param batchesMax how many batches wait for the slowest consumer before `queue.full`.
   * @param nowMs the wall clock.
   */
  constructor(batchesMax = Number.POSITIVE_INFINITY, nowMs: () => number = () => 0) {
    this.#batchesMax = batchesMax;
    this.#nowMs = nowMs;
  }

  async append(batch: SampleBatch): Promise<readonly LogPosition[]> {
    for (const { name, lag } of this.consumers())
      if (lag >= this.#batchesMax)
        throw new OperatingError("queue.full", `the consumer ${name} has not read ${lag} batches`);
    const offset = this.#batches.length;
    if (batch.series.length > 0) {
      const refs = batch.labelSets.map((labels) => this.#intern(labels));
      this.#batches.push({
        partition: 0,
        offset,
        nextOffset: offset + 1,
        appendedMs: this.#nowMs(),
        epoch: 0,
        series: batch.series.map((series) => refs[series] as number),
        timestampsMs: batch.timestampsMs.slice(),
        values: batch.values.map((value, i) => (batch.stale?.[i] === 1 ? Number.NaN : value)),
        stale: batch.stale?.includes(1) === true ? batch.stale.slice() : null,
        labelsOf: (series) => this.#labels[series] as Labels,
      });
    }
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    return [{ partition: 0, offset: this.#batches.length }];
  }

  #intern(labels: Labels): number {
    return this.#refs.getOrInsertComputed(labelsKey(labels), () => this.#labels.push(labels) - 1);
  }

  async consumer(name: string, begin: "oldest" | "end"): Promise<LogConsumer> {
    this.#committed.getOrInsertComputed(name, () => (begin === "end" ? this.#batches.length : 0));
    return {
      name,
      committed: () => [{ partition: 0, offset: this.#offsetOf(name) }],
      read: (options) => this.#read(name, options),
      commit: async ({ offset }) => {
        assert(offset <= this.#batches.length, "nobody has read beyond the end");
        this.#committed.set(name, offset);
      },
      lag: () => this.#batches.length - this.#offsetOf(name),
    };
  }

  #offsetOf(name: string): number {
    return this.#committed.get(name) ?? 0;
  }

  async *#read(
    name: string,
    { from, follow, signal }: LogReadOptions,
  ): AsyncGenerator<LogBatch, void, undefined> {
    const end = follow ? Number.POSITIVE_INFINITY : this.#batches.length;
    for (let at = from?.[0]?.offset ?? this.#offsetOf(name); at < end; at++) {
      while (at >= this.#batches.length) await this.#appended(signal);
      signal.throwIfAborted();
      yield this.#batches[at] as LogBatch;
    }
  }

  #appended(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    signal.addEventListener("abort", () => reject(signal.reason));
    return promise;
  }

  consumers(): readonly LogConsumerStatus[] {
    return [...this.#committed].map(([name, offset]) => ({
      name,
      committed: [{ partition: 0, offset }],
      lag: this.#batches.length - offset,
    }));
  }

  async dropConsumer(name: string): Promise<void> {
    this.#committed.delete(name);
  }
}
