import { OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import type { WalPosition } from "./wal-payload.ts";
import { decodeRecord, findRecord, type RecordKind } from "./wal-record.ts";
import {
  checkpointPath,
  decodeSegmentHeader,
  SEGMENT_HEADER_SIZE,
  type SegmentHeader,
  segmentPath,
} from "./wal-segment.ts";

/** Bytes of the log that say nothing any more. */
export interface WalDamage extends WalPosition {
  /** How many bytes were passed over; 0 where a file or its end is missing. */
  readonly size: number;
  readonly reason: string;
}

export type ScannedPart =
  | {
      readonly status: "record";
      readonly kind: RecordKind;
      readonly payload: Uint8Array;
      readonly position: WalPosition;
      readonly end: number;
    }
  | ({ readonly status: "damaged" } & WalDamage);

/**
 * The records of a segment or checkpoint in order, and what lies between them: after damage it goes on with the next
 * record that is whole. Its own header comes first, if that is damaged.
 *
 * @throws OperatingError `disk.corrupt` where a newer version of this program wrote something.
 */
export function* scanSegment(
  bytes: Uint8Array,
  segment: number,
  file: "segment" | "checkpoint" = "segment",
): Generator<ScannedPart> {
  const header = decodeSegmentHeader(file, bytes, segment);
  if (header.status === "unknown")
    throw newer(file, segment, `its format has version ${header.version}`);
  if (header.status === "damaged") {
    const size = Math.min(bytes.length, SEGMENT_HEADER_SIZE);
    yield { status: "damaged", segment, offset: 0, size, reason: header.reason };
  }
  for (let offset = SEGMENT_HEADER_SIZE; offset < bytes.length; ) {
    const decoded = decodeRecord(bytes, { segment, offset });
    if (decoded.status === "end") return;
    if (decoded.status === "unknown")
      throw newer(file, segment, `record kind ${decoded.kindNumber} at byte ${offset}`);
    const position = { segment, offset };
    if (decoded.status === "record") {
      yield { ...decoded, position };
      offset = decoded.end;
    } else {
      const end = decoded.end ?? findRecord(bytes, { segment, offset: offset + 1 });
      yield { status: "damaged", ...position, size: end - offset, reason: decoded.reason };
      offset = end;
    }
  }
}

/** The header of a segment, if it is whole. */
export function readSegmentHeader(disk: Disk, segment: number): SegmentHeader | undefined {
  const header = decodeSegmentHeader(
    "segment",
    readPiece(disk, segment, 0, SEGMENT_HEADER_SIZE),
    segment,
  );
  return header.status === "header" ? header : undefined;
}

/** The bytes of a segment up to `endOffset`. */
export function readSegment(disk: Disk, segment: number, endOffset: number): Uint8Array {
  return readPiece(disk, segment, 0, endOffset);
}

function readPiece(disk: Disk, segment: number, offset: number, length: number): Uint8Array {
  const reader = disk.openRead(segmentPath(segment));
  try {
    return reader.read(offset, Math.min(length, reader.size - offset));
  } finally {
    reader.close();
  }
}

/** The size of a segment's file. */
export function segmentFileSize(disk: Disk, segment: number): number {
  const reader = disk.openRead(segmentPath(segment));
  const { size } = reader;
  reader.close();
  return size;
}

/** A damage in words: where, what, how much. */
export function damageText(damage: WalDamage, path = segmentPath(damage.segment)): string {
  const { offset, size, reason } = damage;
  return `${path}, byte ${offset}: ${reason}${size === 0 ? "" : ` (${size} bytes)`}`;
}

function newer(file: "segment" | "checkpoint", number: number, what: string): OperatingError {
  const path = file === "segment" ? segmentPath(number) : checkpointPath(number);
  return new OperatingError(
    "disk.corrupt",
    `${path}: ${what}, which another version of Pharos wrote; start that version`,
  );
}
