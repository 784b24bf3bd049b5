export {
  assertBlobKey,
  BLOB_KEY_SIZE_MAX,
  type BlobInfo,
  type BlobPage,
  type BlobRange,
  type BlobStore,
} from "./blob-store.ts";
export type { Disk, DiskReader, DiskWriter } from "./disk.ts";
export {
  DOCUMENT_ID_SIZE_MAX,
  DOCUMENT_TAG_LENGTH_MAX,
  DOCUMENT_TAGS_MAX,
  type DocumentListOptions,
  type DocumentReader,
  type DocumentStore,
  type DocumentTransaction,
  type Json,
  type StoredDocument,
} from "./document-store.ts";
export {
  EXEMPLAR_LABELS_LENGTH_MAX,
  type Exemplar,
  type ExemplarBatch,
  type ExemplarReader,
  type ExemplarResult,
  type ExemplarStore,
  type SeriesExemplars,
} from "./exemplars.ts";
export type { HistogramBatch, HistogramColumn, HistogramStore } from "./histograms.ts";
export type {
  HttpClient,
  HttpProxy,
  HttpRequest,
  HttpResponse,
  TlsOptions,
  TlsVersion,
} from "./http-client.ts";
export type {
  MailAuth,
  MailClient,
  MailMessage,
  MailRequest,
  MailServer,
} from "./mail-client.ts";
export type { MetadataStore, MetricMetadata } from "./metadata.ts";
export {
  ROLLUP_TIERS,
  type RollupColumns,
  type RollupCoverage,
  type RollupOptions,
  type RollupReader,
  type RollupReading,
  type RollupTier,
  type TierCoverage,
  WINDOW_MS,
} from "./rollup.ts";
export type {
  LogBatch,
  LogConsumer,
  LogConsumerStatus,
  LogPosition,
  LogReadOptions,
  SampleLog,
} from "./sample-log.ts";
export type {
  ImportedBatch,
  ImportedSeries,
  OrderedSource,
  UnorderedSource,
} from "./sample-source.ts";
export {
  PLAN_AGGREGATIONS,
  PLAN_FUNCTIONS,
  type PlanAggregation,
  type PlanEvaluator,
  type PlanFunction,
  type PlanOptions,
  type PlanSeries,
  type SeriesPlan,
} from "./series-plan.ts";
export type {
  AppendResult,
  SampleBatch,
  Selection,
  SelectionEstimate,
  SelectOptions,
  SeriesColumns,
  SeriesReader,
  SeriesStore,
  TimeRange,
} from "./series-store.ts";
export { inLots } from "./series-store.ts";
export { CACHE_KEY_SIZE_MAX, type SharedCache } from "./shared-cache.ts";
export type { StoreChanges } from "./store-changes.ts";
