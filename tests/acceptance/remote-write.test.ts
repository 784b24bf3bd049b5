// What Pharos stores, sent on to Debian's Prometheus and VictoriaMetrics and to another Pharos, over restarts and kills.
import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import {
  answering,
  Child,
  eventually,
  findProgram,
  freePort,
  skipWithout,
} from "../harness/child.ts";
import {
  apiGet,
  type MatrixElement,
  PharosProcess,
  temporaryFolder,
} from "../harness/pharos-process.ts";
import { PrometheusProcess } from "../harness/prometheus-process.ts";

const SERIES = 50;
const DEADLINE_MS = 30_000;

/** One sample of each series, at a time that is a whole second: its value says which it is. */
async function push(url: string, timeSeconds: number): Promise<void> {
  const metrics = Array.from({ length: SERIES }, (_, i) => ({
    name: "pushed",
    labels: { s: String(i) },
    timestamp: timeSeconds * 1000,
    value: timeSeconds * 100 + i,
  }));
  const response = await fetch(`${url}/api/v1/metrics`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ metrics }),
  });
  equal(response.status, 202, await response.text());
}

/** The samples that a server has, each once, by series: `0@replica=a` for series 0. */
async function samplesOf(
  url: string,
  endSeconds: number,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const { result } = await apiGet<{ result: MatrixElement[] }>(url, "query", {
    query: "pushed[10m]",
    time: String(endSeconds + 1),
  });
  const samples: Record<string, readonly string[]> = {};
  for (const { metric, values } of result) {
    const { s = "", __name__, ...others } = metric;
    const labels = Object.entries(others).map((label) => label.join("="));
    samples[[s, ...labels].join("@")] = [
      ...new Set(values.map(([at, value]) => `${at} ${Number(value)}`)),
    ];
  }
  return samples;
}

function expected(times: readonly number[], suffix: string): Record<string, readonly string[]> {
  return Object.fromEntries(
    Array.from({ length: SERIES }, (_, i) => [
      `${i}${suffix}`,
      times.map((time) => `${time} ${time * 100 + i}`),
    ]),
  );
}

function configFor(urls: readonly string[], protocol = "prometheus.WriteRequest"): string {
  const entries = urls.map(
    (url) =>
      `  - { url: "${url}/api/v1/write", protobuf_message: ${protocol}, queue_config: { batch_send_deadline: 100ms, max_backoff: 500ms } }`,
  );
  return [
    "global: { external_labels: { replica: a } }",
    "scrape_configs: []",
    "remote_write:",
    ...entries,
  ].join("\n");
}

async function reach(url: string, times: readonly number[], suffix = "@replica=a"): Promise<void> {
  const wanted = expected(times, suffix);
  const sorted = (record: object): string => JSON.stringify(Object.entries(record).sort());
  let last: Readonly<Record<string, readonly string[]>> = {};
  const endMs = Date.now() + DEADLINE_MS;
  await eventually("all samples have arrived", async () => {
    last = await samplesOf(url, times.at(-1) ?? 0);
    return sorted(last) === sorted(wanted) || Date.now() > endMs;
  });
  deepEqual(last, wanted);
}

test("everything arrives at another Pharos, in version 2.0, over outages of it and kills of the sender", async () => {
  await using to = await temporaryFolder();
  await using from = await temporaryFolder();
  await using receiver = await PharosProcess.start({
    folder: to.path,
    config: "scrape_configs: []\n",
  });
  await using sender = await PharosProcess.start({
    folder: from.path,
    config: configFor([receiver.url], "io.prometheus.write.v2.Request"),
  });
  const startSeconds = Math.floor(Date.now() / 1000) - 500;
  const times: number[] = [];
  const pushNext = async (): Promise<void> => {
    const time = startSeconds + times.length;
    await push(sender.url, time);
    times.push(time);
  };
  for (let i = 0; i < 20; i++) await pushNext();
  await reach(receiver.url, times);

  // Killed while it sends.
  for (let i = 0; i < 20; i++) await pushNext();
  await sender.restart();
  for (let i = 0; i < 20; i++) await pushNext();
  await reach(receiver.url, times);

  // The receiver is away, and the sender is killed meanwhile.
  await receiver.stop("SIGKILL");
  for (let i = 0; i < 20; i++) await pushNext();
  await sender.restart();
  for (let i = 0; i < 20; i++) await pushNext();
  await receiver.restart();
  await reach(receiver.url, times);

  // And stopped in an orderly way: what was read from the log is sent. What was not, the next start would send.
  await pushNext();
  await eventually("the last samples are read from the log", async () => {
    const text = await (await fetch(`${sender.url}/metrics`)).text();
    const read = /^prometheus_remote_storage_highest_timestamp_in_seconds\{.* (\d+)$/m.exec(text);
    return Number(read?.[1]) === times.at(-1);
  });
  await sender.stop("SIGTERM");
  await reach(receiver.url, times);
  ok(!sender.output.includes('"level":"error"'), sender.output);
});

test("a Prometheus and a VictoriaMetrics get the same, and metrics say how it goes", {
  skip: skipWithout("prometheus", "victoria-metrics"),
}, async () => {
  await using folder = await temporaryFolder();
  await using prometheus = await PrometheusProcess.start(
    folder.path,
    () => "scrape_configs: []\n",
    ["--web.enable-remote-write-receiver"],
  );
  const port = await freePort();
  const victoriaUrl = `http://127.0.0.1:${port}`;
  await using victoria = new Child(findProgram("victoria-metrics") ?? "", [
    ...[`-storageDataPath=${join(folder.path, "vm")}`, `-httpListenAddr=127.0.0.1:${port}`],
  ]);
  await answering(`${victoriaUrl}/health`, victoria);
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: configFor([prometheus.url, victoriaUrl]),
  });
  const startSeconds = Math.floor(Date.now() / 1000) - 300;
  const times = Array.from({ length: 60 }, (_, i) => startSeconds + i);
  for (const time of times) await push(pharos.url, time);
  await reach(prometheus.url, times);
  await eventually("VictoriaMetrics shows what it has", async () => {
    await fetch(`${victoriaUrl}/internal/force_flush`);
    const { result } = await apiGet<{ result: MatrixElement[] }>(
      `${victoriaUrl}/prometheus`,
      "query",
      {
        query: "count_over_time(pushed[10m])",
        time: String((times.at(-1) ?? 0) + 1),
      },
    );
    return result.length === SERIES;
  });
  const text = await (await fetch(`${pharos.url}/metrics`)).text();
  for (const url of [prometheus.url, victoriaUrl]) {
    const sent = new RegExp(
      `^prometheus_remote_storage_samples_total\\{remote_name="${url}/api/v1/write".* (\\d+)$`,
      "m",
    ).exec(text);
    equal(Number(sent?.[1]), times.length * SERIES);
  }
});
