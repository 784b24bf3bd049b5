import { webhookPayload } from "@pharos/alert";
import { errorText, OperatingError } from "@pharos/base";
import type { HttpClient, HttpResponse } from "@pharos/ports";
import type { NotificationHttpConfig } from "./config/integration-base.ts";
import type { WebhookConfig } from "./config/webhook-config.ts";
import type { OutgoingNotification, Receipt, Receiver } from "./receiver.ts";

/** How much of an answer is read: enough for an error message. */
const ANSWER_SIZE_MAX = 64 * 1024;
/** How much of it is shown. */
const ANSWER_LENGTH_SHOWN = 200;

export interface WebhookSender {
  readonly http: HttpClient;
  /** Where this server is reached from outside. */
  readonly externalUrl: string;
  /** `Pharos/1.2.3`. */
  readonly userAgent: string;
}

/** POSTs Alertmanager's JSON, version 4. Its errors name the host of the URL and no secret. */
export class WebhookReceiver implements Receiver {
  readonly #config: WebhookConfig;
  readonly #sender: WebhookSender;

  constructor(config: WebhookConfig, sender: WebhookSender) {
    this.#config = config;
    this.#sender = sender;
  }

  async send(outgoing: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const { url, alertsMax, timeoutMs, http } = this.#config;
    const { externalUrl, userAgent } = this.#sender;
    const body = webhookPayload(outgoing.notification, { alertsMax, externalUrl });
    const request = {
      method: "POST",
      url: url.reveal(),
      headers: {
        ...authHeaders(http),
        "content-type": "application/json",
        "user-agent": userAgent,
        "idempotency-key": outgoing.idempotencyKey,
      },
      body: JSON.stringify(body),
      timeoutMs,
      bodySizeMax: ANSWER_SIZE_MAX,
      followRedirects: http.followRedirects,
      ...(http.tls === undefined ? {} : { tls: http.tls }),
    } as const;
    let response: HttpResponse;
    try {
      response = await this.#sender.http.request(request, signal);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error; // An abort, or a bug of ours.
      // The answer was too large to read, but it came: the status is unknown, so it may work next time.
      throw new OperatingError("notify.unavailable", this.#describe(errorText(error)));
    }
    const { status } = response;
    if (status >= 200 && status < 300) return {};
    const mayWorkLater = status >= 500 || status === 408 || status === 429;
    throw new OperatingError(
      mayWorkLater ? "notify.unavailable" : "notify.rejected",
      this.#describe(`status ${status}: ${answerText(response.body)}`),
    );
  }

  /** Without the cause: its message may hold the URL, which may hold a key. */
  #describe(reason: string): string {
    const url = this.#config.url.reveal();
    const host = URL.canParse(url) ? new URL(url).host : "<invalid url>";
    let text = reason.replaceAll(url, "<secret>");
    for (const secret of secretsOf(this.#config)) text = text.replaceAll(secret, "<secret>");
    return `webhook at ${host}: ${text}`;
  }
}

function authHeaders(http: NotificationHttpConfig): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of http.headers ?? []) headers[name.toLowerCase()] = value.reveal();
  if (http.basicAuth !== undefined) {
    const { username, password } = http.basicAuth;
    headers["authorization"] = `Basic ${base64(`${username}:${password.reveal()}`)}`;
  } else if (http.authorization !== undefined) {
    const { type, credentials } = http.authorization;
    headers["authorization"] = `${type} ${credentials.reveal()}`;
  }
  return headers;
}

/** What must not be shown, the longest first so that a part does not spoil the whole. */
function secretsOf({ url, http }: WebhookConfig): string[] {
  const secrets = [
    http.basicAuth?.password.reveal() ?? "",
    http.authorization?.credentials.reveal() ?? "",
    ...(http.headers ?? []).map(([, value]) => value.reveal()),
  ];
  if (URL.canParse(url.reveal())) {
    const { pathname, search, password } = new URL(url.reveal());
    secrets.push(pathname + search, search, password);
    if (pathname.length > 1) secrets.push(pathname);
  }
  return secrets.filter((secret) => secret.length > 1).sort((a, b) => b.length - a.length);
}

function base64(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function answerText(body: Uint8Array): string {
  const text = new TextDecoder().decode(body).trim();
  return text.length > ANSWER_LENGTH_SHOWN ? `${text.slice(0, ANSWER_LENGTH_SHOWN)}…` : text;
}
