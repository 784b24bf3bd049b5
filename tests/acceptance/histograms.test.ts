// Native histograms and exemplars, handed on by a real Prometheus: both must show the same of them.
import { deepEqual, equal, ok } from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { labelsFrom, METRIC_NAME, type NativeHistogram, STALE_HISTOGRAM } from "@pharos/base";
import { encodeWriteRequest, type SentSeries } from "@pharos/testing";
import { compress } from "snappyjs";
import { PharosProcess, scalarOf, temporaryFolder } from "../harness/pharos-process.ts";
import { PrometheusProcess } from "../harness/prometheus-process.ts";

const QUIET = "scrape_configs: []\n";
const DEADLINE_MS = 30_000;

/** Something of everything: both signs, zero, gaps, and bounds that are no round numbers. */
function histogramOf(round: number): NativeHistogram {
  return {
    ...STALE_HISTOGRAM,
    stale: false,
    schema: 3,
    zeroThreshold: 0.001,
    zeroCount: 2,
    sum: 100.25 * round - 7,
    positiveSpans: [
      { offset: -11, length: 3 },
      { offset: 4, length: 2 },
    ],
    positiveCounts: [round, 2, 30, 0, 1],
    negativeSpans: [{ offset: 5, length: 2 }],
    negativeCounts: [4, round],
    count: 2 * round + 39,
  };
}

function floatsOf(round: number): NativeHistogram {
  const histogram = histogramOf(round);
  const half = (values: readonly number[]): number[] => values.map((value) => value / 2);
  return {
    ...histogram,
    isInteger: false,
    schema: -1,
    zeroCount: 1,
    count: histogram.count / 2,
    positiveCounts: half(histogram.positiveCounts),
    negativeCounts: half(histogram.negativeCounts),
  };
}

function seriesAt(timestampMs: number, round: number): SentSeries[] {
  const labels = (name: string) => labelsFrom({ [METRIC_NAME]: name, job: "test" });
  const trace = { trace_id: `trace-${round}`, span_id: "é" };
  return [
    {
      labels: labels("ints"),
      samples: [],
      histograms: [{ timestampMs, histogram: histogramOf(round) }],
    },
    {
      labels: labels("floats"),
      samples: [],
      histograms: [{ timestampMs, histogram: floatsOf(round) }],
    },
    { labels: labels("hits_total"), samples: [{ timestampMs, value: round }] },
    {
      labels: labels("hits_total"),
      samples: [],
      exemplars: [{ labels: labelsFrom(trace), timestampMs, value: round / 8 }],
    },
  ];
}

async function write(prometheus: PrometheusProcess, series: readonly SentSeries[]): Promise<void> {
  const response = await fetch(`${prometheus.url}/api/v1/write`, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-protobuf",
      "Content-Encoding": "snappy",
      "X-Prometheus-Remote-Write-Version": "0.1.0",
    },
    body: new Uint8Array(compress(encodeWriteRequest(series))),
  });
  ok(response.ok, await response.text());
}

/** Its table of bounds is off by up to four units in the last place; ours are rounded right. */
function withoutLastDigits(data: unknown): unknown {
  const short = (text: string): string =>
    /^-?[\d.]+(e[+-]\d+)?$/.test(text) ? Number(text).toPrecision(14) : text;
  const json = JSON.stringify(data);
  return JSON.parse(json, (_, value: unknown) =>
    typeof value === "string" ? short(value) : value,
  );
}

async function ask(
  url: string,
  path: string,
  parameters: Record<string, string>,
): Promise<unknown> {
  const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const { data } = (await response.json()) as { data: unknown };
  return data;
}

