import { crc32 } from "node:zlib";
import { OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import { readSyncMark, SYNC_MARK_SIZE, type WalPosition } from "./wal-payload.ts";
import { decodeRecord, RECORD_HEADER_SIZE, RECORD_KINDS, type RecordKind } from "./wal-record.ts";
import { decodeSegmentHeader, SEGMENT_HEADER_SIZE, segmentPath } from "./wal-segment.ts";

/** What to do with one record. Answers what is wrong with it, or undefined. */
export type ReplayRecord = (
  kind: RecordKind,
  payload: Uint8Array,
  position: WalPosition,
) => string | undefined;

/** Where the log ends. What comes after, if anything, is a write that a crash left unfinished. */
export interface ReplayEnd {
  /** The segment to go on with. 0 if there is none at all. */
  readonly segment: number;
  /** Where it ends, in bytes; 0 if not even its header is whole. */
  readonly size: number;
  /** The size its file has. */
  readonly fileSize: number;
  /** Later segments, to be removed. */
  readonly surplus: readonly number[];
  /** The last segment that is known to be on the device as a whole. */
  readonly syncedThrough: number;
  /** The damage that was cut off because `repair` asked for it. */
  readonly repaired: string | undefined;
}

interface Damage {
  readonly segment: number;
  readonly offset: number;
  readonly reason: string;
}

/**
 * Reads the log's segments in order and hands out every record.
 *
 * Damage is one of two things. Where the bytes had been synced, something changed them: that is reported, unless
 * `repair` says to cut there. Where they had not, it is what the last crash left of an unfinished write, and the log
 * ends there. A byte had been synced if something written later says so: a sync mark, the header of a later segment,
 * or the checkpoint (`syncedTo`).
 *
 * @throws OperatingError `disk.corrupt` with segment, offset and reason.
 */
export function replayWal(
  disk: Disk,
  segments: readonly number[],
  { first, syncedTo, repair }: { first: number; syncedTo: WalPosition; repair: boolean },
  replay: ReplayRecord,
): ReplayEnd {
  let expected = first;
  let syncedThrough = first - 1;
  let size = 0;
  for (const segment of segments) {
    const bytes = readSegment(disk, segment);
    const at = { segment: expected, offset: 0 };
    const damage =
      segment === expected
        ? replaySegment(bytes, segment, replay)
        : { ...at, reason: "the segment is missing" };
    if (damage !== undefined) {
      const synced = isBefore(damage, syncedTo) || laterSaysSynced(disk, segments, damage);
      if (synced && !repair) throw corrupt(damage);
      const repaired = synced ? corrupt(damage).message : undefined;
      if (damage.segment !== segment) {
        // The missing segment's place is taken by a new one.
        const surplus = segments.filter((other) => other >= segment);
        const { segment: missing } = damage;
        return { segment: missing, size: 0, fileSize: 0, surplus, syncedThrough, repaired };
      }
      const surplus = segments.filter((other) => other > segment);
      const { offset } = damage;
      const fileSize = bytes.length;
      return { segment, size: offset, fileSize, surplus, syncedThrough, repaired };
    }
    const header = decodeSegmentHeader("segment", bytes, segment);
    if (header.status === "header") syncedThrough = Math.max(syncedThrough, header.syncedThrough);
    size = bytes.length;
    expected = segment + 1;
  }
  const segment = segments.at(-1) ?? 0;
  if (segment === 0 && isBefore({ segment: first, offset: 0 }, syncedTo))
    throw corrupt({ segment: first, offset: 0, reason: "the segment is missing" });
  return { segment, size, fileSize: size, surplus: [], syncedThrough, repaired: undefined };
}

function readSegment(disk: Disk, segment: number): Uint8Array {
  const reader = disk.openRead(segmentPath(segment));
  try {
    return reader.read(0, reader.size);
  } finally {
    reader.close();
  }
}

/** Replays one segment to its end, or to the first damage in it. */
function replaySegment(
  bytes: Uint8Array,
  segment: number,
  replay: ReplayRecord,
): Damage | undefined {
  const header = decodeSegmentHeader("segment", bytes, segment);
  if (header.status === "unknown") throw newer(segment, `its format has version ${header.version}`);
  if (header.status === "damaged") return { segment, offset: 0, reason: header.reason };
  for (let offset = SEGMENT_HEADER_SIZE; ; ) {
    const decoded = decodeRecord(bytes, offset);
    switch (decoded.status) {
      case "end":
        return undefined;
      case "unknown":
        throw newer(segment, `record kind ${decoded.kindNumber} at byte ${offset}`);
      case "damaged":
        return { segment, offset, reason: decoded.reason };
      case "record": {
        const reason = replay(decoded.kind, decoded.payload, { segment, offset });
        // Its checksum is right, so this is no unfinished write, whether it had been synced or not.
        if (reason !== undefined) throw corrupt({ segment, offset, reason });
        offset = decoded.end;
      }
    }
  }
}

function laterSaysSynced(disk: Disk, segments: readonly number[], damage: Damage): boolean {
  for (const segment of segments) {
    if (segment < damage.segment) continue;
    const bytes = readSegment(disk, segment);
    const header = decodeSegmentHeader("segment", bytes, segment);
    if (segment > damage.segment && header.status === "header")
      if (header.syncedThrough >= damage.segment) return true;
    const from = segment === damage.segment ? damage.offset : SEGMENT_HEADER_SIZE;
    for (const mark of findSyncMarks(bytes, from)) if (isBefore(damage, mark)) return true;
  }
  return false;
}

/** Every sync mark from `start` on, found by its form and checksum, since after damage nothing tells where records begin. */
function* findSyncMarks(bytes: Uint8Array, start: number): Generator<WalPosition> {
  const markEnd = RECORD_HEADER_SIZE + SYNC_MARK_SIZE;
  for (
    let at = bytes.indexOf(SYNC_MARK_SIZE, start);
    at >= 0;
    at = bytes.indexOf(SYNC_MARK_SIZE, at + 1)
  ) {
    if (at + markEnd > bytes.length) return;
    if (bytes[at + 8] !== RECORD_KINDS.syncMark) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    if (view.getUint32(0, true) !== SYNC_MARK_SIZE) continue;
    if (view.getUint32(4, true) !== crc32(bytes.subarray(at + 8, at + markEnd))) continue;
    const mark = readSyncMark(bytes.subarray(at + RECORD_HEADER_SIZE, at + markEnd));
    if (mark !== undefined) yield mark;
  }
}

/** Whether `a` comes before `b` in the log. */
export function isBefore(a: WalPosition, b: WalPosition): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset);
}

function corrupt({ segment, offset, reason }: Damage): OperatingError {
  return new OperatingError(
    "disk.corrupt",
    `${segmentPath(segment)}, byte ${offset}: ${reason}. Samples after this place cannot be read; ` +
      "start once with --repair-wal to cut the log there and lose them",
  );
}

function newer(segment: number, what: string): OperatingError {
  return new OperatingError(
    "disk.corrupt",
    `${segmentPath(segment)}: ${what}, which a newer version wrote; start that version`,
  );
}
