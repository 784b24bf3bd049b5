import { deepEqual, equal, match } from "node:assert/strict";
import { describe, test } from "node:test";
import { Secret } from "@pharos/base";
import type { Json } from "@pharos/ports";
import type { WebhookConfig } from "../../src/config/webhook-config.ts";
import { createReceiver } from "../../src/receivers/create-receiver.ts";
import { FakeApi, KNOWN, NOTIFICATION, outgoing, refuses, send } from "./fake-api.ts";

const CONFIG: WebhookConfig = {
  kind: "webhook",
  index: 0,
  sendResolved: true,
  url: new Secret("http://hook.test/?t=s3cret"),
  alertsMax: 0,
  payload: undefined,
  timeoutMs: 10_000,
  http: { followRedirects: true },
};

async function body(change: Partial<WebhookConfig>, notification = NOTIFICATION): Promise<unknown> {
  const api = new FakeApi({ status: 200 });
  await send(createReceiver({ ...CONFIG, ...change }, api.environment), outgoing(notification));
  return api.json();
}

test("the body is Alertmanager's, version 4", async () => {
  const api = new FakeApi({ status: 200 });
  const receipt = await send(createReceiver(CONFIG, api.environment));
  deepEqual(receipt, {});
  const { method, url, headers } = api.request();
  equal(method, "POST");
  equal(url, "http://hook.test/?t=s3cret");
  deepEqual(headers, {
    "content-type": "application/json",
    "user-agent": "Pharos/1.2.3",
    "idempotency-key": "key-1",
  });
  equal(
    api.request().body,
    '{"version":"4","groupKey":"{}:{alertname=\\"HighCpu\\"}","truncatedAlerts":0,"status":"firing",' +
      '"receiver":"team","groupLabels":{"alertname":"HighCpu"},' +
      '"commonLabels":{"alertname":"HighCpu","severity":"critical"},"commonAnnotations":{},' +
      '"externalURL":"http://pharos.test","notification_reason":"first notification","alerts":[' +
      '{"status":"firing","labels":{"alertname":"HighCpu","instance":"a","severity":"critical"},' +
      '"annotations":{"summary":"a is hot"},"startsAt":"2024-05-03T11:59:00Z",' +
      '"endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://pharos.test/graph?g0.expr=cpu",' +
      '"fingerprint":"9460993ac6987772"},' +
      '{"status":"resolved","labels":{"alertname":"HighCpu","instance":"b","severity":"critical"},' +
      '"annotations":{"summary":"b is hot"},"startsAt":"2024-05-03T11:58:00Z",' +
      '"endsAt":"2024-05-03T11:59:30Z","generatorURL":"http://pharos.test/graph?g0.expr=cpu",' +
      '"fingerprint":"c3b47a76fccf95a5"}]}',
  );
});

test("what only Pharos knows stands in a header, but for the chart", async () => {
  const api = new FakeApi({ status: 200 });
  const context = { ...KNOWN.context, silenceUrl: "http://pharos.test/\u00e4\n" };
  await send(createReceiver(CONFIG, api.environment), outgoing({ ...KNOWN, context }));
  const header = api.request().headers["pharos-context"] ?? "";
  match(header, /^[\x20-\x7e]+$/);
  const { chart: _chart, ...known } = context;
  const { context: _context, ...withoutContext } = KNOWN;
  deepEqual(JSON.parse(header), known);
  deepEqual(await body({}, KNOWN), await body({}, withoutContext));
});

test("what is too long for a header is left out", async () => {
  const api = new FakeApi({ status: 200 });
  const context = { silenceUrl: "x".repeat(5000) };
  await send(createReceiver(CONFIG, api.environment), outgoing({ ...KNOWN, context }));
  equal(api.request().headers["pharos-context"], undefined);
});

test("alerts beyond the limit are counted", async () => {
  const sent = (await body({ alertsMax: 1 })) as { alerts: unknown[]; truncatedAlerts: number };
  equal(sent.alerts.length, 1);
  equal(sent.truncatedAlerts, 1);
});

test("the address is a template", async () => {
  const api = new FakeApi({ status: 200 });
  const url = new Secret(
    "http://hook.test/{{ .CommonLabels.severity }}/{{ .Status | urlquery }}\n",
  );
  await send(createReceiver({ ...CONFIG, url }, api.environment));
  equal(api.request().url, "http://hook.test/critical/firing");
});

describe("a payload of one's own", () => {
  const rows: readonly (readonly [payload: Json, expected: Json])[] = [
    [{ text: "{{ .Status }}: {{ len .Alerts }}" }, { text: "firing: 2" }],
    [{ labels: "{{ toJson .GroupLabels }}" }, { labels: { alertname: "HighCpu" } }],
    [
      { "{{ .Status }}_at": ["{{ .Receiver }}", 1, true, null] },
      { firing_at: ["team", 1, true, null] },
    ],
    [
      { n: "{{ len .Alerts }}", yes: "true", none: "null" },
      { n: 2, yes: true, none: null },
    ],
    [
      { id: "12345678901234567890", zip: "01234", half: "{oops" },
      { id: "12345678901234567890", zip: "01234", half: "{oops" },
    ],
    ["{{ .CommonLabels | toJson }}", { alertname: "HighCpu", severity: "critical" }],
    [[{ a: { b: "{{ .CommonAnnotations.none }}" } }], [{ a: { b: "" } }]],
  ];
  for (const [payload, expected] of rows)
    test(`${JSON.stringify(payload)} is ${JSON.stringify(expected)}`, async () => {
      deepEqual(await body({ payload }), expected);
    });
});

test("a template that fails is no reason to try again", async () => {
  const api = new FakeApi({ status: 200 });
  const config = { ...CONFIG, payload: { a: "{{ .Nope }}" } };
  await refuses(send(createReceiver(config, api.environment)), "notify.rejected", [
    "template: 1:4: at <.Nope>: can't evaluate field Nope",
  ]);
  equal(api.requests.length, 0);
});

test("the address does not show in errors", async () => {
  const api = new FakeApi({ status: 500, body: "no such /?t=s3cret" });
  await refuses(
    send(createReceiver(CONFIG, api.environment)),
    "notify.unavailable",
    ["webhook at hook.test: status 500"],
    ["s3cret"],
  );
});
