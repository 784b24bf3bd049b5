import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { errorText, OperatingError, Secret } from "@pharos/base";
import type { HttpClient, HttpRequest, HttpResponse } from "@pharos/ports";
import { type OutgoingNotification, type WebhookConfig, WebhookReceiver } from "../src/index.ts";
import { labelsOf, START_MS, webhook } from "./scenario.ts";

const OUTGOING: OutgoingNotification = {
  idempotencyKey: "key-1",
  notification: {
    receiver: "team",
    groupKey: '{}:{alertname="Down"}',
    groupLabels: [["alertname", "Down"]],
    routeLabels: [],
    reason: "first notification",
    alerts: [
      {
        labels: labelsOf("Down/a"),
        annotations: [],
        startsAtMs: START_MS,
        endsAtMs: null,
        generatorUrl: "",
      },
    ],
  },
  state: undefined,
};

/** Sends to a client that answers so; gives the request that it saw. */
async function send(
  config: WebhookConfig,
  answer: (request: HttpRequest) => HttpResponse,
): Promise<HttpRequest> {
  const seen: HttpRequest[] = [];
  const http: HttpClient = {
    async request(request) {
      seen.push(request);
      return answer(request);
    },
  };
  const sender = { http, externalUrl: "http://pharos.test", userAgent: "Pharos/1.2.3" };
  await new WebhookReceiver(config, sender).send(OUTGOING, new AbortController().signal);
  const [request] = seen;
  ok(request !== undefined);
  return request;
}

function status(code: number, body = ""): () => HttpResponse {
  return () => ({ status: code, headers: {}, body: new TextEncoder().encode(body) });
}

test("alerts are posted as JSON, with a name, a key and a limit of time", async () => {
  const request = await send(webhook(), status(200));
  equal(request.method, "POST");
  equal(request.url, "http://hook.test/");
  equal(request.timeoutMs, 10_000);
  deepEqual(request.headers, {
    "content-type": "application/json",
    "user-agent": "Pharos/1.2.3",
    "idempotency-key": "key-1",
  });
  const body: unknown = JSON.parse(String(request.body));
  ok(typeof body === "object" && body !== null && "groupKey" in body);
  equal(body.groupKey, '{}:{alertname="Down"}');
});

test("credentials go into the headers", async () => {
  const basic = await send(
    webhook({
      http: {
        followRedirects: true,
        basicAuth: { username: "me", password: new Secret("pä:ss") },
        headers: [["X-Team", new Secret("infra")]],
      },
    }),
    status(204),
  );
  equal(basic.headers["authorization"], `Basic ${Buffer.from("me:pä:ss").toString("base64")}`);
  equal(basic.headers["x-team"], "infra");
  const bearer = await send(
    webhook({
      http: {
        followRedirects: false,
        authorization: { type: "Bearer", credentials: new Secret("token") },
      },
    }),
    status(200),
  );
  equal(bearer.headers["authorization"], "Bearer token");
  equal(bearer.followRedirects, false);
});

test("an answer says whether it may work later", async () => {
  const codes: Readonly<Record<number, OperatingError["code"]>> = {
    302: "notify.rejected",
    400: "notify.rejected",
    404: "notify.rejected",
    408: "notify.unavailable",
    429: "notify.unavailable",
    500: "notify.unavailable",
    503: "notify.unavailable",
  };
  for (const [code, expected] of Object.entries(codes))
    await rejects(
      send(webhook(), status(Number(code), "because")),
      (error) =>
        error instanceof OperatingError &&
        error.code === expected &&
        error.message === `webhook at hook.test: status ${code}: because`,
    );
});

test("no error shows a secret, whoever says it", async () => {
  const config = webhook({
    url: new Secret("https://user:pass-word@hook.test/services/T000/B111?key=abcdef"),
    http: {
      followRedirects: true,
      authorization: { type: "Bearer", credentials: new Secret("tok-en") },
    },
  });
  const secrets = ["pass-word", "T000", "B111", "abcdef", "tok-en"];
  const failures: ((request: HttpRequest) => HttpResponse)[] = [
    ({ url }) => {
      throw new OperatingError("http.failed", `${url}: refused`, { cause: new Error(url) });
    },
    () => {
      throw new OperatingError("http.failed", "no route to /services/T000/B111?key=abcdef");
    },
    status(403, "bad token tok-en for /services/T000/B111"),
  ];
  for (const failure of failures)
    await rejects(send(config, failure), (error) => {
      ok(error instanceof OperatingError);
      for (const secret of secrets) ok(!errorText(error).includes(secret), errorText(error));
      ok(error.message.includes("hook.test"));
      return true;
    });
});

test("an abort is passed on as it is", async () => {
  const reason = new Error("stopped");
  await rejects(
    send(webhook(), () => {
      throw reason;
    }),
    reason,
  );
});

test("a long answer is cut in the message", async () => {
  await rejects(send(webhook(), status(500, "x".repeat(5000))), (error) => {
    ok(error instanceof OperatingError);
    ok(error.message.length < 300);
    return true;
  });
});
