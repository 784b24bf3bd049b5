import { quote, Secret } from "@pharos/base";
import type { NotificationHttpConfig, SlackAction, SlackConfig } from "@pharos/notify";
import { z } from "zod";
import { secretText } from "../field-schemas.ts";
import { defaultTemplate, goDuration, httpUrl, secretUrl, text } from "./alertmanager-fields.ts";
import { camelKeys, camelKeysOf } from "./camel-keys.ts";
import { httpConfigSchema } from "./global-schema.ts";
import { type IntegrationReader, isGiven, secretKeys } from "./integration-reader.ts";

/** A field of an attachment, as Slack and Mattermost have it. */
export const slackField = z.strictObject({
  title: text(),
  value: text(),
  short: z.boolean().optional(),
});

const slackAction = z.strictObject({
  type: text(),
  text: text(),
  url: text(),
  style: text(),
  name: text(),
  value: text(),
  confirm: z
    .strictObject({ text: text(), title: text(), ok_text: text(), dismiss_text: text() })
    .optional(),
});

/** What goes into a message as it is, each a template unless it is a switch. */
const PLAIN_KEYS = {
  channel: text(),
  username: text(defaultTemplate("slack.default.username")),
  color: text(defaultTemplate("slack.default.color")),
  title: text(defaultTemplate("slack.default.title")),
  title_link: text(defaultTemplate("slack.default.titlelink")),
  pretext: text(defaultTemplate("slack.default.pretext")),
  text: text(defaultTemplate("slack.default.text")),
  message_text: text(),
  short_fields: z.boolean().default(false),
  footer: text(defaultTemplate("slack.default.footer")),
  fallback: text(defaultTemplate("slack.default.fallback")),
  callback_id: text(defaultTemplate("slack.default.callbackid")),
  icon_emoji: text(defaultTemplate("slack.default.iconemoji")),
  icon_url: text(defaultTemplate("slack.default.iconurl")),
  image_url: text(),
  thumb_url: text(),
  link_names: z.boolean().default(false),
  mrkdwn_in: z.array(z.string()).default([]),
};

export const slackSchema = z.strictObject({
  send_resolved: z.boolean().default(false),
  http_config: httpConfigSchema.optional(),
  api_url: secretUrl().optional(),
  api_url_file: z.string().optional(),
  app_token: secretText().optional(),
  app_token_file: z.string().optional(),
  app_url: httpUrl.optional(),
  ...PLAIN_KEYS,
  fields: z.array(slackField).default([]),
  actions: z.array(slackAction).default([]),
  message_strategy: text(),
  update_message: z.boolean().default(false),
  threaded_options: z
    .strictObject({
      resolve_emoji: text(),
      use_summary_header: z.boolean().default(true),
      summary_header: z.strictObject({ resolve_color: text() }).optional(),
    })
    .optional(),
  timeout: goDuration.optional(),
});

type SlackKeys = z.output<typeof slackSchema>;

export function slack(keys: SlackKeys, reader: IntegrationReader): SlackConfig {
  checkSlackFields(keys.fields, "Slack", reader);
  const { apiUrl, appToken, http } = addressOf(keys, reader);
  const { fields, actions, threaded_options: thread } = keys;
  return {
    kind: "slack",
    ...camelKeysOf(keys, PLAIN_KEYS),
    ...reader.http(keys),
    http,
    apiUrl,
    appToken,
    fields: fields.map(({ title, value, short }) => ({ title, value, short })),
    actions: actions.map((action, index) => actionOf(action, index, reader)),
    messageStrategy: strategyOf(keys, apiUrl, appToken, reader),
    thread: {
      resolveEmoji: thread?.resolve_emoji ?? "",
      useSummaryHeader: thread?.use_summary_header ?? true,
      resolveColor: thread?.summary_header?.resolve_color ?? "",
    },
  };
}

