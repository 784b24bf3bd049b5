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
  SampleColumns,
  type SeriesStarter,
  type SeriesTable,
} from "@pharos/kernels";
import {
  type AppendResult,
  type Disk,
  type ExemplarBatch,
  type ExemplarResult,
  type ExemplarStore,
  type HistogramBatch,
  type HistogramStore,
  type LogConsumerStatus,
  type MetadataStore,
  type MetricMetadata,
  type RollupColumns,
  type RollupOptions,
  type RollupReader,
  type RollupTier,
  type SampleBatch,
  type SelectOptions,
  type SeriesColumns,
  type SeriesExemplars,
  type SeriesStore,
  type TimeRange,
  WINDOW_MS,
} from "@pharos/ports";
import type { Archive, ArchiveStats } from "./archive/archive.ts";
import { type ArchiveSettings, openArchive } from "./archive/open-archive.ts";
import { exemplarColumns, histogramColumns } from "./attachment-batches.ts";
import { type AttachmentStats, Attachments } from "./attachments.ts";
import { BLOCK_CACHE_SIZE_MAX, BlockCache, type BlockCacheStats } from "./block/block-cache.ts";
import { BLOCKS_DIRECTORY, type BlockMeta } from "./block/block-meta.ts";
import { Blocks } from "./block/blocks.ts";
import { ColumnDecoder } from "./block/column-decoder.ts";
import { Compactor } from "./block/compaction.ts";
import { COMPACTION_RANGES_MS } from "./block/compaction-plan.ts";
import { snapshotBlocks } from "./block/snapshot-blocks.ts";
import { removeOldCheckpoints } from "./checkpoint.ts";
import type { EndedSeries } from "./ended-series.ts";
import { type FlushContext, flushHead, rangeStart } from "./flush.ts";
import { COLUMNS_MAX, Head, type Refused, TIMESTAMP_MS_MAX } from "./head.ts";
import type { LabelCardinality } from "./label-index.ts";
import type { MatcherLists } from "./label-queries.ts";
import { LogConsumers } from "./log-consumers.ts";
import { ReaderSession } from "./reader-session.ts";
import { replayStore } from "./replay.ts";
import { Retention } from "./retention/retention.ts";
import type { KeptBlock, RetentionPlan } from "./retention/retention-plan.ts";
import {
  DEFAULT_RETENTION_PRESET,
  keepMsMax,
  RETENTION_PRESETS,
  type RetentionPolicy,
  type RetentionWishes,
  retentionPolicy,
} from "./retention/retention-policy.ts";
import { ROLLUPS_BY_DEFAULT, type RollupWishes, rollupPolicy } from "./rollup/rollup-policy.ts";
import { readRollup, windowsRange } from "./rollup/rollup-select.ts";
import { type OpenTiers, openTiers, Rollups } from "./rollup/rollups.ts";
import { createPause } from "./slices.ts";
import { Snapshots } from "./snapshots.ts";
import { StoreLog } from "./store-log.ts";
import { StoreReader } from "./store-reader.ts";
import { StoreResolver } from "./store-resolver.ts";
import { SEGMENT_SIZE_MAX, SYNC_INTERVAL_MS, type Wal, type WalSync } from "./wal.ts";
import { samplesPayload } from "./wal-payload.ts";
import type { WalRecord } from "./wal-record.ts";
import { WAL_DIRECTORY } from "./wal-segment.ts";

