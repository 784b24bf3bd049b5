// The same exporter scraped by us and by Debian's Prometheus, which also writes what it scraped to a second one of us.
// From its samples we must answer exactly what it answers; from our own scrapes, what other scrape instants explain.
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findProgram, run, skipWithout } from "../harness/child.ts";
import {
  apiGet,
  type MatrixElement,
  PharosProcess,
  temporaryFolder,
  type VectorElement,
} from "../harness/pharos-process.ts";
import { NodeExporterProcess, PrometheusProcess } from "../harness/prometheus-process.ts";

/** How long both scrape before they are compared; the long run is for a person who has the time. */
const SECONDS = Number(process.env["ACCEPTANCE_SECONDS"] ?? 45);

/** Compared on equal samples: every value must be the same. Windows end between samples, where 2.x and 3.x agree. */
const EXACT = [
  "up",
  'node_cpu_seconds_total{mode="idle"}',
  "rate(node_cpu_seconds_total[20s])",
  "sum by (mode) (rate(node_cpu_seconds_total[20s]))",
  '100 - avg(rate(node_cpu_seconds_total{mode="idle"}[20s])) * 100',
  "irate(node_network_receive_bytes_total[20s])",
  "increase(node_context_switches_total[15s])",
  "delta(node_memory_MemAvailable_bytes[15s])",
  "deriv(node_memory_MemFree_bytes[15s])",
  "predict_linear(node_memory_MemFree_bytes[15s], 3600)",
  "resets(node_intr_total[20s])",
  "changes(node_memory_MemFree_bytes[20s])",
  "node_memory_MemTotal_bytes - node_memory_MemFree_bytes - node_memory_Buffers_bytes",
  "node_filesystem_avail_bytes / node_filesystem_size_bytes",
  "topk(3, node_memory_MemTotal_bytes or node_memory_MemFree_bytes or node_memory_Cached_bytes)",
  'count by (job) ({__name__=~"node_.*"})',
  "count(node_cpu_seconds_total) by (cpu)",
  "avg_over_time(node_load1[20s])",
  "max_over_time(node_load1[20s]) - min_over_time(node_load1[20s])",
  "stddev_over_time(node_memory_MemFree_bytes[20s])",
  "quantile_over_time(0.9, node_memory_MemFree_bytes[20s])",
  "quantile(0.5, node_cpu_seconds_total)",
  "stddev(node_cpu_seconds_total)",
  'label_replace(node_load1, "host", "$1", "instance", "(.*):.*")',
  'label_join(node_load1, "where", "-", "job", "instance")',
  "histogram_quantile(0.9, rate(prometheus_http_request_duration_seconds_bucket[20s]))",
  "node_cpu_seconds_total > bool 100",
  'node_cpu_seconds_total{mode="user"} / ignoring(mode) group_left sum without (mode) (node_cpu_seconds_total)',
  'node_cpu_seconds_total{mode="user"} and on (cpu) node_cpu_seconds_total{mode="idle"} > 0',
  "absent(node_no_such_metric)",
  "absent_over_time(node_load1[10s])",
  "round(node_load1, 0.1)",
  "clamp(node_load1, 0.5, 1)",
  "scalar(node_load1) * 2",
  "time() - node_boot_time_seconds > 0",
  "timestamp(node_load1)",
  "year(node_boot_time_seconds)",
  "max_over_time(rate(node_cpu_seconds_total[10s])[15s:5s])",
  "sort_desc(node_load1 or node_load5 or node_load15)",
  'count_values("value", up)',
  "node_load1 offset 10s",
  "sum(node_cpu_seconds_total) without (cpu, mode)",
  "ceil(node_load1) + floor(node_load5) - sgn(node_load15)",
  "-node_load1 ^ 2 % 3",
] as const;

