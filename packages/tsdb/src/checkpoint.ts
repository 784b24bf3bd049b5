import { OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import {
  type CheckpointSeries,
  type CheckpointStart,
  checkpointEndPayload,
  checkpointSeriesPayload,
  checkpointStartPayload,
  readCheckpointEnd,
  readCheckpointSeries,
  readCheckpointStart,
} from "./wal-payload.ts";
import { decodeRecord, recordParts } from "./wal-record.ts";
import {
  checkpointPath,
  decodeSegmentHeader,
  encodeSegmentHeader,
  readWalNames,
  SEGMENT_HEADER_SIZE,
  WAL_DIRECTORY,
} from "./wal-segment.ts";

/** What the segments before it would have said: every live series, and what is in blocks. */
export interface Checkpoint extends CheckpointStart {
  readonly series: readonly CheckpointSeries[];
}

/** How many series go into one record, so that no record gets near its size limit. */
const RECORD_SERIES_MAX = 512;

/**
 * Writes a checkpoint beside the one in force, and puts it in force. When this resolves it survives a power loss; when
 * it throws, either is in force.
 *
 * @param pause awaited between parts, so that others get their turn; series may come and go meanwhile.
 * @throws OperatingError `disk.full`, `disk.failed`.
 */
export async function writeCheckpoint(
  disk: Disk,
  start: CheckpointStart,
  series: Iterable<CheckpointSeries>,
  pause: () => Promise<void>,
): Promise<void> {
  const path = checkpointPath(start.firstSegment);
  const temporary = `${path}.tmp`;
  disk.remove(temporary);
  const writer = disk.openAppend(temporary);
  try {
    const segment = start.firstSegment;
    writer.append([
      encodeSegmentHeader("checkpoint", { segment, syncedThrough: segment }),
      ...recordParts("checkpointStart", checkpointStartPayload(start)),
    ]);
    let seriesCount = 0;
    for (const list of batchesOf(series, RECORD_SERIES_MAX)) {
      writer.append(recordParts("checkpointSeries", checkpointSeriesPayload(list)));
      seriesCount += list.length;
      await pause();
    }
    writer.append(recordParts("checkpointEnd", checkpointEndPayload(seriesCount)));
    await writer.sync();
  } finally {
    writer.close();
  }
  disk.rename(temporary, path);
  await disk.syncDirectory(WAL_DIRECTORY);
}

/** Removes unfinished checkpoints and those older than the one in force. */
export function removeOldCheckpoints(disk: Disk, firstSegment: number): void {
  for (const name of disk.list(WAL_DIRECTORY))
    if (name.endsWith(".tmp")) disk.remove(`${WAL_DIRECTORY}/${name}`);
  for (const number of readWalNames(disk.list(WAL_DIRECTORY)).checkpoints)
    if (number < firstSegment) disk.remove(checkpointPath(number));
}

/** The checkpoint in force. @throws OperatingError `disk.corrupt`. */
export function readCheckpoint(disk: Disk): Checkpoint | undefined {
  const number = readWalNames(disk.list(WAL_DIRECTORY)).checkpoints.at(-1);
  if (number === undefined) return undefined;
  const path = checkpointPath(number);
  const corrupt = (offset: number, reason: string): OperatingError =>
    new OperatingError("disk.corrupt", `${path}, byte ${offset}: ${reason}`);
  const bytes = disk.read(path);
  const header = decodeSegmentHeader("checkpoint", bytes, number);
  if (header.status === "unknown") throw corrupt(0, `format version ${header.version}, not known`);
  if (header.status === "damaged") throw corrupt(0, header.reason);

  let start: CheckpointStart | undefined;
  const series: CheckpointSeries[] = [];
  for (let offset = SEGMENT_HEADER_SIZE; ; ) {
    const decoded = decodeRecord(bytes, offset);
    // It was synced before it got its name: here nothing is an unfinished write.
    if (decoded.status === "end") throw corrupt(offset, "the end is missing");
    if (decoded.status === "damaged") throw corrupt(offset, decoded.reason);
    if (decoded.status === "unknown") throw corrupt(offset, `record kind ${decoded.kindNumber}`);
    if (decoded.kind === "checkpointStart") start = readCheckpointStart(decoded.payload);
    else if (decoded.kind === "checkpointSeries") {
      const list = readCheckpointSeries(decoded.payload);
      if (list === undefined) throw corrupt(offset, "a record that contradicts itself");
      for (const one of list) series.push(one);
    } else if (decoded.kind === "checkpointEnd") {
      const count = readCheckpointEnd(decoded.payload);
      if (start === undefined || count !== series.length)
        throw corrupt(offset, `${series.length} series, but ${count} were written`);
      return { ...start, series };
    } else throw corrupt(offset, `a ${decoded.kind} record does not belong here`);
    offset = decoded.end;
  }
}

function* batchesOf<T>(items: Iterable<T>, size: number): Generator<readonly T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
