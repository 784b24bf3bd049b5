import type { Labels } from "@pharos/base";
import type { RemoteWriteSettings, ScrapeJob } from "@pharos/collect";
import type { RetentionWishes, RollupWishes } from "@pharos/tsdb";
import type { AlertingConfig } from "./alerting-config.ts";
import type { HttpClientSettings } from "./http-client-schema.ts";

/** What the configuration file says, checked, with all defaults filled in. */
export interface Config {
  readonly global: GlobalConfig;
  /** Patterns, resolved against the folder of the configuration file. */
  readonly ruleFiles: readonly string[];
  readonly scrapeJobs: readonly ScrapeJob[];
  readonly storage: StorageConfig;
  readonly remoteWrites: readonly RemoteWriteConfig[];
  readonly remoteReads: readonly RemoteReadConfig[];
  readonly alerting: AlertingConfig;
}

/** Another system that is written to or read from. */
export interface RemoteEndpointConfig extends HttpClientSettings {
  /** Unique among the entries of its kind. */
  readonly name: string;
  /** Without credentials. */
  readonly url: string;
  readonly timeoutMs: number;
}

/** Where samples are sent on to. */
export interface RemoteWriteConfig
  extends RemoteEndpointConfig,
    Pick<RemoteWriteSettings, "protocol" | "writeRelabelRules" | "queue" | "metadata"> {}

/** Who else is asked for samples. */
export interface RemoteReadConfig extends RemoteEndpointConfig {
  /** Only queries with these equality matchers go there. */
  readonly requiredMatchers: readonly (readonly [name: string, value: string])[];
  /** Whether it is also asked for what our own store has. */
  readonly readRecent: boolean;
  /** Whether external labels are asked for, and taken away from what is answered. */
  readonly filterExternalLabels: boolean;
}

/** What a reload may change of the store. */
export interface StorageConfig {
  /** Undefined where the file does not say. */
  readonly outOfOrderTimeWindowMs: number | undefined;
  /** How large blocks and log may be together, in bytes; undefined where the file does not say, 0 for no limit. */
  readonly retentionSizeMax: number | undefined;
  /** `rawMs` is undefined where the file does not say, and an option may. */
  readonly retention: RetentionWishes;
  readonly rollups: RollupWishes;
  /** Where old blocks go, if anywhere. A reload does not change it. */
  readonly archive: ArchiveConfig | undefined;
}

export interface ArchiveConfig {
  /** Resolved against the folder of the configuration file. */
  readonly directory: string;
  readonly afterMs: number;
}

export interface GlobalConfig {
  readonly scrapeIntervalMs: number;
  readonly scrapeTimeoutMs: number;
  readonly evaluationIntervalMs: number;
  readonly ruleQueryOffsetMs: number;
  readonly externalLabels: Labels;
  readonly queries: QueryConfig;
}

/** What a reload may change of queries; 0 where the options say it. */
export interface QueryConfig {
  /** Resolved against the folder of the configuration file; undefined for no log. */
  readonly logFile: string | undefined;
  readonly seriesMax: number;
  readonly samplesReadMax: number;
  readonly durationMsMax: number;
}
