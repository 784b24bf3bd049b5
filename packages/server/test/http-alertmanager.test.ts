import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import {
  alertGroupSchema,
  alertmanagerStatusSchema,
  gettableAlertSchema,
  gettableSilenceSchema,
  receiversSchema,
} from "@pharos/api";
import { createMatcher } from "@pharos/base";
import fc from "fast-check";
import { z } from "zod";
import { AlertmanagerWorld, type ShownAlert } from "./alertmanager-world.ts";
import { NOW_MS } from "./http-world.ts";

const CONFIG = `
global: {slack_api_url: "https://hooks.slack.test/s3cr3t"}
route:
  receiver: default
  group_by: [alertname]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 1h
  routes:
    - {receiver: team-a, matchers: ['team="a"'], continue: true}
    - {receiver: team-b, matchers: ['team=~"a|b"']}
    - {receiver: night, matchers: ['team="night"'], mute_time_intervals: [always]}
receivers:
  - {name: default, webhook_configs: [{url: "http://hook.test/s3cr3t"}]}
  - {name: team-a, labels: {owner: a}, slack_configs: [{channel: "#a"}]}
  - {name: team-b, labels: {owner: b}}
  - {name: night}
time_intervals: [{name: always, time_intervals: [{years: ["2000:2100"]}]}]
inhibit_rules:
  - {source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [alertname]}
`;
const JSON_TYPE = { "Content-Type": "application/json" };
const UNKNOWN_ID = "4b1e0b7c-0000-4000-8000-000000000000";
const iso = (ms: number): string => new Date(ms).toISOString();
const matcher = (name: string, value: string, change: object = {}): object => ({
  ...{ name, value, isRegex: false, isEqual: true },
  ...change,
});

/** `alertname` and state, in order. */
function states(alerts: readonly ShownAlert[]): readonly string[] {
  return alerts.map(({ labels, status }) => `${labels["alertname"]} ${status.state}`).toSorted();
}

test("the status tells versions, and the configuration without its secrets", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const status = alertmanagerStatusSchema.parse(await world.ask("/status"));
  deepEqual(status.cluster, { peers: [], status: "disabled" });
  equal(status.uptime, iso(NOW_MS - 60_000));
  equal(status.versionInfo.goVersion, "node 26");
  match(status.config.original, /slack_api_url: <secret>/);
  match(status.config.original, /url: http:\/\/<secret>/);
  ok(!status.config.original.includes("s3cr3t"));
});

test("servers on one database are a cluster", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG, "host-1:9090");
  const { cluster } = alertmanagerStatusSchema.parse(await world.ask("/status"));
  deepEqual(cluster, {
    name: "host-1:9090",
    peers: [{ name: "host-1:9090", address: "host-1:9090" }],
    status: "ready",
  });
});

test("receivers are listed with their labels, and found by them", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const all = receiversSchema.parse(await world.ask("/receivers"));
  deepEqual(all, [
    { name: "default" },
    { labels: { owner: "a" }, name: "team-a" },
    { labels: { owner: "b" }, name: "team-b" },
    { name: "night" },
  ]);
  const found = await world.ask("/receivers?receiver_matchers=owner%3D~%22a|c%22");
  deepEqual(found, [{ labels: { owner: "a" }, name: "team-a" }]);
});

test("an alert is shown as it was posted, with the times that it did not say", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const posted = {
    labels: { alertname: "A", team: "a", empty: "" },
    annotations: { summary: "it is bad" },
    generatorURL: "http://prometheus.test/graph?g0.expr=up",
  };
  equal((await world.call("POST", "/alerts", [posted])).body, undefined);
  const shown = z.array(gettableAlertSchema).parse(await world.ask("/alerts"));
  deepEqual(shown, [
    {
      annotations: { summary: "it is bad" },
      endsAt: iso(NOW_MS + 300_000),
      // As Alertmanager has it for these labels.
      fingerprint: "a0c07763372b5353",
      receivers: [{ name: "team-a" }, { name: "team-b" }],
      startsAt: iso(NOW_MS),
      status: { inhibitedBy: [], mutedBy: [], silencedBy: [], state: "active" },
      updatedAt: iso(NOW_MS),
      generatorURL: "http://prometheus.test/graph?g0.expr=up",
      labels: { alertname: "A", team: "a" },
    },
  ]);
});

