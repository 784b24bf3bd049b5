import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import type { RuleGroup } from "@pharos/alert";
import type { AlertRuleJson, RuleTestJson, RuleVersionJson } from "@pharos/api";
import { parse as parseYaml } from "yaml";
import { HttpWorld, NOW_MS } from "./http-world.ts";

const RULES = "/api/v1/alerts/rules";
const MINUTE = 60_000;

const FILE_GROUP: RuleGroup = {
  ...{ name: "hosts", file: "/etc/pharos/rules.yml", intervalMs: 15_000, limit: 0 },
  ...{ queryOffsetMs: 0, labels: [["team", "ops"]] },
  rules: [
    {
      ...{ kind: "alert", name: "FileRule", expr: "up == 0", forMs: 0, keepFiringForMs: 0 },
      ...{ labels: [], annotations: [] },
    },
    { kind: "record", name: "job:up:sum", expr: "sum by (job) (up)", labels: [] },
  ],
};

interface Reply<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** The API with rules that are evaluated, as somebody who sends requests sees it. */
class RulesWorld extends HttpWorld {
  async send<T = AlertRuleJson>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply<T>> {
    const init: RequestInit = { method, headers };
    if (body !== undefined) init.body = typeof body === "string" ? body : JSON.stringify(body);
    const response = await this.app.request(path, init);
    const text = await response.text();
    const isJson = (response.headers.get("Content-Type") ?? "").startsWith("application/json");
    const parsed = (isJson ? JSON.parse(text) : text) as T;
    return { status: response.status, headers: response.headers, body: parsed };
  }

  async list(query = ""): Promise<readonly AlertRuleJson[]> {
    return (await this.send<readonly AlertRuleJson[]>("GET", `${RULES}${query}`)).body;
  }

  async refusal(method: string, path: string, body?: unknown): Promise<string> {
    const reply = await this.send<{ error: string }>(method, path, body);
    ok(reply.status >= 400);
    return `${reply.status} ${reply.body.error}`;
  }
}

async function rulesWorld(): Promise<RulesWorld> {
  const world = new RulesWorld();
  await world.openRules([FILE_GROUP]);
  return world;
}

test("a rule that is made is evaluated, and shown with its PromQL, its state and where it comes from", async () => {
  const world = await rulesWorld();
  const made = await world.send(
    "POST",
    RULES,
    {
      ...{ name: "HighLoad", metric_name: "cpu.load", condition: ">", threshold: 0.8 },
      ...{ severity: "warning", channels: ["email", "pager"], author: "ann", comment: "new" },
    },
    { "X-User": "bob" },
  );
  equal(made.status, 201);
  equal(made.headers.get("ETag"), '"1"');
  equal(made.headers.get("Location"), `${RULES}/${made.body.id}`);
  deepEqual(made.body.warnings, [
    'no receiver is called "pager": the routing tree decides who is told',
  ]);
  await world.write({ __name__: "cpu.load", host: "a" }, 5, () => 0.9);
  await world.clock.advance(31_000);
  const { body } = await world.send("GET", `${RULES}/HighLoad`);
  const { id: _id, created_at: _created, updated_at: _updated, last_evaluation, ...shown } = body;
  ok(last_evaluation !== null);
  deepEqual(shown, {
    name: "HighLoad",
    type: "alerting",
    enabled: true,
    expr: '{"cpu.load"} > 0.8',
    for: "0s",
    keep_firing_for: "0s",
    interval: "15s",
    labels: { severity: "warning", channels: "email,pager" },
    annotations: { summary: "cpu.load > 0.8: it is {{ $value }}" },
    severity: "warning",
    channels: ["email", "pager"],
    metric_name: "cpu.load",
    metric_query: '{"cpu.load"}',
    condition: { operator: ">", threshold: "0.8", duration: "0s" },
    provenance: { source: "api", file: "api:rules", group: "HighLoad", namespace: "rules" },
    state: "firing",
    health: "ok",
    last_error: "",
    active_alerts: 1,
    version: 1,
    author: "bob",
    comment: "new",
    form: "threshold",
    written: made.body.written,
  });
  deepEqual(world.channels, ["email", "pager"]);
  const active = await world.send<{ labels: Record<string, string> }[]>(
    "GET",
    "/api/v1/alerts/active",
  );
  equal(active.body[0]?.labels["alertname"], "HighLoad");
});

