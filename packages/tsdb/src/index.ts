export { BLOCK_RANGE_MS, type BlockMeta } from "./block-meta.ts";
export { COLUMNS_MAX, type Refused } from "./head.ts";
export type { Counted, LabelCardinality } from "./label-index.ts";
export {
  EmbeddedStore,
  openStore,
  STORE_DEFAULTS,
  type StoreOptions,
  type StoreSettings,
  type StoreStats,
} from "./store.ts";
export { SEGMENT_SIZE_MAX, SYNC_INTERVAL_MS, type WalSync } from "./wal.ts";
