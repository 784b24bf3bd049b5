import type { MsTeamsV2Config } from "../config/chat-configs.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { fittedMessage } from "./fitted-text.ts";
import { HttpSender } from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import { TEAMS_MESSAGE_SIZE_MAX } from "./msteams.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";

const COLORS = { firing: "Attention", resolved: "Good" } as const;

/** Writes adaptive cards to Microsoft Teams by a workflow's webhook. */
export class MsTeamsV2Receiver implements Receiver {
  readonly #config: MsTeamsV2Config;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;

  constructor(config: MsTeamsV2Config, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send({ notification }: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const { webhookUrl, title, text } = this.#config;
    const texts = new MessageTexts(this.#environment, notification);
    const heading = {
      ...{ type: "TextBlock", text: texts.text(title), weight: "Bolder", size: "Medium" },
      ...{ wrap: true, style: "heading", color: COLORS[texts.status] },
    };
    const json = fittedMessage(
      (fitting) => cardMessage([heading, { type: "TextBlock", text: fitting, wrap: true }]),
      texts.text(text),
      TEAMS_MESSAGE_SIZE_MAX,
    );
    await this.#sender.send({ url: webhookUrl.reveal(), json }, signal);
    return {};
  }
}

function cardMessage(body: readonly object[]): object {
  return {
    type: "message",
    attachments: [
      {
        contentType: "application/vnd.microsoft.card.adaptive",
        contentUrl: null,
        content: {
          $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
          type: "AdaptiveCard",
          version: "1.2",
          body,
          msteams: { width: "full" },
        },
      },
    ],
  };
}
