import { assert, type Clock, OperatingError } from "@pharos/base";
import type { HttpClient, LogBatch, LogConsumer, LogPosition, MetricMetadata } from "@pharos/ports";
import { RemoteWriteCounters } from "./remote-write-counters.ts";
import type { RemoteWriteSettings } from "./remote-write-settings.ts";
import { SentSeriesTable } from "./sent-series.ts";
import { shardsNeeded } from "./shard-count.ts";
import { WriteProgress } from "./write-progress.ts";
import { WriteRequestEncoder } from "./write-request.ts";
import { WriteSender } from "./write-sender.ts";
import { WriteShard } from "./write-shard.ts";

/** How often what is done is committed: so much is sent again after a crash. */
const COMMIT_MS = 1000;
/** How often the number of shards is looked at. */
const RESHARD_MS = 10_000;
/** How much of an average the newest figure is. */
const AVERAGE_WEIGHT = 0.2;
/** After a failure of the log. */
const READ_AGAIN_MS = 5000;
/** How long a stop waits for what is under way. Nothing is lost by it: the log has it. */
const FLUSH_MS = 5000;
/** The bits of the staleness marker, which values do not keep. */
const STALE_LOW = 0x0000_0002;
const STALE_HIGH = 0x7ff0_0000;

export interface RemoteWriteQueueParts {
  readonly settings: RemoteWriteSettings;
  /** Of this queue alone. */
  readonly consumer: LogConsumer;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly userAgent: string;
  /** What describes metrics, all of it. */
  metadata(): Promise<readonly MetricMetadata[]>;
  /** Told of what fails, in words. */
  onProblem(problem: OperatingError, doing: string): void;
}

/** What a queue shows beside its counters. */
export interface RemoteWriteState {
  readonly counters: RemoteWriteCounters;
  readonly pending: number;
  readonly shards: number;
  readonly shardsNeeded: number;
  /** Bytes of the log that are not done. */
  readonly lag: number;
}

/**
 * Sends what is appended to the log to one receiver: at least once, the samples of a series in their order. What is
 * done is committed, so that a restart goes on there. While the receiver is away the log keeps what it has not got, up
 * to `backlogSizeMax`; beyond that the oldest is dropped and counted.
 */
export class RemoteWriteQueue {
  readonly #parts: RemoteWriteQueueParts;
  readonly #counters = new RemoteWriteCounters();
  readonly #progress = new WriteProgress();
  readonly #table: SentSeriesTable;
  readonly #sender: WriteSender;
  readonly #encoder: WriteRequestEncoder;
  readonly #reading = new AbortController();
  /** Ends everything at once. */
  readonly #stop = new AbortController();
  #shards: readonly RunningShard[] = [];
  #shardsNeeded: number;
  /** Where the reader goes on. */
  #readAt: LogPosition | undefined;
  #readAppendedMs = 0;
  #committed: LogPosition | undefined;
  #finished: Promise<void> | undefined;

  constructor(parts: RemoteWriteQueueParts) {
    this.#parts = parts;
    const { settings, http, userAgent } = parts;
    const { externalLabels, writeRelabelRules, protocol } = settings;
    const keepsLabels = protocol === "io.prometheus.write.v2.Request";
    this.#table = new SentSeriesTable(externalLabels, writeRelabelRules, keepsLabels);
    this.#sender = new WriteSender(settings, http, userAgent);
    this.#encoder = new WriteRequestEncoder(settings.protocol);
    this.#shardsNeeded = settings.queue.shardsMin;
  }

  get state(): RemoteWriteState {
    return {
      counters: this.#counters,
      pending: this.#shards.reduce((sum, { shard }) => sum + shard.pending, 0),
      shards: this.#shards.length,
      shardsNeeded: this.#shardsNeeded,
      lag: this.#parts.consumer.lag(),
    };
  }

