import type { TelegramConfig } from "../config/chat-configs.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { answerFields, objectFields, textOf } from "./answer-json.ts";
import { truncateHtml, visibleText } from "./html-text.ts";
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

/** What Telegram takes of a text, in characters that are read: tags do not count. */
const MESSAGE_LENGTH_MAX = 4096;
/** And in bytes, tags counted. */
const MESSAGE_SIZE_MAX = 32 * 1024;

/** Writes to a chat as a bot. */
export class TelegramReceiver implements Receiver {
  readonly #config: TelegramConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;

  constructor(config: TelegramConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send({ notification }: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const { message, parseMode } = this.#config;
    const texts = new MessageTexts(this.#environment, notification);
    const isHtml = parseMode === "HTML";
    const text = isHtml ? texts.html(message) : texts.text(message);
    const fitting = isHtml ? fittingHtml(text) : truncateCharacters(text, MESSAGE_LENGTH_MAX);
    const answer = await this.#post({ text: fitting, parse_mode: parseMode }, signal);
    // A text whose marks Telegram cannot read is worth more without them than not at all.
    if (isUnreadable(answer)) {
      const plain = truncateCharacters(isHtml ? visibleText(text) : text, MESSAGE_LENGTH_MAX);
      await this.#post({ text: plain, parse_mode: "" }, signal);
    }
    return {};
  }

  #post(
    { text, parse_mode }: { readonly text: string; readonly parse_mode: string },
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const { apiUrl, botToken, chatId, messageThreadId, disableNotifications } = this.#config;
    const token = botToken.reveal();
    const json = {
      chat_id: chatId,
      text,
      disable_web_page_preview: true,
      ...(parse_mode === "" ? {} : { parse_mode }),
      ...(disableNotifications ? { disable_notification: true } : {}),
      ...(messageThreadId === 0 ? {} : { message_thread_id: messageThreadId }),
    };
    return this.#sender.send(
      {
        url: `${apiUrl.replace(/\/+$/, "")}/bot${token}/sendMessage`,
        json,
        secrets: [token],
        judge: (answer) => (parse_mode !== "" && isUnreadable(answer) ? undefined : judge(answer)),
      },
      signal,
    );
  }
}

function fittingHtml(html: string): string {
  const isTooLarge = new TextEncoder().encode(html).length > MESSAGE_SIZE_MAX;
  return isTooLarge
    ? truncateHtml(visibleText(html), MESSAGE_LENGTH_MAX)
    : truncateHtml(html, MESSAGE_LENGTH_MAX);
}

function isUnreadable(answer: HttpAnswer): boolean {
  return (
    answer.status === 400 &&
    textOf(answerFields(answer)["description"]).includes("can't parse entities")
  );
}

/** Says `ok: false` and why, and how long to wait in its own field. */
function judge(answer: HttpAnswer): Refusal | undefined {
  const { ok, description, parameters } = answerFields(answer);
  const { retry_after: retryAfterSeconds, migrate_to_chat_id: movedTo } = objectFields(parameters);
  const reason = textOf(description) || shownAnswer(answer);
  const moved = typeof movedTo === "number" ? `; the chat is now ${movedTo}` : "";
  const refusal = judgeStatus([], () => reason + moved)(answer);
  if (refusal === undefined)
    return ok === true ? undefined : { transient: ok === undefined, reason: reason || "no answer" };
  return typeof retryAfterSeconds === "number"
    ? { ...refusal, retryAfterMs: retryAfterSeconds * 1000 }
    : refusal;
}
