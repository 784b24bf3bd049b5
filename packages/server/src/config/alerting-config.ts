import type {
  FileDiscoveryConfig,
  HttpDiscoveryConfig,
  RelabelRule,
  TargetGroup,
} from "@pharos/collect";
import type { z } from "zod";
import { alertingSchema } from "./alerting-schema.ts";
import { discoveryConfigs } from "./discovery-config.ts";
import {
  type HttpClientSettings,
  httpClientSettings,
  type SettingsContext,
} from "./http-client-schema.ts";

/** Which Alertmanagers elsewhere hear of alerts. */
export interface AlertingConfig {
  /** Change the labels of alerts that are sent on, or drop them; not those that are shown and notified here. */
  readonly alertRelabelRules: readonly RelabelRule[];
  readonly alertmanagers: readonly AlertmanagerSetConfig[];
}

export interface AlertmanagerSetConfig extends HttpClientSettings {
  readonly scheme: "http" | "https";
  readonly pathPrefix: string;
  readonly timeoutMs: number;
  /** Of the targets. */
  readonly relabelRules: readonly RelabelRule[];
  /** After those of all sets. */
  readonly alertRelabelRules: readonly RelabelRule[];
  readonly staticConfigs: readonly TargetGroup[];
  readonly fileSdConfigs: readonly FileDiscoveryConfig[];
  readonly httpSdConfigs: readonly HttpDiscoveryConfig[];
}

/** Reads the section `alerting`; `resolve` gives the path of a file that it names. */
export function readAlerting(
  section: <T extends z.ZodType>(schema: T, name: string) => z.output<T> | undefined,
  settings: SettingsContext,
  resolve: (path: string) => string,
): AlertingConfig {
  const keys = section(alertingSchema, "alerting");
  return {
    alertRelabelRules: keys?.alert_relabel_configs ?? [],
    alertmanagers: (keys?.alertmanagers ?? []).map((set, index) => ({
      ...httpClientSettings(set, ["alerting", "alertmanagers", index], settings),
      scheme: set.scheme,
      pathPrefix: set.path_prefix,
      timeoutMs: set.timeout,
      relabelRules: set.relabel_configs,
      alertRelabelRules: set.alert_relabel_configs,
      ...discoveryConfigs(set, resolve),
      httpSdConfigs: set.http_sd_configs.map((endpoint, at) => ({
        ...httpClientSettings(
          endpoint,
          ["alerting", "alertmanagers", index, "http_sd_configs", at],
          settings,
        ),
        url: endpoint.url,
        refreshIntervalMs: endpoint.refresh_interval,
      })),
    })),
  };
}
