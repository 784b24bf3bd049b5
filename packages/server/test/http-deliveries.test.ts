import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { deliveryListSchema, receiverTestSchema, templatePreviewSchema } from "@pharos/api";
import type { z } from "zod";
import { AlertmanagerWorld } from "./alertmanager-world.ts";

const CONFIG = `
route:
  receiver: team
  group_by: [alertname]
  group_wait: 1s
  group_interval: 1s
  routes: [{receiver: other, matchers: ['team="other"']}]
receivers:
  - name: team
    webhook_configs: [{url: "http://good.test/s3cr3t"}, {url: "http://bad.test/s3cr3t"}]
  - {name: other, webhook_configs: [{url: "http://good.test/other"}]}
`;

/** The data of the answer to a POST of JSON. */
async function post<T>(
  world: AlertmanagerWorld,
  path: string,
  schema: z.ZodType<T>,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; data?: T; error?: string }> {
  const request = world.http.app.request(`/api/v1/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const response = await world.http.clock.run(Promise.resolve(request));
  const answer = (await response.json()) as { data?: unknown; error?: string };
  if (answer.error !== undefined) return { status: response.status, error: answer.error };
  return { status: response.status, data: schema.parse(answer.data) };
}

test("every attempt is in the log, the newest first, and is found by what it was", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  world.http.deliveries = world.dispatcher.log;
  const list = async (query: string) =>
    deliveryListSchema.parse(await world.http.data(`deliveries?${query}`));
  await world.fire({ alertname: "A" }, { alertname: "B", team: "other" });
  await world.pass(5000);
  world.refuses = true;
  await world.fire({ alertname: "C", team: "other" });
  // One flush: what failed is tried again with each.
  await world.pass(1500);

  const { deliveries, cursor } = await list("");
  equal(cursor, undefined);
  const [newest, ...older] = deliveries.map(
    ({ integration, outcome, groupKey }) =>
      `${integration} ${outcome} ${groupKey.slice(groupKey.lastIndexOf(":") + 1)}`,
  );
  equal(newest, 'other/webhook[0] failed {alertname="C"}');
  deepEqual(older.toSorted(), [
    'other/webhook[0] delivered {alertname="B"}',
    'team/webhook[0] delivered {alertname="A"}',
    'team/webhook[1] delivered {alertname="A"}',
  ]);
  const [failed] = deliveries;
  deepEqual([failed?.error, failed?.firing, failed?.attempt], ["refused", 1, 1]);
  const found = async (query: string): Promise<number> => (await list(query)).deliveries.length;
  equal(await found("receiver=other"), 2);
  equal(await found("integration=team/webhook[1]"), 1);
  equal(await found("outcome=failed"), 1);
  equal(await found(`key=${failed?.key}`), 1);
  equal(await found(`start=${(Date.parse(failed?.at ?? "") - 1) / 1000}`), 1);

  const pages: string[] = [];
  let next = "";
  do {
    const page = await list(`limit=1${next}`);
    pages.push(...page.deliveries.map(({ id }) => id));
    next = page.cursor === undefined ? "" : `&cursor=${encodeURIComponent(page.cursor)}`;
  } while (next !== "" && pages.length < 9);
  deepEqual(
    pages,
    deliveries.map(({ id }) => id),
  );
});

test("the attempts to tell of an incident are found by its id; of one that is not there it is said", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  world.http.deliveries = world.dispatcher.log;
  await world.fire({ alertname: "A" }, { alertname: "B", team: "other" });
  await world.pass(5000);
  const [told] = await world.dispatcher.log.query({ receiver: "other", limit: 1 });
  const id = await world.http.incidents.see(told?.groupId ?? "", { alertname: "B" });
  const found = async (query: string) =>
    deliveryListSchema
      .parse(await world.http.data(`deliveries?incident=${id}${query}`))
      .deliveries.map(({ integration }) => integration);
  deepEqual(await found(""), [], "the incident began later");
  await world.fire({ alertname: "B", team: "other", host: "b" });
  await world.pass(5000);
  deepEqual(await found(""), ["other/webhook[0]"]);
  deepEqual(await found("&start=0"), ["other/webhook[0]"]);
  deepEqual(await found("&receiver=team"), []);
  const { deliveries } = deliveryListSchema.parse(await world.http.data("deliveries"));
  deepEqual(
    deliveries.map(({ integration, incident }) => [integration, incident]).slice(0, 1),
    [["other/webhook[0]", id]],
    "each attempt says which incident it told of",
  );
  deepEqual(new Set(deliveries.slice(1).map(({ incident }) => incident)), new Set([null]));

  const unknown = await world.http.app.request("/api/v1/deliveries?incident=nobodys");
  deepEqual(
    [unknown.status, await unknown.json()],
    [404, { status: "error", errorType: "not_found", error: 'there is no incident "nobodys"' }],
  );
});

test("a receiver is tried out: each integration says how it went, without its secrets", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const { network } = world.http;
  network.host("http://good.test", () => ({ kind: "answer" }));
  network.host("http://bad.test", () => ({ kind: "answer", status: 403, body: "go away" }));
  const { data } = await post(world, "receivers/test", receiverTestSchema, {
    receiver: "team",
    labels: { severity: "critical" },
  });
  equal(data?.receiver, "team");
  deepEqual(
    data?.integrations.map(({ integration, status, transient }) => [
      integration,
      status,
      transient,
    ]),
    [
      ["team/webhook[0]", "delivered", undefined],
      ["team/webhook[1]", "failed", false],
    ],
  );
  match(data?.integrations[1]?.error ?? "", /403/);
  ok(!JSON.stringify(data).includes("s3cr3t"));
  const [sent] = network.requests;
  const { alerts } = JSON.parse(String(sent?.request.body)) as {
    alerts: { labels: Record<string, string> }[];
  };
  equal(alerts[0]?.labels["severity"], "critical");

  const one = await post(world, "receivers/test", receiverTestSchema, {
    ...{ receiver: "team", integration: "team/webhook[0]" },
  });
  equal(one.data?.integrations.length, 1);
  deepEqual(world.heard(), [], "nothing of it goes through the outbox");
});

test("a receiver that is not configured can be tried out where one may do anything", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  world.http.network.host("http://new.test", () => ({ kind: "answer" }));
  const body = {
    config: { name: "new", webhook_configs: [{ url: "http://new.test/x", send_resolved: false }] },
  };
  const { data } = await post(world, "receivers/test", receiverTestSchema, body);
  deepEqual(
    data?.integrations.map(({ status }) => status),
    ["delivered"],
  );
  const wrong = await post(world, "receivers/test", receiverTestSchema, {
    config: { name: "new", webhook_configs: [{ uri: "http://new.test" }] },
  });
  equal(wrong.status, 400);
  match(wrong.error ?? "", /uri/);
  const file = await post(world, "receivers/test", receiverTestSchema, {
    config: { name: "new", webhook_configs: [{ url_file: "/etc/passwd" }] },
  });
  equal(file.status, 400);
  match(file.error ?? "", /\/etc\/passwd is not read/);
  world.http.mayTestOthers = false;
  const { status, error } = await post(world, "receivers/test", receiverTestSchema, body);
  equal(status, 403);
  match(error ?? "", /--enable-admin-api/);
});

test("a page of another site tries out nothing", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const headers = { Origin: "http://elsewhere.test" };
  const body = { receiver: "team", template: "" };
  for (const path of ["receivers/test", "templates/preview"])
    equal((await post(world, path, receiverTestSchema, body, headers)).status, 403);
  deepEqual(world.http.network.requests, []);
});

test("a template is filled in with the alerts that fire", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  await world.fire(
    { alertname: "Down", instance: "a" },
    { alertname: "Down", instance: "b" },
    { alertname: "Slow", team: "other" },
  );
  const preview = (body: object) => post(world, "templates/preview", templatePreviewSchema, body);
  const template =
    "{{ .Status }} {{ .GroupLabels.alertname }}{{ range .Alerts.Firing }} {{ .Labels.instance }}{{ end }}";
  deepEqual((await preview({ template })).data, {
    text: "firing Down a b",
    ...{ receiver: "team", groupKey: '{}:{alertname="Down"}', alerts: 2, isSample: false },
  });
  equal((await preview({ template, receiver: "other" })).data?.groupKey.includes("Slow"), true);
  equal((await preview({ template, matchers: ["team=other"] })).data?.receiver, "other");
  const groupKey = '{}/{team="other"}:{alertname="Slow"}';
  equal((await preview({ template, groupKey })).data?.groupKey, groupKey);
});

test("a template that nothing fires for is filled in with a sample", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const { data } = await post(world, "templates/preview", templatePreviewSchema, {
    template: '{{ template "mine" . }}',
    definitions: '{{ define "mine" }}{{ .CommonLabels.alertname }} <{{ .Receiver }}>{{ end }}',
    html: true,
    receiver: "a & b",
  });
  deepEqual(data, {
    text: "SampleAlert <a &amp; b>",
    ...{ receiver: "a & b", groupKey: '{}:{alertname="SampleAlert"}', alerts: 1, isSample: true },
  });
});

test("what is wrong with a template is told with its place", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const preview = (body: object) => post(world, "templates/preview", templatePreviewSchema, body);
  const text = await preview({ template: "a\n{{ .Status | shout }}" });
  equal(text.status, 400);
  match(text.error ?? "", /2:.*shout/);
  const definitions = await preview({ template: "", definitions: "{{ define }}" });
  match(definitions.error ?? "", /^definitions:1:/);
});
