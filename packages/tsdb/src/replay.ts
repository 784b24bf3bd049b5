import type { Clock } from "@pharos/base";
import { HEAD_REFERENCES_MAX, type Kernels, SampleColumns } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import { AttachmentReplay } from "./attachment-replay.ts";
import { CheckpointDamage, type ReadCheckpoint, readCheckpoint } from "./checkpoint.ts";
import { EndedSeries } from "./ended-series.ts";
import { COLUMNS_MAX, type Head, type Refused } from "./head.ts";
import { Wal, type WalSync } from "./wal.ts";
import { readSamples, readSeries, sampleCount, type WalPosition } from "./wal-payload.ts";
import type { RecordKind } from "./wal-record.ts";
import { isBefore } from "./wal-replay.ts";
import { damageText, type WalDamage } from "./wal-scan.ts";
import { segmentPath, WAL_DIRECTORY } from "./wal-segment.ts";

export interface ReplayedStore {
  readonly wal: Wal;
  readonly samples: number;
  /** What was found damaged, in words: what it held is lost. */
  readonly problems: readonly string[];
  /** What a crash left of writes that were not on the device yet, in words. */
  readonly remarks: readonly string[];
  readonly firstSegment: number;
  /** Up to where the checkpoint says that samples were flushed. */
  readonly flushedBeforeMs: number;
  readonly ended: EndedSeries;
}

/**
 * Brings the head back to what it was: the checkpoint's series, then everything the log says. Samples that the
 * checkpoint knows to be in blocks are passed over. The log's samples were checked when they were accepted, so they go
 * straight to the kernel that appends.
 *
 * Damage costs the record that it hits and no more, except that samples of a series whose definition is lost are lost
 * with it.
 *
 * @throws OperatingError `disk.corrupt` where a newer version wrote something or the checkpoint cannot be read at all,
 *   `disk.full`, `disk.failed`, `memory.full`.
 */
export async function replayStore(options: {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly kernels: Kernels;
  readonly head: Head;
  readonly walSync: WalSync;
  readonly walSegmentSizeMax: number;
  readonly walRepair: boolean;
  readonly logSizeMax: number;
  readonly diskKeepFree: number;
}): Promise<ReplayedStore> {
  const { disk, head, kernels } = options;
  const { checkpoint, setAside } = await openCheckpoint(disk, options.walRepair);
  const problems = [...(setAside === undefined ? [] : [setAside]), ...(checkpoint?.problems ?? [])];
  const ended = new EndedSeries();
  for (const { ref, labelBytes } of checkpoint?.ended ?? []) ended.add(ref, labelBytes, 0);
  // One that ended after the checkpoint, and came back under a new reference.
  head.onEnded = (ref, labelBytes) => ended.add(ref, labelBytes, 0);
  for (const series of checkpoint?.series ?? []) {
    const reason = head.restore(series);
    if (reason !== undefined) problems.push(`the checkpoint contradicts itself: ${reason}`);
  }
  const flushed = checkpoint?.position ?? { segment: 0, offset: 0 };
  const flushedBeforeMs = checkpoint?.flushedBeforeMs ?? Number.NEGATIVE_INFINITY;
  const firstSegment = checkpoint?.firstSegment ?? 1;
  const orphans = new Orphans();

  let columns = new SampleColumns(kernels, 1024);
  const refused: Refused = { duplicate: 0, tooOld: 0, tooNew: 0, conflicting: 0 };
  const maxTimes = new Map<number, number>();
  let samples = 0;
  const noteTime = (segment: number, timeMs: number): void => {
    maxTimes.set(segment, Math.max(timeMs, maxTimes.get(segment) ?? timeMs));
  };
  head.metadata.set(checkpoint?.metadata ?? []);
  const attachments = new AttachmentReplay(head, flushed, flushedBeforeMs, noteTime);

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
    if (head.chunks.findUnknown(columns, head.wordsFor(columns.length)) !== undefined)
      orphans.take(columns, (ref) => head.chunks.has(ref), position);
    if (columns.length === 0) return undefined;
    head.apply(columns, refused);
    samples += columns.length;
    const [, maxMs] = head.chunks.timestampBounds(columns);
    noteTime(position.segment, maxMs);
    return undefined;
  };

  const replaySeries = (payload: Uint8Array, position: WalPosition): string | undefined => {
    const list = readSeries(payload);
    if (list === undefined) return "a series record that contradicts itself";
    for (const definition of list) {
      // A series that the checkpoint leaves out had ended by then.
      if (isBefore(position, flushed) && !head.chunks.has(definition.ref)) {
        ended.add(definition.ref, definition.labelBytes, position.segment);
        continue;
      }
      const reason = head.define(definition);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };

  const replay = (kind: RecordKind, payload: Uint8Array, position: WalPosition) => {
    if (kind === "samples") return replaySamples(payload, position);
    if (kind === "series") return replaySeries(payload, position);
    return attachments.apply(kind, payload, position);
  };

  try {
    const { wal, end } = await Wal.open(
      {
        disk,
        clock: options.clock,
        sync: options.walSync,
        segmentSizeMax: options.walSegmentSizeMax,
        sizeMax: options.logSizeMax,
        keepFree: options.diskKeepFree,
        first: firstSegment,
        syncedTo: flushed,
      },
      replay,
    );
    for (const [segment, maxMs] of maxTimes) wal.noteTime(segment, maxMs);
    for (const segment of orphans.segments) wal.segments.noteDamage(segment);
    // Nothing may get a reference that lost definitions had: the log still has their samples.
    head.finishReplay(
      Math.max(checkpoint?.nextRef ?? 0, orphans.nextRef, attachments.nextRef),
      wal.position.segment,
    );
    ended.finishReplay(wal.position.segment);
    const remarks = end.unfinished.map(unfinishedText);
    // What depends on an unfinished write was not on the device either.
    const isUnfinished = end.damages.length === 0 && end.unfinished.length + end.reportedCount > 0;
    (isUnfinished ? remarks : problems).push(...orphans.problems, ...attachments.problems);
    problems.push(...end.damages.map(lossText));
    return { wal, samples, problems, remarks, firstSegment, flushedBeforeMs, ended };
  } finally {
    columns.release();
  }
}

