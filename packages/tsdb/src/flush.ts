import type { Clock } from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import type { ChunkDecoder } from "./block.ts";
import { BLOCK_RANGE_MS, type BlockMeta } from "./block-meta.ts";
import { BlockWriter } from "./block-writer.ts";
import type { Blocks } from "./blocks.ts";
import { removeOldCheckpoints, writeCheckpoint } from "./checkpoint.ts";
import { ColumnBuffer } from "./column-buffer.ts";
import type { Head } from "./head.ts";
import type { Snapshots } from "./snapshots.ts";
import type { Wal } from "./wal.ts";

/** How long a flush works before others get their turn. */
const SLICE_MS_MAX = 10;
/** Series between two looks at the clock. */
const SLICE_SERIES = 64;
const INDEX_END = 0xffff_ffff;

export interface FlushContext {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly kernels: Kernels;
  readonly head: Head;
  readonly blocks: Blocks;
  readonly wal: Wal;
  readonly snapshots: Snapshots;
  readonly decoder: ChunkDecoder;
  /** Writes what the log does not know of the head's series yet. */
  readonly logDefinitions: () => void;
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
 * In this order: a block is complete and synced before it is seen; seen before the head lets go of its samples; and
 * the checkpoint, which says that the log's are not needed, comes after the blocks. Samples that arrive meanwhile for
 * a range that was just flushed stay in the head, until the next flush.
 *
 * @throws OperatingError `disk.full`, `disk.failed`: what is not in a block yet is still in the head and the log.
 */
export async function flushHead(context: FlushContext, beforeMs: number): Promise<BlockMeta[]> {
  const { head, wal, snapshots, signal } = context;
  context.logDefinitions();
  const position = wal.position;
  const refsEnd = head.nextRef;
  const pause = slices(context);
  const written: BlockMeta[] = [];
  for (let fromMs = Number.NEGATIVE_INFINITY; ; ) {
    const nextMs = await nextUnflushed(context, fromMs, pause);
    if (nextMs >= beforeMs) break;
    const startMs = rangeStart(nextMs);
    const endMs = Math.min(startMs + BLOCK_RANGE_MS, beforeMs);
    const meta = await flushRange(context, startMs, endMs, pause);
    if (meta !== undefined) written.push(meta);
    fromMs = startMs + BLOCK_RANGE_MS;
  }

  await wal.synced();
  const firstSegment = wal.firstNeeded(beforeMs, position);
  const { freedCount, nextRef } = head;
  const start = { flushedBeforeMs: beforeMs, position, firstSegment, nextRef };
  await writeCheckpoint(context.disk, start, head.checkpointSeries(), pause);
  removeOldCheckpoints(context.disk, firstSegment);
  await wal.removeBelow(firstSegment);
  head.forgetBelow(firstSegment, freedCount);

  await snapshots.drained(signal);
  signal.throwIfAborted();
  for (const ref of head.index.all().slice()) {
    head.chunks.truncate(ref);
    await pause();
  }
  head.endIdleSeries(beforeMs, refsEnd, wal.position.segment);
  return written;
}

/** The earliest time at or after `fromMs` of a sample that is in no block. */
async function nextUnflushed(
  { head }: FlushContext,
  fromMs: number,
  pause: () => Promise<void>,
): Promise<number> {
  const { chunks } = head;
  let nextMs = head.nextLateTimeMs(fromMs);
  for (const ref of head.index.all().slice()) {
    nextMs = Math.min(nextMs, chunks.nextTimeMs(ref, fromMs, chunks.flushedIndex(ref), INDEX_END));
    await pause();
  }
  return nextMs;
}

/** Writes the samples of one range to a block; undefined if there are none. */
async function flushRange(
  context: FlushContext,
  startMs: number,
  endMs: number,
  pause: () => Promise<void>,
): Promise<BlockMeta | undefined> {
  const { disk, kernels, head, blocks, decoder } = context;
  const { chunks } = head;
  // What is there now is what goes; the rest of this function may be interrupted by appends.
  const refs = head.index.all().slice();
  const totals = refs.map((ref) => chunks.total(ref));
  head.freezeLate(startMs, endMs - 1);
  let writer: BlockWriter | undefined;
  let meta: BlockMeta | undefined;
  try {
    const sequence = blocks.takeSequence();
    const rangeEndMs = startMs + BLOCK_RANGE_MS;
    writer = new BlockWriter(disk, kernels, { rangeStartMs: startMs, rangeEndMs, sequence });
    const buffer = new ColumnBuffer();
    for (const [i, ref] of refs.entries()) {
      buffer.clear();
      decoder.area.reserve(chunks.countWithin(ref, startMs, endMs - 1));
      const fromIndex = chunks.flushedIndex(ref);
      const toIndex = totals[i] as number;
      const count = chunks.read(ref, startMs, endMs - 1, fromIndex, toIndex, decoder.area);
      buffer.add(decoder.area.view(count));
      const frozen = head.frozenSamples(ref);
      if (frozen !== undefined) buffer.add(frozen);
      if (buffer.length > 0) writer.add(head.labelsOf(ref), buffer);
      await pause();
    }
    if (!writer.isEmpty) {
      meta = await writer.finish();
      blocks.add(meta);
    }
  } finally {
    if (meta === undefined) head.thawLate();
    else head.dropFrozen();
    writer?.dispose();
  }
  if (meta === undefined) return undefined;
  for (const [i, ref] of refs.entries()) {
    chunks.markFlushed(ref, endMs, totals[i] as number);
    await pause();
  }
  return meta;
}

/** A function to await between series: lets others run when a slice of time is used up. */
function slices({ clock, signal }: FlushContext): () => Promise<void> {
  let count = 0;
  let sliceStartMs = clock.monotonicMs();
  const done = Promise.resolve();
  return () => {
    if (++count % SLICE_SERIES !== 0) return done;
    if (clock.monotonicMs() - sliceStartMs < SLICE_MS_MAX) return done;
    return clock.sleep(0, signal).then(() => {
      sliceStartMs = clock.monotonicMs();
    });
  };
}
