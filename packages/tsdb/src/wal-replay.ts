import type { Disk } from "@pharos/ports";
import { readSyncMark, type WalPosition } from "./wal-payload.ts";
import type { RecordKind } from "./wal-record.ts";
import { readSegment, readSegmentHeader, scanSegment, type WalDamage } from "./wal-scan.ts";
import { SEGMENT_HEADER_SIZE, type SegmentHeader } from "./wal-segment.ts";

/** What to do with one record. Answers what is wrong with it, or undefined. */
export type ReplayRecord = (
  kind: RecordKind,
  payload: Uint8Array,
  position: WalPosition,
) => string | undefined;

/** Where the log ends, and what of it could not be read. */
export interface ReplayEnd {
  /** The last segment that is there; 0 if there is none at all. */
  readonly segment: number;
  /** Where its last record ends, in bytes; 0 if nothing of it is whole. */
  readonly size: number;
  /** Whether the log may go on in the last segment, cut to `size`. Otherwise the next segment begins. */
  readonly continues: boolean;
  /** Where its last record is, if that says that all before it is on the device, as a clean close leaves it. */
  readonly endMark: WalPosition | undefined;
  /** The last segment that is known to be on the device as a whole. */
  readonly syncedThrough: number;
  /** What changed after it was on the device, and what contradicts itself. */
  readonly damages: readonly WalDamage[];
  /** What the last crash left of writes that were not on the device yet; a torn end among them, if there is one. */
  readonly unfinished: readonly WalDamage[];
  /** How many more such there are that an earlier start has reported. */
  readonly reportedCount: number;
}

/** The part of a segment that belongs to the log. */
interface LogPiece {
  readonly segment: number;
  readonly header: SegmentHeader | undefined;
  /** Where the next segment goes on from; Infinity for the last. */
  readonly endOffset: number;
}

/**
 * Reads the log's segments in order and hands out every record that is whole, whatever lies before it.
 *
 * What is not whole is one of two things. Where the bytes had been synced, something changed them. Where they had not,
 * it is what the last crash left of an unfinished write. A byte had been synced if something written later says so: a
 * sync mark, the header of a later segment, or the checkpoint (`syncedTo`). The loss of unfinished writes is reported
 * once: the next sync mark says that it was.
 *
 * @param segments those that are there and not before `first`, rising.
 * @throws OperatingError `disk.corrupt` where a newer version wrote something.
 */
export function replayWal(
  disk: Disk,
  segments: readonly number[],
  { first, syncedTo }: { readonly first: number; readonly syncedTo: WalPosition },
  replay: ReplayRecord,
): ReplayEnd {
  const damages: WalDamage[] = [];
  const contradictions: WalDamage[] = [];
  const reported = new Set<string>();
  let synced = syncedTo;
  let syncedThrough = first - 1;
  /** Where the last record that is whole ends. */
  let end: WalPosition = { segment: 0, offset: 0 };
  let endMark: WalPosition | undefined;
  const readRecord: ReplayRecord = (kind, payload, position) => {
    endMark = undefined;
    if (kind !== "syncMark") return replay(kind, payload, position);
    const mark = readSyncMark(payload);
    if (mark !== undefined && placeKey(mark) === placeKey(position)) endMark = position;
    if (mark !== undefined && isBefore(synced, mark)) synced = mark;
    for (const place of mark?.lost ?? []) reported.add(placeKey(place));
    return mark === undefined ? "a sync mark of a wrong size" : undefined;
  };

  const { pieces, missing } = planReplay(disk, segments, first, syncedTo.segment);
  damages.push(...missing);
  for (const { segment, header, endOffset } of pieces) {
    const bytes = readSegment(disk, segment, endOffset);
    if (header !== undefined) syncedThrough = Math.max(syncedThrough, header.syncedThrough);
    end = { segment, offset: header === undefined ? 0 : SEGMENT_HEADER_SIZE };
    for (const part of scanSegment(bytes, segment)) {
      if (part.status === "damaged") {
        const { offset, size, reason } = part;
        damages.push({ segment, offset, size, reason });
        continue;
      }
      const { position, payload } = part;
      end = { segment, offset: part.end };
      const reason = readRecord(part.kind, payload, position);
      // Its checksum is right, so this is no unfinished write, whether it had been synced or not.
      if (reason !== undefined)
        contradictions.push({ ...position, size: part.end - position.offset, reason });
    }
    if (Number.isFinite(endOffset) && bytes.length < endOffset) {
      const reason = `the last ${endOffset - bytes.length} bytes are missing`;
      damages.push({ segment, offset: bytes.length, size: 0, reason });
    }
  }
  return classify({ damages, contradictions, reported, synced, syncedThrough, end, endMark });
}

