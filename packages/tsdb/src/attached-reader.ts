import type { Clock, Matcher } from "@pharos/base";
import { HeadReader, Kernels } from "@pharos/kernels";
import {
  type Disk,
  type ExemplarReader,
  ROLLUP_TIERS,
  type RollupReader,
  type RollupTier,
  type SeriesReader,
  type StoreChanges,
  type TimeRange,
} from "@pharos/ports";
import { type ArchiveSettings, openArchive } from "./archive/open-archive.ts";
import type { Block } from "./block/block.ts";
import { BlockCache } from "./block/block-cache.ts";
import { BLOCKS_DIRECTORY } from "./block/block-meta.ts";
import { Blocks } from "./block/blocks.ts";
import { ColumnDecoder } from "./block/column-decoder.ts";
import type { SelectionWishes } from "./head-selection.ts";
import type { LabelQuery, MatcherLists } from "./label-queries.ts";
import {
  plainMatchers,
  type ReaderAnswer,
  type ReaderCalls,
  type ReaderSetup,
} from "./reader-session.ts";
import { ROLLUPS_DIRECTORY } from "./rollup/rollup-state.ts";
import { RollupTools } from "./rollup/rollup-tools.ts";
import { receivedRollups } from "./rollup/sent-rollups.ts";
import type { Hold } from "./selection.ts";
import { createPause } from "./slices.ts";
import { heldTooLong, SNAPSHOT_MS_MAX } from "./snapshots.ts";
import {
  type ResolvedEstimate,
  type ResolvedExemplars,
  type ResolvedLabels,
  type ResolvedRollups,
  type ResolvedSelection,
  type SelectionResolver,
  StoreReader,
} from "./store-reader.ts";
import { TimeChanges } from "./time-changes.ts";

export interface AttachedReaderOptions {
  /** What the store gave for this reader. */
  readonly setup: ReaderSetup;
  readonly calls: ReaderCalls;
  /** The store's data directory. Nothing is written there. */
  readonly disk: Disk;
  readonly clock: Clock;
  /** A memory of this thread's own, where blocks are decoded; a new one unless given. It may not allocate in the store's. */
  readonly kernels?: Kernels | undefined;
  /** Bytes of blocks that are kept in memory; the store's default unless given. */
  readonly blockCacheSizeMax?: number | undefined;
  /** The store's archive, if it has one. */
  readonly archive?: ArchiveSettings | undefined;
}

/** A store as another thread sees it. */
export type AttachedReader = SeriesReader &
  ExemplarReader &
  RollupReader & { readonly changes: StoreChanges };

/**
 * Reads a store from another thread: the head's samples from the memory that they share, the blocks' from their files,
 * with a cache of its own. @throws OperatingError `memory.full`.
 */
export async function attachReader(options: AttachedReaderOptions): Promise<AttachedReader> {
  const { setup, calls, clock, disk, blockCacheSizeMax } = options;
  const head = new HeadReader(await Kernels.attach(setup.kernels), setup.window);
  const cache = new BlockCache(blockCacheSizeMax);
  const blocks = Blocks.following(disk, BLOCKS_DIRECTORY, cache);
  const tiers = new Map(
    ROLLUP_TIERS.map((tier) => [
      tier,
      Blocks.following(disk, `${ROLLUPS_DIRECTORY}/${tier}`, cache),
    ]),
  );
  const never = new AbortController().signal;
  const archive =
    options.archive && (await openArchive({ ...options.archive, disk, clock, follow: true }));
  const kernels = options.kernels ?? (await Kernels.load());
  return new StoreReader({
    resolver: new AttachedResolver(options, blocks, tiers),
    head,
    ...{ decoder: new ColumnDecoder(kernels), kernels, rollupTools: new RollupTools(kernels) },
    damaged({ message }) {
      if (blocks.problems.includes(message)) return;
      blocks.report(message);
      calls.report(message);
    },
    pause: () => createPause(clock, never),
    archive,
    changes: new TimeChanges(setup.changes),
  });
}

/** The range of an answer for which the blocks of samples are of no interest. */
const NOWHERE: TimeRange = { minMs: 0, maxMs: -1 };

/** Asks the store, and keeps its own list of blocks as the store's is. */
class AttachedResolver implements SelectionResolver {
  readonly #calls: ReaderCalls;
  readonly #clock: Clock;
  readonly #blocks: Blocks;
  readonly #tiers: ReadonlyMap<RollupTier, Blocks>;
  #reading = 0;
  /** Blocks that are gone, which somebody may still be reading. */
  readonly #leaving = new Set<Block>();

  constructor(
    { calls, clock }: AttachedReaderOptions,
    blocks: Blocks,
    tiers: ReadonlyMap<RollupTier, Blocks>,
  ) {
    this.#tiers = tiers;
    this.#calls = calls;
    this.#clock = clock;
    this.#blocks = blocks;
  }

  async select(
    range: TimeRange,
    matchers: readonly Matcher[],
    wishes: SelectionWishes,
  ): Promise<ResolvedSelection> {
    const plain = plainMatchers(matchers);
    const resolved = await this.#resolved(range, () => this.#calls.select(range, plain, wishes));
    return { ...resolved, labels: () => this.#calls.selectionLabels(resolved.hold) };
  }

  async estimate(range: TimeRange, matchers: readonly Matcher[]): Promise<ResolvedEstimate> {
    return this.#resolved(range, () => this.#calls.estimate(range, plainMatchers(matchers)));
  }

  async exemplars(range: TimeRange, matcherLists: MatcherLists): Promise<ResolvedExemplars> {
    const lists = matcherLists.map(plainMatchers);
    return this.#resolved(range, () => this.#calls.exemplars(range, lists));
  }

  async labels(range: TimeRange, query: LabelQuery): Promise<ResolvedLabels> {
    const plain = { ...query, matcherLists: query.matcherLists.map(plainMatchers) };
    const resolved = await this.#resolved(range, () => this.#calls.labels(range, plain));
    return { ...resolved, labels: () => this.#calls.selectionLabels(resolved.hold) };
  }

  async rollups(): Promise<ResolvedRollups> {
    const { head, ...held } = await this.#resolved(NOWHERE, () => this.#calls.rollups());
    try {
      for (const [tier, { blocks, deletions }] of head.tiers)
        for (const block of this.#tiers.get(tier)?.follow(blocks, deletions) ?? [])
          this.#leaving.add(block);
      return { ...held, ...receivedRollups(head, this.#tiers) };
    } catch (error) {
      held.release();
      throw error;
    }
  }

  async #resolved<T>(
    { minMs, maxMs }: TimeRange,
    ask: () => Promise<ReaderAnswer<T>>,
  ): Promise<
    Hold & { readonly hold: number; readonly head: T; readonly blocks: readonly Block[] }
  > {
    // Before the store begins to count, so that this one gives up first.
    const deadlineMs = this.#clock.monotonicMs() + SNAPSHOT_MS_MAX;
    const { hold, head, blocks: names, deletions } = await ask();
    this.#reading++;
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      this.#calls.release(hold);
      this.#reading--;
      this.#closeLeaving();
    };
    try {
      for (const block of this.#blocks.follow(names, deletions)) this.#leaving.add(block);
      const blocks = this.#blocks.overlapping(minMs, maxMs);
      const check = (): void => {
        if (this.#clock.monotonicMs() >= deadlineMs) throw heldTooLong();
      };
      return { hold, head, blocks, check, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #closeLeaving(): void {
    if (this.#reading > 0) return;
    for (const block of this.#leaving) block.close();
    this.#leaving.clear();
  }
}
