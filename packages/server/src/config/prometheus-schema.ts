import { z } from "zod";
import { alertingSchema } from "./alerting-schema.ts";
import { DISCOVERY_KEYS } from "./discovery-schema.ts";
import { byteSize, duration, labelMap, limit, positiveDuration } from "./field-schemas.ts";
import { HTTP_CLIENT_KEYS } from "./http-client-schema.ts";
import { notYet } from "./read-yaml.ts";
import { relabelRule } from "./relabel-schema.ts";
import { remoteReadSchema, remoteWriteSchema } from "./remote-schema.ts";
import {
  archiveSchema,
  retentionPresetSchema,
  retentionSchema,
  rollupsSchema,
  storageSchema,
} from "./storage-schema.ts";

const SCRAPE_PROTOCOLS = [
  "PrometheusProto",
  "OpenMetricsText1.0.0",
  "OpenMetricsText0.0.1",
  "PrometheusText1.0.0",
  "PrometheusText0.0.4",
] as const;

const LIMIT_KEYS = {
  body_size_limit: byteSize.optional(),
  sample_limit: limit.optional(),
  label_limit: limit.optional(),
  label_name_length_limit: limit.optional(),
  label_value_length_limit: limit.optional(),
  target_limit: limit.optional(),
  keep_dropped_targets: notYet("all dropped targets are kept"),
};

const HISTOGRAM_KEYS = {
  scrape_native_histograms: notYet("native histograms are not scraped"),
  always_scrape_classic_histograms: notYet(),
  scrape_classic_histograms: notYet(),
  convert_classic_histograms_to_nhcb: notYet("classic histograms stay as they are"),
};

const SCRAPE_KEYS = {
  scrape_protocols: notYet("targets are asked for OpenMetrics 1.0.0, then text 0.0.4"),
  scrape_failure_log_file: notYet("failed scrapes are shown with their target only"),
  metric_name_validation_scheme: notYet("names may be any UTF-8 text"),
  metric_name_escaping_scheme: notYet("names are not escaped"),
  extra_scrape_metrics: notYet(),
};

/** One entry of `scrape_configs`. */
export const scrapeConfigSchema = z.strictObject({
  job_name: z.string().min(1),
  scrape_interval: positiveDuration.optional(),
  scrape_timeout: positiveDuration.optional(),
  metrics_path: z.string().default("/metrics"),
  scheme: z.enum(["http", "https"]).default("http"),
  params: z.record(z.string(), z.array(z.string())).default({}),
  honor_labels: z.boolean().default(false),
  honor_timestamps: z.boolean().default(true),
  track_timestamps_staleness: z.boolean().default(false),
  /** Pharos's own: Prometheus has a feature flag. */
  use_created_timestamps: z.boolean().default(false),
  enable_compression: z.boolean().default(true),
  fallback_scrape_protocol: z.enum(SCRAPE_PROTOCOLS).optional(),
  ...HTTP_CLIENT_KEYS,
  ...LIMIT_KEYS,
  ...SCRAPE_KEYS,
  ...HISTOGRAM_KEYS,
  native_histogram_bucket_limit: notYet(),
  native_histogram_min_bucket_factor: notYet(),
  relabel_configs: z.array(relabelRule).default([]),
  metric_relabel_configs: z.array(relabelRule).default([]),
  ...DISCOVERY_KEYS,
});

export type ScrapeConfigKeys = z.output<typeof scrapeConfigSchema>;

export const globalSchema = z.strictObject({
  scrape_interval: positiveDuration.optional(),
  scrape_timeout: positiveDuration.optional(),
  evaluation_interval: positiveDuration.default(60_000),
  rule_query_offset: duration.default(0),
  external_labels: labelMap.default({}),
  query_log_file: z.string().optional(),
  query_max_series: limit.default(0),
  query_max_samples_read: limit.optional(),
  /** What an earlier draft called the one above. */
  query_max_samples_scanned: limit.optional(),
  query_max_duration: duration.default(0),
  ...LIMIT_KEYS,
  ...SCRAPE_KEYS,
  ...HISTOGRAM_KEYS,
});

export type GlobalKeys = z.output<typeof globalSchema>;

const globPattern = z.string().min(1);

export const ruleFilesSchema = z.array(globPattern);

/** A file named by `scrape_config_files`. */
export const scrapeConfigFileSchema = z.strictObject({
  scrape_configs: z.array(scrapeConfigSchema).default([]),
});

/** Prometheus's configuration file, and what it does not have: retention by series, and rollups. */
export const prometheusSchema = z.strictObject({
  global: globalSchema.prefault({}),
  rule_files: ruleFilesSchema.default([]),
  scrape_config_files: ruleFilesSchema.default([]),
  scrape_configs: z.array(scrapeConfigSchema).default([]),
  storage: storageSchema.prefault({}),
  retention: retentionSchema.default([]),
  retention_preset: retentionPresetSchema,
  rollups: rollupsSchema.optional(),
  archive: archiveSchema.optional(),
  alerting: alertingSchema,
  remote_write: remoteWriteSchema,
  remote_read: remoteReadSchema,
  otlp: notYet("OTLP is not received"),
  tracing: notYet("no traces are sent"),
  runtime: notYet(),
});
