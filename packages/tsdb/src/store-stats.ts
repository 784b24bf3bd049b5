import type { Disk, LogConsumerStatus, RollupTier, TimeRange } from "@pharos/ports";
import type { Archive, ArchiveStats } from "./archive/archive.ts";
import type { AttachmentStats, Attachments } from "./attachments.ts";
import type { BlockCacheStats } from "./block/block-cache.ts";
import type { BlockMeta } from "./block/block-meta.ts";
import type { Blocks } from "./block/blocks.ts";
import type { Head, Refused } from "./head.ts";
import type { Rollups } from "./rollup/rollups.ts";
import type { StoreLog } from "./store-log.ts";
import type { StoreMaintenance } from "./store-maintenance.ts";
import type { StoreWriter } from "./store-writer.ts";
import type { Wal } from "./wal.ts";

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

/** What was found when the store was opened; the figures of that are in its stats. */
export interface OpeningReport {
  readonly problems: readonly string[];
  readonly remarks: readonly string[];
  readonly replayedSamples: number;
  readonly replayMs: number;
}

/** A store in its parts, for those who count them. */
export interface CountedParts {
  readonly disk: Disk;
  readonly head: Head;
  readonly wal: Wal;
  readonly blocks: Blocks;
  readonly archive: Archive | undefined;
  readonly rollups: Rollups;
  readonly attachments: Attachments;
  readonly log: StoreLog;
  readonly writer: StoreWriter;
  readonly maintenance: StoreMaintenance;
  readonly opening: OpeningReport;
}

export function storeStats(parts: CountedParts): StoreStats {
  const { disk, head, wal, blocks, archive, rollups, attachments, log, writer } = parts;
  const { problems, remarks, replayedSamples, replayMs } = parts.opening;
  const { chunks, samples } = head.chunks.stats();
  return {
    ...attachments.stats,
    headSeries: head.index.seriesCount,
    headSeriesRefused: head.seriesRefused,
    headChunks: chunks,
    headSamples: samples,
    lateSamples: head.late.count,
    samplesAppended: writer.samplesAppended,
    refused: writer.refused,
    walSegments: wal.segments.count,
    walSize: wal.totalSize,
    blocks: blocks.all.map(({ meta }) => meta),
    archive: archive?.stats,
    rollups: rollups.metas,
    rollupBlocksPending: rollups.blocksPending,
    lastFlushMs: parts.maintenance.lastFlushMs,
    blockCache: blocks.cache.stats,
    problems: [...blocks.problems, ...rollups.problems, ...problems],
    remarks,
    diskFreeSize: disk.freeSpace(),
    logConsumers: log.consumers(),
    replayedSamples,
    replayMs,
  };
}

/** From the first to the newest sample in the head; undefined if there is none. One pass over all its series. */
export function headTimeRange(head: Head): TimeRange | undefined {
  const [firstMs, maxMs] = head.chunks.timeBounds();
  const late = { minMs: head.late.nextTimeMs, maxMs };
  const ranges = [late, head.histograms.timeRange ?? late];
  const minMs = Math.min(firstMs, ...ranges.map((range) => range.minMs));
  const newestMs = Math.max(...ranges.map((range) => range.maxMs));
  return minMs <= newestMs ? { minMs, maxMs: newestMs } : undefined;
}
