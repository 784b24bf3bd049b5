import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import type { GroupAlert } from "@pharos/alert";
import { labelsFrom, OperatingError, Secret } from "@pharos/base";
import { createRelabelRule } from "@pharos/collect";
import type { HttpClient, HttpRequest } from "@pharos/ports";
import { SimClock } from "@pharos/testing";
import { AlertSender } from "../src/alert-sender/alert-sender.ts";
import { ALERT_BATCH_MAX, ALERT_QUEUE_MAX } from "../src/alert-sender/alertmanager-client.ts";
import type { AlertingConfig, AlertmanagerSetConfig } from "../src/config/alerting-config.ts";

const START_MS = Date.UTC(2026, 0, 1);
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const TELLING = { timeMs: START_MS, validForMs: 4 * MINUTE };

function alert(name: string, change: Partial<GroupAlert> = {}): GroupAlert {
  return {
    labels: labelsFrom({ alertname: name, dc: "a" }),
    annotations: [["summary", `${name} it is`]],
    startsAtMs: START_MS - MINUTE,
    endsAtMs: null,
    generatorUrl: "http://pharos.test/graph",
    ...change,
  };
}

function set(targets: readonly string[], change: Partial<AlertmanagerSetConfig> = {}) {
  return {
    basicAuth: undefined,
    authorization: undefined,
    httpHeaders: [],
    tls: undefined,
    followRedirects: true,
    scheme: "http",
    pathPrefix: "",
    timeoutMs: 10 * SECOND,
    relabelRules: [],
    alertRelabelRules: [],
    staticConfigs: [
      {
        targets: targets.map((address) => labelsFrom({ __address__: address })),
        labels: labelsFrom({}),
        source: "0",
      },
    ],
    fileSdConfigs: [],
    httpSdConfigs: [],
    ...change,
  } satisfies AlertmanagerSetConfig;
}

/** Alertmanagers in small: what each was sent, answered as `answer` says. */
class World {
  readonly clock = new SimClock(START_MS);
  readonly files = new Map<string, string>();
  /** What is answered at these addresses, and the requests for it. */
  readonly lists = new Map<string, readonly [type: string, text: string]>();
  readonly asked: HttpRequest[] = [];
  /** How long requests with alerts took. */
  readonly took: string[] = [];
  readonly requests: HttpRequest[] = [];
  readonly problems: string[] = [];
  answer: (request: HttpRequest, signal: AbortSignal) => Promise<number> = async () => 200;
  readonly sender: AlertSender;

  constructor() {
    const http: HttpClient = {
      request: async (request, signal) => {
        const list = this.lists.get(request.url);
        if (list !== undefined) {
          this.asked.push(request);
          const [type, text] = list;
          const body = new TextEncoder().encode(text);
          return { status: 200, headers: { "content-type": type }, body };
        }
        this.requests.push(request);
        const status = await this.answer(request, signal);
        return { status, headers: {}, body: new Uint8Array(0) };
      },
    };
    this.sender = new AlertSender({
      ...{ clock: this.clock, http, userAgent: "Pharos/test" },
      files: {
        list: () => [...this.files.keys()],
        read: (path) => {
          const text = this.files.get(path);
          if (text === undefined) throw new OperatingError("not_found", `no ${path}`);
          return new TextEncoder().encode(text);
        },
      },
      onAnswered: (url, seconds) => this.took.push(`${url} ${seconds} s`),
      onProblem: (error, doing) => this.problems.push(`${doing}: ${error.message}`),
    });
  }

  apply(
    alertmanagers: readonly AlertmanagerSetConfig[],
    alertRelabelRules: AlertingConfig["alertRelabelRules"] = [],
  ): Promise<void> {
    return this.sender.apply({ alertmanagers, alertRelabelRules });
  }

  /** The alerts that were sent to a host, a name a line, and how many requests they came in. */
  sentTo(host: string): { names: string[]; requests: number } {
    const mine = this.requests.filter(({ url }) => new URL(url).host === host);
    const alerts = mine.flatMap(
      ({ body }) => JSON.parse(String(body)) as { labels: { alertname: string } }[],
    );
    return { names: alerts.map(({ labels }) => labels.alertname), requests: mine.length };
  }
}

