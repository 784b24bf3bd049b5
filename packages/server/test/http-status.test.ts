import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { OperatingError } from "@pharos/base";
import type { AlertingRuleStatus, RuleGroupStatus } from "../src/http/dependencies.ts";
import { exponentText } from "../src/http/rule-routes.ts";
import { answerStarting } from "../src/http/starting.ts";
import { CONFIG_TEXT, HttpWorld, NOW_MS } from "./http-world.ts";

const AT = "2026-01-01T00:00:00.000Z";

const HIGH_CPU: AlertingRuleStatus = {
  kind: "alert",
  name: "HighCPU",
  query: "cpu > 0.8",
  labels: [["severity", "page"]],
  health: "ok",
  lastError: "",
  evaluationTimeMs: 2,
  lastEvaluationMs: NOW_MS,
  state: "firing",
  forMs: 300_000,
  keepFiringForMs: 0,
  annotations: [["summary", "hot {{ $labels.host }}"]],
  alerts: [
    {
      labels: [
        ["alertname", "HighCPU"],
        ["host", "a"],
      ],
      annotations: [["summary", "hot a"]],
      state: "firing",
      activeAtMs: NOW_MS,
      keepFiringSinceMs: undefined,
      value: 0.95,
    },
  ],
};

const GROUP: RuleGroupStatus = {
  name: "infrastructure",
  file: "/etc/rules.yml",
  intervalMs: 30_000,
  limit: 0,
  evaluationTimeMs: 3,
  lastEvaluationMs: NOW_MS,
  rules: [
    HIGH_CPU,
    {
      kind: "record",
      name: "job:up:sum",
      query: "sum by (job) (up)",
      labels: [],
      health: "err",
      lastError: "it broke",
      evaluationTimeMs: 1,
      lastEvaluationMs: undefined,
    },
  ],
};

function worldWithRules(): HttpWorld {
  const world = new HttpWorld();
  world.groups = [GROUP, { ...GROUP, name: "second", file: "/etc/other.yml" }];
  return world;
}

const names = (data: unknown): string[] =>
  (data as { groups: { name: string; rules: { name: string }[] }[] }).groups.flatMap((group) =>
    group.rules.map((rule) => `${group.name}/${rule.name}`),
  );

test("rules have the shape that Prometheus's clients read", async () => {
  const data = (await worldWithRules().data("rules")) as { groups: unknown[] };
  equal(data.groups.length, 2);
  deepEqual(data.groups[0], {
    name: "infrastructure",
    file: "/etc/rules.yml",
    rules: [
      {
        state: "firing",
        name: "HighCPU",
        query: "cpu > 0.8",
        duration: 300,
        keepFiringFor: 0,
        labels: { severity: "page" },
        annotations: { summary: "hot {{ $labels.host }}" },
        alerts: [
          {
            labels: { alertname: "HighCPU", host: "a" },
            annotations: { summary: "hot a" },
            state: "firing",
            activeAt: AT,
            value: "9.5e-01",
          },
        ],
        health: "ok",
        evaluationTime: 0.002,
        lastEvaluation: AT,
        type: "alerting",
      },
      {
        name: "job:up:sum",
        query: "sum by (job) (up)",
        labels: {},
        health: "err",
        lastError: "it broke",
        evaluationTime: 0.001,
        lastEvaluation: "0001-01-01T00:00:00Z",
        type: "recording",
      },
    ],
    interval: 30,
    limit: 0,
    evaluationTime: 0.003,
    lastEvaluation: AT,
  });
});

test("rules are filtered by type, name, group, file and labels", async () => {
  const world = worldWithRules();
  const show = async (query: string): Promise<string[]> =>
    names(await world.data(`rules?${query}`));
  const alerts = ["infrastructure/HighCPU", "second/HighCPU"];
  deepEqual(await show("type=alert"), alerts);
  deepEqual(await show("type=record&rule_group[]=second"), ["second/job:up:sum"]);
  deepEqual(await show("rule_name[]=HighCPU&file[]=/etc/rules.yml"), ["infrastructure/HighCPU"]);
  deepEqual(await show("match[]={severity='page'}"), alerts);
  deepEqual(await show("match[]={severity='none'}"), []);
  deepEqual(await show("file[]=/nowhere"), []);
});

test("alerts can be left out of the rules", async () => {
  const data = (await worldWithRules().data("rules?exclude_alerts=true&type=alert")) as {
    groups: { rules: { alerts: unknown[] }[] }[];
  };
  deepEqual(data.groups[0]?.rules[0]?.alerts, []);
});

