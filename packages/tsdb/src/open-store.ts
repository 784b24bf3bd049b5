import type { Clock } from "@pharos/base";
import type { Kernels, SeriesTable } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import { type ArchiveSettings, openArchive } from "./archive/open-archive.ts";
import { BlockCache } from "./block/block-cache.ts";
import { BLOCKS_DIRECTORY } from "./block/block-meta.ts";
import { Blocks } from "./block/blocks.ts";
import { removeOldCheckpoints } from "./checkpoint.ts";
import { Head } from "./head.ts";
import { LogConsumers } from "./log-consumers.ts";
import { replayStore } from "./replay.ts";
import { openTiers } from "./rollup/rollups.ts";
import { EmbeddedStore } from "./store.ts";
import { STORE_DEFAULTS, type StoreSettings } from "./store-settings.ts";
import { WAL_DIRECTORY } from "./wal-segment.ts";

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
    const opening = { problems, remarks, replayedSamples: samples, replayMs };
    return new EmbeddedStore({ ...options, ...open, settings, flushedBeforeMs, opening });
  } catch (error) {
    head.destroy();
    throw error;
  }
}