test("an alert of a rule that fires has an end as if it had just been posted", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  await world.dispatcher.update([
    {
      ...{ labels: [["alertname", "A"]], annotations: [], generatorUrl: "" },
      ...{ startsAtMs: NOW_MS - 60_000, endsAtMs: null },
    },
  ]);
  await world.pass(600_000);
  const [shown] = await world.ask<readonly ShownAlert[]>("/alerts");
  equal(shown?.startsAt, iso(NOW_MS - 60_000));
  equal(shown?.endsAt, iso(NOW_MS + 900_000));
});

test("no name of a label is too odd to be kept", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const body = '[{"labels":{"__proto__":"a","constructor":"b"},"annotations":{"__proto__":"c"}}]';
  equal((await world.call("POST", "/alerts", body, JSON_TYPE)).status, 200);
  const [shown] = await world.ask<readonly ShownAlert[]>("/alerts");
  deepEqual(Object.entries(shown?.labels ?? {}), [
    ["__proto__", "a"],
    ["constructor", "b"],
  ]);
  deepEqual(Object.entries(shown?.annotations ?? {}), [["__proto__", "c"]]);
});

test("more alerts than a request may have are refused, and none is taken", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const summary = "x".repeat(1024 * 1024);
  const alerts = Array.from({ length: 11 }, (_, i) => ({
    labels: { alertname: `A${i}` },
    annotations: { summary },
  }));
  const { status, body } = await world.call("POST", "/alerts", alerts);
  equal(status, 413);
  match(String(body), /at most 10485760 bytes/);
  deepEqual(await world.ask("/alerts"), []);
});

test("times are taken in every form that Go's programs write", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const startsAt = {
    nanoseconds: "2025-12-31T23:00:00.123456789Z",
    zone: "2026-01-01T00:00:00+02:00",
    zero: "0001-01-01T00:00:00Z",
    none: "",
    blank: "2025-12-31 22:00:00",
  };
  const alerts = Object.entries(startsAt).map(([alertname, time]) => ({
    labels: { alertname },
    ...{ startsAt: time, endsAt: "0001-01-01T00:00:00.000Z" },
  }));
  equal((await world.call("POST", "/alerts", alerts)).status, 200);
  const shown = await world.ask<readonly ShownAlert[]>("/alerts");
  const times = shown.map(({ labels, startsAt: time }) => [labels["alertname"] ?? "", time]);
  deepEqual(Object.fromEntries(times), {
    nanoseconds: "2025-12-31T23:00:00.123Z",
    zone: "2025-12-31T22:00:00.000Z",
    ...{ zero: iso(NOW_MS), none: iso(NOW_MS), blank: "2025-12-31T22:00:00.000Z" },
  });
});

test("of several alerts those that are right are taken, and all that is wrong is told", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const { status, body } = await world.call("POST", "/alerts", [
    { labels: { alertname: "A" } },
    { labels: {} },
    {
      labels: { alertname: "B" },
      startsAt: "2030-01-01T00:00:00Z",
      endsAt: "2029-01-01T00:00:00Z",
    },
    { labels: { alertname: "C" } },
  ]);
  equal(status, 400);
  equal(body, "at least one label pair required; start time must be before end time");
  deepEqual(states(await world.ask("/alerts")), ["A active", "C active"]);
});