test("rule groups come in pages", async () => {
  const world = worldWithRules();
  const first = (await world.data("rules?group_limit=1")) as { groupNextToken: string };
  deepEqual(new Set(names(first).map((name) => name.split("/")[0])), new Set(["infrastructure"]));
  const second = await world.data(`rules?group_limit=1&group_next_token=${first.groupNextToken}`);
  deepEqual(new Set(names(second).map((name) => name.split("/")[0])), new Set(["second"]));
  equal((second as { groupNextToken?: string }).groupNextToken, undefined);
  const { status } = await world.ask("rules?group_limit=1&group_next_token=gone");
  equal(status, 400);
});

test("alerts are listed over all rules", async () => {
  const { alerts } = (await worldWithRules().data("alerts")) as { alerts: { value: string }[] };
  deepEqual(
    alerts.map((alert) => alert.value),
    ["9.5e-01", "9.5e-01"],
  );
  deepEqual(await new HttpWorld().data("alerts"), { alerts: [] });
});

test("the value of an alert is written with an exponent of two digits", () => {
  deepEqual([1, 0, -0, 15, 1e-7, 1.5e300, Number.NaN, Number.POSITIVE_INFINITY].map(exponentText), [
    "1e+00",
    "0e+00",
    "-0e+00",
    "1.5e+01",
    "1e-07",
    "1.5e+300",
    "NaN",
    "+Inf",
  ]);
});

test("targets show where they come from and how the last scrape went", async () => {
  const world = new HttpWorld();
  world.active = [
    {
      scrapePool: "node",
      scrapeUrl: "http://localhost:9100/metrics",
      globalUrl: "http://host-1:9100/metrics",
      discoveredLabels: [["__address__", "localhost:9100"]],
      labels: [["job", "node"]],
      lastError: "connection refused",
      lastScrapeMs: NOW_MS,
      lastScrapeDurationMs: 1.5,
      health: "down",
      scrapeIntervalMs: 15_000,
      scrapeTimeoutMs: 10_000,
    },
  ];
  world.dropped = [{ scrapePool: "web", discoveredLabels: [["__address__", "x:1"]] }];
  const target = {
    discoveredLabels: { __address__: "localhost:9100" },
    labels: { job: "node" },
    scrapePool: "node",
    scrapeUrl: "http://localhost:9100/metrics",
    globalUrl: "http://host-1:9100/metrics",
    lastError: "connection refused",
    lastScrape: AT,
    lastScrapeDuration: 0.0015,
    health: "down",
    scrapeInterval: "15s",
    scrapeTimeout: "10s",
  };
  const droppedTarget = { discoveredLabels: { __address__: "x:1" }, scrapePool: "web" };
  const droppedTargetCounts = { node: 0, web: 1 };
  const droppedTargets = [droppedTarget];
  deepEqual(await world.data("targets"), {
    activeTargets: [target],
    droppedTargets,
    droppedTargetCounts,
  });
  deepEqual(await world.data("targets?state=active"), {
    activeTargets: [target],
    droppedTargets: [],
    droppedTargetCounts: {},
  });
  deepEqual(await world.data("targets?state=dropped&scrapePool=web"), {
    activeTargets: [],
    droppedTargets,
    droppedTargetCounts: { web: 1 },
  });
  deepEqual(await world.data("scrape_pools"), { scrapePools: ["node", "web"] });
  deepEqual(await world.data("alertmanagers"), {
    activeAlertmanagers: [],
    droppedAlertmanagers: [],
  });
});

test("status pages have Prometheus's fields", async () => {
  const world = new HttpWorld();
  const build = {
    version: "3.0.0",
    revision: "abc",
    branch: "main",
    buildUser: "me",
    buildDate: "20260101",
    goVersion: "node 26",
  };
  deepEqual(await world.data("status/buildinfo"), build);
  deepEqual(await (await world.get("/version")).json(), build);
  deepEqual(await world.data("status/config"), { yaml: CONFIG_TEXT });
  deepEqual(await world.data("status/flags"), { "web.listen-address": "127.0.0.1:9090" });
  deepEqual(await world.data("status/tsdb?limit=1"), {
    headStats: {
      numSeries: 3,
      numLabelPairs: 4,
      chunkCount: 5,
      minTime: NOW_MS - 1000,
      maxTime: NOW_MS,
    },
    seriesCountByMetricName: [{ name: "up", value: 2 }],
    labelValueCountByLabelName: [],
    memoryInBytesByLabelName: [],
    seriesCountByLabelValuePair: [],
  });
  const runtime = (await world.data("status/runtimeinfo")) as Record<string, unknown>;
  equal(runtime["startTime"], "2025-12-31T23:59:00.000Z");
  equal(runtime["serverTime"], AT);
  equal(runtime["storageRetention"], "15d");
  const features = (await world.data("features")) as Record<string, Record<string, boolean>>;
  equal(features["api"]?.["remote_write_receiver"], true);
});

