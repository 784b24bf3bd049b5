import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { METRIC_NAME } from "@pharos/base";
import { parseMetricSelector } from "@pharos/promql/syntax";
import fc from "fast-check";
import { metricQuery, selectorText } from "../src/http/metric-query.ts";
import { HttpWorld, NOW_MS, NOW_SECONDS } from "./http-world.ts";

async function filled(): Promise<HttpWorld> {
  const world = new HttpWorld();
  const labels = { __name__: "cpu.load", region: "us" };
  await world.write({ ...labels, host: "web-01" }, 60, (i) => i);
  await world.write({ ...labels, host: "web-02" }, 60, (i) => 100 + i);
  await world.write({ __name__: "odd", host: "a" }, 3, (i) => [1, Number.NaN, Infinity][i] ?? 0);
  return world;
}

async function ask(world: HttpWorld, parameters: Record<string, string>): Promise<unknown> {
  const { status, body } = await world.ask(`query?${new URLSearchParams(parameters)}`);
  equal(status, 200, JSON.stringify(body));
  return (body as { results: unknown }).results;
}

const series = (host: string, datapoints: readonly unknown[]): unknown => ({
  metric: "cpu.load",
  labels: { host, region: "us" },
  datapoints,
});

test("a metric is asked for by its name and gives its latest values", async () => {
  const world = await filled();
  const latest = [series("web-01", [[59, NOW_MS]]), series("web-02", [[159, NOW_MS]])];
  deepEqual(await ask(world, { metric: "cpu.load" }), latest);
  deepEqual(await ask(world, { metric_name: "cpu.load" }), latest);
  const byForm = await world.post("/api/v1/query", { metric: "cpu.load" });
  deepEqual(await byForm.json(), { results: latest });
});

test("a range gives each sample in it, both ends included", async () => {
  const world = await filled();
  const points = [
    [57, NOW_MS - 2000],
    [58, NOW_MS - 1000],
    [59, NOW_MS],
  ];
  const asked = { metric: "cpu.load", labels: '{"host":"web-01"}' };
  deepEqual(await ask(world, { ...asked, range: "2s" }), [series("web-01", points)]);
  for (const [start, end] of [
    [NOW_SECONDS - 2, NOW_SECONDS],
    [NOW_MS - 2000, NOW_MS],
    [new Date(NOW_MS - 2000).toISOString(), new Date(NOW_MS).toISOString()],
  ])
    deepEqual(await ask(world, { ...asked, start_time: `${start}`, end_time: `${end}` }), [
      series("web-01", points),
    ]);
});

test("steps thin a range out", async () => {
  const world = await filled();
  const asked = { metric: "cpu.load", labels: '{host="web-01"}', range: "20s" };
  const points = [
    [39, NOW_MS - 20_000],
    [49, NOW_MS - 10_000],
    [59, NOW_MS],
  ];
  deepEqual(await ask(world, { ...asked, step: "10s" }), [series("web-01", points)]);
  deepEqual(await ask(world, { ...asked, points: "2" }), [series("web-01", points)]);
});

for (const [parameters, datapoints] of [
  [{ aggregation: "avg" }, [[109, NOW_MS]]],
  [{ aggregation: "sum" }, [[218, NOW_MS]]],
  [{ aggregation: "max" }, [[159, NOW_MS]]],
  [{ aggregation: "MIN" }, [[59, NOW_MS]]],
  [{ aggregation: "count" }, [[2, NOW_MS]]],
  [{ aggregation: "percentile", percentile: "50" }, [[109, NOW_MS]]],
  [{ aggregation: "percentile" }, [[154, NOW_MS]]],
] as const)
  test(`${JSON.stringify(parameters)} puts series together`, async () => {
    deepEqual(await ask(await filled(), { metric: "cpu.load", ...parameters }), [
      { metric: "cpu.load", labels: {}, datapoints },
    ]);
  });

for (const group_by of ['["host"]', "host", "host,"])
  test(`series are put together for each value of ${group_by}`, async () => {
    const asked = { metric: "cpu.load", aggregation: "sum", group_by, range: "1s" };
    const points = (from: number) => [
      [from, NOW_MS - 1000],
      [from + 1, NOW_MS],
    ];
    deepEqual(await ask(await filled(), asked), [
      { metric: "cpu.load", labels: { host: "web-01" }, datapoints: points(58) },
      { metric: "cpu.load", labels: { host: "web-02" }, datapoints: points(158) },
    ]);
  });

test("values that JSON has no number for are null", async () => {
  deepEqual(await ask(await filled(), { metric: "odd", range: "5s" }), [
    {
      metric: "odd",
      labels: { host: "a" },
      datapoints: [
        [1, NOW_MS - 2000],
        [null, NOW_MS - 1000],
        [null, NOW_MS],
      ],
    },
  ]);
});

