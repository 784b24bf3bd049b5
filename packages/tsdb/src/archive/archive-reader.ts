import { type Clock, compareLabels, type Labels, type Matcher, OperatingError } from "@pharos/base";
import type { BlobStore, TimeRange } from "@pharos/ports";
import { COLUMN_SET_KINDS, type ColumnSet, type ColumnSetKind } from "../block/column-set.ts";
import type { ColumnSetBuffer } from "../block/column-set-buffer.ts";
import type { ColumnBuffer } from "../column-buffer.ts";
import type { SelectionSource } from "../selection.ts";
import type { StartColumns } from "../start-columns.ts";
import { ArchiveAccess, type ArchiveAccessStats } from "./archive-access.ts";
import type { ArchiveCatalogue } from "./archive-catalogue.ts";
import type { ArchiveEntry } from "./archive-entry.ts";
import {
  ArchivedBlock,
  type MatchedSeries,
  type RowReader,
  RUN_ROWS_MAX,
} from "./archived-block.ts";
import { joinColumns } from "./join-columns.ts";

/** Series that one selection may find in the archive, those of each block counted. */
export const ARCHIVED_SERIES_MAX = 1_000_000;
/** Rows that one selection keeps in memory, of all its blocks. */
const KEPT_ROWS_MAX = 4 * 1024 * 1024;
const RUN_ROWS_MIN = 1024;
/** Blocks whose indexes are read at the same time: an archive may be far away. */
const BLOCKS_AT_ONCE = 8;

/** Told what a selection goes on without, in words for people: `archived block raw/…: connection refused`. */
export type Warn = (warning: string) => void;

export interface ArchiveSelectOptions {
  readonly tier: string;
  readonly signal: AbortSignal;
  /**
   * Called where a part of the archive cannot be reached or read: what is left is answered. Without it, that is an
   * error.
   */
  readonly warn?: Warn;
}

export interface ArchivedSeries {
  readonly labels: Labels;
  /** The kinds asked for that it has in the range; one or more. Nobody else uses the columns. */
  readonly sets: readonly ColumnSet[];
}

/** A series as the catalogue and the indexes know it, without its samples. */
export interface FoundSeries {
  readonly labels: Labels;
  /** Of what is in the archive, both included; it may reach beyond what was asked for. */
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  readonly blocks: number;
  readonly rows: number;
}

interface OpenBlock {
  readonly block: ArchivedBlock;
  readonly series: readonly MatchedSeries[];
}

/** Answers from the archive: by ranges, from no more of it than what is asked for. */
export class ArchiveReader {
  readonly #catalogue: ArchiveCatalogue;
  readonly #access: ArchiveAccess;

  constructor(store: BlobStore, catalogue: ArchiveCatalogue, clock: Clock) {
    this.#catalogue = catalogue;
    this.#access = new ArchiveAccess(store, clock);
  }

  get stats(): ArchiveAccessStats {
    return this.#access.stats;
  }

  /** Whether a range reaches into what is archived, so that `sources` is worth a wait. */
  covers(tier: string, { minMs, maxMs }: TimeRange): boolean {
    return this.#catalogue.overlapping(tier, minMs, maxMs).length > 0;
  }

  /**
   * The archived blocks as sources of a selection of samples, in the order in which they stand.
   *
   * @throws OperatingError `query.too_many_samples`; and without `warn` `blob.unavailable`, `disk.corrupt`.
   */
  async sources(
    range: TimeRange,
    matchers: readonly Matcher[],
    options: ArchiveSelectOptions,
  ): Promise<SelectionSource[]> {
    const open = await this.#open(range, matchers, options);
    const rowsMax = runRowsOf(open);
    return open.map(({ block, series }) => {
      const readers = {
        samples: block.columns("samples", series, rowsMax),
        histograms: block.columns("histograms", series, rowsMax),
        starts:
          block.entry.files.starts === undefined
            ? undefined
            : block.columns("starts", series, rowsMax),
      };
      return new ArchiveSource(series, readers, range, new Warnings(options.warn));
    });
  }

