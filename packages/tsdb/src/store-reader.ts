import { compareLabels, type Labels, type Matcher } from "@pharos/base";
import type { HeadReader, Kernels } from "@pharos/kernels";
import {
  type ExemplarReader,
  type RollupColumns,
  type RollupCoverage,
  type RollupOptions,
  type RollupReader,
  type Selection,
  type SelectionEstimate,
  type SelectOptions,
  type SeriesColumns,
  type SeriesExemplars,
  type SeriesReader,
  type StoreChanges,
  type TimeRange,
  WINDOW_MS,
} from "@pharos/ports";
import type { Archive } from "./archive/archive.ts";
import type { Block, OnDamage } from "./block/block.ts";
import type { ColumnDecoder } from "./block/column-decoder.ts";
import { BlockSelections } from "./block-selections.ts";
import { BlockSource } from "./block-source.ts";
import { ExemplarAnswer, type HeadExemplars } from "./exemplar-queries.ts";
import { type HeadSelection, HeadSource, type SelectionWishes } from "./head-selection.ts";
import { type LabelList, LabelsCache } from "./label-list.ts";
import {
  addBlockTexts,
  type LabelQuery,
  type MatcherLists,
  presentInBlock,
  sortedTexts,
  type TextsQuery,
} from "./label-queries.ts";
import { LabelsInterner } from "./labels-interner.ts";
import { mergedSeries, type PresenceSource, presentSeries } from "./merged-series.ts";
import { rollupCoverage } from "./rollup/rollup-coverage.ts";
import { readRollup, windowsRange } from "./rollup/rollup-select.ts";
import { rollupSources } from "./rollup/rollup-sources.ts";
import type { RollupTools } from "./rollup/rollup-tools.ts";
import type { RollupMoment } from "./rollup/sent-rollups.ts";
import { type Hold, readSelection, type SelectionSource } from "./selection.ts";
import { estimateBlocks, type PlaceEstimate } from "./selection-estimate.ts";
import type { Pause } from "./slices.ts";

/** What the store says of a selection, and holds for the reader until it is released. */
export interface ResolvedSelection extends Hold {
  readonly head: HeadSelection;
  /** The labels of the head's series, one for each reference. To be asked before it is released. */
  labels(): Promise<LabelList>;
  /** Those that overlap the range, by sequence: of two samples at the same time, that of the earlier block stands. */
  readonly blocks: readonly Block[];
}

/** What the head has for a question about labels. */
export type HeadLabels =
  /** As `HeadSelection` has them. */
  | { readonly kind: "series"; readonly refs: Uint32Array; readonly seriesEnded: number }
  | { readonly kind: "texts"; readonly texts: readonly string[] };

export interface ResolvedLabels extends Hold {
  readonly head: HeadLabels;
  /** The labels of the head's series, where series were asked for. To be asked before it is released. */
  labels(): Promise<LabelList>;
  readonly blocks: readonly Block[];
}

export interface ResolvedEstimate extends Hold {
  readonly head: PlaceEstimate;
  readonly blocks: readonly Block[];
}

export interface ResolvedRollups extends Hold, RollupMoment {}

export interface ResolvedExemplars extends Hold {
  readonly head: HeadExemplars;
  readonly blocks: readonly Block[];
}

/** The store's half of reading, which its one writer does: what there is at this moment. */
export interface SelectionResolver {
  /** The moment is that of the call. @throws OperatingError of the store. */
  select(
    range: TimeRange,
    matchers: readonly Matcher[],
    wishes: SelectionWishes,
  ): Promise<ResolvedSelection>;
  estimate(range: TimeRange, matchers: readonly Matcher[]): Promise<ResolvedEstimate>;
  exemplars(range: TimeRange, matcherLists: MatcherLists): Promise<ResolvedExemplars>;
  rollups(): Promise<ResolvedRollups>;
  labels(range: TimeRange, query: LabelQuery): Promise<ResolvedLabels>;
}

export interface StoreReaderParts {
  readonly resolver: SelectionResolver;
  readonly head: HeadReader;
  readonly decoder: ColumnDecoder;
  /** Where this thread may allocate. */
  readonly kernels: Kernels;
  /** Told of what is damaged in blocks, and left out of answers. */
  readonly damaged: OnDamage;
  readonly pause: () => Pause;
  /** What rows are made and merged with, on this thread. */
  readonly rollupTools: RollupTools;
  /** Told by the store of the times that change. */
  readonly changes: StoreChanges;
  /** Where older blocks are, if anywhere. */
  readonly archive?: Archive | undefined;
}