test("the list has the rules of files and those of the API", async () => {
  const world = await rulesWorld();
  await world.send("POST", RULES, { alert: "Down", expr: "up == 0" });
  deepEqual(
    (await world.list()).map(({ name, type, provenance }) => `${name} ${type} ${provenance.file}`),
    [
      "FileRule alerting /etc/pharos/rules.yml",
      "job:up:sum recording /etc/pharos/rules.yml",
      "Down alerting api:rules",
    ],
  );
  deepEqual((await world.list("?source=api")).length, 1);
  deepEqual((await world.list("?name=FileRule"))[0]?.labels, { team: "ops" });
  deepEqual((await world.list("?limit=2")).length, 2);
});

test("a rule of a file cannot be changed or doubled, and the answer says where it is", async () => {
  const world = await rulesWorld();
  const where =
    '409 the rule "FileRule" is in the group "hosts" of /etc/pharos/rules.yml: edit it there; a rule of the API needs another name';
  equal(
    await world.refusal("GET", `${RULES}/FileRule/versions`),
    '404 the rule "FileRule" is in /etc/pharos/rules.yml: versions are kept of the API\'s rules alone',
  );
  const [{ id } = { id: "" }] = await world.list("?name=FileRule");
  const body = { alert: "FileRule", expr: "up" };
  equal(await world.refusal("POST", RULES, body), where);
  equal(await world.refusal("PUT", `${RULES}/${id}`, body), where);
  equal(await world.refusal("DELETE", `${RULES}/FileRule`), where);
  await world.send("POST", RULES, { alert: "Mine", expr: "up" });
  equal(await world.refusal("PUT", `${RULES}/Mine`, body), where);
});

test("a change of another version than the present one is refused", async () => {
  const world = await rulesWorld();
  const { body: made } = await world.send("POST", RULES, { alert: "Down", expr: "up == 0" });
  const path = `${RULES}/${made.id}`;
  const next = { alert: "Down", expr: "up < 1" };
  equal((await world.send("PUT", path, next, { "If-Match": '"1"' })).status, 200);
  const late = await world.send<{ error: string }>("PUT", path, next, { "If-Match": '"1"' });
  equal(late.status, 409);
  match(late.body.error, /has version 2, not 1/);
  equal(await world.refusal("DELETE", `${path}?version=1`), `409 ${late.body.error}`);
  equal((await world.send("DELETE", `${path}?version=2`)).status, 204);
  equal((await world.send("GET", path)).status, 404);
});

test("a version that a proxy has made weak is that version", async () => {
  const world = await rulesWorld();
  const rule = { alert: "Down", expr: "up == 0" };
  await world.send("POST", RULES, rule);
  const put = (version: string) =>
    world.send("PUT", `${RULES}/Down`, rule, { "If-Match": version });
  equal((await put('W/"1"')).status, 200);
  equal((await put('W/"1"')).status, 409);
  equal((await put("W/2")).status, 400);
});

test("versions are listed with who made them, and rollback brings one back, deleted or not", async () => {
  const world = await rulesWorld();
  const { body: made } = await world.send("POST", RULES, {
    alert: "Down",
    expr: "up == 0",
    author: "ann",
  });
  const path = `${RULES}/${made.id}`;
  await world.send("PUT", path, { alert: "Down", expr: "up < 1", author: "bob", comment: "wider" });
  await world.send("POST", `${path}/disable`, { author: "eve" });
  await world.send("DELETE", `${path}?author=dan`);
  const versions = await world.send<RuleVersionJson[]>("GET", `${path}/versions`);
  deepEqual(
    versions.body.map(({ version, action, author, comment, rules }) =>
      [version, action, author, comment, rules[0]?.expr].join(" | "),
    ),
    [
      "4 | deleted | dan |  | up < 1",
      "3 | disabled | eve |  | up < 1",
      "2 | updated | bob | wider | up < 1",
      "1 | created | ann |  | up == 0",
    ],
  );
  deepEqual(versions.body[3]?.rules, [
    {
      ...{ name: "Down", type: "alerting", expr: "up == 0", for: "0s", keep_firing_for: "0s" },
      ...{ labels: {}, annotations: {} },
    },
  ]);
  const back = await world.send("POST", `${path}/rollback`, { version: 1, comment: "as it was" });
  equal(back.body.expr, "up == 0");
  equal(back.body.version, 5);
  equal(back.body.enabled, true);
});

