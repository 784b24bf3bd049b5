import { type Labels, OperatingError } from "@pharos/base";
import {
  type ExemplarEntries,
  type ExpositionDecoder,
  type ExpositionSummary,
  type FamilyMetadata,
  VALUE_DROPPED,
} from "@pharos/kernels";
import type { ColumnSink, StartEntries } from "./column-sink.ts";
import { CreatedSeries } from "./created-series.ts";
import type { ScrapeProtocol } from "./scrape-job.ts";
import { scrapedSeriesLabels } from "./scrape-labels.ts";
import type { ScrapedBody } from "./scrape-request.ts";
import type { SeriesRules } from "./scrape-sink.ts";

/** What a scrape has brought. */
export interface ScrapedCounts {
  /** Samples in the body. */
  readonly scraped: number;
  /** Of these, how many metric relabelling has left. */
  readonly kept: number;
  /** Series that the last successful scrape did not have. */
  readonly added: number;
}

export const NOTHING_SCRAPED: ScrapedCounts = { scraped: 0, kept: 0, added: 0 };

/** A scrape with more samples than its job allows; what it would have brought is still counted. */
export class SampleLimitExceeded extends OperatingError {
  readonly counts: ScrapedCounts;

  constructor(counts: ScrapedCounts, limit: number) {
    super("scrape.failed", `sample limit exceeded (samples: ${counts.kept}, limit: ${limit})`);
    this.counts = counts;
  }
}

const NO_SERIES = new Uint32Array(0);

/** Forgotten spellings are swept out when there are so many more than a scrape has. */
const FORGOTTEN_MAX = 1000;

/**
 * The series of one target: what each raw series of its bodies is stored as, decided once, and which of them were there
 * the last time. Samples go into the sink's columns; appending them is the caller's part.
 */
export class TargetSeries {
  readonly #target: Labels;
  #rules: SeriesRules;
  readonly #sink: ColumnSink;
  readonly #decoder: ExpositionDecoder;
  #namespace: number;
  /** The same text may mean another series in another format. */
  #format: ScrapeProtocol = "text";
  #live: Uint32Array = NO_SERIES;
  /** The sink's `seriesEnded` when all of `#live` had their meaning. */
  #liveSince: number;
  #known: Uint32Array = NO_SERIES;
  #created = new CreatedSeries();
  #newMetadata: readonly FamilyMetadata[] | undefined;

  /**
   * @param target its labels.
   * @throws OperatingError `memory.full`.
   */
  constructor(
    target: Labels,
    rules: SeriesRules,
    { sink, decoder }: { readonly sink: ColumnSink; readonly decoder: ExpositionDecoder },
  ) {
    this.#target = target;
    this.#rules = rules;
    this.#sink = sink;
    this.#decoder = decoder;
    this.#namespace = sink.table.openNamespace();
    this.#liveSince = sink.seriesEnded;
  }

  /** Goes on with other rules: every series is decided anew, and which were there is still known. */
  applyRules(rules: SeriesRules): void {
    this.#rules = rules;
    this.#forget();
  }

  /** References of the series that get a staleness marker unless they come again. */
  get live(): Uint32Array {
    return this.#live;
  }

  /** What the target says about its metric families, where that is new since the last call. */
  takeMetadata(): readonly FamilyMetadata[] | undefined {
    const metadata = this.#newMetadata;
    this.#newMetadata = undefined;
    return metadata;
  }

