import type { ScrapeJob } from "@pharos/collect";
import type { GlobalConfig } from "./config.ts";
import { discoveryConfigs } from "./discovery-config.ts";
import { httpClientSettings, type SettingsContext } from "./http-client-schema.ts";

import type { GlobalKeys, ScrapeConfigKeys } from "./prometheus-schema.ts";
import type { Path } from "./yaml-source.ts";

/** The job that an entry of `scrape_configs` describes, defaults filled in from `global`. */
export function scrapeJob(
  keys: ScrapeConfigKeys,
  path: Path,
  global: GlobalConfig,
  globalKeys: GlobalKeys | undefined,
  resolvePath: (path: string) => string,
  context: SettingsContext,
): ScrapeJob {
  const scrapeIntervalMs = keys.scrape_interval ?? global.scrapeIntervalMs;
  // A job that is scraped more often than the global timeout lasts gets a shorter one.
  const scrapeTimeoutMs = keys.scrape_timeout ?? Math.min(global.scrapeTimeoutMs, scrapeIntervalMs);
  if (scrapeTimeoutMs > scrapeIntervalMs)
    context.report(
      [...path, "scrape_timeout"],
      `scrape timeout greater than scrape interval for scrape config with job name "${keys.job_name}"`,
    );
  return {
    jobName: keys.job_name,
    scrapeIntervalMs,
    scrapeTimeoutMs,
    metricsPath: keys.metrics_path,
    scheme: keys.scheme,
    params: keys.params,
    honorLabels: keys.honor_labels,
    honorTimestamps: keys.honor_timestamps,
    trackTimestampsStaleness: keys.track_timestamps_staleness,
    useCreatedTimestamps: keys.use_created_timestamps,
    enableCompression: keys.enable_compression,
    fallbackScrapeProtocol: fallbackProtocol(keys, path, context),
    ...httpClientSettings(keys, path, context),
    bodySizeLimit: keys.body_size_limit ?? globalKeys?.body_size_limit ?? 0,
    sampleLimit: keys.sample_limit ?? globalKeys?.sample_limit ?? 0,
    labelLimit: keys.label_limit ?? globalKeys?.label_limit ?? 0,
    labelNameLengthLimit: keys.label_name_length_limit ?? globalKeys?.label_name_length_limit ?? 0,
    labelValueLengthLimit:
      keys.label_value_length_limit ?? globalKeys?.label_value_length_limit ?? 0,
    targetLimit: keys.target_limit ?? globalKeys?.target_limit ?? 0,
    relabelRules: keys.relabel_configs,
    metricRelabelRules: keys.metric_relabel_configs,
    ...discoveryConfigs(keys, resolvePath),
    readBody: undefined,
  };
}

function fallbackProtocol(
  { fallback_scrape_protocol: protocol }: ScrapeConfigKeys,
  path: Path,
  context: SettingsContext,
): ScrapeJob["fallbackScrapeProtocol"] {
  if (protocol === undefined) return undefined;
  if (protocol === "PrometheusProto")
    context.report(
      [...path, "fallback_scrape_protocol"],
      "PrometheusProto is not supported yet; use a text format such as PrometheusText0.0.4",
    );
  return protocol.startsWith("OpenMetrics") ? "openmetrics" : "text";
}
