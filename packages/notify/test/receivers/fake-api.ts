import { equal, ok, rejects } from "node:assert/strict";
import { type Notification, NotificationTemplates } from "@pharos/alert";
import { errorText, labelsFrom, OperatingError } from "@pharos/base";
import type { HttpRequest, HttpResponse, Json, MailRequest } from "@pharos/ports";
import { SimClock } from "@pharos/testing";
import type { OutgoingNotification, Receipt, Receiver } from "../../src/receiver.ts";
import type { ReceiverEnvironment } from "../../src/receivers/receiver-environment.ts";

export const START_MS = Date.UTC(2024, 4, 3, 12, 0, 0);

/** Two alerts, one of them over. */
export const NOTIFICATION: Notification = {
  receiver: "team",
  groupKey: '{}:{alertname="HighCpu"}',
  groupLabels: labelsFrom({ alertname: "HighCpu" }),
  routeLabels: labelsFrom({ team: "web" }),
  reason: "first notification",
  alerts: [
    {
      labels: labelsFrom({ alertname: "HighCpu", instance: "a", severity: "critical" }),
      annotations: [["summary", "a is hot"]],
      startsAtMs: START_MS - 60_000,
      endsAtMs: null,
      generatorUrl: "http://pharos.test/graph?g0.expr=cpu",
    },
    {
      labels: labelsFrom({ alertname: "HighCpu", instance: "b", severity: "critical" }),
      annotations: [["summary", "b is hot"]],
      startsAtMs: START_MS - 120_000,
      endsAtMs: START_MS - 30_000,
      generatorUrl: "http://pharos.test/graph?g0.expr=cpu",
    },
  ],
};

/** All of it over. */
export const RESOLVED: Notification = {
  ...NOTIFICATION,
  reason: "all alerts resolved",
  alerts: NOTIFICATION.alerts.map((alert) => ({ ...alert, endsAtMs: START_MS })),
};

/** With all that Pharos may know. */
export const KNOWN: Notification = {
  ...NOTIFICATION,
  context: {
    incident: {
      id: "i-1",
      url: "http://pharos.test/incidents/i-1",
      acknowledgeUrl: "http://pharos.test/ack?t=1",
      status: "firing",
    },
    population: { affected: 50, total: 100, label: "hosts" },
    chart: {
      title: "cpu",
      url: "http://pharos.test/graph",
      series: [
        {
          name: "a",
          points: [
            [START_MS - 60_000, 1],
            [START_MS, 2],
          ],
        },
      ],
    },
  },
};

export function outgoing(
  notification: Notification = NOTIFICATION,
  state: Json | undefined = undefined,
): OutgoingNotification {
  return { idempotencyKey: "key-1", notification, state };
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a public API would see and answer; the mail server takes everything but for whom it refuses. */
export class FakeApi {
  readonly requests: HttpRequest[] = [];
  readonly mails: MailRequest[] = [];
  refusedRecipients: readonly string[] = [];
  readonly clock = new SimClock(START_MS);
  readonly environment: ReceiverEnvironment;
  readonly #answers: (Answer | ((request: HttpRequest) => Answer))[];

  /** One answer a request, in order; the last one goes on. */
  constructor(...answers: readonly (Answer | ((request: HttpRequest) => Answer))[]) {
    this.#answers = [...answers];
    this.environment = {
      http: { request: async (request) => this.#answer(request) },
      mail: {
        send: async (request) => {
          this.mails.push(request);
          return { refused: this.refusedRecipients };
        },
      },
      templates: NotificationTemplates.parse(),
      clock: this.clock,
      externalUrl: "http://pharos.test",
      userAgent: "Pharos/1.2.3",
    };
  }

  #answer(request: HttpRequest): HttpResponse {
    this.requests.push(request);
    const [next] = this.#answers;
    ok(next !== undefined, "an answer is left");
    if (this.#answers.length > 1) this.#answers.shift();
    const { status, body = "", headers = {} } = typeof next === "function" ? next(request) : next;
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const type = typeof body === "string" ? "text/plain" : "application/json; charset=utf-8";
    return {
      status,
      headers: { "content-type": type, ...headers },
      body: new TextEncoder().encode(text),
    };
  }

  /** The request that came at this place, from 0. */
  request(at = 0): HttpRequest {
    const request = this.requests[at];
    ok(request !== undefined, `request ${at} of ${this.requests.length}`);
    return request;
  }

  json(at = 0): unknown {
    return JSON.parse(String(this.request(at).body));
  }
}

export function send(receiver: Receiver, message = outgoing()): Promise<Receipt> {
  return receiver.send(message, new AbortController().signal);
}

/** Fails with this code, and says the parts but none of the secrets. */
export async function refuses(
  sent: Promise<unknown>,
  code: OperatingError["code"],
  says: readonly string[] = [],
  secrets: readonly string[] = [],
): Promise<void> {
  await rejects(sent, (error) => {
    ok(error instanceof OperatingError, errorText(error));
    equal(error.code, code, error.message);
    for (const part of says) ok(error.message.includes(part), `${error.message} says ${part}`);
    for (const secret of secrets) ok(!errorText(error).includes(secret), errorText(error));
    return true;
  });
}
