import { Secret } from "@pharos/base";
import type { z } from "zod";
import type { RemoteEndpointConfig, RemoteReadConfig, RemoteWriteConfig } from "./config.ts";
import { httpClientSettings, type SettingsContext } from "./http-client-schema.ts";
import { remoteReadSchema, remoteWriteSchema } from "./remote-schema.ts";
import type { Path } from "./yaml-source.ts";

export interface RemoteSources {
  /** Reads one section of the file; undefined where something is wrong in it, which is reported. */
  section<T extends z.ZodType>(schema: T, name: string): z.output<T> | undefined;
  readonly settings: SettingsContext;
}

/** Who samples are sent on to. */
export function readRemoteWrites({
  section,
  settings,
}: RemoteSources): readonly RemoteWriteConfig[] {
  const entries = section(remoteWriteSchema, "remote_write") ?? [];
  checkNames(entries, "write", settings);
  return entries.map((keys, index) => {
    const { queue_config: queue, metadata_config: metadata } = keys;
    const at = ["remote_write", index];
    if (queue.max_shards < queue.min_shards)
      settings.report([...at, "queue_config", "max_shards"], "must not be below min_shards");
    if (queue.max_backoff < queue.min_backoff)
      settings.report([...at, "queue_config", "max_backoff"], "must not be below min_backoff");
    return {
      ...endpoint(keys, at, settings),
      protocol: keys.protobuf_message,
      writeRelabelRules: keys.write_relabel_configs,
      queue: {
        capacity: queue.capacity,
        shardsMax: queue.max_shards,
        shardsMin: queue.min_shards,
        samplesPerSendMax: queue.max_samples_per_send,
        batchSendDeadlineMs: queue.batch_send_deadline,
        backoffMsMin: queue.min_backoff,
        backoffMsMax: queue.max_backoff,
        retryOnTooManyRequests: queue.retry_on_http_429,
        sampleAgeMsMax: queue.sample_age_limit,
      },
      metadata: {
        send: metadata.send,
        sendIntervalMs: metadata.send_interval,
        familiesPerSendMax: metadata.max_samples_per_send,
      },
    };
  });
}

/** Who else is asked for samples. */
export function readRemoteReads({ section, settings }: RemoteSources): readonly RemoteReadConfig[] {
  const entries = section(remoteReadSchema, "remote_read") ?? [];
  checkNames(entries, "read", settings);
  return entries.map((keys, index) => ({
    ...endpoint(keys, ["remote_read", index], settings),
    requiredMatchers: Object.entries(keys.required_matchers),
    readRecent: keys.read_recent,
    filterExternalLabels: keys.filter_external_labels,
  }));
}

type EndpointKeys =
  | z.output<typeof remoteWriteSchema>[number]
  | z.output<typeof remoteReadSchema>[number];

function endpoint(keys: EndpointKeys, path: Path, context: SettingsContext): RemoteEndpointConfig {
  const http = httpClientSettings(keys, path, context);
  const url = new URL(keys.url);
  const { username, password } = url;
  const basicAuth =
    username === "" && password === ""
      ? http.basicAuth
      : {
          username: decodeURIComponent(username),
          password: new Secret(decodeURIComponent(password)),
        };
  return {
    ...http,
    basicAuth: http.basicAuth ?? basicAuth,
    httpHeaders: [...http.httpHeaders, ...Object.entries(keys.headers)],
    name: nameOf(keys),
    url: withoutCredentials(keys.url),
    timeoutMs: keys.remote_timeout,
  };
}

/** The password of an address is a secret, and neither shown nor kept in it. */
function withoutCredentials(text: string): string {
  const url = new URL(text);
  if (url.username === "" && url.password === "") return text;
  url.username = "";
  url.password = "";
  return url.href;
}

/** One without a name goes by its address. */
function nameOf({ name, url }: EndpointKeys): string {
  return name ?? withoutCredentials(url);
}

function checkNames(
  entries: readonly EndpointKeys[],
  kind: "write" | "read",
  context: SettingsContext,
): void {
  const names = new Set<string>();
  for (const [index, keys] of entries.entries()) {
    const name = nameOf(keys);
    const key = keys.name === undefined ? "url" : "name";
    if (names.has(name))
      context.report(
        [`remote_${kind}`, index, key],
        `found multiple remote ${kind} configs with job name ${JSON.stringify(name)}; give each a name of its own`,
      );
    names.add(name);
  }
}
