import { REMOTE_WRITE_METADATA, REMOTE_WRITE_QUEUE } from "@pharos/collect";
import { z } from "zod";
import { duration, labelMap, positiveDuration, secretText } from "./field-schemas.ts";
import { HTTP_CLIENT_KEYS } from "./http-client-schema.ts";
import { notYet } from "./read-yaml.ts";
import { relabelRule } from "./relabel-schema.ts";

const NO_SIGNATURE = "requests are made without these credentials";

const url = z.string().superRefine((text, context) => {
  const parsed = URL.parse(text);
  if (parsed?.protocol === "http:" || parsed?.protocol === "https:") return;
  const message = `${JSON.stringify(text)} is not an http or https URL`;
  context.addIssue({ code: "custom", message });
});

/** Prometheus sends them with every request; those that the protocol or the authentication sets cannot be changed. */
const RESERVED_HEADERS = new Set([
  ...["authorization", "host", "content-encoding", "content-length", "content-type", "user-agent"],
  ...["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "www-authenticate"],
  ...["accept-encoding", "x-prometheus-remote-write-version", "x-prometheus-remote-read-version"],
]);

const headers = z.record(z.string(), secretText()).superRefine((map, context) => {
  for (const name of Object.keys(map)) {
    const message = !/^[!#$%&'*+.^_`|~\w-]+$/.test(name)
      ? "is not a header name"
      : RESERVED_HEADERS.has(name.toLowerCase())
        ? `${name} is a reserved header. It must not be changed`
        : undefined;
    if (message !== undefined) context.addIssue({ code: "custom", path: [name], message });
  }
});

const count = z.number().int().min(1);

const QUEUE = REMOTE_WRITE_QUEUE;

const queueConfig = z.strictObject({
  capacity: count.default(QUEUE.capacity),
  max_shards: count.default(QUEUE.shardsMax),
  min_shards: count.default(QUEUE.shardsMin),
  max_samples_per_send: count.default(QUEUE.samplesPerSendMax),
  batch_send_deadline: positiveDuration.default(QUEUE.batchSendDeadlineMs),
  min_backoff: positiveDuration.default(QUEUE.backoffMsMin),
  max_backoff: positiveDuration.default(QUEUE.backoffMsMax),
  retry_on_http_429: z.boolean().default(QUEUE.retryOnTooManyRequests),
  sample_age_limit: duration.default(QUEUE.sampleAgeMsMax),
});

const metadataConfig = z.strictObject({
  send: z.boolean().default(REMOTE_WRITE_METADATA.send),
  send_interval: positiveDuration.default(REMOTE_WRITE_METADATA.sendIntervalMs),
  max_samples_per_send: count.default(REMOTE_WRITE_METADATA.familiesPerSendMax),
});

const COMMON_KEYS = {
  name: z.string().min(1).optional(),
  url,
  headers: headers.default({}),
  ...HTTP_CLIENT_KEYS,
  sigv4: notYet(NO_SIGNATURE),
  azuread: notYet(NO_SIGNATURE),
  google_iam: notYet(NO_SIGNATURE),
};

const remoteWrite = z.strictObject({
  ...COMMON_KEYS,
  protobuf_message: z
    .enum(["prometheus.WriteRequest", "io.prometheus.write.v2.Request"])
    .default("prometheus.WriteRequest"),
  remote_timeout: positiveDuration.default(30_000),
  write_relabel_configs: z.array(relabelRule).default([]),
  send_exemplars: notYet("exemplars are not sent on"),
  send_native_histograms: notYet("native histograms are not sent on"),
  round_robin_dns: notYet(),
  queue_config: queueConfig.prefault({}),
  metadata_config: metadataConfig.prefault({}),
});

const remoteRead = z.strictObject({
  ...COMMON_KEYS,
  remote_timeout: positiveDuration.default(60_000),
  required_matchers: labelMap.default({}),
  read_recent: z.boolean().default(false),
  filter_external_labels: z.boolean().default(true),
  chunked_read_limit: notYet("frames have at most 50 MiB"),
});

/** `remote_write`: where samples are sent on to. */
export const remoteWriteSchema = z.array(remoteWrite).default([]);
/** `remote_read`: who else is asked for samples. */
export const remoteReadSchema = z.array(remoteRead).default([]);
