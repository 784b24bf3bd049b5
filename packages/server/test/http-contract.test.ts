import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import {
  alertsDataSchema,
  buildInfoDataSchema,
  errorAnswerSchema,
  exemplarsDataSchema,
  metadataDataSchema,
  metricLabelsSchema,
  metricNamesSchema,
  namesDataSchema,
  pushAnswerSchema,
  pushErrorSchema,
  pushRequestSchema,
  queryDataSchema,
  rulesDataSchema,
  seriesDataSchema,
  successAnswerSchema,
  targetsDataSchema,
} from "@pharos/api";
import { labelsFrom } from "@pharos/base";
import { IngestQueue, parseJsonMetrics, receiveJsonMetrics } from "@pharos/collect";
import type { z } from "zod";
import { jsonMetrics } from "../src/http/ingest.ts";
import { HttpWorld, NOW_MS, NOW_SECONDS } from "./http-world.ts";

/** A world in which every answer has something in it. */
async function filled(): Promise<HttpWorld> {
  const world = new HttpWorld();
  await world.write({ __name__: "up", job: "api" }, 5, () => 1);
  const exemplars = [{ labels: labelsFrom({ trace_id: "x" }), timestampMs: NOW_MS, value: 1 }];
  world.exemplars = async () => [{ labels: labelsFrom({ __name__: "up" }), exemplars }];
  world.metadata = [{ metric: "up", type: "gauge", help: "Up.", unit: "", target: [] }];
  world.active = [
    {
      scrapePool: "node",
      scrapeUrl: "http://a:1/metrics",
      globalUrl: "http://a:1/metrics",
      discoveredLabels: [["__address__", "a:1"]],
      labels: [["job", "node"]],
      lastError: "",
      lastScrapeMs: undefined,
      lastScrapeDurationMs: 0,
      health: "unknown",
      scrapeIntervalMs: 15_000,
      scrapeTimeoutMs: 10_000,
    },
  ];
  const evaluated = {
    health: "ok",
    lastError: "",
    evaluationTimeMs: 1,
    lastEvaluationMs: NOW_MS,
  } as const;
  world.groups = [
    {
      name: "g",
      file: "r.yml",
      intervalMs: 1000,
      limit: 0,
      evaluationTimeMs: 1,
      lastEvaluationMs: undefined,
      rules: [
        { kind: "record", name: "a:b", query: "up", labels: [], ...evaluated },
        {
          kind: "alert",
          name: "A",
          query: "up",
          labels: [],
          ...evaluated,
          state: "firing",
          forMs: 0,
          keepFiringForMs: 0,
          annotations: [],
          alerts: [
            {
              labels: [["alertname", "A"]],
              annotations: [],
              state: "firing",
              activeAtMs: NOW_MS,
              keepFiringSinceMs: NOW_MS,
              value: 1,
            },
          ],
        },
      ],
    },
  ];
  return world;
}

const RANGE = `start=${NOW_SECONDS - 2}&end=${NOW_SECONDS}&step=1`;

/** Each path with the schema that `api` promises for its data. */
const PROMISES: readonly (readonly [path: string, schema: z.ZodType])[] = [
  ["query?query=up&stats=all", queryDataSchema],
  ["query?query=1", queryDataSchema],
  ["query?query='a'", queryDataSchema],
  ["query?query=up[5m]", queryDataSchema],
  [`query_range?query=up&${RANGE}`, queryDataSchema],
  ["query_exemplars?query=up", exemplarsDataSchema],
  ["series?match[]=up", seriesDataSchema],
  ["labels", namesDataSchema],
  ["label/job/values", namesDataSchema],
  ["metadata", metadataDataSchema],
  ["targets", targetsDataSchema],
  ["rules", rulesDataSchema],
  ["alerts", alertsDataSchema],
  ["status/buildinfo", buildInfoDataSchema],
];

for (const [path, schema] of PROMISES)
  test(`the answer of ${path} is what the contract promises`, async () => {
    const { status, body } = await (await filled()).ask(path);
    equal(status, 200);
    const read = successAnswerSchema(schema).parse(body);
    // Parsing keeps only what the schema names: nothing of the data may be missing there.
    deepEqual(read.data, (body as { data: unknown }).data);
  });

test("lists of names are what the contract promises", async () => {
  const world = await filled();
  const names = await (await world.get("/api/v1/metrics/names")).json();
  deepEqual(metricNamesSchema.parse(names), ["up"]);
  const labels = await (await world.get("/api/v1/metrics/labels?metric=up")).json();
  deepEqual(metricLabelsSchema.parse(labels), { job: ["api"] });
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