/** A webhook's address, or an app's token and its address: of the entry itself, else of the globals. */
function addressOf(
  keys: SlackKeys,
  reader: IntegrationReader,
): { apiUrl: Secret; appToken: Secret | undefined; http: NotificationHttpConfig } {
  const own = { url: secretKeys(keys, "api_url"), token: secretKeys(keys, "app_token") };
  if (isGiven(own.url) && isGiven(own.token))
    reader.report(
      "at most one of api_url/api_url_file & app_token/app_token_file must be configured",
    );
  const ownAuthorization = keys.http_config?.authorization;
  // The global token is for those that say nothing of their own.
  const wantsGlobalToken = ownAuthorization === undefined && !isGiven(own.url);
  const appToken = reader.secret(
    keys,
    "app_token",
    wantsGlobalToken ? "slack_app_token" : undefined,
  );
  const http = reader.httpConfig(keys.http_config);
  if (appToken === undefined) {
    const apiUrl = reader.secretUrl(keys, "api_url", "slack_api_url");
    if (apiUrl === undefined && !(own.url.inline !== undefined && own.url.file !== undefined))
      reader.reportMissing(
        "no Slack API URL nor App token set either inline or in a file; set api_url or app_token here, or slack_api_url or slack_app_token under global",
      );
    return { apiUrl: apiUrl ?? new Secret(""), appToken, http };
  }
  if (http.authorization !== undefined)
    reader.report("http authorization can't be set when using Slack App tokens");
  const apiUrl = new Secret(keys.app_url ?? reader.global.slack_app_url);
  return {
    apiUrl,
    appToken,
    http: { ...http, authorization: { type: "Bearer", credentials: appToken } },
  };
}

const POST_MESSAGE_URL = "https://slack.com/api/chat.postMessage";

function strategyOf(
  keys: SlackKeys,
  apiUrl: Secret,
  appToken: Secret | undefined,
  reader: IntegrationReader,
): SlackConfig["messageStrategy"] {
  const { message_strategy: written, update_message: updates, threaded_options: thread } = keys;
  if (updates && written !== "" && written !== "update")
    reader.report(
      `update_message: true is incompatible with message_strategy ${quote(written)}; omit message_strategy or set message_strategy: "update"`,
      "update_message",
    );
  const strategy = written || (updates ? "update" : "new");
  if (strategy !== "new" && strategy !== "update" && strategy !== "thread") {
    reader.report(
      `unknown message_strategy ${quote(strategy)}; must be "new", "update", or "thread"`,
      "message_strategy",
    );
    return "new";
  }
  if (thread !== undefined && strategy !== "thread")
    reader.report('threaded_options requires message_strategy to be "thread"', "threaded_options");
  if (thread?.use_summary_header === false && thread.summary_header !== undefined)
    reader.report(
      "threaded_options.summary_header requires use_summary_header to be enabled",
      "threaded_options",
      "summary_header",
    );
  if (strategy !== "new" && appToken === undefined && apiUrl.reveal() !== POST_MESSAGE_URL)
    reader.report(
      `message_strategy ${quote(strategy)} requires a bot token; set app_token, or api_url to ${POST_MESSAGE_URL} with http_config.authorization`,
      written === "" ? "update_message" : "message_strategy",
    );
  return strategy;
}

/** `kind` is Slack or Mattermost. */
export function checkSlackFields(
  fields: readonly z.output<typeof slackField>[],
  kind: string,
  reader: IntegrationReader,
): void {
  for (const [index, { title, value }] of fields.entries()) {
    if (title === "")
      reader.report(`missing title in ${kind} field configuration`, "fields", index);
    if (value === "")
      reader.report(`missing value in ${kind} field configuration`, "fields", index);
  }
}

function actionOf(
  keys: z.output<typeof slackAction>,
  index: number,
  reader: IntegrationReader,
): SlackAction {
  const at = ["actions", index];
  if (keys.type === "") reader.report("missing type in Slack action configuration", ...at);
  if (keys.text === "") reader.report("missing text in Slack action configuration", ...at);
  if (keys.url === "" && keys.name === "")
    reader.report("missing name or url in Slack action configuration", ...at);
  if (keys.confirm?.text === "")
    reader.report("missing text in Slack confirmation configuration", ...at, "confirm");
  const { type, text, url, style } = keys;
  if (url !== "") return { type, text, url, style, name: "", value: "", confirm: undefined };
  const confirm = keys.confirm === undefined ? undefined : camelKeys(keys.confirm);
  return { type, text, url, style, name: keys.name, value: keys.value, confirm };
}
