import { deepEqual, equal, ok } from "node:assert/strict";
import { describe, test } from "node:test";
import { OperatingError } from "@pharos/base";
import type { HttpRequest } from "@pharos/ports";
import { INTEGRATION_KINDS, type IntegrationConfig } from "../../src/config/integration-config.ts";
import { createReceiver } from "../../src/receivers/create-receiver.ts";
import * as configs from "./configs.ts";
import { type Answer, FakeApi, KNOWN, outgoing, RESOLVED, refuses, send } from "./fake-api.ts";

/** A configuration, what its API answers to a message that it takes, and what nobody may be shown. */
const KINDS: readonly (readonly [IntegrationConfig, Answer, readonly string[]])[] = [
  [
    configs.OPSGENIE,
    { status: 202, body: { result: "Request will be processed" } },
    ["genie-s3cret"],
  ],
  [configs.VICTOROPS, { status: 200, body: { result: "success" } }, ["victor-s3cret"]],
  [configs.PUSHOVER, { status: 200, body: { status: 1 } }, ["push-us3r", "push-t0ken"]],
  [
    configs.SNS,
    { status: 200, body: "<PublishResponse><PublishResult/></PublishResponse>" },
    ["wJalrXUtnFEMI"],
  ],
  [configs.INCIDENTIO, { status: 202, body: { status: "success" } }, ["incident-t0ken"]],
  [configs.MSTEAMS, { status: 200, body: "1" }, ["teams-s3cret"]],
  [configs.MSTEAMSV2, { status: 202 }, ["teams2-s3cret"]],
  [configs.DISCORD, { status: 204 }, ["discord-s3cret"]],
  [configs.TELEGRAM, { status: 200, body: { ok: true, result: {} } }, ["telegram-s3cret"]],
  [configs.WEBEX, { status: 200, body: { id: "x" } }, ["webex-t0ken"]],
  [
    configs.WECHAT,
    { status: 200, body: { errcode: 0, errmsg: "ok", access_token: "acc3ss" } },
    ["wechat-s3cret", "acc3ss"],
  ],
  [configs.JIRA, { status: 200, body: { issues: [], id: "1" } }, ["jira-s3cret"]],
  [configs.ROCKETCHAT, { status: 200, body: { success: true } }, ["rocket-us3r", "rocket-t0ken"]],
  [configs.MATTERMOST, { status: 200, body: "ok" }, ["matter-s3cret"]],
];

const STATUSES: readonly (readonly [number, OperatingError["code"]])[] = [
  [400, "notify.rejected"],
  [401, "notify.rejected"],
  [403, "notify.rejected"],
  [404, "notify.rejected"],
  [408, "notify.unavailable"],
  [422, "notify.rejected"],
  [429, "notify.unavailable"],
  [500, "notify.unavailable"],
  [503, "notify.unavailable"],
];

test("there is a receiver for every kind that Alertmanager has", () => {
  const others = ["webhook", "email", "pagerduty", "slack"];
  const tested = KINDS.map(([{ kind }]) => kind as string);
  deepEqual([...tested, ...others].sort(), [...INTEGRATION_KINDS].sort());
});

for (const [config, taken, secrets] of KINDS)
  describe(config.kind, () => {
    test("firing and resolved are told, with what is known of the incident and without", async () => {
      for (const message of [outgoing(), outgoing(KNOWN), outgoing(RESOLVED)]) {
        const api = new FakeApi(taken);
        await send(createReceiver(config, api.environment), message);
        ok(api.requests.length > 0);
        for (const { timeoutMs, headers, url } of api.requests) {
          equal(timeoutMs, 10_000);
          equal(headers["user-agent"], "Pharos/1.2.3");
          ok(url.startsWith("https://"), url);
        }
      }
    });

    for (const [status, code] of STATUSES)
      test(`status ${status}: ${code}`, async () => {
        const api = new FakeApi({ status, body: "because" });
        const says = [`${config.kind} at `, `status ${status}`, "because"];
        await refuses(send(createReceiver(config, api.environment)), code, says);
        equal(api.requests.length, 1);
      });

    test("no error shows a secret, even where an answer says the whole request again", async () => {
      const echo =
        (status: number, part: "url" | "headers" | "body") => (request: HttpRequest) => ({
          status,
          body: JSON.stringify(request[part] ?? "").slice(0, 190),
        });
      const gone = (request: HttpRequest): never => {
        throw new OperatingError("http.failed", `${request.url}: connection refused`);
      };
      const answers: readonly (readonly [
        (request: HttpRequest) => Answer,
        OperatingError["code"],
      ])[] = [
        [echo(400, "url"), "notify.rejected"],
        [echo(503, "headers"), "notify.unavailable"],
        [echo(400, "body"), "notify.rejected"],
        [gone, "notify.unavailable"],
      ];
      for (const [answer, code] of answers)
        await refuses(
          send(createReceiver(config, new FakeApi(answer).environment)),
          code,
          [`${config.kind} at `],
          secrets,
        );
    });

    test("a server that is not there may be there later", async () => {
      const api = new FakeApi(() => {
        throw new OperatingError("http.failed", "connection refused");
      });
      await refuses(send(createReceiver(config, api.environment)), "notify.unavailable", [
        "connection refused",
      ]);
    });
  });

test("a template that cannot be expanded is not tried again", async () => {
  const broken = '{{ template "nowhere" . }}';
  const all: readonly IntegrationConfig[] = [
    { ...configs.OPSGENIE, message: broken },
    { ...configs.VICTOROPS, stateMessage: broken },
    { ...configs.PUSHOVER, title: broken },
    { ...configs.SNS, message: broken },
    { ...configs.MSTEAMS, text: broken },
    { ...configs.MSTEAMSV2, text: broken },
    { ...configs.DISCORD, content: broken },
    { ...configs.TELEGRAM, message: broken },
    { ...configs.WEBEX, message: broken },
    { ...configs.WECHAT, message: broken },
    { ...configs.JIRA, project: broken },
    { ...configs.ROCKETCHAT, title: broken },
    { ...configs.MATTERMOST, text: broken },
  ];
  for (const config of all) {
    const api = new FakeApi({ status: 200 });
    await refuses(send(createReceiver(config, api.environment)), "notify.rejected", ["template"]);
    equal(api.requests.length, 0, config.kind);
  }
});
