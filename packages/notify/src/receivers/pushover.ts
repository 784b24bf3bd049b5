import type { PushoverConfig } from "../config/paging-configs.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { answerFields } from "./answer-json.ts";
import { truncateHtml } from "./html-text.ts";
import { type HttpAnswer, HttpSender, judgeStatus, shownAnswer } from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { truncateCharacters } from "./truncate.ts";

const MESSAGES_URL = "https://api.pushover.net/1/messages.json";
/** What Pushover takes, in characters. */
const TITLE_LENGTH_MAX = 250;
const MESSAGE_LENGTH_MAX = 1024;
const URL_LENGTH_MAX = 512;
const URL_TITLE_LENGTH_MAX = 100;

/** Sends push messages by Pushover. */
export class PushoverReceiver implements Receiver {
  readonly #config: PushoverConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;

  constructor(config: PushoverConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send({ notification }: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const config = this.#config;
    const texts = new MessageTexts(this.#environment, notification);
    const token = texts.text(config.token.reveal()).trim();
    const user = texts.text(config.userKey.reveal()).trim();
    const fields: readonly (readonly [name: string, value: string])[] = [
      ["token", token],
      ["user", user],
      ["title", truncateCharacters(texts.text(config.title), TITLE_LENGTH_MAX)],
      ["message", this.#message(texts)],
      ["html", config.html ? "1" : ""],
      ["monospace", config.monospace ? "1" : ""],
      // An address is of no use with its end cut off.
      ["url", atMost(texts.text(config.url), URL_LENGTH_MAX)],
      ["url_title", truncateCharacters(texts.text(config.urlTitle), URL_TITLE_LENGTH_MAX)],
      ["priority", texts.text(config.priority)],
      ["retry", seconds(config.retryMs)],
      ["expire", seconds(config.expireMs)],
      ["ttl", config.ttlMs > 0 ? seconds(config.ttlMs) : ""],
      ["device", texts.text(config.device)],
      ["sound", texts.text(config.sound)],
    ];
    const form = new URLSearchParams();
    for (const [name, value] of fields) if (value !== "") form.set(name, value);
    await this.#sender.send(
      {
        url: MESSAGES_URL,
        // Not in the URL, which ends up in the logs of whatever is between.
        body: form.toString(),
        headers: { "content-type": "application/x-www-form-urlencoded" },
        secrets: [token, user],
        judge: judgeStatus([], errorsOf),
      },
      signal,
    );
    return {};
  }

  #message(texts: MessageTexts): string {
    const { html, message: source } = this.#config;
    const message = html
      ? truncateHtml(texts.html(source), MESSAGE_LENGTH_MAX)
      : truncateCharacters(texts.text(source), MESSAGE_LENGTH_MAX);
    // Markup counts; so a text that only fits without it is cut as if it were none.
    const fitting = truncateCharacters(message, MESSAGE_LENGTH_MAX).trim();
    return fitting === "" ? "(no details)" : fitting;
  }
}

function seconds(ms: number): string {
  return String(Math.trunc(ms / 1000));
}

function atMost(text: string, max: number): string {
  return text.length <= max ? text : "";
}

function errorsOf(answer: HttpAnswer): string {
  const { errors } = answerFields(answer);
  return Array.isArray(errors) ? errors.join(", ") : shownAnswer(answer);
}
