import { z } from "zod";
import { DISCOVERY_KEYS, httpSdConfigs } from "./discovery-schema.ts";
import { positiveDuration } from "./field-schemas.ts";
import { HTTP_CLIENT_KEYS } from "./http-client-schema.ts";
import { notYet } from "./read-yaml.ts";
import { relabelRule } from "./relabel-schema.ts";

/** One entry of `alertmanagers`. */
const alertmanagerSet = z.strictObject({
  scheme: z.enum(["http", "https"]).default("http"),
  path_prefix: z.string().default(""),
  timeout: positiveDuration.default(10_000),
  /** There is only one left. */
  api_version: z.enum(["v2"]).default("v2"),
  ...HTTP_CLIENT_KEYS,
  sigv4: notYet("requests are made without these credentials"),
  relabel_configs: z.array(relabelRule).default([]),
  alert_relabel_configs: z.array(relabelRule).default([]),
  ...DISCOVERY_KEYS,
  http_sd_configs: httpSdConfigs,
});

/** `alerting`: which Alertmanagers elsewhere hear of alerts. */
export const alertingSchema = z
  .strictObject({
    alert_relabel_configs: z.array(relabelRule).default([]),
    alertmanagers: z.array(alertmanagerSet).default([]),
  })
  .prefault({});