test("an alert goes to every Alertmanager as the API v2 has it; one that fires ends when it is not sent again", async () => {
  const world = new World();
  const authorization = { type: "Bearer", credentials: new Secret("hush") };
  await world.apply([
    set(["one:9093", "two:9093"], { pathPrefix: "/am/", authorization }),
    set(["three"], { scheme: "https" }),
  ]);
  world.sender.send([alert("A"), alert("B", { endsAtMs: START_MS })], TELLING);
  await world.clock.advance(SECOND);
  deepEqual(
    world.requests.map(({ method, url }) => `${method} ${url}`),
    [
      "POST http://one:9093/am/api/v2/alerts",
      "POST http://two:9093/am/api/v2/alerts",
      "POST https://three/api/v2/alerts",
    ],
  );
  const [request] = world.requests;
  equal(request?.headers["Authorization"], "Bearer hush");
  equal(request?.headers["Content-Type"], "application/json");
  deepEqual(JSON.parse(String(request?.body)), [
    {
      labels: { alertname: "A", dc: "a" },
      annotations: { summary: "A it is" },
      startsAt: "2025-12-31T23:59:00.000Z",
      endsAt: "2026-01-01T00:04:00.000Z",
      generatorURL: "http://pharos.test/graph",
    },
    {
      labels: { alertname: "B", dc: "a" },
      annotations: { summary: "B it is" },
      startsAt: "2025-12-31T23:59:00.000Z",
      endsAt: "2026-01-01T00:00:00.000Z",
      generatorURL: "http://pharos.test/graph",
    },
  ]);
  await world.sender[Symbol.asyncDispose]();
});

test("relabelling changes or drops alerts for all, then for a set, and targets of a set", async () => {
  const world = new World();
  const dropDc = createRelabelRule({ action: "labeldrop", regex: "dc" });
  const dropA = createRelabelRule({ action: "drop", sourceLabels: ["alertname"], regex: "A" });
  const onlyOne = createRelabelRule({
    action: "keep",
    sourceLabels: ["__address__"],
    regex: "one",
  });
  await world.apply(
    [
      set(["one", "two"], { relabelRules: [onlyOne] }),
      set(["three"], { alertRelabelRules: [dropA] }),
    ],
    [dropDc],
  );
  world.sender.send([alert("A"), alert("B")], TELLING);
  await world.clock.advance(SECOND);
  deepEqual(world.sentTo("one").names, ["A", "B"]);
  deepEqual(world.sentTo("two").names, []);
  deepEqual(world.sentTo("three").names, ["B"]);
  ok(world.requests.every(({ body }) => !String(body).includes('"dc"')));
  deepEqual(world.sender.targets(), {
    active: ["http://one/api/v2/alerts", "http://three/api/v2/alerts"],
    dropped: ["http://two/api/v2/alerts"],
  });
  await world.sender[Symbol.asyncDispose]();
});

test("alerts go in batches, and one Alertmanager that does not answer keeps no other waiting", async () => {
  const world = new World();
  await world.apply([set(["slow", "fast"])]);
  world.answer = async ({ url }, signal) => {
    if (url.includes("slow")) await world.clock.sleep(MINUTE, signal);
    return 200;
  };
  const alerts = Array.from({ length: ALERT_BATCH_MAX + 10 }, (_, i) => alert(`A${i}`));
  world.sender.send(alerts, TELLING);
  await world.clock.advance(SECOND);
  deepEqual(world.sentTo("fast"), {
    names: alerts.map((_, i) => `A${i}`),
    requests: 2,
  });
  equal(world.sentTo("slow").requests, 1, "one request at a time");
  await world.clock.advance(MINUTE);
  equal(world.sentTo("slow").requests, 2);
  await world.clock.run(world.sender[Symbol.asyncDispose]());
});

test("where too many alerts wait the oldest are dropped, which is counted and reported", async () => {
  const world = new World();
  await world.apply([set(["slow"])]);
  world.answer = async (_, signal) => {
    await world.clock.sleep(MINUTE, signal);
    return 200;
  };
  world.sender.send([alert("first")], TELLING);
  await world.clock.advance(SECOND);
  const many = Array.from({ length: ALERT_QUEUE_MAX + 3 }, (_, i) => alert(`A${i}`));
  world.sender.send(many, TELLING);
  const counts = world.sender.stats().alertmanagers.get("http://slow/api/v2/alerts");
  equal(counts?.dropped, 3);
  equal(world.sender.stats().queued, ALERT_QUEUE_MAX);
  match(world.problems[0] ?? "", /3 alerts are dropped: more than 10000 wait/);
  await world.clock.advance(2 * MINUTE);
  deepEqual(world.sentTo("slow").names.slice(0, 2), ["first", "A3"]);
  await world.clock.run(world.sender[Symbol.asyncDispose]());
});

