import type { Labels } from "@pharos/base";
import type { SampleBatch } from "./series-store.ts";

/**
 * A place in one partition of the log. Offsets rise within a partition; nothing else may be read into them. The embedded
 * log has one partition, 0.
 */
export interface LogPosition {
  readonly partition: number;
  readonly offset: number;
}

/**
 * What was appended together, in columns: one event of the log. As a row of a table or a topic's message it is
 * (partition, offset, payload, created at, consumed): the samples are the payload, `appendedMs` is when it was created,
 * and it is consumed once its consumer has committed `nextOffset` or beyond.
 */
export interface LogBatch extends LogPosition {
  /** What to commit once this batch is done. */
  readonly nextOffset: number;
  /** Wall-clock time of the append. */
  readonly appendedMs: number;
  /** While it stays the same, from batch to batch of a reader, a reference means the same series. */
  readonly epoch: number;
  /** For each sample, the log's reference of its series: `labelsOf` tells what it is, while this batch is at hand. */
  readonly series: Uint32Array;
  /** Unix epoch, ms, integers. */
  readonly timestampsMs: Float64Array;
  /** Bit by bit as they were appended; a staleness marker is a NaN here. */
  readonly values: Float64Array;
  /** 1 where the sample is a staleness marker; null if none is. */
  readonly stale: Uint8Array | null;
  labelsOf(series: number): Labels;
}

export interface LogReadOptions {
  /** Where to begin, by partition; where none is given, at what was committed last. */
  readonly from?: readonly LogPosition[];
  /** Whether to wait for what is appended later; otherwise the reader ends at what is there. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/**
 * One of those who read the log, each at its own pace: rules, detectors, other stores. It keeps its state and commits
 * how far that goes, in this order, so that after a crash it reads again what it may not have kept: everything comes at
 * least once.
 */
export interface LogConsumer {
  readonly name: string;
  /** What was committed last, by partition; where nothing was, the oldest that the log has. */
  committed(): readonly LogPosition[];
  /**
   * Batches in the order of their partition. A series is in one partition only, so its samples come in the order in
   * which they were accepted, which for late ones is not the order of time. Damage is passed over.
   *
   * @throws OperatingError `disk.failed`; the signal's reason.
   */
  read(options: LogReadOptions): AsyncIterable<LogBatch>;
  /**
   * Says that everything before the position is done. When this resolves, that survives a power loss, and so does all of
   * the log before it. A position before the committed one is allowed: what lies between is read again.
   *
   * @throws OperatingError `disk.full`, `disk.failed`.
   */
  commit(position: LogPosition): Promise<void>;
  /** How much of the log is not committed, in its own unit (bytes, messages); 0 when all is done. */
  lag(): number;
}

export interface LogConsumerStatus {
  readonly name: string;
  readonly committed: readonly LogPosition[];
  readonly lag: number;
}

/**
 * What collectors and the consumers of samples have between them: durable, ordered per series, read again from any place
 * that it still has. Embedded it is the store's write-ahead log; scaled out, a topic. It keeps what its consumers have
 * not committed, and what its retention says beyond that. Every implementation passes `sampleLogConformance`.
 */
export interface SampleLog {
  /**
   * Appends the batch; answers where the log ended then, in each partition that got some of it. When the promise
   * resolves, a crash of the process no longer loses it. Samples that the store refuses (duplicates, too old) may be
   * missing. The batch may be reused afterwards.
   *
   * @throws OperatingError `queue.full` when the log has its largest size, because a consumer (the message names it) or
   *   the store is behind; `disk.full`, `memory.full`: nothing was appended; the same batch may be tried again later.
   */
  append(batch: SampleBatch): Promise<readonly LogPosition[]>;
  /**
   * The consumer of this name, which begins if there was none: at the end of the log, or at the oldest that it has. From
   * then on the log keeps what it has not committed. One reader at a time has a name.
   *
   * @param name small letters, digits, `-` and `_`; at most 64.
   * @throws OperatingError `disk.full`, `disk.failed`.
   */
  consumer(name: string, begin: "oldest" | "end"): Promise<LogConsumer>;
  /** All consumers that were ever begun and not dropped, whether somebody reads or not. */
  consumers(): readonly LogConsumerStatus[];
  /** Forgets a consumer: the log no longer keeps anything for it. Nothing happens if there is none. */
  dropConsumer(name: string): Promise<void>;
}
