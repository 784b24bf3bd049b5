import { crc32 } from "node:zlib";
import { assert } from "@pharos/base";
import type { WalPosition } from "./wal-payload.ts";

// One record of the write-ahead log and of checkpoints, little-endian. A payload is never empty, so that the zeros which
// some file systems leave after a crash cannot pass for a record.
//
//   | payload size u32 | payload crc32 u32 | kind u8 | header crc32 u32 | payload ... |
//
// The header's checksum covers the nine bytes before it, the segment's number and the record's offset in the file. So a
// damaged payload costs its own record only, since the header still says where the next one begins; after a damaged
// header the next one is found by its checksum; and bytes that look like a record, such as a label's value or a block of
// another file, are none where they stand.
//
// What the payloads hold is drawn in docs/formats/wal.md and written in wal-payload.ts and its neighbours.
export const RECORD_HEADER_SIZE = 13;
/** More than the largest batch takes (see COLUMNS_MAX in head.ts); a larger size read from a file is damage. */
export const PAYLOAD_SIZE_MAX = 64 * 1024 * 1024;

/** On disk for ever: never renumber. 5 and 10 were something before there was a release. */
export const RECORD_KINDS = {
  series: 1,
  samples: 2,
  syncMark: 3,
  checkpointStart: 4,
  checkpointEnd: 6,
  histograms: 7,
  exemplars: 8,
  metadata: 9,
  checkpointSeries: 11,
  starts: 12,
} as const;
export type RecordKind = keyof typeof RECORD_KINDS;

/** Kinds that newer versions may write are below this; it keeps the search for a header fast. */
const KIND_NUMBER_MAX = 63;

const KIND_OF = new Map<number, RecordKind>(
  Object.entries(RECORD_KINDS).map(([kind, number]) => [number, kind as RecordKind]),
);

/** What is to be written: the payload in parts, which are written in order and not copied. */
export interface WalRecord {
  readonly kind: RecordKind;
  readonly payload: readonly Uint8Array[];
}

export type DecodedRecord =
  | {
      readonly status: "record";
      readonly kind: RecordKind;
      readonly payload: Uint8Array;
      readonly end: number;
    }
  /** Nothing follows. */
  | { readonly status: "end" }
  /**
   * Bytes that are no record: what a crash left half-written, or what changed after it was written. `end` is where the
   * next record begins, or undefined where the header does not tell.
   */
  | { readonly status: "damaged"; readonly reason: string; readonly end: number | undefined }
  /** Whole, but of a kind that a newer version of this program wrote. Must never be passed over. */
  | { readonly status: "unknown"; readonly kindNumber: number };

/** The size of a record in the file. */
export function recordSize({ payload }: WalRecord): number {
  return payload.reduce((size, part) => size + part.length, RECORD_HEADER_SIZE);
}

/** The parts of a record that will stand at a place: its header, then the payload's own parts. */
export function recordParts(record: WalRecord, place: WalPosition): Uint8Array[] {
  const { kind, payload } = record;
  const size = recordSize(record) - RECORD_HEADER_SIZE;
  assert(size >= 1, "a record carries something");
  assert(size <= PAYLOAD_SIZE_MAX, () => `payload of ${size} bytes`);
  const header = new Uint8Array(RECORD_HEADER_SIZE);
  const view = new DataView(header.buffer);
  view.setUint32(0, size, true);
  view.setUint32(
    4,
    payload.reduce((checksum, part) => crc32(part, checksum), 0),
    true,
  );
  view.setUint8(8, RECORD_KINDS[kind]);
  view.setUint32(9, headerChecksum(header, 0, place), true);
  return [header, ...payload];
}

/** The bytes of records that follow one another from a place on. */
export function placeRecords(
  records: readonly WalRecord[],
  { segment, offset }: WalPosition,
): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = offset;
  for (const record of records) {
    for (const part of recordParts(record, { segment, offset: at })) parts.push(part);
    at += recordSize(record);
  }
  return parts;
}

interface RecordHeader {
  readonly kindNumber: number;
  readonly payloadSize: number;
  readonly payloadChecksum: number;
}

/**
 * The header at `at` of the bytes, if it is one for that place of the log; its payload may not be there.
 *
 * @param bytes a piece of a segment that begins before `place`.
 */
export function decodeRecordHeader(
  bytes: Uint8Array,
  at: number,
  place: WalPosition,
): RecordHeader | undefined {
  if (bytes.length - at < RECORD_HEADER_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, RECORD_HEADER_SIZE);
  if (view.getUint32(9, true) !== headerChecksum(bytes, at, place)) return undefined;
  const payloadSize = view.getUint32(0, true);
  if (payloadSize === 0 || payloadSize > PAYLOAD_SIZE_MAX) return undefined;
  return {
    kindNumber: view.getUint8(8),
    payloadSize,
    payloadChecksum: view.getUint32(4, true),
  };
}

/**
 * Reads the record that starts at `offset` of a segment.
 *
 * @param bytes the segment from its byte `base` on.
 */
export function decodeRecord(
  bytes: Uint8Array,
  { segment, offset }: WalPosition,
  base = 0,
): DecodedRecord {
  const at = offset - base;
  assert(at >= 0 && at <= bytes.length, "the offset is within the bytes");
  if (at === bytes.length) return { status: "end" };
  const header = decodeRecordHeader(bytes, at, { segment, offset });
  if (header === undefined) {
    const reason =
      bytes.length - at < RECORD_HEADER_SIZE
        ? "the record header is cut short"
        : "the record header's checksum does not match";
    return { status: "damaged", reason, end: undefined };
  }
  const from = at + RECORD_HEADER_SIZE;
  const to = from + header.payloadSize;
  if (to > bytes.length)
    return { status: "damaged", reason: "the payload is cut short", end: base + bytes.length };
  const payload = bytes.subarray(from, to);
  const end = base + to;
  if (crc32(payload) !== header.payloadChecksum)
    return { status: "damaged", reason: "the checksum does not match", end };
  const kind = KIND_OF.get(header.kindNumber);
  if (kind === undefined) return { status: "unknown", kindNumber: header.kindNumber };
  return { status: "record", kind, payload, end };
}

/** The offset of the first record header at `offset` or later; the end of the bytes if there is none. */
export function findRecord(bytes: Uint8Array, { segment, offset }: WalPosition, base = 0): number {
  for (let at = offset - base; at + RECORD_HEADER_SIZE < bytes.length; at++) {
    // Most places fail here, before the costly checksum.
    const kindNumber = bytes[at + 8] as number;
    if (kindNumber === 0 || kindNumber > KIND_NUMBER_MAX) continue;
    if ((bytes[at + 3] as number) > PAYLOAD_SIZE_MAX >>> 24) continue;
    if (decodeRecordHeader(bytes, at, { segment, offset: base + at }) !== undefined)
      return base + at;
  }
  return base + bytes.length;
}

const COVERED = new Uint8Array(17);
const COVERED_VIEW = new DataView(COVERED.buffer);

function headerChecksum(bytes: Uint8Array, at: number, { segment, offset }: WalPosition): number {
  COVERED.set(bytes.subarray(at, at + 9));
  COVERED_VIEW.setUint32(9, segment, true);
  COVERED_VIEW.setUint32(13, offset, true);
  return crc32(COVERED);
}
