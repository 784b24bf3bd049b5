export { attachmentStoreConformance } from "./conformance/attachment-store.ts";
export { blobStoreConformance } from "./conformance/blob-store.ts";
export { diskConformance } from "./conformance/disk.ts";
export { documentStoreConformance } from "./conformance/document-store.ts";
export { planEvaluatorConformance } from "./conformance/plan-evaluator.ts";
export { type OpenedSampleLog, sampleLogConformance } from "./conformance/sample-log.ts";
export { seriesStoreConformance } from "./conformance/series-store.ts";
export { sharedCacheConformance } from "./conformance/shared-cache.ts";
export { LOCALHOST_CERTIFICATE, LOCALHOST_KEY } from "./localhost-certificate.ts";
export { MemoryBlobStore } from "./memory-blob-store.ts";
export { MemoryDocumentStore } from "./memory-document-store.ts";
export { MemoryRollups } from "./memory-rollups.ts";
export { MemorySampleLog } from "./memory-sample-log.ts";
export { MemoryStore } from "./memory-store.ts";
export { PlanningStore } from "./planning-store.ts";
export { almostEqual } from "./promqltest/compare.ts";
export { formatHistogram } from "./promqltest/histogram-notation.ts";
export type { ResultPoint, ResultSeries, ResultValue, TestResult } from "./promqltest/result.ts";
export {
  type EvalReport,
  type LoadedSample,
  type PromqlTestTarget,
  runPromqlTest,
  type SeriesToLoad,
} from "./promqltest/runner.ts";
export {
  type ClearCommand,
  type EvalCommand,
  type Expectation,
  type LoadCommand,
  type PromqlTestCommand,
  parsePromqlTest,
} from "./promqltest/script.ts";
export {
  type NotedSeries,
  parseSeriesLine,
  type SeriesPoint,
} from "./promqltest/series-notation.ts";
export {
  encodeWriteRequest,
  type SentExemplar,
  type SentHistogram,
  type SentMetadata,
  type SentSample,
  type SentSeries,
} from "./remote-write-encoder.ts";
export { SimClock } from "./sim-clock.ts";
export { SimDisk } from "./sim-disk.ts";
export { type SimAnswer, type SimHost, SimNetwork } from "./sim-network.ts";
