import type { RocketChatConfig } from "../config/chat-configs.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { answerFields, textOf } from "./answer-json.ts";
import { filled } from "./filled-fields.ts";
import {
  type HttpAnswer,
  HttpSender,
  judgeStatus,
  type Refusal,
  shownAnswer,
} from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { truncateCharacters } from "./truncate.ts";

const TITLE_LENGTH_MAX = 1024;

/** Writes to Rocket.Chat as a user, by a personal access token. */
export class RocketChatReceiver implements Receiver {
  readonly #config: RocketChatConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;

  constructor(config: RocketChatConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send({ notification }: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const { apiUrl, tokenId, token, channel, emoji, iconUrl } = this.#config;
    const texts = new MessageTexts(this.#environment, notification);
    const json = filled({
      channel: texts.text(channel),
      emoji: texts.text(emoji),
      avatar: texts.text(iconUrl),
      attachments: [this.#attachment(texts)],
    });
    await this.#sender.send(
      {
        url: `${apiUrl.replace(/\/+$/, "")}/api/v1/chat.postMessage`,
        json,
        headers: { "x-auth-token": token.reveal(), "x-user-id": tokenId.reveal() },
        judge: (answer) => judge(answer, texts.text(channel)),
      },
      signal,
    );
    return {};
  }

  #attachment(texts: MessageTexts): Record<string, unknown> {
    const config = this.#config;
    const text = (source: string): string => texts.text(source);
    return filled({
      title: truncateCharacters(text(config.title), TITLE_LENGTH_MAX),
      title_link: text(config.titleLink),
      text: text(config.text),
      image_url: text(config.imageUrl),
      thumb_url: text(config.thumbUrl),
      color: text(config.color),
      fields: config.fields.map(({ title, value, short }) => ({
        short: short ?? config.shortFields,
        title: text(title),
        value: text(value),
      })),
      actions: config.actions.map((action) => ({
        // The only type that there is.
        type: "button",
        ...filled({
          text: text(action.text),
          url: text(action.url),
          image_url: text(action.imageUrl),
          is_webview: action.isWebview || undefined,
          webview_height_ratio: text(action.webviewHeightRatio),
          msg: text(action.msg),
          msg_in_chat_window: action.msgInChatWindow || undefined,
          msg_processing_type: text(action.msgProcessingType),
        }),
      })),
    });
  }
}

/** May answer 200 with `success: false`. */
function judge(answer: HttpAnswer, channel: string): Refusal | undefined {
  const where = channel === "" ? "" : `channel ${JSON.stringify(channel)}: `;
  const { success, error } = answerFields(answer);
  const reason = textOf(error) || shownAnswer(answer);
  const refusal = judgeStatus([], () => reason)(answer);
  const isTooOften = reason.includes("too-many-requests");
  if (refusal !== undefined)
    return { transient: refusal.transient || isTooOften, reason: where + refusal.reason };
  if (success === true) return undefined;
  // What is none of Rocket.Chat's answers came from something before it.
  const isForeign = success === undefined;
  return { transient: isForeign || isTooOften, reason: `${where}Rocket.Chat answered ${reason}` };
}
