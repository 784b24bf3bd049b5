import { quote, Secret } from "@pharos/base";
import type {
  DiscordConfig,
  MattermostConfig,
  MsTeamsConfig,
  MsTeamsV2Config,
  RocketChatConfig,
  TelegramConfig,
  WebexConfig,
  WeChatConfig,
} from "@pharos/notify";
import { z } from "zod";
import { secretText } from "../field-schemas.ts";
import { defaultTemplate, httpUrl, secretUrl, text } from "./alertmanager-fields.ts";
import { camelKeys, camelKeysOf } from "./camel-keys.ts";
import { type GlobalKeys, httpConfigSchema } from "./global-schema.ts";
import { type IntegrationReader, secretKeys, withSlash } from "./integration-reader.ts";
import { checkSlackFields, slackField } from "./slack-integration.ts";

const told = {
  send_resolved: z.boolean().default(true),
  http_config: httpConfigSchema.optional(),
};

const webhookUrl = {
  webhook_url: secretUrl().optional(),
  webhook_url_file: z.string().optional(),
};

/** The address of a chat's webhook, which must be there. */
function webhookUrlOf(keys: object, reader: IntegrationReader): Secret {
  const url = reader.secretUrl(keys, "webhook_url");
  if (url === undefined && secretKeys(keys, "webhook_url").inline === undefined)
    reader.report("one of webhook_url or webhook_url_file must be configured");
  return url ?? new Secret("");
}

const DISCORD_TEXTS = {
  content: text(),
  title: text(defaultTemplate("discord.default.title")),
  message: text(defaultTemplate("discord.default.message")),
  username: text(),
  avatar_url: text(),
};

export const discordSchema = z.strictObject({ ...told, ...webhookUrl, ...DISCORD_TEXTS });

export function discord(
  keys: z.output<typeof discordSchema>,
  reader: IntegrationReader,
): DiscordConfig {
  return {
    kind: "discord",
    ...reader.http(keys),
    ...camelKeysOf(keys, DISCORD_TEXTS),
    webhookUrl: webhookUrlOf(keys, reader),
  };
}

/** What a post's own attachment has, with its texts empty: the defaults are for the post's alone. */
const ATTACHMENT_TEXTS = {
  fallback: text(),
  color: text(),
  pretext: text(),
  text: text(),
  author_name: text(),
  author_link: text(),
  author_icon: text(),
  title: text(),
  title_link: text(),
  fields: z.array(slackField).default([]),
  thumb_url: text(),
  footer: text(),
  footer_icon: text(),
  image_url: text(),
};

const MATTERMOST_TEXTS = {
  ...ATTACHMENT_TEXTS,
  channel: text(),
  username: text(defaultTemplate("mattermost.default.username")),
  color: text(defaultTemplate("mattermost.default.color")),
  text: text(defaultTemplate("mattermost.default.text")),
  title: text(defaultTemplate("mattermost.default.title")),
  title_link: text(defaultTemplate("mattermost.default.titlelink")),
  fallback: text(defaultTemplate("mattermost.default.fallback")),
  icon_url: text(),
  icon_emoji: text(),
  type: text(),
};

export const mattermostSchema = z.strictObject({
  ...told,
  ...webhookUrl,
  ...MATTERMOST_TEXTS,
  attachments: z.array(z.strictObject(ATTACHMENT_TEXTS)).default([]),
  props: z.strictObject({ card: text() }).optional(),
  priority: z
    .strictObject({
      priority: text(),
      requested_ack: z.boolean().default(false),
      persistent_notifications: z.boolean().default(false),
    })
    .optional(),
});

export function mattermost(
  keys: z.output<typeof mattermostSchema>,
  reader: IntegrationReader,
): MattermostConfig {
  checkSlackFields(keys.fields, "Mattermost", reader);
  const url = reader.secretUrl(keys, "webhook_url", "mattermost_webhook_url");
  if (url === undefined && secretKeys(keys, "webhook_url").inline === undefined)
    reader.reportMissing(
      "missing webhook_url or webhook_url_file on mattermost_config; set one here, or mattermost_webhook_url under global",
    );
  return {
    kind: "mattermost",
    ...reader.http(keys),
    ...camelKeysOf(keys, MATTERMOST_TEXTS),
    webhookUrl: url ?? new Secret(""),
    fields: keys.fields.map(fieldOf),
    attachments: keys.attachments.map((attachment) => ({
      ...camelKeys(attachment),
      fields: attachment.fields.map(fieldOf),
    })),
    props: keys.props,
    priority: keys.priority === undefined ? undefined : camelKeys(keys.priority),
  };
}

function fieldOf({ title, value, short }: z.output<typeof slackField>): {
  title: string;
  value: string;
  short: boolean | undefined;
} {
  return { title, value, short };
}

