import { crc32 } from "node:zlib";
import { assert, OperatingError } from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import type { Disk, DiskWriter } from "@pharos/ports";
import type { Pause } from "../slices.ts";
import {
  type BlockMeta,
  blockName,
  COLUMNS_FILE,
  encodeMeta,
  INDEX_COPY_FILE,
  INDEX_FILE,
  META_COPY_FILE,
  META_FILE,
} from "./block-meta.ts";
import { ByteWriter } from "./byte-writer.ts";
import { type ChunkRange, cutChunks } from "./chunk-cutter.ts";
import { ColumnEncoder } from "./column-encoder.ts";
import { assertColumnSet, type ColumnSet } from "./column-set.ts";
import { CHUNK_CHECKSUM_SIZE, COLUMN_STREAMS, INDEX_STREAMS, VALUES } from "./index-format.ts";
import { IndexWriter, type WrittenChunk } from "./index-writer.ts";
import { BLOCK_VERSION, COLUMNS_MAGIC, type Compression, INDEX_MAGIC } from "./page-format.ts";
import { PageWriter } from "./page-writer.ts";
import { swapIncreases } from "./rollup-increases.ts";
import { TimesWriter } from "./times-writer.ts";

export interface BlockWriterOptions
  extends Pick<BlockMeta, "tier" | "rangeStartMs" | "rangeEndMs" | "sequence"> {
  /** The folder of blocks it goes to, which exists. */
  readonly directory: string;
  readonly compression: Compression;
  /** Its own sequence unless given. */
  readonly rank?: number;
  /** None unless given. */
  readonly sources?: readonly string[];
}

/**
 * Writes one block: series after series, then `finish`. The files lie in a folder with a temporary name until they are
 * complete and synced; only then does the block get its name.
 */
export class BlockWriter {
  readonly #disk: Disk;
  readonly #options: BlockWriterOptions;
  readonly #path: string;
  readonly #file: DiskWriter;
  readonly #pages: PageWriter;
  readonly #encoder: ColumnEncoder;
  readonly #index: IndexWriter;
  readonly #times: TimesWriter;
  /** The columns of a chunk. */
  readonly #record = new ByteWriter();
  #chunkCount = 0;
  #sampleCount = 0;
  #hasStarts = false;
  #minTimeMs = Number.POSITIVE_INFINITY;
  #maxTimeMs = Number.NEGATIVE_INFINITY;

  /** @throws OperatingError `disk.full`, `disk.failed`, `memory.full`. */
  static create(disk: Disk, kernels: Kernels, options: BlockWriterOptions): BlockWriter {
    const path = `${options.directory}/${blockName(options)}.tmp`;
    disk.remove(path);
    disk.makeDirectory(path);
    // In a page that is compressed, no part can be read where another is damaged.
    const trailerSize = options.compression === "none" ? CHUNK_CHECKSUM_SIZE : 0;
    const index = new IndexWriter(kernels, trailerSize);
    try {
      const encoder = new ColumnEncoder(kernels);
      try {
        const file = disk.openAppend(`${path}/${COLUMNS_FILE}`);
        return new BlockWriter(disk, options, path, file, encoder, index);
      } catch (error) {
        encoder.release();
        throw error;
      }
    } catch (error) {
      index.destroy();
      throw error;
    }
  }

  private constructor(
    disk: Disk,
    options: BlockWriterOptions,
    path: string,
    file: DiskWriter,
    encoder: ColumnEncoder,
    index: IndexWriter,
  ) {
    this.#disk = disk;
    this.#options = options;
    this.#path = path;
    this.#file = file;
    this.#pages = new PageWriter(file, COLUMNS_MAGIC, COLUMN_STREAMS, options.compression);
    this.#encoder = encoder;
    this.#index = index;
    this.#times = new TimesWriter(this.#pages, index, encoder);
  }

  /** Whether nothing was added. */
  get isEmpty(): boolean {
    return this.#sampleCount === 0;
  }