/** Compared on our own scrapes: the same series; values that the other instants can explain. */
const OWN_SCRAPES: readonly (readonly [query: string, relativeTolerance: number])[] = [
  ['up{job="node"}', 0],
  ["node_memory_MemTotal_bytes", 0],
  ["node_uname_info", 0],
  ["node_boot_time_seconds", 1e-9],
  ["node_filesystem_size_bytes", 0],
  ["count(node_cpu_seconds_total)", 0],
  ['sum(rate(node_cpu_seconds_total{mode="idle"}[30s]))', 0.1],
  ["node_time_seconds", 1e-8],
  ["node_load15", 0.2],
  ["node_memory_MemAvailable_bytes", 0.25],
  ['scrape_samples_scraped{job="node"}', 0.01],
];

const programs = ["prometheus", "prometheus-node-exporter", "promtool"] as const;

test("a real exporter, scraped and remote-written by a real Prometheus, is answered as Prometheus answers", {
  skip: skipWithout(...programs),
}, async (t) => {
  await using folder = await temporaryFolder();
  await using writtenFolder = await temporaryFolder();
  await using exporter = await NodeExporterProcess.start();
  const jobs = `scrape_configs:
  - job_name: node
    scrape_interval: 1s
    static_configs: [{targets: ["${exporter.address}"]}]
`;
  await using ours = await PharosProcess.start({ folder: folder.path, config: jobs });
  await using written = await PharosProcess.start({
    folder: writtenFolder.path,
    config: "global: {}\n",
  });
  const prometheusConfig = (self: string): string => `${jobs}  - job_name: prometheus
    scrape_interval: 1s
    static_configs: [{targets: ["${self}"]}]
remote_write:
  - url: ${written.url}/api/v1/write
    queue_config: {batch_send_deadline: 1s}
`;
  await using prometheus = await PrometheusProcess.start(folder.path, prometheusConfig);
  await sleep(SECONDS * 1000);

  await t.test("no sample of the remote write is lost or doubled", async () => {
    await written.ready();
    // Compare up to a moment that the sender has passed for sure.
    const end = Date.now() / 1000 - 5;
    const window = `${SECONDS}s`;
    const selector = `{__name__=~".+"}[${window}]`;
    const params = { query: selector, time: String(end) };
    const theirs = await apiGet<{ result: MatrixElement[] }>(prometheus.url, "query", params);
    const mine = await apiGet<{ result: MatrixElement[] }>(written.url, "query", params);
    const byKey = new Map(theirs.result.map((series) => [keyOf(series.metric), series.values]));
    equal(mine.result.length, byKey.size, "as many series");
    let samples = 0;
    for (const { metric, values } of mine.result) {
      deepEqual(values, byKey.get(keyOf(metric)), keyOf(metric));
      samples += values.length;
    }
    t.diagnostic(`${samples} samples of ${byKey.size} series are equal`);
    ok(samples > 1000, "there was something to compare");
  });

  await t.test("from the same samples every query gives the same values", async () => {
    for (const query of EXACT) await sameVector(query, prometheus.url, written.url);
  });

  await t.test("range queries over the same samples give the same matrices", async () => {
    const end = Math.floor(Date.now() / 1000) - 5 + 0.4567;
    const range = { start: String(end - 20), end: String(end), step: "3" };
    for (const query of EXACT) {
      if (query.startsWith("sort_desc")) continue; // A range query has no order.
      const params = { query, ...range };
      const theirs = await apiGet<{ result: MatrixElement[] }>(
        prometheus.url,
        "query_range",
        params,
      );
      const mine = await apiGet<{ result: MatrixElement[] }>(written.url, "query_range", params);
      sameSeries(
        query,
        theirs.result.map(({ metric, values }) => ({ metric, values: values.flat().map(Number) })),
        mine.result.map(({ metric, values }) => ({ metric, values: values.flat().map(Number) })),
      );
    }
  });

  await t.test("from our own scrapes queries give what other instants explain", async () => {
    const time = String(Date.now() / 1000 - 2);
    for (const [query, tolerance] of OWN_SCRAPES) {
      const theirs = await instant(prometheus.url, query, time);
      const mine = await instant(ours.url, query, time);
      deepEqual(mine.map(keyed).sort(), theirs.map(keyed).sort(), query);
      const byKey = new Map(theirs.map((each) => [keyOf(each.metric), Number(each.value[1])]));
      for (const { metric, value } of mine) {
        const want = byKey.get(keyOf(metric)) ?? Number.NaN;
        ok(
          Math.abs(Number(value[1]) - want) <= tolerance * Math.abs(want),
          `${query}: ${value[1]} for ${want}`,
        );
      }
    }
  });

  await t.test("promtool queries us and finds our metrics well-formed", async () => {
    const promtool = findProgram("promtool") ?? "promtool";
    const queries: readonly (readonly [args: readonly string[], expected: RegExp])[] = [
      [
        ["instant", ours.url, 'up{job="node"}'],
        /up\{instance="127\.0\.0\.1:\d+", job="node"\} => 1 @/,
      ],
      [["range", "--step=5s", ours.url, "node_load1"], /node_load1\{.*\n.*@\[/],
      [["series", "--match=node_load1", ours.url], /__name__="node_load1"/],
      [["labels", ours.url, "mode"], /^idle$/m],
    ];
    for (const [args, expected] of queries) {
      const { code, stdout, stderr } = await run(promtool, ["query", ...args]);
      equal(code, 0, stderr);
      ok(expected.test(stdout), `promtool query ${args.join(" ")}: ${stdout}`);
    }
    const metrics = await (await fetch(`${ours.url}/metrics`)).text();
    const checked = await run(promtool, ["check", "metrics"], { input: metrics });
    equal(checked.stdout + checked.stderr, "", "promtool check metrics has nothing to say");
    equal(checked.code, 0);
  });
});

type Metric = Readonly<Record<string, string>>;

const keyOf = (metric: Metric): string =>
  JSON.stringify(Object.entries(metric).sort(([a], [b]) => (a < b ? -1 : 1)));
const keyed = (element: { metric: Metric }): string => keyOf(element.metric);

async function instant(url: string, query: string, time: string): Promise<VectorElement[]> {
  const answer = await apiGet<{
    resultType: string;
    result: VectorElement[] | VectorElement["value"];
  }>(url, "query", { query, time });
  return answer.resultType === "vector"
    ? (answer.result as VectorElement[])
    : [{ metric: {}, value: answer.result as VectorElement["value"] }];
}

/** At an odd fraction of a second, so that no sample lies on the edge of a window. */
async function sameVector(query: string, theirUrl: string, ourUrl: string): Promise<void> {
  const time = String(Math.floor(Date.now() / 1000) - 5 + 0.4567);
  const theirs = await instant(theirUrl, query, time);
  const mine = await instant(ourUrl, query, time);
  const numbers = (list: VectorElement[]): { metric: Metric; values: number[] }[] =>
    list.map(({ metric, value }) => ({ metric, values: value.map(Number) }));
  sameSeries(query, numbers(theirs), numbers(mine));
}

function sameSeries(
  query: string,
  theirs: readonly { metric: Metric; values: readonly number[] }[],
  mine: readonly { metric: Metric; values: readonly number[] }[],
): void {
  deepEqual(mine.map(keyed).sort(), theirs.map(keyed).sort(), `${query}: series`);
  const byKey = new Map(theirs.map((each) => [keyOf(each.metric), each.values]));
  for (const { metric, values } of mine) {
    const wanted = byKey.get(keyOf(metric)) ?? [];
    equal(values.length, wanted.length, `${query}: points of ${keyOf(metric)}`);
    for (const [at, value] of values.entries()) {
      const want = wanted[at] ?? Number.NaN;
      const same =
        Object.is(value, want) || Math.abs(value - want) <= 1e-9 * Math.max(1, Math.abs(want));
      ok(same, `${query}: ${value} for ${want} in ${keyOf(metric)}`);
    }
  }
}
