import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import type { QueryTerms } from "../src/queries/query-terms.ts";
import { HttpWorld, NOW_SECONDS } from "./http-world.ts";

/** Two series of ten minutes, a sample a second. */
async function filled(): Promise<HttpWorld> {
  const world = new HttpWorld();
  for (const host of ["a", "b"]) await world.write({ __name__: "cpu", host }, 600, (i) => i);
  return world;
}

function terms(changes: Partial<QueryTerms>): QueryTerms {
  return {
    ...{ timeoutMs: 30_000, timeoutSetting: "--query-timeout", limits: {}, waitedMs: 0 },
    ...changes,
  };
}

interface Failure {
  readonly errorType: string;
  readonly error: string;
}

async function failureOf(world: HttpWorld, path: string): Promise<Failure & { status: number }> {
  const { status, body } = await world.ask(path);
  const { errorType, error } = body as Failure;
  return { status, errorType, error };
}

test("query_cost says what each selector would read, and all together, without evaluating", async () => {
  const world = await filled();
  const query = encodeURIComponent("sum(rate(cpu[5m])) / sum(cpu offset 1m)");
  deepEqual(await world.data(`query_cost?query=${query}&limit=5&stats=all`), {
    estimate: { seriesTouched: 4, samplesRead: 1200, bytes: 19_200 },
    selectors: [
      {
        selector: "cpu[5m]",
        ...{ start: NOW_SECONDS - 299.999, end: NOW_SECONDS },
        ...{ seriesTouched: 2, samplesRead: 600, bytes: 9600 },
      },
      {
        selector: "cpu offset 1m",
        ...{ start: NOW_SECONDS - 359.999, end: NOW_SECONDS - 60 },
        ...{ seriesTouched: 2, samplesRead: 600, bytes: 9600 },
      },
    ],
  });
  deepEqual(world.runs, []);
});

test("query_range_cost takes the times of a range, of subqueries and of @", async () => {
  const world = await filled();
  const range = `start=${NOW_SECONDS - 60}&end=${NOW_SECONDS}&step=15`;
  const estimate = async (query: string) => {
    const path = `query_range_cost?query=${encodeURIComponent(query)}&${range}`;
    const data = (await world.data(path)) as { estimate: { samplesRead: number } };
    return data.estimate.samplesRead;
  };
  equal(await estimate('cpu{host="a"}'), 360);
  equal(await estimate('rate(cpu{host="a"}[1m])'), 120);
  equal(await estimate('max_over_time(rate(cpu{host="a"}[1m])[2m:10s])'), 240);
  equal(await estimate('max_over_time(rate(cpu{host="a"}[1m])[2m:10s] @ end() offset 1m)'), 180);
  equal(await estimate(`sum_over_time(cpu{host="a"}[step()])`), 75);
  equal(await estimate("vector(1)"), 0);
  const wrong = await failureOf(world, `query_range_cost?query=cpu[5m]&${range}`);
  equal(wrong.status, 400);
});

test("an estimate above a limit, or open at its end, comes with a warning", async () => {
  const world = await filled();
  world.terms = terms({
    limits: { series: { max: 1, setting: "--query-max-series" } },
    warnSamplesRead: { max: 500, setting: "--query-cost-warning-samples" },
  });
  const { body } = await world.ask("query_cost?query=info(cpu)");
  deepEqual((body as { warnings: string[] }).warnings.slice(0, 3), [
    "the query may read about 2 series, above the 1 of --query-max-series",
    "the query may read about 600 samples, above the 500 of --query-cost-warning-samples",
    "the estimate is incomplete: what info() looks up is only known when it runs",
  ]);
});

test("cost=true shows the estimate beside what it was; without it nothing is estimated", async () => {
  const world = await filled();
  const data = (await world.data("query?query=sum(cpu)&cost=true")) as {
    cost: { estimated: Record<string, number>; actual: Record<string, number> };
  };
  deepEqual(data.cost.estimated, { seriesTouched: 2, samplesRead: 600, bytes: 9600 });
  equal(data.cost.actual["seriesTouched"], 2);
  // The engine also looks at what lies at the open end of the window.
  ok([600, 602].includes(data.cost.actual["samplesRead"] ?? 0));
  ok((data.cost.actual["peakSamples"] ?? 0) > 0);
  equal("cost" in ((await world.data("query?query=sum(cpu)")) as object), false);
  equal((await failureOf(world, "query?query=cpu&cost=maybe")).status, 400);
});

test("a query that is estimated at more than twice its limit is not run", async () => {
  const world = await filled();
  world.terms = terms({ limits: { samplesRead: { max: 299, setting: "max_samples_read" } } });
  const refused = await failureOf(world, "query?query=cpu");
  deepEqual([refused.status, refused.errorType], [422, "execution"]);
  equal(
    refused.error,
    "the query was not run: it is estimated to read 600 samples, the limit is 299 (max_samples_read); narrow its selectors or its range",
  );
  // Estimates may be too high: up to there the query is ended by what it reads.
  world.terms = terms({ limits: { samplesRead: { max: 400, setting: "max_samples_read" } } });
  match((await failureOf(world, "query?query=cpu")).error, /reads more than 400 samples/);
  equal(world.runs[1]?.error?.code, "query.over_limit");
});