  /**
   * Adds the next series, in the order of their labels, with its sets of columns: one or more, one of a kind, none of
   * them empty. The columns are not kept.
   *
   * @param labelBytes canonical.
   * @throws OperatingError `disk.full`, `disk.failed`, `memory.full`.
   */
  add(labelBytes: Uint8Array, sets: readonly ColumnSet[]): void {
    const { rangeStartMs, rangeEndMs } = this.#options;
    const offset = this.#pages.sizeOf(VALUES);
    const written = sets.map((set) => {
      assertColumnSet(set);
      const { timestampsMs } = set;
      const [minMs, maxMs] = [timestampsMs[0], timestampsMs.at(-1)];
      assert(minMs !== undefined && maxMs !== undefined, "the set is not empty");
      assert(minMs >= rangeStartMs && maxMs < rangeEndMs, "the samples are in the block's range");
      this.#sampleCount += timestampsMs.length;
      if (set.kind === "starts") this.#hasStarts = true;
      this.#minTimeMs = Math.min(this.#minTimeMs, minMs);
      this.#maxTimeMs = Math.max(this.#maxTimeMs, maxMs);
      const ranges = cutChunks(set, rangeStartMs, rangeEndMs);
      this.#chunkCount += ranges.length;
      return { kind: set.kind, chunks: ranges.map((range) => this.#writeChunk(set, range)) };
    });
    this.#index.addSeries(labelBytes, written, offset);
  }

  #writeChunk(set: ColumnSet, { from, to }: ChunkRange): WrittenChunk {
    const times = this.#times.write(set.timestampsMs.subarray(from, to));
    const sizes: number[] = [];
    const record = this.#record;
    record.clear();
    let before: Uint32Array | undefined;
    for (const bits of set.kind === "rollup" ? swapIncreases(set.floats) : set.floats) {
      let size = 0;
      // A column that is the same as the one before takes no bytes.
      if (before === undefined || !isSame(before, bits, from * 2, to * 2)) {
        const encoded = this.#encoder.floats(bits.subarray(from * 2, to * 2));
        record.raw(encoded);
        size = encoded.length;
      }
      sizes.push(size);
      before = bits;
    }
    for (const column of set.bytes) {
      const encoded =
        set.kind === "histograms"
          ? this.#encoder.histograms(column, from, to)
          : this.#encoder.bytes(column, from, to);
      record.raw(encoded);
      sizes.push(encoded.length);
    }
    const { bytes } = record;
    if (this.#options.compression === "none") this.#pages.append(VALUES, bytes, checksumOf(bytes));
    else this.#pages.append(VALUES, bytes);
    return { times, sizes };
  }

  /**
   * Completes the block, which is not empty: when this resolves it survives a power loss.
   * @throws OperatingError `disk.full`, `disk.failed`, `memory.full`.
   */
  async finish(pause: Pause): Promise<BlockMeta> {
    assert(!this.isEmpty, "the block is not empty");
    const disk = this.#disk;
    await this.#pages.finish();
    const indexSize = await this.#writeIndex(pause);
    const { directory, tier, rangeStartMs, rangeEndMs, sequence, rank, sources } = this.#options;
    const meta: BlockMeta = {
      version: BLOCK_VERSION,
      tier,
      rangeStartMs,
      rangeEndMs,
      sequence,
      rank: rank ?? sequence,
      sources: sources ?? [],
      minTimeMs: this.#minTimeMs,
      maxTimeMs: this.#maxTimeMs,
      series: this.#index.seriesCount,
      chunks: this.#chunkCount,
      samples: this.#sampleCount,
      ...(this.#hasStarts ? { hasStarts: true as const } : {}),
      indexSize,
      columnsSize: this.#file.size,
    };
    await this.#writeMeta(META_FILE, meta);
    await this.#writeMeta(META_COPY_FILE, meta);
    await disk.syncDirectory(this.#path);
    disk.rename(this.#path, `${directory}/${blockName(meta)}`);
    await disk.syncDirectory(directory);
    return meta;
  }

  async #writeIndex(pause: Pause): Promise<number> {
    const files = [INDEX_FILE, INDEX_COPY_FILE].map((name) =>
      this.#disk.openAppend(`${this.#path}/${name}`),
    );
    const file = new WriterPair(files[0] as DiskWriter, files[1] as DiskWriter);
    try {
      const pages = new PageWriter(file, INDEX_MAGIC, INDEX_STREAMS, "zstd");
      await this.#index.write(pages, pause);
      await pages.finish();
      return file.size;
    } finally {
      file.close();
    }
  }

  async #writeMeta(name: string, meta: BlockMeta): Promise<void> {
    const file = this.#disk.openAppend(`${this.#path}/${name}`);
    try {
      file.append([encodeMeta(meta)]);
      await file.sync();
    } finally {
      file.close();
    }
  }

  /** Frees what the writer holds, whether it finished or not; removes what is unfinished. */
  dispose(): void {
    this.#file.close();
    this.#encoder.release();
    this.#index.destroy();
    try {
      this.#disk.remove(this.#path);
    } catch (error) {
      // The next start removes it.
      if (!(error instanceof OperatingError)) throw error;
    }
  }
}

/** Whether two columns have the same words from `from` to `to` (not included). */
function isSame(a: Uint32Array, b: Uint32Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (a[i] !== b[i]) return false;
  return true;
}

function checksumOf(record: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(CHUNK_CHECKSUM_SIZE);
  new DataView(bytes.buffer).setUint32(0, crc32(record), true);
  return bytes;
}

/** Two files that get the same bytes. */
class WriterPair implements DiskWriter {
  readonly #first: DiskWriter;
  readonly #second: DiskWriter;

  constructor(first: DiskWriter, second: DiskWriter) {
    this.#first = first;
    this.#second = second;
  }

  /** Of both together. */
  get size(): number {
    return this.#first.size + this.#second.size;
  }

  append(parts: readonly Uint8Array[]): void {
    this.#first.append(parts);
    this.#second.append(parts);
  }

  truncate(size: number): void {
    this.#first.truncate(size);
    this.#second.truncate(size);
  }

  async sync(): Promise<void> {
    await this.#first.sync();
    await this.#second.sync();
  }

  close(): void {
    this.#first.close();
    this.#second.close();
  }
}