  /** Begins to read and send. */
  start(): void {
    assert(this.#finished === undefined, "a queue starts once");
    this.#shards = this.#openShards();
    const loops = [
      this.#read(),
      this.#every(COMMIT_MS, "saying how far it is", () => this.#commit()),
      this.#every(RESHARD_MS, "measuring", async () => this.#measure()),
      this.#sendMetadata(),
    ];
    this.#finished = Promise.all(loops).then(() => {});
  }

  /** Stops reading, sends what waits for as long as a stop may take, and commits. */
  async close(): Promise<void> {
    assert(this.#finished !== undefined, "a queue is closed once, after its start");
    const { clock } = this.#parts;
    this.#reading.abort();
    for (const { shard } of this.#shards) shard.close();
    const flushed = new AbortController();
    const sent = Promise.all(this.#shards.map(({ ended }) => ended)).finally(() => flushed.abort());
    await Promise.race([sent, clock.sleep(FLUSH_MS, flushed.signal).catch(() => {})]);
    this.#stop.abort();
    await Promise.all(this.#shards.map(({ ended }) => ended));
    await this.#finished;
    try {
      await this.#commit();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#problem(error, "saying how far it is");
    }
  }

  #openShards(): readonly RunningShard[] {
    const { settings, clock } = this.#parts;
    const parts = {
      ...{ settings: settings.queue, clock, counters: this.#counters },
      ...{ sender: this.#sender, encoder: this.#encoder },
      isBehind: () => this.#isBehind,
      onProblem: (reason: string, isLost: boolean) => {
        const doing = isLost ? "samples were refused and are lost" : "sending is tried again";
        this.#problem(new OperatingError("http.failed", reason), doing);
      },
    };
    return Array.from({ length: this.#shardsNeeded }, () => {
      const shard = new WriteShard(parts);
      return { shard, ended: untilAborted(shard.run(this.#stop.signal), this.#stop.signal) };
    });
  }

  #problem(error: OperatingError, doing: string): void {
    this.#parts.onProblem(error, `remote write ${this.#parts.settings.name}: ${doing}`);
  }

  get #isBehind(): boolean {
    return this.#parts.consumer.lag() > this.#parts.settings.backlogSizeMax;
  }

  async #read(): Promise<void> {
    const { consumer, clock } = this.#parts;
    const { signal } = this.#reading;
    while (!signal.aborted) {
      try {
        const from = this.#readAt === undefined ? {} : { from: [this.#readAt] };
        for await (const batch of consumer.read({ ...from, follow: true, signal }))
          await this.#take(batch, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof OperatingError)) throw error;
        this.#problem(error, "reading the log");
        await clock.sleep(READ_AGAIN_MS, signal).catch(() => {});
      }
    }
  }

  async #take(batch: LogBatch, signal: AbortSignal): Promise<void> {
    const { series, timestampsMs, values, stale, partition, nextOffset, appendedMs } = batch;
    if (this.#shards.length !== this.#shardsNeeded) await this.#reshard(signal);
    const next = { partition, offset: nextOffset };
    const onTheWay = this.#progress.add(next, appendedMs);
    onTheWay.open = series.length;
    this.#table.begin(batch.epoch);
    const labelsOf = batch.labelsOf.bind(batch);
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
    const counters = this.#counters;
    const isDropped = this.#isBehind && (await this.#catchUp());
    signal.throwIfAborted(); // The shards may be closed by now.
    for (let i = 0; i < series.length; i++) {
      const sent = this.#table.get(series[i] as number, labelsOf);
      const timestampMs = timestampsMs[i] as number;
      if (timestampMs > counters.highestReadMs) counters.highestReadMs = timestampMs;
      if (sent === null || isDropped) {
        if (sent === null) counters.samplesUnwanted++;
        else counters.samplesBehind++;
        onTheWay.open--;
        continue;
      }
      const { shard } = this.#shards[sent.hash % this.#shards.length] as RunningShard;
      const isStale = stale?.[i] === 1;
      const low = isStale ? STALE_LOW : (bits[i * 2] as number);
      const high = isStale ? STALE_HIGH : (bits[i * 2 + 1] as number);
      while (!shard.add(sent, timestampMs, low, high, onTheWay)) await shard.room(signal);
    }
    counters.samplesRead += series.length;
    this.#readAt = next;
    this.#readAppendedMs = appendedMs;
  }

  /** Drops what waits, since too much of the log does; answers whether that was not enough. */
  async #catchUp(): Promise<boolean> {
    for (const { shard } of this.#shards) shard.dropAll();
    await this.#commit();
    return this.#isBehind;
  }

  /** The samples of a series must not overtake each other: all that wait are sent before others come. */
  async #reshard(signal: AbortSignal): Promise<void> {
    for (const { shard } of this.#shards) shard.close();
    await Promise.all(this.#shards.map(({ ended }) => ended));
    signal.throwIfAborted();
    this.#shards = this.#openShards();
  }

  async #commit(): Promise<void> {
    const { done } = this.#progress;
    if (done === undefined || done === this.#committed) return;
    await this.#parts.consumer.commit(done);
    this.#committed = done;
  }

  #measured = { samplesRead: 0, samplesSent: 0, unwanted: 0, sendingMs: 0, appendedMs: 0 };
  readonly #rates = { read: 0, sent: 0, sending: 0 };

  /** Looks at what was done since the last time, and how many shards that takes. */
  #measure(): void {
    const { samplesRead, samplesSent, samplesUnwanted: unwanted, sendingMs } = this.#counters;
    const now = { samplesRead, samplesSent, unwanted, sendingMs, appendedMs: this.#readAppendedMs };
    const before = this.#measured;
    this.#measured = now;
    if (before.appendedMs === 0) return; // There is nothing to compare with yet.
    // As they were appended, not as they are read: that is as fast as they are sent.
    const appendedSeconds = Math.max((now.appendedMs - before.appendedMs) / 1000, 1);
    const wanted = samplesRead - before.samplesRead - (unwanted - before.unwanted);
    const average = (old: number, value: number): number =>
      old === 0 ? value : old + AVERAGE_WEIGHT * (value - old);
    const seconds = RESHARD_MS / 1000;
    const rates = this.#rates;
    rates.read = average(rates.read, wanted / appendedSeconds);
    rates.sent = average(rates.sent, (samplesSent - before.samplesSent) / seconds);
    rates.sending = average(rates.sending, (sendingMs - before.sendingMs) / 1000 / seconds);
    const { shardsMin, shardsMax } = this.#parts.settings.queue;
    const isLate = this.#progress.isAllDone === false;
    this.#shardsNeeded = shardsNeeded({
      ...{ shards: this.#shards.length, shardsMin, shardsMax },
      ...{ inRate: rates.read, outRate: rates.sent, sendingRate: rates.sending },
      delaySeconds: isLate
        ? (this.#parts.clock.nowMs() - Math.max(this.#progress.doneAppendedMs, 1)) / 1000
        : 0,
    });
  }

  async #sendMetadata(): Promise<void> {
    const { settings, metadata } = this.#parts;
    const { send, sendIntervalMs, familiesPerSendMax } = settings.metadata;
    // Version 2.0 has no place for it but with samples.
    if (!send || settings.protocol !== "prometheus.WriteRequest") return;
    await this.#every(sendIntervalMs, "describing metrics", async () => {
      const list = await metadata();
      for (let at = 0; at < list.length; at += familiesPerSendMax) {
        const part = list.slice(at, at + familiesPerSendMax);
        const sent = await this.#sender.send(this.#encoder.metadata(part), 0, this.#reading.signal);
        // It is said again before long.
        if (sent.outcome === "accepted") this.#counters.familiesSent += part.length;
        else this.#counters.familiesFailed += part.length;
      }
    });
  }

  /** Does something again and again until the queue is closed. */
  async #every(ms: number, doing: string, work: () => Promise<void>): Promise<void> {
    const { signal } = this.#reading;
    while (!signal.aborted) {
      await this.#parts.clock.sleep(ms, signal).catch(() => {}); // Only the signal ends it.
      if (signal.aborted) return;
      try {
        await untilAborted(work(), signal);
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        this.#problem(error, doing);
      }
    }
  }
}

interface RunningShard {
  readonly shard: WriteShard;
  /** Resolves when it has sent all or was stopped. */
  readonly ended: Promise<void>;
}

/** The same; but that the signal aborts is no failure. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