test("a rollback does not bring back a name that a file has taken meanwhile", async () => {
  const world = await rulesWorld();
  const made = await world.send("POST", RULES, { alert: "Down", expr: "up == 0" });
  await world.send("PUT", `${RULES}/Down`, { alert: "Gone", expr: "up == 1" });
  const rules = FILE_GROUP.rules.map((rule) => ({ ...rule, name: "Down" }));
  await world.setFileRules([{ ...FILE_GROUP, rules }]);
  const rollback = `${RULES}/${made.body.id}/rollback`;
  match(
    await world.refusal("POST", rollback, { version: 1 }),
    /^409 the rule "Down" is in the group/,
  );
  equal((await world.send("POST", rollback, { version: 2 })).status, 200);
  equal((await world.send("DELETE", `${RULES}/Gone`)).status, 204);
  match(
    await world.refusal("POST", rollback, { version: 1 }),
    /^409 the rule "Down" is in the group/,
  );
  equal((await world.send("POST", rollback, { version: 2 })).status, 200);
});

test("a file that takes the name of a rule of the API is reported", async () => {
  const world = await rulesWorld();
  await world.send("POST", RULES, { alert: "Down", expr: "up == 0" });
  await world.send("POST", RULES, { record: "job:up:sum", expr: "sum by (job) (up)" });
  await world.setFileRules([FILE_GROUP]);
  deepEqual(world.bugs, []);
  const rules = FILE_GROUP.rules.map((rule) => ({ ...rule, name: "Down" }));
  await world.setFileRules([{ ...FILE_GROUP, rules }]);
  deepEqual(world.bugs, [
    "reading rule files: the API has rules with the names of 1 of these, and both are evaluated: Down of /etc/pharos/rules.yml",
  ]);
});

test("whoever sends a text again is its author, and not who the text names", async () => {
  const world = await rulesWorld();
  const text = { alert: "Down", expr: "up == 0", author: "ann", comment: "first", version: 0 };
  const { body: made } = await world.send("POST", RULES, { ...text, version: undefined });
  const path = `${RULES}/${made.id}?author=bob&comment=&version=1`;
  const { body: changed } = await world.send("PUT", path, text);
  deepEqual([changed.version, changed.author, changed.comment], [2, "bob", ""]);
});

test("a disabled rule is not evaluated, and its alerts are over", async () => {
  const world = await rulesWorld();
  await world.write({ __name__: "up", job: "a" }, 5, () => 0);
  await world.send("POST", RULES, { alert: "Down", expr: "up == 0" });
  await world.clock.advance(31_000);
  equal((await world.list("?name=Down"))[0]?.state, "firing");
  await world.send("POST", `${RULES}/Down/disable`);
  const [rule] = await world.list("?name=Down");
  deepEqual([rule?.state, rule?.enabled, rule?.active_alerts], ["disabled", false, 0]);
  const active = await world.send<{ labels: Record<string, string> }[]>(
    "GET",
    "/api/v1/alerts/active",
  );
  ok(active.body.every(({ labels }) => labels["alertname"] !== "Down"));
  equal((await world.send("POST", `${RULES}/Down/enable`)).body.enabled, true);
});

test("a rule of words is made from plain text", async () => {
  const world = await rulesWorld();
  const text = "IF api.error_rate > 5% FOR 5 minutes THEN alert";
  const headers = { "Content-Type": "text/plain" };
  const { body } = await world.send("POST", `${RULES}?name=Errors`, text, headers);
  deepEqual(
    [body.name, body.expr, body.for, body.form],
    ["Errors", '{"api.error_rate"} > 5', "5m", "sentence"],
  );
  deepEqual(body.warnings?.toSorted(), [
    "5% is compared as 5: the name of api.error_rate does not say its unit",
    'api.error_rate is read as {"api.error_rate"}',
  ]);
});

test("what curl calls a form is read as what it is, and a form is refused", async () => {
  const world = await rulesWorld();
  const headers = { "Content-Type": "application/x-www-form-urlencoded" };
  const yaml = "# a rule\nalert: A\nexpr: up == 0\n";
  equal((await world.send("POST", RULES, yaml, headers)).status, 201);
  equal((await world.send("POST", RULES, '{"alert":"B","expr":"up"}', headers)).status, 201);
  const sentence = await world.send("POST", RULES, "if x > 3 then alert Told", headers);
  equal(sentence.body.expr, "x > 3");
  const form = await world.send<{ error: string }>("POST", RULES, "query=up", headers);
  equal(form.status, 400);
  match(form.body.error, /^send the rule as YAML/);
});

