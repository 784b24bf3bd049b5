import { type Clock, errorText, type Labels, type Matcher, OperatingError } from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import {
  type Disk,
  ROLLUP_TIERS,
  type RollupTier,
  type SeriesColumns,
  type TimeRange,
  WINDOW_MS,
} from "@pharos/ports";
import type { Block } from "../block/block.ts";
import type { BlockCache } from "../block/block-cache.ts";
import { BLOCK_RANGE_MS, type BlockMeta } from "../block/block-meta.ts";
import { Blocks } from "../block/blocks.ts";
import type { ColumnDecoder } from "../block/column-decoder.ts";
import { type RetentionPolicy, seriesRetention } from "../retention/retention-policy.ts";
import type { Pause } from "../slices.ts";
import { QuantileSketch } from "./quantile-sketch.ts";
import { type RollupChoice, type RollupPolicy, rollupChoice, tiersInUse } from "./rollup-policy.ts";
import type { RollupSources } from "./rollup-select.ts";
import { ROLLUPS_DIRECTORY, RollupState } from "./rollup-state.ts";
import { compactTier, nextTierGroup, type TierGroup } from "./tier-compaction.ts";
import { makeTiers, type TierContext, type TierPart } from "./tier-maker.ts";
import { covers, overlaps, subtract, type TimeRanges, unite } from "./time-ranges.ts";

/** How long one round of making or compacting goes on; what is left waits for the next. */
const ROUND_MS_MAX = 20_000;

/** What is on disk of rollups. */
export interface OpenTiers {
  readonly blocks: ReadonlyMap<RollupTier, Blocks>;
  readonly state: RollupState;
}

/** Opens the tiers' folders, which are there after a power loss when this resolves. @throws OperatingError `disk.failed`. */
export async function openTiers(disk: Disk, cache: BlockCache): Promise<OpenTiers> {
  const state = RollupState.open(disk);
  const blocks = new Map(
    ROLLUP_TIERS.map((tier) => [tier, Blocks.open(disk, `${ROLLUPS_DIRECTORY}/${tier}`, cache)]),
  );
  await disk.syncDirectory(ROLLUPS_DIRECTORY);
  await disk.syncDirectory("");
  return { blocks, state };
}

export interface RollupParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly kernels: Kernels;
  readonly decoder: ColumnDecoder;
  /** The raw blocks that rows are made from. */
  readonly raw: Blocks;
  readonly tiers: OpenTiers;
  readonly retention: RetentionPolicy;
  readonly rollups: RollupPolicy;
  /** For each piece of work that goes through many series. */
  readonly pause: () => Pause;
  /** Resolves when nobody reads any more what was there before the call. */
  readonly drained: () => Promise<void>;
}

/**
 * The rollup tiers of a store: each a folder of blocks with rows in place of samples, made from raw blocks as those
 * come. One writer: methods that change something run one after another.
 */
export class Rollups {
  readonly tiers: ReadonlyMap<RollupTier, Blocks>;
  readonly #parts: RollupParts;
  readonly #state: RollupState;
  readonly #sketch = new QuantileSketch();
  #retention: RetentionPolicy;
  #rollups: RollupPolicy;
  /** Stretches that cannot be made or compacted, until something changes: they are not tried every minute. */
  readonly #failed = new Set<string>();

  constructor(parts: RollupParts) {
    this.#parts = parts;
    this.tiers = parts.tiers.blocks;
    this.#state = parts.tiers.state;
    this.#retention = parts.retention;
    this.#rollups = parts.rollups;
  }

  /** From now on. What is there stays, and a tier that is new is made of all raw blocks there are. */
  setPolicies(retention: RetentionPolicy, rollups: RollupPolicy): void {
    this.#retention = retention;
    this.#rollups = rollups;
    this.#failed.clear();
  }

  get #context(): TierContext {
    const { disk, kernels, decoder, pause } = this.#parts;
    const choose = (labels: Labels): RollupChoice => this.choose(labels);
    return { disk, kernels, decoder, sketch: this.#sketch, pause: pause(), choose };
  }

