import { type NotificationContext, webhookPayload } from "@pharos/alert";
import type { WebhookConfig } from "../config/webhook-config.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { HttpSender } from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";

/** Beyond this, servers begin to refuse the headers of a request. */
const CONTEXT_LENGTH_MAX = 4096;

/**
 * POSTs Alertmanager's JSON, version 4, or what the configuration makes in its place. What Alertmanager does not know
 * (incident, links, how many are affected) goes in a header, so that the body is what its receivers expect to the byte.
 */
export class WebhookReceiver implements Receiver {
  readonly #config: WebhookConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;

  constructor(config: WebhookConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send(outgoing: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const { url, alertsMax, payload } = this.#config;
    const { externalUrl } = this.#environment;
    const { notification, idempotencyKey } = outgoing;
    const texts = new MessageTexts(this.#environment, notification);
    const body =
      payload === undefined
        ? webhookPayload(notification, { alertsMax, externalUrl })
        : texts.json(payload);
    await this.#sender.send(
      {
        url: texts.text(url.reveal()).trim(),
        json: body,
        headers: { "idempotency-key": idempotencyKey, ...contextHeader(notification.context) },
      },
      signal,
    );
    return {};
  }
}

/** A chart is too much for a header; what is not ASCII is escaped as JSON allows. */
function contextHeader(context: NotificationContext | undefined): Record<string, string> {
  if (context === undefined) return {};
  const { chart: _chart, ...known } = context;
  const json = JSON.stringify(known).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return json === "{}" || json.length > CONTEXT_LENGTH_MAX ? {} : { "pharos-context": json };
}
