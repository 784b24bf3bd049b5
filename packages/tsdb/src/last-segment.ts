import type { Disk, DiskWriter } from "@pharos/ports";
import type { SegmentList } from "./segment-list.ts";
import type { ReplayEnd } from "./wal-replay.ts";
import { segmentFileSize } from "./wal-scan.ts";
import { encodeSegmentHeader, segmentPath, WAL_DIRECTORY } from "./wal-segment.ts";

export interface WritableSegment {
  readonly number: number;
  readonly writer: DiskWriter;
}

/** Opens the segment the log ends in, cut to its whole records, or begins the next. */
export function openLastSegment(
  disk: Disk,
  segments: SegmentList,
  end: ReplayEnd,
  { first, nowMs }: { readonly first: number; readonly nowMs: number },
): WritableSegment {
  const last = end.segment === 0 ? first - 1 : end.segment;
  const number = end.continues && end.segment > 0 ? last : last + 1;
  const writer = disk.openAppend(segmentPath(number));
  const size = number === end.segment ? end.size : 0;
  if (writer.size > size) writer.truncate(size);
  if (size === 0) {
    const before = number - 1;
    const offset = segments.numbers.includes(before) ? segmentFileSize(disk, before) : 0;
    const syncedThrough = Math.max(0, Math.min(end.syncedThrough, before));
    const continues = { segment: before, offset };
    const header = { segment: number, syncedThrough, createdMs: nowMs, continues };
    writer.append([encodeSegmentHeader("segment", header)]);
  }
  if (!segments.numbers.includes(number)) segments.add(number, writer.size, nowMs);
  return { number, writer };
}

/** Syncs what the process before may have left unsynced, so that what was read once is there for good. */
export async function syncReplayed(
  disk: Disk,
  kept: readonly number[],
  current: WritableSegment,
  syncedThrough: number,
): Promise<void> {
  for (const segment of kept) {
    if (segment <= syncedThrough || segment === current.number) continue;
    const writer = disk.openAppend(segmentPath(segment));
    await writer.sync();
    writer.close();
  }
  await current.writer.sync();
  await disk.syncDirectory(WAL_DIRECTORY);
}
