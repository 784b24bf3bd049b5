import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { HttpRequest } from "@pharos/ports";
import { testReceiver } from "../../src/receivers/test-notification.ts";
import { DISCORD, JIRA, OPSGENIE, WEBEX } from "./configs.ts";
import { type Answer, FakeApi } from "./fake-api.ts";

const signal = new AbortController().signal;

test("each integration of a receiver is told once that it is a test", async () => {
  const byHost = ({ url }: HttpRequest): Answer =>
    url.includes("discord") ? { status: 204 } : { status: 401, body: "who is webex-t0ken" };
  const api = new FakeApi(byHost);
  const integrations = [DISCORD, WEBEX, { ...DISCORD, index: 1, title: "{{ .Receiver }}" }];
  const results = await testReceiver({ name: "team", integrations }, api.environment, signal);
  deepEqual(results, [
    { integration: "team/discord[0]", status: "delivered", durationMs: 0 },
    {
      integration: "team/webex[0]",
      status: "failed",
      error: "webex at webexapis.com: status 401: who is <secret>",
      transient: false,
      durationMs: 0,
    },
    { integration: "team/discord[1]", status: "delivered", durationMs: 0 },
  ]);
  equal(api.requests.length, 3);
  const [embed] = (api.json() as { embeds: { title: string; description: string }[] }).embeds;
  equal(embed?.title, "[FIRING:1] TestNotification (pharos none)");
  ok(embed?.description.includes("This is a test: nothing is wrong."));
});

test("labels and annotations may be one's own", async () => {
  const api = new FakeApi({ status: 204 });
  const config = { ...DISCORD, message: "{{ .CommonLabels }} {{ .CommonAnnotations.summary }}" };
  const options = { labels: { severity: "critical" }, annotations: { summary: "mine" } };
  await testReceiver({ name: "t", integrations: [config] }, api.environment, signal, options);
  const [embed] = (api.json() as { embeds: { description: string }[] }).embeds;
  equal(embed?.description, "alertname=TestNotification, instance=pharos, severity=critical mine");
});

test("what a test opens it closes", async () => {
  const opsgenie = new FakeApi({ status: 202 });
  const integrations = [OPSGENIE];
  await testReceiver({ name: "team", integrations }, opsgenie.environment, signal);
  const [created, closed] = opsgenie.requests;
  const { alias } = JSON.parse(String(created?.body)) as { alias: string };
  ok(closed?.url.includes(`/v2/alerts/${alias}/close`));

  const jira = new FakeApi(
    { status: 200, body: { issues: [] } },
    { status: 201, body: { id: "7", key: "OPS-7" } },
    { status: 200, body: { issues: [{ key: "OPS-7", fields: {} }] } },
    { status: 204 },
  );
  const cloud = { ...JIRA, apiType: "cloud" } as const;
  const [result] = await testReceiver(
    { name: "team", integrations: [cloud] },
    jira.environment,
    signal,
  );
  equal(result?.status, "delivered");
  deepEqual((jira.json(2) as { reconcileIssues: number[] }).reconcileIssues, [7]);
});

test("each test is a group of its own", async () => {
  const api = new FakeApi({ status: 202 });
  const aliasAt = (i: number): string => (api.json(i) as { alias: string }).alias;
  await testReceiver({ name: "team", integrations: [OPSGENIE] }, api.environment, signal);
  await api.clock.run(api.clock.sleep(1, signal));
  await testReceiver({ name: "team", integrations: [OPSGENIE] }, api.environment, signal);
  ok(aliasAt(0) !== aliasAt(2));
});

test("an abort is passed on", async () => {
  const reason = new Error("stopped");
  const api = new FakeApi(() => {
    throw reason;
  });
  await rejects(
    testReceiver({ name: "t", integrations: [DISCORD] }, api.environment, signal),
    reason,
  );
});
