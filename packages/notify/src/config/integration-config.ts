import { assert } from "@pharos/base";
import type {
  DiscordConfig,
  MattermostConfig,
  MsTeamsConfig,
  MsTeamsV2Config,
  RocketChatConfig,
  TelegramConfig,
  WebexConfig,
  WeChatConfig,
} from "./chat-configs.ts";
import type { EmailConfig } from "./email-config.ts";
import type { JiraConfig } from "./jira-config.ts";
import type {
  IncidentIoConfig,
  OpsgenieConfig,
  PagerDutyConfig,
  PushoverConfig,
  SnsConfig,
  VictorOpsConfig,
} from "./paging-configs.ts";
import type { SlackConfig } from "./slack-config.ts";
import type { WebhookConfig } from "./webhook-config.ts";

/** One way in which a receiver is told, checked, with all defaults and globals filled in. */
export type IntegrationConfig =
  | WebhookConfig
  | EmailConfig
  | PagerDutyConfig
  | OpsgenieConfig
  | WeChatConfig
  | SlackConfig
  | VictorOpsConfig
  | PushoverConfig
  | SnsConfig
  | TelegramConfig
  | DiscordConfig
  | WebexConfig
  | MsTeamsConfig
  | MsTeamsV2Config
  | JiraConfig
  | RocketChatConfig
  | MattermostConfig
  | IncidentIoConfig;

/** As Alertmanager names them: the key in a file is `<kind>_configs`. */
export type IntegrationKind = IntegrationConfig["kind"];

/** In the order in which Alertmanager tells a receiver's integrations. */
export const INTEGRATION_KINDS = [
  ...["webhook", "email", "pagerduty", "opsgenie", "wechat", "slack", "victorops", "pushover"],
  ...["sns", "telegram", "discord", "webex", "msteams", "msteamsv2", "jira", "rocketchat"],
  ...["mattermost", "incidentio"],
] as readonly IntegrationKind[];

/** Names an integration among all, for records, logs and metrics: `team/webhook[0]`. */
export function integrationKey(
  receiver: string,
  { kind, index }: Pick<IntegrationConfig, "kind" | "index">,
): string {
  return `${receiver}/${kind}[${index}]`;
}

/** The kind in an integration's key. */
export function kindOfIntegration(key: string): IntegrationKind {
  const [, kind] = /(\w+)\[\d+\]$/.exec(key) ?? [];
  const known = INTEGRATION_KINDS.find((each) => each === kind);
  assert(known !== undefined, () => `${key} is the key of an integration`);
  return known;
}
