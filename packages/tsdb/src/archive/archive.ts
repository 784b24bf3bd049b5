import { errorText, type Labels, labelValue, type Matcher, OperatingError } from "@pharos/base";
import type { TimeRange } from "@pharos/ports";
import type { Block } from "../block/block.ts";
import type { Blocks } from "../block/blocks.ts";
import type { ColumnDecoder } from "../block/column-decoder.ts";
import type { LabelQuery } from "../label-queries.ts";
import type { SelectionSource } from "../selection.ts";
import type { Pause } from "../slices.ts";
import type { Snapshots } from "../snapshots.ts";
import type { ArchiveAccessStats } from "./archive-access.ts";
import { ArchiveCatalogue } from "./archive-catalogue.ts";
import { type ArchiveEntry, archivedFiles } from "./archive-entry.ts";
import { type ArchivedSeries, ArchiveReader, type Warn } from "./archive-reader.ts";
import { archiveBlock, archiveInputOf } from "./archive-writer.ts";
import type { ArchiveOptions } from "./open-archive.ts";

/** Blocks of samples go to the archive; rollup tiers are small, and stay. */
export const ARCHIVED_TIER = "raw";

/** What moving blocks needs of their store. */
export interface MoveContext {
  readonly blocks: Blocks;
  /** Used in between awaits: others may use it as well. */
  readonly decoder: ColumnDecoder;
  readonly snapshots: Snapshots;
  readonly pause: () => Pause;
  readonly signal: AbortSignal;
  /** Whether a block may go already; its rollups may not be made yet. */
  readonly isDone: (block: Block) => boolean;
  /** Runs work while nobody else changes the list of blocks. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>;
}

export interface ArchiveStats extends ArchiveAccessStats {
  readonly blocks: number;
  readonly samples: number;
  /** Bytes in the archive. */
  readonly size: number;
  /** In words, what went wrong last time, and what was found damaged. */
  readonly problems: readonly string[];
}

/** A store's archive: what there is, what is read from it, and what goes there. */
export class Archive {
  readonly catalogue: ArchiveCatalogue;
  readonly reader: ArchiveReader;
  readonly #options: ArchiveOptions;
  #problems: readonly string[] = [];
  #isRefreshed = false;

  /** Use `openArchive`. Opens what the local disk knows of it: nothing is asked of the archive itself. */
  constructor(options: ArchiveOptions) {
    const { disk, store, clock } = options;
    this.#options = options;
    this.catalogue = ArchiveCatalogue.open(disk, store, options.follow ?? false);
    this.reader = new ArchiveReader(store, this.catalogue, clock);
  }

  get stats(): ArchiveStats {
    const { entries, problems } = this.catalogue;
    const files = entries.flatMap(archivedFiles);
    return {
      ...this.reader.stats,
      blocks: entries.length,
      samples: entries.reduce((sum, entry) => sum + samplesOf(entry), 0),
      size: files.reduce((sum, { size }) => sum + size, 0),
      problems: [...this.#problems, ...problems],
    };
  }

  /** The archived blocks as sources of a selection; what cannot be reached or read is left out, with a warning. */
  sources(
    range: TimeRange,
    matchers: readonly Matcher[],
    { signal, warn }: { readonly signal: AbortSignal; readonly warn: Warn },
  ): Promise<SelectionSource[]> {
    this.#follow();
    return this.reader.sources(range, matchers, { tier: ARCHIVED_TIER, signal, warn });
  }

  /** The exemplars of the series that match, by labels. As `sources`. */
  exemplars(
    range: TimeRange,
    matchers: readonly Matcher[],
    { signal, warn }: { readonly signal: AbortSignal; readonly warn: Warn },
  ): AsyncIterable<ArchivedSeries> {
    this.#follow();
    const kinds = ["exemplars"] as const;
    return this.reader.select(range, matchers, { tier: ARCHIVED_TIER, signal, warn, kinds });
  }

  /** What the archive has for a question about labels: not sorted, and some of it several times. As `sources`. */
  async labels(
    range: TimeRange,
    query: LabelQuery,
    { signal, warn }: { readonly signal: AbortSignal; readonly warn: Warn },
  ): Promise<{ readonly labelSets: readonly Labels[]; readonly texts: readonly string[] }> {
    this.#follow();
    const texts = this.#summaries(range, query);
    if (texts !== undefined) return { labelSets: [], texts };
    const options = { tier: ARCHIVED_TIER, signal, warn };
    const labelSets: Labels[] = [];
    const lists = query.matcherLists.length === 0 ? [[]] : query.matcherLists;
    for (const matchers of lists)
      for (const { labels } of await this.reader.search(range, matchers, options))
        labelSets.push(labels);
    switch (query.kind) {
      case "series":
        return { labelSets, texts: [] };
      case "names":
        return {
          labelSets: [],
          texts: labelSets.flatMap((labels) => labels.map(([name]) => name)),
        };
      case "values":
        return { labelSets: [], texts: labelSets.map((labels) => labelValue(labels, query.name)) };
    }
  }

  /** What the catalogue alone can answer: of all series, unless a label has many values. */
  #summaries({ minMs, maxMs }: TimeRange, query: LabelQuery): string[] | undefined {
    if (query.matcherLists.length > 0 || query.kind === "series") return undefined;
    const labels = this.catalogue
      .overlapping(ARCHIVED_TIER, minMs, maxMs)
      .flatMap((entry) => entry.labels);
    if (query.kind === "names") return labels.map(({ name }) => name);
    const own = labels.filter(({ name }) => name === query.name);
    if (own.some(({ values }) => values === undefined)) return undefined;
    return own.flatMap(({ values = [] }) => values);
  }

