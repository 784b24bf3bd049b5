import { ROLLUP_TIERS, type RollupTier } from "@pharos/ports";
import {
  type BlockMeta,
  blockName,
  type Counted,
  type EmbeddedStore,
  type StoreStats,
} from "@pharos/tsdb";
import type { Cardinality, ListedBlock, StorageSize, TsdbStatus } from "./http/dependencies.ts";
import type { OwnMetrics } from "./own-metrics.ts";
import type { StoreThreadStats } from "./threads/store-calls.ts";

/** The answer of `/api/v1/status/tsdb`. */
export function tsdbStatus(store: EmbeddedStore, limit: number): TsdbStatus {
  const stats = store.stats();
  const times = store.headTimeRange();
  const { seriesByMetric, valuesByName, sizeByName, seriesByPair } = store.cardinality(limit);
  const everyName = store.cardinality(Number.MAX_SAFE_INTEGER).valuesByName;
  return {
    head: {
      seriesCount: stats.headSeries,
      labelPairCount: everyName.reduce((pairs, { count }) => pairs + count, 0),
      chunkCount: stats.headChunks,
      minTimeMs: times?.minMs ?? 0,
      maxTimeMs: times?.maxMs ?? 0,
    },
    seriesCountByMetricName: seriesByMetric.map(cardinality),
    labelValueCountByLabelName: valuesByName.map(cardinality),
    memoryInBytesByLabelName: sizeByName.map(cardinality),
    seriesCountByLabelValuePair: seriesByPair.map(cardinality),
  };
}

/** What the store takes on disk. */
export function storageSize({ blocks, rollups, walSize }: StoreStats): StorageSize {
  return {
    blocks: blocks.length,
    blockBytes: sizeOf(blocks),
    rollupBlocks: rollups.length,
    rollupBytes: sizeOf(rollups),
    walBytes: walSize,
  };
}

/** All blocks on disk, raw ones first. */
export function listedBlocks({ blocks, rollups }: StoreStats): readonly ListedBlock[] {
  return [...blocks, ...rollups].map((meta) => {
    const { tier, minTimeMs, maxTimeMs, samples, series, chunks, sources, version } = meta;
    const size = meta.indexSize + meta.columnsSize;
    const name = blockName(meta);
    return { name, tier, minTimeMs, maxTimeMs, samples, series, chunks, size, sources, version };
  });
}

function sizeOf(blocks: readonly BlockMeta[]): number {
  return blocks.reduce((sum, { indexSize, columnsSize }) => sum + indexSize + columnsSize, 0);
}

type AddMetric = (name: string, help: string, read: () => number) => void;

/** All 0 where there is no archive. */
function archiveMetrics(gauge: AddMetric, counter: AddMetric, stats: () => StoreThreadStats): void {
  gauge("archive_blocks", "Blocks in the archive.", () => stats().archive?.blocks ?? 0);
  gauge("archive_samples", "Samples in the archive.", () => stats().archive?.samples ?? 0);
  gauge("archive_size_bytes", "Size of the archive's files.", () => stats().archive?.size ?? 0);
  gauge(
    "archive_problems",
    "What keeps blocks from the archive, and what was found damaged there.",
    () => stats().archive?.problems.length ?? 0,
  );
  counter(
    "archive_read_bytes_total",
    "Bytes that the store's thread read from the archive.",
    () => stats().archive?.readSize ?? 0,
  );
}

/** What is no float sample. */
function attachmentMetrics(metrics: OwnMetrics, stats: () => StoreThreadStats): void {
  metrics.gauge(
    "pharos_tsdb_head_histograms",
    "Native histograms in the head.",
    () => stats().headHistograms,
  );
  metrics.gauge(
    "pharos_tsdb_head_exemplars",
    "Exemplars in the head.",
    () => stats().headExemplars,
  );
  metrics.gauge(
    "pharos_tsdb_head_start_timestamps",
    "Start timestamps in the head: samples one after another with the same count once.",
    () => stats().headStarts,
  );
  metrics.counter(
    "pharos_tsdb_start_timestamps_dropped_total",
    "Start timestamps of stored samples for which there was no room in memory.",
    () => stats().startsDropped,
  );
  metrics.counter(
    "pharos_tsdb_histograms_appended_total",
    "Native histograms stored.",
    () => stats().histogramsAppended,
  );
  metrics.counter(
    "pharos_tsdb_exemplars_appended_total",
    "Exemplars stored.",
    () => stats().exemplarsAppended,
  );
  metrics.counter(
    "pharos_tsdb_exemplars_dropped_total",
    "Exemplars not stored, by reason.",
    () => [
      [{ reason: "out_of_order" }, stats().exemplarsOutOfOrder] as const,
      [{ reason: "refused" }, stats().exemplarsRefused] as const,
    ],
    ["reason"],
  );
}

