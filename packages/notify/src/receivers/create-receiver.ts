import type { IntegrationConfig } from "../config/integration-config.ts";
import { DeliveryError, type Receiver } from "../receiver.ts";
import { EmailReceiver } from "./email.ts";
import { PagerDutyReceiver } from "./pagerduty.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { SlackReceiver } from "./slack.ts";
import { WebhookReceiver } from "./webhook.ts";

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
    case "slack":
      return new SlackReceiver(config, environment);
    default:
      return unknownReceiver(config.kind);
  }
}

function unknownReceiver(kind: string): Receiver {
  return {
    async send() {
      throw new DeliveryError(
        "notify.rejected",
        `${kind}: notifications are not sent this way yet`,
      );
    },
  };
}
