import type { Labels } from "@pharos/base";
import type { ScrapeJob } from "@pharos/collect";

/** What the configuration file says, checked, with all defaults filled in. */
export interface Config {
  readonly global: GlobalConfig;
  /** Patterns, resolved against the folder of the configuration file. */
  readonly ruleFiles: readonly string[];
  readonly scrapeJobs: readonly ScrapeJob[];
  readonly storage: {
    /** Undefined where the file does not say. */
    readonly outOfOrderTimeWindowMs: number | undefined;
    readonly retentionMs: number | undefined;
  };
}

export interface GlobalConfig {
  readonly scrapeIntervalMs: number;
  readonly scrapeTimeoutMs: number;
  readonly evaluationIntervalMs: number;
  readonly ruleQueryOffsetMs: number;
  readonly externalLabels: Labels;
}
