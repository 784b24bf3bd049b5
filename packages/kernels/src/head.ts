import { assert, OperatingError } from "@pharos/base";
import { CHUNK_SAMPLES_MAX, type ColumnPointers } from "./gorilla.ts";
import { type Kernels, kernelOf } from "./kernels.ts";
import type { SampleColumns } from "./sample-columns.ts";

/** References are below this: the headers of so many series take 1 GiB. */
export const HEAD_REFERENCES_MAX = 16384 * 1024;
/** What appending a sample may take at worst, in bytes: a sealed chunk of the largest size, and a new open one. */
const APPEND_SIZE_MAX = 640;
/** How much of the 4 GiB may be in use before appends are refused; the rest covers what fragmentation wastes. */
const MEMORY_USE_MAX = 0.9 * 2 ** 32;

/** How the timestamps of a batch can be written down. */
export type TimestampShape = "shared" | "deltas" | "any";

/**
 * The newest samples of each series in the kernels' memory, as Gorilla chunks: one open, the others sealed at
 * `CHUNK_SAMPLES_MAX` samples. Series are numbers (references) that the owner hands out, from 0, without large gaps.
 *
 * Each sample has an index within its series, counted from its first; the samples from the first one in memory to the
 * newest have `total(ref) - count(ref)` to `total(ref) - 1`. A reader that remembers `total` reads a snapshot.
 *
 * A reader on another thread, with its own instance of the kernels on the same memory, may `read` up to a `total` while
 * this one appends. `truncate` and `close` free what it may be reading: they wait until such readers are done.
 */
export class HeadChunks {
  readonly #kernels: Kernels;
  /** The address, for readers on other threads. */
  readonly pointer: number;
  /** Room for one chunk's columns, and for what kernels answer by address. */
  readonly #scratch: number;
  readonly #scratchWords: Uint32Array;
  readonly #openSeries: (...args: number[]) => number;
  readonly #owner: (...args: number[]) => number;
  readonly #check: (...args: number[]) => number;
  readonly #append: (...args: number[]) => number;
  readonly #read: (...args: number[]) => number;
  readonly #countWithin: (...args: number[]) => number;
  readonly #total: (...args: number[]) => number;
  readonly #lastTime: (...args: number[]) => number;

  /** @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#scratch = kernels.allocate(SCRATCH_SIZE);
    this.#scratchWords = new Uint32Array(kernels.buffer, this.#scratch, 4);
    this.pointer = kernels.call("headCreate") >>> 0;
    if (this.pointer === 0) throw new OperatingError("memory.full", "no room for the head");
    this.#openSeries = kernelOf(kernels, "headOpenSeries");
    this.#owner = kernelOf(kernels, "headOwner");
    this.#check = kernelOf(kernels, "headCheck");
    this.#append = kernelOf(kernels, "headAppend");
    this.#read = kernelOf(kernels, "headRead");
    this.#countWithin = kernelOf(kernels, "headCountWithin");
    this.#total = kernelOf(kernels, "headTotal");
    this.#lastTime = kernelOf(kernels, "headLastTime");
  }

  /** Frees all memory. No call may follow. */
  destroy(): void {
    this.#kernels.call("headDestroy", this.pointer);
    this.#kernels.release(this.#scratch, SCRATCH_SIZE);
  }

  /** Begins a series without samples; `owner` is a number of the caller's. @throws OperatingError `memory.full`. */
  open(ref: number, owner: number): void {
    assert(ref < HEAD_REFERENCES_MAX, () => `reference ${ref}`);
    const opened = this.#openSeries(this.pointer, ref, owner);
    if (opened === 0) throw new OperatingError("memory.full", "no room for more series");
    assert(opened === 1, () => `series ${ref} is not open yet`);
  }

  /** Ends a series and frees its samples. */
  close(ref: number): void {
    assert(this.has(ref), () => `series ${ref} is open`);
    this.#kernels.call("headCloseSeries", this.pointer, ref);
  }

  has(ref: number): boolean {
    return this.#owner(this.pointer, ref) >>> 0 !== UNUSED;
  }

  /** The number that `open` was given. */
  ownerOf(ref: number): number {
    const owner = this.#owner(this.pointer, ref) >>> 0;
    assert(owner !== UNUSED, () => `series ${ref} is open`);
    return owner;
  }

  /** Whether `count` more samples fit for certain. */
  hasRoomFor(count: number): boolean {
    return this.#kernels.memoryUse().usedSize + count * APPEND_SIZE_MAX <= MEMORY_USE_MAX;
  }

