import { createHash } from "node:crypto";
import { CHART_CONTENT_ID, type Notification } from "@pharos/alert";
import type { MailAuth, MailMessage, MailServer } from "@pharos/ports";
import type { EmailConfig, SmtpAuth } from "../config/email-config.ts";
import {
  DeliveryError,
  type OutgoingNotification,
  type Receipt,
  type Receiver,
} from "../receiver.ts";
import { chartPng } from "./chart-png.ts";
import { mailAddresses } from "./mail-addresses.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";

/** Alertmanager has no limit of its own here; a server that does not answer must not hold its place for ever. */
const TIMEOUT_MS = 30_000;
/** What mail programs without HTML show, where the configuration has no text of its own. */
const DEFAULT_TEXT = '{{ template "email.default.text" . }}';

const PORTS: ReadonlyMap<string, number> = new Map([
  ["smtp", 25],
  ["smtps", 465],
  ["submission", 587],
  ["submissions", 465],
]);
const IMPLICIT_TLS_PORT = 465;

/** Sends mail: text and HTML, with the alert's chart in the HTML where it is asked for. */
export class EmailReceiver implements Receiver {
  readonly #config: EmailConfig;
  readonly #environment: ReceiverEnvironment;

  constructor(config: EmailConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
  }

  async send(outgoing: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const { mail, timeZone } = this.#environment;
    const { chart } = outgoing.notification.context ?? {};
    const png = chart === undefined ? undefined : chartPng(chart, timeZone);
    const notification =
      png === undefined ? withoutChart(outgoing.notification) : outgoing.notification;
    const texts = new MessageTexts(this.#environment, notification);
    const from = texts.text(this.#config.from);
    const senders = mailAddresses(from);
    const [sender] = senders ?? [];
    if (sender === undefined || senders?.length !== 1)
      throw rejected(`from: ${JSON.stringify(from)} is not one mail address`);
    const to = texts.text(this.#config.to);
    const recipients = mailAddresses(to);
    if (recipients === undefined || recipients.length === 0)
      throw rejected(`to: ${JSON.stringify(to)} is no list of mail addresses`);

    const html = texts.html(this.#config.html);
    const shown = png !== undefined && html.includes(`cid:${CHART_CONTENT_ID}`) ? png : undefined;
    const message: MailMessage = {
      headers: this.#headers(outgoing, texts, sender),
      text: texts.text(this.#config.text === "" ? DEFAULT_TEXT : this.#config.text),
      ...(html === "" ? {} : { html }),
      images:
        shown === undefined
          ? []
          : [
              {
                contentId: CHART_CONTENT_ID,
                fileName: "chart.png",
                contentType: "image/png",
                bytes: shown,
              },
            ],
    };
    const envelope = { from: sender, to: recipients };
    const { refused } = await mail.send(
      { server: serverOf(this.#config), envelope, message, timeoutMs: TIMEOUT_MS },
      signal,
    );
    // Sent again, the others would have it twice.
    return refused.length === 0
      ? {}
      : { shortfall: `email: the server refused ${refused.join(", ")}` };
  }

  #headers(
    { idempotencyKey, notification }: OutgoingNotification,
    texts: MessageTexts,
    sender: string,
  ): (readonly [string, string])[] {
    const nowMs = this.#environment.clock.nowMs();
    const headers = this.#config.headers.map(
      ([name, source]) => [name, texts.text(source).replace(/[\r\n]+/g, " ")] as const,
    );
    const own: (readonly [string, string])[] = [
      ["Date", new Date(nowMs).toUTCString().replace("GMT", "+0000")],
      // The same for each attempt, so that a mail that was taken twice is one in the mailbox.
      [
        "Message-ID",
        `<${hash(idempotencyKey).slice(0, 32)}@${sender.slice(sender.indexOf("@") + 1)}>`,
      ],
      ["Auto-Submitted", "auto-generated"],
      ...threadHeaders(this.#config, notification, nowMs),
    ];
    const given = new Set(headers.map(([name]) => name.toLowerCase()));
    return [...headers, ...own.filter(([name]) => !given.has(name.toLowerCase()))];
  }
}

/** Mails of a group answer a mail that never was, as mail programs put such together. */
function threadHeaders(
  { threading }: EmailConfig,
  { groupKey }: Notification,
  nowMs: number,
): (readonly [string, string])[] {
  if (threading === undefined) return [];
  const day = threading.byDate === "daily" ? new Date(nowMs).toISOString().slice(0, 10) : "";
  const root = `<alert-${hash(groupKey).slice(0, 16)}-${day}@pharos>`;
  return [
    ["References", root],
    ["In-Reply-To", root],
  ];
}

function serverOf(config: EmailConfig): MailServer {
  const { host, port: name } = config.smarthost;
  const port = PORTS.get(name) ?? Number(name);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw rejected(`smarthost: ${JSON.stringify(name)} is no port`);
  const implicit = config.forceImplicitTls ?? port === IMPLICIT_TLS_PORT;
  return {
    host,
    port,
    security: implicit ? "tls" : config.requireTls ? "starttls" : "any",
    hello: config.hello,
    ...(config.tls === undefined ? {} : { tls: config.tls }),
    ...(config.auth === undefined ? {} : { auth: authOf(config.auth) }),
  };
}

function authOf({ username, password, secret, identity }: SmtpAuth): MailAuth {
  return {
    username,
    identity,
    ...(password === undefined ? {} : { password }),
    ...(secret === undefined ? {} : { secret }),
  };
}

function withoutChart(notification: Notification): Notification {
  if (notification.context?.chart === undefined) return notification;
  const { chart: _chart, ...context } = notification.context;
  return { ...notification, context };
}

function rejected(reason: string): DeliveryError {
  return new DeliveryError("notify.rejected", `email: ${reason}`);
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
