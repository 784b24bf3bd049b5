import { commonPairs } from "@pharos/alert";
import type { OpsgenieConfig, OpsgenieResponder } from "../config/paging-configs.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { answerFields, textOf } from "./answer-json.ts";
import { dedupKey } from "./dedup-key.ts";
import { filled, listed } from "./filled-fields.ts";
import { type HttpAnswer, HttpSender, judgeStatus, shownAnswer } from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { truncateCharacters } from "./truncate.ts";

/** What Opsgenie takes, in characters. */
const MESSAGE_LENGTH_MAX = 130;
const DESCRIPTION_LENGTH_MAX = 15_000;

/** Creates, updates, acknowledges and closes Opsgenie's alerts, one for each group. */
export class OpsgenieReceiver implements Receiver {
  readonly #config: OpsgenieConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;

  constructor(config: OpsgenieConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send({ notification }: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const texts = new MessageTexts(this.#environment, notification);
    const alias = dedupKey(notification);
    const key = texts.text(this.#config.apiKey.reveal()).trim();
    const call = (method: "POST" | "PUT", path: string, json: object): Promise<HttpAnswer> =>
      this.#sender.send(
        {
          ...{ method, json, secrets: [key] },
          url: new URL(`v2/alerts${path}`, this.#config.apiUrl).href,
          headers: { authorization: `GenieKey ${key}` },
          judge: judgeStatus([], errorMessage),
        },
        signal,
      );
    const ofAlias = (action: string): string => `/${alias}/${action}?identifierType=alias`;

    const source = texts.text(this.#config.source);
    if (texts.status === "resolved") {
      await call("POST", ofAlias("close"), { source });
      return {};
    }
    const message = truncateCharacters(texts.text(this.#config.message), MESSAGE_LENGTH_MAX);
    const description = truncateCharacters(
      texts.text(this.#config.description),
      DESCRIPTION_LENGTH_MAX,
    );
    const common = commonPairs(notification.alerts.map(({ labels }) => labels));
    await call("POST", "", {
      alias,
      message,
      source,
      details: {
        ...Object.fromEntries(common),
        ...Object.fromEntries(this.#config.details.map(([name, text]) => [name, texts.text(text)])),
      },
      ...filled({
        description,
        responders: this.#config.responders.flatMap((responder) => respondersOf(responder, texts)),
        tags: listed(texts.text(this.#config.tags)),
        note: texts.text(this.#config.note),
        priority: texts.text(this.#config.priority),
        entity: texts.text(this.#config.entity),
        actions: listed(texts.text(this.#config.actions)),
      }),
    });
    if (this.#config.updateAlerts) {
      // An empty one would be refused, and everything told again.
      if (message !== "") await call("PUT", ofAlias("message"), { message });
      if (description !== "") await call("PUT", ofAlias("description"), { description });
    }
    if (notification.context?.incident?.status === "acknowledged")
      await call("POST", ofAlias("acknowledge"), { source });
    return {};
  }
}

/** One that comes out empty is left out, so that templates may fill in whom the labels name; `teams` are several. */
function respondersOf(
  { id, name, username, type }: OpsgenieResponder,
  texts: MessageTexts,
): Record<string, unknown>[] {
  const responder = {
    id: texts.text(id),
    name: texts.text(name),
    username: texts.text(username),
    type: texts.text(type),
  };
  if (responder.type === "teams")
    return listed(responder.name).map((team) => ({ name: team, type: "team" }));
  const isEmpty = Object.values(responder).every((text) => text === "");
  return isEmpty ? [] : [{ ...filled(responder), type: responder.type }];
}

function errorMessage(answer: HttpAnswer): string {
  return textOf(answerFields(answer)["message"]) || shownAnswer(answer);
}
