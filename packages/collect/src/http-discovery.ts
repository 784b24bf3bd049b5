import { OperatingError } from "@pharos/base";
import type { HttpClient, TlsOptions } from "@pharos/ports";
import { type RequestHeaderSettings, requestHeaders } from "./request-headers.ts";
import type { TargetGroup } from "./scrape-job.ts";
import { parseTargetAnswer, TARGET_FILE_SIZE_MAX } from "./target-file.ts";

export interface HttpDiscoveryConfig extends RequestHeaderSettings {
  /** Answers a list of target groups as JSON. */
  readonly url: string;
  readonly refreshIntervalMs: number;
  readonly tls: TlsOptions | undefined;
  readonly followRedirects: boolean;
}

/** Longer than an endpoint takes that works; an interval may be longer. */
const ANSWER_MS_MAX = 30_000;

/** Targets that an HTTP endpoint lists. Where it does not answer, or something else, those from before stay. */
export class HttpDiscovery {
  readonly url: string;
  readonly refreshIntervalMs: number;
  readonly #config: HttpDiscoveryConfig;
  readonly #http: HttpClient;
  readonly #userAgent: string;
  #groups: readonly TargetGroup[];
  #text = "";

  /** @param known what is taken to be there until the first answer. */
  constructor(
    config: HttpDiscoveryConfig,
    { http, userAgent }: { readonly http: HttpClient; readonly userAgent: string },
    known: readonly TargetGroup[] = [],
  ) {
    this.url = config.url;
    this.refreshIntervalMs = config.refreshIntervalMs;
    this.#config = config;
    this.#http = http;
    this.#userAgent = userAgent;
    this.#groups = known;
  }

  get groups(): readonly TargetGroup[] {
    return this.#groups;
  }

  /**
   * Asks again. Answers whether the groups may have changed.
   *
   * @throws OperatingError `http.failed`, `input.too_large`, `config.invalid` for an answer that is no such list; or the
   *   signal's reason.
   */
  async refresh(signal: AbortSignal): Promise<boolean> {
    const { url, tls, followRedirects, refreshIntervalMs } = this.#config;
    const { status, headers, body } = await this.#http.request(
      {
        method: "GET",
        url,
        headers: {
          ...requestHeaders(this.#config),
          "User-Agent": this.#userAgent,
          Accept: "application/json",
          "X-Prometheus-Refresh-Interval-Seconds": String(refreshIntervalMs / 1000),
        },
        timeoutMs: ANSWER_MS_MAX,
        bodySizeMax: TARGET_FILE_SIZE_MAX,
        ...(tls === undefined ? {} : { tls }),
        followRedirects,
      },
      signal,
    );
    if (status !== 200)
      throw new OperatingError("http.failed", `it answered with status ${status}`);
    const type = headers["content-type"] ?? "";
    if (!/^application\/json(?:;\s*charset=("?)utf-8\1)?$/i.test(type))
      throw new OperatingError("http.failed", `it answered ${type || "nothing"}, not JSON`);
    const text = new TextDecoder().decode(body);
    if (text === this.#text) return false;
    this.#groups = parseTargetAnswer(url, body);
    this.#text = text;
    return true;
  }
}
