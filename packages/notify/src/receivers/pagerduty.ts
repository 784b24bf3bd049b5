import type { Notification } from "@pharos/alert";
import type { PagerDutyConfig } from "../config/paging-configs.ts";
import {
  DeliveryError,
  type OutgoingNotification,
  type Receipt,
  type Receiver,
} from "../receiver.ts";
import { dedupKey } from "./dedup-key.ts";
import { filled } from "./filled-fields.ts";
import { type HttpAnswer, HttpSender, judgeStatus, shownAnswer } from "./http-sender.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { truncateCharacters } from "./truncate.ts";

/** What PagerDuty takes of a summary, in characters. */
const SUMMARY_LENGTH_MAX = 1024;
/** What it takes of an event, in bytes. */
const EVENT_SIZE_MAX = 512_000;
const TOO_LARGE = {
  error: "left out: with them the event is larger than the 512 kB that are taken",
};
const EVENTS_V1_URL = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";

type Details = Readonly<Record<string, unknown>>;

/** Triggers, acknowledges and resolves PagerDuty's incidents, one for each group of alerts. */
export class PagerDutyReceiver implements Receiver {
  readonly #config: PagerDutyConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;

  constructor(config: PagerDutyConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
  }

  async send(outgoing: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const { notification } = outgoing;
    const texts = new MessageTexts(this.#environment, notification);
    const { serviceKey, routingKey, url, details } = this.#config;
    const custom: Details = Object.fromEntries(
      details.map(([name, value]) => [name, texts.json(value)]),
    );
    if (serviceKey === undefined) {
      const key = keyOf("routing", texts.text(routingKey?.reveal() ?? ""));
      const json = fitted((values) => this.#eventV2(notification, texts, key, values), custom);
      await this.#sender.send(
        { url, json, secrets: [key], judge: judgeStatus([], errorDetails) },
        signal,
      );
    } else {
      const key = keyOf("service", texts.text(serviceKey.reveal()));
      const json = fitted((values) => this.#eventV1(notification, texts, key, values), custom);
      // There, 403 means that there were too many.
      const judge = judgeStatus([403], errorDetails);
      await this.#sender.send({ url: EVENTS_V1_URL, json, secrets: [key], judge }, signal);
    }
    return {};
  }

  #eventV2(
    notification: Notification,
    texts: MessageTexts,
    routingKey: string,
    details: Details,
  ): object {
    const config = this.#config;
    const summary = truncateCharacters(texts.text(config.description), SUMMARY_LENGTH_MAX);
    return filled({
      routing_key: routingKey,
      dedup_key: dedupKey(notification),
      event_action: actionOf(notification, texts),
      payload: filled({
        summary,
        source: texts.text(config.source === "" ? config.client : config.source),
        severity: texts.text(config.severity === "" ? "error" : config.severity),
        class: texts.text(config.class),
        component: texts.text(config.component),
        group: texts.text(config.group),
        custom_details: details,
      }),
      client: texts.text(config.client),
      client_url: texts.text(config.clientUrl),
      images: config.images
        .map(({ src, alt, href }) => ({
          src: texts.text(src),
          ...filled({ alt: texts.text(alt), href: texts.text(href) }),
        }))
        .filter(({ src }) => src !== ""),
      links: [
        ...config.links.map(({ href, text }) => ({
          href: texts.text(href),
          text: texts.text(text),
        })),
        ...linksOf(notification),
      ].filter(({ href }) => href !== ""),
    });
  }

  #eventV1(
    notification: Notification,
    texts: MessageTexts,
    serviceKey: string,
    details: Details,
  ): object {
    const config = this.#config;
    const action = actionOf(notification, texts);
    return filled({
      service_key: serviceKey,
      incident_key: dedupKey(notification),
      event_type: action,
      description: truncateCharacters(texts.text(config.description), SUMMARY_LENGTH_MAX),
      client: action === "trigger" ? texts.text(config.client) : "",
      client_url: action === "trigger" ? texts.text(config.clientUrl) : "",
      details,
    });
  }
}

function actionOf(
  { context }: Notification,
  { status }: MessageTexts,
): "trigger" | "acknowledge" | "resolve" {
  if (status === "resolved") return "resolve";
  return context?.incident?.status === "acknowledged" ? "acknowledge" : "trigger";
}

function linksOf({ context }: Notification): { href: string; text: string }[] {
  const { incident, silenceUrl, chart } = context ?? {};
  return [
    { href: incident?.url ?? "", text: "Incident" },
    { href: incident?.acknowledgeUrl ?? "", text: "Acknowledge" },
    { href: silenceUrl ?? "", text: "Silence" },
    { href: chart?.url ?? "", text: "Graph" },
  ];
}

function keyOf(kind: string, text: string): string {
  const key = text.trim();
  if (key === "") throw new DeliveryError("notify.rejected", `pagerduty: the ${kind} key is empty`);
  return key;
}

/** Without details where the event is too large with them. */
function fitted(event: (details: Details) => object, details: Details): object {
  const whole = event(details);
  const size = new TextEncoder().encode(JSON.stringify(whole)).length;
  return size > EVENT_SIZE_MAX ? event(TOO_LARGE) : whole;
}

/** PagerDuty says what is wrong with an event as JSON. */
function errorDetails(answer: HttpAnswer): string {
  try {
    const { message, errors } = JSON.parse(answer.text) as { message?: unknown; errors?: unknown };
    if (typeof message !== "string") return shownAnswer(answer);
    return Array.isArray(errors) ? `${message}: ${errors.join(", ")}` : message;
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof TypeError)) throw error;
    return shownAnswer(answer);
  }
}
