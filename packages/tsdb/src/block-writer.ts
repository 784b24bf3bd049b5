import { crc32 } from "node:zlib";
import type { Labels } from "@pharos/base";
import { CHUNK_SAMPLES_MAX, chunkSizeMax, Gorilla, type Kernels } from "@pharos/kernels";
import type { Disk, DiskWriter } from "@pharos/ports";
import { type ChunkEntry, encodeIndex, type IndexedSeries } from "./block-index.ts";
import {
  BLOCK_VERSION,
  BLOCKS_DIRECTORY,
  type BlockMeta,
  blockName,
  encodeMeta,
} from "./block-meta.ts";
import { DecodeArea, type SampleSource } from "./column-buffer.ts";

// The chunks file: | magic "PHCK" | version u32 |, then chunks one after another, each | crc32 u32 | samples ... |. The
// index has their places and sizes.
export const CHUNKS_HEADER_SIZE = 8;
export const CHUNK_CHECKSUM_SIZE = 4;
const BUFFER_SIZE = 1024 * 1024;

/** How much is written in one go; to the page cache, so that it takes a few milliseconds at most. */
const WRITE_SIZE_MAX = 2 * 1024 * 1024;
/** So much of a wait for others' turn as a write of that size is worth, in series. */
const WRITE_SERIES = 1024;

/** To be awaited between series, with how many there were since the last time, so that others get their turn. */
export type Pause = (seriesCount?: number) => Promise<void>;

export function chunksHeader(): Uint8Array {
  const header = new Uint8Array(CHUNKS_HEADER_SIZE);
  header.set(new TextEncoder().encode("PHCK"));
  new DataView(header.buffer).setUint32(4, BLOCK_VERSION, true);
  return header;
}

/**
 * Writes one block: series after series, then `finish`. The files lie in a folder with a temporary name until they are
 * complete and synced; only then does the block get its name.
 */
export class BlockWriter {
  readonly #disk: Disk;
  readonly #kernels: Kernels;
  readonly #gorilla: Gorilla;
  readonly #range: Pick<BlockMeta, "rangeStartMs" | "rangeEndMs" | "sequence">;
  readonly #path: string;
  readonly #chunks: DiskWriter;
  readonly #area: DecodeArea;
  readonly #chunk: number;
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  #buffered = CHUNKS_HEADER_SIZE;
  #offset = CHUNKS_HEADER_SIZE;
  readonly #series: IndexedSeries[] = [];
  #chunkCount = 0;
  #sampleCount = 0;
  #minTimeMs = Number.POSITIVE_INFINITY;
  #maxTimeMs = Number.NEGATIVE_INFINITY;

  /** @throws OperatingError `disk.full`, `disk.failed`. */
  constructor(
    disk: Disk,
    kernels: Kernels,
    range: Pick<BlockMeta, "rangeStartMs" | "rangeEndMs" | "sequence">,
  ) {
    this.#disk = disk;
    this.#kernels = kernels;
    this.#gorilla = new Gorilla(kernels);
    this.#range = range;
    const { rangeStartMs, rangeEndMs, sequence } = range;
    this.#path = `${BLOCKS_DIRECTORY}/${rangeStartMs}-${rangeEndMs}-${sequence}.tmp`;
    disk.remove(this.#path);
    disk.makeDirectory(this.#path);
    this.#chunks = disk.openAppend(`${this.#path}/chunks`);
    this.#area = new DecodeArea(kernels);
    this.#chunk = kernels.allocate(chunkSizeMax(CHUNK_SAMPLES_MAX));
    this.#buffer.set(chunksHeader());
  }

  /** Whether nothing was added. */
  get isEmpty(): boolean {
    return this.#sampleCount === 0;
  }

  /** Adds a series, which has samples, by time. Each once. @throws OperatingError `disk.full`, `disk.failed`. */
  add(labels: Labels, { timestampsMs, bits }: SampleSource): void {
    const chunks: ChunkEntry[] = [];
    const total = timestampsMs.length;
    for (let from = 0; from < total; from += CHUNK_SAMPLES_MAX) {
      const to = Math.min(total, from + CHUNK_SAMPLES_MAX);
      this.#area.reserve(to - from);
      this.#area.fill({
        timestampsMs: timestampsMs.subarray(from, to),
        bits: bits.subarray(from * 2, to * 2),
      });
      chunks.push(
        this.#encode(to - from, timestampsMs[from] as number, timestampsMs[to - 1] as number),
      );
    }
    this.#series.push({ labels, chunks });
    this.#chunkCount += chunks.length;
    this.#sampleCount += total;
    this.#minTimeMs = Math.min(this.#minTimeMs, timestampsMs[0] as number);
    this.#maxTimeMs = Math.max(this.#maxTimeMs, timestampsMs[total - 1] as number);
  }

