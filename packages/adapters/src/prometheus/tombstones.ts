import type { Disk } from "@pharos/ports";
import { ByteReader, corrupt } from "./byte-reader.ts";
import { crc32c } from "./crc32c.ts";

// magic u32, version u8, (reference uvarint, first time varint, last time varint) x n, crc32c u32 over what is between
// the version and itself.
const MAGIC = 0x0130ba30;
const VERSION = 1;
const HEADER_SIZE = 5;

/** A stretch of time whose samples were deleted, both ends included. */
export interface DeletedRange {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * What was deleted from a block and is still in its chunks, by the references of series; empty without such a file.
 * @throws OperatingError `disk.corrupt`.
 */
export function readTombstones(
  disk: Disk,
  path: string,
): ReadonlyMap<number, readonly DeletedRange[]> {
  const deleted = new Map<number, DeletedRange[]>();
  if (!disk.exists(path)) return deleted;
  const bytes = disk.read(path);
  const header = new ByteReader(bytes, path);
  if (header.u32() !== MAGIC) throw corrupt(path, 0, "this is no file of tombstones");
  const version = header.u8();
  if (version !== VERSION) throw corrupt(path, 4, `tombstones of version ${version}; 1 is known`);
  if (bytes.length < HEADER_SIZE + 4) throw corrupt(path, bytes.length, "cut short");
  const content = bytes.subarray(HEADER_SIZE, bytes.length - 4);
  if (new ByteReader(bytes.subarray(-4), path).u32() !== crc32c(content))
    throw corrupt(path, bytes.length - 4, "the checksum does not match");
  const reader = new ByteReader(content, path, HEADER_SIZE);
  while (!reader.done) {
    const reference = reader.uvarint();
    const minMs = reader.varint();
    const maxMs = reader.varint();
    deleted.getOrInsertComputed(reference, () => []).push({ minMs, maxMs });
  }
  return deleted;
}

/** Whether a sample at this time was deleted. */
export function isDeleted(ranges: readonly DeletedRange[], timeMs: number): boolean {
  return ranges.some(({ minMs, maxMs }) => timeMs >= minMs && timeMs <= maxMs);
}
