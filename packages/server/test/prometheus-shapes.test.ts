import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { filledWorld } from "./filled-world.ts";
import { NOW_SECONDS } from "./http-world.ts";

/**
 * What Prometheus 3.14's own description of its API says of an answer. A name stands for a type; `?` after a field's
 * name means that it may be missing. No other fields may be there, but for those in `OURS`.
 */
type Shape =
  | "text"
  | "number"
  | "whole"
  | "bool"
  | "time"
  /** Texts by name. */
  | "labels"
  /** Anything. */
  | "any"
  | { readonly list: Shape }
  | { readonly map: Shape }
  /** One of several. */
  | { readonly any: readonly Shape[] }
  /** As many items as there are shapes. */
  | { readonly tuple: readonly Shape[] }
  | { readonly object: Readonly<Record<string, Shape>> };

const object = (fields: Readonly<Record<string, Shape>>): Shape => ({ object: fields });
const list = (shape: Shape): Shape => ({ list: shape });

/** Fields that Pharos has beside them: a client that does not know them passes over them. */
const OURS: ReadonlySet<string> = new Set([
  "blocks.stats.numBytes",
  "blocks.tier",
  // Prometheus's documentation has it, its description has not.
  "state",
]);

const POINT: Shape = { tuple: ["number", "text"] };
const HISTOGRAM_POINT: Shape = {
  tuple: [
    "number",
    object({ count: "text", sum: "text", "buckets?": list(list({ any: ["number", "text"] })) }),
  ],
};
const STATS: Shape = object({ "timings?": { map: "number" }, "samples?": "any" });
const queryData = (result: Shape): Shape => object({ resultType: "text", result, "stats?": STATS });
const VECTOR = queryData(
  list({
    any: [
      object({ metric: "labels", value: POINT }),
      object({ metric: "labels", histogram: HISTOGRAM_POINT }),
    ],
  }),
);
const MATRIX = queryData(
  list({
    any: [
      object({ metric: "labels", values: list(POINT) }),
      object({ metric: "labels", histograms: list(HISTOGRAM_POINT) }),
    ],
  }),
);
const ALERT = object({
  labels: "labels",
  annotations: "labels",
  state: "text",
  value: "text",
  "activeAt?": "time",
  "keepFiringSince?": "time",
});
const STATISTIC = list(object({ name: "text", value: "whole" }));
const RANGE = `start=${NOW_SECONDS - 2}&end=${NOW_SECONDS}&step=1`;