test("an answer that is too large is refused before it is begun", async () => {
  const world = await filled();
  world.terms = terms({ answerSize: { max: 1000, setting: "--query-max-response-size" } });
  const refused = await failureOf(world, "query?query=cpu[5m]");
  equal(refused.status, 422);
  match(
    refused.error,
    /is answered with about [\d,]+ bytes, the limit is 1,000 \(--query-max-response-size\)/,
  );
  equal((await world.ask("query?query=sum(cpu)")).status, 200);
});

test("a query that reads much is answered with a warning that names the setting", async () => {
  const world = await filled();
  world.terms = terms({ warnSamplesRead: { max: 599, setting: "--query-cost-warning-samples" } });
  const { body } = await world.ask("query?query=sum(cpu)");
  const { warnings } = body as { warnings: string[] };
  equal(warnings.length, 1);
  match(
    warnings[0] ?? "",
    /^expensive query: it read 60\d samples of 2 series, above the 599 of --query-cost-warning-samples$/,
  );
});

test("a query whose time is up says how long it had, in the queue too, and which setting says so", async () => {
  const world = await filled();
  world.store.select = async function* (_, __, { signal }) {
    await world.clock.sleep(60_000, signal);
    yield* [];
  };
  world.terms = terms({ timeoutMs: 3000, waitedMs: 2000, timeoutSetting: "timeout" });
  const ended = await world.clock.run(failureOf(world, "query?query=cpu"));
  deepEqual(ended, {
    ...{ status: 503, errorType: "timeout" },
    error: "query timed out in expression evaluation after 5s (timeout), 2s of them in the queue",
  });
});

test("active queries are shown as VictoriaMetrics shows them, and POST cancels one", async () => {
  const world = await filled();
  const cancelled: string[] = [];
  const id = world.activeQueries.add(
    {
      ...{ query: "up", startMs: 1000, endMs: 61_000, stepMs: 15_000, user: "ann" },
      ...{ source: "dashboard", clientAddress: "10.0.0.1", method: "GET", path: "/api/v1/query" },
    },
    world.clock.monotonicMs() - 1500,
    () => cancelled.push("up"),
  );
  world.activeQueries.begin(id);
  deepEqual(await world.data("status/active_queries"), [
    {
      ...{ duration: "1.500s", id, remote_addr: "10.0.0.1", query: "up" },
      ...{ start: 1000, end: 61_000, step: 15_000 },
      ...{ user: "ann", source: "dashboard", phase: "running" },
    },
  ]);
  const cancel = (which: string) => world.post(`/api/v1/status/active_queries/${which}/cancel`, {});
  equal((await cancel("FFFF")).status, 404);
  equal((await cancel(id)).status, 200);
  deepEqual(cancelled, ["up"]);
  const fromElsewhere = await world.app.request(`/api/v1/status/active_queries/${id}/cancel`, {
    method: "POST",
    headers: { Origin: "http://elsewhere.example" },
  });
  equal(fromElsewhere.status, 403);
});

test("top queries are ranked by count, duration, memory and samples", async () => {
  const world = await filled();
  const add = (query: string, durationMs: number, samplesRead: number) =>
    world.top.add({
      ...{ query, rangeMs: 0, durationMs, samplesRead, memorySize: samplesRead },
      endedMonotonicMs: world.clock.monotonicMs(),
    });
  for (let i = 0; i < 3; i++) add("often", 100, 1);
  add("slow", 200, 2);
  add("large", 50, 1000);
  const data = (await world.data("status/top_queries?topN=1&maxLifetime=5m")) as object;
  deepEqual(data, {
    ...{ topN: "1", maxLifetime: "5m", "search.queryStats.lastQueriesCount": 100 },
    topByCount: [{ query: "often", timeRangeSeconds: 0, count: 3 }],
    topByAvgDuration: [{ query: "slow", timeRangeSeconds: 0, avgDurationSeconds: 0.2, count: 1 }],
    topBySumDuration: [{ query: "often", timeRangeSeconds: 0, sumDurationSeconds: 0.3, count: 3 }],
    topByAvgMemoryUsage: [{ query: "large", timeRangeSeconds: 0, avgMemoryBytes: 1000, count: 1 }],
    topBySumSamplesRead: [{ query: "large", timeRangeSeconds: 0, sumSamplesRead: 1000, count: 1 }],
  });
  equal((await world.ask("status/top_queries?topN=0")).status, 400);
  equal((await world.ask("status/top_queries?maxLifetime=x")).status, 400);
});