export interface StoreSettings {
  /** When an append is on the device. */
  readonly walSync: WalSync;
  readonly walSegmentSizeMax: number;
  /** Whether to set a log aside whose checkpoint cannot be read, instead of refusing to open. What it has is lost. */
  readonly walRepair: boolean;
  /** Bytes that the log may have; more are refused with `queue.full`. At half of it, samples are moved to blocks early. */
  readonly logSizeMax: number;
  /** How long the log is kept for consumers, beside what they have not read. */
  readonly logRetentionMs: number;
  /** Bytes of the disk that the log leaves free, so that its samples can be moved to blocks; 0 to take all there is. */
  readonly diskKeepFree: number;
  /** Series in memory at a time; more are refused with `memory.full`. */
  readonly headSeriesMax: number;
  /** Bytes of the 4 GiB for series, their labels included, beyond which no more series begin. */
  readonly seriesMemoryMax: number;
  /** Bytes in use of the 4 GiB from which all samples are moved to blocks, whatever their age, */
  readonly memoryFlushSize: number;
  /** if they take at least so many: writing less often is not worth what little it frees. */
  readonly memoryFlushMin: number;
  /** How far behind its series' newest sample a sample may be. */
  readonly outOfOrderWindowMs: number;
  /** Samples in memory that came late; more are refused with `memory.full`. At 16 bytes each. */
  readonly lateSamplesMax: number;
  /** How far in the future a sample may be. */
  readonly futureWindowMs: number;
  /** How long samples are kept where no rule of `retention` says otherwise; Infinity for ever. */
  readonly retentionMs: number;
  /** How long rollup tiers are kept, and what is kept differently. */
  readonly retention: Pick<RetentionWishes, "preset" | "rules">;
  /** How many bytes blocks and log may have together, beyond which the oldest blocks go; 0 for no limit. */
  readonly retentionSizeMax: number;
  /** Which rollup tiers series get. */
  readonly rollups: RollupWishes;
  /** How far behind the newest sample a range must end to be flushed: time for the late ones. */
  readonly flushGraceMs: number;
  /** Bytes of blocks that are kept in memory, for each thread that reads them. */
  readonly blockCacheSizeMax: number;
  /** How long the stretches of time are that blocks are merged to, rising, from that of blocks from the head on. */
  readonly compactionRangesMs: readonly number[];
}

export const STORE_DEFAULTS: StoreSettings = {
  walSync: { intervalMs: SYNC_INTERVAL_MS },
  walSegmentSizeMax: SEGMENT_SIZE_MAX,
  walRepair: false,
  logSizeMax: 32 * 1024 ** 3,
  logRetentionMs: 0,
  diskKeepFree: 64 * 1024 ** 2,
  headSeriesMax: 5_000_000,
  seriesMemoryMax: 2.75 * 1024 ** 3,
  memoryFlushSize: 2.5 * 1024 ** 3,
  memoryFlushMin: 384 * 1024 ** 2,
  outOfOrderWindowMs: 30 * 60_000,
  lateSamplesMax: 20_000_000,
  futureWindowMs: 3_600_000,
  retentionMs: RETENTION_PRESETS[DEFAULT_RETENTION_PRESET].raw,
  retention: { preset: DEFAULT_RETENTION_PRESET, rules: [] },
  retentionSizeMax: 0,
  rollups: ROLLUPS_BY_DEFAULT,
  flushGraceMs: 3_600_000,
  blockCacheSizeMax: BLOCK_CACHE_SIZE_MAX,
  compactionRangesMs: COMPACTION_RANGES_MS,
};

/** Settings that can change while the store is open. */
export type ChangeableSettings = Pick<
  StoreSettings,
  "outOfOrderWindowMs" | "retentionMs" | "retention" | "retentionSizeMax" | "rollups"
>;

export interface StoreOptions extends Partial<StoreSettings> {
  /** The data directory. Nobody else uses it. */
  readonly disk: Disk;
  readonly clock: Clock;
  readonly kernels: Kernels;
  /** The head's series live in its namespace 0, which is empty. */
  readonly table: SeriesTable;
  /** Where blocks go when they are old, if anywhere. */
  readonly archive?: ArchiveSettings | undefined;
}