const SHAPES: readonly (readonly [path: string, data: Shape])[] = [
  ["query?query=up", VECTOR],
  ["query?query=up&stats=all", VECTOR],
  ["query?query=up[5s]", MATRIX],
  ["query?query=1", queryData(POINT)],
  ['query?query="a"', queryData(POINT)],
  [`query_range?query=up&stats=true&${RANGE}`, MATRIX],
  ["query_exemplars?query=up", "any"],
  ["format_query?query=up", "text"],
  ["parse_query?query=up", "any"],
  ["labels", list("text")],
  ["label/job/values", list("text")],
  ["series?match[]=up", list("labels")],
  ["metadata", { map: list(object({ type: "text", unit: "text", help: "text" })) }],
  [
    "targets/metadata",
    list(object({ target: "labels", "metric?": "text", type: "text", help: "text", unit: "text" })),
  ],
  [
    "targets",
    object({
      activeTargets: list(
        object({
          discoveredLabels: "labels",
          labels: "labels",
          scrapePool: "text",
          scrapeUrl: "text",
          globalUrl: "text",
          lastError: "text",
          lastScrape: "time",
          lastScrapeDuration: "number",
          health: "text",
          scrapeInterval: "text",
          scrapeTimeout: "text",
        }),
      ),
      droppedTargets: list(object({ discoveredLabels: "labels", scrapePool: "text" })),
      droppedTargetCounts: { map: "whole" },
    }),
  ],
  ["scrape_pools", object({ scrapePools: list("text") })],
  ["scrape_pools/config?scrapePool=node", object({ yaml: "text" })],
  [
    'targets/relabel_steps?scrapePool=node&labels={"a":"b"}',
    object({
      steps: list(
        object({
          rule: object({
            "source_labels?": list("text"),
            "separator?": "text",
            "regex?": "text",
            "modulus?": "whole",
            "target_label?": "text",
            "replacement?": "text",
            "action?": "text",
          }),
          output: "labels",
          keep: "bool",
        }),
      ),
    }),
  ],
  [
    "rules",
    object({
      groups: list(
        object({
          name: "text",
          file: "text",
          rules: list("any"),
          interval: "number",
          limit: "whole",
          evaluationTime: "number",
          lastEvaluation: "time",
        }),
      ),
      "groupNextToken?": "text",
    }),
  ],
  ["alerts", object({ alerts: list(ALERT) })],
  [
    "alertmanagers",
    object({
      activeAlertmanagers: list(object({ url: "text" })),
      droppedAlertmanagers: list(object({ url: "text" })),
    }),
  ],
  ["status/config", object({ yaml: "text" })],
  ["status/flags", { map: "text" }],
  [
    "status/runtimeinfo",
    object({
      startTime: "time",
      CWD: "text",
      hostname: "text",
      serverTime: "time",
      reloadConfigSuccess: "bool",
      lastConfigTime: "time",
      corruptionCount: "whole",
      goroutineCount: "whole",
      GOMAXPROCS: "whole",
      GOMEMLIMIT: "whole",
      GOGC: "text",
      GODEBUG: "text",
      storageRetention: "text",
    }),
  ],
  [
    "status/buildinfo",
    object({
      version: "text",
      revision: "text",
      branch: "text",
      buildUser: "text",
      buildDate: "text",
      goVersion: "text",
    }),
  ],
  [
    "status/tsdb",
    object({
      headStats: object({
        numSeries: "whole",
        numLabelPairs: "whole",
        chunkCount: "whole",
        minTime: "whole",
        maxTime: "whole",
      }),
      seriesCountByMetricName: STATISTIC,
      labelValueCountByLabelName: STATISTIC,
      memoryInBytesByLabelName: STATISTIC,
      seriesCountByLabelValuePair: STATISTIC,
    }),
  ],
  [
    "status/tsdb/blocks",
    object({
      blocks: list(
        object({
          ulid: "text",
          minTime: "whole",
          maxTime: "whole",
          "stats?": object({
            "numSamples?": "whole",
            "numSeries?": "whole",
            "numChunks?": "whole",
            "numTombstones?": "whole",
            "numFloatSamples?": "whole",
            "numHistogramSamples?": "whole",
          }),
          compaction: object({ level: "whole", "sources?": list("text") }),
          version: "whole",
        }),
      ),
    }),
  ],
  ["status/walreplay", object({ min: "whole", max: "whole", current: "whole" })],
  ["status/self_metrics", "any"],
  ["features", "any"],
  ["notifications", list(object({ text: "text", date: "time", active: "bool" }))],
];

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** What is not as the shape says, each with its place. */
function problems(value: unknown, shape: Shape, place = ""): string[] {
  const wrong = (what: string): string[] => [`${place || "data"}: ${what}`];
  if (shape === "any") return [];
  if (shape === "labels") return problems(value, { map: "text" }, place);
  if (shape === "text") return typeof value === "string" ? [] : wrong("no text");
  if (shape === "number") return typeof value === "number" ? [] : wrong("no number");
  if (shape === "whole") return Number.isInteger(value) ? [] : wrong("no whole number");
  if (shape === "bool") return typeof value === "boolean" ? [] : wrong("no bool");
  if (shape === "time") return RFC3339.test(String(value)) ? [] : wrong("no time");
  if ("any" in shape) {
    const found = shape.any.map((one) => problems(value, one, place));
    return found.some((one) => one.length === 0) ? [] : (found[0] ?? []);
  }
  if ("tuple" in shape) {
    if (!Array.isArray(value) || value.length !== shape.tuple.length) return wrong("no tuple");
    return shape.tuple.flatMap((one, i) => problems(value[i], one, `${place}[${i}]`));
  }
  if ("list" in shape) {
    if (!Array.isArray(value)) return wrong("no list");
    return value.flatMap((one) => problems(one, shape.list, place));
  }
  if (typeof value !== "object" || value === null) return wrong("no object");
  const entries = Object.entries(value);
  if ("map" in shape)
    return entries.flatMap(([key, one]) => problems(one, shape.map, `${place}.${key}`));
  const below = (field: string): string => (place === "" ? field : `${place}.${field}`);
  const known = new Map(
    Object.entries(shape.object).map(([field, one]) => [field.replace("?", ""), one]),
  );
  const missing = Object.keys(shape.object).filter(
    (field) => !field.endsWith("?") && !Object.hasOwn(value, field),
  );
  return [
    ...missing.map((field) => `${below(field)}: missing`),
    ...entries.flatMap(([field, one]) => {
      const inner = known.get(field);
      if (inner !== undefined) return problems(one, inner, below(field));
      return OURS.has(below(field)) ? [] : [`${below(field)}: unknown to Prometheus`];
    }),
  ];
}

for (const [path, shape] of SHAPES)
  test(`${path} has the shape that Prometheus describes`, async () => {
    const { status, body } = await (await filledWorld()).ask(encodeURI(path));
    const envelope = object({
      status: "text",
      data: "any",
      "warnings?": list("text"),
      "infos?": list("text"),
    });
    deepEqual([status, problems(body, envelope)], [200, []]);
    deepEqual(problems((body as { data: unknown }).data, shape), []);
  });

test("an error has the shape that Prometheus describes", async () => {
  const { body } = await (await filledWorld()).ask("query?query=");
  deepEqual(problems(body, object({ status: "text", errorType: "text", error: "text" })), []);
});

test("what is not as described is found", () => {
  const shape = object({ a: "whole", "b?": list("text"), c: { map: "number" } });
  deepEqual(problems({ a: 1, c: { x: 2 } }, shape), []);
  deepEqual(problems({ a: 1.5, b: [1], c: { x: "y" }, d: 0 }, shape), [
    "a: no whole number",
    "b: no text",
    "c.x: no number",
    "d: unknown to Prometheus",
  ]);
  deepEqual(problems({ a: 1 }, shape), ["c: missing"]);
  ok(problems("x", shape).length > 0);
});