/** Bodies that Alertmanager refuses, and how. What its JSON parser says is ours to word. */
const PARSING = { code: 400, message: /^parsing (alerts|silence) body from "" failed, because ./ };
/** The same for a reason that is told. */
function parsing(reason: string): RegExp {
  return new RegExp(`"code":400,"message":"parsing alerts body from .* failed, because ${reason}`);
}
const REFUSED_ALERTS: readonly (readonly [body: string, number, unknown])[] = [
  ["x", 400, PARSING],
  ["{}", 400, PARSING],
  ['[{"labels":{"a":1}}]', 400, parsing("0.labels.a: Invalid input: expected string")],
  ['[{"labels":[]}]', 400, parsing("0.labels: Invalid input: expected record")],
  [
    '[{"labels":{},"annotations":{"b":"","__proto__":{}}}]',
    400,
    parsing("0.annotations.__proto__: Invalid input: expected string"),
  ],
  ['["a"]', 400, PARSING],
  ['[{"labels":{"a":"b"},"startsAt":"yesterday"}]', 400, PARSING],
  ['[{"labels":{"a":"b"},"endsAt":"2026-02-30T00:00:00Z"}]', 400, PARSING],
  ["", 422, { code: 602, message: "alerts in body is required" }],
  ["[{}]", 422, { code: 602, message: "0.labels in body is required" }],
  ["[null]", 422, { code: 602, message: "0 in body is required" }],
  [
    '[{"labels":{"a":"b"}},{"labels":{"a":"b"},"generatorURL":"::"}]',
    422,
    { code: 601, message: '1.generatorURL in body must be of type uri: "::"' },
  ],
];

const TIMES = `"startsAt":"${iso(NOW_MS)}","endsAt":"${iso(NOW_MS + 60_000)}"`;
const BY = '"createdBy":"me","comment":"c"';
const silenceBody = (matchers: string, rest = `${TIMES},${BY}`): string =>
  `{"matchers":${matchers},${rest}}`;
const BODY = {
  ...{ startsAt: iso(NOW_MS), endsAt: iso(NOW_MS + 60_000) },
  ...{ createdBy: "me", comment: "c" },
};
const GOOD = '[{"name":"a","value":"b","isRegex":false}]';
const REFUSED_SILENCES: readonly (readonly [body: string, number, unknown])[] = [
  ["x", 400, PARSING],
  ["[]", 400, PARSING],
  ['{"matchers":"x"}', 400, PARSING],
  [silenceBody('[{"name":"a","value":"b","isRegex":"x"}]'), 400, PARSING],
  [silenceBody(GOOD, `"startsAt":1,"endsAt":"${iso(NOW_MS)}",${BY}`), 400, PARSING],
  [silenceBody(GOOD, `"startsAt":"x","endsAt":"${iso(NOW_MS)}",${BY}`), 400, PARSING],
  ["", 422, { code: 602, message: "silence in body is required" }],
  ["{}", 422, { code: 602, message: "comment in body is required" }],
  [silenceBody(GOOD, TIMES), 422, { code: 602, message: "comment in body is required" }],
  [silenceBody("[]"), 422, { code: 612, message: "matchers in body should have at least 1 items" }],
  [
    silenceBody('[{"name":"a"}]'),
    422,
    { code: 602, message: "matchers.0.isRegex in body is required" },
  ],
  [
    silenceBody(GOOD, `"startsAt":null,"endsAt":"${iso(NOW_MS)}",${BY}`),
    422,
    { code: 602, message: "startsAt in body is required" },
  ],
  [
    silenceBody(GOOD, `"startsAt":"${iso(NOW_MS)}","endsAt":"${iso(NOW_MS - 1)}",${BY}`),
    400,
    "Failed to create silence: start time must be before end time",
  ],
  [
    silenceBody(GOOD, `"startsAt":"${iso(NOW_MS - 9)}","endsAt":"${iso(NOW_MS - 1)}",${BY}`),
    400,
    "Failed to create silence: end time can't be in the past",
  ],
  [
    silenceBody('[{"name":"a","value":"","isRegex":false}]'),
    400,
    "silence invalid: at least one matcher must not match the empty string",
  ],
  [
    silenceBody('[{"name":"","value":"b","isRegex":false}]'),
    400,
    'silence invalid: invalid label matcher 0: invalid label name ""',
  ],
  [
    silenceBody('[{"name":"a","value":"[","isRegex":true}]'),
    400,
    /^silence invalid: invalid label matcher 0: error parsing regexp: missing closing \]/,
  ],
  [silenceBody(GOOD, `"id":"${UNKNOWN_ID}",${TIMES},${BY}`), 404, "silence not found"],
  [silenceBody(GOOD, `"id":"nope",${TIMES},${BY}`), 404, "silence not found"],
];