  /** Which tiers a series gets: those that are wanted and kept. */
  choose(labels: Labels): RollupChoice {
    const { tiers, quantiles } = rollupChoice(this.#rollups, labels);
    if (tiers.length === 0) return { tiers, quantiles };
    const keepMs = seriesRetention(this.#retention, labels);
    return { tiers: tiers.filter((tier) => keepMs[tier] > 0), quantiles };
  }

  get #tiersInUse(): readonly RollupTier[] {
    return tiersInUse(this.#rollups);
  }

  /** The stretches of time whose raw blocks hold what the tiers do not have yet. Nothing may remove them. */
  get pending(): TimeRanges {
    const tiers = this.#tiersInUse;
    return tiers.length === 0 ? [] : this.#state.pendingWith(this.#parts.raw.all, tiers);
  }

  /** Whether the rows of a raw block wait to be made, and can be. */
  needs({ meta }: Block): boolean {
    const { rangeStartMs, rangeEndMs } = meta;
    return overlaps(this.pending, rangeStartMs, rangeEndMs) && !this.#failed.has(`${rangeStartMs}`);
  }

  /**
   * Makes what is pending, for as long as a round may take.
   * @throws OperatingError `disk.full`, `disk.failed`, `memory.full`: what is not made stays pending.
   */
  async make(): Promise<void> {
    const { raw, clock } = this.#parts;
    const tiers = this.#tiersInUse;
    if (tiers.length === 0) return;
    const endMs = clock.monotonicMs() + ROUND_MS_MAX;
    let pending = await this.#state.note(raw.all, tiers);
    for (;;) {
      const startMs = this.#firstToMake(pending);
      if (startMs === undefined || clock.monotonicMs() >= endMs) return;
      try {
        pending = await this.#makeAround(startMs, tiers);
      } catch (error) {
        this.#noteFailure(`${startMs}`, error);
      }
    }
  }

  #firstToMake(pending: TimeRanges): number | undefined {
    for (const [startMs, endMs] of pending)
      for (let atMs = startMs; atMs < endMs; atMs += BLOCK_RANGE_MS)
        if (!this.#failed.has(`${atMs}`)) return atMs;
    return undefined;
  }

  /** Where a block cannot be read others can: the failure is told, and work goes on. */
  #noteFailure(key: string, error: unknown): void {
    if (!(error instanceof OperatingError && error.code === "disk.corrupt")) throw error;
    this.#failed.add(key);
    this.#parts.raw.report(`rollups: ${errorText(error)}`);
  }

  /** Makes the stretches that begin at `startMs`, or are blocks there that reach further. */
  async #makeAround(startMs: number, tiers: readonly RollupTier[]): Promise<TimeRanges> {
    const stretches = new Map<string, { range: [number, number]; parts: TierPart[] }>();
    for (const tier of tiers) {
      const blocks = this.tiers.get(tier) as Blocks;
      const there = blocks.all.find(
        ({ meta }) => meta.rangeStartMs <= startMs && meta.rangeEndMs > startMs,
      );
      const range: [number, number] = there
        ? [there.meta.rangeStartMs, there.meta.rangeEndMs]
        : [startMs, startMs + BLOCK_RANGE_MS];
      const stretch = stretches.getOrInsertComputed(range.join(), () => ({ range, parts: [] }));
      stretch.parts.push({ tier, blocks, old: there === undefined ? [] : [there] });
    }
    let made: TimeRanges = [[Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]];
    for (const { range, parts } of stretches.values()) {
      const raw = this.#parts.raw.all.filter((block) => block.overlaps(range[0], range[1] - 1));
      const metas = await makeTiers(this.#context, ...range, raw, parts);
      for (const [i, { blocks, old }] of parts.entries()) blocks.replace(old, metas[i]);
      await this.#parts.drained();
      for (const { blocks, old } of parts) await blocks.remove(old);
      made = subtract(made, Number.NEGATIVE_INFINITY, range[0]);
      made = subtract(made, range[1], Number.POSITIVE_INFINITY);
    }
    for (const [start, end] of made) await this.#state.done(start, end);
    return this.pending;
  }

  /**
   * Makes the rows of a range again from the raw blocks there are, all of it, however long that takes.
   * @throws OperatingError `disk.full`, `disk.failed`, `memory.full`.
   */
  async backfill({ minMs, maxMs }: TimeRange): Promise<void> {
    const ranges = this.#parts.raw.overlapping(minMs, maxMs).map(({ meta }) => {
      const startMs = Math.floor(Math.max(meta.rangeStartMs, minMs) / BLOCK_RANGE_MS);
      const endMs = Math.ceil(Math.min(meta.rangeEndMs, maxMs + 1) / BLOCK_RANGE_MS);
      return [startMs * BLOCK_RANGE_MS, endMs * BLOCK_RANGE_MS] as const;
    });
    this.#failed.clear();
    await this.#state.add(unite(ranges));
    while (this.#firstToMake(this.pending) !== undefined) await this.make();
  }

  /**
   * Puts small blocks of stretches that are over together, for as long as a round may take.
   * @throws OperatingError `disk.full`, `disk.failed`, `memory.full`.
   */
  async compact(nowMs: number): Promise<void> {
    const { clock } = this.#parts;
    const endMs = clock.monotonicMs() + ROUND_MS_MAX;
    for (const [tier, blocks] of this.tiers)
      for (;;) {
        const usable = blocks.all.filter(({ path }) => !this.#failed.has(path));
        const group = nextTierGroup(tier, usable, this.pending, nowMs);
        if (group === undefined || clock.monotonicMs() >= endMs) break;
        await this.#rewrite(tier, blocks, group, (labels) =>
          this.#isKept(tier, labels, group, nowMs),
        );
      }
    for (const blocks of this.tiers.values()) await blocks.forgetDone();
  }

