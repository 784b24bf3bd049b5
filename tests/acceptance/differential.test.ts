// The same samples in Prometheus and in us, and many queries asked of both; `npm run diff:prometheus` asks thousands.
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { ask, type Times } from "../differential/answer.ts";
import { differenceOf } from "../differential/answer-difference.ts";
import { askedForCompliance, generatedQueries } from "../differential/asked-queries.ts";
import { DATA_START_MS, demoSeries } from "../differential/demo-data.ts";
import { describeFailure, runQueries } from "../differential/differential-run.ts";
import { EXEMPTIONS } from "../differential/exemptions.ts";
import { Servers } from "../differential/servers.ts";
import { skipWithout } from "../harness/child.ts";

const SEED = 1;
const GENERATED = 150;
const skip = skipWithout("prometheus");

test("queries are answered as Prometheus answers them, but for what later versions changed", {
  skip,
}, async (t) => {
  await using servers = await Servers.start(demoSeries(SEED, "off-grid"));
  const queries = [...askedForCompliance(), ...generatedQueries(SEED, GENERATED)];
  const { asked, same, exempted, failures } = await runQueries(servers, queries);
  deepEqual(failures.map(describeFailure), []);
  ok(asked > 900, `${asked} queries were asked`);
  ok(same.answered > asked * 0.7, `${same.answered} of ${asked} had an answer`);
  for (const { name } of EXEMPTIONS)
    if (exempted.has(name)) t.diagnostic(`${exempted.get(name)} × ${name}`);
});

/** What looks at all samples of a window. */
const WINDOW_FUNCTIONS = [
  ...["sum", "avg", "min", "max", "count", "stddev", "last", "present", "absent"].map(
    (name) => `${name}_over_time`,
  ),
  ...["changes", "resets", "deriv", "idelta", "irate"],
];

test("a window leaves out what lies on its far edge, as in Prometheus 3; nothing else tells them apart", {
  skip,
}, async () => {
  const series = demoSeries(SEED, "on-grid");
  await using servers = await Servers.start(series);
  const { theirUrl, ourUrl } = servers;
  const start = DATA_START_MS / 1000 + 1800;
  const times: Times = { kind: "range", start, end: start + 600, step: 30 };
  let differed = 0;
  for (const name of WINDOW_FUNCTIONS)
    for (const inner of [
      "demo_disk_usage_bytes[$]",
      "demo_items_shipped_total[$] offset 1m",
      "demo_num_cpus[$:10s]",
    ]) {
      const query = `${name}(${inner})`;
      const mine = await ask(ourUrl, query.replace("$", "1m"), times);
      const theirs = await ask(theirUrl, query.replace("$", "1m"), times);
      const within = await ask(theirUrl, query.replace("$", "59s999ms"), times);
      equal(differenceOf(within, mine), undefined, query);
      if (differenceOf(theirs, mine) !== undefined) differed++;
    }
  ok(differed > 10, `${differed} answers hang on the edge`);

  const last = series.find(({ labels }) => labels.some(([, value]) => value === "demo_num_cpus"));
  const lastSeconds = (last?.samples.at(-1)?.timestampMs ?? 0) / 1000;
  const seen = async (url: string, time: number): Promise<number> => {
    const query = 'demo_num_cpus{instance="demo:10000"}';
    const answer = await ask(url, query, { kind: "instant", time });
    return "series" in answer ? answer.series.length : -1;
  };
  equal(await seen(theirUrl, lastSeconds + 300), 1);
  equal(await seen(ourUrl, lastSeconds + 300), 0);
  equal(await seen(ourUrl, lastSeconds + 299.999), 1);
});
