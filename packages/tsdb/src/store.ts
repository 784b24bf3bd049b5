import {
  assert,
  type Clock,
  compareUtf8,
  type Labels,
  type Matcher,
  OperatingError,
} from "@pharos/base";
import {
  closeHeadWindow,
  HeadReader,
  type HeadWindow,
  type Kernels,
  openHeadWindow,
  type SampleColumns,
  type SeriesStarter,
} from "@pharos/kernels";
import type {
  AppendResult,
  Disk,
  ExemplarBatch,
  ExemplarResult,
  ExemplarStore,
  HistogramBatch,
  HistogramStore,
  MetadataStore,
  MetricMetadata,
  RollupColumns,
  RollupCoverage,
  RollupOptions,
  RollupReader,
  SampleBatch,
  SelectionEstimate,
  SelectOptions,
  SeriesColumns,
  SeriesExemplars,
  SeriesStore,
  StoreChanges,
  TimeRange,
} from "@pharos/ports";
import type { Archive } from "./archive/archive.ts";
import { exemplarColumns, histogramColumns, startColumns } from "./attachment-batches.ts";
import { Attachments } from "./attachments.ts";
import type { Blocks } from "./block/blocks.ts";
import { ColumnDecoder } from "./block/column-decoder.ts";
import type { EndedSeries } from "./ended-series.ts";
import type { Head } from "./head.ts";
import type { LabelCardinality } from "./label-index.ts";
import type { MatcherLists } from "./label-queries.ts";
import type { LogConsumers } from "./log-consumers.ts";
import { ReaderSession } from "./reader-session.ts";
import type { KeptBlock, RetentionPlan } from "./retention/retention-plan.ts";
import { rollupPolicy } from "./rollup/rollup-policy.ts";
import { type OpenTiers, Rollups } from "./rollup/rollups.ts";
import { createPause } from "./slices.ts";
import { Snapshots } from "./snapshots.ts";
import { StartWriter } from "./start-writer.ts";
import { StoreLog } from "./store-log.ts";
import { StoreMaintenance } from "./store-maintenance.ts";
import { StoreReader } from "./store-reader.ts";
import { StoreResolver } from "./store-resolver.ts";
import {
  type ChangeableSettings,
  retentionPolicyOf,
  type StoreSettings,
} from "./store-settings.ts";
import { headTimeRange, type OpeningReport, type StoreStats, storeStats } from "./store-stats.ts";
import { StoreWriter } from "./store-writer.ts";
import { TimeChanges } from "./time-changes.ts";
import type { Wal } from "./wal.ts";

/** What `openStore` has opened. */
export interface StoreParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly kernels: Kernels;
  readonly settings: StoreSettings;
  readonly head: Head;
  readonly blocks: Blocks;
  readonly tiers: OpenTiers;
  readonly archive: Archive | undefined;
  readonly wal: Wal;
  readonly ended: EndedSeries;
  readonly consumers: LogConsumers;
  readonly flushedBeforeMs: number;
  readonly opening: OpeningReport;
}

/**
 * The embedded engine: a write-ahead log, the newest samples in memory, older ones in blocks. One writer: all calls
 * come from one thread. The caller's loop calls `maintain` about once a minute.
 */
