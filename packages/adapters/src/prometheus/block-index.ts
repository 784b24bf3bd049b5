import type { Label, Labels } from "@pharos/base";
import type { Disk, DiskReader } from "@pharos/ports";
import { ByteReader, corrupt } from "./byte-reader.ts";
import { crc32c } from "./crc32c.ts";

// The index of a block, big-endian: magic, version, sections, and at the end where each section begins. A section has
// its size before it and its CRC-32C after it. Of the sections only the symbols, the series, and the list of all series
// (the postings of the empty label) are read.
const MAGIC = 0xbaaad700;
const TOC_SIZE = 6 * 8 + 4;
const HEADER_SIZE = 5;
/** Version 1 names symbols by their place in the file, version 2 by their number. */
const VERSIONS = [1, 2];
/** From version 2 on series begin at multiples of this, and are named by how many. */
const SERIES_ALIGNMENT = 16;
/** What is read at a time of the series. */
const WINDOW_SIZE = 1024 * 1024;
const REFERENCES_PER_READ = 16_384;

/** Where a chunk lies, and the times of its first and last sample. */
export interface ChunkPlace {
  readonly minMs: number;
  readonly maxMs: number;
  /** The number of the file, from 0, and the byte in it. */
  readonly file: number;
  readonly offset: number;
}

export interface IndexedSeries {
  /** As tombstones name it. */
  readonly reference: number;
  readonly labels: Labels;
  readonly chunks: readonly ChunkPlace[];
}

/** The index of one of Prometheus's blocks. Symbols are in memory, all else is read as it is asked for. */
export class BlockIndex {
  readonly #reader: DiskReader;
  readonly #path: string;
  readonly #version: number;
  readonly #symbols: ReadonlyMap<number, string>;
  readonly #allSeriesAt: number;
  readonly seriesCount: number;

  /** @throws OperatingError `disk.corrupt` with file and byte, `not_found`, `disk.failed`. */
  static open(disk: Disk, path: string): BlockIndex {
    const reader = disk.openRead(path);
    try {
      return new BlockIndex(reader, path);
    } catch (error) {
      reader.close();
      throw error;
    }
  }

