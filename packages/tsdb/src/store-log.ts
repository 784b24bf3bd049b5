import { assert, type Clock, type Labels } from "@pharos/base";
import { decodeLabels } from "@pharos/kernels";
import type {
  Disk,
  LogBatch,
  LogConsumer,
  LogConsumerStatus,
  LogPosition,
  LogReadOptions,
  SampleBatch,
  SampleLog,
} from "@pharos/ports";
import type { EndedSeries } from "./ended-series.ts";
import { COLUMNS_MAX, type Head } from "./head.ts";
import type { LogConsumers } from "./log-consumers.ts";
import { type LoggedRecord, LogReader } from "./log-reader.ts";
import { createPause } from "./slices.ts";
import type { Wal } from "./wal.ts";
import { appendedAtMs, readSamples, sampleCount, type WalPosition } from "./wal-payload.ts";
import { isBefore } from "./wal-replay.ts";

/** The only partition. */
const PARTITION = 0;
/** An offset is the segment's number times this, and the byte in it: exact for two million segments. */
const OFFSETS_PER_SEGMENT = 2 ** 32;
const STALE_LOW = 0x0000_0002;
const STALE_HIGH = 0x7ff0_0000;

export interface StoreLogParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly wal: Wal;
  readonly head: Head;
  readonly ended: EndedSeries;
  readonly consumers: LogConsumers;
  /** How long the log is kept, beside what consumers have not read. */
  readonly retentionMs: number;
  /** Resolves when the batch is as durable as the store makes it. */
  readonly append: (batch: SampleBatch) => Promise<unknown>;
}

/** The store's write-ahead log as the log that consumers read. */
export class StoreLog implements SampleLog {
  readonly #parts: StoreLogParts;

  constructor(parts: StoreLogParts) {
    this.#parts = parts;
    parts.wal.holder = () => this.#holder();
  }

