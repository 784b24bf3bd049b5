import { zstdDecompressSync } from "node:zlib";
import { OperatingError, UNPACKED_SIZE_MAX, unpackSnappy } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import { ReadWindow } from "./block-index.ts";
import { corrupt } from "./byte-reader.ts";
import { crc32c } from "./crc32c.ts";

// A segment is pages of 32 KiB. A page has fragments of records, and zeros where no header fits any more:
//
//   | kind u8 | data size u16 | crc32c of the data u32 | data ... |
//
// The kind's lowest 3 bits say which part of a record it is, the next two how the record is compressed.
const PAGE_SIZE = 32 * 1024;
const HEADER_SIZE = 7;
const PART_MASK = 7;
const SNAPPY = 8;
const ZSTD = 16;
const NOTHING = 0;
const FULL = 1;
const FIRST = 2;
const LAST = 4;
const READ_SIZE = 32 * PAGE_SIZE;

/** The segments in a folder of Prometheus's log, in order; of them only those from `first` on. */
export function listSegments(disk: Disk, directory: string, first = 0): string[] {
  return disk
    .list(directory)
    .filter((name) => /^\d+$/.test(name) && Number(name) >= first)
    .sort((a, b) => Number(a) - Number(b))
    .map((name) => `${directory}/${name}`);
}

/** A record and where it begins. The bytes are valid until the next record. */
export interface LogRecord {
  readonly bytes: Uint8Array;
  readonly path: string;
  readonly offset: number;
}

/**
 * The records of some segments. What ends in the middle of a record at the end of the last one was being written when
 * Prometheus stopped, and is left out, as Prometheus itself does.
 *
 * @throws OperatingError `disk.corrupt` with file and byte, `disk.failed`.
 */
export function* readRecords(
  disk: Disk,
  paths: readonly string[],
): Generator<LogRecord, void, undefined> {
  for (const path of paths) yield* readSegment(disk, path, path === paths.at(-1));
}

function* readSegment(
  disk: Disk,
  path: string,
  isLast: boolean,
): Generator<LogRecord, void, undefined> {
  const reader = disk.openRead(path);
  try {
    const { size } = reader;
    const window = new ReadWindow(reader, READ_SIZE);
    const parts: Uint8Array[] = [];
    let start = 0;
    for (let at = 0; at < size; ) {
      const pageEnd = (Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE;
      const header = window.read(at, HEADER_SIZE);
      const kind = header[0] as number;
      if ((kind & PART_MASK) === NOTHING || pageEnd - at < HEADER_SIZE) {
        if (window.read(at, pageEnd - at).some((byte) => byte !== 0))
          throw corrupt(path, at, "bytes of a page of the log that has no more records");
        at = pageEnd;
        continue;
      }
      const view = new DataView(header.buffer, header.byteOffset, header.length);
      const isCut = header.length < HEADER_SIZE || at + HEADER_SIZE + view.getUint16(1) > size;
      if (isCut && isLast) return;
      if (isCut) throw corrupt(path, at, "a record of the log is cut short");
      const [dataSize, checksum] = [view.getUint16(1), view.getUint32(3)];
      if (at + HEADER_SIZE + dataSize > pageEnd)
        throw corrupt(path, at, "a record of the log reaches beyond its page");
      const data = window.read(at + HEADER_SIZE, dataSize);
      if (checksum !== crc32c(data))
        throw corrupt(path, at, "the checksum of a record of the log does not match");
      const part = kind & PART_MASK;
      const begins = part === FULL || part === FIRST;
      if (part > LAST || begins !== (parts.length === 0))
        throw corrupt(path, at, "the parts of a record of the log are not in order");
      if (begins) start = at;
      at += HEADER_SIZE + dataSize;
      if (part === FULL) {
        yield { bytes: unpacked(data, kind, path, start), path, offset: start };
        continue;
      }
      parts.push(data.slice());
      if (part !== LAST) continue;
      yield { bytes: unpacked(Buffer.concat(parts), kind, path, start), path, offset: start };
      parts.length = 0;
    }
    if (parts.length > 0 && !isLast) throw corrupt(path, start, "a record of the log has no end");
  } finally {
    reader.close();
  }
}

function unpacked(data: Uint8Array, kind: number, path: string, offset: number): Uint8Array {
  if ((kind & SNAPPY) !== 0) {
    const bytes = unpackSnappy(data);
    if (typeof bytes === "string") throw corrupt(path, offset, bytes);
    return bytes;
  }
  if ((kind & ZSTD) === 0) return data;
  try {
    return zstdDecompressSync(data, { maxOutputLength: UNPACKED_SIZE_MAX });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatingError("disk.corrupt", `${path}, byte ${offset}: zstd: ${reason}`, {
      cause: error,
    });
  }
}
