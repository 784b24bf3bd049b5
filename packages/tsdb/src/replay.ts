import type { Clock } from "@pharos/base";
import { OperatingError } from "@pharos/base";
import { type Kernels, SampleColumns } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import { type Checkpoint, CheckpointDamage, readCheckpoint } from "./checkpoint.ts";
import { COLUMNS_MAX, type Head, type Refused } from "./head.ts";
import { Wal, type WalSync } from "./wal.ts";
import {
  readSamples,
  readSeries,
  readSyncMark,
  sampleCount,
  type WalPosition,
} from "./wal-payload.ts";
import type { RecordKind } from "./wal-record.ts";
import { isBefore } from "./wal-replay.ts";
import { WAL_DIRECTORY } from "./wal-segment.ts";

export interface ReplayedStore {
  readonly wal: Wal;
  readonly samples: number;
  /** The damage that was cut off. */
  readonly repaired: string | undefined;
  readonly firstSegment: number;
  /** Up to where the checkpoint says that samples were flushed. */
  readonly flushedBeforeMs: number;
}

/**
 * Brings the head back to what it was: the checkpoint's series, then everything the log says. Samples that the
 * checkpoint knows to be in blocks are passed over. The log's samples were checked when they were accepted, so they go
 * straight to the kernel that appends.
 *
 * @throws OperatingError `disk.corrupt`, `disk.full`, `disk.failed`, `memory.full`.
 */
export async function replayStore(options: {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly kernels: Kernels;
  readonly head: Head;
  readonly walSync: WalSync;
  readonly walSegmentSizeMax: number;
  readonly walRepair: boolean;
}): Promise<ReplayedStore> {
  const { disk, head, kernels } = options;
  const { checkpoint, setAside } = await openCheckpoint(disk, options.walRepair);
  for (const series of checkpoint?.series ?? []) {
    const reason = head.restore(series);
    if (reason !== undefined)
      throw new OperatingError("disk.corrupt", `the checkpoint contradicts itself: ${reason}`);
  }
  const flushed = checkpoint?.position ?? { segment: 0, offset: 0 };
  const flushedBeforeMs = checkpoint?.flushedBeforeMs ?? Number.NEGATIVE_INFINITY;
  const firstSegment = checkpoint?.firstSegment ?? 1;

  let columns = new SampleColumns(kernels, 1024);
  const refused: Refused = { duplicate: 0, tooOld: 0, tooNew: 0, conflicting: 0 };
  const maxTimes = new Map<number, number>();
  let samples = 0;

  const replaySamples = (payload: Uint8Array, position: WalPosition): string | undefined => {
    const count = sampleCount(payload);
    if (count === undefined || count > COLUMNS_MAX) return "a samples record of a wrong size";
    if (columns.capacity < count) {
      const larger = new SampleColumns(kernels, 2 ** Math.ceil(Math.log2(count)));
      columns.release();
      columns = larger;
    }
    readSamples(payload, columns);
    if (isBefore(position, flushed)) dropBefore(columns, flushedBeforeMs);
    if (columns.length === 0) return undefined;
    const unknown = head.chunks.findUnknown(columns, head.wordsFor(columns.length));
    if (unknown !== undefined)
      return `a sample of reference ${columns.series[unknown]}, which nothing defines`;
    head.apply(columns, refused);
    samples += columns.length;
    const [, maxMs] = head.chunks.timestampBounds(columns);
    const { segment } = position;
    maxTimes.set(segment, Math.max(maxMs, maxTimes.get(segment) ?? maxMs));
    return undefined;
  };

  const replaySeries = (payload: Uint8Array, position: WalPosition): string | undefined => {
    const list = readSeries(payload);
    if (list === undefined) return "a series record that contradicts itself";
    for (const definition of list) {
      // A series that the checkpoint leaves out had ended by then.
      if (isBefore(position, flushed) && !head.chunks.has(definition.ref)) continue;
      const reason = head.define(definition);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };

  const replay = (kind: RecordKind, payload: Uint8Array, position: WalPosition) => {
    if (kind === "samples") return replaySamples(payload, position);
    if (kind === "series") return replaySeries(payload, position);
    if (kind === "syncMark")
      return readSyncMark(payload) === undefined ? "a sync mark of a wrong size" : undefined;
    return `a ${kind} record does not belong here`;
  };

  try {
    const { wal, repaired } = await Wal.open(
      {
        disk,
        clock: options.clock,
        sync: options.walSync,
        segmentSizeMax: options.walSegmentSizeMax,
        repair: options.walRepair,
        first: firstSegment,
        syncedTo: flushed,
      },
      replay,
    );
    for (const [segment, maxMs] of maxTimes) wal.noteTime(segment, maxMs);
    head.finishReplay(checkpoint?.nextRef ?? 0, wal.position.segment);
    return { wal, samples, repaired: setAside ?? repaired, firstSegment, flushedBeforeMs };
  } finally {
    columns.release();
  }
}

/** The checkpoint in force. Where it is damaged and that is to be repaired, the whole log moves out of the way. */
async function openCheckpoint(
  disk: Disk,
  repair: boolean,
): Promise<{
  readonly checkpoint: Checkpoint | undefined;
  readonly setAside: string | undefined;
}> {
  try {
    return { checkpoint: readCheckpoint(disk), setAside: undefined };
  } catch (error) {
    if (!(error instanceof CheckpointDamage) || !repair) throw error;
    let number = 1;
    while (disk.exists(`${WAL_DIRECTORY}.damaged-${number}`)) number++;
    const aside = `${WAL_DIRECTORY}.damaged-${number}`;
    disk.rename(WAL_DIRECTORY, aside);
    disk.makeDirectory(WAL_DIRECTORY);
    await disk.syncDirectory("");
    return { checkpoint: undefined, setAside: `${error.message}. The log was moved to ${aside}` };
  }
}

/** Leaves out the samples before a time. */
function dropBefore(columns: SampleColumns, beforeMs: number): void {
  let kept = 0;
  for (let at = 0; at < columns.length; at++) {
    if ((columns.timestampsMs[at] as number) < beforeMs) continue;
    columns.series[kept] = columns.series[at] as number;
    columns.timestampsMs[kept] = columns.timestampsMs[at] as number;
    columns.valueBits[kept * 2] = columns.valueBits[at * 2] as number;
    columns.valueBits[kept * 2 + 1] = columns.valueBits[at * 2 + 1] as number;
    kept++;
  }
  columns.length = kept;
}