  async append(batch: SampleBatch): Promise<readonly LogPosition[]> {
    await this.#parts.append(batch);
    return [logPosition(this.#parts.wal.position)];
  }

  async consumer(name: string, begin: "oldest" | "end"): Promise<LogConsumer> {
    const { wal, consumers } = this.#parts;
    if (consumers.get(name) === undefined)
      await this.#commit(name, begin === "end" ? wal.position : { segment: 0, offset: 0 });
    return {
      name,
      committed: () => [logPosition(this.#committed(name))],
      read: (options) => this.#read(name, options),
      commit: ({ partition, offset }) => {
        assert(partition === PARTITION, "there is one partition");
        return this.#commit(name, walPosition(offset));
      },
      lag: () => this.#sizeFrom(this.#committed(name)),
    };
  }

  consumers(): readonly LogConsumerStatus[] {
    return [...this.#parts.consumers.all.keys()].map((name) => {
      const committed = this.#committed(name);
      return { name, committed: [logPosition(committed)], lag: this.#sizeFrom(committed) };
    });
  }

  dropConsumer(name: string): Promise<void> {
    return this.#parts.consumers.drop(name);
  }

  /**
   * The oldest segment that somebody needs, when the store needs those from `firstSegment` on. What is kept for its age
   * only gives way when room is short; what a consumer has not read does not.
   */
  keepFrom(firstSegment: number): number {
    const { wal, clock, consumers, retentionMs } = this.#parts;
    const unread = consumers.last?.position.segment ?? firstSegment;
    const young =
      retentionMs === 0 || wal.isNearlyFull
        ? firstSegment
        : wal.segments.firstWrittenSince(clock.nowMs() - retentionMs, wal.position.segment);
    return Math.min(firstSegment, unread, young);
  }

  #holder(): string {
    const { wal, consumers } = this.#parts;
    const { last } = consumers;
    if (last !== undefined && this.#sizeFrom(this.#committed(last.name)) > wal.totalSize / 2)
      return `its consumer ${last.name} has not read ${this.#sizeFrom(last.position)} bytes of it`;
    return "samples wait to be moved to blocks";
  }

  /** Where a consumer is; never before what is there. */
  #committed(name: string): WalPosition {
    const oldest = { segment: this.#parts.wal.segments.first, offset: 0 };
    const committed = this.#parts.consumers.get(name) ?? oldest;
    return isBefore(committed, oldest) ? oldest : committed;
  }

  async #commit(name: string, position: WalPosition): Promise<void> {
    const { wal, consumers } = this.#parts;
    assert(!isBefore(wal.position, position), "nobody has read beyond the end");
    // Else a power loss could take what the consumer will not ask for again.
    if (isBefore(wal.syncedPosition, position)) await wal.synced();
    await consumers.commit(name, position);
  }

  #sizeFrom(position: WalPosition): number {
    const { wal } = this.#parts;
    const end = wal.position;
    if (position.segment === end.segment) return end.offset - position.offset;
    let size = end.offset - position.offset;
    for (const number of wal.segments.numbers)
      if (number >= position.segment && number < end.segment) size += wal.segments.sizeOf(number);
    return Math.max(0, size);
  }

  async *#read(
    name: string,
    { from, follow, signal }: LogReadOptions,
  ): AsyncGenerator<LogBatch, void, undefined> {
    const { disk, clock, wal } = this.#parts;
    const given = from?.find(({ partition }) => partition === PARTITION)?.offset;
    const start = given === undefined ? this.#committed(name) : walPosition(given);
    const stopAt = follow ? undefined : wal.position;
    const reader = new LogReader(disk, wal, start);
    const pause = createPause(clock, signal);
    try {
      for (;;) {
        signal.throwIfAborted();
        if (stopAt !== undefined && !isBefore(reader.position, stopAt)) return;
        const record = reader.next();
        if (record === undefined) {
          if (!follow) return;
          await wal.nextAppend(signal);
          continue;
        }
        const batch = this.#batchOf(record);
        if (batch !== undefined) yield batch;
        await pause();
      }
    } finally {
      reader.close();
    }
  }

  /** A record of samples as a batch, without those of series that nothing defines any more. */
  #batchOf({ kind, payload, position, end }: LoggedRecord): LogBatch | undefined {
    if (kind !== "samples") return undefined;
    const count = sampleCount(payload);
    if (count === undefined || count > COLUMNS_MAX) return undefined;
    const columns = {
      capacity: count,
      length: count,
      series: new Uint32Array(count),
      timestampsMs: new Float64Array(count),
      values: new Float64Array(count),
    };
    readSamples(payload, columns);
    const bits = new Uint32Array(columns.values.buffer);
    let kept = 0;
    for (let at = 0; at < count; at++) {
      if (!this.#isKnown(columns.series[at] as number)) continue;
      if (kept < at) {
        columns.series[kept] = columns.series[at] as number;
        columns.timestampsMs[kept] = columns.timestampsMs[at] as number;
        bits[kept * 2] = bits[at * 2] as number;
        bits[kept * 2 + 1] = bits[at * 2 + 1] as number;
      }
      kept++;
    }
    if (kept === 0) return undefined;
    return {
      ...logPosition(position),
      nextOffset: logPosition(end).offset,
      appendedMs: appendedAtMs(payload),
      epoch: this.#parts.head.referenceEpoch,
      series: columns.series.subarray(0, kept),
      timestampsMs: columns.timestampsMs.subarray(0, kept),
      values: columns.values.subarray(0, kept),
      stale: staleFlags(bits, kept),
      labelsOf: (series) => this.#labelsOf(series),
    };
  }

  #isKnown(ref: number): boolean {
    const { head, ended } = this.#parts;
    return head.chunks.has(ref) || ended.labelBytesOf(ref) !== undefined;
  }

  #labelsOf(ref: number): Labels {
    const { head, ended } = this.#parts;
    if (head.chunks.has(ref)) return head.labelsOf(ref);
    const labelBytes = ended.labelBytesOf(ref);
    assert(labelBytes !== undefined, () => `reference ${ref} is of the batch at hand`);
    return decodeLabels(labelBytes);
  }
}

function staleFlags(bits: Uint32Array, count: number): Uint8Array | null {
  let stale: Uint8Array | null = null;
  for (let at = 0; at < count; at++) {
    if (bits[at * 2] !== STALE_LOW || bits[at * 2 + 1] !== STALE_HIGH) continue;
    stale ??= new Uint8Array(count);
    stale[at] = 1;
  }
  return stale;
}

function logPosition({ segment, offset }: WalPosition): LogPosition {
  const packed = segment * OFFSETS_PER_SEGMENT + offset;
  assert(Number.isSafeInteger(packed), () => `segment ${segment}`);
  return { partition: PARTITION, offset: packed };
}

function walPosition(offset: number): WalPosition {
  assert(Number.isSafeInteger(offset) && offset >= 0, () => `offset ${offset}`);
  const segment = Math.floor(offset / OFFSETS_PER_SEGMENT);
  return { segment, offset: offset - segment * OFFSETS_PER_SEGMENT };
}
