import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import {
  type Answer,
  ENDPOINTS,
  type Endpoint,
  errorAnswerSchema,
  type Method,
  pushAnswerSchema,
  pushErrorSchema,
  pushRequestSchema,
  successAnswerSchema,
} from "@pharos/api";
import { IngestQueue, parseJsonMetrics, receiveJsonMetrics } from "@pharos/collect";
import type { z } from "zod";
import { jsonMetrics } from "../src/http/ingest.ts";
import { ACKNOWLEDGED, FIRING, filledWorld, RESOLVED } from "./filled-world.ts";
import { HttpWorld, NOW_MS, NOW_SECONDS } from "./http-world.ts";
import { TEST_LINKS } from "./incident-world.ts";

const RANGE = `start=${NOW_SECONDS - 2}&end=${NOW_SECONDS}&step=1`;

const token = (expiresAtMs: number): string =>
  TEST_LINKS.token({ incidentId: FIRING, action: "acknowledge", receiver: "team", expiresAtMs });
const GOOD_TOKEN = token(NOW_MS + 1000);
const OLD_TOKEN = token(NOW_MS);

/** A request for each endpoint that is answered, and one that is refused, with its status: parameters, or a body. */
interface Case {
  readonly path: string;
  /** Where the methods of the path have endpoints of their own. */
  readonly method?: Method;
  readonly good: readonly string[];
  readonly bad?: readonly (readonly [parameters: string, status: number])[];
}

const RULES = "/api/v1/alerts/rules";
const PRIMARY = "/api/v1/oncall/schedules/primary";
/** Of the first thing that is made in the world. */
const OVERRIDE_ID = "00000000-0000-4000-8000-000000000001";