  /**
   * Finds the samples that are not newer than their series' newest, or outside `minMs` to `maxMs` (both included): their
   * indices go to `rejects`. Answers how many. All series exist.
   */
  check(columns: SampleColumns, minMs: number, maxMs: number, rejects: IndexList): number {
    assert(rejects.capacity >= columns.length, "room for every index");
    const [series, timestampsMs] = columns.pointers;
    const found = this.#check(
      this.pointer,
      series,
      timestampsMs,
      columns.length,
      minMs,
      maxMs,
      rejects.pointer,
    );
    assert(found >= 0, () => `sample ${-1 - found} is of a series that exists`);
    return found;
  }

  /** The first sample of a series that does not exist; undefined if all do. */
  findUnknown(columns: SampleColumns, rejects: IndexList): number | undefined {
    assert(rejects.capacity >= columns.length, "room for every index");
    const [series, timestampsMs] = columns.pointers;
    const { length } = columns;
    const found = this.#check(
      this.pointer,
      series,
      timestampsMs,
      length,
      Number.NEGATIVE_INFINITY,
      Number.POSITIVE_INFINITY,
      rejects.pointer,
    );
    return found < 0 ? -1 - found : undefined;
  }

  /**
   * Appends; timestamps are whole. What is not newer than its series' newest, or finds no memory, is left out, and its
   * index put into `rejects`. Answers how many.
   */
  append(columns: SampleColumns, rejects: IndexList): number {
    assert(rejects.capacity >= columns.length, "room for every index");
    const [series, timestampsMs, values] = columns.pointers;
    return this.#append(
      this.pointer,
      series,
      timestampsMs,
      values,
      columns.length,
      rejects.pointer,
    );
  }

  /** The index the next sample of the series gets. */
  total(ref: number): number {
    return this.#total(this.pointer, ref) >>> 0;
  }

  /** Samples of the series in memory. */
  count(ref: number): number {
    return this.#kernels.call("headCount", this.pointer, ref);
  }

  /** The newest timestamp the series ever had, in ms; -Infinity if it has none. */
  lastTimeMs(ref: number): number {
    return this.#lastTime(this.pointer, ref);
  }

  /** The bits of the newest value. */
  lastValueBits(ref: number): readonly [low: number, high: number] {
    this.#kernels.call("headLastValue", this.pointer, ref, this.#scratch);
    return [this.#scratchWords[0] as number, this.#scratchWords[1] as number];
  }

  /** Tells a series that has nothing in memory what its newest sample was. */
  setLast(ref: number, timestampMs: number, low: number, high: number): void {
    assert(this.count(ref) === 0, "the series has no samples in memory");
    this.#scratchWords[0] = low;
    this.#scratchWords[1] = high;
    this.#kernels.call("headSetLast", this.pointer, ref, timestampMs, this.#scratch);
  }

  /** An upper bound of what `read` gives. */
  countWithin(ref: number, minMs: number, maxMs: number): number {
    return this.#countWithin(this.pointer, ref, minMs, maxMs);
  }

  /**
   * Where the samples of series are that are not in a block: indices from `fromIndexes` to below `toIndexes`, the same
   * where none can be in `minMs` to `maxMs`. One call for all, at one moment.
   *
   * @throws OperatingError `memory.full`.
   */
  resolve(
    refs: Uint32Array,
    minMs: number,
    maxMs: number,
  ): { readonly fromIndexes: Uint32Array; readonly toIndexes: Uint32Array } {
    const { length } = refs;
    const list = new IndexList(this.#kernels, length * 3);
    list.words.set(refs);
    const [fromAt, toAt] = [list.pointer + length * 4, list.pointer + length * 8];
    const { pointer } = list;
    this.#kernels.call("headResolve", this.pointer, pointer, length, minMs, maxMs, fromAt, toAt);
    const fromIndexes = list.words.slice(length, length * 2);
    const toIndexes = list.words.slice(length * 2, length * 3);
    list.release();
    return { fromIndexes, toIndexes };
  }

  /**
   * Decodes the samples with `minMs <= timestamp <= maxMs` and `fromIndex <= index < toIndex` to columns that have room
   * for `countWithin`. Answers how many there are.
   */
  read(
    ref: number,
    minMs: number,
    maxMs: number,
    fromIndex: number,
    toIndex: number,
    out: ColumnPointers,
  ): number {
    for (let attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt++) {
      const count = this.#read(
        this.pointer,
        ref,
        minMs,
        maxMs,
        fromIndex,
        toIndex,
        out.timestampsMs,
        out.values,
        out.stale,
      );
      if (count >= 0) return count;
    }
    throw new OperatingError("query.failed", "the series changed each time it was read");
  }

  /** The bits of the value at exactly this time, where a sample in memory has it. */
  valueBitsAt(ref: number, timestampMs: number): readonly [low: number, high: number] | undefined {
    if (this.countWithin(ref, timestampMs, timestampMs) === 0) return undefined;
    const out = {
      timestampsMs: this.#scratch + 8,
      values: this.#scratch,
      stale: this.#scratch + 16,
    };
    if (this.read(ref, timestampMs, timestampMs, 0, INDEX_END, out) === 0) return undefined;
    return [this.#scratchWords[0] as number, this.#scratchWords[1] as number];
  }

  /** The index of the first sample that is not marked as flushed. */
  flushedIndex(ref: number): number {
    return this.#kernels.call("headFlushed", this.pointer, ref) >>> 0;
  }

  /** The first timestamp at or after `minMs` among the indices given; Infinity if there is none. */
  nextTimeMs(ref: number, minMs: number, fromIndex: number, toIndex: number): number {
    return this.#kernels.call(
      "headNextTime",
      this.pointer,
      ref,
      minMs,
      fromIndex,
      toIndex,
      this.#scratch,
    );
  }

  /**
   * Those of the references, in order, whose series have a sample in memory with `minMs <= timestamp <= maxMs`; none of
   * series that have ended.
   *
   * @throws OperatingError `memory.full`.
   */
  within(refs: Uint32Array, minMs: number, maxMs: number): Uint32Array {
    const list = new IndexList(this.#kernels, Math.max(1, refs.length));
    list.words.set(refs);
    const count = this.#kernels.call(
      "headKeepWithin",
      this.pointer,
      list.pointer,
      refs.length,
      minMs,
      maxMs,
      this.#scratch,
    );
    const kept = list.words.slice(0, count);
    list.release();
    return kept;
  }

  /** The first timestamp in memory; Infinity if there is none. */
  firstTimeMs(ref: number): number {
    return this.nextTimeMs(ref, Number.NEGATIVE_INFINITY, 0, INDEX_END);
  }

  /** Marks the samples before `beforeMs` with an index below `toIndex` as flushed: `truncate` may free them. */
  markFlushed(ref: number, beforeMs: number, toIndex: number): void {
    this.#kernels.call("headMarkFlushed", this.pointer, ref, beforeMs, toIndex, this.#scratch);
  }

  /** Frees the chunks that are flushed as a whole. Answers how many samples went. */
  truncate(ref: number): number {
    return this.#kernels.call("headTruncate", this.pointer, ref);
  }

  /** What there is in memory: `size` are bytes, which a flush frees, other than what the series themselves take. */
  stats(): { readonly chunks: number; readonly samples: number; readonly size: number } {
    return {
      size: this.#kernels.call("headChunksSize", this.pointer) >>> 0,
      chunks: this.#kernels.call("headChunks", this.pointer),
      samples: this.#kernels.call("headSamples", this.pointer) >>> 0,
    };
  }

  /** The first and the newest time of all samples in memory; Infinity and -Infinity if there are none. */
  timeBounds(): readonly [firstMs: number, lastMs: number] {
    this.#kernels.call("headTimeBounds", this.pointer, this.#scratch);
    const bounds = new Float64Array(this.#kernels.buffer, this.#scratch, 2);
    return [bounds[0] as number, bounds[1] as number];
  }

  /** The smallest and largest timestamp of columns that are not empty. */
  timestampBounds(columns: SampleColumns): readonly [minMs: number, maxMs: number] {
    const [, timestampsMs] = columns.pointers;
    this.#kernels.call("timestampBounds", timestampsMs, columns.length, this.#scratch);
    const bounds = new Float64Array(this.#kernels.buffer, this.#scratch, 2);
    return [bounds[0] as number, bounds[1] as number];
  }

  /** How the timestamps of columns can be written; for "deltas", their differences to the first are in `deltas` as i32. */
  timestampShape(columns: SampleColumns, deltas: IndexList): TimestampShape {
    assert(deltas.capacity >= columns.length, "room for every difference");
    const [, timestampsMs] = columns.pointers;
    const shape = this.#kernels.call(
      "timestampShape",
      timestampsMs,
      columns.length,
      deltas.pointer,
    );
    return shape === 0 ? "shared" : shape === 1 ? "deltas" : "any";
  }
}

/** A column of 32-bit words in the kernels' memory. */
export class IndexList {
  readonly capacity: number;
  readonly pointer: number;
  readonly words: Uint32Array<SharedArrayBuffer>;
  readonly #kernels: Kernels;

  /** @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels, capacity: number) {
    this.#kernels = kernels;
    this.capacity = capacity;
    this.pointer = kernels.allocate(capacity * 4);
    this.words = new Uint32Array(kernels.buffer, this.pointer, capacity);
  }

  /** Gives the memory back. No call may follow. */
  release(): void {
    this.#kernels.release(this.pointer, this.capacity * 4);
  }
}

const UNUSED = 0xffff_ffff;
/** Above every index. */
const INDEX_END = 0xffff_ffff;
const SCRATCH_SIZE = CHUNK_SAMPLES_MAX * 17 + 64;
/** A reader on another thread starts over when the writer moved a chunk; more often in a row means something is wrong. */
const READ_ATTEMPTS_MAX = 1000;