test("labels may be matched by regular expressions", async () => {
  const asked = { metric: "cpu.load", labels: '{host=~"web-.*",host!="web-01"}' };
  deepEqual(await ask(await filled(), asked), [series("web-02", [[159, NOW_MS]])]);
});

for (const [parameters, error] of [
  ["metric=", /"metric" is missing/],
  ["metric=x&labels=[1]", /invalid parameter "labels": must be a JSON object of texts/],
  ['metric=x&labels={"a":1}', /invalid parameter "labels": a must be a text/],
  ["metric=x&labels={a", /invalid parameter "labels": neither a JSON object nor a selector: 1:/],
  ["metric=x&range=abc", /invalid parameter "range": cannot parse "abc"/],
  ["metric=x&range=0", /invalid parameter "range": must be above zero/],
  ["metric=x&range=1h&start_time=5", /exclude each other/],
  ["metric=x&end_time=5", /"end_time" needs/],
  ["metric=x&start_time=5&end_time=4", /"end_time": must not be before/],
  ["metric=x&start_time=soon", /invalid parameter "start_time": cannot parse "soon"/],
  ["metric=x&aggregation=median", /"aggregation": must be one of avg, sum, max, min, count, perc/],
  [
    "metric=x&aggregation=percentile&percentile=101",
    /"percentile": must be a number from 0 to 100/,
  ],
  ["metric=x&group_by=a", /"group_by" needs an "aggregation"/],
  ["metric=x&aggregation=sum&group_by=[1]", /invalid parameter "group_by"/],
  ["metric=x&range=1h&points=0", /"points": must be a whole number of 1 or more/],
  ["metric=x&range=1h&points=10000000000", /of nine digits at most/],
  ["metric=x&range=1y&step=1", /more than 11000 points/],
] as const)
  test(`${parameters} is refused`, async () => {
    const { status, body } = await (await filled()).ask(`query?${encodeURI(parameters)}`);
    equal(status, 400);
    match((body as { error: string }).error, error);
  });

test("no name and no value of a label is read as anything but itself", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({
      unit: fc.constantFrom('"', "\\", "{", "}", "\n", "'", "`", "a", ",", "=", "é", "\0"),
    }),
  );
  const name = text.filter((one) => one !== "" && one !== METRIC_NAME);
  fc.assert(
    fc.property(
      text.filter((one) => one !== ""),
      fc.array(fc.tuple(name, text)),
      (metric, labels) => {
        const matchers = [
          { type: "=" as const, name: METRIC_NAME, value: metric },
          ...labels.map(([label, value]) => ({ type: "=" as const, name: label, value })),
        ];
        deepEqual(parseMetricSelector(selectorText(matchers)), matchers);
        const parameters = new URLSearchParams({ metric });
        equal(metricQuery(parameters, 0).expr, selectorText(matchers.slice(0, 1)));
      },
    ),
  );
});

test("a dashboard lists metrics, labels and their values, and draws series", async () => {
  const world = await filled();
  const get = async (path: string) => (await world.get(`/api/v1/dashboard/${path}`)).json();
  deepEqual(await get("metrics"), ["cpu.load", "odd"]);
  deepEqual(await get("labels"), { host: ["a", "web-01", "web-02"], region: ["us"] });
  deepEqual(await get("labels?metric=odd"), { host: ["a"] });
  const drawn = [{ metric: "odd", labels: { host: "a" }, datapoints: [[1, NOW_MS - 2000]] }];
  const range = `start_time=${NOW_SECONDS - 2}&end_time=${NOW_SECONDS - 2}`;
  deepEqual(await get(`metrics?metric=odd&${range}`), drawn);
  deepEqual(await get(`query?metric=odd&${range}`), drawn);
});

test("a dashboard is told of the alerts that fire, and of no others", async () => {
  const world = new HttpWorld();
  const alert = (name: string, state: "firing" | "pending") => ({
    ...{ labels: [["alertname", name] as const], annotations: [], state, activeAtMs: NOW_MS },
    ...{ keepFiringSinceMs: undefined, value: 1 },
  });
  world.groups = [
    {
      ...{ name: "g", file: "f", intervalMs: 1, limit: 0, evaluationTimeMs: 1 },
      lastEvaluationMs: NOW_MS,
      rules: [
        {
          ...{ kind: "alert", name: "A", query: "up", labels: [], health: "ok", lastError: "" },
          ...{ evaluationTimeMs: 1, lastEvaluationMs: NOW_MS, state: "firing", forMs: 0 },
          ...{ keepFiringForMs: 0, annotations: [] },
          alerts: [alert("A", "firing"), alert("B", "pending")],
        },
      ],
    },
  ];
  const alerts = (await (await world.get("/api/v1/dashboard/alerts")).json()) as object[];
  deepEqual(alerts, [
    {
      ...{ labels: { alertname: "A" }, annotations: {}, state: "firing" },
      ...{ activeAt: new Date(NOW_MS).toISOString(), value: "1e+00" },
    },
  ]);
});
