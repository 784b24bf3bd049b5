import type { DiscordConfig } from "../config/chat-configs.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { filled } from "./filled-fields.ts";
import { HttpSender } from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { truncateCharacters } from "./truncate.ts";

/** What Discord takes, in characters. */
const CONTENT_LENGTH_MAX = 2000;
const TITLE_LENGTH_MAX = 256;
const DESCRIPTION_LENGTH_MAX = 4096;
const USERNAME_LENGTH_MAX = 80;
const COLORS = { firing: 0x992d22, resolved: 0x2ecc71 } as const;

/** Writes to Discord by a channel's webhook. */
export class DiscordReceiver implements Receiver {
  readonly #config: DiscordConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;

  constructor(config: DiscordConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send({ notification }: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const { webhookUrl, content, title, message, username, avatarUrl } = this.#config;
    const texts = new MessageTexts(this.#environment, notification);
    const cut = (source: string, max: number): string =>
      truncateCharacters(texts.text(source), max);
    const json = {
      content: cut(content, CONTENT_LENGTH_MAX),
      embeds: [
        {
          title: cut(title, TITLE_LENGTH_MAX),
          description: cut(message, DESCRIPTION_LENGTH_MAX),
          color: COLORS[texts.status],
          // Makes the title a link.
          ...filled({ url: notification.context?.incident?.url }),
        },
      ],
      ...filled({
        username: cut(username, USERNAME_LENGTH_MAX),
        avatar_url: texts.text(avatarUrl),
      }),
    };
    await this.#sender.send({ url: webhookUrl.reveal(), json }, signal);
    return {};
  }
}