test("conditions on metrics with other labels are matched by those that both have", async () => {
  const world = await rulesWorld();
  await world.write({ __name__: "error_rate", service: "a", code: "500" }, 5, () => 9);
  await world.write({ __name__: "latency_p99", service: "a", host: "h" }, 5, () => 900);
  const { body } = await world.send("POST", RULES, {
    name: "Both",
    all: ["error_rate > 3%", "latency_p99 > 500ms"],
  });
  equal(body.expr, "error_rate > 3 and on (service) latency_p99 > 500");
});

test("a file of groups comes whole or not at all", async () => {
  const world = await rulesWorld();
  const file = `groups:
  - name: one
    interval: 30s
    rules:
      - alert: HighCPUUsage
        expr: "cpu.load > 0.8"
        for: 5m
        labels: {severity: warning, team: infrastructure}
        annotations: {summary: "High CPU on {{ host }}"}
  - name: two
    rules: [{record: a:b, expr: sum(up)}]
`;
  const made = await world.send<AlertRuleJson[]>("POST", RULES, file);
  equal(made.status, 201);
  deepEqual(
    made.body.map(({ name, interval }) => [name, interval]),
    [
      ["HighCPUUsage", "30s"],
      ["a:b", "15s"],
    ],
  );
  const again = file.replace("one", "three");
  match(await world.refusal("POST", RULES, again), /^409 there is a rule "two" already/);
  equal((await world.list("?source=api")).length, 2);
});

test("a rule of a group is found by its name, and changed with its group alone", async () => {
  const world = await rulesWorld();
  const rules = ["A", "B"].map((alert) => ({ alert, expr: "up == 0" }));
  await world.send("POST", `${RULES}?namespace=team`, { name: "g", rules });
  const { status, body } = await world.send("GET", `${RULES}/B`);
  deepEqual([status, body.name, body.provenance.group], [200, "B", "g"]);
  const versions = await world.send<readonly RuleVersionJson[]>("GET", `${RULES}/B/versions`);
  deepEqual(
    versions.body.map((version) => version.rules.map(({ name }) => name)),
    [["A", "B"]],
  );
  const refused = `409 the rule "B" is in the group "g" of "team", which is changed as a whole: its id is ${body.id}`;
  equal(await world.refusal("PUT", `${RULES}/B`, rules[1]), refused);
  equal(await world.refusal("DELETE", `${RULES}/B`), refused);
  equal(await world.refusal("POST", `${RULES}/B/disable`), refused);
  const kept = { name: "g", rules: rules.slice(0, 1) };
  equal((await world.send("PUT", `${RULES}/${body.id}`, kept)).status, 200);
  equal(await world.refusal("GET", `${RULES}/B`), '404 there is no rule "B"');
});

test("a page of another site changes nothing", async () => {
  const world = await rulesWorld();
  const headers = { Origin: "http://evil.example" };
  for (const [method, path] of [
    ["POST", RULES],
    ["POST", "/api/v1/alerts/test"],
    ["POST", "/config/v1/rules/a"],
    ["DELETE", "/config/v1/rules/a"],
  ] as const)
    equal((await world.send(method, path, '{"alert":"A","expr":"up"}', headers)).status, 403);
  equal((await world.list("?source=api")).length, 0);
});

test("a test says whether the rule would fire now, with the series that do", async () => {
  const world = await rulesWorld();
  await world.write({ __name__: "load", host: "a" }, 600, () => 0.9);
  await world.write({ __name__: "load", host: "b" }, 600, (i) => (i > 540 ? 0.9 : 0.1));
  const rule = {
    ...{ alert: "HighLoad", expr: "load > 0.8", for: "5m" },
    annotations: { summary: "{{ host }} at {{ value }}" },
  };
  const { body } = await world.send<RuleTestJson>("POST", "/api/v1/alerts/test", rule);
  equal(body.would_fire, true);
  equal(body.value, "0.9");
  deepEqual(
    body.alerts.map(({ labels, state, annotations }) => [
      labels["host"],
      state,
      annotations["summary"],
    ]),
    [
      ["a", "firing", "a at 0.9"],
      ["b", "pending", "b at 0.9"],
    ],
  );
  ok(body.cost.actual.samples > 0 && body.cost.actual.series === 2);
  const never = await world.send<RuleTestJson>("POST", "/api/v1/alerts/test", {
    ...rule,
    expr: "load > 2",
  });
  deepEqual([never.body.would_fire, never.body.value, never.body.alerts], [false, null, []]);
  equal((await world.list("?source=api")).length, 0);
});

