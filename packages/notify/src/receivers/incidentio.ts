import { type WebhookPayload, webhookPayload } from "@pharos/alert";
import type { IncidentIoConfig } from "../config/paging-configs.ts";
import type { OutgoingNotification, Receipt, Receiver } from "../receiver.ts";
import { answerFields, textOf } from "./answer-json.ts";
import { sizeOf } from "./fitted-text.ts";
import { type HttpAnswer, HttpSender, judgeStatus, shownAnswer } from "./http-sender.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";

/** What incident.io takes of an event, in bytes. */
const EVENT_SIZE_MAX = 512 * 1024;

/** Sends to an alert source of incident.io, which knows a group again by its key. */
export class IncidentIoReceiver implements Receiver {
  readonly #config: IncidentIoConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;

  constructor(config: IncidentIoConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send({ notification }: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const { url, alertsMax } = this.#config;
    const { externalUrl } = this.#environment;
    const event = { ...webhookPayload(notification, { alertsMax, externalUrl }), version: "1" };
    const body = fittingBody(event, notification.alerts.length);
    const judge = judgeStatus([], errorDetails);
    await this.#sender.send(
      { url, body, headers: { "content-type": "application/json" }, judge },
      signal,
    );
    return {};
  }
}

/** What is told of the group as a whole stays that of all alerts where only the first one is shown. */
function fittingBody(
  event: Omit<WebhookPayload, "version"> & { readonly version: string },
  alertCount: number,
): string {
  const whole = JSON.stringify(event);
  if (sizeOf(whole) <= EVENT_SIZE_MAX) return whole;
  const alerts = event.alerts.slice(0, 1);
  return JSON.stringify({ ...event, alerts, truncatedAlerts: alertCount - alerts.length });
}

function errorDetails(answer: HttpAnswer): string {
  const { message, error, errors } = answerFields(answer);
  const details = Array.isArray(errors)
    ? errors.map((each) => (typeof each === "string" ? each : JSON.stringify(each))).join(", ")
    : "";
  const parts = [textOf(message), textOf(error), details].filter((part) => part !== "");
  return parts.length > 0 ? parts.join(": ") : shownAnswer(answer);
}
