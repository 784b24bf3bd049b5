import { BLOCK_CACHE_SIZE_MAX } from "./block/block-cache.ts";
import { COMPACTION_RANGES_MS } from "./block/compaction-plan.ts";
import {
  DEFAULT_RETENTION_PRESET,
  RETENTION_PRESETS,
  type RetentionPolicy,
  type RetentionWishes,
  retentionPolicy,
} from "./retention/retention-policy.ts";
import { ROLLUPS_BY_DEFAULT, type RollupWishes } from "./rollup/rollup-policy.ts";
import { SYNC_INTERVAL_MS, type WalSync } from "./wal.ts";
import { SEGMENT_SIZE_MAX } from "./wal-segment.ts";

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
  flushGraceMs: 30 * 60_000,
  blockCacheSizeMax: BLOCK_CACHE_SIZE_MAX,
  compactionRangesMs: COMPACTION_RANGES_MS,
};

/** Settings that can change while the store is open. */
export type ChangeableSettings = Pick<
  StoreSettings,
  "outOfOrderWindowMs" | "retentionMs" | "retention" | "retentionSizeMax" | "rollups"
>;

/** How long the samples and rollups of each series are kept. @throws OperatingError `input.invalid` for a regular expression. */
export function retentionPolicyOf({
  retention,
  retentionMs,
}: Pick<StoreSettings, "retention" | "retentionMs">): RetentionPolicy {
  return retentionPolicy({ ...retention, rawMs: retentionMs });
}
