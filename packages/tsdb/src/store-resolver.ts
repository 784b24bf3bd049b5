import type { Matcher } from "@pharos/base";
import type { TimeRange } from "@pharos/ports";
import type { Blocks } from "./block/blocks.ts";
import type { Deletion } from "./block/deletions.ts";
import { headExemplars } from "./exemplar-queries.ts";
import type { Head } from "./head.ts";
import { headLabels, resolveHead, type SelectionWishes, useMatching } from "./head-selection.ts";
import type { LabelList } from "./label-list.ts";
import { headSeries, headTexts, type LabelQuery, type MatcherLists } from "./label-queries.ts";
import { estimateHead } from "./selection-estimate.ts";
import type { Pause } from "./slices.ts";
import type { Snapshots } from "./snapshots.ts";
import type {
  HeadLabels,
  ResolvedEstimate,
  ResolvedExemplars,
  ResolvedLabels,
  ResolvedSelection,
  SelectionResolver,
} from "./store-reader.ts";

export interface ResolverParts {
  readonly head: Head;
  readonly blocks: Blocks;
  readonly snapshots: Snapshots;
  readonly pause: () => Pause;
}

/** Says what there is, on the store's thread. */
export class StoreResolver implements SelectionResolver {
  readonly #parts: ResolverParts;

  constructor(parts: ResolverParts) {
    this.#parts = parts;
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
    const { blocks, snapshots } = this.#parts;
    const snapshot = snapshots.take();
    try {
      const overlapping = blocks.overlapping(range.minMs, range.maxMs);
      return { ...snapshot, head: await this.#headLabels(range, query), blocks: overlapping };
    } catch (error) {
      snapshot.release();
      throw error;
    }
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

  async #headLabels(range: TimeRange, query: LabelQuery): Promise<HeadLabels> {
    const { head, pause } = this.#parts;
    if (query.kind === "series") {
      const labels = await headSeries(head, range, query.matcherLists, pause());
      return { kind: "series", labels };
    }
    return { kind: "texts", texts: await headTexts(head, range, query, pause()) };
  }
}