test("what an Alertmanager refuses is counted and not tried again: alerts that go on come again by themselves", async () => {
  const world = new World();
  await world.apply([set(["one"])]);
  world.answer = async () => 500;
  world.sender.send([alert("A")], TELLING);
  await world.clock.advance(MINUTE);
  world.answer = async () => {
    throw new OperatingError("http.failed", "connection refused");
  };
  world.sender.send([alert("A")], TELLING);
  await world.clock.advance(MINUTE);
  equal(world.requests.length, 2);
  const counts = world.sender.stats().alertmanagers.get("http://one/api/v2/alerts");
  deepEqual([counts?.sent, counts?.errors], [0, 2]);
  deepEqual(world.took, Array(2).fill("http://one/api/v2/alerts 0 s"), "those that fail, too");
  deepEqual(world.problems, [
    "sending 1 alerts to http://one/api/v2/alerts: it answered with status 500",
    "sending 1 alerts to http://one/api/v2/alerts: connection refused",
  ]);
  await world.sender[Symbol.asyncDispose]();
});

test("Alertmanagers in files are followed as the files change", async () => {
  const world = new World();
  world.files.set("/am.json", '[{"targets": ["one"]}]');
  await world.apply([
    set([], { fileSdConfigs: [{ files: ["/am.json"], refreshIntervalMs: MINUTE }] }),
  ]);
  deepEqual(world.sender.targets().active, ["http://one/api/v2/alerts"]);
  world.files.set("/am.json", '[{"targets": ["two"]}]');
  await world.clock.advance(MINUTE + SECOND);
  deepEqual(world.sender.targets().active, ["http://two/api/v2/alerts"]);
  world.sender.send([alert("A")], TELLING);
  await world.clock.advance(SECOND);
  deepEqual([world.sentTo("one").names, world.sentTo("two").names], [[], ["A"]]);
  await world.sender[Symbol.asyncDispose]();
});

test("Alertmanagers that an endpoint lists are followed; where it fails those that are known stay, also over a reload", async () => {
  const world = new World();
  const url = "http://sd.test/am";
  const list = (...targets: readonly string[]): void =>
    void world.lists.set(url, ["application/json; charset=utf-8", JSON.stringify([{ targets }])]);
  const endpoint = {
    ...{ basicAuth: undefined, httpHeaders: [], tls: undefined, followRedirects: true },
    ...{ url, refreshIntervalMs: MINUTE },
    authorization: { type: "Bearer", credentials: new Secret("hush") },
  };
  const sets = [set(["fixed"], { httpSdConfigs: [endpoint] })];
  const active = (): readonly string[] =>
    world.sender.targets().active.map((each) => new URL(each).host);
  list("one", "two");
  await world.apply(sets);
  await world.clock.advance(SECOND);
  deepEqual(active(), ["fixed", "one", "two"]);
  const [asked] = world.asked;
  equal(asked?.headers["Authorization"], "Bearer hush");
  equal(asked?.headers["X-Prometheus-Refresh-Interval-Seconds"], "60");

  list("two", "three");
  await world.clock.advance(MINUTE);
  deepEqual(active(), ["fixed", "two", "three"]);
  world.sender.send([alert("A")], TELLING);
  await world.clock.advance(SECOND);
  deepEqual([world.sentTo("one").names, world.sentTo("three").names], [[], ["A"]]);

  for (const broken of ["{", '[{"targets": [1]}]', "{}"]) {
    world.lists.set(url, ["application/json", broken]);
    await world.clock.advance(2 * MINUTE);
  }
  world.lists.set(url, ["text/html", "[]"]);
  await world.clock.advance(2 * MINUTE);
  deepEqual(active(), ["fixed", "two", "three"]);
  equal(world.problems.length, 4, "each is said once");
  match(world.problems[1] ?? "", /^looking for Alertmanagers at http:\/\/sd\.test\/am: .*\[0\]/);
  match(world.problems[3] ?? "", /it answered text\/html, not JSON/);
  await world.apply(sets);
  await world.clock.advance(SECOND);
  deepEqual(active(), ["fixed", "two", "three"]);

  list();
  await world.clock.advance(MINUTE);
  deepEqual(active(), ["fixed"]);
  await world.sender[Symbol.asyncDispose]();
  const count = world.asked.length;
  await world.clock.advance(5 * MINUTE);
  equal(world.asked.length, count, "nobody is asked after the end");
});

test("a reload keeps counting where an address stays, and nothing goes to those that went", async () => {
  const world = new World();
  await world.apply([set(["one", "two"])]);
  world.sender.send([alert("A")], TELLING);
  await world.clock.advance(SECOND);
  await world.apply([set(["one"])]);
  world.sender.send([alert("B")], TELLING);
  await world.clock.advance(SECOND);
  deepEqual([world.sentTo("one").names, world.sentTo("two").names], [["A", "B"], ["A"]]);
  equal(world.sender.stats().alertmanagers.get("http://one/api/v2/alerts")?.sent, 2);
  await world.sender[Symbol.asyncDispose]();
});