/** The checkpoint in force. Where it cannot be read and that is to be repaired, the whole log moves out of the way. */
async function openCheckpoint(
  disk: Disk,
  repair: boolean,
): Promise<{
  readonly checkpoint: ReadCheckpoint | undefined;
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

function lossText(damage: WalDamage): string {
  return `${damageText(damage)}. What it held is lost; everything else was read`;
}

function unfinishedText(damage: WalDamage): string {
  return `${damageText(damage)}: a write that was not on the device when the machine stopped`;
}

/** Samples of series whose definitions are lost: they are dropped, and counted. */
class Orphans {
  readonly segments = new Set<number>();
  /** No sample had this reference or a higher one. */
  nextRef = 0;
  readonly #refs = new Set<number>();
  #samples = 0;

  /** Takes the samples of unknown references out of columns. */
  take(columns: SampleColumns, isKnown: (ref: number) => boolean, { segment }: WalPosition): void {
    this.segments.add(segment);
    keepWhere(columns, (at) => {
      const ref = columns.series[at] as number;
      if (isKnown(ref)) return true;
      this.#refs.add(ref);
      this.#samples++;
      if (ref < HEAD_REFERENCES_MAX) this.nextRef = Math.max(this.nextRef, ref + 1);
      return false;
    });
  }

  get problems(): readonly string[] {
    if (this.#samples === 0) return [];
    const segments = [...this.segments].map((segment) => segmentPath(segment)).join(", ");
    return [
      `${segments}: ${this.#samples} samples of ${this.#refs.size} series are lost, since what defined the series ` +
        "cannot be read",
    ];
  }
}

/** Leaves out the samples before a time. */
function dropBefore(columns: SampleColumns, beforeMs: number): void {
  keepWhere(columns, (at) => (columns.timestampsMs[at] as number) >= beforeMs);
}

/** Leaves out the samples for which `isKept` says no. */
function keepWhere(columns: SampleColumns, isKept: (at: number) => boolean): void {
  let kept = 0;
  for (let at = 0; at < columns.length; at++) {
    if (!isKept(at)) continue;
    columns.series[kept] = columns.series[at] as number;
    columns.timestampsMs[kept] = columns.timestampsMs[at] as number;
    columns.valueBits[kept * 2] = columns.valueBits[at * 2] as number;
    columns.valueBits[kept * 2 + 1] = columns.valueBits[at * 2 + 1] as number;
    kept++;
  }
  columns.length = kept;
}
