import { assert, type Labels, OperatingError } from "@pharos/base";
import {
  encodeLabels,
  HEAD_NAMESPACE,
  HEAD_REFERENCES_MAX,
  HeadChunks,
  IndexList,
  type Kernels,
  LabelCheck,
  type OfferedReferences,
  type SampleColumns,
  SERIES_BYTES_MAX,
  type SeriesTable,
  VALUE_REFUSED,
} from "@pharos/kernels";
import { AttachedColumns } from "./attached-columns.ts";
import { BatchRejects, capacityFor } from "./batch-rejects.ts";
import { HeadMetadata } from "./head-metadata.ts";
import { HeadStarts } from "./head-starts.ts";
import { LabelIndex } from "./label-index.ts";
import { LateStore } from "./late-store.ts";
import { ReferencePool } from "./reference-pool.ts";
import type { CheckpointSeries, SeriesDefinition } from "./wal-payload.ts";

/** The largest batch that is appended at once: what the WAL writes as one record. */
export const COLUMNS_MAX = 262_144;
/** Timestamps are within this, either way: year 10889. Sums and differences stay whole numbers. */
export const TIMESTAMP_MS_MAX = 2 ** 48;
/** A record of series definitions ends once it has label bytes of this size, far below what a record may hold. */
const DEFINITIONS_SIZE = 1024 * 1024;
/** What one part of sweeping out ended series looks at: some milliseconds' work. */
const ENDED_WORK = 500_000;
const SWEEP_ALL = 0x7fff_ffff;
/** Refused spellings that are forgotten in one part. */
const DROPPED_WORK = 20_000;

export interface HeadLimits {
  /** Series at a time; more are refused with `memory.full`. */
  readonly seriesMax: number;
  /** Memory in use for other things than samples, in bytes, beyond which no more series begin. */
  readonly seriesMemoryMax: number;
  /** How far behind its series' newest sample a sample may be. */
  readonly outOfOrderWindowMs: number;
  /** Samples that came late and wait for a flush; more are refused with `memory.full`. */
  readonly lateSamplesMax: number;
}

/** What was refused of a batch, by reason. */
export interface Refused {
  duplicate: number;
  tooOld: number;
  tooNew: number;
  conflicting: number;
}

/**
 * The newest samples, in memory: series by label set, their chunks, the label index, and samples that came late. Knows
 * nothing of files; the store writes what `prepare` lets through to the log before it calls `apply`.
 *
 * References stay the same across restarts.
 */
export class Head {
  readonly chunks: HeadChunks;
  readonly index: LabelIndex;
  /** What few series have beside float samples. */
  readonly histograms = new AttachedColumns("histograms");
  readonly exemplars = new AttachedColumns("exemplars");
  readonly starts = new HeadStarts();
  readonly metadata = new HeadMetadata();
  /** Samples that came late. */
  readonly late: LateStore;
  /** Called for each series that ends; the label bytes are valid during the call. */
  onEnded: (ref: number, labelBytes: Uint8Array) => void = () => {};
  readonly #kernels: Kernels;
  readonly #table: SeriesTable;
  readonly #check: LabelCheck;
  #limits: HeadLimits;
  readonly #references = new ReferencePool();
  /** References that were offered to a decoder. */
  #offered: IndexList;
  #seriesRefused = 0;
  /** Series that the log does not know yet. */
  #undefined: number[] = [];
  #endedCount = 0;
  readonly #rejects: BatchRejects;

