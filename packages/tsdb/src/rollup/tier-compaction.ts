import type { Labels } from "@pharos/base";
import { type RollupTier, WINDOW_MS } from "@pharos/ports";
import type { Block } from "../block/block.ts";
import type { BlockMeta } from "../block/block-meta.ts";
import type { Blocks } from "../block/blocks.ts";
import { allSeries, BlockMerge } from "./block-merge.ts";
import { RollupRows } from "./rollup-rows.ts";
import { beginTierBlock, type TierContext } from "./tier-maker.ts";
import { overlaps, type TimeRanges } from "./time-ranges.ts";

const DAY_MS = 86_400_000;

/** The stretches of time that a tier's blocks are put together to, aligned to the epoch; each divides the next. */
const RANGES_MS: Readonly<Record<RollupTier, readonly number[]>> = {
  "1m": [DAY_MS, 8 * DAY_MS],
  "5m": [DAY_MS, 8 * DAY_MS],
  // Made two hours at a time, of which each block has two rows a series: eight hours take half of that.
  "1h": [DAY_MS / 3, DAY_MS, 8 * DAY_MS, 64 * DAY_MS],
  "1d": [DAY_MS, 8 * DAY_MS, 64 * DAY_MS, 512 * DAY_MS],
};

/**
 * How long after its end a stretch is put together: by then its late samples are there. One that comes later costs
 * making the whole stretch again.
 */
const SETTLED_AFTER_MS = 4 * 3_600_000;

/** Blocks to put together, by time, and the stretch of time of the one that they become. */
export interface TierGroup {
  readonly blocks: readonly Block[];
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * The next blocks of a tier that should become one: two or more in a stretch of time that is over.
 *
 * @param pending what is to be made again; it is left alone until then.
 * @param everything whether stretches up to a day are put together as far as they go, settled or not.
 */
export function nextTierGroup(
  tier: RollupTier,
  blocks: readonly Block[],
  pending: TimeRanges,
  nowMs: number,
  everything: boolean,
): TierGroup | undefined {
  for (const rangeMs of RANGES_MS[tier]) {
    const groups = new Map<number, Block[]>();
    for (const block of blocks) {
      const { rangeStartMs, rangeEndMs } = block.meta;
      const startMs = Math.floor(rangeStartMs / rangeMs) * rangeMs;
      if (rangeEndMs > startMs + rangeMs) continue;
      groups.getOrInsertComputed(startMs, () => []).push(block);
    }
    for (const [startMs, group] of groups) {
      const endMs = startMs + rangeMs;
      if (group.length < 2 || overlaps(pending, startMs, endMs)) continue;
      const sorted = group.toSorted(byTime);
      if (endMs + SETTLED_AFTER_MS <= nowMs) return { blocks: sorted, startMs, endMs };
      if (everything && rangeMs <= DAY_MS) return { blocks: sorted, ...stretchOf(sorted) };
    }
  }
  return undefined;
}

/** From the first block's start to the last end: no longer than what is there, so that the rest may still come. */
function stretchOf(sorted: readonly Block[]): { readonly startMs: number; readonly endMs: number } {
  const startMs = (sorted[0] as Block).meta.rangeStartMs;
  return { startMs, endMs: Math.max(...sorted.map(({ meta }) => meta.rangeEndMs)) };
}

export function byTime(a: Block, b: Block): number {
  return a.meta.rangeStartMs - b.meta.rangeStartMs;
}

/**
 * Writes the block that some of a tier become. Rows of one window become one row.
 *
 * @param keep whether the rows of a series are still wanted.
 * @returns its meta; undefined where no row is left.
 * @throws OperatingError `disk.corrupt`, `disk.full`, `disk.failed`, `memory.full`: the blocks are as they were.
 */
export async function compactTier(
  context: TierContext,
  tier: RollupTier,
  blocks: Blocks,
  { blocks: sources, startMs, endMs }: TierGroup,
  keep: (labels: Labels) => boolean,
): Promise<BlockMeta | undefined> {
  const { decoder, tools, pause } = context;
  const writer = beginTierBlock(context, tier, blocks, startMs, endMs, sources);
  try {
    const merge = new BlockMerge(allSeries(sources));
    const part = new RollupRows(WINDOW_MS[tier]);
    const rows = new RollupRows(WINDOW_MS[tier]);
    rows.rangeStartMs = startMs;
    for (let bytes = merge.next(); bytes !== undefined; bytes = merge.next()) {
      rows.clear();
      let kept: boolean | undefined;
      for (const [at, block] of sources.entries()) {
        const series = merge.seriesIn(at);
        if (series === undefined) continue;
        kept ??= keep(block.labelsOf(series));
        if (!kept) break;
        part.clear();
        block.read(series, "rollup", startMs, endMs - 1, decoder, (set) => part.appendColumns(set));
        rows.append(part, tools.sketch);
      }
      if (rows.length > 0) writer.add(bytes, [rows.columnSet()]);
      await pause();
    }
    return writer.isEmpty ? undefined : await writer.finish(pause);
  } finally {
    writer.dispose();
  }
}
