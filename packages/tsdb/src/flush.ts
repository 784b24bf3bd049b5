import { type Clock, OperatingError } from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import { BLOCK_RANGE_MS } from "./block/block-meta.ts";
import { BlockWriter } from "./block/block-writer.ts";
import type { Blocks } from "./block/blocks.ts";
import type { ColumnSet } from "./block/column-set.ts";
import { orderByLabels } from "./block/label-order.ts";
import { removeOldCheckpoints, writeCheckpoint } from "./checkpoint.ts";
import { ColumnBuffer, DecodeArea } from "./column-buffer.ts";
import type { EndedSeries } from "./ended-series.ts";
import type { Head } from "./head.ts";
import { createPause, type Pause } from "./slices.ts";
import type { Snapshots } from "./snapshots.ts";
import type { Wal } from "./wal.ts";
import type { WalPosition } from "./wal-payload.ts";

/** Series that end in one go, a few milliseconds' work: each time the series table is gone through once. */
const ENDED_TOGETHER_MAX = 1024;
const EARLIEST = Number.NEGATIVE_INFINITY;

export interface FlushContext {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly kernels: Kernels;
  readonly head: Head;
  readonly blocks: Blocks;
  readonly wal: Wal;
  readonly ended: EndedSeries;
  readonly snapshots: Snapshots;
  /** The oldest segment that somebody needs, when the store needs those from `firstSegment` on. */
  readonly keepFrom: (firstSegment: number) => number;
  /** Writes what the log does not know of the head's series yet. */
  readonly logDefinitions: () => void;
  /** Before this time all was flushed before, but for what came late since. */
  readonly flushedBeforeMs: number;
  /** Told whenever a checkpoint says that what is before a time is flushed. */
  readonly flushed: (beforeMs: number) => void;
  /** Ends the flush early, with the signal's reason. */
  readonly signal: AbortSignal;
}

/** Where the two hours around a time begin. */
export function rangeStart(timeMs: number): number {
  return Math.floor(timeMs / BLOCK_RANGE_MS) * BLOCK_RANGE_MS;
}

/**
 * Moves all samples before `beforeMs` from the head to blocks, range by range, and lets the log forget them. At every
 * point a crash leaves each sample in a block, in the log, or in both: readers take one.
 *
 * What goes is what is there at the start, which is also what the log says before the position that the checkpoint
 * names; what arrives meanwhile waits for the next flush. Then, in this order: a block is complete and synced before it
 * is seen, it is seen before the head lets go of its samples, and the checkpoint, which says that the log's are not
 * needed, comes after the blocks.
 *
 * Where the disk has less room than the log takes, the flush goes by the log's oldest segments, as many at a time as
 * there is room for, and these go before it writes the next block: room for the samples of one segment is enough.
 *
 * @param idleBeforeMs series whose newest sample is older than this, and in a block, end.
 * @throws OperatingError `disk.full`, `disk.failed`: what is not in a block yet is still in the head and the log.
 */
export async function flushHead(
  context: FlushContext,
  beforeMs: number,
  idleBeforeMs: number,
): Promise<void> {
  const { head, wal, snapshots, signal } = context;
  // What the device had no room for is written again now, before the position that the checkpoint names: there, it would
  // be replayed as if it came later.
  await wal.synced();
  context.logDefinitions();
  // So that all that is in blocks then can go from the log.
  wal.roll();
  const position = wal.position;
  const refs = head.index.all().slice();
  const batch: FlushBatch = { refs, totals: refs.map((ref) => head.chunks.total(ref)) };
  head.freezeLate(beforeMs);
  const pause = createPause(context.clock, signal);
  try {
    // Else a power loss could leave samples in a block that the log's consumers were never given.
    await wal.synced();
    const order = await orderByLabels(
      context.kernels,
      refs.length,
      (at) => head.labelBytesOf(refs[at] as number),
      pause,
    );
    for (;;) {
      const nextMs = await firstUnflushed(context, batch, pause);
      if (nextMs >= beforeMs) {
        // Starts of samples that were refused after all.
        head.starts.dropFrozen(beforeMs);
        break;
      }
      const startMs = rangeStart(nextMs);
      const rangeEndMs = Math.min(startMs + BLOCK_RANGE_MS, beforeMs);
      const room = freeSpace(context.disk);
      const endMs = Math.min(rangeEndMs, wal.segments.endWithin(nextMs, room));
      await flushRange(context, batch, order, startMs, endMs, pause);
      const isShort = room < wal.totalSize;
      if (isShort && endMs < beforeMs) await releaseEarly(context, endMs, position, pause);
    }
  } finally {
    head.thawLate();
  }

  await releaseLog(context, beforeMs, position, pause);

  await snapshots.drained(signal);
  signal.throwIfAborted();
  for (const ref of refs) {
    head.chunks.truncate(ref);
    await pause();
  }
  for (let from = 0; from < refs.length; from += ENDED_TOGETHER_MAX) {
    const some = refs.subarray(from, from + ENDED_TOGETHER_MAX);
    head.endIdleSeries(some, Math.min(idleBeforeMs, beforeMs), wal.position.segment);
    await pause(ENDED_TOGETHER_MAX);
  }
  while (!head.sweepEnded()) await pause(ENDED_TOGETHER_MAX);
  while (!head.forgetDropped()) await pause(ENDED_TOGETHER_MAX);
}

