import type { WebexConfig } from "../config/chat-configs.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { answerFields, textOf } from "./answer-json.ts";
import { type HttpAnswer, HttpSender, judgeStatus, shownAnswer } from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { truncateBytes } from "./truncate.ts";

/** What Webex takes of a message, in bytes. */
const MESSAGE_SIZE_MAX = 7439;
/** 423 is a room that is being changed. */
const LOCKED = 423;

/** Writes to Webex as a bot. */
export class WebexReceiver implements Receiver {
  readonly #config: WebexConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;

  constructor(config: WebexConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send({ notification }: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const { apiUrl, roomId, message } = this.#config;
    const texts = new MessageTexts(this.#environment, notification);
    const json = {
      markdown: truncateBytes(texts.text(message), MESSAGE_SIZE_MAX),
      roomId: texts.text(roomId),
    };
    const judge = judgeStatus([LOCKED], errorMessage);
    await this.#sender.send({ url: apiUrl, json, judge }, signal);
    return {};
  }
}

function errorMessage(answer: HttpAnswer): string {
  return textOf(answerFields(answer)["message"]) || shownAnswer(answer);
}
