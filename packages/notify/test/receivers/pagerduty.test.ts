import { deepEqual, equal, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { type OperatingError, Secret } from "@pharos/base";
import type { PagerDutyConfig } from "../../src/config/paging-configs.ts";
import { createReceiver } from "../../src/receivers/create-receiver.ts";
import { FakeApi, KNOWN, NOTIFICATION, outgoing, RESOLVED, refuses, send } from "./fake-api.ts";

const KEY = "0123456789abcdef0123456789abcdef";

const CONFIG: PagerDutyConfig = {
  kind: "pagerduty",
  index: 0,
  sendResolved: true,
  timeoutMs: 10_000,
  http: { followRedirects: true },
  routingKey: new Secret(KEY),
  serviceKey: undefined,
  url: "https://events.pagerduty.com/v2/enqueue",
  client: '{{ template "pagerduty.default.client" . }}',
  clientUrl: '{{ template "pagerduty.default.clientURL" . }}',
  description: '{{ template "pagerduty.default.description" . }}',
  severity: "",
  source: "",
  details: [
    ["firing", '{{ template "pagerduty.default.instances" .Alerts.Firing }}'],
    ["num_firing", "{{ .Alerts.Firing | len }}"],
  ],
  images: [],
  links: [],
  class: "",
  component: "",
  group: "",
};

const DEDUP_KEY = createHash("sha256").update('{}:{alertname="HighCpu"}').digest("hex");
const ACCEPTED = { status: 202, body: { status: "success", dedup_key: DEDUP_KEY } };

test("alerts trigger an event of API v2", async () => {
  const api = new FakeApi(ACCEPTED);
  await send(createReceiver(CONFIG, api.environment));
  const { method, url, headers } = api.request();
  equal(method, "POST");
  equal(url, "https://events.pagerduty.com/v2/enqueue");
  deepEqual(headers, { "content-type": "application/json", "user-agent": "Pharos/1.2.3" });
  equal(
    api.request().body,
    `{"routing_key":"${KEY}","dedup_key":"${DEDUP_KEY}","event_action":"trigger","payload":` +
      '{"summary":"[FIRING:1] HighCpu (critical)","source":"Pharos","severity":"error",' +
      '"custom_details":{"firing":"Labels:\\n - alertname = HighCpu\\n - instance = a\\n - severity = critical\\n' +
      'Annotations:\\n - summary = a is hot\\nSource: http://pharos.test/graph?g0.expr=cpu\\n","num_firing":1}},' +
      '"client":"Pharos","client_url":"http://pharos.test/alerts?receiver=team"}',
  );
});

test("all fields are templates, and what is empty is left out", async () => {
  const api = new FakeApi(ACCEPTED);
  const config: PagerDutyConfig = {
    ...CONFIG,
    routingKey: new Secret('{{ if eq .CommonLabels.severity "critical" }}key-crit{{ end }}'),
    severity: "{{ .CommonLabels.severity }}",
    source: "{{ .GroupLabels.alertname }}",
    class: "c-{{ .Status }}",
    component: "{{ .Receiver }}",
    group: "g",
    details: [["labels", "{{ toJson .CommonLabels }}"]],
    images: [
      { src: "http://i/{{ .Status }}.png", alt: "", href: "" },
      { src: "", alt: "left out", href: "x" },
    ],
    links: [
      { href: "http://l/{{ .Status }}", text: "{{ .Receiver }}" },
      { href: "", text: "left out" },
    ],
  };
  await send(createReceiver(config, api.environment));
  deepEqual(api.json(), {
    routing_key: "key-crit",
    dedup_key: DEDUP_KEY,
    event_action: "trigger",
    payload: {
      summary: "[FIRING:1] HighCpu (critical)",
      source: "HighCpu",
      severity: "critical",
      class: "c-firing",
      component: "team",
      group: "g",
      custom_details: { labels: { alertname: "HighCpu", severity: "critical" } },
    },
    client: "Pharos",
    client_url: "http://pharos.test/alerts?receiver=team",
    images: [{ src: "http://i/firing.png" }],
    links: [{ href: "http://l/firing", text: "team" }],
  });
});

test("what is over is resolved, and what is acknowledged is acknowledged, under one key", async () => {
  const api = new FakeApi(ACCEPTED);
  const receiver = createReceiver(CONFIG, api.environment);
  const { incident } = KNOWN.context ?? {};
  ok(incident !== undefined);
  const acknowledged = {
    ...KNOWN,
    context: { incident: { ...incident, status: "acknowledged" } },
  } as const;
  for (const notification of [KNOWN, acknowledged, RESOLVED])
    await send(receiver, outgoing(notification));
  const events = api.requests.map((_, i) => api.json(i)) as {
    event_action: string;
    dedup_key: string;
  }[];
  deepEqual(
    events.map((event) => event.event_action),
    ["trigger", "acknowledge", "resolve"],
  );
  equal(new Set(events.map((event) => event.dedup_key)).size, 1);
});

test("the event links to the incident, the acknowledgement and the graph", async () => {
  const api = new FakeApi(ACCEPTED);
  await send(createReceiver(CONFIG, api.environment), outgoing(KNOWN));
  deepEqual((api.json() as { links: unknown }).links, [
    { href: "http://pharos.test/incidents/i-1", text: "Incident" },
    { href: "http://pharos.test/ack?t=1", text: "Acknowledge" },
    { href: "http://pharos.test/graph", text: "Graph" },
  ]);
});

test("a long summary is cut, and details that make an event too large are left out", async () => {
  const api = new FakeApi(ACCEPTED);
  const config: PagerDutyConfig = {
    ...CONFIG,
    description: "é".repeat(2000),
    details: [["much", "x".repeat(600_000)]],
  };
  await send(createReceiver(config, api.environment));
  const { payload } = api.json() as { payload: { summary: string; custom_details: object } };
  equal(payload.summary, `${"é".repeat(1023)}…`);
  deepEqual(Object.keys(payload.custom_details), ["error"]);
  ok(String(api.request().body).length < 512_000);
});

test("a service key goes to API v1", async () => {
  const api = new FakeApi({ status: 200, body: { status: "success" } });
  const config: PagerDutyConfig = {
    ...CONFIG,
    routingKey: undefined,
    serviceKey: new Secret("service-1"),
    details: [["num_firing", "{{ .Alerts.Firing | len }}"]],
  };
  const receiver = createReceiver(config, api.environment);
  await send(receiver);
  await send(receiver, outgoing(RESOLVED));
  equal(api.request().url, "https://events.pagerduty.com/generic/2010-04-15/create_event.json");
  deepEqual(api.json(0), {
    service_key: "service-1",
    incident_key: DEDUP_KEY,
    event_type: "trigger",
    description: "[FIRING:1] HighCpu (critical)",
    client: "Pharos",
    client_url: "http://pharos.test/alerts?receiver=team",
    details: { num_firing: 1 },
  });
  deepEqual(api.json(1), {
    service_key: "service-1",
    incident_key: DEDUP_KEY,
    event_type: "resolve",
    description: "[RESOLVED] HighCpu (critical)",
    details: { num_firing: 0 },
  });
});

test("a key that is empty once it is expanded is refused", async () => {
  const api = new FakeApi(ACCEPTED);
  const config = { ...CONFIG, routingKey: new Secret("{{ .CommonLabels.none }}") };
  await refuses(send(createReceiver(config, api.environment)), "notify.rejected", [
    "pagerduty: the routing key is empty",
  ]);
});

describe("what PagerDuty answers", () => {
  const invalid = {
    status: "invalid event",
    message: "Event object is invalid",
    errors: ["'x' is y", KEY],
  };
  const rows: readonly (readonly [
    status: number,
    body: unknown,
    v1: boolean,
    OperatingError["code"],
    string,
  ])[] = [
    [
      400,
      invalid,
      false,
      "notify.rejected",
      "status 400: Event object is invalid: 'x' is y, <secret>",
    ],
    [400, "oops", false, "notify.rejected", "status 400: oops"],
    [403, "", false, "notify.rejected", "status 403"],
    [403, "", true, "notify.unavailable", "status 403"],
    [429, "", false, "notify.unavailable", "status 429"],
    [500, "", false, "notify.unavailable", "status 500"],
  ];
  for (const [status, body, v1, code, says] of rows)
    test(`${status} of ${v1 ? "v1" : "v2"}: ${code}, ${says}`, async () => {
      const api = new FakeApi({ status, body });
      const keys = v1 ? { routingKey: undefined, serviceKey: new Secret(KEY) } : {};
      await refuses(
        send(createReceiver({ ...CONFIG, ...keys }, api.environment), outgoing(NOTIFICATION)),
        code,
        [`pagerduty at events.pagerduty.com: ${says}`],
        [KEY],
      );
    });
});