  #follow(): void {
    if (this.#options.follow === true) this.catalogue.follow();
  }

  /**
   * Moves the blocks that are old enough, one after another. A block goes from the local disk only when its files in the
   * archive were read back; until then, and after a crash, it is in both. Where the archive cannot be reached the blocks
   * stay, `stats` says why, and the next call goes on.
   *
   * @throws OperatingError of the local disk; or the signal's reason.
   */
  async move(context: MoveContext): Promise<void> {
    const { blocks, isDone, signal } = context;
    const problems: string[] = [];
    const stuck = new Set<Block>();
    try {
      if (!this.#isRefreshed) await this.#refresh(signal);
      for (;;) {
        const block = this.due(blocks).find((one) => !stuck.has(one) && isDone(one));
        if (block === undefined) break;
        try {
          await this.#moveBlock(block, context);
        } catch (error) {
          // What is damaged stays, here or there, and keeps nobody else from going.
          if (!(error instanceof OperatingError) || error.code !== "disk.corrupt") throw error;
          problems.push(`not archived: ${error.message}`);
          stuck.add(block);
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof OperatingError)) throw error;
      problems.push(`archive: ${errorText(error)}`);
    }
    this.#problems = problems;
  }

  /** Once after a start: what an earlier process left, here or there. */
  async #refresh(signal: AbortSignal): Promise<void> {
    await this.catalogue.removeLeftovers(signal);
    this.#isRefreshed = true;
  }

  /** The blocks that are old enough. */
  due(blocks: Blocks): readonly Block[] {
    const beforeMs = this.#options.clock.nowMs() - this.#options.afterMs;
    return blocks.all.filter(({ meta }) => meta.rangeEndMs <= beforeMs);
  }

  async #moveBlock(block: Block, context: MoveContext): Promise<void> {
    const { blocks, decoder, snapshots, pause, signal, inTurn } = context;
    const input = archiveInputOf(block, decoder);
    const { deletions } = blocks;
    // What an earlier process wrote may have samples that were deleted since.
    const anew = block.hasDeletions;
    let entry: ArchiveEntry | undefined;
    try {
      entry = await archiveBlock(this.#options.store, input, { pause: pause(), signal, anew });
    } catch (error) {
      // Nothing holds the block while it is read, so that a slow archive holds nobody up: it may be merged away.
      if (error instanceof OperatingError && !blocks.all.includes(block)) return;
      throw error;
    }
    signal.throwIfAborted();
    let changed = false;
    await inTurn(async () => {
      changed = !blocks.all.includes(block) || blocks.deletions !== deletions;
      if (changed) return;
      if (entry !== undefined) await this.catalogue.add(entry);
      blocks.replace([block], undefined);
      await snapshots.drained(signal);
      await blocks.remove([block]);
    });
    // Merged, or something of it deleted: what is in the archive is not what is here.
    if (changed && entry !== undefined) await this.catalogue.remove(entry, signal);
  }
}

function samplesOf({ files }: ArchiveEntry): number {
  return (files.samples?.rows ?? 0) + (files.histograms?.rows ?? 0);
}
