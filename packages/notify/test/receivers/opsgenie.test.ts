import { deepEqual, equal, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { Secret } from "@pharos/base";
import type { HttpRequest } from "@pharos/ports";
import type { OpsgenieConfig } from "../../src/config/paging-configs.ts";
import { createReceiver } from "../../src/receivers/create-receiver.ts";
import { OPSGENIE } from "./configs.ts";
import { FakeApi, KNOWN, NOTIFICATION, outgoing, RESOLVED, refuses, send } from "./fake-api.ts";

const ALIAS = createHash("sha256").update('{}:{alertname="HighCpu"}').digest("hex");
const ACCEPTED = { status: 202, body: { result: "Request will be processed", took: 0.1 } };

async function requestsOf(
  config: Partial<OpsgenieConfig>,
  message = outgoing(),
): Promise<readonly HttpRequest[]> {
  const api = new FakeApi(ACCEPTED);
  await send(createReceiver({ ...OPSGENIE, ...config }, api.environment), message);
  return api.requests;
}

function json(request: HttpRequest | undefined): unknown {
  return JSON.parse(String(request?.body));
}

test("alerts create an alert under the hash of their group", async () => {
  const [request, ...others] = await requestsOf({});
  deepEqual(others, []);
  equal(request?.method, "POST");
  equal(request?.url, "https://api.eu.opsgenie.com/v2/alerts");
  deepEqual(request?.headers, {
    "content-type": "application/json",
    "user-agent": "Pharos/1.2.3",
    authorization: "GenieKey genie-s3cret",
  });
  deepEqual(json(request), {
    alias: ALIAS,
    message: "[FIRING:1] HighCpu (critical)",
    description:
      "\nAlerts Firing:\nLabels:\n - alertname = HighCpu\n - instance = a\n - severity = critical\n" +
      "Annotations:\n - summary = a is hot\nSource: http://pharos.test/graph?g0.expr=cpu\n\n" +
      "Alerts Resolved:\nLabels:\n - alertname = HighCpu\n - instance = b\n - severity = critical\n" +
      "Annotations:\n - summary = b is hot\nSource: http://pharos.test/graph?g0.expr=cpu\n",
    details: { alertname: "HighCpu", severity: "critical" },
    source: "http://pharos.test/alerts?receiver=team",
  });
});

test("all fields are templates, responders may be several teams, and empty ones are left out", async () => {
  const [request] = await requestsOf({
    apiKey: new Secret(" key-{{ .CommonLabels.severity }} "),
    message: "m {{ .Status }}",
    description: "d",
    source: "s",
    details: [
      ["severity", "mine"],
      ["team", "{{ .Receiver }}"],
    ],
    responders: [
      { id: "", name: "{{ .Receiver }}", username: "", type: "team" },
      { id: "", name: "a,b,,", username: "", type: "{{ `teams` }}" },
      { id: "", name: "", username: "", type: "{{ .CommonLabels.missing }}" },
      { id: "u-1", name: "", username: "", type: "user" },
    ],
    tags: " x,{{ .Status }},,y",
    actions: "restart",
    note: "n",
    priority: "P1",
    entity: "{{ .GroupLabels.alertname }}",
  });
  equal(request?.headers["authorization"], "GenieKey key-critical");
  deepEqual(json(request), {
    alias: ALIAS,
    message: "m firing",
    source: "s",
    details: { alertname: "HighCpu", severity: "mine", team: "team" },
    description: "d",
    responders: [
      { name: "team", type: "team" },
      { name: "a", type: "team" },
      { name: "b", type: "team" },
      { id: "u-1", type: "user" },
    ],
    tags: ["x", "firing", "y"],
    note: "n",
    priority: "P1",
    entity: "HighCpu",
    actions: ["restart"],
  });
});

test("an open alert's message and description follow if that is asked for", async () => {
  const requests = await requestsOf({ updateAlerts: true, message: "m", description: "d" });
  deepEqual(
    requests.slice(1).map(({ method, url, body }) => [method, url, body]),
    [
      [
        "PUT",
        `https://api.eu.opsgenie.com/v2/alerts/${ALIAS}/message?identifierType=alias`,
        '{"message":"m"}',
      ],
      [
        "PUT",
        `https://api.eu.opsgenie.com/v2/alerts/${ALIAS}/description?identifierType=alias`,
        '{"description":"d"}',
      ],
    ],
  );
});

test("a description that is empty is not brought up to date", async () => {
  const requests = await requestsOf({ updateAlerts: true, message: "m", description: "" });
  deepEqual(
    requests.map(({ url }) => new URL(url).pathname.split("/").at(-1)),
    ["alerts", "message"],
  );
});

test("what is resolved closes the alert, and what was acknowledged here is acknowledged there", async () => {
  const [closed] = await requestsOf({ source: "s", updateAlerts: true }, outgoing(RESOLVED));
  equal(closed?.method, "POST");
  equal(closed?.url, `https://api.eu.opsgenie.com/v2/alerts/${ALIAS}/close?identifierType=alias`);
  equal(closed?.body, '{"source":"s"}');
  const incident = { id: "i", url: "http://x", status: "acknowledged" } as const;
  const [, acknowledged] = await requestsOf(
    { source: "s" },
    outgoing({ ...NOTIFICATION, context: { incident } }),
  );
  equal(
    acknowledged?.url,
    `https://api.eu.opsgenie.com/v2/alerts/${ALIAS}/acknowledge?identifierType=alias`,
  );
  equal(acknowledged?.body, '{"source":"s"}');
});

test("population and links are in the texts", async () => {
  const [request] = await requestsOf({}, outgoing(KNOWN));
  const { message, description } = json(request) as { message: string; description: string };
  equal(message, "[FIRING:1] HighCpu (critical) on 50/100 hosts");
  ok(description.includes("Incident: http://pharos.test/incidents/i-1\n"));
  ok(description.includes("Acknowledge: http://pharos.test/ack?t=1\n"));
});

test("a message has at most 130 characters, a description 15,000", async () => {
  const [request] = await requestsOf({
    message: "🔥".repeat(131),
    description: "d".repeat(15_001),
  });
  const { message, description } = json(request) as { message: string; description: string };
  equal(message, `${"🔥".repeat(129)}…`);
  equal(description, `${"d".repeat(14_999)}…`);
});

test("why Opsgenie refuses is said in its words", async () => {
  const api = new FakeApi({ status: 422, body: { message: "Request body is not processable" } });
  await refuses(send(createReceiver(OPSGENIE, api.environment)), "notify.rejected", [
    "opsgenie at api.eu.opsgenie.com: status 422: Request body is not processable",
  ]);
});
