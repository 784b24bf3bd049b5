import { BLOCK_RANGE_MS } from "../block/block-meta.ts";
import { COMPACTION_RANGES_MS } from "../block/compaction-plan.ts";
import type { TimeRanges } from "../rollup/time-ranges.ts";

const DAY_MS = COMPACTION_RANGES_MS.at(-1) as number;
/** A day that ended so long ago gets no more samples from elsewhere, but for late ones. */
const OVER_MS = 12 * 3_600_000;

/**
 * The stretch of time of the block that an imported sample goes to: a day, as blocks are merged to in the end, or, where
 * the day is not long over, two hours, as blocks from memory have it.
 *
 * @param nowMs when the import began.
 */
export function importRange(
  timeMs: number,
  nowMs: number,
): readonly [startMs: number, endMs: number] {
  const dayStartMs = Math.floor(timeMs / DAY_MS) * DAY_MS;
  if (dayStartMs + DAY_MS + OVER_MS <= nowMs) return [dayStartMs, dayStartMs + DAY_MS];
  const startMs = Math.floor(timeMs / BLOCK_RANGE_MS) * BLOCK_RANGE_MS;
  return [startMs, startMs + BLOCK_RANGE_MS];
}

/** All such stretches that have a moment of a range, both of whose ends are included. */
export function importRanges(minMs: number, maxMs: number, nowMs: number): TimeRanges {
  const ranges: (readonly [number, number])[] = [];
  for (let atMs = minMs; atMs <= maxMs; ) {
    const range = importRange(atMs, nowMs);
    ranges.push(range);
    atMs = range[1];
  }
  return ranges;
}
