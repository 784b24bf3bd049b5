import { crc32 } from "node:zlib";
import { formatLabels, type Labels, type Matcher, OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import { selectSeries } from "../label-index.ts";
import type { BlockCache, CacheSpace } from "./block-cache.ts";
import { BlockIndex } from "./block-index.ts";
import {
  type BlockMeta,
  blockName,
  COLUMNS_FILE,
  decodeMeta,
  INDEX_COPY_FILE,
  INDEX_FILE,
  META_COPY_FILE,
  META_FILE,
} from "./block-meta.ts";
import { MalformedBytes } from "./byte-reader.ts";
import { firstFrom } from "./chunk-cutter.ts";
import type { ColumnDecoder } from "./column-decoder.ts";
import {
  type BytesColumn,
  COLUMN_SET_SHAPES,
  type ColumnSet,
  type ColumnSetKind,
} from "./column-set.ts";
import { sliceBytes } from "./column-set-buffer.ts";
import type { Deletion } from "./deletions.ts";
import {
  CHUNK_CHECKSUM_SIZE,
  COLUMN_STREAMS,
  SHARED_TIMESTAMPS,
  TIMESTAMPS,
  VALUES,
} from "./index-format.ts";
import type { ChunkEntry, SetEntry, TimesEntry } from "./index-records.ts";
import { PageFile } from "./page-file.ts";
import { COLUMNS_MAGIC } from "./page-format.ts";
import { swapIncreases } from "./rollup-increases.ts";

const NO_TIMES: { readonly number: number; readonly timestampsMs: Float64Array } = {
  number: -1,
  timestampsMs: new Float64Array(0),
};

/** Told of a chunk that cannot be read, where the reader wants to go on without it. */
export type OnDamage = (error: OperatingError) => void;

/**
 * An immutable block on disk. Opening it reads meta.json; everything else is read when it is needed, through the cache.
 * Series have numbers from 0 on, in the order of their labels.
 *
 * Methods that read may throw OperatingError `disk.corrupt`, with the file and the byte, or `disk.failed`.
 */
export class Block {
  readonly meta: BlockMeta;
  /** `blocks/<name>`. */
  readonly path: string;
  readonly index: BlockIndex;
  readonly columns: PageFile;
  readonly #times: CacheSpace<Float64Array>;
  readonly #deletedSeries: CacheSpace<Uint32Array>;
  #deletions: readonly Deletion[] = [];
  /** The shared timestamps that were read last: those of the next series mostly are the same. */
  #latestTimes = NO_TIMES;

  /** What was found damaged when it was opened, and made good from the copy; undefined if nothing was. */
  readonly damage: string | undefined;

  private constructor(
    disk: Disk,
    path: string,
    meta: BlockMeta,
    damage: string | undefined,
    cache: BlockCache,
  ) {
    this.damage = damage;
    this.path = path;
    this.meta = meta;
    const [index, copy] = [`${path}/${INDEX_FILE}`, `${path}/${INDEX_COPY_FILE}`];
    this.index = new BlockIndex(disk, index, copy, cache);
    const columns = `${path}/${COLUMNS_FILE}`;
    this.columns = new PageFile(disk, columns, COLUMNS_MAGIC, COLUMN_STREAMS, cache);
    this.columns.onDrop = () => {
      this.#latestTimes = NO_TIMES;
      this.index.dropLatest();
    };
    this.#times = cache.space();
    this.#deletedSeries = cache.space();
  }

  /** @throws OperatingError `disk.corrupt` where a file is missing, or meta.json and its copy are damaged. */
  static open(disk: Disk, path: string, cache: BlockCache): Block {
    const corrupt = (file: string, reason: string): OperatingError =>
      new OperatingError("disk.corrupt", `${path}/${file}: ${reason}`);
    for (const file of [META_FILE, INDEX_FILE, COLUMNS_FILE])
      if (!disk.exists(`${path}/${file}`)) throw corrupt(file, "the file is missing");
    const meta = readMeta(disk, path, META_FILE);
    if (typeof meta !== "string") return new Block(disk, path, meta, undefined, cache);
    const { message } = corrupt(META_FILE, meta);
    const copy = disk.exists(`${path}/${META_COPY_FILE}`)
      ? readMeta(disk, path, META_COPY_FILE)
      : "the copy is missing";
    if (typeof copy === "string") throw corrupt(META_FILE, `${meta}; its copy: ${copy}`);
    return new Block(disk, path, copy, message, cache);
  }

  /** One that was just written, and that nobody has to look at again. */
  static written(disk: Disk, path: string, meta: BlockMeta, cache: BlockCache): Block {
    return new Block(disk, path, meta, undefined, cache);
  }

  get name(): string {
    return blockName(this.meta);
  }

  overlaps(minMs: number, maxMs: number): boolean {
    return this.meta.minTimeMs <= maxMs && this.meta.maxTimeMs >= minMs;
  }

  /** Those of the deletions that concern this block take effect. */
  setDeletions(list: readonly Deletion[]): void {
    const deletions = list.filter(
      ({ minMs, maxMs, beforeSequence }) =>
        this.meta.sequence < beforeSequence && this.overlaps(minMs, maxMs),
    );
    const same =
      deletions.length === this.#deletions.length &&
      deletions.every((deletion, i) => deletion === this.#deletions[i]);
    if (same) return;
    this.#deletions = deletions;
    this.#deletedSeries.clear();
  }

  /** Whether something of it was deleted, perhaps. */
  get hasDeletions(): boolean {
    return this.#deletions.length > 0;
  }

  /** The numbers of the series that match, rising: in the order of their labels. */
  select(matchers: readonly Matcher[]): Uint32Array {
    return selectSeries(this.index, matchers);
  }

  labelsOf(series: number): Labels {
    return this.index.labelsOf(series);
  }

  /** Canonical label bytes, fresh: `compareLabelBytes` orders series of different blocks. */
  labelBytesOf(series: number): Uint8Array {
    return this.index.labelBytesOf(series);
  }

  /** The kinds of columns a series has. */
  kindsOf(series: number): ColumnSetKind[] {
    return this.index.entryOf(series).sets.map(({ kind }) => kind);
  }

  /**
   * Reads a series' columns of one kind from `minMs` to `maxMs`, both included, without what was deleted: in pieces, by
   * time. A piece's columns are views, valid until `out` returns.
   *
   * @param damaged goes on after a chunk that cannot be read; without it that is an error.
   */
  read(
    series: number,
    kind: ColumnSetKind,
    minMs: number,
    maxMs: number,
    decoder: ColumnDecoder,
    out: (columns: ColumnSet) => void,
    damaged?: OnDamage,
  ): void {
    const set = this.#setOf(series, kind);
    if (set === undefined) return;
    const deleted = this.#deletions.length === 0 ? [] : this.#deletionsOf(series);
    for (const chunk of set.chunks) {
      try {
        const times = this.index.timesOf(chunk.times);
        if (times.minMs > maxMs || times.maxMs < minMs) continue;
        this.#readChunk(kind, chunk, times, minMs, maxMs, deleted, decoder, out);
      } catch (error) {
        const wrong = this.#damage(error, series, chunk);
        if (damaged === undefined) throw wrong;
        damaged(wrong);
      }
    }
  }

  #readChunk(
    kind: ColumnSetKind,
    chunk: ChunkEntry,
    times: TimesEntry,
    minMs: number,
    maxMs: number,
    deleted: readonly Deletion[],
    decoder: ColumnDecoder,
    out: (columns: ColumnSet) => void,
  ): void {
    const timestampsMs = this.#timestamps(chunk.times, times, decoder);
    const from = times.minMs >= minMs ? 0 : firstFrom(timestampsMs, minMs);
    const to = times.maxMs <= maxMs ? times.count : firstFrom(timestampsMs, maxMs + 1);
    const kept = keptRanges(timestampsMs, from, to, deleted);
    if (kept.length === 0) return;
    const { count } = times;
    const { floats } = COLUMN_SET_SHAPES[kind];
    const stored: Uint32Array[] = [];
    const strings: BytesColumn[] = [];
    const record = this.#chunkRecord(chunk);
    let at = 0;
    for (let column = 0; column < chunk.sizes.length; column++) {
      const size = chunk.sizes[column] as number;
      const bytes = record.subarray(at, at + size);
      if (column < floats.length)
        stored.push(size === 0 ? repeated(stored) : decoder.floats(bytes, count, column));
      else if (kind === "histograms") strings.push(decoder.histograms(bytes, count));
      else strings.push(decoder.bytes(bytes, count));
      at += size;
    }
    const bits = kind === "rollup" ? swapIncreases(stored) : stored;
    for (const [start, end] of kept)
      out({
        kind,
        timestampsMs: timestampsMs.subarray(start, end),
        floats: bits.map((words) => words.subarray(start * 2, end * 2)),
        bytes: strings.map((column) => sliceBytes(column, start, end)),
      });
  }

  #timestamps(number: number, times: TimesEntry, decoder: ColumnDecoder): Float64Array {
    if (number === this.#latestTimes.number) return this.#latestTimes.timestampsMs;
    const { copyOffset, count } = times;
    const there = copyOffset === undefined ? undefined : this.#times.get(number);
    if (there !== undefined) {
      this.#latestTimes = { number, timestampsMs: there };
      return there;
    }
    const timestampsMs = decoder.timestamps(this.#timesRecord(times), count);
    if (copyOffset !== undefined) this.#times.put(number, timestampsMs, timestampsMs.byteLength);
    return timestampsMs;
  }

  /** All columns of a chunk; its own checksum decides where its page is damaged. */
  #chunkRecord({ offset, sizes }: ChunkEntry): Uint8Array {
    let total = 0;
    for (const size of sizes) total += size;
    try {
      return this.columns.record(VALUES, offset, total);
    } catch (error) {
      const damaged = error instanceof OperatingError && error.code === "disk.corrupt";
      if (!damaged || this.index.chunkTrailerSize !== CHUNK_CHECKSUM_SIZE) throw error;
      const bytes = this.columns.unverified(VALUES, offset, total + CHUNK_CHECKSUM_SIZE);
      if (bytes === undefined) throw error;
      const checksum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(total, true);
      if (checksum !== crc32(bytes.subarray(0, total))) throw error;
      return bytes.subarray(0, total);
    }
  }

  #timesRecord({ offset, size, copyOffset }: TimesEntry): Uint8Array {
    try {
      return this.columns.record(TIMESTAMPS, offset, size);
    } catch (error) {
      const damaged = error instanceof OperatingError && error.code === "disk.corrupt";
      if (!damaged || copyOffset === undefined) throw error;
      return this.columns.record(SHARED_TIMESTAMPS, copyOffset, size);
    }
  }

  /** Names the series and the time of what cannot be read. */
  #damage(error: unknown, series: number, { offset }: ChunkEntry): OperatingError {
    if (error instanceof MalformedBytes)
      return this.columns.corrupt(
        `${this.#describe(series)}, values at ${offset}: ${error.message}`,
      );
    if (!(error instanceof OperatingError) || error.code !== "disk.corrupt") throw error;
    return new OperatingError("disk.corrupt", `${error.message} (${this.#describe(series)})`);
  }

  #describe(series: number): string {
    try {
      return formatLabels(this.labelsOf(series));
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      return `series ${series}`;
    }
  }

  /** Whether a series has samples or histograms in a range. As `read` for what is damaged. */
  hasSamples(
    series: number,
    minMs: number,
    maxMs: number,
    decoder: ColumnDecoder,
    damaged?: OnDamage,
  ): boolean {
    const { sets } = this.index.entryOf(series);
    return sets.some(
      (set) =>
        (set.kind === "samples" || set.kind === "histograms") &&
        this.#isWithin(series, set, minMs, maxMs, decoder, damaged),
    );
  }

  #isWithin(
    series: number,
    { kind, chunks }: SetEntry,
    minMs: number,
    maxMs: number,
    decoder: ColumnDecoder,
    damaged: OnDamage | undefined,
  ): boolean {
    if (this.#deletions.length === 0)
      for (const chunk of chunks) {
        const times = this.index.timesOf(chunk.times);
        if (times.minMs > maxMs || times.maxMs < minMs) continue;
        // A chunk begins and ends with a sample; only one that reaches beyond both ends must be looked into.
        if (times.minMs >= minMs || times.maxMs <= maxMs) return true;
      }
    let found = false;
    const note = (): void => {
      found = true;
    };
    this.read(series, kind, minMs, maxMs, decoder, note, damaged);
    return found;
  }

  /** How many samples of a kind the chunks have that reach into a range: an upper bound of what `read` gives. */
  countUpTo(series: number, kind: ColumnSetKind, minMs: number, maxMs: number): number {
    let total = 0;
    for (const { times } of this.#setOf(series, kind)?.chunks ?? []) {
      const entry = this.index.timesOf(times);
      if (entry.minMs <= maxMs && entry.maxMs >= minMs) total += entry.count;
    }
    return total;
  }

  #setOf(series: number, kind: ColumnSetKind): SetEntry | undefined {
    return this.index.entryOf(series).sets.find((set) => set.kind === kind);
  }

  #deletionsOf(series: number): Deletion[] {
    return this.#deletions.filter(({ matchers }, number) => {
      let list = this.#deletedSeries.get(number);
      if (list === undefined) {
        list = this.select(matchers);
        this.#deletedSeries.put(number, list, list.byteLength);
      }
      return hasNumber(list, series);
    });
  }

  /** Lets go of its files and of what the cache has of them. It may be read again. */
  close(): void {
    this.#times.clear();
    this.#deletedSeries.clear();
    this.index.close();
    this.columns.close();
  }
}

