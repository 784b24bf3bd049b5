import type { Labels } from "@pharos/base";
import type { Pause } from "../slices.ts";
import {
  keepMsMax,
  keepMsMin,
  type RetentionPolicy,
  retentionRuleOf,
  STORAGE_TIERS,
  type StorageTier,
  seriesRetention,
} from "./retention-policy.ts";

/** A block is written anew without the series that have expired when they make up this part of its bytes. */
export const REWRITE_PART_MIN = 0.1;

/** What a plan must know of a block. */
export interface KeptBlock {
  readonly tier: StorageTier;
  /** Unique among all blocks. */
  readonly path: string;
  readonly rangeStartMs: number;
  readonly rangeEndMs: number;
  /** Of its files, in bytes. */
  readonly size: number;
  /** Each series, with its share of the samples (rows in a rollup tier) and of the bytes. */
  series(): Iterable<KeptSeries>;
}

export interface KeptSeries {
  readonly labels: Labels;
  readonly samples: number;
  readonly size: number;
}

/** What one rule takes of one tier. Series are counted once for each block that they are in. */
export interface ExpiredCount {
  readonly tier: StorageTier;
  /** The place of the rule in the policy; -1 for what no rule matches, undefined for what goes for its size. */
  readonly rule: number | undefined;
  series: number;
  samples: number;
  size: number;
}

export interface RetentionPlan<Block extends KeptBlock> {
  /** Blocks of which nothing is kept. */
  readonly remove: readonly Block[];
  /** Blocks to write anew without the series that have expired. */
  readonly rewrite: readonly Block[];
  /** What goes with that: by tier, then rule. */
  readonly expired: readonly ExpiredCount[];
}

/**
 * What a block has that is older than its series' retention allows. A block's samples are as old as the end of its
 * range: what is younger than the retention always stays, and what is older may, until all of the block is.
 */
export function blockExpiry(
  policy: RetentionPolicy,
  nowMs: number,
  block: KeptBlock,
): "none" | "some" | "all" {
  const ageMs = nowMs - block.rangeEndMs;
  if (ageMs < keepMsMin(policy, block.tier)) return "none";
  return ageMs >= keepMsMax(policy, block.tier) ? "all" : "some";
}

/** Whether a series of a block is older than its retention allows. */
export function seriesExpired(
  policy: RetentionPolicy,
  nowMs: number,
  { tier, rangeEndMs }: Pick<KeptBlock, "tier" | "rangeEndMs">,
  labels: Labels,
): boolean {
  return nowMs - rangeEndMs >= seriesRetention(policy, labels)[tier];
}

export interface PlanOptions<Block extends KeptBlock> {
  /**
   * How many bytes the blocks may have together; 0 for no limit. What is over it goes for its size: the oldest raw
   * blocks first, then the oldest of each tier from the finest to the coarsest.
   */
  readonly sizeMax: number;
  /** Whether to count what goes; without it, `expired` is empty and only blocks that keep a part are looked into. */
  readonly count: boolean;
  /** Blocks that keep a part, and are known not to be worth writing anew. */
  readonly leave?: (block: Block) => boolean;
  /** Awaited between series. */
  readonly pause: Pause;
}

/** What goes at `nowMs`. */
export async function planRetention<Block extends KeptBlock>(
  policy: RetentionPolicy,
  nowMs: number,
  blocks: readonly Block[],
  { sizeMax, count, leave = () => false, pause }: PlanOptions<Block>,
): Promise<RetentionPlan<Block>> {
  const remove: Block[] = [];
  const rewrite: Block[] = [];
  const expired = new ExpiredCounts();
  const kept = new Map<Block, number>();
  for (const block of blocks) {
    const expiry = blockExpiry(policy, nowMs, block);
    if (expiry === "none" || (expiry === "some" && leave(block))) {
      kept.set(block, block.size);
      continue;
    }
    const inBlock = new ExpiredCounts();
    let stays = 0;
    if (expiry === "some" || count)
      for (const series of block.series()) {
        if (expiry === "some" && !seriesExpired(policy, nowMs, block, series.labels)) stays++;
        else inBlock.add(block.tier, retentionRuleOf(policy, series.labels), series);
        await pause();
      }
    const rewritten = stays > 0 && inBlock.size > 0 && pays(inBlock.size, block);
    if (stays === 0) remove.push(block);
    else if (rewritten) rewrite.push(block);
    if (stays > 0) kept.set(block, block.size - (rewritten ? inBlock.size : 0));
    if (stays === 0 || rewritten) expired.addAll(inBlock);
  }
  for (const block of overSize(kept, sizeMax)) {
    remove.push(block);
    const again = rewrite.indexOf(block);
    if (again >= 0) rewrite.splice(again, 1);
    if (!count) continue;
    for (const series of block.series()) {
      if (again < 0 || !seriesExpired(policy, nowMs, block, series.labels))
        expired.add(block.tier, undefined, series);
      await pause();
    }
  }
  return { remove, rewrite, expired: count ? expired.list() : [] };
}

/** Whether so many bytes that have expired are worth writing a block anew. */
export function pays(expiredSize: number, { size }: Pick<KeptBlock, "size">): boolean {
  return expiredSize >= size * REWRITE_PART_MIN;
}

/** The blocks that must go so that the others fit, the first to go first. */
export function overSize<Block extends KeptBlock>(
  sizes: ReadonlyMap<Block, number>,
  sizeMax: number,
): readonly Block[] {
  if (sizeMax === 0) return [];
  let total = 0;
  for (const size of sizes.values()) total += size;
  const order = [...sizes.keys()].sort(
    (a, b) =>
      STORAGE_TIERS.indexOf(a.tier) - STORAGE_TIERS.indexOf(b.tier) || a.rangeEndMs - b.rangeEndMs,
  );
  const gone: Block[] = [];
  for (const block of order) {
    if (total <= sizeMax) break;
    gone.push(block);
    total -= sizes.get(block) as number;
  }
  return gone;
}

class ExpiredCounts {
  readonly #counts = new Map<string, ExpiredCount>();
  size = 0;

  add(
    tier: StorageTier,
    rule: number | undefined,
    { samples, size }: Omit<KeptSeries, "labels">,
  ): void {
    this.#addCount({ tier, rule, series: 1, samples, size });
  }

  addAll(other: ExpiredCounts): void {
    for (const count of other.#counts.values()) this.#addCount(count);
  }

  #addCount(more: ExpiredCount): void {
    const { tier, rule } = more;
    const count = this.#counts.getOrInsertComputed(`${tier} ${rule}`, () => ({
      ...{ tier, rule },
      ...{ series: 0, samples: 0, size: 0 },
    }));
    count.series += more.series;
    count.samples += more.samples;
    count.size += more.size;
    this.size += more.size;
  }

  list(): readonly ExpiredCount[] {
    const place = ({ tier, rule }: ExpiredCount): number =>
      STORAGE_TIERS.indexOf(tier) * 1e9 + (rule ?? 1e8);
    return [...this.#counts.values()].sort((a, b) => place(a) - place(b));
  }
}
