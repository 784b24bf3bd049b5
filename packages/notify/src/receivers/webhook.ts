import { type NotificationContext, type WebhookPayload, webhookPayload } from "@pharos/alert";
import type { WebhookConfig } from "../config/webhook-config.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { HttpSender } from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";

/** POSTs Alertmanager's JSON, version 4, or what the configuration makes in its place. */
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
        ? withContext(
            webhookPayload(notification, { alertsMax, externalUrl }),
            notification.context,
          )
        : texts.json(payload);
    await this.#sender.send(
      {
        url: texts.text(url.reveal()).trim(),
        json: body,
        headers: { "idempotency-key": idempotencyKey },
      },
      signal,
    );
    return {};
  }
}

/** What Alertmanager does not know stands under a name of its own; a chart is too much for a webhook. */
function withContext(
  payload: WebhookPayload,
  context: NotificationContext | undefined,
): WebhookPayload | (WebhookPayload & { readonly pharos: Omit<NotificationContext, "chart"> }) {
  if (context === undefined) return payload;
  const { chart: _chart, ...known } = context;
  return Object.keys(known).length === 0 ? payload : { ...payload, pharos: known };
}
