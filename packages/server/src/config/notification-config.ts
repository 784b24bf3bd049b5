import { dirname } from "node:path";
import { quote, Secret } from "@pharos/base";
import {
  DEFAULT_INTEGRATION_TIMEOUT_MS,
  DEFAULT_RESOLVE_TIMEOUT_MS,
  DEFAULT_ROUTE_TIMES,
  type NotificationConfig,
  type NotificationHttpConfig,
  type WebhookConfig,
} from "@pharos/notify";
import { z } from "zod";
import { ConfigError } from "./diagnostics.ts";
import { duration, labelName, limit, positiveDuration, secretText } from "./field-schemas.ts";
import {
  HTTP_CLIENT_KEYS,
  type HttpClientSettings,
  httpClientSettings,
  type SettingsContext,
} from "./http-client-schema.ts";
import { type ConfigEnvironment, readConfigText, resolvePath } from "./load-config.ts";
import { notYet, readYaml, type Unsupported, withoutSecrets } from "./read-yaml.ts";
import { type Path, YamlSource } from "./yaml-source.ts";

export interface LoadedNotificationConfig {
  readonly config: NotificationConfig;
  readonly unsupported: readonly Unsupported[];
  /** The file as it may be shown: without comments, secrets replaced by `<secret>`. */
  readonly text: string;
}

const httpConfig = z.strictObject(HTTP_CLIENT_KEYS);

const webhookConfig = z.strictObject({
  url: secretText().optional(),
  url_file: z.string().optional(),
  send_resolved: z.boolean().default(true),
  max_alerts: limit.default(0),
  timeout: duration.optional(),
  http_config: httpConfig.optional(),
  payload: notYet("the webhook gets the usual JSON"),
});

const OTHER_RECEIVERS = [
  ...["discord", "email", "incidentio", "jira", "mattermost", "msteams", "msteamsv2", "opsgenie"],
  ...["pagerduty", "pushover", "rocketchat", "slack", "sns", "telegram", "victorops", "webex"],
  ...["wechat"],
] as const;

const otherReceivers = Object.fromEntries(
  OTHER_RECEIVERS.map((kind) => [
    `${kind}_configs`,
    notYet("this receiver sends nothing in this way"),
  ]),
) as Record<`${(typeof OTHER_RECEIVERS)[number]}_configs`, ReturnType<typeof notYet>>;

const receiver = z.strictObject({
  name: z.string().min(1),
  labels: notYet(),
  webhook_configs: z.array(webhookConfig).default([]),
  ...otherReceivers,
});

/** Global keys that only receivers read which we do not have yet. */
const GLOBAL_KEYS = [
  ...["smtp_from", "smtp_smarthost", "smtp_hello", "smtp_auth_username", "smtp_auth_password"],
  ...["smtp_auth_password_file", "smtp_auth_secret", "smtp_auth_secret_file", "smtp_auth_identity"],
  ...["smtp_require_tls", "smtp_tls_config", "smtp_force_implicit_tls", "slack_api_url"],
  ...["slack_api_url_file", "slack_app_token", "slack_app_token_file", "slack_app_url"],
  ...["pagerduty_url", "opsgenie_api_url", "opsgenie_api_key", "opsgenie_api_key_file"],
  ...["victorops_api_url", "victorops_api_key", "victorops_api_key_file", "webex_api_url"],
  ...["wechat_api_url", "wechat_api_secret", "wechat_api_secret_file", "wechat_api_corp_id"],
  ...["telegram_api_url", "telegram_bot_token", "telegram_bot_token_file", "jira_api_url"],
  ...["rocketchat_api_url", "rocketchat_token", "rocketchat_token_file", "rocketchat_token_id"],
  ...["rocketchat_token_id_file", "mattermost_webhook_url", "mattermost_webhook_url_file"],
] as const;

const globalKeys = Object.fromEntries(GLOBAL_KEYS.map((key) => [key, notYet()])) as Record<
  (typeof GLOBAL_KEYS)[number],
  ReturnType<typeof notYet>
>;

const TOP_ROUTE_ONLY = "all alerts go to the receiver of the top route";

const route = z.strictObject({
  receiver: z.string().min(1),
  group_by: z.array(labelName).default([]),
  group_wait: duration.default(DEFAULT_ROUTE_TIMES.groupWaitMs),
  group_interval: positiveDuration.default(DEFAULT_ROUTE_TIMES.groupIntervalMs),
  repeat_interval: positiveDuration.default(DEFAULT_ROUTE_TIMES.repeatIntervalMs),
  routes: notYet(TOP_ROUTE_ONLY),
  labels: notYet(),
});

/** The part of Alertmanager's configuration file that is read; the rest is known and listed. */
export const notificationSchema = z.strictObject({
  global: z
    .strictObject({
      resolve_timeout: positiveDuration.default(DEFAULT_RESOLVE_TIMEOUT_MS),
      http_config: httpConfig.optional(),
      ...globalKeys,
    })
    .prefault({}),
  route,
  receivers: z.array(receiver).min(1),
  inhibit_rules: notYet("no alert silences another"),
  time_intervals: notYet("alerts are notified at any time"),
  mute_time_intervals: notYet("alerts are notified at any time"),
  templates: notYet("notifications have their usual text"),
  event_recorder: notYet(),
});

