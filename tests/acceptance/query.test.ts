// What stands around queries, as a user meets it: `pharos query`, limits, cost, what runs and what ran.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, run } from "../harness/child.ts";
import {
  apiGet,
  PharosProcess,
  pharosCommand,
  temporaryFolder,
} from "../harness/pharos-process.ts";

const CONFIG = `
global:
  query_log_file: queries.log
  query_max_series: 12
`;

/** Ten hosts, a sample every 15 s of the last five minutes. */
async function push(url: string): Promise<void> {
  const now = Math.floor(Date.now() / 1000) * 1000;
  const metrics = Array.from({ length: 200 }, (_, i) => ({
    name: "load",
    labels: { job: "demo", host: `host-${i % 10}` },
    value: (i % 10) + Math.floor(i / 10),
    timestamp: now - (19 - Math.floor(i / 10)) * 15_000,
  }));
  const response = await fetch(`${url}/api/v1/metrics`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ metrics }),
  });
  ok(response.ok, await response.text());
}

test("queries from the command line, within their limits, are answered, logged and summed up", async () => {
  await using folder = await temporaryFolder();
  await using server = await PharosProcess.start({ folder: folder.path, config: CONFIG });
  const { url } = server;
  await push(url);
  const query = async (...args: readonly string[]) => {
    const [program, rest] = pharosCommand("query", "--url", url, ...args);
    const { code, stdout, stderr } = await run(program, rest, {
      cwd: folder.path,
      env: { ...process.env, COLUMNS: "60" },
    });
    return { code, stdout, stderr };
  };

  const table = await query('sort(load{host=~"host-[12]"})');
  equal(table.stderr, "");
  equal(table.code, 0);
  equal(table.stdout, "metric=load  job=demo\nhost    value\nhost-1     20\nhost-2     21\n");

  const csv = await query("--format", "csv", "--range", "1m", "--step", "15s", "count(load)");
  match(csv.stdout, /^timestamp,value\r\n(?:[\d.]+,10\r\n){5}$/);

  const json = await query("--format", "json", "scalar(sum(load))");
  equal((JSON.parse(json.stdout) as { resultType: string }).resultType, "scalar");

  const chart = await query("--format", "chart", "--range", "5m", "max(load)");
  match(chart.stdout, /^20 ┤ +[\u2801-\u28ff]/mu);
  ok(chart.stdout.split("\n").every((line) => [...line].length <= 60));

  const wrong = await query("sum(load) by");
  equal(wrong.code, 1);
  match(wrong.stderr, /1:13: parse error: [^\n]+\n {2}sum\(load\) by\n {14}\^\n$/);
  equal((await query("--format", "picture", "up")).code, 2);
  equal((await query("--time", "noon", "up")).code, 2);
  const unreached = await query("--url", "http://127.0.0.1:1", "up");
  equal(unreached.code, 1);
  match(unreached.stderr, /http:\/\/127\.0\.0\.1:1 does not answer/);

  const cost = await query("--cost", "sum(load)");
  match(cost.stdout, /^selector {2}series {2}samples +bytes\nload +10 +200 /);
  const over = await query('count(load) + count(load{job="demo"})');
  equal(over.code, 1);
  match(over.stderr, /reads more than 12 series, the limit is 12 \(global\.query_max_series\)/);

  const top = await apiGet<{ topByCount: { query: string }[] }>(url, "status/top_queries");
  ok(top.topByCount.some(({ query: text }) => text === "count(load)"));
  deepEqual(await apiGet(url, "status/active_queries"), []);
  const line = await eventually("the query is in the log", async () => {
    const text = await readFile(join(folder.path, "queries.log"), "utf8");
    return text.split("\n").find((each) => each.includes("count(load)"));
  });
  const { params, httpRequest } = JSON.parse(line) as {
    params: { query: string; step: number };
    httpRequest: { clientIP: string; path: string };
  };
  deepEqual([params.query, params.step], ["count(load)", 15]);
  deepEqual([httpRequest.clientIP, httpRequest.path], ["127.0.0.1", "/api/v1/query_range"]);
});

test("a query that runs is seen by others and can be ended; its place is free then", async () => {
  await using folder = await temporaryFolder();
  await using server = await PharosProcess.start({ folder: folder.path, config: "" });
  const { url } = server;
  await push(url);
  const heavy = "count(max_over_time(load[1h:1ms])) + count(max_over_time(load[1h:2ms]))";
  const running = fetch(`${url}/api/v1/query?query=${encodeURIComponent(heavy)}`);
  const active = await eventually("the query is active", async () => {
    const [first] = await apiGet<{ id: string; query: string; phase: string }[]>(
      url,
      "status/active_queries",
    );
    return first?.phase === "running" ? first : undefined;
  });
  equal(active.query, heavy);
  const path = `${url}/api/v1/status/active_queries/${active.id}/cancel`;
  equal((await fetch(path, { method: "POST" })).status, 200);
  const ended = await running;
  equal(ended.status, 499);
  match(await ended.text(), /"errorType":"canceled","error":"the query was cancelled by request"/);
  deepEqual(await apiGet(url, "status/active_queries"), []);
});
