import { assert } from "@pharos/base";
import { BLOCK_RANGE_MS, type BlockMeta, blockName } from "./block-meta.ts";

const HOUR_MS = 3_600_000;

/** How long the stretches of time are that blocks are merged to, rising; the first is that of blocks from the head. */
export const COMPACTION_RANGES_MS: readonly number[] = [BLOCK_RANGE_MS, 10 * HOUR_MS, 24 * HOUR_MS];

/** A block that was merged takes in what came late for its range once there are so many blocks of it, … */
const LATE_BLOCKS = 4;
/** … or they have so large a part of its bytes: else each late sample would have a day rewritten. */
const LATE_PART = 1 / 10;

export interface PlannedMerge {
  /** By rank. */
  readonly sources: readonly BlockMeta[];
  readonly rangeStartMs: number;
  readonly rangeEndMs: number;
}

export interface PlanOptions {
  /** Rising, as `COMPACTION_RANGES_MS`. */
  readonly rangesMs: readonly number[];
  /** Ranges that end at this time or before get no more samples, but for late ones. */
  readonly completeBeforeMs: number;
  /** Merge whatever can be, complete or not. */
  readonly everything: boolean;
  /** Names of blocks to leave alone. */
  readonly excluded: ReadonlySet<string>;
}

/** What to merge next; undefined if nothing is left to do. Larger ranges come first: they save the smaller ones. */
export function planMerge(
  blocks: readonly BlockMeta[],
  { rangesMs, completeBeforeMs, everything, excluded }: PlanOptions,
): PlannedMerge | undefined {
  assert(rangesMs.length > 0, "there is a range");
  const usable = blocks.filter((meta) => !excluded.has(blockName(meta)));
  for (let level = rangesMs.length - 1; level > 0; level--) {
    const groups = new Map<number, BlockMeta[]>();
    for (const meta of usable) {
      const { startMs, endMs } = rangeAt(meta.rangeStartMs, rangesMs, level);
      if (meta.rangeEndMs > endMs || (endMs > completeBeforeMs && !everything)) continue;
      groups.getOrInsertComputed(startMs, () => []).push(meta);
    }
    for (const [startMs, group] of [...groups].sort((a, b) => a[0] - b[0])) {
      const { endMs } = rangeAt(startMs, rangesMs, level);
      // What is late for a larger block waits for that one to take it in.
      if (usable.some((meta) => isLarger(meta, startMs, endMs))) continue;
      if (!isWorth(group, everything)) continue;
      return {
        sources: group.sort((a, b) => a.rank - b.rank || a.sequence - b.sequence),
        // No longer than what is there: so that it goes when that is beyond its retention.
        rangeStartMs: Math.min(...group.map(({ rangeStartMs }) => rangeStartMs)),
        rangeEndMs: Math.max(...group.map(({ rangeEndMs }) => rangeEndMs)),
      };
    }
    if (everything) break; // All that is within a larger range is one block by now.
  }
  return undefined;
}

function isWorth(group: readonly BlockMeta[], everything: boolean): boolean {
  // One that was never merged is not compressed yet.
  if (group.length === 1) return group[0]?.sources.length === 0;
  if (everything) return true;
  const main = group.reduce((a, b) => (lengthOf(b) > lengthOf(a) ? b : a));
  if (main.sources.length === 0) return true;
  const others = group.filter((meta) => meta !== main);
  const late = others.filter(
    ({ rangeStartMs, rangeEndMs }) =>
      rangeStartMs >= main.rangeStartMs && rangeEndMs <= main.rangeEndMs,
  );
  if (late.length < others.length) return true;
  const lateSize = late.reduce((sum, { columnsSize }) => sum + columnsSize, 0);
  return late.length >= LATE_BLOCKS || lateSize >= main.columnsSize * LATE_PART;
}

function lengthOf({ rangeStartMs, rangeEndMs }: BlockMeta): number {
  return rangeEndMs - rangeStartMs;
}

/** Whether a block is of a longer range, and overlaps with this one. */
function isLarger(meta: BlockMeta, startMs: number, endMs: number): boolean {
  const { rangeStartMs, rangeEndMs } = meta;
  const overlaps = rangeStartMs < endMs && rangeEndMs > startMs;
  return overlaps && lengthOf(meta) > endMs - startMs;
}

/**
 * The range of a level that a time is in. The largest are aligned to the epoch; smaller ones to the begin of the larger
 * one they are in, at whose end they are cut off: 10 h, 10 h and 4 h of each day.
 */
export function rangeAt(
  timeMs: number,
  rangesMs: readonly number[],
  level: number,
): { readonly startMs: number; readonly endMs: number } {
  const rangeMs = rangesMs[level] as number;
  if (level === rangesMs.length - 1) {
    const startMs = Math.floor(timeMs / rangeMs) * rangeMs;
    return { startMs, endMs: startMs + rangeMs };
  }
  const outer = rangeAt(timeMs, rangesMs, level + 1);
  const startMs = outer.startMs + Math.floor((timeMs - outer.startMs) / rangeMs) * rangeMs;
  return { startMs, endMs: Math.min(startMs + rangeMs, outer.endMs) };
}
