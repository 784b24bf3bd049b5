import type { Labels } from "@pharos/base";
import {
  ROLLUP_TIERS,
  type RollupTier,
  type SeriesColumns,
  type TimeRange,
  WINDOW_MS,
} from "@pharos/ports";
import type { Block } from "../block/block.ts";
import { BLOCK_RANGE_MS } from "../block/block-meta.ts";
import type { Blocks } from "../block/blocks.ts";
import type { RetentionPolicy } from "../retention/retention-policy.ts";
import { alwaysHasQuantiles, type RollupChoice, type RollupPolicy } from "./rollup-policy.ts";
import type { RollupSources, RowSources } from "./rollup-select.ts";
import { covers, overlaps, subtract, type TimeRanges, unite } from "./time-ranges.ts";

/** The tier that answers for another one until its rows are made. */
const STANDS_IN: Partial<Record<RollupTier, RollupTier>> = { "1d": "1h" };

/** The rollup tiers as they are when somebody asks for rows. */
export interface RollupView {
  readonly tiers: ReadonlyMap<RollupTier, Pick<Blocks, "all">>;
  readonly retention: RetentionPolicy;
  readonly rollups: RollupPolicy;
  /** The stretches of time whose raw blocks hold what a tier does not have yet. */
  readonly pendingIn: (tier: RollupTier) => TimeRanges;
  /** Which tiers a series gets. */
  readonly choose: (labels: Labels) => RollupChoice;
}

/**
 * Where a tier's rows of some time are: in blocks, or still to be made of samples.
 *
 * @param quantiles whether the rows are to tell quantiles.
 * @param flushedBeforeMs later samples are in no raw block.
 * @param select the samples of a stretch.
 */
export function rollupSources(
  view: RollupView,
  tier: RollupTier,
  quantiles: boolean,
  range: TimeRange,
  flushedBeforeMs: number,
  select: (range: TimeRange) => AsyncIterable<SeriesColumns>,
): RollupSources {
  const { minMs, maxMs } = range;
  const pending = view.pendingIn(tier);
  const { blocks, rest } = madeOf(view, tier, pending, pending);
  let stretches = rest;
  const finer = STANDS_IN[tier];
  if (finer !== undefined && standsIn(view, finer, tier, quantiles)) {
    const standIn = madeOf(view, finer, view.pendingIn(finer), stretches);
    for (const block of standIn.blocks) {
      const { rangeStartMs, rangeEndMs } = block.meta;
      if (!covers(stretches, rangeStartMs, rangeEndMs)) continue;
      blocks.push(block);
      stretches = subtract(stretches, rangeStartMs, rangeEndMs);
    }
  }
  stretches = unite([...stretches, [flushedBeforeMs, Number.POSITIVE_INFINITY]]);
  const there = blocks.filter((block) => block.overlaps(minMs, maxMs));
  const lacksSketches = quantiles && !alwaysHasQuantiles(view.rollups, tier);
  return {
    rows: { blocks: there, samples: samplesOf(stretches, range, select) },
    sketches: lacksSketches ? sketchesFor(view, tier, there, range, select) : undefined,
    choose: view.choose,
  };
}

/** What tells the quantiles of the windows that blocks without sketches have: finer rows with sketches, or samples. */
function sketchesFor(
  view: RollupView,
  tier: RollupTier,
  blocks: readonly Block[],
  range: TimeRange,
  select: (range: TimeRange) => AsyncIterable<SeriesColumns>,
): RowSources {
  const windowMs = WINDOW_MS[tier];
  let stretches = unite(
    blocks.map(({ meta: { rangeStartMs, rangeEndMs } }) => [
      Math.floor(rangeStartMs / windowMs) * windowMs,
      Math.ceil(rangeEndMs / windowMs) * windowMs,
    ]),
  );
  const finer = ROLLUP_TIERS.slice(0, ROLLUP_TIERS.indexOf(tier)).reverse();
  const taken: Block[] = [];
  for (const each of finer.filter((one) =>
    view.rollups.some((rule) => rule.quantiles.includes(one)),
  ))
    for (const block of madeOf(view, each, view.pendingIn(each), []).blocks) {
      const { rangeStartMs, rangeEndMs } = block.meta;
      const isFree = !taken.some(
        ({ meta }) => meta.rangeStartMs < rangeEndMs && meta.rangeEndMs > rangeStartMs,
      );
      if (!isFree || !overlaps(stretches, rangeStartMs, rangeEndMs)) continue;
      taken.push(block);
      stretches = subtract(stretches, rangeStartMs, rangeEndMs);
    }
  return {
    blocks: taken.filter((block) => block.overlaps(range.minMs, range.maxMs)),
    samples: samplesOf(stretches, range, select),
  };
}

/** The stretches of time of which a tier has rows that are up to date. */
export function madeRanges(view: RollupView, tier: RollupTier): TimeRanges {
  const { blocks } = madeOf(view, tier, view.pendingIn(tier), []);
  return unite(blocks.map(({ meta }) => [meta.rangeStartMs, meta.rangeEndMs]));
}

/** The blocks of a tier that are up to date, and what is left of some stretches without them. */
function madeOf(
  view: RollupView,
  tier: RollupTier,
  pending: TimeRanges,
  stretches: TimeRanges,
): { readonly blocks: Block[]; readonly rest: TimeRanges } {
  // A short block whose range is pending is out of date. A long one is too, but only it may know of samples long gone.
  const blocks = (view.tiers.get(tier)?.all ?? []).filter(({ meta }) => {
    const isShort = meta.rangeEndMs - meta.rangeStartMs <= BLOCK_RANGE_MS;
    return !(isShort && covers(pending, meta.rangeStartMs, meta.rangeEndMs));
  });
  let rest = stretches;
  for (const { meta } of blocks) rest = subtract(rest, meta.rangeStartMs, meta.rangeEndMs);
  return { blocks, rest };
}

/** Whether every series that gets a tier gets a finer one, and quantiles with it where those are asked for. */
function standsIn(
  view: RollupView,
  finer: RollupTier,
  tier: RollupTier,
  quantiles: boolean,
): boolean {
  const keeps = [...view.retention.rules.map(({ keepMs }) => keepMs), view.retention.fallback];
  return (
    keeps.every((keepMs) => keepMs[finer] > 0) &&
    view.rollups.every(({ tiers }) => !tiers.includes(tier) || tiers.includes(finer)) &&
    (!quantiles || alwaysHasQuantiles(view.rollups, finer))
  );
}

/** The samples of the parts of stretches that lie in a range. */
function samplesOf(
  stretches: TimeRanges,
  { minMs, maxMs }: TimeRange,
  select: (range: TimeRange) => AsyncIterable<SeriesColumns>,
): RowSources["samples"] {
  const after = subtract(stretches, Number.NEGATIVE_INFINITY, minMs);
  return subtract(after, maxMs + 1, Number.POSITIVE_INFINITY).map(([startMs, endMs]) => ({
    startMs,
    series: select({ minMs: startMs, maxMs: endMs - 1 }),
  }));
}
