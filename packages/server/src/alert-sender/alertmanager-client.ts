import { type Clock, errorText, OperatingError } from "@pharos/base";
import type { HttpClient, TlsOptions } from "@pharos/ports";
import type { PostedAlert } from "./alert-json.ts";

/** Alerts that wait for one Alertmanager; where there are more the oldest go. */
export const ALERT_QUEUE_MAX = 10_000;
/** Alerts in one request. */
export const ALERT_BATCH_MAX = 256;
/** An answer is not looked at beyond its status; a longer one is cut off. */
const ANSWER_SIZE_MAX = 64 * 1024;

export interface AlertmanagerClientOptions {
  readonly clock: Clock;
  readonly http: HttpClient;
  readonly url: string;
  /** With their secrets: not to be shown. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsOptions | undefined;
  readonly followRedirects: boolean;
  readonly timeoutMs: number;
  /** Told of each request, also of one that failed, how long it took. */
  readonly onAnswered?: ((url: string, seconds: number) => void) | undefined;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** Counts of alerts since the start. */
export interface AlertmanagerCounts {
  sent: number;
  /** In requests that failed. They are not tried again: alerts that go on are sent anew within the resend delay. */
  errors: number;
  /** Never sent, since too many waited, or since the server stopped. */
  dropped: number;
}

/** Sends alerts to one Alertmanager, in order, a request at a time: a slow one keeps nobody else waiting. */
export class AlertmanagerClient {
  readonly url: string;
  readonly counts: AlertmanagerCounts;
  readonly #options: AlertmanagerClientOptions;
  readonly #stop = new AbortController();
  #queue: PostedAlert[] = [];
  #sending: Promise<void> | undefined;

  /** @param counts go on where an earlier client for the same address ended. */
  constructor(options: AlertmanagerClientOptions, counts?: AlertmanagerCounts) {
    this.url = options.url;
    this.#options = options;
    this.counts = counts ?? { sent: 0, errors: 0, dropped: 0 };
  }

  /** Alerts that wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Returns at once. */
  send(alerts: readonly PostedAlert[]): void {
    if (this.#stop.signal.aborted) return;
    for (const alert of alerts) this.#queue.push(alert);
    const tooMany = this.#queue.length - ALERT_QUEUE_MAX;
    if (tooMany > 0) {
      this.counts.dropped += tooMany;
      this.#queue = this.#queue.slice(tooMany);
      const text = `${tooMany} alerts are dropped: more than ${ALERT_QUEUE_MAX} wait`;
      this.#options.onProblem(new OperatingError("queue.full", text), `sending to ${this.url}`);
    }
    this.#sending ??= this.#run().finally(() => {
      this.#sending = undefined;
    });
  }

  /** What waits is not sent any more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.counts.dropped += this.#queue.length;
    this.#queue = [];
    await this.#sending;
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, ALERT_BATCH_MAX);
      this.#queue = this.#queue.slice(batch.length);
      await this.#post(batch);
    }
  }

  async #post(batch: readonly PostedAlert[]): Promise<void> {
    const { clock, http, url, headers, tls, followRedirects, timeoutMs } = this.#options;
    const { onAnswered, onProblem } = this.#options;
    const startMs = clock.monotonicMs();
    try {
      const { status } = await http.request(
        {
          method: "POST",
          url,
          headers: { ...headers, "Content-Type": "application/json" },
          body: JSON.stringify(batch),
          timeoutMs,
          bodySizeMax: ANSWER_SIZE_MAX,
          ...(tls === undefined ? {} : { tls }),
          followRedirects,
        },
        this.#stop.signal,
      );
      if (status < 200 || status >= 300)
        throw new OperatingError("http.failed", `it answered with status ${status}`);
      this.counts.sent += batch.length;
    } catch (error) {
      if (!(error instanceof OperatingError) && !this.#stop.signal.aborted) throw error;
      this.counts.errors += batch.length;
      if (this.#stop.signal.aborted) return;
      onProblem(
        new OperatingError("http.failed", errorText(error)),
        `sending ${batch.length} alerts to ${url}`,
      );
    } finally {
      onAnswered?.(url, (clock.monotonicMs() - startMs) / 1000);
    }
  }
}
