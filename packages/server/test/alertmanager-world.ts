import { OperatingError, seededRng } from "@pharos/base";
import { Dispatcher, type OutgoingNotification, SilenceBook } from "@pharos/notify";
import { AlertmanagerCounts } from "../src/alerting/alertmanager-metrics.ts";
import { DeliveryMetrics } from "../src/alerting/delivery-metrics.ts";
import { loadNotificationConfig } from "../src/config/alertmanager/load-notification-config.ts";
import { OwnMetrics } from "../src/own-metrics.ts";
import { HttpWorld } from "./http-world.ts";

/** Where the clients of tests find the API. */
const API = "/api/v2";

/** A path of the API, and what it answered. */
export interface Answered {
  readonly status: number;
  /** JSON; undefined where there is no body. */
  readonly body: unknown;
  readonly headers: Headers;
}

export interface ShownAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly fingerprint: string;
  readonly receivers: readonly { readonly name: string }[];
  readonly status: {
    readonly state: string;
    readonly silencedBy: readonly string[];
    readonly inhibitedBy: readonly string[];
    readonly mutedBy: readonly string[];
  };
}

type Parts = Pick<
  AlertmanagerWorld,
  "silences" | "dispatcher" | "told" | "counts" | "problems" | "metrics"
>;

/** Alertmanager's API with a real dispatcher and real silences on a store in memory; receivers only note what they get. */
export class AlertmanagerWorld implements AsyncDisposable {
  readonly http: HttpWorld;
  readonly silences: SilenceBook;
  readonly dispatcher: Dispatcher;
  readonly told: OutgoingNotification[];
  readonly counts: AlertmanagerCounts;
  /** Has the attempts; what else is to be there, tests add. */
  readonly metrics: OwnMetrics;
  /** Whether receivers take nothing, for good or for now. */
  refuses: boolean | "for now" = false;
  /** What went wrong on the way, for the log. */
  readonly problems: string[];

  private constructor(http: HttpWorld, parts: Parts) {
    this.http = http;
    this.silences = parts.silences;
    this.dispatcher = parts.dispatcher;
    this.told = parts.told;
    this.counts = parts.counts;
    this.problems = parts.problems;
    this.metrics = parts.metrics;
  }

  /** `yaml` is an alertmanager.yml. */
  static async open(yaml: string, clusterName?: string): Promise<AlertmanagerWorld> {
    const http = new HttpWorld();
    const { clock, documents: store } = http;
    const { config, text } = loadNotificationConfig(yaml, "/etc/alertmanager.yml", {
      readFile: (path) => {
        throw new Error(`no ${path}`);
      },
      glob: () => [],
    });
    const told: OutgoingNotification[] = [];
    const problems: string[] = [];
    const onProblem = (error: OperatingError): void => void problems.push(error.message);
    const counts = new AlertmanagerCounts();
    let world: AlertmanagerWorld | undefined;
    let ids = 0;
    const newId = (): string => `00000000-0000-4000-8000-${String(++ids).padStart(12, "0")}`;
    const silences = await SilenceBook.open({ store, clock, newId, onProblem });
    const metrics = new OwnMetrics();
    const attempts = new DeliveryMetrics(metrics);
    const dispatcher = await Dispatcher.open({
      ...{ config, store, clock, rng: seededRng(1), onProblem },
      silencedBy: (labels, nowMs) => silences.silencedBy(labels, nowMs),
      onAttempt: (integration, attempt) => attempts.attempted(integration, attempt),
      createReceiver: () => ({
        async send(outgoing) {
          if (world?.refuses === "for now")
            throw new OperatingError("notify.unavailable", "not now");
          if (world?.refuses) throw new OperatingError("notify.rejected", "refused");
          told.push(outgoing);
          return {};
        },
      }),
    });
    const address = clusterName ?? "";
    http.alertmanager = {
      ...{ dispatcher, silences, counts, configText: () => text },
      cluster: () =>
        clusterName === undefined
          ? undefined
          : { name: clusterName, peers: [{ name: clusterName, address }], status: "ready" },
    };
    world = new AlertmanagerWorld(http, {
      ...{ silences, dispatcher, told, counts, problems, metrics },
    });
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispatcher[Symbol.asyncDispose]();
    await this.silences[Symbol.asyncDispose]();
  }

  /** Time that passes for everything that waits. */
  pass(ms: number): Promise<void> {
    return this.http.clock.run(this.http.clock.sleep(ms, new AbortController().signal));
  }

  /** A request to the API; a body that is no text is sent as JSON. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answered> {
    const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
    const answered = Promise.resolve(
      this.http.app.request(path.startsWith("/alertmanager/") ? path : API + path, {
        method,
        headers: {
          ...(text === undefined ? {} : { "Content-Type": "application/json" }),
          ...headers,
        },
        ...(text === undefined ? {} : { body: text }),
      }),
    );
    const response = await this.http.clock.run(answered);
    const answer = await response.text();
    return {
      status: response.status,
      body: answer === "" ? undefined : (JSON.parse(answer) as unknown),
      headers: response.headers,
    };
  }

  /** The body of a good answer. */
  async ask<T>(path: string): Promise<T> {
    const { status, body } = await this.call("GET", path);
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    return body as T;
  }

  /** Alerts with these labels fire until something else is said. */
  async fire(...alerts: readonly Readonly<Record<string, string>>[]): Promise<void> {
    const answered = await this.call(
      "POST",
      "/alerts",
      alerts.map((labels) => ({ labels })),
    );
    if (answered.status !== 200) throw new Error(JSON.stringify(answered.body));
  }

  /** Gives the id. */
  async silence(matchers: readonly object[], change: object = {}): Promise<string> {
    const startsAt = new Date(this.http.clock.nowMs()).toISOString();
    const endsAt = new Date(this.http.clock.nowMs() + 3_600_000).toISOString();
    const by = { createdBy: "ann", comment: "test" };
    const body = { matchers, startsAt, endsAt, ...by, ...change };
    const answered = await this.call("POST", "/silences", body);
    if (answered.status !== 200) throw new Error(JSON.stringify(answered.body));
    return (answered.body as { silenceID: string }).silenceID;
  }

  /** `alertname` and status of what was told, in order, since the last call. */
  heard(): readonly string[] {
    return this.told
      .splice(0)
      .flatMap(({ notification }) => notification.alerts)
      .map(({ labels, endsAtMs }) => {
        const name = labels.find(([label]) => label === "alertname")?.[1] ?? "";
        return `${name} ${endsAtMs === null ? "firing" : "resolved"}`;
      });
  }
}