const MSTEAMS_TEXTS = {
  title: text(defaultTemplate("msteams.default.title")),
  summary: text(defaultTemplate("msteams.default.summary")),
  text: text(defaultTemplate("msteams.default.text")),
};

export const msTeamsSchema = z.strictObject({ ...told, ...webhookUrl, ...MSTEAMS_TEXTS });

export function msTeams(
  keys: z.output<typeof msTeamsSchema>,
  reader: IntegrationReader,
): MsTeamsConfig {
  return {
    kind: "msteams",
    ...reader.http(keys),
    ...camelKeysOf(keys, MSTEAMS_TEXTS),
    webhookUrl: webhookUrlOf(keys, reader),
  };
}

const MSTEAMS_V2_TEXTS = {
  title: text(defaultTemplate("msteamsv2.default.title")),
  text: text(defaultTemplate("msteamsv2.default.text")),
};

export const msTeamsV2Schema = z.strictObject({ ...told, ...webhookUrl, ...MSTEAMS_V2_TEXTS });

export function msTeamsV2(
  keys: z.output<typeof msTeamsV2Schema>,
  reader: IntegrationReader,
): MsTeamsV2Config {
  return {
    kind: "msteamsv2",
    ...reader.http(keys),
    ...camelKeysOf(keys, MSTEAMS_V2_TEXTS),
    webhookUrl: webhookUrlOf(keys, reader),
  };
}

const ROCKETCHAT_TEXTS = {
  channel: text(),
  color: text('{{ if eq .Status "firing" }}red{{ else }}green{{ end }}'),
  title: text(defaultTemplate("rocketchat.default.title")),
  title_link: text(defaultTemplate("rocketchat.default.titlelink")),
  text: text(defaultTemplate("rocketchat.default.text")),
  short_fields: z.boolean().default(false),
  emoji: text(defaultTemplate("rocketchat.default.emoji")),
  icon_url: text(defaultTemplate("rocketchat.default.iconurl")),
  image_url: text(),
  thumb_url: text(),
  link_names: z.boolean().default(false),
};

// Alertmanager has these without underscores: their names come from Rocket.Chat's own JSON.
const rocketChatAction = z.strictObject({
  type: text(),
  text: text(),
  url: text(),
  imageurl: text(),
  iswebview: z.boolean().default(false),
  webviewheightratio: text(),
  msg: text(),
  msginchatwindow: z.boolean().default(false),
  msgprocessingtype: text(),
});

export const rocketChatSchema = z.strictObject({
  ...told,
  send_resolved: z.boolean().default(false),
  api_url: httpUrl.optional(),
  token_id: secretText().optional(),
  token_id_file: z.string().optional(),
  token: secretText().optional(),
  token_file: z.string().optional(),
  ...ROCKETCHAT_TEXTS,
  fields: z.array(slackField).default([]),
  actions: z.array(rocketChatAction).default([]),
});

export function rocketChat(
  keys: z.output<typeof rocketChatSchema>,
  reader: IntegrationReader,
): RocketChatConfig {
  return {
    kind: "rocketchat",
    ...reader.http(keys),
    ...camelKeysOf(keys, ROCKETCHAT_TEXTS),
    apiUrl: keys.api_url ?? reader.global.rocketchat_api_url,
    tokenId: required(
      keys,
      "token_id",
      "rocketchat_token_id",
      "no global Rocketchat TokenID set either inline or in a file",
      reader,
    ),
    token: required(
      keys,
      "token",
      "rocketchat_token",
      "no global Rocketchat Token set either inline or in a file",
      reader,
    ),
    fields: keys.fields.map(fieldOf),
    actions: keys.actions.map((action) => ({
      type: action.type,
      text: action.text,
      url: action.url,
      imageUrl: action.imageurl,
      isWebview: action.iswebview,
      webviewHeightRatio: action.webviewheightratio,
      msg: action.msg,
      msgInChatWindow: action.msginchatwindow,
      msgProcessingType: action.msgprocessingtype,
    })),
  };
}

/** A secret that must be there, in the entry or under `global`. */
export function required(
  keys: object,
  name: string,
  globalName: keyof GlobalKeys,
  message: string,
  reader: IntegrationReader,
): Secret {
  const secret = reader.secret(keys, name, globalName);
  const { inline, file } = secretKeys(keys, name);
  const isReported = inline !== undefined && file !== undefined;
  if (secret === undefined && !isReported)
    reader.reportMissing(`${message}; set ${name} here, or ${globalName} under global`);
  return secret ?? new Secret("");
}

