import { errorText, OperatingError } from "@pharos/base";
import type { HttpResponse } from "@pharos/ports";
import type { OAuth2Config } from "../config/integration-base.ts";
import { DeliveryError } from "../receiver.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";
import { revealedProxy } from "./revealed-proxy.ts";
import { base64, Scrubber } from "./secrets.ts";

/** A token is not used in its last seconds: it must still hold when it arrives. */
const EXPIRES_EARLY_MS = 10_000;
/** What a token without an end is used for. */
const TOKEN_AGE_MS_DEFAULT = 60 * 60_000;
const ANSWER_SIZE_MAX = 64 * 1024;

/** Tokens by OAuth 2's client credentials, asked for when one is needed and kept while it holds. */
export class OAuthTokens {
  readonly #config: OAuth2Config;
  readonly #timeoutMs: number;
  readonly #environment: ReceiverEnvironment;
  #known: { readonly token: string; readonly expiresAtMs: number } | undefined;

  constructor(config: OAuth2Config, timeoutMs: number, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#timeoutMs = timeoutMs;
    this.#environment = environment;
  }

  /** @throws DeliveryError, OperatingError `http.failed`; or the signal's reason. */
  async token(signal: AbortSignal): Promise<string> {
    const { clock } = this.#environment;
    if (this.#known !== undefined && clock.monotonicMs() < this.#known.expiresAtMs)
      return this.#known.token;
    const askedAtMs = clock.monotonicMs();
    const { token, lastsMs } = await this.#ask(signal);
    this.#known = { token, expiresAtMs: askedAtMs + lastsMs - EXPIRES_EARLY_MS };
    return token;
  }

  /** The token was refused: whether there was one, so that it is worth asking for another. */
  forget(): boolean {
    const had = this.#known !== undefined;
    this.#known = undefined;
    return had;
  }

  async #ask(signal: AbortSignal): Promise<{ token: string; lastsMs: number }> {
    const { clientId, clientSecret, tokenUrl, scopes, endpointParams, proxy, tls } = this.#config;
    const { http, userAgent } = this.#environment;
    const form = new URLSearchParams({ grant_type: "client_credentials" });
    if (scopes.length > 0) form.set("scope", scopes.join(" "));
    for (const [name, value] of endpointParams) form.set(name, value);
    const credentials = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret.reveal())}`;
    const fail = (transient: boolean, reason: string): DeliveryError =>
      new DeliveryError(
        transient ? "notify.unavailable" : "notify.rejected",
        new Scrubber(this.#config, [base64(credentials)]).scrub(`OAuth 2 token: ${reason}`),
      );
    let response: HttpResponse;
    try {
      response = await http.request(
        {
          method: "POST",
          url: tokenUrl,
          headers: {
            accept: "application/json",
            authorization: `Basic ${base64(credentials)}`,
            "content-type": "application/x-www-form-urlencoded",
            "user-agent": userAgent,
          },
          body: form.toString(),
          timeoutMs: this.#timeoutMs,
          bodySizeMax: ANSWER_SIZE_MAX,
          ...(tls === undefined ? {} : { tls }),
          ...revealedProxy(proxy),
        },
        signal,
      );
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      throw fail(true, errorText(error));
    }
    const { status, body } = response;
    if (status < 200 || status >= 300)
      throw fail(status >= 500 || status === 429 || status === 408, `status ${status}`);
    const answer = readToken(new TextDecoder().decode(body));
    if (answer === undefined) throw fail(true, "the answer holds no access_token");
    return answer;
  }
}

function readToken(text: string): { token: string; lastsMs: number } | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
  if (typeof answer !== "object" || answer === null || !("access_token" in answer))
    return undefined;
  if (typeof answer.access_token !== "string" || answer.access_token === "") return undefined;
  const seconds = "expires_in" in answer ? Number(answer.expires_in) : Number.NaN;
  return {
    token: answer.access_token,
    lastsMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : TOKEN_AGE_MS_DEFAULT,
  };
}