const CASES: readonly Case[] = [
  {
    path: "/api/v1/query",
    good: [
      "query=up&stats=all&limit=5&timeout=5s&lookback_delta=1m",
      "query=1",
      "query='a'",
      "query=up[5m]",
      "query=rate(up[5s])",
      "metric=up&range=1m",
    ],
    bad: [
      ["query=", 400],
      ["query=up&time=x", 400],
      ["query=up&timeout=x", 400],
      ["query=up&limit=-1", 400],
      ["query=up%2Bon(job)group_left up&lookback_delta=x", 400],
      ["metric=up&range=x", 400],
    ],
  },
  {
    path: "/api/v1/query_range",
    good: [`query=up&${RANGE}&stats=true`, `query=1&${RANGE}`],
    bad: [
      ["query=up", 400],
      [`query=up[5m]&${RANGE}`, 400],
      [`query=up&start=5&end=4&step=1`, 400],
      [`query=up&start=0&end=1e9&step=1`, 400],
    ],
  },
  { path: "/api/v1/query_cost", good: [], bad: [["query=(", 400]] },
  { path: "/api/v1/query_range_cost", good: [], bad: [["query=up", 400]] },
  {
    path: "/api/v1/query_explain",
    good: ["query=up", `query=sum(up)*2&${RANGE}&analyze=true&tier=raw`],
    bad: [
      ["query=(", 400],
      ["query=up&tier=2h", 400],
      ["query=up&analyze=x", 400],
    ],
  },
  { path: "/api/v1/query_exemplars", good: ["query=up"], bad: [["query=up{", 400]] },
  { path: "/api/v1/format_query", good: ["query=sum(up)by(job)"], bad: [["", 400]] },
  { path: "/api/v1/parse_query", good: ["query=sum(up)by(job)"], bad: [["query=(", 400]] },
  {
    path: "/api/v1/series",
    good: ["match[]=up", "match[]=up&limit=1&start=0"],
    bad: [
      ["", 400],
      ["match[]={}", 400],
      ["match[]=up&start=x", 400],
    ],
  },
  { path: "/api/v1/labels", good: ["", "match[]=up&limit=1"], bad: [["limit=x", 400]] },
  {
    path: "/api/v1/label/job/values",
    good: ["", "match[]=up&limit=1"],
    bad: [["match[]=up[5m]", 400]],
  },
  { path: "/api/v1/label/%ff/values", good: [], bad: [["", 400]] },
  {
    path: "/api/v1/search/metric_names",
    good: ["", "search[]=u&include_score=true&include_metadata=true"],
    bad: [["fuzz_alg=x", 400]],
  },
  { path: "/api/v1/search/label_names", good: ["search[]=job"], bad: [["sort_by=x", 400]] },
  { path: "/api/v1/search/label_values", good: ["label=job"], bad: [["", 400]] },
  { path: "/api/v1/metadata", good: ["", "metric=up&limit=1"], bad: [["limit=x", 400]] },
  { path: "/api/v1/targets", good: ["", "state=active", "state=dropped&scrapePool=node"] },
  {
    path: "/api/v1/targets/metadata",
    good: ["", "metric=up"],
    bad: [["match_target={", 400]],
  },
  {
    path: "/api/v1/targets/relabel_steps",
    good: ['scrapePool=node&labels={"a":"b"}'],
    bad: [
      ["scrapePool=node", 400],
      ["scrapePool=zz&labels={}", 400],
      ["scrapePool=node&labels=[]", 400],
    ],
  },
  { path: "/api/v1/scrape_pools", good: [""] },
  { path: "/api/v1/scrape_pools/config", good: ["scrapePool=node"], bad: [["scrapePool=zz", 400]] },
  {
    path: "/api/v1/rules",
    good: ["", "type=alert", "group_limit=1", "exclude_alerts=true"],
    bad: [["type=x", 400]],
  },
  { path: "/api/v1/alerts", good: [""] },
  { path: "/api/v1/cluster/updates", good: [], bad: [["", 404]] },
  { path: "/api/v1/cluster/claims", good: [], bad: [["", 404]] },
  { path: "/api/v1/cluster/state", good: [], bad: [["", 404]] },
  {
    path: "/api/v1/alerts/history",
    good: ["", "rule=Down&state=firing&limit=1", 'match[]={instance="a"}&start=0'],
    bad: [
      ["state=x", 400],
      ["limit=0", 400],
      ["cursor=x", 400],
      ["match[]={", 400],
    ],
  },
  {
    path: "/api/v1/incidents",
    good: ["", "status=open&limit=1", "rule=Down&priority=P1&receiver=team", "match[]=Down"],
    bad: [
      ["status=x", 400],
      ["priority=P5", 400],
      ["limit=1001", 400],
      ["start=2&end=1", 400],
    ],
  },
  {
    path: "/api/v1/incidents/acknowledge",
    good: ["match[]=Down&by=ann&expires_in=2h", "match[]=Nothing&by=ann"],
    bad: [
      ["by=ann", 400],
      ["match[]=Down", 400],
      ["match[]=Down&by=ann&expires_in=x", 400],
    ],
  },
  {
    path: "/api/v1/deliveries",
    good: ["", "limit=3&outcome=failed&receiver=team", "start=0&end=9&key=k"],
    bad: [
      ["outcome=x", 400],
      ["limit=0", 400],
      ["cursor=x", 400],
      ["start=2&end=1", 400],
    ],
  },
  { path: "/api/v1/routing", good: [""] },
  {
    path: "/api/v1/receivers/test",
    good: [
      '{"receiver":"team"}',
      '{"receiver":"team","integration":"team/webhook[0]","labels":{"team":"a"}}',
      '{"config":{"name":"new","webhook_configs":[{"url":"http://hook.test/"}]}}',
    ],
    bad: [
      ["{}", 400],
      ["", 400],
      ['{"receiver":"team","config":{"name":"x"}}', 400],
      ['{"receiver":"nobody"}', 404],
      ['{"receiver":"team","integration":"team/email[0]"}', 404],
      ['{"config":{"name":"x","webhook_configs":[{"url":"ftp://x"}]}}', 400],
      ['{"config":{"name":"x","webhook_configs":[{"url_file":"/etc/passwd"}]}}', 400],
    ],
  },
  {
    path: "/api/v1/templates/preview",
    good: [
      '{"template":"{{ .Status }}"}',
      '{"template":"{{ template \\"mine\\" . }}","definitions":"{{ define \\"mine\\" }}<b>{{ end }}","html":true}',
    ],
    bad: [
      ["", 400],
      ["{}", 400],
      ['{"template":"{{ .Status"}', 400],
      ['{"template":"{{ template \\"nothing\\" . }}"}', 400],
      ['{"template":"x","definitions":"{{"}', 400],
      ['{"template":"x","matchers":["a"]}', 400],
    ],
  },
  {
    path: "/api/v1/incidents/ack",
    method: "get",
    good: [`token=${GOOD_TOKEN}`],
    bad: [
      ["", 400],
      [`token=${GOOD_TOKEN}x`, 400],
      [`token=${OLD_TOKEN}`, 400],
    ],
  },
  {
    path: "/api/v1/incidents/ack",
    method: "post",
    good: [`token=${GOOD_TOKEN}`, `token=${GOOD_TOKEN}&by=&comment=&expires_in=`],
    bad: [
      [`token=${GOOD_TOKEN}&expires_in=x`, 400],
      [`token=${OLD_TOKEN}`, 400],
    ],
  },
  { path: `/api/v1/incidents/${FIRING}`, good: ["", "limit=1"], bad: [["limit=x", 400]] },
  { path: "/api/v1/incidents/0000000000000000", good: [], bad: [["", 404]] },
  {
    path: `/api/v1/incidents/${FIRING}/acknowledge`,
    good: ["by=ann", "by=ann&comment=mine&expires_in=2h", `by=ann&until=${NOW_SECONDS + 60}`],
    bad: [
      ["", 400],
      ["by=ann&expires_in=0s", 400],
      ["by=ann&expires_in=1h&until=1", 400],
      ["by=ann&until=x", 400],
      ["by=ann&unknown=x", 400],
    ],
  },
  { path: `/api/v1/incidents/${FIRING}/unacknowledge`, good: [], bad: [["by=ann", 409]] },
  { path: `/api/v1/incidents/${ACKNOWLEDGED}/unacknowledge`, good: ["by=ann"] },
  { path: `/api/v1/incidents/${FIRING}/resolve`, good: ["by=ann&comment=done"] },
  { path: `/api/v1/incidents/${RESOLVED}/resolve`, good: [], bad: [["by=ann", 409]] },
  {
    path: `/api/v1/incidents/${RESOLVED}/comment`,
    good: ["by=ann&comment=because"],
    bad: [["by=ann", 400]],
  },
  { path: "/api/v1/alertmanagers", good: [""] },
  { path: "/api/v1/status/config", good: [""] },
  { path: "/api/v1/status/flags", good: [""] },
  { path: "/api/v1/status/runtimeinfo", good: [""] },
  { path: "/api/v1/status/buildinfo", good: [""] },
  { path: "/api/v1/status/walreplay", good: [""] },
  { path: "/api/v1/status/tsdb", good: ["", "limit=1"], bad: [["limit=0", 400]] },
  { path: "/api/v1/status/tsdb/blocks", good: [""] },
  { path: "/api/v1/status/tsdb/retention", good: [""] },
  {
    path: "/api/v1/status/self_metrics",
    good: ["", "metric_name_pattern=up"],
    bad: [["metric_name_pattern=(", 400]],
  },
  { path: "/api/v1/status/active_queries", good: [""] },
  { path: "/api/v1/status/active_queries/zz/cancel", good: [], bad: [["", 404]] },
  { path: "/api/v1/status/top_queries", good: ["", "topN=3"], bad: [["topN=0", 400]] },
  { path: "/api/v1/features", good: [""] },
  { path: "/api/v1/notifications", good: [""] },
  {
    path: "/api/v1/openapi.yaml",
    good: ["", "openapi_version=3.2"],
    bad: [["openapi_version=2", 400]],
  },
  { path: "/api/v1/admin/tsdb/snapshot", good: [""], bad: [["skip_head=x", 400]] },
  { path: "/api/v1/admin/tsdb/delete_series", good: ["match[]=up"], bad: [["", 400]] },
  { path: "/api/v1/admin/tsdb/clean_tombstones", good: [""] },
  { path: "/api/v1/admin/tsdb/flush", good: [""] },
  { path: "/api/v1/admin/tsdb/compact", good: [""] },
  { path: "/api/v1/metrics/names", good: [""], bad: [["start=x", 400]] },
  { path: "/api/v1/metrics/labels", good: ["metric=up"], bad: [["", 400]] },
  { path: "/api/v1/dashboard/metrics", good: ["", "metric=up&range=1m"] },
  { path: "/api/v1/dashboard/query", good: ["metric=up"], bad: [["", 400]] },
  { path: "/api/v1/dashboard/labels", good: ["", "metric=up"] },
  { path: "/api/v1/dashboard/alerts", good: [""] },
  {
    path: RULES,
    method: "get",
    good: ["", "source=api", "source=file&limit=1"],
    bad: [["source=x", 400]],
  },
  {
    path: RULES,
    method: "post",
    good: [
      '{"alert":"New","expr":"up == 0","for":"5m","labels":{"severity":"page"}}',
      '{"name":"New","metric_name":"up","condition":"<","threshold":1,"duration":"5m","channels":["email","nobody"]}',
      '{"name":"New","metric_query":"sum(up)","condition":{"operator":"<","threshold":1,"duration":"5m"},"severity":"P1"}',
      '{"name":"New","all":["up == 0","cpu.load > 5%"]}',
      '{"groups":[{"name":"g","rules":[{"record":"a:b","expr":"up"},{"alert":"B","expr":"up"}]}]}',
    ],
    bad: [
      ["", 400],
      ["{", 400],
      ['{"alert":"New","expr":"up =="}', 400],
      ['{"alert":"Down","expr":"up"}', 409],
      ['{"alert":"FileRule","expr":"up"}', 409],
    ],
  },
  { path: `${RULES}/Down`, method: "get", good: [""] },
  { path: `${RULES}/FileRule`, method: "get", good: [""] },
  { path: `${RULES}/Nothing`, method: "get", good: [], bad: [["", 404]] },
  {
    path: `${RULES}/Down`,
    method: "put",
    good: ['{"alert":"Other","expr":"up","version":2,"author":"ann"}'],
    bad: [
      ['{"alert":"Down","expr":"up","version":1}', 409],
      ['{"alert":"FileRule","expr":"up"}', 409],
    ],
  },
  { path: `${RULES}/FileRule`, method: "put", good: [], bad: [['{"alert":"X","expr":"up"}', 409]] },
  {
    path: `${RULES}/Down`,
    method: "delete",
    good: ["", "version=2"],
    bad: [
      ["version=1", 409],
      ["version=x", 400],
    ],
  },
  { path: `${RULES}/FileRule`, method: "delete", good: [], bad: [["", 409]] },
  { path: `${RULES}/Down/versions`, good: [""] },
  { path: `${RULES}/Nothing/versions`, good: [], bad: [["", 404]] },
  {
    path: `${RULES}/Down/rollback`,
    good: ['{"version":1}'],
    bad: [
      ["{}", 400],
      ['{"version":9}', 404],
      ["", 400],
    ],
  },
  {
    path: `${RULES}/Down/enable`,
    good: ["{}", '{"comment":"why"}'],
    bad: [['{"version":1}', 409]],
  },
  { path: `${RULES}/Down/disable`, good: ["{}"], bad: [['{"colour":1}', 400]] },
  { path: "/api/v1/alerts/active", good: [""] },
  {
    path: "/api/v1/alerts/test",
    good: ['{"alert":"New","expr":"up == 1"}', '{"expr":"up == 1","replay":"1m"}'],
    bad: [
      ['{"record":"a","expr":"up"}', 400],
      ['{"expr":"up","replay":"9y"}', 400],
    ],
  },
  { path: "/api/v1/rules/rules", method: "get", good: [""] },
  { path: "/api/v1/rules/team", method: "post", good: ['{"name":"g","rules":[]}'] },
  { path: "/api/v1/rules/rules", method: "delete", good: [""] },
  { path: "/api/v1/rules/rules/Down", method: "get", good: [""] },
  { path: "/api/v1/rules/rules/Down", method: "delete", good: [""] },
  { path: "/api/v1/oncall", good: [""] },
  {
    path: `${PRIMARY}/shifts`,
    good: ["", "start=2026-01-01T00:00:00Z&end=2026-06-01T00:00:00Z"],
    bad: [
      ["start=x", 400],
      ["start=2&end=1", 400],
      ["start=0&end=1e9", 400],
    ],
  },
  { path: "/api/v1/oncall/schedules/none/shifts", good: [], bad: [["", 404]] },
  { path: `${PRIMARY}/calendar.ics`, good: [""] },
  { path: `${PRIMARY}/overrides`, method: "get", good: [""] },
  {
    path: `${PRIMARY}/overrides`,
    method: "post",
    good: [`{"contact":"bob","start":"${NOW_SECONDS}","end":"${NOW_SECONDS + 60}","by":"ann"}`],
    bad: [
      ["{}", 400],
      ["", 400],
      [`{"contact":"zed","start":"${NOW_SECONDS}","end":"${NOW_SECONDS + 60}","by":"a"}`, 400],
      ['{"contact":"bob","start":"0","end":"1","by":"ann"}', 400],
      ['{"contact":"bob","start":"x","end":"1","by":"ann"}', 400],
    ],
  },
  { path: `${PRIMARY}/overrides/${OVERRIDE_ID}`, good: [""] },
  { path: `${PRIMARY}/overrides/nothing`, good: [], bad: [["", 404]] },
  {
    path: "/api/v1/oncall/preview",
    method: "get",
    good: ['labels={"alertname":"Down","severity":"critical"}', "labels={}&at=0"],
    bad: [
      ["", 400],
      ["labels=x", 400],
      ["labels={}&at=x", 400],
    ],
  },
  {
    path: "/api/v1/oncall/preview",
    method: "post",
    good: ['{"labels":{"alertname":"Down","team":"night"}}', '{"labels":{},"at":"0"}'],
    bad: [
      ["{}", 400],
      ['{"labels":{"a":1}}', 400],
    ],
  },
  { path: "/api/v1/heartbeats", good: [""] },
  { path: "/api/v1/heartbeats/backup", good: [""] },
  { path: "/api/v1/heartbeats/nothing", good: [], bad: [["", 404]] },
  {
    path: "/api/v1/silences",
    good: [
      `{"matchers":["team=a"],"endsAt":"${NOW_SECONDS + 60}","createdBy":"ann"}`,
      `{"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"${NOW_SECONDS}","endsAt":"${NOW_SECONDS + 9e6}","createdBy":"ann","comment":"nights","recurrence":{"rrule":"FREQ=DAILY","duration":"4h","timeZone":"Europe/Berlin"}}`,
    ],
    bad: [
      ["{}", 400],
      ['{"matchers":["a="],"endsAt":"1","createdBy":"ann"}', 400],
      [`{"matchers":["team~"],"endsAt":"${NOW_SECONDS + 60}","createdBy":"ann"}`, 400],
      [
        `{"id":"00000000-0000-4000-8000-000000000009","matchers":["a=b"],"endsAt":"${NOW_SECONDS + 60}","createdBy":"ann"}`,
        404,
      ],
      [
        `{"matchers":["a=b"],"endsAt":"${NOW_SECONDS + 60}","createdBy":"ann","recurrence":{"rrule":"FREQ=NEVER","duration":"4h"}}`,
        400,
      ],
    ],
  },
  {
    path: "/api/v1/silences/preview",
    good: [
      '{"matchers":["alertname=~.+"]}',
      `{"matchers":["a=b"],"endsAt":"${NOW_SECONDS + 9e6}","recurrence":{"rrule":"FREQ=DAILY","duration":"1h"}}`,
    ],
    bad: [
      ['{"matchers":["a=b"],"endsAt":"x"}', 400],
      ['{"matchers":["a=b"],"endsAt":"4e9","recurrence":{"rrule":"DAILY","duration":"1h"}}', 400],
      ["{}", 400],
      ['{"matchers":[]}', 400],
    ],
  },
  { path: "/federate", good: ["", "match[]=up"], bad: [["match[]={", 400]] },
];

