import { OperatingError } from "@pharos/base";
import type { HttpRequest, HttpResponse } from "@pharos/ports";
import type { HttpIntegrationBase, NotificationHttpConfig } from "../config/integration-base.ts";
import type { IntegrationKind } from "../config/integration-config.ts";
import { DeliveryError } from "../receiver.ts";
import { OAuthTokens } from "./oauth-tokens.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { revealedProxy } from "./revealed-proxy.ts";
import { base64, Scrubber } from "./secrets.ts";

/** How much of an answer is read: enough for an error message, and for what APIs tell. */
const ANSWER_SIZE_MAX = 256 * 1024;
/** How much of it is shown. */
const ANSWER_LENGTH_SHOWN = 200;
/** A `Retry-After` beyond this says more about the one who answers than about when to come back. */
const RETRY_AFTER_MS_MAX = 60 * 60_000;

export interface HttpMessage {
  readonly method?: HttpRequest["method"];
  readonly url: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, with the type in `headers`; instead of `json`. */
  readonly body?: string;
  /** Names in lower case; beside those of the configuration. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Texts that must not be shown, beside the configuration's secrets and the URL: keys that templates gave. */
  readonly secrets?: readonly string[];
  /** What the answer means; `judgeStatus()` where it is absent. */
  readonly judge?: Judge;
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** What an answer means: nothing to say, or why the message was not taken and whether it may be later. */
export type Judge = (answer: HttpAnswer) => Refusal | undefined;

export interface Refusal {
  readonly transient: boolean;
  readonly reason: string;
  /** How long to wait, where the answer says it elsewhere than in `Retry-After`. */
  readonly retryAfterMs?: number;
}

/** 2xx is taken; 5xx, 408, 429 and what the protocol adds may work later; anything else never will. */
export function judgeStatus(
  alsoTransient: readonly number[] = [],
  reasonOf: (answer: HttpAnswer) => string = shownAnswer,
): Judge {
  return (answer) => {
    const { status } = answer;
    if (status >= 200 && status < 300) return undefined;
    const transient =
      status >= 500 || status === 408 || status === 429 || alsoTransient.includes(status);
    const reason = reasonOf(answer);
    return {
      transient,
      reason: reason === "" ? `status ${status}` : `status ${status}: ${reason}`,
    };
  };
}

/** The beginning of an answer's text. */
export function shownAnswer({ text }: HttpAnswer): string {
  const trimmed = text.trim();
  return trimmed.length > ANSWER_LENGTH_SHOWN
    ? `${trimmed.slice(0, ANSWER_LENGTH_SHOWN)}…`
    : trimmed;
}

/** Sends one integration's messages by HTTP. Its errors name the kind and the host, and no secret. */
export class HttpSender {
  readonly #kind: IntegrationKind;
  readonly #config: HttpIntegrationBase;
  readonly #environment: ReceiverEnvironment;
  readonly #tokens: OAuthTokens | undefined;

  constructor(
    config: HttpIntegrationBase & { readonly kind: IntegrationKind },
    environment: ReceiverEnvironment,
  ) {
    this.#kind = config.kind;
    this.#config = config;
    this.#environment = environment;
    const { oauth2 } = config.http;
    if (oauth2 !== undefined) this.#tokens = new OAuthTokens(oauth2, config.timeoutMs, environment);
  }

  /**
   * @throws DeliveryError `notify.unavailable` or `notify.rejected`, with how long to wait where the answer says; or the
   *   signal's reason.
   */
  async send(message: HttpMessage, signal: AbortSignal): Promise<HttpAnswer> {
    const fail = (transient: boolean, reason: string, retryAfterMs?: number): DeliveryError => {
      // Made where something failed: to find all forms of all secrets takes longer than to send most messages.
      const scrubber = new Scrubber(this.#config, [message.url, ...(message.secrets ?? [])]);
      const host = hostOf(message.url);
      const said = reason.startsWith(`${host}: `) ? reason.slice(host.length + 2) : reason;
      return new DeliveryError(
        transient ? "notify.unavailable" : "notify.rejected",
        `${this.#kind} at ${host}: ${scrubber.scrub(said)}`,
        retryAfterMs === undefined ? {} : { retryAfterMs },
      );
    };
    if (!isHttpUrl(message.url)) throw fail(false, "the address is no http or https URL");

    let answer = await this.#request(message, signal, fail);
    if (answer.status === 401 && this.#tokens?.forget() === true)
      answer = await this.#request(message, signal, fail);
    const refusal = (message.judge ?? judgeStatus())(answer);
    if (refusal === undefined) return answer;
    const header = retryAfter(answer.headers["retry-after"], this.#environment.clock.nowMs());
    throw fail(refusal.transient, refusal.reason, refusal.retryAfterMs ?? header);
  }

  async #request(
    message: HttpMessage,
    signal: AbortSignal,
    fail: (transient: boolean, reason: string) => DeliveryError,
  ): Promise<HttpAnswer> {
    const { http, timeoutMs } = this.#config;
    let response: HttpResponse;
    try {
      const token = await this.#tokens?.token(signal);
      const request = {
        method: message.method ?? "POST",
        url: message.url,
        headers: {
          ...(message.json === undefined ? {} : { "content-type": "application/json" }),
          "user-agent": this.#environment.userAgent,
          ...message.headers,
          ...headersOf(http),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        ...bodyOf(message),
        timeoutMs,
        bodySizeMax: ANSWER_SIZE_MAX,
        followRedirects: http.followRedirects,
        ...(http.tls === undefined ? {} : { tls: http.tls }),
        ...revealedProxy(http.proxy),
      };
      response = await this.#environment.http.request(request, signal);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error; // An abort, or a bug of ours.
      if (error instanceof DeliveryError) throw error;
      // The cause is left out: its message may hold the URL. An answer that was too large came: it may be read next time.
      throw fail(true, error.message);
    }
    const { status, headers, body } = response;
    return { status, headers, text: new TextDecoder().decode(body) };
  }
}

function bodyOf({ json, body }: HttpMessage): { readonly body?: string } {
  if (json !== undefined) return { body: JSON.stringify(json) };
  return body === undefined ? {} : { body };
}

function headersOf(http: NotificationHttpConfig): Record<string, string> {
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

function isHttpUrl(text: string): boolean {
  const protocol = URL.parse(text)?.protocol;
  return protocol === "http:" || protocol === "https:";
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? "<invalid url>";
}

/** Seconds, or a date of HTTP. */
function retryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}
