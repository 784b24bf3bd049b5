export type { ArchiveStats } from "./archive/archive.ts";
export type { ArchiveSettings } from "./archive/open-archive.ts";
export {
  type AttachedReader,
  type AttachedReaderOptions,
  attachReader,
} from "./attached-reader.ts";
export type { HistogramRecord } from "./attachment-payload.ts";
export type { AttachmentStats, Attachments, ExemplarColumns } from "./attachments.ts";
export {
  analyzeBlocks,
  type BlockAnalysis,
  type EncodingCount,
  type Share,
} from "./block/analyze-block.ts";
export { BLOCK_CACHE_SIZE_MAX, BlockCache, type BlockCacheStats } from "./block/block-cache.ts";
export { BLOCK_RANGE_MS, BLOCKS_DIRECTORY, type BlockMeta, blockName } from "./block/block-meta.ts";
export { COMPACTION_RANGES_MS } from "./block/compaction-plan.ts";
export {
  type DumpedSet,
  type DumpOptions,
  dumpBlocks,
  dumpedSets,
  sampleText,
} from "./block/dump-blocks.ts";
export { listBlocks } from "./block/list-blocks.ts";
export {
  type BlockProblem,
  type LostSamples,
  type VerifyProgress,
  type VerifyResult,
  verifyBlocks,
} from "./block/verify-blocks.ts";
export type { HeadExemplars } from "./exemplar-queries.ts";
export { COLUMNS_MAX, type Refused } from "./head.ts";
export {
  buffersOf as headSelectionBuffers,
  type HeadSelection,
  type SelectionWishes,
} from "./head-selection.ts";
export { IMPORT_DIRECTORY, Import, type ImportOptions, type OnSamples } from "./import/import.ts";
export type { ImportUnit, StagedBlock } from "./import/import-state.ts";
export type { Counted, LabelCardinality } from "./label-index.ts";
export { type LabelList, labelListBuffers } from "./label-list.ts";
export type { LabelQuery } from "./label-queries.ts";
export { openStore, type StoreOptions } from "./open-store.ts";
export type { ReaderAnswer, ReaderCalls, ReaderSession, ReaderSetup } from "./reader-session.ts";
export type { ExpiredCount, KeptBlock, RetentionPlan } from "./retention/retention-plan.ts";
export {
  DEFAULT_RETENTION_PRESET,
  type KeepMs,
  RETENTION_PRESETS,
  type RetentionPreset,
  type RetentionWishes,
  STORAGE_TIERS,
  type StorageTier,
} from "./retention/retention-policy.ts";
export {
  MADE_WHEN,
  type MatcherText,
  QUANTILE_TIERS_BY_DEFAULT,
  ROLLUPS_BY_DEFAULT,
  type RollupWishes,
} from "./rollup/rollup-policy.ts";
export type { SentRollups } from "./rollup/sent-rollups.ts";
export type { PlaceEstimate } from "./selection-estimate.ts";
export { createPause, type Pause } from "./slices.ts";
export { EmbeddedStore } from "./store.ts";
export type { StoreLog } from "./store-log.ts";
export type { HeadLabels } from "./store-reader.ts";
export { type ChangeableSettings, STORE_DEFAULTS, type StoreSettings } from "./store-settings.ts";
export type { StoreStats } from "./store-stats.ts";
export { TimeChanges } from "./time-changes.ts";
export { dumpLine, dumpWal, verifyWal, type WalReport } from "./verify-wal.ts";
export { SYNC_INTERVAL_MS, type WalSync } from "./wal.ts";
export { SEGMENT_SIZE_MAX } from "./wal-segment.ts";
