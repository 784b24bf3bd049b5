import { Secret } from "@pharos/base";
import type {
  DiscordConfig,
  MattermostConfig,
  MsTeamsConfig,
  MsTeamsV2Config,
  RocketChatConfig,
  TelegramConfig,
  WebexConfig,
  WeChatConfig,
} from "../../src/config/chat-configs.ts";
import type { JiraConfig } from "../../src/config/jira-config.ts";
import type {
  IncidentIoConfig,
  OpsgenieConfig,
  PushoverConfig,
  SnsConfig,
  VictorOpsConfig,
} from "../../src/config/paging-configs.ts";

const TOLD = {
  index: 0,
  sendResolved: true,
  timeoutMs: 10_000,
  http: { followRedirects: true },
} as const;

function named(name: string): string {
  return `{{ template "${name}" . }}`;
}

export const OPSGENIE: OpsgenieConfig = {
  ...TOLD,
  kind: "opsgenie",
  apiKey: new Secret("genie-s3cret"),
  apiUrl: "https://api.eu.opsgenie.com/",
  message: named("opsgenie.default.message"),
  description: named("opsgenie.default.description"),
  source: named("opsgenie.default.source"),
  details: [],
  entity: "",
  responders: [],
  actions: "",
  tags: "",
  note: "",
  priority: "",
  updateAlerts: false,
};

export const VICTOROPS: VictorOpsConfig = {
  ...TOLD,
  kind: "victorops",
  apiKey: new Secret("victor-s3cret"),
  apiUrl: "https://alert.victorops.com/integrations/generic/20131114/alert/",
  routingKey: "team-{{ .GroupLabels.alertname }}",
  messageType: "CRITICAL",
  stateMessage: named("victorops.default.state_message"),
  entityDisplayName: named("victorops.default.entity_display_name"),
  monitoringTool: named("victorops.default.monitoring_tool"),
  customFields: [],
};

export const PUSHOVER: PushoverConfig = {
  ...TOLD,
  kind: "pushover",
  userKey: new Secret("push-us3r"),
  token: new Secret("push-t0ken"),
  title: named("pushover.default.title"),
  message: named("pushover.default.message"),
  url: named("pushover.default.url"),
  urlTitle: "",
  device: "",
  sound: "",
  priority: '{{ if eq .Status "firing" }}2{{ else }}0{{ end }}',
  retryMs: 60_000,
  expireMs: 3_600_000,
  ttlMs: 0,
  html: false,
  monospace: false,
};

export const SNS: SnsConfig = {
  ...TOLD,
  kind: "sns",
  apiUrl: "",
  sigv4: {
    region: "us-east-2",
    accessKey: "AKIDEXAMPLE",
    secretKey: new Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    profile: "",
    roleArn: "",
    externalId: "",
    useFipsStsEndpoint: false,
  },
  topicArn: "arn:aws:sns:us-east-2:123456789012:alerts",
  phoneNumber: "",
  targetArn: "",
  subject: named("sns.default.subject"),
  message: named("sns.default.message"),
  attributes: [],
};

export const INCIDENTIO: IncidentIoConfig = {
  ...TOLD,
  kind: "incidentio",
  http: {
    followRedirects: true,
    authorization: { type: "Bearer", credentials: new Secret("incident-t0ken") },
  },
  url: "https://api.incident.io/v2/alert_events/alertmanager/01ABC",
  alertsMax: 0,
};

export const MSTEAMS: MsTeamsConfig = {
  ...TOLD,
  kind: "msteams",
  webhookUrl: new Secret("https://example.webhook.office.com/webhookb2/teams-s3cret"),
  title: named("msteams.default.title"),
  summary: named("msteams.default.summary"),
  text: named("msteams.default.text"),
};

export const MSTEAMSV2: MsTeamsV2Config = {
  ...TOLD,
  kind: "msteamsv2",
  webhookUrl: new Secret("https://prod.logic.azure.com/workflows/w0/triggers?sig=teams2-s3cret"),
  title: named("msteamsv2.default.title"),
  text: named("msteamsv2.default.text"),
};

