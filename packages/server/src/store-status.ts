import type { Kernels } from "@pharos/kernels";
import type { Counted, EmbeddedStore } from "@pharos/tsdb";
import type { Cardinality, TsdbStatus } from "./http/dependencies.ts";
import type { OwnMetrics } from "./own-metrics.ts";

/** The answer of `/api/v1/status/tsdb`. */
export function tsdbStatus(store: EmbeddedStore, limit: number): TsdbStatus {
  const stats = store.stats();
  const { seriesByMetric, valuesByName, sizeByName, seriesByPair } = store.cardinality(limit);
  const everyName = store.cardinality(Number.MAX_SAFE_INTEGER).valuesByName;
  return {
    head: {
      seriesCount: stats.headSeries,
      labelPairCount: everyName.reduce((pairs, { count }) => pairs + count, 0),
      chunkCount: stats.headChunks,
      minTimeMs: stats.headMinTimeMs ?? 0,
      maxTimeMs: stats.headMaxTimeMs ?? 0,
    },
    seriesCountByMetricName: seriesByMetric.map(cardinality),
    labelValueCountByLabelName: valuesByName.map(cardinality),
    memoryInBytesByLabelName: sizeByName.map(cardinality),
    seriesCountByLabelValuePair: seriesByPair.map(cardinality),
  };
}

function cardinality({ name, count }: Counted): Cardinality {
  return { name, value: count };
}

/** What the store says of itself at `/metrics`. */
export function addStoreMetrics(metrics: OwnMetrics, store: EmbeddedStore, kernels: Kernels): void {
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.gauge(`pharos_tsdb_${name}`, help, read);
  const counter = (name: string, help: string, read: () => number): void =>
    metrics.counter(`pharos_tsdb_${name}`, help, read);
  gauge("head_series", "Series in the head.", () => store.stats().headSeries);
  gauge("head_chunks", "Chunks in the head.", () => store.stats().headChunks);
  gauge("head_samples", "Samples in the head.", () => store.stats().headSamples);
  gauge(
    "head_memory_bytes",
    "Memory that the head and the series table use.",
    () => kernels.memoryUse().usedSize,
  );
  gauge("wal_size_bytes", "Size of the write-ahead log.", () => store.stats().walSize);
  gauge("wal_segments", "Segments of the write-ahead log.", () => store.stats().walSegments);
  gauge("blocks", "Blocks on disk.", () => store.stats().blocks.length);
  gauge(
    "last_flush_timestamp_seconds",
    "When the head was last flushed to blocks; 0 if not since the start.",
    () => (store.stats().lastFlushMs ?? 0) / 1000,
  );
  gauge(
    "problems",
    "Things found damaged since the start; the log has the details.",
    () => store.stats().problems.length,
  );
  counter("samples_appended_total", "Samples stored.", () => store.stats().samplesAppended);
  metrics.counter(
    "pharos_tsdb_samples_refused_total",
    "Samples that were not stored, by reason.",
    () =>
      Object.entries(store.stats().refused).map(([reason, count]) => [{ reason }, count] as const),
    ["reason"],
  );
}
