// VictorOps, Pushover and incident.io.

import { deepEqual, equal, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import type { WebhookPayload } from "@pharos/alert";
import { Secret } from "@pharos/base";
import { createReceiver } from "../../src/receivers/create-receiver.ts";
import { INCIDENTIO, PUSHOVER, VICTOROPS } from "./configs.ts";
import { FakeApi, KNOWN, NOTIFICATION, outgoing, RESOLVED, refuses, send } from "./fake-api.ts";

const HASH = createHash("sha256").update('{}:{alertname="HighCpu"}').digest("hex");

describe("VictorOps", () => {
  const TAKEN = { status: 200, body: { result: "success" } };

  test("alerts open an incident under the routing key", async () => {
    const api = new FakeApi(TAKEN);
    await send(createReceiver({ ...VICTOROPS, stateMessage: "hot" }, api.environment));
    const { method, url, headers, body } = api.request();
    equal(method, "POST");
    equal(
      url,
      "https://alert.victorops.com/integrations/generic/20131114/alert/victor-s3cret/team-HighCpu",
    );
    deepEqual(headers, { "content-type": "application/json", "user-agent": "Pharos/1.2.3" });
    equal(
      body,
      `{"message_type":"CRITICAL","entity_id":"${HASH}",` +
        '"entity_display_name":"[FIRING:1] HighCpu (critical)","state_message":"hot","monitoring_tool":"Pharos"}',
    );
  });

  const acknowledged = {
    ...NOTIFICATION,
    context: { incident: { id: "i", url: "http://x", status: "acknowledged" } },
  } as const;
  const TYPES = [
    ["INFO", NOTIFICATION, "INFO"],
    ["{{ `WARNING` }}", NOTIFICATION, "WARNING"],
    ["RECOVERY", NOTIFICATION, "CRITICAL"],
    ["nonsense", NOTIFICATION, "CRITICAL"],
    ["INFO", RESOLVED, "RECOVERY"],
    ["INFO", acknowledged, "ACKNOWLEDGEMENT"],
  ] as const;
  for (const [configured, notification, expected] of TYPES)
    test(`${configured} for "${notification.reason}" becomes ${expected}`, async () => {
      const api = new FakeApi(TAKEN);
      const config = { ...VICTOROPS, messageType: configured };
      await send(createReceiver(config, api.environment), outgoing(notification));
      equal((api.json() as { message_type: string }).message_type, expected);
    });

  test("custom fields are templates, and a state message has at most 20,480 characters", async () => {
    const api = new FakeApi(TAKEN);
    const config = {
      ...VICTOROPS,
      routingKey: "a b/c",
      stateMessage: "x".repeat(20_481),
      customFields: [["team", "{{ .Receiver }}"]] as const,
    };
    await send(createReceiver(config, api.environment));
    ok(api.request().url.endsWith("/alert/victor-s3cret/a%20b%2Fc"));
    const { team, state_message } = api.json() as { team: string; state_message: string };
    equal(team, "team");
    equal(state_message, `${"x".repeat(20_479)}…`);
  });
});

describe("Pushover", () => {
  const TAKEN = { status: 200, body: { status: 1, request: "r" } };

  async function formOf(
    config: Partial<typeof PUSHOVER> = {},
    message = outgoing(),
  ): Promise<Record<string, string>> {
    const api = new FakeApi(TAKEN);
    await send(createReceiver({ ...PUSHOVER, ...config }, api.environment), message);
    const { method, url, headers, body } = api.request();
    equal(method, "POST");
    equal(url, "https://api.pushover.net/1/messages.json");
    equal(headers["content-type"], "application/x-www-form-urlencoded");
    return Object.fromEntries(new URLSearchParams(String(body)));
  }

  test("a firing one is repeated until somebody acknowledges it, a resolved one is not", async () => {
    deepEqual(await formOf({ message: "hot" }), {
      ...{ token: "push-t0ken", user: "push-us3r", title: "[FIRING:1] HighCpu (critical)" },
      ...{ message: "hot", url: "http://pharos.test/alerts?receiver=team" },
      ...{ priority: "2", retry: "60", expire: "3600" },
    });
    const { priority, title } = await formOf({}, outgoing(RESOLVED));
    deepEqual([priority, title], ["0", "[RESOLVED] HighCpu (critical)"]);
  });

  test("all fields are told, and keys are templates", async () => {
    deepEqual(
      await formOf({
        ...{ token: new Secret("t-{{ .Status }}"), userKey: new Secret("u-{{ .Receiver }}") },
        ...{ title: "t", message: "m", url: "http://u", urlTitle: "ut", device: "phone" },
        ...{ sound: "siren", ttlMs: 90_500, monospace: true, priority: "1" },
      }),
      {
        ...{ token: "t-firing", user: "u-team", title: "t", message: "m", monospace: "1" },
        ...{ url: "http://u", url_title: "ut", priority: "1", retry: "60", expire: "3600" },
        ...{ ttl: "90", device: "phone", sound: "siren" },
      },
    );
  });

  test("HTML is escaped by where values stand", async () => {
    const form = await formOf({ html: true, message: '<b>{{ "a<b" }}</b>' });
    deepEqual([form["html"], form["message"]], ["1", "<b>a&lt;b</b>"]);
  });

  test("each text has its limit, and an empty message says so", async () => {
    const form = await formOf({
      title: "t".repeat(300),
      message: "m".repeat(2000),
      url: `http://u/${"u".repeat(600)}`,
      urlTitle: "x".repeat(200),
    });
    equal(form["title"]?.length, 250);
    equal(form["message"], `${"m".repeat(1023)}…`);
    equal(form["url"], undefined, "half an address leads nowhere");
    equal(form["url_title"]?.length, 100);
    equal((await formOf({ message: " \n" }))["message"], "(no details)");
    const html = await formOf({ html: true, message: `<b>${"m".repeat(2000)}</b>` });
    equal(html["message"], `${"m".repeat(1023)}…`);
  });

  test("links stand before the alerts, so that a long list leaves them", async () => {
    const many = Array.from({ length: 50 }, () => KNOWN.alerts).flat();
    const { message, url } = await formOf({}, outgoing({ ...KNOWN, alerts: many }));
    ok(message?.includes("Acknowledge: http://pharos.test/ack?t=1"));
    equal(url, "http://pharos.test/incidents/i-1");
  });

  test("why Pushover refuses is said in its words, without the keys", async () => {
    const body = { status: 0, errors: ["user push-us3r is invalid", "token push-t0ken too"] };
    const api = new FakeApi({ status: 400, body });
    await refuses(
      send(createReceiver(PUSHOVER, api.environment)),
      "notify.rejected",
      ["status 400: user <secret> is invalid, token <secret> too"],
      ["push-us3r", "push-t0ken"],
    );
  });
});

describe("incident.io", () => {
  const TAKEN = { status: 202, body: { status: "success" } };

  test("Alertmanager's body is sent, as version 1, with the token", async () => {
    const api = new FakeApi(TAKEN);
    await send(createReceiver(INCIDENTIO, api.environment));
    const { method, url, headers } = api.request();
    equal(method, "POST");
    equal(url, "https://api.incident.io/v2/alert_events/alertmanager/01ABC");
    deepEqual(headers, {
      "user-agent": "Pharos/1.2.3",
      "content-type": "application/json",
      authorization: "Bearer incident-t0ken",
    });
    const { alerts, ...rest } = api.json() as WebhookPayload;
    deepEqual(rest, {
      version: "1",
      groupKey: '{}:{alertname="HighCpu"}',
      truncatedAlerts: 0,
      status: "firing",
      receiver: "team",
      groupLabels: { alertname: "HighCpu" },
      commonLabels: { alertname: "HighCpu", severity: "critical" },
      commonAnnotations: {},
      externalURL: "http://pharos.test",
      notification_reason: "first notification",
    });
    deepEqual(
      alerts.map(({ status, labels }) => [status, labels["instance"]]),
      [
        ["firing", "a"],
        ["resolved", "b"],
      ],
    );
  });

  test("an event has at most so many alerts as configured, and one where it is too large", async () => {
    const two = new FakeApi(TAKEN);
    await send(createReceiver({ ...INCIDENTIO, alertsMax: 1 }, two.environment));
    const cut = two.json() as WebhookPayload;
    deepEqual([cut.alerts.length, cut.truncatedAlerts], [1, 1]);
    const large = new FakeApi(TAKEN);
    const alerts = Array.from({ length: 2000 }, () => NOTIFICATION.alerts).flat();
    const notification = { ...NOTIFICATION, alerts };
    await send(createReceiver(INCIDENTIO, large.environment), outgoing(notification));
    const fitting = large.json() as WebhookPayload;
    deepEqual([fitting.alerts.length, fitting.truncatedAlerts], [1, 3999]);
    deepEqual(fitting.commonLabels, { alertname: "HighCpu", severity: "critical" });
  });

  test("why incident.io refuses is said in its words", async () => {
    const body = { message: "invalid", errors: ["a", { code: "b" }] };
    await refuses(
      send(createReceiver(INCIDENTIO, new FakeApi({ status: 422, body }).environment)),
      "notify.rejected",
      ['status 422: invalid: a, {"code":"b"}'],
    );
  });
});