  #encode(count: number, minMs: number, maxMs: number): ChunkEntry {
    const { timestampsMs, values } = this.#area;
    const size = this.#gorilla.encode(timestampsMs, values, count, this.#chunk);
    const bytes = this.#kernels.bytes.subarray(this.#chunk, this.#chunk + size);
    if (this.#buffered + CHUNK_CHECKSUM_SIZE + size > BUFFER_SIZE) this.#writeBuffer();
    new DataView(this.#buffer.buffer).setUint32(this.#buffered, crc32(bytes), true);
    this.#buffer.set(bytes, this.#buffered + CHUNK_CHECKSUM_SIZE);
    this.#buffered += CHUNK_CHECKSUM_SIZE + size;
    const offset = this.#offset;
    this.#offset += CHUNK_CHECKSUM_SIZE + size;
    return { offset, size, count, minMs, maxMs };
  }

  #writeBuffer(): void {
    this.#chunks.append([this.#buffer.subarray(0, this.#buffered)]);
    this.#buffered = 0;
  }

  /**
   * Completes the block, which is not empty: when this resolves it survives a power loss.
   * @param pause awaited between series, so that others get their turn.
   */
  async finish(pause: Pause): Promise<BlockMeta> {
    this.#writeBuffer();
    await this.#chunks.sync();
    const index = await encodeIndex(this.#series, pause);
    const indexSize = await this.#writeFile("index", index, pause);
    const meta: BlockMeta = {
      version: BLOCK_VERSION,
      ...this.#range,
      minTimeMs: this.#minTimeMs,
      maxTimeMs: this.#maxTimeMs,
      series: this.#series.length,
      chunks: this.#chunkCount,
      samples: this.#sampleCount,
      indexSize,
      chunksSize: this.#offset,
    };
    await this.#writeFile("meta.json", [encodeMeta(meta)], pause);
    await this.#disk.syncDirectory(this.#path);
    this.#disk.rename(this.#path, `${BLOCKS_DIRECTORY}/${blockName(meta)}`);
    await this.#disk.syncDirectory(BLOCKS_DIRECTORY);
    return meta;
  }

  async #writeFile(name: string, parts: readonly Uint8Array[], pause: Pause): Promise<number> {
    const writer = this.#disk.openAppend(`${this.#path}/${name}`);
    try {
      for (const part of parts)
        for (let at = 0; at < part.length; at += WRITE_SIZE_MAX) {
          writer.append([part.subarray(at, at + WRITE_SIZE_MAX)]);
          await pause(WRITE_SERIES);
        }
      await writer.sync();
      return writer.size;
    } finally {
      writer.close();
    }
  }

  /** Frees what the writer holds, whether it finished or not; removes what is unfinished. */
  dispose(): void {
    this.#chunks.close();
    this.#area.release();
    this.#kernels.release(this.#chunk, chunkSizeMax(CHUNK_SAMPLES_MAX));
    this.#disk.remove(this.#path);
  }
}
