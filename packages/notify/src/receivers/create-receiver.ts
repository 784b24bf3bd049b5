import type { IntegrationConfig } from "../config/integration-config.ts";
import type { Receiver } from "../receiver.ts";
import { DiscordReceiver } from "./discord.ts";
import { EmailReceiver } from "./email.ts";
import { IncidentIoReceiver } from "./incidentio.ts";
import { JiraReceiver } from "./jira.ts";
import { MattermostReceiver } from "./mattermost.ts";
import { MsTeamsReceiver } from "./msteams.ts";
import { MsTeamsV2Receiver } from "./msteamsv2.ts";
import { OpsgenieReceiver } from "./opsgenie.ts";
import { PagerDutyReceiver } from "./pagerduty.ts";
import { PushoverReceiver } from "./pushover.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { RocketChatReceiver } from "./rocketchat.ts";
import { SlackReceiver } from "./slack.ts";
import { SnsReceiver } from "./sns.ts";
import { TelegramReceiver } from "./telegram.ts";
import { VictorOpsReceiver } from "./victorops.ts";
import { WebexReceiver } from "./webex.ts";
import { WebhookReceiver } from "./webhook.ts";
import { WeChatReceiver } from "./wechat.ts";

/** The receiver that a configuration asks for. */
export function createReceiver(
  config: IntegrationConfig,
  environment: ReceiverEnvironment,
): Receiver {
  switch (config.kind) {
    case "webhook":
      return new WebhookReceiver(config, environment);
    case "email":
      return new EmailReceiver(config, environment);
    case "pagerduty":
      return new PagerDutyReceiver(config, environment);
    case "opsgenie":
      return new OpsgenieReceiver(config, environment);
    case "wechat":
      return new WeChatReceiver(config, environment);
    case "slack":
      return new SlackReceiver(config, environment);
    case "victorops":
      return new VictorOpsReceiver(config, environment);
    case "pushover":
      return new PushoverReceiver(config, environment);
    case "sns":
      return new SnsReceiver(config, environment);
    case "telegram":
      return new TelegramReceiver(config, environment);
    case "discord":
      return new DiscordReceiver(config, environment);
    case "webex":
      return new WebexReceiver(config, environment);
    case "msteams":
      return new MsTeamsReceiver(config, environment);
    case "msteamsv2":
      return new MsTeamsV2Receiver(config, environment);
    case "jira":
      return new JiraReceiver(config, environment);
    case "rocketchat":
      return new RocketChatReceiver(config, environment);
    case "mattermost":
      return new MattermostReceiver(config, environment);
    case "incidentio":
      return new IncidentIoReceiver(config, environment);
  }
}