export const DISCORD: DiscordConfig = {
  ...TOLD,
  kind: "discord",
  webhookUrl: new Secret("https://discord.com/api/webhooks/4711/discord-s3cret"),
  content: "",
  title: named("discord.default.title"),
  message: named("discord.default.message"),
  username: "",
  avatarUrl: "",
};

export const TELEGRAM: TelegramConfig = {
  ...TOLD,
  kind: "telegram",
  apiUrl: "https://api.telegram.org",
  botToken: new Secret("12345:telegram-s3cret"),
  chatId: "-1001234567890",
  messageThreadId: 0,
  message: named("telegram.default.message"),
  disableNotifications: false,
  parseMode: "HTML",
};

export const WEBEX: WebexConfig = {
  ...TOLD,
  kind: "webex",
  http: {
    followRedirects: true,
    authorization: { type: "Bearer", credentials: new Secret("webex-t0ken") },
  },
  apiUrl: "https://webexapis.com/v1/messages",
  roomId: "room-{{ .Status }}",
  message: named("webex.default.message"),
};

export const WECHAT: WeChatConfig = {
  ...TOLD,
  kind: "wechat",
  apiUrl: "https://qyapi.weixin.qq.com/cgi-bin/",
  apiSecret: new Secret("wechat-s3cret"),
  corpId: "corp",
  agentId: "1000002",
  message: named("wechat.default.message"),
  messageType: "text",
  toUser: "@all",
  toParty: "",
  toTag: "",
};

export const JIRA: JiraConfig = {
  ...TOLD,
  kind: "jira",
  http: {
    followRedirects: true,
    basicAuth: { username: "bot@example.org", password: new Secret("jira-s3cret") },
  },
  apiUrl: "https://jira.example.org/rest/api/2",
  apiType: "auto",
  project: "OPS",
  issueType: "Bug",
  summary: { template: named("jira.default.summary"), enableUpdate: true },
  description: { template: named("jira.default.description"), enableUpdate: true },
  labels: { values: ["alertmanager"], enableUpdate: true, updateMode: "replace" },
  priority: named("jira.default.priority"),
  reopenTransition: "Reopen",
  resolveTransition: "Resolve",
  wontFixResolution: "",
  reopenDurationMs: 0,
  fields: [],
};

export const ROCKETCHAT: RocketChatConfig = {
  ...TOLD,
  kind: "rocketchat",
  apiUrl: "https://open.rocket.chat/",
  tokenId: new Secret("rocket-us3r"),
  token: new Secret("rocket-t0ken"),
  channel: "#alerts",
  color: '{{ if eq .Status "firing" }}red{{ else }}green{{ end }}',
  title: named("rocketchat.default.title"),
  titleLink: named("rocketchat.default.titlelink"),
  text: named("rocketchat.default.text"),
  fields: [],
  shortFields: false,
  emoji: "",
  iconUrl: "",
  imageUrl: "",
  thumbUrl: "",
  linkNames: false,
  actions: [],
};

const NO_TEXTS = {
  ...{ fallback: "", color: "", pretext: "", text: "", authorName: "", authorLink: "" },
  ...{ authorIcon: "", title: "", titleLink: "", fields: [], thumbUrl: "", footer: "" },
  ...{ footerIcon: "", imageUrl: "" },
} as const;

export const MATTERMOST: MattermostConfig = {
  ...TOLD,
  ...NO_TEXTS,
  kind: "mattermost",
  webhookUrl: new Secret("https://mattermost.example.org/hooks/matter-s3cret"),
  channel: "town-square",
  username: named("mattermost.default.username"),
  color: named("mattermost.default.color"),
  text: named("mattermost.default.text"),
  title: named("mattermost.default.title"),
  titleLink: named("mattermost.default.titlelink"),
  fallback: named("mattermost.default.fallback"),
  iconUrl: "",
  iconEmoji: "",
  attachments: [],
  type: "",
  props: undefined,
  priority: undefined,
};

/** An attachment with nothing in it. */
export const EMPTY_ATTACHMENT = NO_TEXTS;
