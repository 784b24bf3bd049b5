export type { ColumnSink } from "./column-sink.ts";
export { FileDiscovery, fileDiscoveryPathProblem, type TargetFiles } from "./file-discovery.ts";
export { renderHostMetrics } from "./host-agent/host-metrics.ts";
export type { FileSystemSpace, HostReader } from "./host-agent/host-reader.ts";
export { HttpDiscovery, type HttpDiscoveryConfig } from "./http-discovery.ts";
export {
  INGEST_QUEUE_LIMITS,
  INGEST_RETRY_AFTER_SECONDS,
  IngestQueue,
  type IngestQueueLimits,
} from "./ingest-queue.ts";
export {
  JSON_BODY_SIZE_MAX,
  JSON_METRICS_MAX,
  type JsonMetricsResult,
  parseJsonMetrics,
  receiveJsonMetrics,
} from "./json-metrics.ts";
export { PUSH_LIMITS, type PushLimits } from "./push-limits.ts";
export {
  createRelabelRule,
  RELABEL_ACTIONS,
  type RelabelAction,
  type RelabelConfig,
  type RelabelRule,
  relabel,
  relabelConfigOf,
} from "./relabel.ts";
export { RemoteWriteCounters } from "./remote-write/remote-write-counters.ts";
export {
  RemoteWriteQueue,
  type RemoteWriteQueueParts,
  type RemoteWriteState,
} from "./remote-write/remote-write-queue.ts";
export {
  REMOTE_WRITE_METADATA,
  REMOTE_WRITE_QUEUE,
  type RemoteWriteMetadataSettings,
  type RemoteWriteProtocol,
  type RemoteWriteQueueSettings,
  type RemoteWriteSettings,
} from "./remote-write/remote-write-settings.ts";
export { writeRequestOfVersion2 } from "./remote-write/version-2.ts";
export { RemoteWriteReceiver, type RemoteWriteResult } from "./remote-write-receiver.ts";
export { type RequestHeaderSettings, requestHeaders } from "./request-headers.ts";
export {
  type FileDiscoveryConfig,
  type ScrapeJob,
  type ScrapeProtocol,
  scrapeJobDefaults,
  type TargetGroup,
} from "./scrape-job.ts";
export { ScrapeCounters, type ScrapeEnvironment, type TargetHealth } from "./scrape-loop.ts";
export {
  type ActiveTarget,
  type InactiveTarget,
  ScrapeManager,
  type TargetFamily,
} from "./scrape-manager.ts";
export { ScrapeReceiver } from "./scrape-receiver.ts";
export type { ScrapedBody } from "./scrape-request.ts";
export type {
  Scrape,
  ScrapedTarget,
  ScrapeOutcome,
  ScrapeSink,
  SeriesRules,
  TargetEnd,
} from "./scrape-sink.ts";
export { type TextBytes, TextSamples } from "./text-samples.ts";
