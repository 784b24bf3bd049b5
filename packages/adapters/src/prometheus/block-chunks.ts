import type { Disk, DiskReader } from "@pharos/ports";
import { type ChunkPlace, ReadWindow } from "./block-index.ts";
import { ByteReader, corrupt } from "./byte-reader.ts";
import { crc32c } from "./crc32c.ts";

// A file of chunks, big-endian: magic, version, then chunks, one after another:
//
//   | data size uvarint | encoding u8 | data ... | crc32c u32 |
//
// with the checksum over the encoding and the data.
const MAGIC = 0x85bd40dd;
const VERSION = 1;
const HEADER_SIZE = 8;
const SIZE_SIZE_MAX = 5;
const CHECKSUM_SIZE = 4;

/** What a chunk is taken to have where nothing says how long it is; more is read where it has more. */
const CHUNK_SIZE_GUESS = 1024;
/** Chunks so close together are read in one go. */
const READ_SIZE_MAX = 4 * 1024 * 1024;

/** Encodings as files have them. */
export const CHUNK_XOR = 1;

/** What else there may be, in words. */
export function encodingName(encoding: number): string {
  if (encoding === 2) return "native histograms";
  if (encoding === 3) return "native float histograms";
  return `samples of chunk encoding ${encoding}`;
}

export interface StoredChunk {
  readonly encoding: number;
  /** A view, valid until the next chunk is read. */
  readonly data: Uint8Array;
}

/** The files of chunks of one of Prometheus's blocks. */
export class BlockChunks {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #names: readonly string[];
  readonly #open = new Map<number, { reader: DiskReader; path: string }>();

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
    this.#names = disk.list(directory).filter((name) => /^\d+$/.test(name));
  }

  /**
   * Some chunks of a series, in order; chunks that lie together are read together.
   * @throws OperatingError `disk.corrupt` with file and byte, `disk.failed`.
   */
  *read(places: readonly ChunkPlace[]): Generator<StoredChunk, void, undefined> {
    for (let from = 0; from < places.length; ) {
      const first = places[from] as ChunkPlace;
      let to = from + 1;
      for (; to < places.length; to++) {
        const { file, offset } = places[to] as ChunkPlace;
        const distance = offset - first.offset;
        if (file !== first.file || distance < 0 || distance > READ_SIZE_MAX) break;
      }
      const last = places[to - 1] as ChunkPlace;
      const { reader, path } = this.#file(first.file);
      const window = new ReadWindow(reader, last.offset - first.offset + CHUNK_SIZE_GUESS);
      for (; from < to; from++) yield readChunk(window, path, (places[from] as ChunkPlace).offset);
    }
  }

  #file(number: number): { reader: DiskReader; path: string } {
    const before = this.#open.get(number);
    if (before !== undefined) return before;
    const name = this.#names[number];
    if (name === undefined)
      throw corrupt(this.#directory, 0, `chunk file ${number + 1} is missing`);
    const path = `${this.#directory}/${name}`;
    const reader = this.#disk.openRead(path);
    const file = { reader, path };
    this.#open.set(number, file);
    const header = new ByteReader(reader.read(0, HEADER_SIZE), path);
    if (header.u32() !== MAGIC) throw corrupt(path, 0, "this is no file of chunks");
    const version = header.u8();
    if (version !== VERSION)
      throw corrupt(path, 4, `version ${version} of chunk files; 1 is known`);
    return file;
  }

  close(): void {
    for (const { reader } of this.#open.values()) reader.close();
  }
}

function readChunk(window: ReadWindow, path: string, offset: number): StoredChunk {
  const head = new ByteReader(window.read(offset, SIZE_SIZE_MAX), path, offset);
  const dataSize = head.uvarint();
  const at = offset + head.at;
  const bytes = window.read(at, 1 + dataSize + CHECKSUM_SIZE);
  if (bytes.length < 1 + dataSize + CHECKSUM_SIZE)
    throw corrupt(path, offset, "a chunk is cut short");
  const checksum = new ByteReader(bytes.subarray(1 + dataSize), path, at).u32();
  if (checksum !== crc32c(bytes.subarray(0, 1 + dataSize)))
    throw corrupt(path, offset, "the checksum of a chunk does not match");
  return { encoding: bytes[0] as number, data: bytes.subarray(1, 1 + dataSize) };
}
