import { createHash } from "node:crypto";
import { type Labels, Secret } from "@pharos/base";
import type { TlsOptions } from "@pharos/ports";
import type { RelabelRule } from "./relabel.ts";

/** Targets that share labels, as a discovery found them together. */
export interface TargetGroup {
  /** Label sets of the targets; each has `__address__`. */
  readonly targets: readonly Labels[];
  /** Labels that every target has unless its own set has them. */
  readonly labels: Labels;
  /** Where the group comes from, unique in its job: `0`, `/etc/targets/web.json:1`. */
  readonly source: string;
}

export interface FileDiscoveryConfig {
  /** Paths that end in .json, .yml or .yaml; the last part may hold one `*`. */
  readonly files: readonly string[];
  readonly refreshIntervalMs: number;
}

export type ScrapeProtocol = "text" | "openmetrics";

/**
 * One scrape job, checked: what an entry of `scrape_configs` says, with all defaults filled in (start from
 * `scrapeJobDefaults`). A limit of 0 means that there is none.
 */
export interface ScrapeJob {
  /** Unique among the jobs. */
  readonly jobName: string;
  readonly scrapeIntervalMs: number;
  /** At most the interval. */
  readonly scrapeTimeoutMs: number;
  readonly metricsPath: string;
  readonly scheme: "http" | "https";
  readonly params: Readonly<Record<string, readonly string[]>>;
  /** Whether labels of a scraped series win over those of the target. */
  readonly honorLabels: boolean;
  /** Whether timestamps in the body are used. */
  readonly honorTimestamps: boolean;
  /** Whether series with timestamps in the body get staleness markers too. */
  readonly trackTimestampsStaleness: boolean;
  /** Whether the `_created` series of OpenMetrics are kept as the start timestamps of what they are about, too. */
  readonly useCreatedTimestamps: boolean;
  readonly enableCompression: boolean;
  /** How to read a body whose Content-Type is missing or unknown; undefined fails the scrape. */
  readonly fallbackScrapeProtocol: ScrapeProtocol | undefined;
  readonly basicAuth: { readonly username: string; readonly password: Secret } | undefined;
  readonly authorization: { readonly type: string; readonly credentials: Secret } | undefined;
  readonly httpHeaders: readonly (readonly [name: string, value: string | Secret])[];
  readonly tls: TlsOptions | undefined;
  readonly followRedirects: boolean;
  /** Bytes, after decompression. */
  readonly bodySizeLimit: number;
  /** Samples of one scrape, after metric relabelling. */
  readonly sampleLimit: number;
  /** Labels of one series, the metric name counted. */
  readonly labelLimit: number;
  /** Bytes. */
  readonly labelNameLengthLimit: number;
  /** Bytes. */
  readonly labelValueLengthLimit: number;
  /** Targets after relabelling; with more, every scrape of the job fails. */
  readonly targetLimit: number;
  readonly relabelRules: readonly RelabelRule[];
  readonly metricRelabelRules: readonly RelabelRule[];
  readonly staticConfigs: readonly TargetGroup[];
  readonly fileSdConfigs: readonly FileDiscoveryConfig[];
  /**
   * Where present, bodies come from here and not over HTTP: the server's own metrics, the host's. Text format 0.0.4.
   * The job must then have one target.
   */
  readonly readBody: (() => Uint8Array | Promise<Uint8Array>) | undefined;
}

/** A job with Prometheus's defaults. */
export function scrapeJobDefaults(jobName: string): ScrapeJob {
  return {
    jobName,
    scrapeIntervalMs: 60_000,
    scrapeTimeoutMs: 10_000,
    metricsPath: "/metrics",
    scheme: "http",
    params: {},
    honorLabels: false,
    honorTimestamps: true,
    trackTimestampsStaleness: false,
    useCreatedTimestamps: false,
    enableCompression: true,
    fallbackScrapeProtocol: undefined,
    basicAuth: undefined,
    authorization: undefined,
    httpHeaders: [],
    tls: undefined,
    followRedirects: true,
    bodySizeLimit: 0,
    sampleLimit: 0,
    labelLimit: 0,
    labelNameLengthLimit: 0,
    labelValueLengthLimit: 0,
    targetLimit: 0,
    relabelRules: [],
    metricRelabelRules: [],
    staticConfigs: [],
    fileSdConfigs: [],
    readBody: undefined,
  };
}

/**
 * The same for two jobs that scrape in the same way, whatever their targets: then their loops go on over a reload.
 * A hash, since secrets are part of it.
 */
export function scrapeSettingsKey(job: ScrapeJob): string {
  const { staticConfigs: _static, fileSdConfigs: _files, readBody: _body, ...settings } = job;
  const text = JSON.stringify(settings, function (this: Record<string, unknown>, key, value) {
    const original = this[key];
    return original instanceof Secret ? original.reveal() : value;
  });
  return createHash("sha256").update(text).digest("hex");
}
