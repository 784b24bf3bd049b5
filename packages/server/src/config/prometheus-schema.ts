import { quote } from "@pharos/base";
import { fileDiscoveryPathProblem } from "@pharos/collect";
import { z } from "zod";
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

const targetAddress = z.string().superRefine((text, context) => {
  if (text === "") context.addIssue({ code: "custom", message: "a target is not empty" });
  else if (text.includes("/")) {
    const message = `${quote(text)} is not a host and port; scheme and path have keys of their own`;
    context.addIssue({ code: "custom", message });
  }
});

const staticConfig = z.strictObject({
  targets: z.array(targetAddress).default([]),
  labels: labelMap.default({}),
});

const targetFile = z.string().superRefine((path, context) => {
  const message = fileDiscoveryPathProblem(path);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

const fileSdConfig = z.strictObject({
  files: z.array(targetFile).min(1),
  refresh_interval: positiveDuration.default(300_000),
});

const NO_TARGETS = "this job finds no targets this way";

const OTHER_DISCOVERIES = [
  ...["aws", "azure", "consul", "digitalocean", "dns", "docker", "dockerswarm", "ec2", "eureka"],
  ...["gce", "hetzner", "http", "ionos", "kubernetes", "kuma", "lightsail", "linode", "marathon"],
  ...["nerve", "nomad", "oci", "openstack", "outscale", "ovhcloud", "puppetdb", "scaleway"],
  ...["serverset", "stackit", "triton", "uyuni", "vultr"],
] as const;

const discoveryKeys = Object.fromEntries(
  OTHER_DISCOVERIES.map((kind) => [`${kind}_sd_configs`, notYet(NO_TARGETS)]),
) as Record<`${(typeof OTHER_DISCOVERIES)[number]}_sd_configs`, ReturnType<typeof notYet>>;

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
  static_configs: z.array(staticConfig).default([]),
  file_sd_configs: z.array(fileSdConfig).default([]),
  ...discoveryKeys,
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
  alerting: notYet("alerts are not sent to an Alertmanager; this program notifies by itself"),
  remote_write: remoteWriteSchema,
  remote_read: remoteReadSchema,
  otlp: notYet("OTLP is not received"),
  tracing: notYet("no traces are sent"),
  runtime: notYet(),
});