  /**
   * The series that match, sorted by labels, with their columns of some kinds in the range; those without any there are
   * left out. Throws as `sources`.
   */
  async *select(
    range: TimeRange,
    matchers: readonly Matcher[],
    options: ArchiveSelectOptions & { readonly kinds: readonly ColumnSetKind[] },
  ): AsyncGenerator<ArchivedSeries, void, undefined> {
    const open = await this.#open(range, matchers, options);
    const rowsMax = runRowsOf(open);
    const blocks = open.map(({ block, series }) => ({
      series,
      at: 0,
      warnings: new Warnings(options.warn),
      readers: options.kinds.map((kind) => block.columns(kind, series, rowsMax)),
    }));
    for (;;) {
      let labels: Labels | undefined;
      for (const { series, at } of blocks) {
        const head = series[at]?.labels;
        if (head !== undefined && (labels === undefined || compareLabels(head, labels) < 0))
          labels = head;
      }
      if (labels === undefined) return;
      const parts = options.kinds.map((): ColumnSet[] => []);
      for (const block of blocks) {
        const head = block.series[block.at]?.labels;
        if (head === undefined || compareLabels(head, labels) !== 0) continue;
        const at = block.at++;
        for (const [kind, reader] of block.readers.entries()) {
          const columns = await block.warnings.unless(() => reader.columnsOf(at, range));
          if (columns !== undefined) parts[kind]?.push(columns);
        }
      }
      const sets = parts.filter(({ length }) => length > 0).map(joinColumns);
      if (sets.length > 0) yield { labels, sets };
    }
  }

