import { crc32 } from "node:zlib";
import { OperatingError } from "@pharos/base";
import { CHUNK_SAMPLES_MAX, CHUNK_SLACK, type Gorilla, type Kernels } from "@pharos/kernels";
import type { Disk, DiskReader } from "@pharos/ports";
import { BlockIndex, type ChunkEntry } from "./block-index.ts";
import { BLOCKS_DIRECTORY, type BlockMeta, blockName, decodeMeta } from "./block-meta.ts";
import { CHUNK_CHECKSUM_SIZE, CHUNKS_HEADER_SIZE, chunksHeader } from "./block-writer.ts";
import type { ColumnBuffer, DecodeArea } from "./column-buffer.ts";

/** Reads blocks' chunks: the memory that they are decoded in, shared by all blocks. */
export interface ChunkDecoder {
  readonly kernels: Kernels;
  readonly gorilla: Gorilla;
  readonly area: DecodeArea;
  /** Room in the kernels' memory for one encoded chunk of the largest size. */
  readonly chunk: number;
  readonly chunkSizeMax: number;
}

/** An immutable block on disk. Its files are opened when they are first needed. */
export class Block {
  readonly meta: BlockMeta;
  readonly path: string;
  readonly #disk: Disk;
  #chunks: DiskReader | undefined;

  private constructor(disk: Disk, path: string, meta: BlockMeta) {
    this.#disk = disk;
    this.path = path;
    this.meta = meta;
  }

  /** @throws OperatingError `disk.corrupt` where a file is missing, of another size, or meta.json is damaged. */
  static open(disk: Disk, name: string): Block {
    const path = `${BLOCKS_DIRECTORY}/${name}`;
    const corrupt = (file: string, reason: string): OperatingError =>
      new OperatingError("disk.corrupt", `${path}/${file}: ${reason}`);
    for (const file of ["meta.json", "index", "chunks"])
      if (!disk.exists(`${path}/${file}`)) throw corrupt(file, "the file is missing");
    const meta = decodeMeta(disk.read(`${path}/meta.json`));
    if (typeof meta === "string") throw corrupt("meta.json", meta);
    if (blockName(meta) !== name) throw corrupt("meta.json", `it is of block ${blockName(meta)}`);
    const sizes = { index: meta.indexSize, chunks: meta.chunksSize };
    for (const [file, size] of Object.entries(sizes)) {
      const reader = disk.openRead(`${path}/${file}`);
      const found = reader.size;
      reader.close();
      if (found !== size) throw corrupt(file, `${found} bytes; ${size} were written`);
    }
    return new Block(disk, path, meta);
  }

  overlaps(minMs: number, maxMs: number): boolean {
    return this.meta.minTimeMs <= maxMs && this.meta.maxTimeMs >= minMs;
  }

  /** @throws OperatingError `disk.corrupt`. */
  readIndex(): BlockIndex {
    const path = `${this.path}/index`;
    return new BlockIndex(this.#disk.read(path), path);
  }

  /** Adds the samples of a series from `minMs` to `maxMs`. @throws OperatingError `disk.corrupt`. */
  readSeries(
    index: BlockIndex,
    series: number,
    minMs: number,
    maxMs: number,
    decoder: ChunkDecoder,
    out: ColumnBuffer,
  ): void {
    const chunks = index.chunksOf(series, minMs, maxMs);
    const [first, last] = [chunks[0], chunks.at(-1)];
    if (first === undefined || last === undefined) return;
    // A series' chunks lie one after another: one read gets them all.
    const length = last.offset + CHUNK_CHECKSUM_SIZE + last.size - first.offset;
    const bytes = this.#reader().read(first.offset, length);
    for (const chunk of chunks) {
      const at = chunk.offset - first.offset;
      const count = this.#decode(bytes, at, chunk, minMs, maxMs, decoder);
      out.add(decoder.area.view(count));
    }
  }

  #decode(
    bytes: Uint8Array,
    at: number,
    chunk: ChunkEntry,
    minMs: number,
    maxMs: number,
    decoder: ChunkDecoder,
  ): number {
    const { kernels, gorilla, area } = decoder;
    const data = bytes.subarray(at + CHUNK_CHECKSUM_SIZE, at + CHUNK_CHECKSUM_SIZE + chunk.size);
    const fits =
      data.length === chunk.size &&
      chunk.count <= CHUNK_SAMPLES_MAX &&
      chunk.size + CHUNK_SLACK <= decoder.chunkSizeMax;
    if (!fits) throw this.#corrupt(chunk, "the chunk is cut short or too large");
    const checksum = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0, true);
    if (checksum !== crc32(data)) throw this.#corrupt(chunk, "the checksum does not match");
    kernels.bytes.set(data, decoder.chunk);
    area.reserve(CHUNK_SAMPLES_MAX);
    const { size, count } = chunk;
    const decoded = gorilla.decode({ pointer: decoder.chunk, size, count }, minMs, maxMs, area);
    if (decoded === undefined) throw this.#corrupt(chunk, "the samples do not decode");
    return decoded;
  }

  #corrupt(chunk: ChunkEntry, reason: string): OperatingError {
    return new OperatingError(
      "disk.corrupt",
      `${this.path}/chunks, byte ${chunk.offset}: ${reason}`,
    );
  }

  #reader(): DiskReader {
    if (this.#chunks !== undefined) return this.#chunks;
    const reader = this.#disk.openRead(`${this.path}/chunks`);
    const header = reader.read(0, CHUNKS_HEADER_SIZE);
    if (chunksHeader().some((byte, at) => header[at] !== byte)) {
      reader.close();
      throw new OperatingError(
        "disk.corrupt",
        `${this.path}/chunks: this is no chunks file of version 1`,
      );
    }
    this.#chunks = reader;
    return reader;
  }

  close(): void {
    this.#chunks?.close();
    this.#chunks = undefined;
  }
}
