import { type Clock, OperatingError } from "@pharos/base";
import type { HttpClient, HttpRequest, HttpResponse } from "@pharos/ports";

/** What a simulated host does with a request. */
export type SimAnswer =
  | {
      readonly kind: "answer";
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
      /** How long the answer takes. */
      readonly latencyMs?: number;
    }
  | { readonly kind: "refuse" }
  /** Never answers: the request ends by its timeout. */
  | { readonly kind: "hang" };

export type SimHost = (request: HttpRequest) => SimAnswer;

/** How many requests are remembered; older ones are forgotten. */
const REQUESTS_KEPT = 10_000;

/**
 * A network whose hosts are functions and whose time is the given clock's. It keeps the contract of `HttpClient`:
 * timeouts, size limits, refused connections, abort.
 */
export class SimNetwork implements HttpClient {
  readonly #clock: Clock;
  readonly #hosts = new Map<string, SimHost>();
  readonly #requests: { readonly atMs: number; readonly request: HttpRequest }[] = [];
  #inFlight = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Answers at `origin` ("http://a:9100") from now on; undefined refuses connections. */
  host(origin: string, host: SimHost | undefined): void {
    if (host === undefined) this.#hosts.delete(origin);
    else this.#hosts.set(origin, host);
  }

  /** The requests made so far, oldest first, with the wall time of each. */
  get requests(): readonly { readonly atMs: number; readonly request: HttpRequest }[] {
    return this.#requests;
  }

  /** Requests that wait for their answer now. */
  get inFlight(): number {
    return this.#inFlight;
  }

  async request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    if (signal.aborted) throw signal.reason;
    this.#requests.push({ atMs: this.#clock.nowMs(), request });
    if (this.#requests.length > REQUESTS_KEPT) this.#requests.shift();
    this.#inFlight++;
    try {
      return await this.#answer(request, signal);
    } finally {
      this.#inFlight--;
    }
  }

  async #answer(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const host = this.#hosts.get(new URL(request.url).origin);
    const answer = host?.(request) ?? { kind: "refuse" };
    if (answer.kind === "refuse") throw new OperatingError("http.failed", "connection refused");
    const latencyMs = answer.kind === "hang" ? Number.POSITIVE_INFINITY : (answer.latencyMs ?? 0);
    if (latencyMs >= request.timeoutMs) {
      await this.#clock.sleep(request.timeoutMs, signal);
      throw new OperatingError("http.failed", `no answer within ${request.timeoutMs} ms`);
    }
    if (latencyMs > 0) await this.#clock.sleep(latencyMs, signal);
    const { status = 200, headers = {}, body = "" } = answer.kind === "hang" ? {} : answer;
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    if (bytes.length > request.bodySizeMax)
      throw new OperatingError(
        "input.too_large",
        `the answer exceeds ${request.bodySizeMax} bytes`,
      );
    return { status, headers, body: bytes };
  }
}