function isAsWanted(body: unknown, wanted: unknown): void {
  if (wanted instanceof RegExp)
    match(typeof body === "string" ? body : JSON.stringify(body), wanted);
  else if (wanted === PARSING) {
    const { code, message } = body as { code: number; message: string };
    equal(code, PARSING.code);
    match(message, PARSING.message);
  } else deepEqual(body, wanted);
}

for (const [path, refused] of [
  ["/alerts", REFUSED_ALERTS],
  ["/silences", REFUSED_SILENCES],
] as const)
  for (const [body, status, wanted] of refused)
    test(`POST ${path} of ${body} is refused as Alertmanager does`, async () => {
      await using world = await AlertmanagerWorld.open(CONFIG);
      const answered = await world.call("POST", path, body, JSON_TYPE);
      equal(answered.status, status);
      isAsWanted(answered.body, wanted);
      deepEqual(await world.ask(path), []);
      deepEqual(world.http.bugs, []);
    });

test("nothing is a list of alerts, too, as Go has it", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  for (const body of ["[]", "null"])
    equal((await world.call("POST", "/alerts", body, JSON_TYPE)).status, 200);
});

test("whatever JSON comes, the answer is one of the contract's and nothing breaks", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const field = fc.oneof(fc.json({ maxDepth: 2 }), fc.constant(`"${iso(NOW_MS)}"`));
  const keys = ["labels", "annotations", "startsAt", "endsAt", "matchers", "comment", "createdBy"];
  const object = fc
    .dictionary(fc.constantFrom(...keys, "__proto__", "id", "generatorURL"), field)
    .map((fields) => `{${Object.entries(fields).map(([k, v]) => `${JSON.stringify(k)}:${v}`)}}`);
  const body = fc.oneof(
    fc.json(),
    object,
    object.map((one) => `[${one}]`),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom("/alerts", "/silences"), body, async (path, text) => {
      const { status } = await world.call("POST", path, text, JSON_TYPE);
      ok([200, 400, 404, 422].includes(status), `${status}`);
      deepEqual(world.http.bugs, []);
    }),
    { numRuns: 300 },
  );
});

test("alerts are found by matchers, by receiver, and by what suppresses them", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  await world.fire(
    { alertname: "A", severity: "critical" },
    { alertname: "A", severity: "warning" },
    { alertname: "B", team: "a" },
    { alertname: "C", team: "b" },
  );
  const id = await world.silence([matcher("alertname", "C")]);
  const found = async (query: string): Promise<readonly string[]> =>
    states(await world.ask(`/alerts?${query}`));
  deepEqual(await found(""), ["A active", "A suppressed", "B active", "C suppressed"]);
  deepEqual(await found("filter=alertname%3DA&filter=severity!%3Dwarning"), ["A active"]);
  deepEqual(await found("filter=team%3D~%22a|b%22"), ["B active", "C suppressed"]);
  deepEqual(await found("filter=team%3D%22%22&active=false"), ["A suppressed"]);
  deepEqual(await found("silenced=false"), ["A active", "A suppressed", "B active"]);
  deepEqual(await found("inhibited=false"), ["A active", "B active", "C suppressed"]);
  deepEqual(await found("active=no&inhibited=off"), ["C suppressed"]);
  deepEqual(await found("active=&silenced=YES&unprocessed=false"), [
    ...["A active", "A suppressed", "B active", "C suppressed"],
  ]);
  deepEqual(await found("receiver=team-(a|b)"), ["B active", "C suppressed"]);
  deepEqual(await found("receiver=team"), [], "the whole name must match");
  deepEqual(await found("receiver_matchers=owner%3Da"), ["B active"]);
  const [silenced] = await world.ask<readonly ShownAlert[]>("/alerts?filter=alertname%3DC");
  deepEqual(silenced?.status.silencedBy, [id]);
  const [inhibited] = await world.ask<readonly ShownAlert[]>("/alerts?filter=severity%3Dwarning");
  const [source] = await world.ask<readonly ShownAlert[]>("/alerts?filter=severity%3Dcritical");
  deepEqual(inhibited?.status.inhibitedBy, [source?.fingerprint]);
});