type NotificationKeys = z.output<typeof notificationSchema>;

/**
 * Reads Alertmanager's configuration file, as far as this version notifies: one route, webhooks.
 *
 * @throws ConfigError with all that is wrong.
 */
export function loadNotificationConfig(
  text: string,
  fileName: string,
  environment: Pick<ConfigEnvironment, "readFile">,
): LoadedNotificationConfig {
  const source = new YamlSource(text, fileName);
  const unsupported: Unsupported[] = [];
  const keys =
    source.diagnostics.length > 0
      ? undefined
      : readYaml(source, notificationSchema, [], unsupported);
  if (keys === undefined) throw new ConfigError(source.diagnostics);
  const folder = dirname(fileName);
  const context: SettingsContext = {
    report: (path, message) => source.report(path, message),
    readFile: (name, path) => readConfigText(resolvePath(name, folder), environment, source, path),
  };
  const config = notificationConfig(keys, context);
  if (source.diagnostics.length > 0) throw new ConfigError(source.diagnostics);
  return { config, unsupported, text: withoutSecrets(source, notificationSchema) };
}

function notificationConfig(keys: NotificationKeys, context: SettingsContext): NotificationConfig {
  const { global, route, receivers } = keys;
  checkRoute(keys, context);
  const globalHttp = global.http_config;
  if (globalHttp !== undefined) httpClientSettings(globalHttp, ["global", "http_config"], context);
  return {
    resolveTimeoutMs: global.resolve_timeout,
    route: {
      receiver: route.receiver,
      groupBy: route.group_by.includes("...") ? "all" : route.group_by,
      groupWaitMs: route.group_wait,
      groupIntervalMs: route.group_interval,
      repeatIntervalMs: route.repeat_interval,
    },
    receivers: receivers.map(({ name, webhook_configs }, index) => ({
      name,
      labels: [],
      integrations: webhook_configs.map((webhook, at) =>
        webhookOf(webhook, at, globalHttp, ["receivers", index, "webhook_configs", at], context),
      ),
    })),
    templates: [],
  };
}

function checkRoute({ route, receivers }: NotificationKeys, context: SettingsContext): void {
  const names = new Set<string>();
  for (const [index, { name }] of receivers.entries()) {
    if (names.has(name))
      context.report(
        ["receivers", index, "name"],
        `notification config name ${quote(name)} is not unique`,
      );
    names.add(name);
  }
  if (!names.has(route.receiver))
    context.report(
      ["route", "receiver"],
      `undefined receiver ${quote(route.receiver)} used in route`,
    );
  const labels = new Set<string>();
  for (const [index, label] of route.group_by.entries()) {
    const path = ["route", "group_by", index];
    if (labels.has(label)) context.report(path, `duplicated label ${quote(label)} in group_by`);
    labels.add(label);
  }
  if (labels.has("...") && labels.size > 1)
    context.report(
      ["route", "group_by"],
      "cannot have wildcard group_by (`...`) and other labels at the same time",
    );
}

function webhookOf(
  keys: NotificationKeys["receivers"][number]["webhook_configs"][number],
  index: number,
  globalHttp: z.output<typeof httpConfig> | undefined,
  path: Path,
  context: SettingsContext,
): WebhookConfig {
  // A webhook's own http_config stands in place of the global one, not beside it.
  const http = keys.http_config ?? globalHttp ?? httpConfig.parse({});
  return {
    kind: "webhook",
    index,
    payload: undefined,
    url: webhookUrl(keys.url, keys.url_file, path, context),
    sendResolved: keys.send_resolved,
    alertsMax: keys.max_alerts,
    // 0 means no limit to Alertmanager.
    timeoutMs: keys.timeout || DEFAULT_INTEGRATION_TIMEOUT_MS,
    http: notificationHttp(httpClientSettings(http, [...path, "http_config"], context)),
  };
}

function notificationHttp(settings: HttpClientSettings): NotificationHttpConfig {
  const { basicAuth, authorization, httpHeaders, tls, followRedirects } = settings;
  return {
    ...(basicAuth === undefined ? {} : { basicAuth }),
    ...(authorization === undefined ? {} : { authorization }),
    ...(tls === undefined ? {} : { tls }),
    headers: httpHeaders.map(([name, value]) => [
      name,
      value instanceof Secret ? value : new Secret(value),
    ]),
    followRedirects,
  };
}

function webhookUrl(
  url: Secret | undefined,
  fileName: string | undefined,
  path: Path,
  context: SettingsContext,
): Secret {
  if ((url === undefined) === (fileName === undefined)) {
    const message =
      url === undefined
        ? "one of url or url_file must be configured"
        : "at most one of url & url_file must be configured";
    context.report(path, message);
  }
  const at = [...path, fileName === undefined ? "url" : "url_file"];
  const text = fileName === undefined ? url?.reveal() : context.readFile(fileName, at)?.trim();
  if (text !== undefined && !isHttpUrl(text))
    // The text is not repeated: it may hold a key.
    context.report(at, "expected a URL such as https://example.com/hook");
  return new Secret(text ?? "");
}

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return (protocol === "http:" || protocol === "https:") && hostname !== "";
}