/** In bytes; Infinity where that is not known: the write will tell. */
function freeSpace(disk: Disk): number {
  try {
    return disk.freeSpace();
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return Number.POSITIVE_INFINITY;
  }
}

/** Lets the log forget what is in blocks in the middle of a flush, if a segment can go. */
async function releaseEarly(
  context: FlushContext,
  beforeMs: number,
  position: WalPosition,
  pause: Pause,
): Promise<void> {
  const { wal, keepFrom, flushedBeforeMs } = context;
  // A checkpoint that goes back would replay what was deleted or has expired since.
  if (beforeMs < flushedBeforeMs) return;
  const firstSegment = wal.segments.firstNeeded(beforeMs, position);
  if (keepFrom(firstSegment) > wal.segments.first)
    await releaseLog(context, beforeMs, position, pause);
}

/**
 * Writes a checkpoint, and removes what the log does not need by it. All samples before `beforeMs` that the log has
 * before `position` are in blocks.
 */
async function releaseLog(
  { disk, head, wal, ended, keepFrom, flushed }: FlushContext,
  beforeMs: number,
  position: WalPosition,
  pause: Pause,
): Promise<void> {
  const firstSegment = wal.segments.firstNeeded(beforeMs, position);
  const { freedCount, nextRef } = head;
  const start = { flushedBeforeMs: beforeMs, position, firstSegment, nextRef };
  const series = { live: head.checkpointSeries(), ended: ended.definitions() };
  const metadata = [...head.metadata.all()];
  await writeCheckpoint(disk, start, { ...series, metadata }, pause);
  flushed(beforeMs);
  removeOldCheckpoints(disk, firstSegment);
  await wal.removeBelow(keepFrom(firstSegment));
  head.forgetBelow(wal.segments.first, freedCount);
  ended.forgetBelow(wal.segments.first);
}

/** The series that are there when a flush starts, and how many samples each ever had then. */
interface FlushBatch {
  readonly refs: Uint32Array;
  readonly totals: Uint32Array;
}

/** The earliest time of a sample of the batch that is in no block. */
async function firstUnflushed(
  { head }: FlushContext,
  { refs, totals }: FlushBatch,
  pause: Pause,
): Promise<number> {
  const { chunks } = head;
  let firstMs = head.nextFrozenMs;
  for (const [i, ref] of refs.entries()) {
    const [fromIndex, toIndex] = [chunks.flushedIndex(ref), totals[i] as number];
    if (fromIndex < toIndex)
      firstMs = Math.min(firstMs, chunks.nextTimeMs(ref, EARLIEST, fromIndex, toIndex));
    await pause();
  }
  return firstMs;
}

/**
 * Writes the batch's samples of one range to a block. There are some, and none before the range.
 * @param order the places of the series in the batch, in the order of their labels.
 */
async function flushRange(
  { disk, kernels, head, blocks }: FlushContext,
  { refs, totals }: FlushBatch,
  order: Uint32Array,
  startMs: number,
  endMs: number,
  pause: Pause,
): Promise<void> {
  const { chunks } = head;
  const sequence = blocks.takeSequence();
  const rangeEndMs = startMs + BLOCK_RANGE_MS;
  const writer = BlockWriter.create(disk, kernels, {
    directory: blocks.directory,
    tier: "raw",
    rangeStartMs: startMs,
    rangeEndMs,
    sequence,
    compression: "none",
  });
  const area = new DecodeArea(kernels);
  try {
    const buffer = new ColumnBuffer();
    for (const i of order) {
      const ref = refs[i] as number;
      buffer.clear();
      area.reserve(chunks.countWithin(ref, startMs, endMs - 1));
      const fromIndex = chunks.flushedIndex(ref);
      const toIndex = totals[i] as number;
      const count = chunks.read(ref, startMs, endMs - 1, fromIndex, toIndex, area);
      buffer.add(area.view(count));
      const frozen = head.late.frozenOf(ref)?.copy(startMs, endMs - 1);
      if (frozen !== undefined) buffer.add(frozen);
      const sets: ColumnSet[] = [];
      const { timestampsMs, bits } = buffer;
      if (buffer.length > 0)
        sets.push({ kind: "samples", timestampsMs, floats: [bits], bytes: [] });
      const histograms = head.histograms.frozenWithin(ref, startMs, endMs - 1);
      const times = histograms === undefined ? [] : [histograms.timestampsMs];
      for (const set of [
        histograms,
        head.exemplars.frozenWithin(ref, startMs, endMs - 1),
        head.starts.frozenColumns(ref, [timestampsMs, ...times]),
      ])
        if (set !== undefined) sets.push(set);
      if (sets.length > 0) writer.add(head.labelBytesOf(ref), sets);
      await pause();
    }
    blocks.add(await writer.finish(pause));
  } finally {
    area.release();
    writer.dispose();
  }
  head.dropFrozen(endMs);
  for (const [i, ref] of refs.entries()) {
    chunks.markFlushed(ref, endMs, totals[i] as number);
    await pause();
  }
}