export const telegramSchema = z.strictObject({
  ...told,
  api_url: httpUrl.optional(),
  bot_token: secretText().optional(),
  bot_token_file: z.string().optional(),
  chat_id: text(),
  chat_id_file: z.string().optional(),
  message_thread_id: z.number().int().default(0),
  message: text(defaultTemplate("telegram.default.message")),
  disable_notifications: z.boolean().default(false),
  parse_mode: text("HTML"),
});

type TelegramKeys = z.output<typeof telegramSchema>;

export function telegram(keys: TelegramKeys, reader: IntegrationReader): TelegramConfig {
  return {
    kind: "telegram",
    ...reader.http(keys),
    apiUrl: keys.api_url ?? reader.global.telegram_api_url,
    botToken: required(
      keys,
      "bot_token",
      "telegram_bot_token",
      "missing bot_token or bot_token_file on telegram_config",
      reader,
    ),
    chatId: chatIdOf(keys, reader),
    messageThreadId: keys.message_thread_id,
    message: keys.message,
    disableNotifications: keys.disable_notifications,
    parseMode: parseModeOf(keys, reader),
  };
}

function chatIdOf({ chat_id: id, chat_id_file: file }: TelegramKeys, reader: IntegrationReader) {
  const isAbsent = id === "" || id === "0";
  if (isAbsent && file === undefined)
    reader.report("missing chat_id or chat_id_file on telegram_config");
  if (!isAbsent && file !== undefined)
    reader.report("at most one of chat_id & chat_id_file must be configured", "chat_id_file");
  const key = file === undefined ? "chat_id" : "chat_id_file";
  const given = isAbsent && file !== undefined ? reader.readFile(file, key)?.trim() : id;
  if (given === undefined || isAbsent !== (file !== undefined)) return "";
  if (!/^(?:-?\d+|@\w+)$/.test(given))
    reader.report(`${quote(given)} is not a chat: expected a number such as -1001234567890`, key);
  return given;
}

function parseModeOf(
  { parse_mode: mode }: TelegramKeys,
  reader: IntegrationReader,
): TelegramConfig["parseMode"] {
  if (mode === "" || mode === "Markdown" || mode === "MarkdownV2" || mode === "HTML") return mode;
  reader.report(
    "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string",
    "parse_mode",
  );
  return "";
}

export const webexSchema = z.strictObject({
  ...told,
  api_url: httpUrl.optional(),
  room_id: text(),
  message: text(defaultTemplate("webex.default.message")),
});

export function webex(keys: z.output<typeof webexSchema>, reader: IntegrationReader): WebexConfig {
  if (keys.room_id === "") reader.report("missing room_id on webex_config", "room_id");
  if (keys.http_config?.authorization === undefined)
    reader.report(
      "missing webex_configs.http_config.authorization; the bot's token is its credentials",
      "http_config",
    );
  return {
    kind: "webex",
    ...reader.http(keys),
    apiUrl: keys.api_url ?? reader.global.webex_api_url,
    roomId: keys.room_id,
    message: keys.message,
  };
}

const WECHAT_TEXTS = {
  agent_id: text(defaultTemplate("wechat.default.agent_id")),
  message: text(defaultTemplate("wechat.default.message")),
  to_user: text(defaultTemplate("wechat.default.to_user")),
  to_party: text(defaultTemplate("wechat.default.to_party")),
  to_tag: text(defaultTemplate("wechat.default.to_tag")),
};

export const weChatSchema = z.strictObject({
  ...told,
  send_resolved: z.boolean().default(false),
  api_url: httpUrl.optional(),
  api_secret: secretText().optional(),
  api_secret_file: z.string().optional(),
  corp_id: text(),
  message_type: text(),
  ...WECHAT_TEXTS,
});

export function weChat(
  keys: z.output<typeof weChatSchema>,
  reader: IntegrationReader,
): WeChatConfig {
  const corpId = keys.corp_id || reader.global.wechat_api_corp_id;
  if (corpId === "")
    reader.reportMissing(
      "no global Wechat CorpID set; set corp_id here, or wechat_api_corp_id under global",
    );
  const messageType = keys.message_type || "text";
  if (messageType !== "text" && messageType !== "markdown")
    reader.report(
      `weChat message type ${quote(messageType)} does not match valid options ^(text|markdown)$`,
      "message_type",
    );
  return {
    kind: "wechat",
    ...reader.http(keys),
    ...camelKeysOf(keys, WECHAT_TEXTS),
    apiUrl: withSlash(keys.api_url ?? reader.global.wechat_api_url),
    apiSecret: required(
      keys,
      "api_secret",
      "wechat_api_secret",
      "no global Wechat Api Secret set either inline or in a file",
      reader,
    ),
    corpId,
    messageType: messageType === "markdown" ? "markdown" : "text",
  };
}