/**
 * The reader's half of a store, on the store's thread or another one: asks what there is, reads the head's samples from
 * the shared memory and the blocks' from their files, and puts them together.
 */
export class StoreReader implements SeriesReader, ExemplarReader, RollupReader {
  readonly #parts: StoreReaderParts;
  readonly #labels: LabelsCache;
  readonly #blockSelections: BlockSelections;

  constructor(parts: StoreReaderParts) {
    this.#parts = parts;
    const interner = new LabelsInterner();
    this.#labels = new LabelsCache(parts.kernels, interner);
    this.#blockSelections = new BlockSelections(interner);
  }

  /** Which times of the store change, also while it is read. */
  get changes(): StoreChanges {
    return this.#parts.changes;
  }

  select(range: TimeRange, matchers: readonly Matcher[], options: SelectOptions): Selection {
    // Asked now and not in the generator, whose body waits for the first reader.
    const wishes = { histograms: options.histograms === true, starts: options.starts === true };
    const resolving = this.#parts.resolver.select(range, matchers, wishes);
    resolving.catch(() => {}); // Heard by whoever reads the selection.
    const lots = this.#read(resolving, range, matchers, options);
    return { inLots: () => lots, [Symbol.asyncIterator]: () => oneByOne(lots) };
  }

  async *#read(
    resolving: Promise<ResolvedSelection>,
    range: TimeRange,
    matchers: readonly Matcher[],
    options: SelectOptions,
  ): AsyncGenerator<Iterable<SeriesColumns>, void, undefined> {
    const { head, decoder, damaged, archive, pause: createPause } = this.#parts;
    const resolved = await resolving;
    try {
      // After the store has said what is here: a block that goes to the archive is there before it leaves.
      const { signal, warn = toNobody } = options;
      const archived = archive?.sources(range, matchers, { signal, warn });
      const sources: SelectionSource[] = (await archived)?.slice() ?? [];
      const others = createPause();
      // A selection may be of a million series: whoever asked can give up before it is read.
      const pause = async (steps?: number): Promise<void> => {
        await others(steps);
        signal.throwIfAborted();
        resolved.check();
      };
      for (const block of resolved.blocks) {
        const selection = await this.#blockSelections.select(block, matchers, damaged, pause);
        sources.push(new BlockSource(block, selection, range, decoder, damaged));
      }
      const { refs, seriesEnded } = resolved.head;
      const ask = (): Promise<LabelList> => resolved.labels();
      const sorted = await this.#labels.sorted(refs, seriesEnded, ask, pause);
      sources.push(new HeadSource(resolved.head, head, range, sorted));
      yield* readSelection(sources, options, resolved, this.#parts.kernels);
    } finally {
      resolved.release();
    }
  }

  async estimate(range: TimeRange, matchers: readonly Matcher[]): Promise<SelectionEstimate> {
    const { resolver, archive, damaged, pause } = this.#parts;
    const resolved = await resolver.estimate(range, matchers);
    try {
      const { head, blocks } = resolved;
      const found = await estimateBlocks(blocks, range, matchers, head, pause(), damaged);
      return { ...found, isPartial: archive?.reader.covers("raw", range) === true };
    } finally {
      resolved.release();
    }
  }

  /** As `RollupReader`. Late samples in memory, of time that is in blocks, count once they are in a block as well. */
  selectRollup(
    range: TimeRange,
    matchers: readonly Matcher[],
    options: RollupOptions,
  ): AsyncIterable<RollupColumns> {
    // Asked now, as in `select`.
    const resolving = this.#parts.resolver.rollups();
    resolving.catch(() => {}); // Heard by whoever reads the rows.
    return this.#readRows(resolving, range, matchers, options);
  }

  async *#readRows(
    resolving: Promise<ResolvedRollups>,
    range: TimeRange,
    matchers: readonly Matcher[],
    options: RollupOptions,
  ): AsyncGenerator<RollupColumns, void, undefined> {
    const { decoder, rollupTools, damaged } = this.#parts;
    const resolved = await resolving;
    const { tier, quantiles, warn = toNobody } = options;
    const rows = windowsRange(range, WINDOW_MS[tier]);
    const select = (part: TimeRange, wanted = matchers): Selection =>
      this.select(part, wanted, options);
    try {
      const sources = rollupSources(
        ...([resolved.view, tier, quantiles, rows, resolved.flushedBeforeMs] as const),
        (part) => select(part),
      );
      yield* readRollup(sources, decoder, rollupTools, rows, matchers, options, resolved, {
        damaged(error) {
          damaged(error);
          warn(`${tier} rollups are damaged, and read from samples as far as there are any`);
        },
        samples: select,
      });
    } finally {
      resolved.release();
    }
  }

  async rollupCoverage(matchers: readonly Matcher[], nowMs: number): Promise<RollupCoverage> {
    const { resolver, archive } = this.#parts;
    const resolved = await resolver.rollups();
    try {
      const coverage = rollupCoverage(resolved, matchers, nowMs);
      const before = { minMs: Number.NEGATIVE_INFINITY, maxMs: coverage.samplesSinceMs - 1 };
      // What the archive has can still be read.
      const isArchived = archive?.reader.covers("raw", before) === true;
      return isArchived ? { ...coverage, samplesSinceMs: Number.NEGATIVE_INFINITY } : coverage;
    } finally {
      resolved.release();
    }
  }

  async series(range: TimeRange, matcherLists: MatcherLists): Promise<readonly Labels[]> {
    const { resolver, decoder, damaged, archive, pause: createPause } = this.#parts;
    const query = { kind: "series", matcherLists } as const;
    const resolved = await resolver.labels(range, query);
    try {
      const { head, blocks } = resolved;
      const pause = createPause();
      const sources: PresenceSource[] = [];
      if (head.kind === "series") {
        const ask = (): Promise<LabelList> => resolved.labels();
        const sorted = await this.#labels.sorted(head.refs, head.seriesEnded, ask, pause);
        sources.push(presentSeries(Array.from(sorted.order, sorted.labelsOf)));
      }
      if (archive !== undefined) {
        const found = await archive.labels(range, query, { signal: NEVER, warn: toNobody });
        sources.push(presentSeries(found.labelSets.toSorted(compareLabels)));
      }
      for (const block of blocks)
        for (const matchers of matcherLists) {
          const { series, labels } = await this.#blockSelections.select(
            block,
            matchers,
            damaged,
            pause,
          );
          sources.push({
            seriesCount: series.length,
            labelsAt: (at) => labels[at] as Labels,
            isPresent: (at) => presentInBlock(block, series[at] as number, range, decoder, damaged),
          });
          resolved.check();
        }
      return await mergedSeries(sources, async () => {
        await pause();
        resolved.check();
      });
    } finally {
      resolved.release();
    }
  }

  async labelNames(range: TimeRange, matcherLists: MatcherLists): Promise<readonly string[]> {
    return this.#texts(range, { kind: "names", matcherLists });
  }

  async labelValues(
    name: string,
    range: TimeRange,
    matcherLists: MatcherLists,
  ): Promise<readonly string[]> {
    return this.#texts(range, { kind: "values", name, matcherLists });
  }

  async exemplars(
    range: TimeRange,
    matcherLists: MatcherLists,
  ): Promise<readonly SeriesExemplars[]> {
    const { resolver, decoder, damaged, archive, pause: createPause } = this.#parts;
    const resolved = await resolver.exemplars(range, matcherLists);
    try {
      const answer = new ExemplarAnswer();
      if (archive !== undefined)
        for (const matchers of matcherLists) {
          const options = { signal: NEVER, warn: toNobody };
          for await (const { labels, sets } of archive.exemplars(range, matchers, options))
            for (const set of sets) answer.add(labels, set);
        }
      const pause = createPause();
      for (const block of resolved.blocks) {
        await answer.addBlock(block, decoder, range, matcherLists, pause, damaged);
        resolved.check();
      }
      answer.addHead(resolved.head);
      return answer.series();
    } finally {
      resolved.release();
    }
  }

  async #texts(range: TimeRange, query: TextsQuery): Promise<readonly string[]> {
    const { resolver, decoder, damaged, archive, pause: createPause } = this.#parts;
    const resolved = await resolver.labels(range, query);
    try {
      const { head, blocks } = resolved;
      const all = new Set(head.kind === "texts" ? head.texts : []);
      const pause = createPause();
      const selections = this.#blockSelections;
      for (const block of blocks) {
        await addBlockTexts(all, block, selections, decoder, range, query, pause, damaged);
        resolved.check();
      }
      if (archive !== undefined) {
        const found = await archive.labels(range, query, { signal: NEVER, warn: toNobody });
        for (const text of found.texts) all.add(text);
      }
      return sortedTexts(all);
    } finally {
      resolved.release();
    }
  }
}

async function* oneByOne(
  lots: AsyncIterable<Iterable<SeriesColumns>>,
): AsyncGenerator<SeriesColumns, void, undefined> {
  for await (const lot of lots) yield* lot;
}

const NEVER = new AbortController().signal;

/** For answers that have no place for warnings. */
function toNobody(): void {}
