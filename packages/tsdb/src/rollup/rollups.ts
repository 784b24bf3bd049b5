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
import { keepMsMin, type RetentionPolicy, seriesRetention } from "../retention/retention-policy.ts";
import type { Pause } from "../slices.ts";
import {
  madeWhen,
  type RollupChoice,
  type RollupPolicy,
  rollupChoice,
  tiersInUse,
} from "./rollup-policy.ts";
import type { RollupSources } from "./rollup-select.ts";
import { type RollupView, rollupSources } from "./rollup-sources.ts";
import { ROLLUPS_DIRECTORY, RollupState } from "./rollup-state.ts";
import { RollupTools } from "./rollup-tools.ts";
import { byTime, compactTier, nextTierGroup, type TierGroup } from "./tier-compaction.ts";
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

/** How long after its end a day is over: its last samples are in a block then. */
const DAY_GRACE_MS = 4 * 3_600_000;
/** How long before samples go all of their rows are made. */
const EXPIRY_LEAD_MS = 86_400_000;
/** What is made at once where all of it waits: rather one block than many to put together later. */
const LONG_STRETCH_MS = 86_400_000;

/** What to make in a tier from `startMs` on: what a block there covers, a whole day that waits, or two hours. */
function stretchOf(
  startMs: number,
  blocks: readonly Block[],
  due: TimeRanges,
): readonly [startMs: number, endMs: number] {
  const there = blocks.find(
    ({ meta }) => meta.rangeStartMs <= startMs && meta.rangeEndMs > startMs,
  );
  if (there !== undefined) {
    const { rangeStartMs, rangeEndMs } = there.meta;
    if (rangeEndMs - rangeStartMs > BLOCK_RANGE_MS) return [rangeStartMs, rangeEndMs];
  }
  const longEndMs = startMs + LONG_STRETCH_MS;
  const isLong = startMs % LONG_STRETCH_MS === 0 && covers(due, startMs, longEndMs);
  return [startMs, isLong ? longEndMs : startMs + BLOCK_RANGE_MS];
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
  /** For readers on the same thread, too. */
  readonly tools: RollupTools;
  #retention: RetentionPolicy;
  #rollups: RollupPolicy;
  /** What cannot be made, until something changes: it is not tried every minute. */
  #failed: TimeRanges = [];
  /** The paths of blocks that cannot be put together. */
  readonly #damaged = new Set<string>();
  /** Raw blocks whose rows are wanted before it is time, as they are to go. */
  readonly #hurried = new Set<string>();

  constructor(parts: RollupParts) {
    this.#parts = parts;
    this.tiers = parts.tiers.blocks;
    this.tools = new RollupTools(parts.kernels);
    this.#state = parts.tiers.state;
    parts.raw.skipSequences(this.#state.sequenceMax);
    this.#retention = parts.retention;
    this.#rollups = parts.rollups;
  }

  /** From now on. What is there stays, and a tier that is new is made of all raw blocks there are. */
  setPolicies(retention: RetentionPolicy, rollups: RollupPolicy): void {
    this.#retention = retention;
    this.#rollups = rollups;
    this.#failed = [];
  }

  get #context(): TierContext {
    const { disk, kernels, decoder, pause } = this.#parts;
    const choice = this.#choiceOfAll();
    const choose = (labels: () => Labels): RollupChoice => choice ?? this.choose(labels());
    return { disk, kernels, decoder, tools: this.tools, pause: pause(), choose };
  }

  /** Which tiers a series gets: those that are wanted and kept. */
  choose(labels: Labels): RollupChoice {
    const { tiers, quantiles } = rollupChoice(this.#rollups, labels);
    if (tiers.length === 0) return { tiers, quantiles };
    const keepMs = seriesRetention(this.#retention, labels);
    return { tiers: tiers.filter((tier) => keepMs[tier] > 0), quantiles };
  }

  /** What every series gets where that does not depend on its labels. */
  #choiceOfAll(): RollupChoice | undefined {
    const isAlike = [...this.#rollups, ...this.#retention.rules].every(
      ({ matchers }) => matchers.length === 0,
    );
    return isAlike ? this.choose([]) : undefined;
  }

  get #tiersInUse(): readonly RollupTier[] {
    return tiersInUse(this.#rollups);
  }

  /** The stretches of time whose raw blocks hold what a tier does not have yet. */
  #pendingIn(tier: RollupTier): TimeRanges {
    return this.#tiersInUse.includes(tier)
      ? this.#state.pendingWith(tier, this.#parts.raw.all)
      : [];
  }

  /** The same for all tiers together. Nothing may remove those samples. */
  get pending(): TimeRanges {
    return unite(ROLLUP_TIERS.flatMap((tier) => this.#pendingIn(tier)));
  }

  /** Whether the rows of a raw block wait to be made, and can be. */
  needs({ meta }: Block): boolean {
    let { pending } = this;
    for (const [startMs, endMs] of this.#failed) pending = subtract(pending, startMs, endMs);
    return overlaps(pending, meta.rangeStartMs, meta.rangeEndMs);
  }

  /** Whether a raw block may go. If not, its rows are made by the next `make`, before it is time, and then it may. */
  mayGo(block: Block): boolean {
    if (!this.needs(block)) return true;
    this.#hurried.add(block.path);
    return false;
  }

  /** Whether a block was kept from going since the last `make`. */
  get keptSome(): boolean {
    return this.#hurried.size > 0;
  }

  /** Whether it is time to make a raw block's rows. */
  #isDue(tier: RollupTier, { meta, path }: Block, nowMs: number): boolean {
    if (this.#hurried.has(path)) return true;
    // A long block is read as it is: what is new in its time does not wait.
    const isInLong = this.tiers
      .get(tier)
      ?.all.some(
        ({ meta: { rangeStartMs, rangeEndMs } }) =>
          rangeEndMs - rangeStartMs > BLOCK_RANGE_MS &&
          rangeStartMs < meta.rangeEndMs &&
          rangeEndMs > meta.rangeStartMs,
      );
    if (isInLong === true) return true;
    if (nowMs - meta.rangeEndMs >= keepMsMin(this.#retention, "raw") - EXPIRY_LEAD_MS) return true;
    switch (madeWhen(this.#rollups, tier)) {
      case "at_once":
        return true;
      case "daily": {
        const dayEndMs = Math.ceil(meta.rangeEndMs / LONG_STRETCH_MS) * LONG_STRETCH_MS;
        return nowMs - dayEndMs >= DAY_GRACE_MS;
      }
      case "before_expiry":
        return false;
    }
  }

  /**
   * Makes what is pending and due, for as long as a round may take.
   * @throws OperatingError `disk.full`, `disk.failed`, `memory.full`: what is not made stays pending.
   */
  async make(nowMs: number): Promise<void> {
    const { raw, clock } = this.#parts;
    const tiers = this.#tiersInUse;
    const endMs = clock.monotonicMs() + ROUND_MS_MAX;
    const dueBlocks = (tier: RollupTier): Block[] =>
      raw.all.filter((block) => this.#isDue(tier, block, nowMs));
    await this.#state.note(raw.all, new Map(tiers.map((tier) => [tier, dueBlocks(tier)])));
    this.#hurried.clear();
    while (clock.monotonicMs() < endMs) {
      const due = this.#due(tiers);
      const startMs = Math.min(...due.values().map(([first]) => first?.[0] ?? Infinity));
      if (startMs === Infinity) return;
      const here = tiers.filter((tier) => due.get(tier)?.[0]?.[0] === startMs);
      try {
        await this.#makeFrom(startMs, here, due);
      } catch (error) {
        this.#noteDamage(error);
        this.#failed = unite([...this.#failed, [startMs, startMs + BLOCK_RANGE_MS]]);
      }
    }
  }

  /** What was noted and is not made, without what failed. */
  #due(tiers: readonly RollupTier[]): Map<RollupTier, TimeRanges> {
    return new Map(
      tiers.map((tier) => {
        let pending = this.#state.pendingWith(tier, []);
        for (const [startMs, endMs] of this.#failed) pending = subtract(pending, startMs, endMs);
        return [tier, pending];
      }),
    );
  }

  /** Where a block cannot be read others can: the failure is told, and work goes on. */
  #noteDamage(error: unknown): void {
    if (!(error instanceof OperatingError && error.code === "disk.corrupt")) throw error;
    this.#parts.raw.report(`rollups: ${errorText(error)}`);
  }

  /** Makes the stretches that begin at `startMs`, or are blocks there that reach further, in some tiers. */
  async #makeFrom(
    startMs: number,
    tiers: readonly RollupTier[],
    due: ReadonlyMap<RollupTier, TimeRanges>,
  ): Promise<void> {
    const stretches = new Map<string, { range: readonly [number, number]; parts: TierPart[] }>();
    for (const tier of tiers) {
      const blocks = this.tiers.get(tier) as Blocks;
      const range = stretchOf(startMs, blocks.all, due.get(tier) as TimeRanges);
      const old = blocks.all
        .filter(({ meta }) => meta.rangeStartMs < range[1] && meta.rangeEndMs > range[0])
        .sort(byTime);
      const stretch = stretches.getOrInsertComputed(range.join(), () => ({ range, parts: [] }));
      stretch.parts.push({ tier, blocks, old });
    }
    for (const { range, parts } of stretches.values()) {
      const raw = this.#parts.raw.all.filter((block) => block.overlaps(range[0], range[1] - 1));
      await makeTiers(this.#context, ...range, raw, parts, ({ blocks, old }, meta) =>
        blocks.replace(old, meta),
      );
      await this.#state.done(
        parts.map(({ tier }) => tier),
        ...range,
      );
      await this.#parts.drained();
      for (const { blocks, old } of parts) await blocks.remove(old);
    }
  }

  /**
   * Makes the rows of a range again from the raw blocks there are, all of it, however long that takes.
   * @throws OperatingError `disk.full`, `disk.failed`, `memory.full`.
   */
  async backfill({ minMs, maxMs }: TimeRange): Promise<void> {
    const tiers = this.#tiersInUse;
    const ranges = this.#parts.raw.overlapping(minMs, maxMs).map(({ meta }) => {
      const startMs = Math.floor(Math.max(meta.rangeStartMs, minMs) / BLOCK_RANGE_MS);
      const endMs = Math.ceil(Math.min(meta.rangeEndMs, maxMs + 1) / BLOCK_RANGE_MS);
      return [startMs * BLOCK_RANGE_MS, endMs * BLOCK_RANGE_MS] as const;
    });
    this.#failed = [];
    await this.#state.add(new Map(tiers.map((tier) => [tier, ranges])));
    do await this.make(this.#parts.clock.nowMs());
    while (
      this.#due(tiers)
        .values()
        .some(({ length }) => length > 0)
    );
  }

  /**
   * Puts small blocks of stretches that are over together, for as long as a round may take.
   * @param everything whether it also takes stretches of a day that goes on, and the time it needs.
   * @throws OperatingError `disk.full`, `disk.failed`, `memory.full`.
   */
  async compact(nowMs: number, everything = false): Promise<void> {
    const { clock } = this.#parts;
    const endMs = everything ? Number.POSITIVE_INFINITY : clock.monotonicMs() + ROUND_MS_MAX;
    for (const [tier, blocks] of this.tiers)
      for (;;) {
        const usable = blocks.all.filter(({ path }) => !this.#damaged.has(path));
        const group = nextTierGroup(tier, usable, this.#pendingIn(tier), nowMs, everything);
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
      this.#noteDamage(error);
      for (const { path } of group.blocks) this.#damaged.add(path);
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
    const concerned = ROLLUP_TIERS.map((tier) => {
      const windowMs = WINDOW_MS[tier];
      const from = Math.floor(minMs / windowMs) * windowMs;
      const to = Math.floor(maxMs / windowMs) * windowMs + windowMs - 1;
      return { tier, blocks: this.tiers.get(tier) as Blocks, from, to };
    }).filter(({ blocks, from, to }) => blocks.overlapping(from, to).length > 0);
    await this.#state.add(new Map(concerned.map(({ tier }) => [tier, ranges])));
    for (const { blocks, from, to } of concerned)
      await blocks.delete({ matchers, minMs: from, maxMs: to });
  }

  /** Writes all blocks anew that hold rows which were deleted. @throws OperatingError, as `compact`. */
  async cleanTombstones(): Promise<void> {
    for (const [tier, blocks] of this.tiers) {
      for (const block of blocks.all)
        if (block.hasDeletions) await this.rewrite(tier, block, () => true);
      await blocks.forgetDone();
    }
  }

  /** Where a tier's rows of some time are: see `rollupSources`. */
  sourcesOf(
    tier: RollupTier,
    quantiles: boolean,
    range: TimeRange,
    flushedBeforeMs: number,
    select: (range: TimeRange) => AsyncIterable<SeriesColumns>,
  ): RollupSources {
    return rollupSources(this.view, tier, quantiles, range, flushedBeforeMs, select);
  }

  /** The tiers as they are now. */
  get view(): RollupView {
    return {
      tiers: this.tiers,
      retention: this.#retention,
      rollups: this.#rollups,
      pendingIn: (one) => this.#pendingIn(one),
      choose: (labels) => this.choose(labels),
    };
  }

  /** How many raw blocks have samples of which a tier has no rows yet, be it that it is not time. */
  get blocksPending(): Readonly<Record<RollupTier, number>> {
    const counts = { "1m": 0, "5m": 0, "1h": 0, "1d": 0 };
    for (const tier of ROLLUP_TIERS) {
      const pending = this.#pendingIn(tier);
      for (const { meta } of this.#parts.raw.all)
        if (overlaps(pending, meta.rangeStartMs, meta.rangeEndMs)) counts[tier]++;
    }
    return counts;
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
    this.tools.dispose();
  }
}