/** The figures of a store, for its own metrics and for `/api/v1/status/tsdb`. */
export interface StoreStats extends AttachmentStats {
  readonly headSeries: number;
  readonly headChunks: number;
  /** How often a series was refused since the start because there was no room for it. */
  readonly headSeriesRefused: number;
  /** Samples in the head's chunks, and those that came late. */
  readonly headSamples: number;
  readonly lateSamples: number;
  readonly samplesAppended: number;
  readonly refused: Readonly<Refused>;
  readonly walSegments: number;
  readonly walSize: number;
  readonly blocks: readonly BlockMeta[];
  /** What is in the archive; undefined if there is none. */
  readonly archive: ArchiveStats | undefined;
  /** The blocks of all rollup tiers. */
  readonly rollups: readonly BlockMeta[];
  /** How many raw blocks have samples of which a tier has no rows yet. */
  readonly rollupBlocksPending: Readonly<Record<RollupTier, number>>;
  /** Wall-clock time of the last flush that ended well; undefined if none did since the start. */
  readonly lastFlushMs: number | undefined;
  /** The store's thread's; readers on other threads have caches of their own. */
  readonly blockCache: BlockCacheStats;
  /** What was found damaged, in words. */
  readonly problems: readonly string[];
  /** What else was found at the start that somebody may want to know, such as a write that a crash left unfinished. */
  readonly remarks: readonly string[];
  /** Bytes that may still be written to the disk. */
  readonly diskFreeSize: number;
  /** Who reads the log, and how far. */
  readonly logConsumers: readonly LogConsumerStatus[];
  /** Samples read back from the log at the start, and how long that took. */
  readonly replayedSamples: number;
  readonly replayMs: number;
}

/**
 * Opens the store in a data directory, reading back what the log holds. When it resolves, all that can be read
 * survives a power loss.
 *
 * @throws OperatingError `disk.corrupt` with the place and the way out, `disk.full`, `disk.failed`, `memory.full`.
 */
export async function openStore(options: StoreOptions): Promise<EmbeddedStore> {
  const { disk, kernels, table, clock } = options;
  const settings = { ...STORE_DEFAULTS, ...options };
  disk.makeDirectory(WAL_DIRECTORY);
  const cache = new BlockCache(settings.blockCacheSizeMax);
  const blocks = Blocks.open(disk, BLOCKS_DIRECTORY, cache);
  const tiers = await openTiers(disk, cache);
  const archive = options.archive && (await openArchive({ ...options.archive, disk, clock }));
  const head = new Head(kernels, table, {
    seriesMax: settings.headSeriesMax,
    seriesMemoryMax: settings.seriesMemoryMax,
    outOfOrderWindowMs: settings.outOfOrderWindowMs,
    lateSamplesMax: settings.lateSamplesMax,
  });
  const startedMs = clock.monotonicMs();
  try {
    const replayed = await replayStore({ ...settings, head });
    const { wal, ended, samples, remarks, firstSegment, flushedBeforeMs } = replayed;
    removeOldCheckpoints(disk, firstSegment);
    const { consumers, problems: consumerProblems } = LogConsumers.open(disk, wal.position);
    const problems = [...replayed.problems, ...consumerProblems];
    head.onEnded = (ref, labelBytes) => ended.add(ref, labelBytes, wal.position.segment);
    const replayMs = clock.monotonicMs() - startedMs;
    const open = { head, blocks, tiers, wal, ended, consumers, archive };
    const parts = { ...options, ...open, settings, flushedBeforeMs };
    return new EmbeddedStore({ ...parts, problems, remarks, replayedSamples: samples, replayMs });
  } catch (error) {
    head.destroy();
    throw error;
  }
}

interface StoreParts {
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
  readonly problems: readonly string[];
  readonly remarks: readonly string[];
  readonly replayedSamples: number;
  readonly replayMs: number;
  readonly flushedBeforeMs: number;
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
  #parts: StoreParts;
  readonly #snapshots: Snapshots;
  readonly #decoder: ColumnDecoder;
  readonly #resolver: StoreResolver;
  readonly #compactor: Compactor;
  readonly #rollups: Rollups;
  readonly #retention: Retention;
  /** For who reads on this thread. */
  readonly #window: HeadWindow;
  readonly #reader: StoreReader;
  /** Those of other threads. */
  readonly #sessions = new Set<ReaderSession>();
  /** Columns for batches made in TypeScript. */
  #columns: SampleColumns;
  #samplesAppended = 0;
  readonly #refused: Refused = { duplicate: 0, tooOld: 0, tooNew: 0, conflicting: 0 };
  #lastFlushMs: number | undefined;
  /** How far the last checkpoint says that samples were flushed. */
  #flushedBeforeMs: number;
  #maxTimeMs: number;
  /** How long samples of any series are kept: older ones are refused. */
  #rawKeptMs: number;
  /** Flushes and deletions, one after another. */
  #maintenance: Promise<unknown> = Promise.resolve();
  /** Blocks on their way to the archive. */
  #moving: Promise<void> | undefined;
  readonly #closing = new AbortController();
  #open = true;