  /** @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels, table: SeriesTable, limits: HeadLimits) {
    this.#kernels = kernels;
    this.#table = table;
    this.#limits = limits;
    this.late = new LateStore(limits.lateSamplesMax);
    this.chunks = new HeadChunks(kernels);
    this.index = new LabelIndex(kernels, table);
    this.#check = new LabelCheck(kernels);
    this.#rejects = new BatchRejects(kernels, COLUMNS_MAX);
    this.#offered = new IndexList(kernels, 64);
  }

  /** Frees all memory. No call may follow. */
  destroy(): void {
    this.#table.removeWhere((value) => value >= 0);
    while (!this.#table.sweepEnded(SWEEP_ALL));
    this.chunks.destroy();
    this.index.destroy();
    this.#check.destroy();
    this.#rejects.release();
    this.#offered.release();
  }

  /** No series ever had this reference or a higher one. */
  get nextRef(): number {
    return this.#references.next;
  }

  /**
   * The reference of a series, by its labels or its canonical label bytes; a new series begins if there is none.
   * @throws OperatingError `memory.full`, `input.too_large`.
   */
  intern(series: Labels | Uint8Array): number {
    const ref = this.admit(series);
    if (ref !== VALUE_REFUSED) return ref;
    const { seriesCount } = this.index;
    throw new OperatingError(
      "memory.full",
      seriesCount >= this.#limits.seriesMax
        ? `${seriesCount} series; --head-series-max allows no more`
        : `${seriesCount} series, and the memory has no room for more`,
    );
  }

  /** As `intern`, but answers `VALUE_REFUSED` where no more series may begin. @throws OperatingError `input.too_large`. */
  admit(series: Labels | Uint8Array): number {
    const bytes = series instanceof Uint8Array ? series : encodeLabels(series);
    assert(bytes.length > 0, "a series has labels");
    if (bytes.length > SERIES_BYTES_MAX)
      throw new OperatingError(
        "input.too_large",
        `a label set of ${bytes.length} bytes; at most ${SERIES_BYTES_MAX} are allowed`,
      );
    const entry = this.#table.find(HEAD_NAMESPACE, bytes);
    // Else the bytes are there as a spelling of another series, or of one that a sender is not to bring.
    if (entry >= 0 && this.#table.isSeries(entry)) return this.#table.valueOf(entry);
    if (this.offer(1).count === 0) return VALUE_REFUSED;
    const ref = this.#offered.words[0] as number;
    try {
      this.#begin(ref, bytes);
    } catch (error) {
      if (!(error instanceof OperatingError && error.code === "memory.full")) throw error;
      this.#seriesRefused++;
      return VALUE_REFUSED;
    }
    this.take(1);
    return ref;
  }

  /**
   * References for up to `wanted` new series; those beyond what there is room for are refused, and counted.
   * @throws OperatingError `memory.full`.
   */
  offer(wanted: number): OfferedReferences {
    assert(wanted <= COLUMNS_MAX, () => `${wanted} new series at once`);
    if (this.#offered.capacity < wanted) {
      const larger = new IndexList(this.#kernels, capacityFor(wanted));
      this.#offered.release();
      this.#offered = larger;
    }
    const seriesMemory = this.#kernels.memoryUse().usedSize - this.chunks.stats().size;
    const hasMemory =
      seriesMemory <= this.#limits.seriesMemoryMax && this.chunks.hasRoomFor(wanted);
    const room = hasMemory ? Math.max(0, this.#limits.seriesMax - this.index.seriesCount) : 0;
    const list = this.#offered.words.subarray(0, Math.min(wanted, room));
    const count = this.#references.offer(list);
    this.#seriesRefused += wanted - count;
    return { head: this.chunks.pointer, references: this.#offered.pointer, count };
  }

  /** The first `count` of the references offered last are series now, in the table and among the chunks. */
  take(count: number): void {
    for (let i = 0; i < count; i++) this.#undefined.push(this.#offered.words[i] as number);
    this.#references.take(count);
  }

  /** How often a series was refused so far because there was no room for it. */
  get seriesRefused(): number {
    return this.#seriesRefused;
  }

  #begin(ref: number, bytes: Uint8Array): void {
    const entry = this.#table.insertSeries(bytes, ref);
    try {
      this.chunks.open(ref, entry);
    } catch (error) {
      this.#table.remove(entry);
      throw error;
    }
  }

  /** A series as the log or a checkpoint defines it. Answers what is wrong with that, or undefined. */
  define({ ref, labelBytes }: SeriesDefinition): string | undefined {
    if (ref >= HEAD_REFERENCES_MAX) return `reference ${ref} is out of range`;
    const entry = this.#table.find(HEAD_NAMESPACE, labelBytes);
    const known = entry >= 0 && this.#table.isSeries(entry);
    if (this.chunks.has(ref))
      return this.chunks.ownerOf(ref) === entry
        ? undefined
        : `reference ${ref} is defined twice, with different labels`;
    if (known) {
      const other = this.#table.valueOf(entry);
      if (this.#hasSamples(other)) return `references ${other} and ${ref} have the same labels`;
      // The series had been freed and came back under a new reference; the checkpoint still has the old one.
      this.#end([other], 0);
    }
    if (!this.#check.isCanonical(labelBytes)) return "label bytes that are not canonical";
    this.#begin(ref, labelBytes);
    this.#references.use(ref);
    return undefined;
  }

  /** As `define`, with what its newest sample was, where all of its samples are in blocks. */
  restore(series: CheckpointSeries): string | undefined {
    const { ref, lastTimeMs, lastValueLow, lastValueHigh } = series;
    const reason = this.define(series);
    if (reason === undefined && lastTimeMs > Number.NEGATIVE_INFINITY)
      this.chunks.setLast(ref, lastTimeMs, lastValueLow, lastValueHigh);
    return reason;
  }

  /** Ends the replay: every reference that is not in use and was (below `nextRef`) may be mentioned up to `segment`. */
  finishReplay(nextRef: number, segment: number): void {
    this.#references.finishReplay(nextRef, segment, (ref) => this.chunks.has(ref));
  }

  /** How many series have ended so far. */
  get endedCount(): number {
    return this.#endedCount;
  }

  /** While it stays the same, a reference that meant a series means it still, or none. */
  get referenceEpoch(): number {
    return this.#references.epoch;
  }

  /** Payloads that define the series which the log does not know yet. @throws OperatingError `memory.full`. */
  definitions(): Uint8Array[] {
    if (this.#undefined.length === 0) return [];
    const entries = this.#undefined.map((ref) => this.chunks.ownerOf(ref));
    return this.#table.definitions(entries, DEFINITIONS_SIZE);
  }

  /** The log knows all series now. */
  markDefined(): void {
    this.#undefined = [];
  }

  /** The labels of a series; equal labels of several are the same object. */
  labelsOf(ref: number): Labels {
    return this.index.labelsOf(this.chunks.ownerOf(ref));
  }

  /** Canonical, and a copy. */
  labelBytesOf(ref: number): Uint8Array {
    return this.#table.bytesOf(this.chunks.ownerOf(ref));
  }

  /** Every live series, for a checkpoint; the newest sample only where the log does not say it again. */
  *checkpointSeries(): Generator<CheckpointSeries> {
    for (const ref of this.index.all().slice()) {
      if (!this.chunks.has(ref)) continue;
      const flushed = this.chunks.flushedIndex(ref) === this.chunks.total(ref);
      const lastTimeMs = flushed ? this.chunks.lastTimeMs(ref) : Number.NEGATIVE_INFINITY;
      const [lastValueLow, lastValueHigh] = this.chunks.lastValueBits(ref);
      yield { ref, labelBytes: this.labelBytesOf(ref), lastTimeMs, lastValueLow, lastValueHigh };
    }
  }

  /**
   * What of a batch is to be logged and applied: all of it, or what is left without the samples it counts into
   * `refused`. Nothing changes yet. The columns are the caller's or the head's own, valid until the next call.
   *
   * The out-of-order window counts from the newest sample before the batch.
   *
   * @throws OperatingError `memory.full`.
   */
  prepare(columns: SampleColumns, minMs: number, maxMs: number, refused: Refused): SampleColumns {
    if (!this.chunks.hasRoomFor(columns.length))
      throw new OperatingError("memory.full", "the head's 4 GiB of memory are used up");
    const list = this.#rejects.listFor(columns.length);
    const rejected = this.chunks.check(columns, minMs, maxMs, list);
    if (rejected === 0) return columns;
    // Marked by turning the list into one of those that are really refused.
    const rejects = list.words;
    let refusedCount = 0;
    for (let i = 0; i < rejected; i++) {
      const at = rejects[i] as number;
      const reason = this.#reasonToRefuse(columns, at, minMs, maxMs);
      if (reason === undefined) continue;
      refused[reason]++;
      rejects[refusedCount++] = at;
    }
    this.late.checkRoomFor(rejected - refusedCount);
    return refusedCount === 0 ? columns : this.#rejects.without(columns, refusedCount);
  }

  #reasonToRefuse(
    columns: SampleColumns,
    at: number,
    minMs: number,
    maxMs: number,
  ): keyof Refused | undefined {
    const ref = columns.series[at] as number;
    const timestampMs = columns.timestampsMs[at] as number;
    assert(Number.isInteger(timestampMs), () => `timestamp ${timestampMs}`);
    if (timestampMs > maxMs) return "tooNew";
    if (timestampMs < minMs) return "tooOld";
    const low = columns.valueBits[at * 2] as number;
    const high = columns.valueBits[at * 2 + 1] as number;
    const lastMs = this.chunks.lastTimeMs(ref);
    if (timestampMs === lastMs) {
      const [lastLow, lastHigh] = this.chunks.lastValueBits(ref);
      return lastLow === low && lastHigh === high ? "duplicate" : "conflicting";
    }
    const stored = this.#storedBits(ref, timestampMs);
    if (stored !== undefined)
      return stored[0] === low && stored[1] === high ? "duplicate" : "conflicting";
    return timestampMs < lastMs - this.#limits.outOfOrderWindowMs ? "tooOld" : undefined;
  }

  /** From the next sample on. */
  setOutOfOrderWindow(outOfOrderWindowMs: number): void {
    this.#limits = { ...this.#limits, outOfOrderWindowMs };
  }

  /** The bits of the sample that is in memory at a time, if one is. */
  #storedBits(ref: number, timestampMs: number): readonly [number, number] | undefined {
    return this.chunks.valueBitsAt(ref, timestampMs) ?? this.late.bitsAt(ref, timestampMs);
  }

  /** Appends what the log holds now. Counts into `refused` what turns out to be there already. */
  apply(columns: SampleColumns, refused: Refused): void {
    const list = this.#rejects.listFor(columns.length);
    const rejected = this.chunks.append(columns, list);
    const rejects = list.words;
    for (let i = 0; i < rejected; i++) {
      const at = rejects[i] as number;
      const outcome = this.#insertLate(
        columns.series[at] as number,
        columns.timestampsMs[at] as number,
        columns.valueBits[at * 2] as number,
        columns.valueBits[at * 2 + 1] as number,
      );
      if (outcome !== "appended") refused[outcome]++;
    }
  }

  #insertLate(ref: number, timestampMs: number, low: number, high: number) {
    const stored = this.#storedBits(ref, timestampMs);
    if (stored !== undefined)
      return stored[0] === low && stored[1] === high ? "duplicate" : "conflicting";
    return this.late.insert(ref, timestampMs, low, high);
  }

  /** Room for a word per sample of a batch, free between calls. */
  wordsFor(count: number): IndexList {
    return this.#rejects.listFor(count);
  }

  /** Sets aside what came late or is no float sample, before a time, to be flushed: readers still see it. */
  freezeLate(beforeMs: number): void {
    for (const part of this.#frozenParts()) part.freeze(beforeMs);
  }

  /** The earliest time of anything frozen; Infinity if nothing is. */
  get nextFrozenMs(): number {
    const { late, histograms, exemplars } = this;
    return Math.min(late.nextFrozenMs, histograms.nextFrozenMs, exemplars.nextFrozenMs);
  }

  /** What is frozen before a time is in a block now. */
  dropFrozen(beforeMs: number): void {
    for (const part of this.#frozenParts()) part.dropFrozen(beforeMs);
  }

  /** What is left of the frozen is in no block: back to the others. */
  thawLate(): void {
    for (const part of this.#frozenParts()) part.thaw();
  }

  #frozenParts() {
    return [this.late, this.histograms, this.exemplars, this.starts];
  }

  #hasSamples(ref: number): boolean {
    if (this.chunks.count(ref) > 0 || this.late.has(ref)) return true;
    return this.histograms.has(ref) || this.exemplars.has(ref);
  }

  /**
   * Ends those of the series that have no sample in memory and whose newest, if they ever had one, is before `beforeMs`:
   * samples may have been refused, and a series that stayed for them would stay for ever. Their references may be used
   * again when `forgetBelow` says that no segment up to `segment` is left. Answers how many ended.
   */
  endIdleSeries(refs: Uint32Array, beforeMs: number, segment: number): number {
    const idle = [...refs].filter(
      (ref) =>
        this.chunks.has(ref) &&
        !this.#hasSamples(ref) &&
        Math.max(this.chunks.lastTimeMs(ref), this.histograms.newestMs(ref)) < beforeMs,
    );
    this.#end(idle, segment);
    return idle.length;
  }

  /**
   * A part of what is left to do after series have ended, some `ENDED_WORK` references' work. Answers whether it is done;
   * no series may end before it is.
   */
  sweepEnded(): boolean {
    return this.#table.sweepEnded(ENDED_WORK);
  }

  /**
   * What is not wanted is decided anew, so that what senders once sent is not remembered for ever. A part of it: answers
   * whether there is nothing left to forget.
   */
  forgetDropped(): boolean {
    return this.#table.removeDropped(DROPPED_WORK) < DROPPED_WORK;
  }

  #end(refs: readonly number[], segment: number): void {
    if (refs.length === 0) return;
    this.#endedCount += refs.length;
    if (this.#undefined.length > 0) {
      const gone = new Set(refs);
      this.#undefined = this.#undefined.filter((ref) => !gone.has(ref));
    }
    for (const ref of refs) {
      this.onEnded(ref, this.labelBytesOf(ref));
      // Every spelling of theirs goes, in all namespaces: whoever sends one of them again begins a new series.
      this.#table.removeSpellings(ref);
      this.#table.remove(this.chunks.ownerOf(ref));
      this.chunks.close(ref);
      this.histograms.forget(ref);
      this.exemplars.forget(ref);
      this.starts.forget(ref);
      this.#references.free(ref, segment);
    }
  }

  /**
   * The log's segments below `segment` are gone, and the checkpoint in force was written after the series freed up to
   * `freedCount` had ended: references freed before that may mean other series.
   */
  forgetBelow(segment: number, freedCount: number): void {
    this.#references.forgetBelow(segment, freedCount);
  }

  get freedCount(): number {
    return this.#references.freedCount;
  }
}