  #isKept(tier: RollupTier, labels: Labels, { endMs }: TierGroup, nowMs: number): boolean {
    return nowMs - endMs < seriesRetention(this.#retention, labels)[tier];
  }

  /** Writes a block of a tier anew without the series that are not kept. @throws OperatingError, as `compact`. */
  async rewrite(tier: RollupTier, block: Block, keep: (labels: Labels) => boolean): Promise<void> {
    const { rangeStartMs: startMs, rangeEndMs: endMs } = block.meta;
    const blocks = this.tiers.get(tier) as Blocks;
    await this.#rewrite(tier, blocks, { blocks: [block], startMs, endMs }, keep);
  }

  async #rewrite(
    tier: RollupTier,
    blocks: Blocks,
    group: TierGroup,
    keep: (labels: Labels) => boolean,
  ): Promise<void> {
    try {
      const meta = await compactTier(this.#context, tier, blocks, group, keep);
      blocks.replace(group.blocks, meta);
      await this.#parts.drained();
      await blocks.remove(group.blocks);
    } catch (error) {
      const [first] = group.blocks;
      this.#noteFailure((first as Block).path, error);
    }
  }

  /**
   * Deletes the rows of the windows that reach into a range, for the series that match; of windows that reach beyond it,
   * `make` makes rows again from the raw samples there are. To be called before the raw samples are deleted: should
   * the process die in between, what is not deleted is made again.
   *
   * @throws OperatingError `queue.full`, `disk.full`, `disk.failed`.
   */
  async delete(matchers: readonly Matcher[], { minMs, maxMs }: TimeRange): Promise<void> {
    const longestMs = WINDOW_MS[ROLLUP_TIERS.at(-1) as RollupTier];
    const windowOf = (timeMs: number): readonly [number, number] => {
      const startMs = Math.floor(timeMs / longestMs) * longestMs;
      return [startMs, startMs + longestMs];
    };
    const borders = unite([windowOf(minMs), windowOf(maxMs)]);
    const ranges = this.#parts.raw.all
      .map(({ meta }) => [meta.rangeStartMs, meta.rangeEndMs] as const)
      .filter(([startMs, endMs]) => overlaps(borders, startMs, endMs));
    await this.#state.add(unite(ranges));
    for (const [tier, blocks] of this.tiers) {
      const windowMs = WINDOW_MS[tier];
      const from = Math.floor(minMs / windowMs) * windowMs;
      const to = Math.floor(maxMs / windowMs) * windowMs + windowMs - 1;
      if (blocks.overlapping(from, to).length === 0) continue;
      await blocks.delete({ matchers, minMs: from, maxMs: to });
    }
  }

  /** Writes all blocks anew that hold rows which were deleted. @throws OperatingError, as `compact`. */
  async cleanTombstones(): Promise<void> {
    for (const [tier, blocks] of this.tiers) {
      for (const block of blocks.all)
        if (block.hasDeletions) await this.rewrite(tier, block, () => true);
      await blocks.forgetDone();
    }
  }

  /**
   * Where a tier's rows of some time are: in blocks, or still to be made of samples.
   *
   * @param flushedBeforeMs later samples are in no raw block.
   * @param select the samples of a stretch.
   */
  sourcesOf(
    tier: RollupTier,
    { minMs, maxMs }: TimeRange,
    flushedBeforeMs: number,
    select: (range: TimeRange) => AsyncIterable<SeriesColumns>,
  ): RollupSources {
    const { pending } = this;
    // A short block whose range is pending is out of date. A long one is too, but only it may know of samples long gone.
    const all = (this.tiers.get(tier) as Blocks).all.filter(({ meta }) => {
      const isShort = meta.rangeEndMs - meta.rangeStartMs <= BLOCK_RANGE_MS;
      return !(isShort && covers(pending, meta.rangeStartMs, meta.rangeEndMs));
    });
    let stretches = pending;
    for (const { meta } of all) stretches = subtract(stretches, meta.rangeStartMs, meta.rangeEndMs);
    stretches = unite([...stretches, [flushedBeforeMs, Number.POSITIVE_INFINITY]]);
    stretches = subtract(stretches, Number.NEGATIVE_INFINITY, minMs);
    stretches = subtract(stretches, maxMs + 1, Number.POSITIVE_INFINITY);
    return {
      blocks: all.filter((block) => block.overlaps(minMs, maxMs)),
      samples: stretches.map(([startMs, endMs]) => ({
        startMs,
        series: select({ minMs: startMs, maxMs: endMs - 1 }),
      })),
      choose: (labels) => this.choose(labels),
    };
  }

  /** Of all blocks, from the finest tier to the coarsest. */
  get metas(): readonly BlockMeta[] {
    return [...this.tiers.values()].flatMap(({ all }) => all.map(({ meta }) => meta));
  }

  /** Why blocks were left out, for people. */
  get problems(): readonly string[] {
    return [...this.tiers.values()].flatMap(({ problems }) => problems);
  }

  close(): void {
    for (const blocks of this.tiers.values()) blocks.close();
  }
}