for (const [query, wanted] of [
  ["filter=a", /a: .*expected =, !=, =~ or !~/],
  ["filter=%7Ba%3D%22b%22%7D", /\{ around a single matcher/],
  ["filter=a%3D~%22%5B%22", /missing closing \]/],
  ["receiver=(", /^failed to parse receiver param: error parsing regexp: missing closing \)/],
  ["receiver_matchers=x", /expected =/],
] as const)
  test(`alerts and groups with ${query} are refused with the reason`, async () => {
    await using world = await AlertmanagerWorld.open(CONFIG);
    for (const path of ["/alerts", "/alerts/groups"]) {
      const { status, body } = await world.call("GET", `${path}?${query}`);
      equal(status, 400);
      match(String(body), wanted);
    }
  });

test("an alert in two routes is in two groups, each with all of its receivers", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  await world.fire({ alertname: "A", team: "a" }, { alertname: "A", team: "night" });
  const groups = z.array(alertGroupSchema).parse(await world.ask("/alerts/groups"));
  deepEqual(
    groups.map(({ receiver, labels }) => [receiver.name, labels]),
    ["night", "team-a", "team-b"].map((name) => [name, { alertname: "A" }]),
  );
  deepEqual(groups[1]?.alerts[0]?.receivers, [{ name: "team-a" }, { name: "team-b" }]);
  deepEqual(groups[0]?.alerts[0]?.status, {
    ...{ inhibitedBy: [], mutedBy: ["always"], silencedBy: [], state: "suppressed" },
  });
  const receivers = async (query: string): Promise<readonly string[]> =>
    z
      .array(alertGroupSchema)
      .parse(await world.ask(`/alerts/groups?${query}`))
      .map(({ receiver }) => receiver.name);
  deepEqual(await receivers("muted=false"), ["team-a", "team-b"]);
  deepEqual(await receivers("receiver=team-a"), ["team-a"]);
  deepEqual(await receivers("receiver_matchers=owner%3Db"), ["team-b"]);
  deepEqual(await receivers("filter=team%3Dnight"), ["night"]);
  await world.silence([matcher("team", "a")]);
  deepEqual(await receivers("silenced=false"), ["night"]);
});

test("a silence is shown as it was made, until it is ended", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const annotations = { ticket: "OPS-1" };
  const id = await world.silence([matcher("team", "a|b", { isRegex: true, isEqual: false })], {
    annotations,
  });
  const shown = gettableSilenceSchema.parse(await world.ask(`/silence/${id}`));
  deepEqual(shown, {
    id,
    status: { state: "active" },
    updatedAt: iso(NOW_MS),
    ...{ annotations, comment: "test", createdBy: "ann" },
    endsAt: iso(NOW_MS + 3_600_000),
    matchers: [{ name: "team", value: "a|b", isRegex: true, isEqual: false }],
    startsAt: iso(NOW_MS),
  });
  deepEqual(await world.ask("/silences"), [shown]);
  equal((await world.call("DELETE", `/silence/${id}`)).status, 200);
  const ended = gettableSilenceSchema.parse(await world.ask(`/silence/${id}`));
  deepEqual([ended.status.state, ended.endsAt], ["expired", iso(NOW_MS)]);
  equal((await world.call("DELETE", `/silence/${id}`)).status, 200, "again, it changes nothing");
});

