// A consumer of the store's log in a simulation: what it has to be given, and what its commits promise.
import { fail } from "node:assert/strict";
import { assert, formatLabels, type Rng } from "@pharos/base";
import type { LogConsumer, TimeRange } from "@pharos/ports";
import type { EmbeddedStore } from "../src/store.ts";
import { bitsOf, type Model, NAMES, type SimSample, STALE } from "./store-model.ts";

const NAME = "sim";
const PARTITION = 0;

const keyOf = ({ series, timestampMs, bits }: SimSample): string =>
  `${series}@${timestampMs}@${bits}`;

/** Begins with the first life of a store, on an empty log, so that it has to be given everything. */
export class SimConsumer {
  readonly #model: Model;
  /** Everything that was ever sent, deleted or not: the log may still have it. */
  readonly #sent = new Set<string>();
  /** What was read before the committed place, and so need not be given again. */
  readonly #given = new Set<string>();
  /** The same, without what was deleted since: all of it has to be there. */
  readonly #done = new Map<string, SimSample>();
  #committed = 0;
  /** A commit that was not acknowledged may stand all the same. */
  #attempted: { readonly offset: number; readonly samples: readonly SimSample[] } | undefined;
  #consumer: LogConsumer | undefined;

  constructor(model: Model) {
    this.#model = model;
  }

  send(sample: SimSample): void {
    this.#sent.add(keyOf(sample));
  }

  /** What it committed has to be there after a power loss. To be called before the store is compared with the model. */
  afterDeath(): void {
    this.#consumer = undefined;
    this.#model.acknowledge([...this.#done.values()]);
  }

  /** What is deleted need not be there any more. */
  forget(series: number, { minMs, maxMs }: TimeRange): void {
    for (const [key, sample] of this.#done)
      if (sample.series === series && sample.timestampMs >= minMs && sample.timestampMs <= maxMs)
        this.#done.delete(key);
  }

  /** To be called after each start of the store. */
  async attach(store: EmbeddedStore, where: string): Promise<void> {
    this.#consumer = await store.log.consumer(NAME, "oldest");
    const found = this.#consumer.committed()[0]?.offset ?? -1;
    if (this.#attempted !== undefined && found === this.#attempted.offset) this.#finishCommit();
    // What the log had to write again lies further on.
    if (found < this.#committed)
      fail(`${where}: the consumer is at ${found}, after a commit of ${this.#committed}`);
  }

  #finishCommit(): void {
    const { offset, samples } = this.#attempted ?? { offset: this.#committed, samples: [] };
    this.#committed = offset;
    for (const sample of samples) {
      this.#given.add(keyOf(sample));
      if (this.#model.samplesOf(sample.series).has(sample.timestampMs))
        this.#done.set(keyOf(sample), sample);
    }
    this.#attempted = undefined;
  }

  /** Reads some batches, or all, and commits how far it came, if so decided. */
  async read(rng: Rng, where: string): Promise<void> {
    const consumer = this.#consumer;
    assert(consumer !== undefined, "it was attached");
    const limit = rng.chance(50) ? 1 + rng.below(10) : Number.POSITIVE_INFINITY;
    const { samples, nextOffset, whole } = await this.#readFrom(consumer, limit, where);
    if (whole) this.#checkNothingMissing(samples, where);
    if (nextOffset === undefined || rng.chance(30)) return;
    this.#attempted = { offset: nextOffset, samples };
    await consumer.commit({ partition: PARTITION, offset: nextOffset });
    this.#finishCommit();
  }

  async #readFrom(
    consumer: LogConsumer,
    limit: number,
    where: string,
  ): Promise<{ samples: SimSample[]; nextOffset: number | undefined; whole: boolean }> {
    const samples: SimSample[] = [];
    let nextOffset: number | undefined;
    let batches = 0;
    const { signal } = new AbortController();
    for await (const batch of consumer.read({ follow: false, signal })) {
      if (batch.offset < (nextOffset ?? this.#committed))
        fail(`${where}: the log goes back to ${batch.offset}`);
      nextOffset = batch.nextOffset;
      for (let at = 0; at < batch.series.length; at++) {
        const name = formatLabels(batch.labelsOf(batch.series[at] as number));
        const sample = {
          series: NAMES.indexOf(name),
          timestampMs: batch.timestampsMs[at] as number,
          bits: batch.stale?.[at] === 1 ? STALE : bitsOf(batch.values, at),
        };
        if (!this.#sent.has(keyOf(sample)))
          fail(`${where}: the log has ${name} @ ${sample.timestampMs}, which was never sent`);
        samples.push(sample);
      }
      if (++batches >= limit) return { samples, nextOffset, whole: false };
    }
    return { samples, nextOffset, whole: true };
  }

  /** Every sample that the store answers with went through the log. */
  #checkNothingMissing(samples: readonly SimSample[], where: string): void {
    const given = new Set(samples.map(keyOf));
    for (const [series, name] of NAMES.entries())
      for (const [timestampMs, { kept }] of this.#model.samplesOf(series)) {
        if (kept === undefined || this.#model.isExpired(series, timestampMs)) continue;
        const key = keyOf({ series, timestampMs, bits: kept });
        if (!given.has(key) && !this.#given.has(key))
          fail(`${where}: the consumer was not given ${name} @ ${timestampMs}`);
      }
  }
}
