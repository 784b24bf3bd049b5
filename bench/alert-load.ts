// Alerts as Prometheus sends them, routes for them, and receivers that note when they heard of each.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Sender } from "./sender.ts";

/** Alerts of one request, as Prometheus has it. */
export const ALERTS_PER_REQUEST = 64;
/** How often is looked whether all have been heard of; times are taken when they come in. */
const POLL_MS = 10;
/** As Prometheus has it by default: four evaluations a minute apart. */
const VALID_MS = 4 * 60_000;

/** The instance that tells one alert from all others. */
export function instanceName(index: number): string {
  return `host-${String(index).padStart(6, "0")}.example.internal:9100`;
}

export function serviceName(index: number): string {
  return `service-${String(index).padStart(4, "0")}`;
}

export interface AlertSet {
  readonly from: number;
  readonly count: number;
  /** Alerts are spread over so many services. */
  readonly services: number;
}

/** The bodies of requests that post the alerts, as firing from now on. */
export function alertBodies({ from, count, services }: AlertSet): Uint8Array[] {
  const startsAt = new Date().toISOString();
  const endsAt = new Date(Date.now() + VALID_MS).toISOString();
  const encoder = new TextEncoder();
  const bodies: Uint8Array[] = [];
  for (let first = from; first < from + count; first += ALERTS_PER_REQUEST) {
    const size = Math.min(ALERTS_PER_REQUEST, from + count - first);
    const alerts = Array.from({ length: size }, (_, at) => {
      const instance = instanceName(first + at);
      return {
        labels: {
          alertname: "HighTemperature",
          service: serviceName((first + at) % services),
          instance,
          job: "node",
          region: "eu-west-1",
          severity: "page",
        },
        annotations: {
          summary: `${instance} is at 31.5 degrees`,
          runbook_url: "https://runbooks.example.internal/high-temperature",
        },
        startsAt,
        endsAt,
        generatorURL: "http://prometheus.example.internal/graph?g0.expr=temperature+%3E+30",
      };
    });
    bodies.push(encoder.encode(JSON.stringify(alerts)));
  }
  return bodies;
}

/** Sends JSON. */
export function jsonSender(url: string, connections?: number): Sender {
  return new Sender(url, { "content-type": "application/json" }, connections);
}

/** A receiver of webhooks that notes when it first heard of each instance. */
export class NotedReceiver implements AsyncDisposable {
  readonly url: string;
  /** By instance, of `performance.now()`. */
  readonly heardMs = new Map<string, number>();
  notificationCount = 0;
  /** Alerts in notifications that have got their answer. */
  answeredCount = 0;
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  /** `answerMs` is how long each notification waits for its answer. */
  static async start(answerMs = 0): Promise<NotedReceiver> {
    let receiver: NotedReceiver | undefined;
    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const count = receiver?.note(await textOf(request)) ?? 0;
      if (answerMs > 0) await sleep(answerMs);
      response.end();
      if (receiver !== undefined) receiver.answeredCount += count;
    };
    const server = createServer((request, response) => void answer(request, response));
    // Senders that keep connections must not find them closed.
    server.keepAliveTimeout = 0;
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    receiver = new NotedReceiver(`http://127.0.0.1:${port}/`, async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    });
    return receiver;
  }

  /** Gives how many alerts the notification is of. */
  note(body: string): number {
    const nowMs = performance.now();
    this.notificationCount++;
    const { alerts } = JSON.parse(body) as {
      readonly alerts: readonly { readonly labels: { readonly instance: string } }[];
    };
    for (const { labels } of alerts)
      if (!this.heardMs.has(labels.instance)) this.heardMs.set(labels.instance, nowMs);
    return alerts.length;
  }

  /** Waits until it has heard of so many instances. @throws Error where that takes too long. */
  async heardOf(count: number, withinMs: number): Promise<void> {
    const startMs = performance.now();
    while (this.heardMs.size < count) {
      if (performance.now() - startMs > withinMs)
        throw new Error(`heard of ${this.heardMs.size} of ${count} alerts in ${withinMs} ms`);
      await sleep(POLL_MS);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

export interface Routing {
  readonly receivers: readonly NotedReceiver[];
  readonly groupBy: string;
  readonly groupWait: string;
  readonly groupInterval: string;
}

/** An `alertmanager.yml` in which every alert goes to all receivers, each by a route of its own. */
export function routing({ receivers, groupBy, groupWait, groupInterval }: Routing): string {
  const names = receivers.map((_, at) => `receiver-${at}`);
  return `${[
    "route:",
    "  receiver: receiver-0",
    `  group_by: [${groupBy}]`,
    `  group_wait: ${groupWait}`,
    `  group_interval: ${groupInterval}`,
    "  routes:",
    ...names.map((name) => `    - { receiver: ${name}, continue: true }`),
    "receivers:",
    ...receivers.flatMap(({ url }, at) => [
      `  - name: receiver-${at}`,
      `    webhook_configs: [{ url: "${url}" }]`,
    ]),
  ].join("\n")}\n`;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}