test("what is no silence is not found, and what is no id is said to be none", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  for (const method of ["GET", "DELETE"]) {
    const unknown = await world.call(method, `/silence/${UNKNOWN_ID}`);
    deepEqual([unknown.status, unknown.body], [404, undefined]);
    const invalid = await world.call(method, "/silence/nope");
    equal(invalid.status, 422);
    const message = 'silenceID in path must be of type uuid: "nope"';
    deepEqual(invalid.body, { code: 601, message });
  }
});

test("silences come in the order in which people look for them", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const hours = (count: number): string => iso(NOW_MS + count * 3_600_000);
  const add = (comment: string, from: number, to: number): Promise<string> =>
    world.silence([matcher("a", comment)], { comment, startsAt: hours(from), endsAt: hours(to) });
  await add("later", 5, 6);
  await add("long", 0, 9);
  await add("soon", 2, 9);
  await add("short", 0, 3);
  for (const comment of ["gone", "just gone"]) {
    const id = await add(comment, 0, 1);
    await world.pass(1000);
    await world.call("DELETE", `/silence/${id}`);
  }
  const comments = async (query: string): Promise<readonly unknown[]> =>
    (await world.ask<readonly { comment: string }[]>(`/silences?${query}`)).map(
      ({ comment }) => comment,
    );
  deepEqual(await comments(""), ["short", "long", "soon", "later", "just gone", "gone"]);
  deepEqual(await comments("active=false&expired=false"), ["soon", "later"]);
  deepEqual(await comments("pending=false&expired=false"), ["short", "long"]);
  deepEqual(await comments("filter=a%3Dlong"), ["long"]);
  deepEqual(await comments("filter=a%3D~long"), []);
  deepEqual(await comments("creator=ann&filter=a%3Dsoon"), ["soon"]);
  deepEqual(await comments("creator=bob"), []);
  equal((await world.call("GET", "/silences?filter=x")).status, 400);
});

test("a client that knows of no recurrence changes a recurring silence and leaves it recurring", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const recurrence = { rrule: "FREQ=DAILY", durationMs: 3_600_000, timeZone: "UTC" };
  const { id } = await world.silences.set({
    matchers: [createMatcher("=", "team", "a")],
    ...{ startsAtMs: NOW_MS, endsAtMs: NOW_MS + 30 * 86_400_000 },
    ...{ createdBy: "ann", comment: "each night", recurrence },
  });
  const shown = gettableSilenceSchema.parse(await world.ask(`/silence/${id}`));
  deepEqual(shown.recurrence, { rrule: "FREQ=DAILY", duration: "1h", timeZone: "UTC" });
  const { recurrence: _, status, updatedAt, ...known } = shown;
  const answered = await world.call("POST", "/silences", { ...known, comment: "every night" });
  deepEqual(answered.body, { silenceID: id });
  const changed = gettableSilenceSchema.parse(await world.ask(`/silence/${id}`));
  deepEqual([changed.comment, changed.recurrence], ["every night", shown.recurrence]);
});

test("nobody is told of an alert while a silence hides it, and everybody when that ends", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const id = await world.silence([matcher("alertname", "A")]);
  await world.fire({ alertname: "A" }, { alertname: "B" });
  await world.pass(10_000);
  deepEqual(world.heard(), ["B firing"]);
  await world.call("DELETE", `/silence/${id}`);
  await world.pass(2000);
  deepEqual(world.heard(), ["A firing"]);
});

test("nobody is told of an alert that another one inhibits, nor if both begin together", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  await world.fire(
    { alertname: "A", severity: "warning" },
    { alertname: "A", severity: "critical" },
    { alertname: "B", severity: "warning" },
  );
  await world.pass(5000);
  deepEqual(world.heard().toSorted(), ["A firing", "B firing"]);
});