function cardinality({ name, count }: Counted): Cardinality {
  return { name, value: count };
}

/** One value for each rollup tier. */
function rollupMetrics(metrics: OwnMetrics, stats: () => StoreThreadStats): void {
  const gauge = (name: string, help: string, read: (tier: RollupTier) => number): void =>
    metrics.gauge(
      `pharos_tsdb_${name}`,
      help,
      () => ROLLUP_TIERS.map((tier) => [{ tier }, read(tier)] as const),
      ["tier"],
    );
  const blocksOf = (tier: RollupTier): readonly BlockMeta[] =>
    stats().rollups.filter((meta) => meta.tier === tier);
  gauge("rollup_blocks", "Blocks of rollups on disk.", (tier) => blocksOf(tier).length);
  gauge("rollup_size_bytes", "Size of those blocks.", (tier) => sizeOf(blocksOf(tier)));
  gauge("rollup_rows", "Rows in those blocks.", (tier) =>
    blocksOf(tier).reduce((sum, { samples }) => sum + samples, 0),
  );
  gauge(
    "rollup_pending_blocks",
    "Blocks of samples whose rows are not made yet, mostly since it is not time.",
    (tier) => stats().rollupBlocksPending[tier],
  );
}

/** What the store says of itself at `/metrics`. */
export function addStoreMetrics(metrics: OwnMetrics, stats: () => StoreThreadStats): void {
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.gauge(`pharos_tsdb_${name}`, help, read);
  const counter = (name: string, help: string, read: () => number): void =>
    metrics.counter(`pharos_tsdb_${name}`, help, read);
  gauge("head_series", "Series in the head.", () => stats().headSeries);
  gauge("head_chunks", "Chunks in the head.", () => stats().headChunks);
  gauge("head_samples", "Samples in the head.", () => stats().headSamples);
  gauge(
    "head_memory_bytes",
    "Memory that the head and the series table use.",
    () => stats().memoryUsedSize,
  );
  gauge("wal_size_bytes", "Size of the write-ahead log.", () => stats().walSize);
  gauge("wal_segments", "Segments of the write-ahead log.", () => stats().walSegments);
  gauge(
    "disk_free_bytes",
    "Bytes that may still be written to the disk; the log stops before there are none.",
    () => stats().diskFreeSize,
  );
  metrics.gauge(
    "pharos_tsdb_log_consumer_lag_bytes",
    "Bytes of the write-ahead log that a consumer has not committed.",
    () => stats().logConsumers.map(({ name, lag }) => [{ consumer: name }, lag] as const),
    ["consumer"],
  );
  gauge("blocks", "Blocks on disk.", () => stats().blocks.length);
  gauge("block_size_bytes", "Size of the blocks.", () => storageSize(stats()).blockBytes);
  gauge("late_samples", "Samples in the head that came late.", () => stats().lateSamples);
  gauge(
    "last_flush_timestamp_seconds",
    "When the head was last flushed to blocks; 0 if not since the start.",
    () => (stats().lastFlushMs ?? 0) / 1000,
  );
  gauge(
    "problems",
    "Things found damaged since the start; the log has the details.",
    () => stats().problems.length,
  );
  counter(
    "head_series_refused_total",
    "New series that were refused, each time they came, since --head-series-max or the memory allowed no more.",
    () => stats().headSeriesRefused,
  );
  archiveMetrics(gauge, counter, stats);
  rollupMetrics(metrics, stats);
  counter("samples_appended_total", "Samples stored.", () => stats().samplesAppended);
  attachmentMetrics(metrics, stats);
  metrics.counter(
    "pharos_tsdb_samples_refused_total",
    "Samples that were not stored, by reason.",
    () => Object.entries(stats().refused).map(([reason, count]) => [{ reason }, count] as const),
    ["reason"],
  );
  gauge(
    "thread_delay_seconds",
    "The longest that the store's thread was held up since the last scrape.",
    () => stats().delaySecondsMax,
  );
}
