import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "@pharos/testing";
import { LISTENERS_MAX, Notifications } from "../src/http/notifications.ts";
import { familiesOf } from "../src/http/self-metrics.ts";
import { HttpWorld, NOW_MS } from "./http-world.ts";

const DATE = new Date(NOW_MS).toISOString();

test("what people should know is listed until it ends", async () => {
  const world = new HttpWorld();
  deepEqual(await world.data("notifications"), []);
  world.notifications.begin("It rains.");
  world.notifications.begin("It rains.");
  deepEqual(await world.data("notifications"), [{ text: "It rains.", date: DATE, active: true }]);
  world.notifications.end("It rains.");
  world.notifications.end("It rains.");
  deepEqual(await world.data("notifications"), []);
});

test("whoever listens is told what there is, what begins and what ends", async () => {
  const world = new HttpWorld();
  world.notifications.begin("old");
  const response = await world.get("/api/v1/notifications/live", { "Accept-Encoding": "gzip" });
  equal(response.headers.get("Content-Type"), "text/event-stream");
  equal(response.headers.get("Content-Encoding"), null);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const next = async () => (await reader?.read())?.value;
  const event = (text: string, active: boolean) =>
    `data: ${JSON.stringify({ text, date: DATE, active })}\n\n`;
  equal(await next(), ": notifications\n\n");
  equal(await next(), event("old", true));
  world.notifications.begin("new");
  equal(await next(), event("new", true));
  world.notifications.end("old");
  equal(await next(), event("old", false));
  await reader?.cancel();
});

test("a limited number listens; who goes makes room", async () => {
  const world = new HttpWorld();
  const listen = () => world.get("/api/v1/notifications/live");
  const responses = await Promise.all(Array.from({ length: LISTENERS_MAX }, listen));
  deepEqual(new Set(responses.map(({ status }) => status)), new Set([200]));
  equal((await listen()).status, 204);
  await responses[0]?.body?.cancel();
  const again = await listen();
  equal(again.status, 200);
  for (const { body } of [...responses.slice(1), again]) await body?.cancel();
});

test("of very many notifications the oldest go", () => {
  const notifications = new Notifications(new SimClock(NOW_MS));
  for (let i = 0; i < 150; i++) notifications.begin(String(i));
  equal(notifications.list().length, 100);
  equal(notifications.list().at(-1)?.text, "149");
});

test("own metrics are read by family, with their parts", () => {
  const text = [
    "# HELP a A \\\\ b\\nc.",
    "# TYPE a gauge",
    'a{x="1",y="q\\"\\\\\\n"} 5',
    "a +Inf",
    "# TYPE h histogram",
    'h_bucket{le="1"} 2',
    'h_bucket{le="+Inf"} 3',
    "h_sum 4",
    "h_count 3",
    "# TYPE s summary",
    's{quantile="0.5",j="k"} 1',
    's_sum{j="k"} 2',
    's_count{j="k"} 3',
    "b_count 7",
  ].join("\n");
  deepEqual(JSON.parse(JSON.stringify(familiesOf(text))), [
    {
      name: "a",
      help: "A \\ b\nc.",
      type: "gauge",
      metrics: [{ labels: { x: "1", y: 'q"\\\n' }, value: "5" }, { value: "+Inf" }],
    },
    {
      name: "h",
      help: "",
      type: "histogram",
      metrics: [
        {
          buckets: [
            { upperBound: "1", cumulativeCount: "2" },
            { upperBound: "+Inf", cumulativeCount: "3" },
          ],
          sampleSum: "4",
          sampleCount: "3",
        },
      ],
    },
    {
      name: "s",
      help: "",
      type: "summary",
      metrics: [
        {
          labels: { j: "k" },
          quantiles: [{ quantile: "0.5", value: "1" }],
          sampleSum: "2",
          sampleCount: "3",
        },
      ],
    },
    { name: "b_count", help: "", type: "untyped", metrics: [{ value: "7" }] },
  ]);
});

test("own metrics are filtered by their whole name", async () => {
  const world = new HttpWorld();
  const names = async (pattern: string) =>
    ((await world.data(`status/self_metrics?metric_name_pattern=${pattern}`)) as object[]).length;
  deepEqual([await names("u."), await names("u"), await names("")], [1, 0, 1]);
});

test("the steps of relabelling show the labels after each rule, and where a target is dropped", async () => {
  const world = new HttpWorld();
  const steps = async (labels: object) => {
    const parameters = new URLSearchParams({ scrapePool: "node", labels: JSON.stringify(labels) });
    return (await world.data(`targets/relabel_steps?${parameters}`)) as { steps: unknown[] };
  };
  const replace = {
    source_labels: ["a"],
    separator: ";",
    regex: "(.*)",
    target_label: "c",
    replacement: "$1-x",
    action: "replace",
  };
  const drop = {
    source_labels: ["c"],
    separator: ";",
    regex: "b-.*",
    replacement: "$1",
    action: "drop",
  };
  deepEqual(await steps({ a: "z" }), {
    steps: [
      { rule: replace, output: { a: "z", c: "z-x" }, keep: true },
      { rule: drop, output: { a: "z", c: "z-x" }, keep: true },
    ],
  });
  deepEqual(await steps({ a: "b" }), {
    steps: [
      { rule: replace, output: { a: "b", c: "b-x" }, keep: true },
      { rule: drop, output: {}, keep: false },
    ],
  });
});

test("a job's configuration is shown as it is written", async () => {
  const world = new HttpWorld();
  deepEqual(await world.data("scrape_pools/config?scrapePool=web"), { yaml: "job_name: web\n" });
});

test("features are told by part of the system, with every function of the language", async () => {
  const features = (await new HttpWorld().data("features")) as Record<
    string,
    Record<string, boolean>
  >;
  ok(features["api"]?.["search"]);
  ok(features["promql_functions"]?.["rate"]);
});