test("an alert that ends together with what inhibited it is told as resolved, as Alertmanager does", async () => {
  await using world = await AlertmanagerWorld.open(`
route: {receiver: default, group_wait: 1s, group_interval: 1s}
receivers: [{name: default, webhook_configs: [{url: "http://hook.test"}]}]
inhibit_rules:
  - {source_match: {alertname: JobDown}, target_match: {alertname: InstanceDown}, equal: [job, zone]}
`);
  const alerts = ["JobDown", "InstanceDown"].map((alertname) => ({
    alertname,
    job: "j",
    zone: "a",
  }));
  await world.fire(...alerts, { alertname: "InstanceDown", job: "j", zone: "b" });
  await world.pass(2000);
  deepEqual(world.heard().toSorted(), ["InstanceDown firing", "JobDown firing"]);
  const endsAt = iso(world.http.clock.nowMs());
  await world.call(
    "POST",
    "/alerts",
    alerts.map((labels) => ({ labels, endsAt })),
  );
  await world.pass(2000);
  deepEqual(world.heard().toSorted(), [
    ...["InstanceDown firing", "InstanceDown resolved", "JobDown resolved"],
  ]);
});

test("a rule of inhibition that says nothing inhibits nothing", async () => {
  await using world = await AlertmanagerWorld.open(`
route: {receiver: default, group_wait: 1s}
receivers: [{name: default, webhook_configs: [{url: "http://hook.test"}]}]
inhibit_rules: [{}]
`);
  await world.fire({ alertname: "A" }, { alertname: "B" });
  await world.pass(2000);
  deepEqual(world.heard().toSorted(), ["A firing", "B firing"]);
});

test("whatever is asked for, the answer is a list or the reason why there is none", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  await world.fire({ alertname: "A" });
  const names = ["filter", "receiver", "receiver_matchers", "active", "muted", "creator"];
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom('a="b"', "(", "{", "a=~["));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("/alerts", "/alerts/groups", "/silences", "/receivers"),
      fc.array(fc.tuple(fc.constantFrom(...names), text), { maxLength: 4 }),
      async (path, parameters) => {
        const query = new URLSearchParams(parameters.map(([name, value]) => [name, value]));
        const { status, body } = await world.call("GET", `${path}?${query}`);
        ok(status === 200 ? Array.isArray(body) : status === 400 && typeof body === "string");
        deepEqual(world.http.bugs, []);
      },
    ),
    { numRuns: 300 },
  );
});

test("names and values may be any text: of alerts, of silences, and in routes", async () => {
  await using world = await AlertmanagerWorld.open(`
route:
  {receiver: default, group_wait: 1s, routes: [{receiver: utf8, matchers: ['"名前"="本番🙂"']}]}
receivers: [{name: default}, {name: utf8, webhook_configs: [{url: "http://hook.test"}]}]
`);
  await world.fire({ alertname: "Ümläut", 名前: "本番🙂", "a b": "c" });
  const filter = encodeURIComponent('"名前"="本番🙂"');
  const [shown] = await world.ask<readonly ShownAlert[]>(`/alerts?filter=${filter}`);
  deepEqual(shown?.labels, { alertname: "Ümläut", "a b": "c", 名前: "本番🙂" });
  deepEqual(shown?.receivers, [{ name: "utf8" }]);
  await world.pass(2000);
  deepEqual(world.heard(), ["Ümläut firing"]);
  const id = await world.silence([matcher("名前", "本番🙂")]);
  const [hidden] = await world.ask<readonly ShownAlert[]>("/alerts");
  deepEqual(hidden?.status.silencedBy, [id]);
});

