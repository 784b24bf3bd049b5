import type { Disk } from "@pharos/ports";
import { ReadWindow } from "./block-index.ts";
import { ByteReader, corrupt } from "./byte-reader.ts";
import { crc32c } from "./crc32c.ts";

// A file of chunks that were full while their samples were in memory, big-endian: magic, version, then
//
//   | series u64 | first time i64 | last time i64 | encoding u8 | data size uvarint | data ... | crc32c u32 |
//
// with the checksum over all before it, and zeros where nothing was written yet.
const MAGIC = 0x0130bc91;
const VERSION = 1;
const FILE_HEADER_SIZE = 8;
const HEADER_SIZE = 25;
const SIZE_SIZE_MAX = 5;
const CHECKSUM_SIZE = 4;
const READ_SIZE = 1024 * 1024;
/** Set in the encoding of chunks whose samples came late. */
const LATE = 0x80;

export interface HeadChunk {
  readonly reference: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly encoding: number;
  readonly isLate: boolean;
  /** A view, valid until the next chunk. */
  readonly data: Uint8Array;
  readonly path: string;
  readonly offset: number;
}

/**
 * The chunks in Prometheus's folder `chunks_head`, in order.
 * @throws OperatingError `disk.corrupt` with file and byte, `disk.failed`.
 */
export function* readHeadChunks(
  disk: Disk,
  directory: string,
): Generator<HeadChunk, void, undefined> {
  const names = disk.list(directory).filter((name) => /^\d+$/.test(name));
  for (const name of names) yield* readFile(disk, `${directory}/${name}`, name === names.at(-1));
}

function* readFile(
  disk: Disk,
  path: string,
  isLast: boolean,
): Generator<HeadChunk, void, undefined> {
  const reader = disk.openRead(path);
  try {
    const { size } = reader;
    // A file that was only just begun.
    if (size < FILE_HEADER_SIZE && isLast) return;
    const header = new ByteReader(reader.read(0, FILE_HEADER_SIZE), path);
    const magic = header.u32();
    if (magic === 0 && isLast) return;
    if (magic !== MAGIC) throw corrupt(path, 0, "this is no file of head chunks");
    const version = header.u8();
    if (version !== VERSION)
      throw corrupt(path, 4, `head chunks of version ${version}; 1 is known`);
    const window = new ReadWindow(reader, READ_SIZE);
    for (let at = FILE_HEADER_SIZE; at + HEADER_SIZE < size; ) {
      const offset = at;
      const head = new ByteReader(window.read(at, HEADER_SIZE + SIZE_SIZE_MAX), path, at);
      const reference = head.u64();
      const minMs = head.i64();
      const maxMs = head.i64();
      const encoding = head.u8();
      if (reference === 0 && minMs === 0 && maxMs === 0) return;
      const dataSize = head.uvarint();
      const headSize = head.at;
      const bytes = window.read(at, headSize + dataSize + CHECKSUM_SIZE);
      if (bytes.length < headSize + dataSize + CHECKSUM_SIZE) {
        // It was being written when Prometheus stopped; the log has its samples.
        if (isLast) return;
        throw corrupt(path, at, "a chunk is cut short");
      }
      const checksum = new ByteReader(bytes.subarray(headSize + dataSize), path, at).u32();
      if (checksum !== crc32c(bytes.subarray(0, headSize + dataSize)))
        throw corrupt(path, at, "the checksum of a chunk does not match");
      at += bytes.length;
      const data = bytes.subarray(headSize, headSize + dataSize);
      const isLate = (encoding & LATE) !== 0;
      yield {
        ...{ reference, minMs, maxMs, isLate, data, path, offset },
        encoding: encoding & ~LATE,
      };
    }
  } finally {
    reader.close();
  }
}