test("a test answers what the annotations of the rule ask of the store", async () => {
  const world = await rulesWorld();
  await world.write({ __name__: "up", job: "a" }, 5, () => 0);
  await world.write({ __name__: "load", host: "x" }, 5, () => 3);
  await world.write({ __name__: "load", host: "y" }, 5, () => Number.POSITIVE_INFINITY);
  const reply = await world.send<RuleTestJson>("POST", "/api/v1/alerts/test?replay=10m", {
    ...{ alert: "Down", expr: "up == 0" },
    annotations: {
      hosts: '{{ range query "sort_desc(load)" }}{{ .Labels.host }}={{ .Value }} {{ end }}',
      count: `{{ with printf "count(up{job='%s'})" $labels.job | query }}{{ . | first | value }}{{ end }}`,
      scalar: '{{ query "1 + 1" | first | value }}',
      wrong: '{{ query "up[5m]" }}',
      bad: '{{ query "up +" }}',
    },
  });
  const { wrong, bad, ...good } = reply.body.alerts[0]?.annotations ?? {};
  deepEqual(good, { hosts: "y=+Inf x=3 ", count: "1", scalar: "2" });
  match(wrong ?? "", /^<error expanding template: .* query result is not a vector or scalar>$/);
  match(bad ?? "", /^<error expanding template: .*parse error: unexpected end of input>$/);
});

test("a replay says when the rule would have fired, and how often people would have been told", async () => {
  const world = await rulesWorld();
  // Half an hour: above the threshold from minute 5 to 10 and from minute 20 on.
  const high = (i: number): boolean => (i >= 300 && i < 600) || i >= 1200;
  await world.write({ __name__: "load", host: "a" }, 1801, (i) => (high(i) ? 0.9 : 0.1));
  const rule = { alert: "HighLoad", expr: "load > 0.8", for: "1m", interval: "15s" };
  const path = "/api/v1/alerts/test?replay=30m";
  const { body } = await world.send<RuleTestJson>("POST", path, rule);
  const { replay } = body;
  equal(replay?.firings, 2);
  const startMs = NOW_MS - 1800 * 1000;
  const minutes = (time: string | null | undefined): number =>
    Math.round(((Date.parse(time ?? "") - startMs) / MINUTE) * 4) / 4;
  deepEqual(
    replay?.intervals.map(({ pending_at, start, end }) =>
      [pending_at, start, end].map((time) => (time === null ? null : minutes(time))),
    ),
    [
      [5, 6, 10],
      [20, 21, null],
    ],
  );
  equal(replay?.notifications, 3);
  deepEqual(replay?.notifications_by_receiver, { team: 3 });
  equal(replay?.step, "15s");
  ok((replay?.cost.estimated.samples ?? 0) > 0);
});

test("a replay of more evaluations than a range query has steps is the same as its parts", async () => {
  const world = await rulesWorld();
  await world.write({ __name__: "load", host: "a" }, 25_000, (i) => (i % 10_000 < 5000 ? 1 : 0));
  const rule = { alert: "HighLoad", expr: "load == 1", interval: "1s" };
  const { body } = await world.send<RuleTestJson>(
    "POST",
    "/api/v1/alerts/test?replay=24999s",
    rule,
  );
  deepEqual(
    body.replay?.intervals.map(({ start, end }) =>
      [start, end].map((time) =>
        time === null ? null : (Date.parse(time) - NOW_MS) / 1000 + 24_999,
      ),
    ),
    [
      [0, 5299],
      [10_000, 15_299],
      [20_000, null],
    ].map(([start, end]) => [start, end === null ? null : (end ?? 0) - 299]),
  );
});