test("everything is below /alertmanager as well", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  await world.call("POST", "/alertmanager/api/v2/alerts", [{ labels: { alertname: "A" } }]);
  deepEqual(await world.ask("/alertmanager/api/v2/alerts"), await world.ask("/alerts"));
  for (const path of ["/-/ready", "/-/healthy", "/metrics"])
    equal((await world.http.get(`/alertmanager${path}`)).status, 200);
  const nothing = await world.call("GET", "/alertmanager/api/v2/nothing");
  deepEqual(nothing.body, {
    code: 404,
    message: "path /alertmanager/api/v2/nothing was not found",
  });
});

test("other methods, paths and types are refused as Alertmanager does", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const put = await world.call("PUT", "/alerts");
  deepEqual([put.status, put.headers.get("Allow")], [405, "GET,POST"]);
  deepEqual(put.body, { code: 405, message: "method PUT is not allowed, but [GET,POST] are" });
  const nothing = await world.call("GET", "/nothing");
  deepEqual(
    [nothing.status, nothing.body],
    [404, { code: 404, message: "path /api/v2/nothing was not found" }],
  );
  const text = await world.call("POST", "/alerts", "[]", { "Content-Type": "text/plain" });
  deepEqual(
    [text.status, text.body],
    [
      415,
      {
        code: 415,
        message: 'unsupported media type "text/plain", only [application/json] are allowed',
      },
    ],
  );
});

test("pages of other sites may read, and change nothing", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const id = await world.silence([matcher("alertname", "A")]);
  const Origin = "http://elsewhere.test";
  const changes = [
    ["POST", "/alerts", [{ labels: { alertname: "A" } }]],
    ["POST", "/silences", {}],
    ["DELETE", `/silence/${id}`, undefined],
  ] as const;
  for (const base of ["", "/alertmanager/api/v2"]) {
    const read = await world.call("GET", `${base}/silences`, undefined, { Origin });
    deepEqual([read.status, read.headers.get("Access-Control-Allow-Origin")], [200, "*"]);
    equal(read.headers.get("Cache-Control"), "no-store");
    for (const [method, path, body] of changes) {
      // A browser that does not say where a page is from asks before all of these, and is told no.
      const asked = await world.call("OPTIONS", base + path, undefined, {
        ...{ Origin, "Access-Control-Request-Method": method },
        "Access-Control-Request-Headers": "content-type",
      });
      equal(asked.headers.get("Access-Control-Allow-Methods"), "GET, OPTIONS");
      ok(!/content-type/i.test(asked.headers.get("Access-Control-Allow-Headers") ?? ""));
      for (const site of ["cross-site", "same-site"]) {
        const headers = { Origin, "Sec-Fetch-Site": site };
        const refused = await world.call(method, base + path, body, headers);
        deepEqual([refused.status, refused.body], [403, "not from a page of another site"]);
      }
    }
    // What it sends without asking: a body that is no JSON, or does not say so.
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "application/octet-stream",
    ])
      for (const path of ["/alerts", "/silences"]) {
        const { status } = await world.call("POST", base + path, "[]", {
          Origin,
          "Content-Type": type,
        });
        equal(status, 415);
      }
  }
  deepEqual(await world.ask("/alerts"), []);
  equal(world.silences.get(id)?.endsAtMs, NOW_MS + 3_600_000);
});

test("a body that does not say what it is is refused", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const body = new Blob(["[]"]);
  const path = "/api/v2/alerts";
  const response = await world.http.app.request(path, { method: "POST", body });
  equal(response.status, 415);
});

test("what Karma hands on of its own pages is done", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const Origin = "http://karma.test:8080";
  for (const headers of [{ Origin }, { Origin, "Sec-Fetch-Site": "same-origin" }]) {
    const body = { ...BODY, matchers: [matcher("alertname", "A")] };
    const made = await world.call("POST", "/silences", body, headers);
    equal(made.status, 200);
    const { silenceID } = made.body as { silenceID: string };
    const ended = await world.call("DELETE", `/silence/${silenceID}`, undefined, headers);
    equal(ended.status, 200);
  }
});
