import type { ColumnSet } from "./column-set.ts";

/** The most samples a chunk may have: what decoders have room for. */
export const CHUNK_SAMPLES_MAX = 4096;
/** A piece of time with more samples than this is cut in two. */
const CUT_SAMPLES = 2048;
/** The same for the bytes of a piece's byte columns. */
const CUT_BYTES = 1024 * 1024;

/** Samples `from` to `to` (not included) of a set of columns. */
export interface ChunkRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Cuts a set of columns into chunks. The range of time is halved, and its halves again, until no piece has too much in
 * it: so that series with the same timestamps are cut at the same places, whatever else they hold, and share them.
 */
export function cutChunks(set: ColumnSet, rangeStartMs: number, rangeEndMs: number): ChunkRange[] {
  const chunks: ChunkRange[] = [];
  cut(set, 0, set.timestampsMs.length, rangeStartMs, rangeEndMs, chunks);
  return chunks;
}

function cut(
  set: ColumnSet,
  from: number,
  to: number,
  startMs: number,
  endMs: number,
  out: ChunkRange[],
): void {
  if (from === to) return;
  if ((to - from <= CUT_SAMPLES && bytesBetween(set, from, to) <= CUT_BYTES) || to - from === 1) {
    out.push({ from, to });
    return;
  }
  const middleMs = Math.floor(startMs + (endMs - startMs) / 2);
  const middle = firstFrom(set.timestampsMs, middleMs, from, to);
  cut(set, from, middle, startMs, middleMs, out);
  cut(set, middle, to, middleMs, endMs, out);
}

function bytesBetween({ bytes }: ColumnSet, from: number, to: number): number {
  let total = 0;
  for (const { ends } of bytes)
    total += (ends[to - 1] as number) - (from === 0 ? 0 : (ends[from - 1] as number));
  return total;
}

/** The first index from `low` up to `high` whose time is not before `timeMs`. */
export function firstFrom(
  timestampsMs: Float64Array,
  timeMs: number,
  low = 0,
  high = timestampsMs.length,
): number {
  let from = low;
  let to = high;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((timestampsMs[middle] as number) < timeMs) from = middle + 1;
    else to = middle;
  }
  return from;
}