  private constructor(reader: DiskReader, path: string) {
    this.#reader = reader;
    this.#path = path;
    const header = new ByteReader(reader.read(0, HEADER_SIZE), path);
    if (header.u32() !== MAGIC) throw corrupt(path, 0, "this is no index of a Prometheus block");
    this.#version = header.u8();
    if (!VERSIONS.includes(this.#version))
      throw corrupt(path, 4, `index version ${this.#version}; 1 and 2 are known`);
    const toc = this.#readToc();
    this.#symbols = this.#readSymbols(toc.symbolsAt);
    const section = this.#section(toc.postingsTableAt);
    // Sorted, so that the empty label, which stands for all series, comes first.
    const entries = section.u32();
    const isAll =
      entries > 0 && section.u8() === 2 && section.text() === "" && section.text() === "";
    if (entries > 0 && !isAll) throw section.error("the list of all series is missing");
    this.#allSeriesAt = entries === 0 ? 0 : section.uvarint();
    this.seriesCount = entries === 0 ? 0 : this.#section(this.#allSeriesAt).u32();
  }

  #readToc(): { symbolsAt: number; postingsTableAt: number } {
    const { size } = this.#reader;
    const at = size - TOC_SIZE;
    if (at < HEADER_SIZE) throw corrupt(this.#path, size, "cut short");
    const bytes = this.#reader.read(at, TOC_SIZE);
    const reader = new ByteReader(bytes, this.#path, at);
    const places = Array.from({ length: 6 }, () => reader.u64());
    if (reader.u32() !== crc32c(bytes.subarray(0, TOC_SIZE - 4)))
      throw corrupt(this.#path, at, "the checksum of the table of contents does not match");
    return { symbolsAt: places[0] as number, postingsTableAt: places[5] as number };
  }

  /** The bytes of a section, whose checksum is right. */
  #section(at: number): ByteReader {
    const size = new ByteReader(this.#reader.read(at, 4), this.#path, at).u32();
    const bytes = this.#reader.read(at + 4, size + 4);
    if (bytes.length < size + 4) throw corrupt(this.#path, at, "a section is cut short");
    const content = bytes.subarray(0, size);
    const checksum = new ByteReader(bytes.subarray(size), this.#path, at + 4 + size).u32();
    if (checksum !== crc32c(content))
      throw corrupt(this.#path, at, "the checksum of a section does not match");
    return new ByteReader(content, this.#path, at + 4);
  }

  #readSymbols(at: number): Map<number, string> {
    const section = this.#section(at);
    const count = section.u32();
    const symbols = new Map<number, string>();
    for (let i = 0; i < count; i++) {
      const place = at + 4 + section.at;
      symbols.set(this.#version === 1 ? place : i, section.text());
    }
    return symbols;
  }

  /**
   * All series, in the order of their labels.
   * @throws OperatingError `disk.corrupt` with file and byte, `disk.failed`.
   */
  *series(): Generator<IndexedSeries, void, undefined> {
    if (this.seriesCount === 0) return;
    const window = new ReadWindow(this.#reader, WINDOW_SIZE);
    // Past the section's size and its count.
    let at = this.#allSeriesAt + 8;
    for (let left = this.seriesCount; left > 0; ) {
      const count = Math.min(left, REFERENCES_PER_READ);
      const references = new ByteReader(this.#reader.read(at, count * 4), this.#path, at);
      for (let i = 0; i < count; i++) yield this.#seriesAt(references.u32(), window);
      at += count * 4;
      left -= count;
    }
  }

  #seriesAt(reference: number, window: ReadWindow): IndexedSeries {
    const at = this.#version === 1 ? reference : reference * SERIES_ALIGNMENT;
    const head = new ByteReader(window.read(at, 10), this.#path, at);
    const size = head.uvarint();
    const bytes = window.read(at + head.at, size + 4);
    const reader = new ByteReader(bytes, this.#path, at + head.at);
    const content = reader.take(size);
    if (reader.u32() !== crc32c(content))
      throw corrupt(this.#path, at, "the checksum of a series does not match");
    reader.at = 0;
    const labels: Label[] = [];
    for (let left = reader.uvarint(); left > 0; left--) {
      const name = this.#symbol(reader);
      const value = this.#symbol(reader);
      if (value !== "") labels.push([name, value]);
    }
    return { reference, labels, chunks: readChunkPlaces(reader) };
  }

  #symbol(reader: ByteReader): string {
    const text = this.#symbols.get(reader.uvarint());
    if (text === undefined) throw reader.error("a symbol that there is not");
    return text;
  }

  close(): void {
    this.#reader.close();
  }
}

function readChunkPlaces(reader: ByteReader): ChunkPlace[] {
  const chunks: ChunkPlace[] = [];
  let maxMs = 0;
  let place = 0;
  for (let left = reader.uvarint(), first = true; left > 0; left--, first = false) {
    const minMs = first ? reader.varint() : maxMs + reader.uvarint();
    maxMs = minMs + reader.uvarint();
    place = first ? reader.uvarint() : place + reader.varint();
    chunks.push({ minMs, maxMs, file: Math.floor(place / 2 ** 32), offset: place % 2 ** 32 });
  }
  return chunks;
}

/** A stretch of a file in memory, for reads that go on from one another. */
export class ReadWindow {
  readonly #reader: DiskReader;
  readonly #size: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;

  constructor(reader: DiskReader, size: number) {
    this.#reader = reader;
    this.#size = size;
  }

  /** A view on some bytes, fewer at the end of the file; valid until the next call. */
  read(offset: number, length: number): Uint8Array {
    const end = this.#start + this.#bytes.length;
    if (offset < this.#start || offset + length > end) {
      this.#bytes = this.#reader.read(offset, Math.max(length, this.#size));
      this.#start = offset;
    }
    const from = offset - this.#start;
    return this.#bytes.subarray(from, from + length);
  }
}