/** What a block's meta.json, or its copy, says; or what is wrong with it. */
function readMeta(disk: Disk, path: string, file: string): BlockMeta | string {
  const meta = decodeMeta(disk.read(`${path}/${file}`));
  if (typeof meta === "string") return meta;
  const name = path.slice(path.lastIndexOf("/") + 1);
  return blockName(meta) === name ? meta : `it is of block ${blockName(meta)}`;
}

/** A column of no bytes is the same as the one before. @throws MalformedBytes where there is none. */
function repeated(before: readonly Uint32Array[]): Uint32Array {
  const last = before.at(-1);
  if (last === undefined) throw new MalformedBytes("the first column is empty");
  return last;
}

/** What is left of samples `from` to `to` after deletions, as ranges of indices. */
function keptRanges(
  timestampsMs: Float64Array,
  from: number,
  to: number,
  deleted: readonly Deletion[],
): (readonly [from: number, to: number])[] {
  let ranges: (readonly [number, number])[] = from < to ? [[from, to]] : [];
  for (const { minMs, maxMs } of deleted)
    ranges = ranges.flatMap(([start, end]) => {
      const left = firstFrom(timestampsMs, minMs, start, end);
      const right = firstFrom(timestampsMs, maxMs + 1, start, end);
      const parts: (readonly [number, number])[] = [];
      if (start < left) parts.push([start, left]);
      if (Math.max(right, left) < end) parts.push([Math.max(right, left), end]);
      return parts;
    });
  return ranges;
}

function hasNumber(list: Uint32Array, number: number): boolean {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] as number) < number) low = middle + 1;
    else high = middle;
  }
  return list[low] === number;
}
