import type { Matcher } from "@pharos/base";
import type { RollupTier, TimeRange } from "@pharos/ports";
import type { Blocks } from "./block/blocks.ts";
import type { Deletion } from "./block/deletions.ts";
import { headExemplars } from "./exemplar-queries.ts";
import type { Head } from "./head.ts";
import { headLabels, resolveHead, type SelectionWishes, useMatching } from "./head-selection.ts";
import { type LabelList, LabelListBuilder } from "./label-list.ts";
import { headTexts, type LabelQuery, type MatcherLists, presentInHead } from "./label-queries.ts";
import { union } from "./postings.ts";
import type { Rollups } from "./rollup/rollups.ts";
import { estimateHead } from "./selection-estimate.ts";
import type { Pause } from "./slices.ts";
import type { Snapshots } from "./snapshots.ts";
import type {
  ResolvedEstimate,
  ResolvedExemplars,
  ResolvedLabels,
  ResolvedRollups,
  ResolvedSelection,
  SelectionResolver,
} from "./store-reader.ts";

export interface ResolverParts {
  readonly head: Head;
  readonly blocks: Blocks;
  readonly rollups: Rollups;
  readonly snapshots: Snapshots;
  /** Later samples are in no block. */
  readonly flushedBeforeMs: () => number;
  readonly pause: () => Pause;
}

/** Says what there is, on the store's thread. */
export class StoreResolver implements SelectionResolver {
  readonly #parts: ResolverParts;

  constructor(parts: ResolverParts) {
    this.#parts = parts;
  }

  /** The blocks of each tier. */
  get tiers(): ReadonlyMap<RollupTier, Blocks> {
    return this.#parts.rollups.tiers;
  }

  /** The names of all blocks, by rank. */
  get blockNames(): readonly string[] {
    return this.#parts.blocks.names;
  }

  get deletions(): readonly Deletion[] {
    return this.#parts.blocks.deletions;
  }

  /** Notes what is wrong with a block. */
  report(problem: string): void {
    this.#parts.blocks.report(problem);
  }

  async select(
    range: TimeRange,
    matchers: readonly Matcher[],
    wishes: SelectionWishes,
  ): Promise<ResolvedSelection> {
    const { head, blocks, snapshots } = this.#parts;
    const pause = this.#parts.pause();
    return useMatching(head, [matchers], pause, ([matching]) => {
      const snapshot = snapshots.take();
      try {
        const overlapping = blocks.overlapping(range.minMs, range.maxMs);
        const selection = resolveHead(head, range, matching as Uint32Array, wishes);
        // The references go to another thread with the answer.
        const refs = selection.refs.slice();
        const labels = (): Promise<LabelList> => headLabels(head, refs, pause);
        return { ...snapshot, head: selection, labels, blocks: overlapping };
      } catch (error) {
        snapshot.release();
        throw error;
      }
    });
  }

  async labels(range: TimeRange, query: LabelQuery): Promise<ResolvedLabels> {
    if (query.kind === "series") return this.#series(range, query.matcherLists);
    const { head, blocks, snapshots, pause } = this.#parts;
    const snapshot = snapshots.take();
    try {
      const overlapping = blocks.overlapping(range.minMs, range.maxMs);
      const texts = await headTexts(head, range, query, pause());
      return { ...snapshot, head: { kind: "texts", texts }, labels: noLabels, blocks: overlapping };
    } catch (error) {
      snapshot.release();
      throw error;
    }
  }

  async #series(range: TimeRange, matcherLists: MatcherLists): Promise<ResolvedLabels> {
    const { head, blocks, snapshots } = this.#parts;
    const pause = this.#parts.pause();
    return useMatching(head, matcherLists, pause, (matching) => {
      const snapshot = snapshots.take();
      try {
        const overlapping = blocks.overlapping(range.minMs, range.maxMs);
        const refs = presentInHead(head, range, union(matching));
        const { endedCount: seriesEnded } = head;
        const labels = (): Promise<LabelList> => headLabels(head, refs, pause);
        const found = { kind: "series", refs, seriesEnded } as const;
        return { ...snapshot, head: found, labels, blocks: overlapping };
      } catch (error) {
        snapshot.release();
        throw error;
      }
    });
  }

  async estimate(range: TimeRange, matchers: readonly Matcher[]): Promise<ResolvedEstimate> {
    const { head, blocks, snapshots, pause } = this.#parts;
    return useMatching(head, [matchers], pause(), ([matching]) => {
      const snapshot = snapshots.take();
      try {
        const overlapping = blocks.overlapping(range.minMs, range.maxMs);
        const estimate = estimateHead(head, range, matching as Uint32Array);
        return { ...snapshot, head: estimate, blocks: overlapping };
      } catch (error) {
        snapshot.release();
        throw error;
      }
    });
  }

  async rollups(): Promise<ResolvedRollups> {
    const { blocks, rollups, snapshots, flushedBeforeMs } = this.#parts;
    const flushedMs = flushedBeforeMs();
    const samplesFromMs = blocks.all.reduce(
      (least, { meta }) => Math.min(least, meta.minTimeMs),
      flushedMs,
    );
    const moment = { view: rollups.view, flushedBeforeMs: flushedMs, samplesFromMs };
    return { ...snapshots.take(), ...moment };
  }

  async exemplars(range: TimeRange, matcherLists: MatcherLists): Promise<ResolvedExemplars> {
    const { head, blocks, snapshots, pause } = this.#parts;
    // Where the head has no exemplars, which series match is of no interest.
    const lists = head.exemplars.count > 0 ? matcherLists : [];
    return useMatching(head, lists, pause(), (matching) => {
      const snapshot = snapshots.take();
      try {
        const overlapping = blocks.overlapping(range.minMs, range.maxMs);
        const exemplars = headExemplars(head, range, matching);
        return { ...snapshot, head: exemplars, blocks: overlapping };
      } catch (error) {
        snapshot.release();
        throw error;
      }
    });
  }
}

const noLabels = (): Promise<LabelList> => Promise.resolve(new LabelListBuilder(0).list());
