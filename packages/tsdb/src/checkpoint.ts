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
  } catch (error) {
    // A large part of one would only make a full disk fuller.
    tryToRemove(disk, temporary);
    throw error;
  } finally {
    writer.close();
  }
  disk.rename(temporary, path);
  await disk.syncDirectory(WAL_DIRECTORY);
}

function tryToRemove(disk: Disk, path: string): void {
  try {
    disk.remove(path);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error; // The next checkpoint, or the next start, removes it.
  }
}

/** Removes unfinished checkpoints and those older than the one in force. */
export function removeOldCheckpoints(disk: Disk, firstSegment: number): void {
  for (const name of disk.list(WAL_DIRECTORY))
    if (name.endsWith(".tmp")) disk.remove(`${WAL_DIRECTORY}/${name}`);
  for (const number of readWalNames(disk.list(WAL_DIRECTORY)).checkpoints)
    if (number < firstSegment) disk.remove(checkpointPath(number));
}

/** A checkpoint that cannot be read as it was written. */
export class CheckpointDamage extends OperatingError {
  constructor(path: string, offset: number, reason: string) {
    super(
      "disk.corrupt",
      `${path}, byte ${offset}: ${reason}. Without it the log cannot be read; start once with --repair-wal to set the ` +
        "log aside and lose what it has that is in no block",
    );
  }
}

/** The checkpoint in force. @throws CheckpointDamage; OperatingError `disk.corrupt` where a newer version wrote it. */
export function readCheckpoint(disk: Disk): Checkpoint | undefined {
  const number = readWalNames(disk.list(WAL_DIRECTORY)).checkpoints.at(-1);
  if (number === undefined) return undefined;
  const path = checkpointPath(number);
  const corrupt = (offset: number, reason: string): CheckpointDamage =>
    new CheckpointDamage(path, offset, reason);
  const newer = (what: string): OperatingError =>
    new OperatingError(
      "disk.corrupt",
      `${path}: ${what}, which a newer version wrote; start that version`,
    );
  const bytes = disk.read(path);
  const header = decodeSegmentHeader("checkpoint", bytes, number);
  if (header.status === "unknown") throw newer(`its format has version ${header.version}`);
  if (header.status === "damaged") throw corrupt(0, header.reason);

  let start: CheckpointStart | undefined;
  const series: CheckpointSeries[] = [];
  for (let offset = SEGMENT_HEADER_SIZE; ; ) {
    const decoded = decodeRecord(bytes, offset);
    // It was synced before it got its name: here nothing is an unfinished write.
    if (decoded.status === "end") throw corrupt(offset, "the end is missing");
    if (decoded.status === "damaged") throw corrupt(offset, decoded.reason);
    if (decoded.status === "unknown") throw newer(`record kind ${decoded.kindNumber}`);
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
