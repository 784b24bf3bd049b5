import type { MessagePort } from "node:worker_threads";
import type { Labels, Matcher } from "@pharos/base";
import type {
  JsonMetricsResult,
  RelabelConfig,
  RemoteWriteResult,
  Scrape,
  ScrapeOutcome,
  SeriesRules,
  TargetEnd,
} from "@pharos/collect";
import type { AppendResult, MetricMetadata, SampleBatch, TimeRange } from "@pharos/ports";
import type {
  ChangeableSettings,
  ExpiredCount,
  HeadExemplars,
  HeadLabels,
  HeadSelection,
  LabelList,
  LabelQuery,
  PlaceEstimate,
  ReaderAnswer,
  ReaderSetup,
  SelectionWishes,
  SentRollups,
  StorageTier,
  StoreSettings,
  StoreStats,
} from "@pharos/tsdb";
import type { ArchiveConfig } from "../config/config.ts";
import type { ListedBlock, StorageChange, TsdbStatus } from "../http/dependencies.ts";
import type { SlotPlace } from "./body-slots.ts";
import type { ThreadMemory } from "./thread-memory.ts";

/** What the store is opened with. */
export interface StoreThreadData {
  readonly dataFolder: string;
  /** Of the series table's hash; 32 bits. */
  readonly seed: number;
  readonly settings: Partial<StoreSettings>;
  readonly archive?: ArchiveConfig | undefined;
}

/** A body in a slot of the shared memory, or moved. */
export type SentBody = { readonly at: number; readonly size: number } | Uint8Array;

/** The rules of a target's job as plain data. */
export type SentRules = Omit<SeriesRules, "metricRelabelRules"> & {
  readonly metricRelabelConfigs: readonly RelabelConfig[];
};

export interface SentTarget {
  readonly labels: Labels;
  readonly rules: SentRules;
  readonly startedMonotonicMs: number;
}

/** What the store's thread says of itself. */
export interface StoreThreadStats extends StoreStats {
  /** Memory of the kernels that is in use. */
  readonly memoryUsedSize: number;
  readonly memory: ThreadMemory;
  /** The longest that its event loop was held up since the last time it was asked. */
  readonly delaySecondsMax: number;
}

/** A block that retention takes away, or a part of it. */
export interface PreviewedBlock {
  readonly tier: StorageTier;
  readonly path: string;
  readonly rangeStartMs: number;
  readonly rangeEndMs: number;
  readonly size: number;
}

/** What would go by retention, as plain data. */
export interface RetentionPreview {
  readonly remove: readonly PreviewedBlock[];
  readonly rewrite: readonly PreviewedBlock[];
  /** By tier, then rule. */
  readonly expired: readonly ExpiredCount[];
}

/** What the main thread asks of the store's. */
export interface StoreCalls {
  /** Opens the store: reads the log back. */
  open(ask: StoreThreadData): { readonly stats: StoreStats; readonly slots: SlotPlace };
  remoteWrite(ask: SentBody): RemoteWriteResult;
  jsonMetrics(ask: SentBody): JsonMetricsResult;
  append(ask: SampleBatch): AppendResult;
  /** What was said last of metrics, or of one. */
  metadata(ask: { readonly metric: string | undefined }): readonly MetricMetadata[];
  openTarget(ask: { readonly target: number; readonly settings: SentTarget }): void;
  scrape(ask: { readonly target: number; readonly scrape: Scrape }): ScrapeOutcome;
  markGone(ask: { readonly target: number; readonly end: TargetEnd }): AppendResult;
  closeTarget(ask: number): void;
  stats(ask: null): StoreThreadStats;
  /** The time of the first sample, in blocks or in memory; undefined if there is none. */
  oldestMs(ask: null): number | undefined;
  blocks(ask: null): readonly ListedBlock[];
  tsdbStatus(ask: { readonly limit: number }): TsdbStatus;
  /** Goes on with other settings. */
  applySettings(ask: ChangeableSettings): void;
  /** What would go by retention now, with some settings changed. */
  planRetention(ask: Partial<ChangeableSettings>): RetentionPreview;
  /** Moves all samples in memory to blocks. */
  flush(ask: null): StorageChange;
  /** Merges all blocks that can be merged. */
  compact(ask: null): StorageChange;
  /** The matchers come without their compiled expressions. */
  deleteSeries(ask: { readonly matchers: readonly Matcher[]; readonly range: TimeRange }): void;
  cleanTombstones(ask: null): void;
  /** Copies the store below its data folder, and answers the copy's name. */
  snapshot(ask: { readonly skipHead: boolean }): string;
  /** A reader on another thread, which asks over the port. It is gone when the port closes. */
  openReader(ask: MessagePort): ReaderSetup;
  /** Consumers of the log on another thread, which ask over the port. */
  openLog(ask: MessagePort): null;
  /** Drops the consumers of the log whose names begin so, but these. */
  keepConsumers(ask: { readonly prefix: string; readonly names: readonly string[] }): void;
  /** Finishes what was accepted. */
  close(ask: null): void;
}

/** What a reader asks of the store's thread. */
export interface StoreReaderCalls {
  select(ask: {
    readonly range: TimeRange;
    readonly matchers: readonly Matcher[];
    readonly wishes: SelectionWishes;
  }): ReaderAnswer<HeadSelection>;
  /** The labels of the series of a selection that is held. */
  selectionLabels(ask: number): LabelList;
  estimate(ask: {
    readonly range: TimeRange;
    readonly matchers: readonly Matcher[];
  }): ReaderAnswer<PlaceEstimate>;
  labels(ask: { readonly range: TimeRange; readonly query: LabelQuery }): ReaderAnswer<HeadLabels>;
  exemplars(ask: {
    readonly range: TimeRange;
    readonly matcherLists: readonly (readonly Matcher[])[];
  }): ReaderAnswer<HeadExemplars>;
  /** The rollup tiers. */
  rollups(ask: null): ReaderAnswer<SentRollups>;
  release(ask: number): void;
  /** Damage that the reader found, in words. */
  report(ask: string): void;
}

/** What the store's thread tells without being asked. */
export interface StoreNotice {
  readonly level: "info" | "error";
  readonly message: string;
  readonly error?: string;
}