test("what a Prometheus hands on of histograms and exemplars is shown as it shows it", async () => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({ folder: folder.path, config: QUIET });
  await using prometheus = await PrometheusProcess.start(
    folder.path,
    () =>
      [
        "remote_write:",
        `  - url: ${pharos.url}/api/v1/write`,
        "    send_exemplars: true",
        "    send_native_histograms: true",
        "    queue_config: { batch_send_deadline: 100ms }",
        "storage: { exemplars: { max_exemplars: 1000 } }",
      ].join("\n"),
    ["--web.enable-remote-write-receiver", "--enable-feature=native-histograms,exemplar-storage"],
  );
  const rounds = [1, 2, 3, 4, 5];
  // It hands on only what is newer than itself.
  const endMs = (Math.ceil(Date.now() / 1000) + rounds.length) * 1000;
  for (const round of rounds)
    await write(prometheus, seriesAt(endMs - (rounds.length - round) * 1000, round));

  const questions: [path: string, parameters: Record<string, string>][] = [
    ["query", { query: "ints", time: String(endMs / 1000) }],
    ["query", { query: "floats", time: String(endMs / 1000 - 2.5) }],
    ["query", { query: "ints[1m]", time: String(endMs / 1000) }],
    ["query", { query: "floats[1m]", time: String(endMs / 1000) }],
    [
      "query_exemplars",
      {
        query: "rate(hits_total[1m])",
        start: String(endMs / 1000 - 100),
        end: String(endMs / 1000),
      },
    ],
    ["series", { "match[]": '{job="test"}' }],
  ];
  const same = async (): Promise<void> => {
    for (const [path, parameters] of questions) {
      const theirs = await ask(prometheus.url, path, parameters);
      const ours = await ask(pharos.url, path, parameters);
      deepEqual(withoutLastDigits(ours), withoutLastDigits(theirs), JSON.stringify(parameters));
      ok(JSON.stringify(theirs).length > 100, "there is something to compare");
    }
  };
  // Handing on takes it a moment.
  for (const deadlineMs = Date.now() + DEADLINE_MS; ; ) {
    try {
      await same();
      break;
    } catch (error) {
      if (Date.now() > deadlineMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  await pharos.stop("SIGKILL");
  await pharos.restart();
  await same();
  const flushed = await fetch(`${pharos.url}/api/v1/admin/tsdb/flush`, { method: "POST" });
  equal(flushed.status, 200);
  await same();
});

const EXPOSITION = [
  "# HELP latency_seconds How long requests take.",
  "# TYPE latency_seconds histogram",
  "# UNIT latency_seconds seconds",
  'latency_seconds_bucket{le="0.5"} 3 # {trace_id="fast"} 0.25',
  'latency_seconds_bucket{le="+Inf"} 4 # {trace_id="slow"} 7.5 TIME',
  "latency_seconds_count 4",
  "latency_seconds_sum 8.5",
  "# EOF",
  "",
].join("\n");

test("exemplars and metadata of scrapes are there after a restart", async () => {
  await using folder = await temporaryFolder();
  const seconds = Date.now() / 1000;
  const headers = { "Content-Type": "application/openmetrics-text; version=1.0.0; charset=utf-8" };
  const server = createServer((_, response) => {
    response.writeHead(200, headers).end(EXPOSITION.replace("TIME", String(seconds)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const config = [
    "scrape_configs:",
    "  - job_name: web",
    "    scrape_interval: 1s",
    "    static_configs: [{ targets: ['127.0.0.1:PORT'] }]",
  ].join("\n");
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: config.replace("PORT", String(port)),
  });
  type Found = { seriesLabels: { le: string }; exemplars: { labels: object; value: string }[] }[];
  const exemplars = async (): Promise<unknown> => {
    const found = await pharos.api<Found>("query_exemplars", { query: "latency_seconds_bucket" });
    return found.map(({ seriesLabels, exemplars: list }) => [
      seriesLabels.le,
      ...list.map(({ labels, value }) => `${JSON.stringify(labels)} ${value}`),
    ]);
  };
  const wanted = [
    ["+Inf", '{"trace_id":"slow"} 7.5'],
    ["0.5", '{"trace_id":"fast"} 0.25'],
  ];
  const scrapes = async (): Promise<number> =>
    (await scalarOf(pharos.url, "count_over_time(up[1m])")) ?? 0;
  for (const deadlineMs = Date.now() + DEADLINE_MS; (await scrapes()) < 3; ) {
    ok(Date.now() < deadlineMs, "it is scraped");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  deepEqual(await exemplars(), wanted, "each once, though every scrape has them");
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await pharos.stop("SIGKILL");
  await pharos.restart();
  deepEqual(await exemplars(), wanted);
  deepEqual(await pharos.api("metadata", { metric: "latency_seconds" }), {
    latency_seconds: [{ type: "histogram", help: "How long requests take.", unit: "seconds" }],
  });
});
