import { crc32 } from "node:zlib";
import { assert } from "@pharos/base";

// One record of the write-ahead log and of checkpoints, little-endian. The checksum covers kind and payload. A payload
// is never empty, so that the zeros which some file systems leave after a crash cannot pass for a record.
//
//   | payload size u32 | crc32 u32 | kind u8 | payload ... |
//
// What the payloads hold is drawn in docs/formats/wal.md and written in wal-payload.ts.
export const RECORD_HEADER_SIZE = 9;
/** More than the largest batch takes (see COLUMNS_MAX in head.ts); a larger size read from a file is damage. */
export const PAYLOAD_SIZE_MAX = 64 * 1024 * 1024;

/** On disk for ever: never renumber. */
export const RECORD_KINDS = {
  series: 1,
  samples: 2,
  syncMark: 3,
  checkpointStart: 4,
  checkpointSeries: 5,
  checkpointEnd: 6,
} as const;
export type RecordKind = keyof typeof RECORD_KINDS;

const KIND_OF = new Map<number, RecordKind>(
  Object.entries(RECORD_KINDS).map(([kind, number]) => [number, kind as RecordKind]),
);

export type DecodedRecord =
  | {
      readonly status: "record";
      readonly kind: RecordKind;
      readonly payload: Uint8Array;
      readonly end: number;
    }
  /** Nothing follows. */
  | { readonly status: "end" }
  /** Bytes that are no record: what a crash left half-written, or what changed after it was written. */
  | { readonly status: "damaged"; readonly reason: string }
  /** Whole, but of a kind that a newer version of this program wrote. Must never be cut off. */
  | { readonly status: "unknown"; readonly kindNumber: number };

/** The parts of one record, to be written in order: its header, then the payload's own parts, not copied. */
export function recordParts(kind: RecordKind, payload: readonly Uint8Array[]): Uint8Array[] {
  const header = new Uint8Array(RECORD_HEADER_SIZE);
  header[8] = RECORD_KINDS[kind];
  let size = 0;
  let checksum = crc32(header.subarray(8));
  for (const part of payload) {
    size += part.length;
    checksum = crc32(part, checksum);
  }
  assert(size >= 1, "a record carries something");
  assert(size <= PAYLOAD_SIZE_MAX, () => `payload of ${size} bytes`);
  const view = new DataView(header.buffer);
  view.setUint32(0, size, true);
  view.setUint32(4, checksum, true);
  return [header, ...payload];
}

/** Reads the record that starts at `offset` of a file's bytes. */
export function decodeRecord(bytes: Uint8Array, offset: number): DecodedRecord {
  assert(offset <= bytes.length, "the offset is within the file");
  if (offset === bytes.length) return { status: "end" };
  const damaged = (reason: string): DecodedRecord => ({ status: "damaged", reason });
  if (bytes.length - offset < RECORD_HEADER_SIZE) return damaged("the record header is cut short");
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
  const size = view.getUint32(0, true);
  if (size === 0 || size > PAYLOAD_SIZE_MAX) return damaged(`a payload size of ${size}`);
  const end = offset + RECORD_HEADER_SIZE + size;
  if (end > bytes.length) return damaged("the payload is cut short");
  if (view.getUint32(4, true) !== crc32(bytes.subarray(offset + 8, end)))
    return damaged("the checksum does not match");
  const kindNumber = view.getUint8(8);
  const kind = KIND_OF.get(kindNumber);
  if (kind === undefined) return { status: "unknown", kindNumber };
  return { status: "record", kind, payload: bytes.subarray(offset + RECORD_HEADER_SIZE, end), end };
}
