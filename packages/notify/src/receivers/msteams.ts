import type { MsTeamsConfig } from "../config/chat-configs.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { fittedMessage } from "./fitted-text.ts";
import { type HttpAnswer, HttpSender, judgeStatus, type Refusal } from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";

/** What Teams takes of a message, in bytes. */
export const TEAMS_MESSAGE_SIZE_MAX = 28 * 1024;
const COLORS = { firing: "8C1A1A", resolved: "2DC72D" } as const;

/** Writes cards to Microsoft Teams by a connector's webhook. */
export class MsTeamsReceiver implements Receiver {
  readonly #config: MsTeamsConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;

  constructor(config: MsTeamsConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send({ notification }: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const { webhookUrl, title, summary, text } = this.#config;
    const texts = new MessageTexts(this.#environment, notification);
    const head = {
      "@context": "http://schema.org/extensions",
      "@type": "MessageCard",
      title: texts.text(title),
      summary: texts.text(summary),
      themeColor: COLORS[texts.status],
    };
    const json = fittedMessage(
      (fitting) => ({ ...head, text: fitting }),
      texts.text(text),
      TEAMS_MESSAGE_SIZE_MAX,
    );
    await this.#sender.send({ url: webhookUrl.reveal(), json, judge: judgeConnector }, signal);
    return {};
  }
}

/** A connector answers 200 whatever became of the message; what Teams said to it is in the text. */
function judgeConnector(answer: HttpAnswer): Refusal | undefined {
  const refusal = judgeStatus()(answer);
  if (refusal !== undefined) return refusal;
  const [, status] = /returned HTTP error (\d{3})/.exec(answer.text) ?? [];
  return status === undefined ? undefined : judgeStatus()({ ...answer, status: Number(status) });
}