  /**
   * Fills the columns with the samples of a body. Answers also which series the body has no more: `vanished`, which
   * need a staleness marker.
   *
   * @throws OperatingError `input.invalid`, `input.too_large`, `scrape.failed`, `memory.full`: the columns are empty,
   *   and the target has the series that it had.
   */
  decode(
    { body, format }: ScrapedBody,
    timestampMs: number,
  ): {
    readonly counts: ScrapedCounts;
    readonly vanished: readonly number[];
    readonly exemplars: ExemplarEntries | undefined;
    readonly starts: StartEntries | undefined;
  } {
    const { columns } = this.#sink;
    const { explicitTimestamps } = this.#decoder;
    const { honorTimestamps, sampleLimit } = this.#rules;
    const budget = new NewSeriesBudget(sampleLimit);
    this.#dropEnded();
    if (format !== this.#format) this.#forget();
    this.#format = format;
    let summary: ExpositionSummary;
    try {
      summary = this.#decoder.decode(
        body,
        { format, namespace: this.#namespace, defaultTimestampMs: timestampMs, honorTimestamps },
        (labels) => this.#resolve(labels, budget),
      );
    } catch (error) {
      // What was beyond the budget is remembered as not wanted, and the next scrape may have room for it.
      if (budget.refused > 0) this.#forget();
      throw error;
    }
    if (summary.metadata !== null) this.#newMetadata = summary.metadata;
    const kept = summary.samples + budget.refused;
    const refs = columns.series.subarray(0, columns.length);
    const counts = {
      scraped: summary.samples + summary.dropped,
      kept,
      added: countNew(refs, this.#known) + budget.refused,
    };
    if (sampleLimit > 0 && kept > sampleLimit) {
      columns.clear();
      if (budget.refused > 0) this.#forget();
      throw new SampleLimitExceeded(counts, sampleLimit);
    }
    const tracked =
      summary.withTimestamp === 0 || this.#rules.trackTimestampsStaleness
        ? refs
        : refs.filter((_, at) => explicitTimestamps[at] === 0);
    const vanished = missingFrom(this.#live, tracked);
    this.#live = copyUnlessEqual(tracked, this.#live);
    this.#known = tracked === refs ? this.#live : copyUnlessEqual(refs, this.#known);
    this.#sweep(counts.scraped);
    const starts = this.#created.startsOf(columns);
    return { counts, vanished, exemplars: summary.exemplars, starts };
  }

  /** All series that were there: a failed scrape, or the target's end, makes them stale. */
  takeLive(): Uint32Array {
    this.#dropEnded();
    const live = this.#live;
    this.#live = NO_SERIES;
    return live;
  }

  /**
   * Leaves out of `#live` what has ended meanwhile: nobody wrote to it for long, as after a pause of the whole machine.
   * With a series go all its entries in the table, and every one of `#live` had one here.
   */
  #dropEnded(): void {
    const { seriesEnded, table } = this.#sink;
    if (this.#liveSince === seriesEnded) return;
    const known = new Set<number>();
    table.forEach(this.#namespace, (_, ref) => known.add(ref));
    this.#live = this.#live.filter((ref) => known.has(ref));
    this.#liveSince = seriesEnded;
  }

  /** Decides what a raw series is stored as. Called once for each; the table remembers the answer. */
  #resolve(scraped: Labels, budget: NewSeriesBudget): number {
    const labels = scrapedSeriesLabels(scraped, this.#target, this.#rules);
    if (labels === undefined) return VALUE_DROPPED;
    if (!budget.take()) return VALUE_DROPPED;
    // Where no more series may begin, those that are there are taken all the same.
    const ref = this.#sink.admit(labels);
    if (this.#rules.useCreatedTimestamps && this.#format === "openmetrics" && ref >= 0)
      this.#created.note(ref, scraped);
    return ref;
  }

  /** Makes every raw series be decided anew. */
  #forget(): void {
    this.#sink.table.closeNamespace(this.#namespace);
    this.#namespace = this.#sink.table.openNamespace();
    this.#created = new CreatedSeries();
  }

  /** Targets whose series come and go would fill the table with spellings that never come again. */
  #sweep(scraped: number): void {
    const { table, columns } = this.#sink;
    if (table.sizeOf(this.#namespace) <= 2 * scraped + FORGOTTEN_MAX) return;
    const current = new Set(this.#decoder.entries.subarray(0, columns.length));
    table.forEach(this.#namespace, (entry) => {
      if (!current.has(entry)) table.remove(entry);
    });
    this.#created.keepOnly(new Set(columns.series.subarray(0, columns.length)));
  }

  /** Frees what the table remembers of this target. Nothing may be called afterwards. */
  close(): void {
    this.#sink.table.closeNamespace(this.#namespace);
  }
}

/**
 * How many new series a scrape may make. A target that suddenly has a million series must fail its scrape without
 * having put a million series into the index.
 */
class NewSeriesBudget {
  #left: number;
  refused = 0;

  /** @param limit 0 for none. */
  constructor(limit: number) {
    this.#left = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  }

  take(): boolean {
    if (this.#left > 0) {
      this.#left--;
      return true;
    }
    this.refused++;
    return false;
  }
}

/** In nearly every scrape the series are those of the scrape before, in the same order. */
function equalArrays(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function copyUnlessEqual(now: Uint32Array, before: Uint32Array): Uint32Array {
  return equalArrays(now, before) ? before : now.slice();
}

/** Those of `before` that are not in `now`, each once. */
function missingFrom(before: Uint32Array, now: Uint32Array): readonly number[] {
  if (equalArrays(before, now)) return [];
  const present = new Set(now);
  return [...new Set(before)].filter((ref) => !present.has(ref));
}

function countNew(now: Uint32Array, known: Uint32Array): number {
  if (equalArrays(now, known)) return 0;
  return new Set(now).difference(new Set(known)).size;
}
