import { OperatingError } from "@pharos/base";
import type { Disk, MetricMetadata } from "@pharos/ports";
import { metadataPayload, readMetadata } from "./attachment-payload.ts";
import {
  type CheckpointStart,
  checkpointEndPayload,
  checkpointSeriesPayload,
  checkpointStartPayload,
  readCheckpointEnd,
  readCheckpointSeries,
  readCheckpointStart,
} from "./checkpoint-payload.ts";
import {
  type CheckpointSeries,
  readSeries,
  type SeriesDefinition,
  seriesPayload,
} from "./wal-payload.ts";
import { recordParts, type WalRecord } from "./wal-record.ts";
import { damageText, scanSegment, type WalDamage } from "./wal-scan.ts";
import { checkpointPath, encodeSegmentHeader, readWalNames, WAL_DIRECTORY } from "./wal-segment.ts";

/** What the segments before it would have said: every live series, and what is in blocks. */
export interface Checkpoint extends CheckpointStart {
  readonly series: readonly CheckpointSeries[];
  /** Series that have ended, and whose samples segments that are kept still have. */
  readonly ended: readonly SeriesDefinition[];
  /** What was said last of each metric family. */
  readonly metadata: readonly MetricMetadata[];
}

/** How many series go into one record: so many lose what the log has of them when a byte of the checkpoint changes. */
const RECORD_SERIES_MAX = 64;

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
  series: {
    readonly live: Iterable<CheckpointSeries>;
    /** Series that have ended, and whose samples segments that are kept still have. */
    readonly ended: Iterable<SeriesDefinition>;
    readonly metadata: Iterable<MetricMetadata>;
  },
  pause: () => Promise<void>,
): Promise<void> {
  const segment = start.firstSegment;
  const path = checkpointPath(segment);
  const temporary = `${path}.tmp`;
  disk.remove(temporary);
  const writer = disk.openAppend(temporary);
  const append = (record: WalRecord): void => {
    writer.append(recordParts(record, { segment, offset: writer.size }));
  };
  try {
    const continues = { segment: 0, offset: 0 };
    const header = { segment, syncedThrough: segment, createdMs: 0, continues };
    writer.append([encodeSegmentHeader("checkpoint", header)]);
    append({ kind: "checkpointStart", payload: checkpointStartPayload(start) });
    let seriesCount = 0;
    for (const list of batchesOf(series.live, RECORD_SERIES_MAX)) {
      append({ kind: "checkpointSeries", payload: checkpointSeriesPayload(list) });
      seriesCount += list.length;
      await pause();
    }
    for (const list of batchesOf(series.ended, RECORD_SERIES_MAX)) {
      append({ kind: "series", payload: seriesPayload(list) });
      await pause();
    }
    for (const list of batchesOf(series.metadata, RECORD_SERIES_MAX)) {
      append({ kind: "metadata", payload: metadataPayload(list) });
      await pause();
    }
    append({ kind: "checkpointEnd", payload: checkpointEndPayload(start, seriesCount) });
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
    if (/^checkpoint\..*\.tmp$/.test(name)) disk.remove(`${WAL_DIRECTORY}/${name}`);
  for (const number of readWalNames(disk.list(WAL_DIRECTORY)).checkpoints)
    if (number < firstSegment) disk.remove(checkpointPath(number));
}

/** A checkpoint without which the log says nothing. */
export class CheckpointDamage extends OperatingError {
  constructor(path: string, reason: string) {
    super(
      "disk.corrupt",
      `${path}: ${reason}. Without it the log cannot be read; start once with --repair-wal to set the log aside and ` +
        "lose what it has that is in no block",
    );
  }
}

export interface ReadCheckpoint extends Checkpoint {
  /** What of it cannot be read, in words: its series are missing. */
  readonly problems: readonly string[];
}

/**
 * The checkpoint in force, if there is one. Damage costs the series of the records that it hits.
 *
 * @throws CheckpointDamage if neither its start nor its end can be read, or if it is missing; OperatingError
 *   `disk.corrupt` where a newer version wrote it.
 */
export function readCheckpoint(disk: Disk): ReadCheckpoint | undefined {
  const { checkpoints, segments } = readWalNames(disk.list(WAL_DIRECTORY));
  const number = checkpoints.at(-1);
  if (number === undefined) {
    const first = segments[0] ?? 1;
    if (first === 1) return undefined;
    throw new CheckpointDamage(
      checkpointPath(first),
      `the log begins with segment ${first}, but this is missing`,
    );
  }
  return readCheckpointFile(disk, number);
}

function readCheckpointFile(disk: Disk, number: number): ReadCheckpoint {
  const path = checkpointPath(number);
  const damages: WalDamage[] = [];
  let start: CheckpointStart | undefined;
  let writtenCount: number | undefined;
  const series: CheckpointSeries[] = [];
  const ended: SeriesDefinition[] = [];
  const metadata: MetricMetadata[] = [];
  for (const part of scanSegment(disk.read(path), number, "checkpoint")) {
    if (part.status === "damaged") {
      damages.push(part);
      continue;
    }
    const { kind, payload, position } = part;
    const readAll = (): boolean => {
      if (kind === "checkpointStart") start = readCheckpointStart(payload) ?? start;
      else if (kind === "checkpointSeries") return pushAll(series, readCheckpointSeries(payload));
      else if (kind === "series") return pushAll(ended, readSeries(payload));
      else if (kind === "metadata") return pushAll(metadata, readMetadata(payload));
      else if (kind === "checkpointEnd") {
        const end = readCheckpointEnd(payload);
        start = end?.start ?? start;
        writtenCount = end?.seriesCount;
      } else return false;
      return true;
    };
    if (!readAll())
      damages.push({
        ...position,
        size: part.end - position.offset,
        reason: `a ${kind} record that contradicts itself or does not belong here`,
      });
  }
  if (start === undefined)
    throw new CheckpointDamage(path, damages[0]?.reason ?? "its start is missing");
  const problems = damages.map((damage) => damageText(damage, path));
  const lost = (writtenCount ?? series.length) - series.length;
  if (lost > 0) problems.push(`${path}: ${lost} series of ${writtenCount} cannot be read`);
  if (writtenCount === undefined && damages.length === 0)
    problems.push(`${path}: the end is missing`);
  return { ...start, series, ended, metadata, problems };
}

function pushAll<T>(to: T[], list: readonly T[] | undefined): boolean {
  for (const item of list ?? []) to.push(item);
  return list !== undefined;
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