function classify(found: {
  readonly damages: readonly WalDamage[];
  readonly contradictions: readonly WalDamage[];
  readonly reported: ReadonlySet<string>;
  readonly synced: WalPosition;
  readonly syncedThrough: number;
  readonly end: WalPosition;
  readonly endMark: WalPosition | undefined;
}): ReplayEnd {
  const { contradictions, reported, synced, syncedThrough, end } = found;
  const unreported = found.damages.filter((damage) => !reported.has(placeKey(damage)));
  const wasSynced = (damage: WalDamage): boolean =>
    isBefore(damage, synced) || damage.segment <= syncedThrough;
  const damages = unreported.filter(wasSynced);
  const cutShort = isBefore(end, synced);
  if (cutShort && damages.every((damage) => isBefore(damage, end)))
    damages.push({ ...end, size: 0, reason: "the end is missing" });
  const headless = found.damages.some(
    ({ segment, offset }) => segment === end.segment && offset === 0,
  );
  return {
    segment: cutShort ? synced.segment : end.segment,
    size: end.offset,
    // Not at a place that something says to be synced already, and not in a file whose header is damaged.
    continues: !cutShort && !(headless && end.offset > 0),
    endMark: found.endMark,
    syncedThrough,
    damages: [...damages, ...contradictions],
    unfinished: unreported.filter((damage) => !wasSynced(damage)),
    reportedCount: found.damages.length - unreported.length,
  };
}

/** Which part of which segment belongs to the log, and which segments are not there. */
function planReplay(
  disk: Disk,
  segments: readonly number[],
  first: number,
  syncedSegment: number,
): { readonly pieces: readonly LogPiece[]; readonly missing: readonly WalDamage[] } {
  const pieces: LogPiece[] = [];
  const missing: WalDamage[] = [];
  let next: SegmentHeader | undefined;
  let nextSegment = Math.max(segments.at(-1) ?? first - 1, syncedSegment) + 1;
  const findMissing = (after: number): void => {
    const expected = next?.continues.segment ?? nextSegment - 1;
    for (let segment = Math.min(expected, nextSegment - 1); segment > after; segment--)
      missing.push({ segment, offset: 0, size: 0, reason: "the segment is missing" });
  };
  for (const segment of segments.toReversed()) {
    // What the next one does not go on from was written again in it.
    if (next !== undefined && next.continues.segment < segment) continue;
    findMissing(segment);
    const continued = next?.continues.segment === segment;
    const header = readSegmentHeader(disk, segment);
    const endOffset = continued ? next?.continues.offset : undefined;
    pieces.push({ segment, header, endOffset: endOffset ?? Number.POSITIVE_INFINITY });
    next = header;
    nextSegment = segment;
  }
  findMissing(first - 1);
  return { pieces: pieces.reverse(), missing: missing.reverse() };
}

function placeKey({ segment, offset }: WalPosition): string {
  return `${segment} ${offset}`;
}

/** Whether `a` comes before `b` in the log. */
export function isBefore(a: WalPosition, b: WalPosition): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset);
}