  /** The series in the archive that match, sorted by labels, from the indexes alone. Throws as `sources`. */
  async search(
    range: TimeRange,
    matchers: readonly Matcher[],
    options: ArchiveSelectOptions,
  ): Promise<FoundSeries[]> {
    const all: FoundSeries[] = [];
    for (const { series } of await this.#open(range, matchers, options))
      for (const { labels, minTimeMs, maxTimeMs, ranges } of series) {
        const rows = [...ranges.values()].reduce((sum, range) => sum + range.rows, 0);
        all.push({ labels, minTimeMs, maxTimeMs, blocks: 1, rows });
      }
    all.sort((a, b) => compareLabels(a.labels, b.labels));
    const found: FoundSeries[] = [];
    for (const one of all) {
      const last = found.at(-1);
      if (last === undefined || compareLabels(last.labels, one.labels) !== 0) found.push(one);
      else found[found.length - 1] = together(last, one);
    }
    return found;
  }

  /**
   * All of an archived block, series by series, in the order of labels: to make the block again of it.
   * @throws OperatingError `blob.unavailable`, `not_found`, `disk.corrupt`.
   */
  async *restore(entry: ArchiveEntry, signal: AbortSignal): AsyncGenerator<ArchivedSeries> {
    const all: TimeRange = { minMs: entry.minTimeMs, maxMs: entry.maxTimeMs };
    const block = new ArchivedBlock(entry, this.#access, signal);
    const series = await block.select(all, []);
    const kinds = COLUMN_SET_KINDS.filter((kind) => entry.files[kind] !== undefined);
    const readers = kinds.map((kind) => block.columns(kind, series, RUN_ROWS_MAX));
    for (const [at, { labels }] of series.entries()) {
      const sets: ColumnSet[] = [];
      for (const reader of readers) {
        const columns = await reader.columnsOf(at, all);
        if (columns !== undefined) sets.push(columns);
      }
      if (sets.length > 0) yield { labels, sets };
    }
  }

  async #open(
    range: TimeRange,
    matchers: readonly Matcher[],
    { tier, signal, warn }: ArchiveSelectOptions,
  ): Promise<OpenBlock[]> {
    const open: OpenBlock[] = [];
    let count = 0;
    const entries = this.#catalogue.overlapping(tier, range.minMs, range.maxMs);
    for (let from = 0; from < entries.length; from += BLOCKS_AT_ONCE) {
      const part = entries.slice(from, from + BLOCKS_AT_ONCE).map(async (entry) => {
        const block = new ArchivedBlock(entry, this.#access, signal);
        const series = await new Warnings(warn).unless(() => block.select(range, matchers));
        return { block, series: series ?? [] };
      });
      for (const one of await Promise.all(part)) {
        if (one.series.length === 0) continue;
        count += one.series.length;
        if (count > ARCHIVED_SERIES_MAX)
          throw new OperatingError(
            "query.too_many_samples",
            `the selection finds more than ${ARCHIVED_SERIES_MAX} series in archived blocks`,
          );
        open.push(one);
      }
    }
    return open;
  }
}

interface SourceReaders {
  readonly samples: RowReader;
  readonly histograms: RowReader;
  /** Undefined where the block has none. */
  readonly starts: RowReader | undefined;
}

/** The samples of one archived block in a selection. */
class ArchiveSource implements SelectionSource {
  readonly hasHistograms = true;
  readonly hasStarts: boolean;
  readonly #series: readonly MatchedSeries[];
  readonly #readers: SourceReaders;
  readonly #range: TimeRange;
  readonly #warnings: Warnings;

  constructor(
    series: readonly MatchedSeries[],
    readers: SourceReaders,
    range: TimeRange,
    warnings: Warnings,
  ) {
    this.#series = series;
    this.#readers = readers;
    this.hasStarts = readers.starts !== undefined;
    this.#range = range;
    this.#warnings = warnings;
  }

  get seriesCount(): number {
    return this.#series.length;
  }

  labelsAt(at: number): Labels {
    return (this.#series[at] as MatchedSeries).labels;
  }

  async read(at: number, out: ColumnBuffer): Promise<void> {
    const columns = await this.#read("samples", at);
    const bits = columns?.floats[0];
    if (columns !== undefined && bits !== undefined)
      out.add({ timestampsMs: columns.timestampsMs, bits });
  }

  async readHistograms(at: number, out: ColumnSetBuffer): Promise<void> {
    const columns = await this.#read("histograms", at);
    if (columns !== undefined) out.add(columns);
  }

  async readStarts(at: number, out: StartColumns): Promise<void> {
    const columns = await this.#read("starts", at);
    const bits = columns?.floats[0];
    if (columns !== undefined && bits !== undefined) out.addPoints(columns.timestampsMs, bits);
  }

  async #read(kind: keyof SourceReaders, at: number): Promise<ColumnSet | undefined> {
    return this.#warnings.unless(async () => await this.#readers[kind]?.columnsOf(at, this.#range));
  }
}

/** Turns what is missing of one block into one warning, and does not ask for that block again. */
class Warnings {
  readonly #warn: Warn | undefined;
  #given = false;

  constructor(warn: Warn | undefined) {
    this.#warn = warn;
  }

  /** Undefined where it could not be had. */
  async unless<T>(call: () => Promise<T>): Promise<T | undefined> {
    if (this.#given) return undefined;
    try {
      return await call();
    } catch (error) {
      const missing =
        error instanceof OperatingError &&
        ["blob.unavailable", "not_found", "disk.corrupt"].includes(error.code);
      if (!missing || this.#warn === undefined) throw error;
      this.#given = true;
      this.#warn((error as OperatingError).message);
      return undefined;
    }
  }
}

/** Each block keeps the rows it read last: the more blocks, the fewer. */
function runRowsOf(open: readonly OpenBlock[]): number {
  const share = Math.floor(KEPT_ROWS_MAX / Math.max(1, open.length));
  return Math.min(RUN_ROWS_MAX, Math.max(RUN_ROWS_MIN, share));
}

function together(a: FoundSeries, b: FoundSeries): FoundSeries {
  return {
    labels: a.labels,
    minTimeMs: Math.min(a.minTimeMs, b.minTimeMs),
    maxTimeMs: Math.max(a.maxTimeMs, b.maxTimeMs),
    blocks: a.blocks + b.blocks,
    rows: a.rows + b.rows,
  };
}
