import { OperatingError } from "@pharos/base";
import type { HttpClient, HttpResponse } from "@pharos/ports";
import type { RemoteWriteSettings } from "./remote-write-settings.ts";
import { PROTOCOL_HEADERS } from "./write-request.ts";

/** How much of an answer is kept, to be shown. */
const ANSWER_SIZE_MAX = 1024 * 1024;
const SHOWN_LENGTH_MAX = 512;

/** What became of one attempt. */
export type Sent =
  | { readonly outcome: "accepted" }
  /** It may work later, not before `waitMs` where the receiver says so. */
  | { readonly outcome: "again"; readonly reason: string; readonly waitMs: number | undefined }
  /** It never will. */
  | { readonly outcome: "refused"; readonly reason: string };

/** Sends bodies to one receiver. Knows the protocol, not when to try again. */
export class WriteSender {
  readonly #settings: RemoteWriteSettings;
  readonly #http: HttpClient;
  readonly #userAgent: string;

  constructor(settings: RemoteWriteSettings, http: HttpClient, userAgent: string) {
    this.#settings = settings;
    this.#http = http;
    this.#userAgent = userAgent;
  }

  /**
   * @param attempt how often it was tried before.
   * @throws the signal's reason alone.
   */
  async send(body: Uint8Array, attempt: number, signal: AbortSignal): Promise<Sent> {
    const { url, timeoutMs, headers, tls, protocol } = this.#settings;
    try {
      const response = await this.#http.request(
        {
          method: "POST",
          url,
          headers: {
            "User-Agent": this.#userAgent,
            ...headers,
            ...PROTOCOL_HEADERS[protocol],
            "Content-Encoding": "snappy",
            ...(attempt > 0 ? { "Retry-Attempt": String(attempt) } : {}),
          },
          body,
          timeoutMs,
          bodySizeMax: ANSWER_SIZE_MAX,
          ...(tls === undefined ? {} : { tls }),
        },
        signal,
      );
      return this.#outcome(response);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      return { outcome: "again", reason: error.message, waitMs: undefined };
    }
  }

  #outcome({ status, headers, body }: HttpResponse): Sent {
    if (status >= 200 && status < 300) return { outcome: "accepted" };
    const [line = ""] = new TextDecoder().decode(body).trim().split("\n", 1);
    const reason = `server returned HTTP status ${status}: ${line.slice(0, SHOWN_LENGTH_MAX)}`;
    const { retryOnTooManyRequests } = this.#settings.queue;
    if (status >= 500 || (status === 429 && retryOnTooManyRequests))
      return { outcome: "again", reason, waitMs: retryAfterMs(headers["retry-after"]) };
    return { outcome: "refused", reason };
  }
}

/** Longer waits that a receiver asks for are its mistake. */
const RETRY_AFTER_MS_MAX = 10 * 60_000;

/** Only the seconds of `Retry-After`; a date says nothing to a clock of one's own. */
function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d{1,9}$/.test(header.trim())) return undefined;
  return Math.min(Number(header) * 1000, RETRY_AFTER_MS_MAX);
}