  /** Use `openStore`. */
  constructor(parts: StoreParts) {
    const { disk, kernels, clock, head, blocks, tiers, wal, settings } = parts;
    this.#parts = parts;
    const append = (batch: SampleBatch) => this.append(batch);
    this.log = new StoreLog({ ...parts, retentionMs: settings.logRetentionMs, append });
    this.attachments = new Attachments({
      ...{ head, wal, syncAlways: settings.walSync === "always" },
      definitions: () => this.#definitionRecords(),
      bounds: () => this.#bounds(),
      noteTime: (timeMs) => this.#noteTime(timeMs),
    });
    const snapshots = new Snapshots(clock);
    this.#snapshots = snapshots;
    const { signal } = this.#closing;
    this.#decoder = new ColumnDecoder(kernels);
    const pause = () => createPause(clock, signal);
    this.#rollups = new Rollups({
      ...{ disk, clock, kernels, tiers, raw: blocks, decoder: this.#decoder, pause },
      retention: policyOf(settings),
      rollups: rollupPolicy(settings.rollups),
      drained: () => snapshots.drained(signal),
    });
    this.#retention = new Retention({
      ...{ disk, clock, kernels, raw: blocks, rollups: this.#rollups, snapshots, signal, pause },
      policy: policyOf(settings),
      sizeMax: settings.retentionSizeMax,
      logSize: () => wal.totalSize,
    });
    this.#compactor = new Compactor({
      ...{ disk, kernels, blocks, snapshots, signal, tier: "raw" },
      keep: (labelBytes, set) => this.#retention.keep(labelBytes, set),
    });
    this.#resolver = new StoreResolver({ head, blocks, snapshots: this.#snapshots, pause });
    this.#window = openHeadWindow(kernels, head.chunks.pointer);
    this.#reader = new StoreReader({
      resolver: this.#resolver,
      head: new HeadReader(kernels, this.#window),
      ...{ decoder: this.#decoder, kernels },
      damaged: ({ message }) => blocks.report(message),
      pause,
      archive: parts.archive,
    });
    this.#columns = new SampleColumns(kernels, 64);
    this.#flushedBeforeMs = parts.flushedBeforeMs;
    this.#rawKeptMs = keepMsMax(policyOf(settings), "raw");
    this.#maxTimeMs = Number.NEGATIVE_INFINITY;
    for (const ref of head.index.all()) this.#noteTime(head.chunks.lastTimeMs(ref));
    for (const { timeRange } of [head.histograms, head.exemplars])
      if (timeRange !== undefined) this.#noteTime(timeRange.maxMs);
    for (const { meta } of blocks.all) this.#noteTime(meta.maxTimeMs);
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
    const { head, settings, wal } = this.#parts;
    const { length } = columns;
    if (length > COLUMNS_MAX)
      throw new OperatingError(
        "input.too_large",
        `a batch of ${length} samples; at most ${COLUMNS_MAX} are allowed`,
      );
    const refused: Refused = { duplicate: 0, tooOld: 0, tooNew: 0, conflicting: 0 };
    if (length > 0) {
      const { minMs, maxMs } = this.#bounds();
      const accepted = head.prepare(columns, minMs, maxMs, refused);
      if (accepted.length > 0) {
        this.#log(accepted);
        head.apply(accepted, refused);
      }
    }
    const { duplicate, tooOld, tooNew, conflicting } = refused;
    const appended = length - duplicate - tooOld - tooNew - conflicting;
    this.#samplesAppended += appended;
    for (const reason of REASONS) this.#refused[reason] += refused[reason];
    const result = { appended, ...refused };
    return settings.walSync === "always" ? wal.synced().then(() => result) : result;
  }

  /** The times of samples that are neither too old for any retention nor too far in the future. */
  #bounds(): TimeRange & { readonly outOfOrderWindowMs: number } {
    const { clock, settings } = this.#parts;
    const nowMs = clock.nowMs();
    return {
      minMs: Math.max(nowMs - this.#rawKeptMs, -TIMESTAMP_MS_MAX),
      maxMs: Math.min(nowMs + settings.futureWindowMs, TIMESTAMP_MS_MAX),
      outOfOrderWindowMs: settings.outOfOrderWindowMs,
    };
  }

  /** Writes a batch, and the series that are new with it, to the log in one go. */
  #log(columns: SampleColumns): void {
    const { head, wal, clock } = this.#parts;
    const [, maxMs] = head.chunks.timestampBounds(columns);
    const deltas = head.wordsFor(columns.length);
    const shape = head.chunks.timestampShape(columns, deltas);
    const payload = samplesPayload(columns, shape, deltas, clock.nowMs());
    wal.append([...this.#definitionRecords(), { kind: "samples", payload }], maxMs);
    head.markDefined();
    this.#noteTime(maxMs);
  }

  #definitionRecords(): WalRecord[] {
    return this.#parts.head
      .definitions()
      .map((payload) => ({ kind: "series", payload: [payload] }));
  }

  #logDefinitions(): void {
    const { head, wal } = this.#parts;
    const records = this.#definitionRecords();
    // Whatever the limits: it is the flush that makes room.
    if (records.length > 0) wal.append(records, Number.NEGATIVE_INFINITY, "unlimited");
    head.markDefined();
  }

  #noteTime(timeMs: number): void {
    if (timeMs > this.#maxTimeMs) this.#maxTimeMs = timeMs;
  }

  async append(batch: SampleBatch): Promise<AppendResult> {
    const { labelSets, series, timestampsMs, values, stale } = batch;
    const { length } = series;
    assert(timestampsMs.length === length, "one timestamp a sample");
    assert(values.length === length, "one value a sample");
    assert(stale === null || stale.length === length, "one staleness flag a sample");
    if (length > COLUMNS_MAX)
      throw new OperatingError(
        "input.too_large",
        `a batch of ${length} samples; at most ${COLUMNS_MAX} are allowed`,
      );
    const refs = labelSets.map((labels) => this.intern(labels));
    if (this.#columns.capacity < length) {
      const larger = new SampleColumns(this.#parts.kernels, 2 ** Math.ceil(Math.log2(length)));
      this.#columns.release();
      this.#columns = larger;
    }
    const columns = this.#columns;
    columns.clear();
    for (let i = 0; i < length; i++) {
      const ref = refs[series[i] as number];
      assert(ref !== undefined, () => `sample ${i} names label set ${series[i]}`);
      const timestampMs = timestampsMs[i] as number;
      assert(Number.isInteger(timestampMs), () => `timestamp ${timestampMs}`);
      if (stale?.[i] === 1) columns.pushStale(ref, timestampMs);
      else columns.push(ref, timestampMs, ordinary(values[i] as number));
    }
    return this.appendColumns(columns);
  }

  async appendHistograms(batch: HistogramBatch): Promise<AppendResult> {
    const columns = histogramColumns(batch, (labels) => this.intern(labels));
    return this.attachments.appendHistograms(columns);
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
    const rows = windowsRange(range, WINDOW_MS[options.tier]);
    const { tier, quantiles } = options;
    const sources = this.#rollups.sourcesOf(tier, quantiles, rows, this.#flushedBeforeMs, (part) =>
      this.#reader.select(part, matchers, options),
    );
    return readRollup(
      sources,
      this.#decoder,
      this.#rollups.tools,
      rows,
      matchers,
      options,
      this.#snapshots.take(),
    );
  }

  /**
   * Makes the rows of a range again from the samples there are, those in memory apart: what late samples and deletions
   * do by themselves. Doing it twice changes nothing.
   * @throws OperatingError `disk.full`, `disk.failed`, `memory.full`.
   */
  rollupBackfill(range: TimeRange): Promise<void> {
    return this.#inTurn(() => this.#rollups.backfill(range));
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
    const settings = { ...this.#parts.settings, ...changes };
    return this.#retention.plan(nowMs, policyOf(settings), settings.retentionSizeMax);
  }

  /**
   * Goes on with other settings. A tier that is new is made of all samples that are in blocks.
   * @throws OperatingError `input.invalid` for a regular expression: nothing is changed.
   */
  applySettings(changes: Partial<ChangeableSettings>): void {
    assert(this.#open, "the store is open");
    const settings = { ...this.#parts.settings, ...changes };
    const policy = policyOf(settings);
    this.#rollups.setPolicies(policy, rollupPolicy(settings.rollups));
    this.#retention.setPolicy(policy, settings.retentionSizeMax);
    this.#rawKeptMs = keepMsMax(policy, "raw");
    this.#parts.head.setOutOfOrderWindow(settings.outOfOrderWindowMs);
    this.#parts = { ...this.#parts, settings };
  }

  /** The store's half of a reader on another thread: see `attachReader`. @throws OperatingError `memory.full`. */
  openReader(): ReaderSession {
    assert(this.#open, "the store is open");
    const { kernels, head } = this.#parts;
    const session = new ReaderSession(kernels, head.chunks.pointer, this.#resolver, () =>
      this.#sessions.delete(session),
    );
    this.#sessions.add(session);
    return session;
  }

  /**
   * What must be done from time to time: deletes what is beyond the retention, moves what is old enough to blocks, makes
   * the rollups of new blocks, and merges blocks once, where that is worth it.
   * @throws OperatingError `disk.full`, `disk.failed`: nothing is lost, and the next call tries again.
   */
  maintain(nowMs: number): Promise<void> {
    return this.#inTurn(async () => {
      // First, since on a full disk this is what makes room for the flush.
      const waiting = await this.#retention.apply(nowMs);
      try {
        await this.#flushAndRollUp(nowMs);
      } catch (error) {
        const full = error instanceof OperatingError && error.code === "disk.full";
        // Rather without their rows than not at all, or the disk would stay full.
        if (full && waiting) await this.#retention.apply(nowMs, "given_up");
        throw error;
      }
      // What waited for its rows may go now.
      if (waiting) {
        await this.#retention.apply(nowMs);
        // Takes note of what that wrote anew before it is merged, or it would count for new samples.
        await this.#rollups.make(nowMs);
      }
      this.#retention.beginMerge(nowMs);
      await this.#mergeNext(false);
      await this.#rollups.compact(nowMs);
      // Not waited for: an archive may be slow.
      if (this.#parts.archive !== undefined) void this.moveToArchive();
    });
  }

  async #flushAndRollUp(nowMs: number): Promise<void> {
    const { wal } = this.#parts;
    const isHeadNearlyFull =
      this.#parts.head.isLateNearlyFull ||
      this.attachments.isNearlyFull ||
      this.#isMemoryNearlyFull;
    const full = isHeadNearlyFull || wal.isNearlyFull;
    const beforeMs = full ? this.#maxTimeMs + 1 : this.#graceStart();
    if (full || beforeMs > this.#flushedBeforeMs) await this.#flushBefore(beforeMs);
    await this.#rollups.make(nowMs);
  }

  /**
   * Moves the blocks that are old enough to the archive, if there is one; `maintain` begins that too. Never fails for
   * the archive's sake: `stats` says what went wrong, and the next time goes on.
   */
  moveToArchive(): Promise<void> {
    assert(this.#open, "the store is open");
    this.#moving ??= this.#move().finally(() => {
      this.#moving = undefined;
    });
    return this.#moving;
  }

  async #move(): Promise<void> {
    const { archive, blocks, clock } = this.#parts;
    const { signal } = this.#closing;
    const move = async () =>
      archive?.move({
        ...{ blocks, decoder: this.#decoder, snapshots: this.#snapshots, signal },
        pause: () => createPause(clock, signal),
        isDone: (block) => this.#rollups.mayGo(block),
        inTurn: (work) => this.#inTurn(work),
      });
    try {
      await move();
      if (!this.#rollups.keptSome) return;
      // Their rows are made now, and then they may go.
      await this.#inTurn(() => this.#rollups.make(clock.nowMs()));
      await move();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      if (!signal.aborted) blocks.report(`not archived: ${error.message}`);
    }
  }

  /** Whether so much memory is in use that samples are to go, and so much of that is samples that it helps. */
  get #isMemoryNearlyFull(): boolean {
    const { kernels, head, settings } = this.#parts;
    const { memoryFlushSize, memoryFlushMin } = settings;
    return (
      kernels.memoryUse().usedSize > memoryFlushSize && head.chunks.stats().size >= memoryFlushMin
    );
  }

  /** What could be merged now; answers how many blocks became one. */
  #mergeNext(everything: boolean): Promise<number> {
    const { clock, settings } = this.#parts;
    const completeBeforeMs = Math.min(this.#graceStart(), this.#flushedBeforeMs);
    const options = { rangesMs: settings.compactionRangesMs, completeBeforeMs, everything };
    return this.#compactor.mergeNext(options, createPause(clock, this.#closing.signal));
  }

  /**
   * Merges all blocks that can be merged, those of the current day too, and compresses them: disk space is as small as
   * it gets when this resolves. Appends, reads and flushes go on meanwhile.
   * @throws OperatingError `disk.full`, `disk.failed`: nothing is lost.
   */
  async compact(): Promise<void> {
    let merged = 1;
    while (merged > 0)
      await this.#inTurn(async () => {
        await this.#rollups.make(this.#parts.clock.nowMs());
        merged = await this.#mergeNext(true);
        if (merged === 0) await this.#rollups.compact(this.#parts.clock.nowMs(), true);
      });
  }

  /**
   * Deletes the samples of the series that match all of the matchers, from `minMs` to `maxMs`, both included, as far as
   * they are there now: what comes later stays. They are gone for every reader when this resolves, also after a power
   * loss; `cleanTombstones` gives their bytes back, and so does merging blocks. What is in memory goes to blocks first.
   *
   * @throws OperatingError `queue.full` where too many deletions wait for that, `disk.full`, `disk.failed`.
   */
  deleteSeries(matchers: readonly Matcher[], { minMs, maxMs }: TimeRange): Promise<void> {
    assert(matchers.length > 0, "not everything, by mistake");
    return this.#inTurn(async () => {
      await this.#flushBefore(this.#maxTimeMs + 1);
      const range = {
        minMs: Math.max(minMs, -TIMESTAMP_MS_MAX),
        maxMs: Math.min(maxMs, TIMESTAMP_MS_MAX),
      };
      await this.#rollups.delete(matchers, range);
      await this.#parts.blocks.delete({ matchers, ...range });
      await this.#rollups.make(this.#parts.clock.nowMs());
    });
  }

  /**
   * Copies all blocks, those of rollup tiers too, to another disk, where nothing is yet: what lies there then is a data
   * directory that a store can open. Nothing is merged or removed meanwhile, and flushes wait.
   *
   * @param skipHead leaves out what is in memory; else it goes to blocks first.
   * @throws OperatingError `disk.full`, `disk.failed`.
   */
  snapshot(to: Disk, { skipHead = false }: { readonly skipHead?: boolean } = {}): Promise<void> {
    return this.#inTurn(async () => {
      if (!skipHead) await this.#flushBefore(this.#maxTimeMs + 1);
      const { disk, clock, blocks, tiers } = this.#parts;
      const pause = createPause(clock, this.#closing.signal);
      for (const one of [blocks, ...tiers.blocks.values()])
        await snapshotBlocks(disk, one, to, pause);
    });
  }

  /** Rewrites the blocks that hold deleted samples. @throws OperatingError `disk.full`, `disk.failed`. */
  async cleanTombstones(): Promise<void> {
    const { clock } = this.#parts;
    let rewritten = 1;
    while (rewritten > 0)
      await this.#inTurn(async () => {
        const pause = createPause(clock, this.#closing.signal);
        rewritten = await this.#compactor.cleanNext(pause);
        if (rewritten === 0) await this.#rollups.cleanTombstones();
      });
  }

  /** Moves all samples of the head to blocks. @throws OperatingError `disk.full`, `disk.failed`. */
  flush(): Promise<void> {
    return this.#inTurn(() => this.#flushBefore(this.#maxTimeMs + 1));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    assert(this.#open, "the store is open");
    const turn = this.#maintenance.then(work);
    this.#maintenance = turn.catch(() => {}); // Whoever asked for it hears of it.
    return turn;
  }

  /** What is older than this has had its time for late samples. */
  #graceStart(): number {
    return rangeStart(this.#maxTimeMs - this.#parts.settings.flushGraceMs);
  }

  async #flushBefore(timeMs: number): Promise<void> {
    if (timeMs === Number.NEGATIVE_INFINITY) return;
    // Never back: the checkpoint says "before this time" of everything logged so far, also of what went long ago.
    const beforeMs = Math.max(timeMs, this.#flushedBeforeMs);
    const { disk, clock, kernels, head, blocks, wal, ended, settings } = this.#parts;
    const context: FlushContext = {
      disk,
      clock,
      kernels,
      head,
      blocks,
      wal,
      ended,
      snapshots: this.#snapshots,
      keepFrom: (firstSegment) => this.log.keepFrom(firstSegment),
      logDefinitions: () => this.#logDefinitions(),
      signal: this.#closing.signal,
    };
    // By the clock too: samples from the future must not make those of the present look old.
    const idleBeforeMs = Math.min(this.#graceStart(), clock.nowMs() - settings.flushGraceMs);
    await flushHead(context, beforeMs, idleBeforeMs);
    this.#flushedBeforeMs = beforeMs;
    this.#lastFlushMs = clock.nowMs();
  }

  stats(): StoreStats {
    const { disk, head, wal, blocks, problems, remarks, replayedSamples, replayMs } = this.#parts;
    const { chunks, samples } = head.chunks.stats();
    return {
      ...this.attachments.stats,
      headSeries: head.index.seriesCount,
      headSeriesRefused: head.seriesRefused,
      headChunks: chunks,
      headSamples: samples,
      lateSamples: head.lateCount,
      samplesAppended: this.#samplesAppended,
      refused: { ...this.#refused },
      walSegments: wal.segments.count,
      walSize: wal.totalSize,
      blocks: blocks.all.map(({ meta }) => meta),
      archive: this.#parts.archive?.stats,
      rollups: this.#rollups.metas,
      rollupBlocksPending: this.#rollups.blocksPending,
      lastFlushMs: this.#lastFlushMs,
      blockCache: blocks.cache.stats,
      problems: [...blocks.problems, ...this.#rollups.problems, ...problems],
      remarks,
      diskFreeSize: disk.freeSpace(),
      logConsumers: this.log.consumers(),
      replayedSamples,
      replayMs,
    };
  }

  /** From the first to the newest sample in the head; undefined if there is none. One pass over all its series. */
  headTimeRange(): TimeRange | undefined {
    const { head } = this.#parts;
    const [firstMs, maxMs] = head.chunks.timeBounds();
    const late = { minMs: head.nextLateTimeMs("all"), maxMs };
    const ranges = [late, head.histograms.timeRange ?? late];
    const minMs = Math.min(firstMs, ...ranges.map((range) => range.minMs));
    const newestMs = Math.max(...ranges.map((range) => range.maxMs));
    return minMs <= newestMs ? { minMs, maxMs: newestMs } : undefined;
  }

  /** What has the most series and values in the head; one pass over its label index. */
  cardinality(limit: number): LabelCardinality {
    return this.#parts.head.index.cardinality(limit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    assert(this.#open, "the store is closed once");
    this.#open = false;
    this.#closing.abort(new OperatingError("disk.failed", "the store is closing"));
    await this.#moving;
    await this.#maintenance;
    const { wal, blocks, head, kernels } = this.#parts;
    try {
      await wal.close();
    } finally {
      this.#snapshots.close();
      for (const session of [...this.#sessions]) session.close();
      blocks.close();
      this.#rollups.close();
      head.destroy();
      this.#columns.release();
      this.#decoder.release();
      closeHeadWindow(kernels, this.#window);
    }
  }
}

function policyOf({ retention, retentionMs }: StoreSettings): RetentionPolicy {
  return retentionPolicy({ ...retention, rawMs: retentionMs });
}

/** An array of floats may hold a NaN whose bits are those of a staleness marker, and here it is an ordinary one. */
function ordinary(value: number): number {
  return Number.isNaN(value) ? Number.NaN : value;
}

const REASONS = ["duplicate", "tooOld", "tooNew", "conflicting"] as const;