/** What the contract has for a path with its parameters filled in. */
function endpointOf({ path, method }: Pick<Case, "path" | "method">): Endpoint {
  const found = ENDPOINTS.find(
    (endpoint) =>
      new RegExp(`^${endpoint.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path) &&
      (method === undefined || endpoint.methods.includes(method)),
  );
  ok(found !== undefined, path);
  return found;
}

function send(world: HttpWorld, method: Method, path: string, parameters: string) {
  const encoded = new URLSearchParams(parameters);
  if (method === "get" || method === "delete")
    return world.app.request(`${path}?${encoded}`, { method: method.toUpperCase() });
  const isBody = parameters === "" || parameters.startsWith("{");
  if (isBody && endpointOf({ path, method }).body !== undefined)
    return world.app.request(path, {
      ...{ method: method.toUpperCase(), body: parameters },
      headers: { "Content-Type": "application/json" },
    });
  return world.app.request(path, { method: method.toUpperCase(), body: encoded });
}

async function fulfils(response: Response, answer: Answer): Promise<void> {
  const type = response.headers.get("Content-Type") ?? "";
  const parsed = (schema: z.ZodType, value: unknown): void => {
    // Parsing keeps only what the schema names: nothing may be missing there.
    deepEqual(schema.parse(value), value);
  };
  if (answer.kind === "none") equal(response.status, 204);
  else equal(response.status, answer.kind === "json" ? answer.status : 200);
  switch (answer.kind) {
    case "data":
      equal(type, "application/json");
      return parsed(successAnswerSchema(answer.schema), await response.json());
    case "json":
      equal(type, "application/json");
      return parsed(answer.schema, await response.json());
    case "lines":
      for (const line of (await response.text()).trimEnd().split("\n"))
        parsed(answer.schema, JSON.parse(line));
      return;
    case "other":
      return match(type, new RegExp(`^${answer.contentType}`));
    case "none":
    case "events":
      return;
  }
}

for (const { path, good, bad = [], ...one } of CASES) {
  const endpoint = endpointOf({ path, ...one });
  for (const method of endpoint.methods) {
    for (const parameters of good)
      test(`${method} ${path} ${parameters} is answered as the contract promises`, async () => {
        const world = await filledWorld();
        await fulfils(await send(world, method, path, parameters), endpoint.answer);
        deepEqual(world.bugs, []);
      });
    for (const [parameters, status] of bad)
      test(`${method} ${path} ${parameters} is refused as the contract promises`, async () => {
        const world = await filledWorld();
        const response = await send(world, method, path, parameters);
        equal(response.status, status);
        errorAnswerSchema.parse(await response.json());
        deepEqual(world.bugs, []);
      });
  }
}

test("the contract knows every endpoint, and the cases above have each of them", () => {
  const tested = new Set(CASES.map(endpointOf));
  const missing = ENDPOINTS.filter((endpoint) => !tested.has(endpoint)).map(({ path }) => path);
  // Bodies that are no forms are tested below and with ingestion, events with notifications.
  deepEqual(missing, [
    "/api/v1/notifications/live",
    "/api/v1/write",
    "/api/v1/read",
    "/api/v1/metrics",
  ]);
});

test("every route below /api/v1 is in the contract", async () => {
  const known = new Set(ENDPOINTS.map(({ path }) => path.replaceAll(/\{(\w+)\}/g, ":$1")));
  const routes = (await filledWorld()).app.routes
    .map(({ path }) => path)
    .filter((path) => path.startsWith("/api/v1/"));
  deepEqual(
    [...new Set(routes)].filter((path) => !known.has(path)),
    [],
  );
});

test("an error is what the contract promises", async () => {
  const { body } = await new HttpWorld().ask("query?query=");
  equal(errorAnswerSchema.parse(body).errorType, "bad_data");
});

const push = async (body: unknown): Promise<{ status: number; body: unknown }> => {
  const { store, clock } = new HttpWorld();
  const answer = await jsonMetrics({}, new TextEncoder().encode(JSON.stringify(body)), {
    queue: new IngestQueue(),
    receiver: {
      receive: async () => Promise.reject(new Error("not asked for")),
      receiveJson: (json) =>
        receiveJsonMetrics(json, clock.nowMs(), (batch) => store.append(batch)),
    },
  });
  return { status: answer.status, body: JSON.parse(answer.body) };
};

test("answers to pushed metrics are what the contract promises", async () => {
  const good = await push({ metrics: [{ name: "a", value: 1 }] });
  equal(good.status, 202);
  equal(pushAnswerSchema.parse(good.body).data.appended, 1);
  const bad = await push({ metrics: [{ name: "a", value: true }] });
  equal(bad.status, 400);
  equal(pushErrorSchema.parse(bad.body).errors.length, 1);
});

test("the contract of pushed metrics and the parser accept the same bodies", () => {
  const metric = { name: "a", labels: { b: "c" }, timestamp: 1, value: 1 };
  const bodies = [
    { metrics: [metric] },
    { metrics: [{ name: "a", value: 0 }] },
    { metrics: [{ ...metric, value: "NaN" }] },
    { metrics: [{ ...metric, value: "+Inf" }] },
    { metrics: [] },
    {},
    [],
    { metrics: [metric], more: 1 },
    { metrics: [{ ...metric, more: 1 }] },
    { metrics: [{ ...metric, value: "1" }] },
    { metrics: [{ ...metric, value: null }] },
    { metrics: [{ ...metric, name: "" }] },
    { metrics: [{ ...metric, name: 1 }] },
    { metrics: [{ ...metric, labels: { b: 1 } }] },
    { metrics: [{ ...metric, timestamp: -1 }] },
    { metrics: [{ ...metric, timestamp: "1" }] },
    { metrics: Array(10_001).fill(metric) },
  ];
  const parsed = bodies.map(
    (body) => parseJsonMetrics(new TextEncoder().encode(JSON.stringify(body)), NOW_MS).status,
  );
  deepEqual(
    bodies.map((body) => (pushRequestSchema.safeParse(body).success ? "valid" : "invalid")),
    parsed,
  );
  equal(parsed.filter((status) => status === "valid").length, 4);
});