test("the ruler's paths take, give and delete groups in YAML", async () => {
  const world = await rulesWorld();
  const group =
    "name: g\ninterval: 30s\nrules:\n  - alert: A\n    expr: up == 0\n    for: 5m\n    labels: {severity: page}\n";
  for (const base of ["/prometheus/config/v1/rules", "/config/v1/rules", "/api/v1/rules"]) {
    const none = await world.send<string>("GET", `${base}/team%2Fa`);
    deepEqual([none.status, none.body], [404, "no rule groups found\n"]);
    equal((await world.send("POST", `${base}/team%2Fa`, group)).status, 202);
    equal((await world.send("POST", `${base}/team%2Fa`, group)).status, 202);
    const one = await world.send<string>("GET", `${base}/team%2Fa/g`);
    equal(one.headers.get("Content-Type"), "application/yaml");
    deepEqual(parseYaml(one.body), parseYaml(group));
    const space = await world.send<string>("GET", `${base}/team%2Fa`);
    deepEqual(parseYaml(space.body), { "team/a": [parseYaml(group)] });
    equal((await world.send("DELETE", `${base}/team%2Fa/g`)).status, 202);
    const gone = await world.send<string>("DELETE", `${base}/team%2Fa/g`);
    deepEqual([gone.status, gone.body], [404, "group does not exist\n"]);
  }
  await world.send("POST", "/config/v1/rules/b", group);
  await world.send("POST", "/config/v1/rules/a", group);
  const all = await world.send<string>("GET", "/prometheus/config/v1/rules");
  deepEqual(Object.keys(parseYaml(all.body) as object), ["a", "b"]);
  equal((await world.send("DELETE", "/config/v1/rules/a")).status, 202);
  equal((await world.send("DELETE", "/config/v1/rules/a")).status, 404);
  const wrong = await world.send<string>(
    "POST",
    "/config/v1/rules/a",
    "name: g\nrules: [{alert: A, expr: 'up ='}]",
  );
  equal(wrong.status, 400);
  match(wrong.body, /^rule:2:\d+: rules\[0\]\.expr: could not parse expression/);
});

test("a group of Mimir's keeps its evaluation_delay, and is refused where it reads other tenants", async () => {
  const world = await rulesWorld();
  const rules = "rules:\n  - alert: A\n    expr: up == 0\n";
  const mimir = `name: g\nevaluation_delay: 1m\nsource_tenants: []\nalign_evaluation_time_on_interval: true\n${rules}`;
  equal((await world.send("POST", "/config/v1/rules/a", mimir)).status, 202);
  const kept = await world.send<string>("GET", "/config/v1/rules/a/g");
  deepEqual(parseYaml(kept.body), parseYaml(`name: g\nquery_offset: 1m\n${rules}`));
  const made = await world.send<AlertRuleJson>("POST", `${RULES}?replace=true`, mimir);
  match(String(Reflect.get(made.body, "0").warnings), /align_evaluation_time_on_interval is not/);
  const other = `name: g\nsource_tenants: [b]\n${rules}`;
  const refused = await world.send<string>("POST", "/config/v1/rules/a", other);
  deepEqual(
    [refused.status, refused.body],
    [400, "rule:2:17: source_tenants: there is one tenant: a group reads of no others\n"],
  );
});

test("below /prometheus there is Mimir's API, where the rules are those of the ruler by namespace", async () => {
  const world = await rulesWorld();
  const group = "name: g\nrules:\n  - alert: A\n    expr: up == 0\n";
  equal((await world.send("POST", "/prometheus/config/v1/rules/team%2Fa", group)).status, 202);
  const groupsAt = async (path: string): Promise<string[]> => {
    type Rules = { data: { groups: { file: string; name: string }[] } };
    const { body } = await world.send<Rules>("GET", path);
    return body.data.groups.map(({ file, name }) => `${file} ${name}`);
  };
  deepEqual(await groupsAt("/prometheus/api/v1/rules"), ["team/a g"]);
  deepEqual(await groupsAt("/prometheus/api/v1/rules?file[]=team%2Fa"), ["team/a g"]);
  deepEqual(await groupsAt("/prometheus/api/v1/rules?type=record"), []);
  deepEqual(await groupsAt("/api/v1/rules"), ["/etc/pharos/rules.yml hosts", "api:team/a g"]);
  type Build = { data: { version: string; features?: { ruler_config_api: string } } };
  const build = await world.send<Build>("GET", "/prometheus/api/v1/status/buildinfo");
  equal(build.body.data.features?.ruler_config_api, "true");
  equal((await world.send<Build>("GET", "/api/v1/status/buildinfo")).body.data.features, undefined);
  await world.write({ __name__: "up", job: "a" }, 5, () => 1);
  const query = `query=${encodeURIComponent('up{job="a"}')}&time=${NOW_MS / 1000}`;
  const plain = await world.app.request(`/api/v1/query?${query}`);
  const below = await world.app.request(`/prometheus/api/v1/query?${query}`);
  const posted = await world.app.request("/prometheus/api/v1/query", {
    ...{ method: "POST", body: query },
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  });
  const answer = await plain.text();
  match(answer, /"job":"a"/);
  deepEqual([await below.text(), await posted.text()], [answer, answer]);
  equal((await world.send("GET", "/prometheus/api/v1/nothing")).status, 404);
  equal((await world.send("POST", "/prometheus/api/v1/rules")).status, 405);
});