test("while the log is read back, the server is alive, not ready, and answers no query", async () => {
  const ask = (path: string): Response => answerStarting(new Request(`http://127.0.0.1${path}`));
  equal(ask("/-/healthy").status, 200);
  equal(ask("/-/ready").status, 503);
  const query = ask("/api/v1/query?query=up");
  equal(query.status, 503);
  equal(query.headers.get("Retry-After"), "1");
  const { status, errorType } = (await query.json()) as { status: string; errorType: string };
  deepEqual({ status, errorType }, { status: "error", errorType: "unavailable" });
});

test("a server whose database is away is alive, not ready, and says why, also as an Alertmanager", async () => {
  const world = new HttpWorld();
  equal((await world.get("/-/ready")).status, 200);
  world.problem = "the database does not answer: db.test/pharos: connection refused";
  for (const prefix of ["", "/alertmanager"]) {
    const response = await world.get(`${prefix}/-/ready`);
    equal(response.status, 503);
    equal(await response.text(), `Service Unavailable: ${world.problem}\n`);
    equal((await world.get(`${prefix}/-/healthy`)).status, 200);
  }
});

test("a reload that fails says why", async () => {
  const world = new HttpWorld();
  let reloads = 0;
  world.reload = async () => {
    reloads++;
  };
  for (const method of ["POST", "PUT"])
    equal((await world.app.request("/-/reload", { method })).status, 200);
  equal(reloads, 2);
  world.reload = async () => {
    throw new OperatingError("config.invalid", "prometheus.yml:1:1: globl: unknown key");
  };
  const response = await world.app.request("/-/reload", { method: "POST" });
  equal(response.status, 500);
  match(await response.text(), /^failed to reload config: prometheus\.yml:1:1: globl: unknown key/);
  equal((await world.get("/-/reload")).status, 405);
  equal(reloads, 2);
});

test("the server reloads and stops over HTTP only where that is enabled", async () => {
  const world = new HttpWorld();
  let reloads = 0;
  world.reload = async () => void reloads++;
  world.mayControl = false;
  for (const path of ["/-/reload", "/-/quit"])
    equal((await world.app.request(path, { method: "POST" })).status, 403, path);
  deepEqual([reloads, world.quitCalls], [0, 0]);
  world.mayControl = true;
  for (const path of ["/-/reload", "/-/quit"])
    equal((await world.app.request(path, { method: "POST" })).status, 200, path);
  deepEqual([reloads, world.quitCalls], [1, 1]);
});

test("a page of another site cannot stop the server from within a browser", async () => {
  const world = new HttpWorld();
  const quit = async (origin: string): Promise<number> => {
    const headers = { Origin: origin };
    const request = new Request("http://localhost:9090/-/quit", { method: "POST", headers });
    return (await world.app.fetch(request)).status;
  };
  for (const origin of ["https://evil.example", "http://localhost:8080", "null"])
    equal(await quit(origin), 403, origin);
  equal(world.quitCalls, 0);
  equal(await quit("http://localhost:9090"), 200);
  equal(world.quitCalls, 1);
});

