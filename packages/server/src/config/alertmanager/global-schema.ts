import { DEFAULT_RESOLVE_TIMEOUT_MS } from "@pharos/notify";
import { z } from "zod";
import { positiveDuration, secretText } from "../field-schemas.ts";
import { HTTP_CLIENT_KEYS, headerName } from "../http-client-schema.ts";
import { hostPort, httpUrl, secretUrl, text, texts } from "./alertmanager-fields.ts";

/** Through which proxy requests go, to a receiver or for a token. */
const PROXY_KEYS = {
  proxy_url: secretUrl().optional(),
  no_proxy: text(),
  proxy_from_environment: z.boolean().default(false),
  proxy_connect_header: z.record(headerName, z.array(secretText())).default({}),
};

/** How the requests of a receiver are made; stands in place of the global one, not beside it. */
export const httpConfigSchema = z.strictObject({
  ...HTTP_CLIENT_KEYS,
  oauth2: z
    .strictObject({
      client_id: text(),
      client_secret: secretText().optional(),
      client_secret_file: z.string().optional(),
      token_url: text(),
      scopes: z.array(z.string()).default([]),
      endpoint_params: texts,
      tls_config: HTTP_CLIENT_KEYS.tls_config,
      ...PROXY_KEYS,
    })
    .optional(),
  ...PROXY_KEYS,
});

export type HttpConfigKeys = z.output<typeof httpConfigSchema>;

export const tlsConfigSchema = HTTP_CLIENT_KEYS.tls_config;

/** The section `global`: what integrations have that do not say themselves. */
export const globalSchema = z.strictObject({
  resolve_timeout: positiveDuration.default(DEFAULT_RESOLVE_TIMEOUT_MS),
  http_config: httpConfigSchema.optional(),
  smtp_from: text(),
  smtp_hello: text("localhost"),
  smtp_smarthost: hostPort.optional(),
  smtp_auth_username: text(),
  smtp_auth_password: secretText().optional(),
  smtp_auth_password_file: z.string().optional(),
  smtp_auth_secret: secretText().optional(),
  smtp_auth_secret_file: z.string().optional(),
  smtp_auth_identity: text(),
  smtp_require_tls: z.boolean().default(true),
  smtp_tls_config: tlsConfigSchema,
  smtp_force_implicit_tls: z.boolean().optional(),
  slack_api_url: secretUrl().optional(),
  slack_api_url_file: z.string().optional(),
  slack_app_token: secretText().optional(),
  slack_app_token_file: z.string().optional(),
  slack_app_url: httpUrl.default("https://slack.com/api/chat.postMessage"),
  pagerduty_url: httpUrl.default("https://events.pagerduty.com/v2/enqueue"),
  opsgenie_api_url: httpUrl.default("https://api.opsgenie.com/"),
  opsgenie_api_key: secretText().optional(),
  opsgenie_api_key_file: z.string().optional(),
  victorops_api_url: httpUrl.default(
    "https://alert.victorops.com/integrations/generic/20131114/alert/",
  ),
  victorops_api_key: secretText().optional(),
  victorops_api_key_file: z.string().optional(),
  webex_api_url: httpUrl.default("https://webexapis.com/v1/messages"),
  wechat_api_url: httpUrl.default("https://qyapi.weixin.qq.com/cgi-bin/"),
  wechat_api_secret: secretText().optional(),
  wechat_api_secret_file: z.string().optional(),
  wechat_api_corp_id: text(),
  telegram_api_url: httpUrl.default("https://api.telegram.org"),
  telegram_bot_token: secretText().optional(),
  telegram_bot_token_file: z.string().optional(),
  jira_api_url: httpUrl.optional(),
  rocketchat_api_url: httpUrl.default("https://open.rocket.chat/"),
  rocketchat_token: secretText().optional(),
  rocketchat_token_file: z.string().optional(),
  rocketchat_token_id: secretText().optional(),
  rocketchat_token_id_file: z.string().optional(),
  mattermost_webhook_url: secretUrl().optional(),
  mattermost_webhook_url_file: z.string().optional(),
});

export type GlobalKeys = z.output<typeof globalSchema>;