export class EmbeddedStore
  implements SeriesStore, RollupReader, HistogramStore, ExemplarStore, MetadataStore
{
  /** The write-ahead log, for those who read all samples as they come. */
  readonly log: StoreLog;
  /** Takes in what is no float sample, in columns. */
  readonly attachments: Attachments;
  /** Takes in when the counting of samples began. */
  readonly starts: StartWriter;
  readonly #parts: StoreParts;
  #settings: StoreSettings;
  readonly #writer: StoreWriter;
  readonly #rollups: Rollups;
  readonly #maintenance: StoreMaintenance;
  readonly #snapshots: Snapshots;
  readonly #changes: TimeChanges;
  readonly #decoder: ColumnDecoder;
  readonly #resolver: StoreResolver;
  /** For who reads on this thread. */
  readonly #window: HeadWindow;
  readonly #reader: StoreReader;
  /** Those of other threads. */
  readonly #sessions = new Set<ReaderSession>();
  readonly #closing = new AbortController();
  #open = true;

  /** Use `openStore`. */
  constructor(parts: StoreParts) {
    const { disk, clock, kernels, settings, head, blocks, tiers, archive, wal } = parts;
    const { signal } = this.#closing;
    const pause = () => createPause(clock, signal);
    this.#parts = parts;
    this.#settings = settings;
    const changes = new TimeChanges();
    this.#changes = changes;
    const writer = new StoreWriter({ ...parts, changes });
    this.#writer = writer;
    this.attachments = new Attachments({
      ...{ head, wal, syncAlways: settings.walSync === "always" },
      definitions: () => writer.definitionRecords(),
      bounds: () => writer.bounds(),
      noteTime: (timeMs) => writer.noteTime(timeMs),
      changes,
    });
    this.starts = new StartWriter({ head, wal, writer, changes });
    const append = (batch: SampleBatch) => this.append(batch);
    this.log = new StoreLog({ ...parts, retentionMs: settings.logRetentionMs, append });
    const snapshots = new Snapshots(clock);
    this.#snapshots = snapshots;
    this.#decoder = new ColumnDecoder(kernels);
    this.#rollups = new Rollups({
      ...{ disk, clock, kernels, tiers, raw: blocks, decoder: this.#decoder, pause },
      retention: retentionPolicyOf(settings),
      rollups: rollupPolicy(settings.rollups),
      drained: () => snapshots.drained(signal),
    });
    this.#maintenance = new StoreMaintenance({
      ...parts,
      ...{ writer, attachments: this.attachments, log: this.log, rollups: this.#rollups },
      ...{ snapshots, changes, decoder: this.#decoder, signal },
    });
    this.#resolver = new StoreResolver({
      ...{ head, blocks, snapshots, pause, rollups: this.#rollups },
      flushedBeforeMs: () => this.#maintenance.flushedBeforeMs,
    });
    this.#window = openHeadWindow(kernels, head.chunks.pointer);
    this.#reader = new StoreReader({
      changes,
      resolver: this.#resolver,
      head: new HeadReader(kernels, this.#window),
      ...{ decoder: this.#decoder, kernels, archive, pause, rollupTools: this.#rollups.tools },
      damaged: ({ message }) => blocks.report(message),
    });
  }

  /**
   * The reference of the series with these labels (or canonical label bytes, as `encodeLabels` gives them), which begins
   * if there is none: for `appendColumns`. A series ends, and its reference may come to mean another one, when it has no
   * sample in memory (all are in blocks, or it never had one) and had none for an hour (`flushGraceMs`) or more; all its
   * entries in the series table go then, and `seriesEnded` tells who keeps references elsewhere.
   *
   * @throws OperatingError `memory.full`, `input.too_large`.
   */
  intern(series: Labels | Uint8Array): number {
    assert(this.#open, "the store is open");
    return this.#parts.head.intern(series);
  }

  /** As `intern`, but answers `VALUE_REFUSED` where no more series may begin. @throws OperatingError `input.too_large`. */
  admit(series: Labels | Uint8Array): number {
    assert(this.#open, "the store is open");
    return this.#parts.head.admit(series);
  }

  /** Which times of the store change, also while it is read. */
  get changes(): StoreChanges {
    return this.#changes;
  }

  /** Lets decoders begin new series by themselves. */
  get starter(): SeriesStarter {
    return this.#parts.head;
  }

  /** How many series have ended since the start: references from before it changed must be asked for again. */
  get seriesEnded(): number {
    return this.#parts.head.endedCount;
  }

  /**
   * Appends columns; timestamps are whole numbers. As `append`: with the sync policy `always` the result is a promise
   * that resolves when they are on the device, else they are in the log when the call returns. The columns may be
   * filled anew at once.
   *
   * @throws OperatingError `input.too_large` for more than `COLUMNS_MAX` samples, `memory.full`, `disk.full`,
   *   `disk.failed`, `queue.full`: nothing was appended.
   */
  appendColumns(columns: SampleColumns): AppendResult | Promise<AppendResult> {
    assert(this.#open, "the store is open");
    return this.#writer.appendColumns(columns);
  }

  async append(batch: SampleBatch): Promise<AppendResult> {
    assert(this.#open, "the store is open");
    this.#appendStarts(batch);
    return this.#writer.append(batch, (labels) => this.intern(labels));
  }

  async appendHistograms(batch: HistogramBatch): Promise<AppendResult> {
    const columns = histogramColumns(batch, (labels) => this.intern(labels));
    this.#appendStarts(batch);
    return this.attachments.appendHistograms(columns);
  }

  #appendStarts(batch: SampleBatch | HistogramBatch): void {
    const columns = startColumns(batch, (labels) => this.intern(labels));
    if (columns !== undefined) this.starts.append(columns);
  }

  async appendExemplars(batch: ExemplarBatch): Promise<ExemplarResult> {
    const columns = exemplarColumns(batch, (labels) => this.intern(labels));
    return this.attachments.appendExemplars(columns);
  }

  async appendMetadata(list: readonly MetricMetadata[]): Promise<void> {
    assert(this.#open, "the store is open");
    await this.attachments.appendMetadata(list);
  }

  async metadata(metric?: string): Promise<readonly MetricMetadata[]> {
    assert(this.#open, "the store is open");
    const { metadata } = this.#parts.head;
    if (metric !== undefined) return [metadata.get(metric)].filter((one) => one !== undefined);
    return [...metadata.all()].sort((a, b) => compareUtf8(a.metric, b.metric));
  }

  select(
    range: TimeRange,
    matchers: readonly Matcher[],
    options: SelectOptions,
  ): AsyncIterable<SeriesColumns> {
    assert(this.#open, "the store is open");
    return this.#reader.select(range, matchers, options);
  }

  async estimate(range: TimeRange, matchers: readonly Matcher[]): Promise<SelectionEstimate> {
    assert(this.#open, "the store is open");
    return this.#reader.estimate(range, matchers);
  }

  async series(range: TimeRange, matcherLists: MatcherLists): Promise<readonly Labels[]> {
    assert(this.#open, "the store is open");
    return this.#reader.series(range, matcherLists);
  }

  async labelNames(range: TimeRange, matcherLists: MatcherLists): Promise<readonly string[]> {
    assert(this.#open, "the store is open");
    return this.#reader.labelNames(range, matcherLists);
  }

  async labelValues(
    name: string,
    range: TimeRange,
    matcherLists: MatcherLists,
  ): Promise<readonly string[]> {
    assert(this.#open, "the store is open");
    return this.#reader.labelValues(name, range, matcherLists);
  }

  async exemplars(
    range: TimeRange,
    matcherLists: MatcherLists,
  ): Promise<readonly SeriesExemplars[]> {
    assert(this.#open, "the store is open");
    return this.#reader.exemplars(range, matcherLists);
  }

  /** As a `RollupReader`. Late samples in memory, of time that is in blocks, count once they are in a block as well. */
  selectRollup(
    range: TimeRange,
    matchers: readonly Matcher[],
    options: RollupOptions,
  ): AsyncIterable<RollupColumns> {
    assert(this.#open, "the store is open");
    return this.#reader.selectRollup(range, matchers, options);
  }

  async rollupCoverage(matchers: readonly Matcher[], nowMs: number): Promise<RollupCoverage> {
    assert(this.#open, "the store is open");
    return this.#reader.rollupCoverage(matchers, nowMs);
  }

  /** The store's half of a reader on another thread: see `attachReader`. @throws OperatingError `memory.full`. */
  openReader(): ReaderSession {
    assert(this.#open, "the store is open");
    const { kernels, head } = this.#parts;
    const session = new ReaderSession(
      ...([kernels, head.chunks.pointer, this.#resolver, this.#changes] as const),
      () => this.#sessions.delete(session),
    );
    this.#sessions.add(session);
    return session;
  }

  /**
   * Goes on with other settings. A tier that is new is made of all samples that are in blocks.
   * @throws OperatingError `input.invalid` for a regular expression: nothing is changed.
   */
  applySettings(changes: Partial<ChangeableSettings>): void {
    assert(this.#open, "the store is open");
    const settings = { ...this.#settings, ...changes };
    this.#maintenance.applySettings(settings);
    this.#writer.applySettings(settings);
    this.#settings = settings;
  }

  /**
   * What must be done from time to time: deletes what is beyond the retention, moves what is old enough to blocks, makes
   * the rollups of new blocks, and merges blocks once, where that is worth it.
   * @throws OperatingError `disk.full`, `disk.failed`: nothing is lost, and the next call tries again.
   */
  maintain(nowMs: number): Promise<void> {
    return this.#maintenance.maintain(nowMs);
  }

  /** Moves all samples of the head to blocks. @throws OperatingError `disk.full`, `disk.failed`. */
  flush(): Promise<void> {
    return this.#maintenance.flush();
  }

  /**
   * Merges all blocks that can be merged, those of the current day too, and compresses them: disk space is as small as
   * it gets when this resolves. Appends, reads and flushes go on meanwhile.
   * @throws OperatingError `disk.full`, `disk.failed`: nothing is lost.
   */
  compact(): Promise<void> {
    return this.#maintenance.compact();
  }

  /**
   * Moves the blocks that are old enough to the archive, if there is one; `maintain` begins that too. Never fails for
   * the archive's sake: `stats` says what went wrong, and the next time goes on.
   */
  moveToArchive(): Promise<void> {
    assert(this.#open, "the store is open");
    return this.#maintenance.moveToArchive();
  }

  /**
   * Deletes the samples of the series that match all of the matchers, from `minMs` to `maxMs`, both included, as far as
   * they are there now: what comes later stays. They are gone for every reader when this resolves, also after a power
   * loss; `cleanTombstones` gives their bytes back, and so does merging blocks. What is in memory goes to blocks first.
   *
   * @throws OperatingError `queue.full` where too many deletions wait for that, `disk.full`, `disk.failed`.
   */
  deleteSeries(matchers: readonly Matcher[], range: TimeRange): Promise<void> {
    return this.#maintenance.deleteSeries(matchers, range);
  }

  /** Rewrites the blocks that hold deleted samples. @throws OperatingError `disk.full`, `disk.failed`. */
  cleanTombstones(): Promise<void> {
    return this.#maintenance.cleanTombstones();
  }

  /**
   * Copies all blocks, those of rollup tiers too, to another disk, where nothing is yet: what lies there then is a data
   * directory that a store can open. Nothing is merged or removed meanwhile, and flushes wait.
   *
   * @param skipHead leaves out what is in memory; else it goes to blocks first.
   * @throws OperatingError `disk.full`, `disk.failed`.
   */
  snapshot(to: Disk, { skipHead = false }: { readonly skipHead?: boolean } = {}): Promise<void> {
    return this.#maintenance.snapshot(to, skipHead);
  }

  /**
   * Makes the rows of a range again from the samples there are, those in memory apart: what late samples and deletions
   * do by themselves. Doing it twice changes nothing.
   * @throws OperatingError `disk.full`, `disk.failed`, `memory.full`.
   */
  rollupBackfill(range: TimeRange): Promise<void> {
    return this.#maintenance.rollupBackfill(range);
  }

  /**
   * What would go by retention at a time, and how much that is, by rule and tier; under the settings in force, or with
   * some of them changed. Changes nothing.
   * @throws OperatingError `input.invalid` for a regular expression, `disk.corrupt`, `disk.failed`.
   */
  planRetention(
    nowMs: number,
    changes: Partial<ChangeableSettings> = {},
  ): Promise<RetentionPlan<KeptBlock>> {
    assert(this.#open, "the store is open");
    return this.#maintenance.planRetention(nowMs, { ...this.#settings, ...changes });
  }

  stats(): StoreStats {
    const [attachments, log, rollups] = [this.attachments, this.log, this.#rollups];
    const [writer, maintenance] = [this.#writer, this.#maintenance];
    return storeStats({ ...this.#parts, attachments, log, rollups, writer, maintenance });
  }

  /** From the first to the newest sample in the head; undefined if there is none. One pass over all its series. */
  headTimeRange(): TimeRange | undefined {
    return headTimeRange(this.#parts.head);
  }

  /** What has the most series and values in the head; one pass over its label index. */
  cardinality(limit: number): LabelCardinality {
    return this.#parts.head.index.cardinality(limit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    assert(this.#open, "the store is closed once");
    this.#open = false;
    this.#closing.abort(new OperatingError("disk.failed", "the store is closing"));
    await this.#maintenance.ended();
    const { wal, blocks, head, kernels } = this.#parts;
    try {
      await wal.close();
    } finally {
      this.#snapshots.close();
      for (const session of [...this.#sessions]) session.close();
      blocks.close();
      this.#rollups.close();
      head.destroy();
      this.#writer.release();
      this.#decoder.release();
      closeHeadWindow(kernels, this.#window);
    }
  }
}