test("our own metrics are in the text format", async () => {
  const response = await new HttpWorld().get("/metrics");
  equal(response.headers.get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  equal(await response.text(), "up 1\n");
});

test("a method that a path does not have is refused, with those it has", async () => {
  const world = new HttpWorld();
  for (const [method, path, allow] of [
    ["DELETE", "/api/v1/series", "GET, POST, HEAD, OPTIONS"],
    ["POST", "/api/v1/label/job/values", "GET, HEAD, OPTIONS"],
    ["PUT", "/api/v1/query", "GET, POST, HEAD, OPTIONS"],
  ] as const) {
    const response = await world.app.request(path, { method });
    equal(response.status, 405, path);
    equal(response.headers.get("Allow"), allow);
  }
});

test("pages of other origins may read the API, and only the API", async () => {
  const world = new HttpWorld();
  const Origin = "https://grafana.example";
  const answer = await world.get("/api/v1/labels", { Origin });
  equal(answer.headers.get("Access-Control-Allow-Origin"), "*");
  equal(answer.headers.get("Access-Control-Expose-Headers"), "Date");
  const preflight = await world.app.request("/api/v1/query", {
    method: "OPTIONS",
    headers: { Origin },
  });
  equal(preflight.status, 204);
  equal(preflight.headers.get("Access-Control-Allow-Methods"), "GET, POST, OPTIONS");
  const health = await world.get("/-/healthy", { Origin });
  equal(health.headers.get("Access-Control-Allow-Origin"), null);
  const sameOrigin = await world.get("/api/v1/labels");
  equal(sameOrigin.headers.get("Access-Control-Allow-Origin"), null);
});

test("a form that is too large is refused", async () => {
  const response = await new HttpWorld().post("/api/v1/query", {
    query: "a".repeat(10 * 1024 * 1024),
  });
  equal(response.status, 413);
  equal(((await response.json()) as { errorType: string }).errorType, "bad_data");
});

test("a bug is answered without its text and told to whoever watches", async () => {
  const world = new HttpWorld();
  world.store.labelNames = async () => {
    throw new TypeError("a secret detail");
  };
  const { status, body } = await world.ask("labels");
  equal(status, 500);
  deepEqual(body, {
    status: "error",
    errorType: "internal",
    error: "internal error; see the server's log",
  });
  equal(world.bugs.length, 1);
});

test("a store that is busy is told apart from one that is damaged", async () => {
  const world = new HttpWorld();
  for (const [code, status, errorType] of [
    ["queue.full", 503, "unavailable"],
    ["disk.corrupt", 500, "internal"],
    ["query.timeout", 503, "timeout"],
    ["query.cancelled", 499, "canceled"],
    ["query.too_many_samples", 422, "execution"],
  ] as const) {
    world.store.labelNames = async () => {
      throw new OperatingError(code, "words");
    };
    const answer = await world.ask("labels");
    equal(answer.status, status);
    deepEqual(answer.body, { status: "error", errorType, error: "words" });
  }
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const SCRIPT = `export const x = "${"a".repeat(5000)}";`;

function worldWithPage(): HttpWorld {
  const world = new HttpWorld();
  world.assets = new Map([
    ["index.html", bytes("<!doctype html><title>Pharos</title>")],
    ["assets/app-Ab12_-xZ.js", bytes(SCRIPT)],
    ["favicon.svg", bytes("<svg/>")],
  ]);
  return world;
}

test("every view of the page is the one document, with a content security policy", async () => {
  const world = worldWithPage();
  for (const path of [
    "/",
    "/alerts",
    "/targets",
    "/status",
    "/explore",
    "/?g0.expr=up",
    "/incidents/a1",
    "/silences/new",
  ]) {
    const response = await world.get(path);
    equal(response.status, 200, path);
    equal(response.headers.get("Content-Type"), "text/html; charset=utf-8");
    equal(response.headers.get("Cache-Control"), "no-cache");
    match(response.headers.get("Content-Security-Policy") ?? "", /^default-src 'self'; /);
    equal(response.headers.get("X-Content-Type-Options"), "nosniff");
    match(await response.text(), /Pharos/);
  }
});

test("files with a hash in their name are kept for ever, and sent compressed", async () => {
  const world = worldWithPage();
  const path = "/assets/app-Ab12_-xZ.js";
  const response = await world.get(path, { "Accept-Encoding": "gzip, br" });
  equal(response.headers.get("Cache-Control"), "public, max-age=31536000, immutable");
  equal(response.headers.get("Content-Type"), "text/javascript; charset=utf-8");
  equal(response.headers.get("Content-Encoding"), "gzip");
  equal(gunzipSync(new Uint8Array(await response.arrayBuffer())).toString(), SCRIPT);
  const plain = await world.get(path, { "Accept-Encoding": "gzip;q=0" });
  equal(plain.headers.get("Content-Encoding"), null);
  equal(await plain.text(), SCRIPT);
  const ETag = response.headers.get("ETag") ?? "";
  equal((await world.get(path, { "If-None-Match": ETag })).status, 304);
});

test("no path reaches a file that is not part of the page", async () => {
  const world = worldWithPage();
  for (const path of [
    "/../package.json",
    "/assets/../../package.json",
    "/%2e%2e/package.json",
    "/assets/%2e%2e%2fpackage.json",
    "/etc/passwd",
    "/constructor",
  ])
    equal((await world.get(path)).status, 404, path);
});

test("links to the pages of Prometheus lead to what shows the same here", async () => {
  const world = worldWithPage();
  for (const [path, page] of [
    ["/graph?g0.expr=up&g0.tab=0", "/?g0.expr=up&g0.tab=0"],
    ["/query?g0.expr=up", "/?g0.expr=up"],
    ["/classic/graph?g0.expr=up", "/?g0.expr=up"],
    ["/rules", "/alerts"],
    ["/service-discovery", "/targets"],
    ["/config", "/status"],
    ["/flags", "/status"],
    ["/tsdb-status", "/status"],
  ] as const) {
    const response = await world.get(path);
    equal(response.status, 302);
    equal(response.headers.get("Location"), page);
  }
});

test("without a built page the server says what to do", async () => {
  const response = await new HttpWorld().get("/");
  equal(response.status, 503);
  ok((await response.text()).includes("npm run build"));
});
