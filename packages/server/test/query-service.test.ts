import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import type { QueryResult } from "@pharos/promql/engine";
import { parse } from "@pharos/promql/syntax";
import { SimClock } from "@pharos/testing";
import type { Answer } from "../src/http/answer.ts";
import { ReadRequest, type RequestHeaders, readRequestOf } from "../src/http/read-request.ts";
import { parseServeOptions } from "../src/options.ts";
import { ActiveQueries } from "../src/queries/active-queries.ts";
import { queryCeilings } from "../src/queries/query-ceilings.ts";
import { QueryLogging } from "../src/queries/query-log.ts";
import { QueryScheduler } from "../src/queries/query-scheduler.ts";
import { QueryService, type QueryThreads, type SentQuery } from "../src/queries/query-service.ts";
import { TopQueries } from "../src/queries/top-queries.ts";

const EMPTY: Answer = { status: 200, headers: {}, body: null };
const START_MS = 1_767_225_600_000;
const STATS = { samplesRead: 120, seriesRead: 3, samplesPeak: 40 };

/** A service whose threads answer when the test says so. */
class Desk implements QueryThreads {
  readonly clock = new SimClock(START_MS);
  readonly scheduler: QueryScheduler;
  readonly active = new ActiveQueries(10);
  readonly top = new TopQueries(10);
  readonly logging = new QueryLogging(() => {});
  readonly service: QueryService;
  readonly asked: { readonly request: ReadRequest; readonly query: SentQuery | undefined }[] = [];
  answer: (query: SentQuery | undefined) => Promise<Answer> = async (query) => {
    query?.observe({ evaluatedMs: 250, stats: STATS });
    return EMPTY;
  };

  constructor({ concurrentMax = 2, userHeader = undefined as string | undefined } = {}) {
    const limits = { concurrentMax, concurrentPerUserMax: 2, queuedMax: 4 };
    this.scheduler = new QueryScheduler(this.clock, limits);
    const options = parseServeOptions({ querySeriesMax: "100" }, {});
    const config = { logFile: undefined, seriesMax: 0, samplesReadMax: 0, durationMsMax: 0 };
    this.service = new QueryService({
      ...{ clock: this.clock, threads: this, scheduler: this.scheduler },
      ...{ active: this.active, top: this.top, userHeader },
      ceilings: () => queryCeilings(options, config),
      log: () => this.logging.file,
    });
  }

  async read(request: ReadRequest, query?: SentQuery): Promise<Answer> {
    this.asked.push({ request, query });
    return this.answer(query);
  }

  async evaluate(): Promise<QueryResult> {
    return {
      ...{ type: "scalar", timestampMs: START_MS, value: 1 },
      ...{ warnings: [], infos: [], stats: STATS },
    };
  }

  get(target: string, headers: RequestHeaders = {}, address = "10.0.0.1") {
    const { signal } = new AbortController();
    const request = new ReadRequest({ method: "GET", target, headers, signal });
    return this.service.read(request, { address });
  }
}

/** A promise that the test settles. */
function held(desk: Desk) {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  desk.answer = (query) => {
    const aborted = new Promise<never>((_, reject) =>
      query?.signal.addEventListener("abort", () => reject(query.signal.reason)),
    );
    return Promise.race([promise, aborted]);
  };
  return () => resolve(EMPTY);
}

test("a query goes to the threads with its terms; what is no query goes as it is", async () => {
  const desk = new Desk();
  await desk.get("/api/v1/query?query=up&max_series=5");
  deepEqual(desk.asked[0]?.query?.terms.limits.series, { max: 5, setting: "max_series" });
  await desk.get("/api/v1/labels");
  equal(desk.asked[1]?.query, undefined);
  await rejects(desk.get("/api/v1/query?query=up&max_series=500"), { code: "input.invalid" });
});

test("a query in a form is understood, and the form goes on whole", async () => {
  const desk = new Desk();
  const body = new URLSearchParams({ query: "sum(up)", max_series: "7" });
  const request = new Request("http://pharos/api/v1/query", { method: "POST", body });
  await desk.service.read(await readRequestOf(request));
  const [sent] = desk.asked;
  equal(sent?.query?.terms.limits.series?.max, 7);
  equal(new TextDecoder().decode(sent?.request.body), body.toString());
  equal(desk.top.totals(0)[0]?.query, "sum(up)");
});

test("time in the queue is taken from the time that a query has", async () => {
  const desk = new Desk({ concurrentMax: 1 });
  const finish = held(desk);
  const first = desk.get("/api/v1/query?query=a&timeout=5s");
  const second = desk.get("/api/v1/query?query=b&timeout=5s", {}, "10.0.0.2");
  await desk.clock.advance(2000);
  equal(desk.asked.length, 1);
  deepEqual(
    desk.active.list().map(({ query, phase }) => `${query} ${phase}`),
    ["a running", "b queued"],
  );
  finish();
  await Promise.all([first, second]);
  const { timeoutMs = 0, waitedMs = 0 } = desk.asked[1]?.query?.terms ?? {};
  deepEqual([timeoutMs, waitedMs], [3000, 2000]);
  deepEqual(desk.active.list(), []);
});

test("an active query is shown with who asked and what for, and can be cancelled", async () => {
  const desk = new Desk({ userHeader: "X-User" });
  held(desk);
  const range = "start=1767225000&end=1767225600&step=15";
  const running = desk.get(`/api/v1/query_range?query=up&${range}`, {
    "x-user": "ann",
    "x-dashboard-uid": "d1",
  });
  const failed = rejects(running, { code: "query.cancelled" });
  await desk.clock.advance(0);
  const [shown] = desk.active.list();
  ok(shown !== undefined);
  const { id, beganMonotonicMs, ...rest } = shown;
  match(id, /^[0-9A-F]{16}$/);
  equal(beganMonotonicMs, desk.clock.monotonicMs());
  deepEqual(
    { ...rest, cancel: undefined },
    {
      ...{ query: "up", startMs: START_MS - 600_000, endMs: START_MS, stepMs: 15_000 },
      ...{ user: "ann", source: "dashboard", clientAddress: "10.0.0.1" },
      ...{ method: "GET", path: "/api/v1/query_range", phase: "running", cancel: undefined },
    },
  );
  equal(desk.active.cancel("0000000000000000"), false);
  equal(desk.active.cancel(id), true);
  await failed;
  deepEqual(desk.active.list(), []);
  deepEqual(desk.service.counters.counts(), [[{ source: "dashboard", outcome: "cancelled" }, 1]]);
  equal(desk.scheduler.stats("dashboard").running, 0, "its place is free");
});

test("a header names the user only where that is configured", async () => {
  const desk = new Desk();
  held(desk);
  void desk.get("/api/v1/query?query=up", { "x-user": "ann" }).catch(() => {});
  await desk.clock.advance(0);
  equal(desk.active.list()[0]?.user, "10.0.0.1");
});

test("a query that is given up while it waits is gone at once", async () => {
  const desk = new Desk({ concurrentMax: 1 });
  held(desk);
  void desk.get("/api/v1/query?query=a").catch(() => {});
  const gaveUp = new AbortController();
  const target = "/api/v1/query?query=b";
  const request = new ReadRequest({ method: "GET", target, signal: gaveUp.signal });
  const waiting = desk.service.read(request, { address: "10.0.0.2" });
  const failed = rejects(waiting, { name: "AbortError" });
  await desk.clock.advance(10);
  gaveUp.abort();
  await failed;
  deepEqual(
    desk.active.list().map(({ query }) => query),
    ["a"],
  );
  equal(desk.asked.length, 1);
});

test("what became of queries is counted by source and outcome; a text that is wrong is no query", async () => {
  const desk = new Desk();
  await desk.get("/api/v1/query?query=up");
  desk.answer = async (query) => {
    const error = { code: "query.over_limit", message: "too much" } as const;
    query?.observe({ evaluatedMs: 10, stats: undefined, error });
    return { ...EMPTY, status: 422 };
  };
  await desk.get("/api/v1/query?query=up");
  desk.answer = async () => ({ ...EMPTY, status: 400 });
  await desk.get("/api/v1/query?query=up(");
  const rule = { file: "rules.yml", name: "g" };
  await desk.service.evaluate(parse("up == 0"), START_MS, new AbortController().signal, rule);
  deepEqual(desk.service.counters.counts(), [
    [{ source: "ad-hoc", outcome: "success" }, 1],
    [{ source: "ad-hoc", outcome: "limit" }, 1],
    [{ source: "rule", outcome: "success" }, 1],
  ]);
  equal(desk.service.counters.samplesRead, 240);
});

test("top queries are summed up by text and length of range, as long as they are remembered", async () => {
  const desk = new Desk();
  for (let i = 0; i < 3; i++) await desk.get("/api/v1/query?query=up");
  await desk.clock.advance(60_000);
  const sinceMs = desk.clock.monotonicMs();
  await desk.get("/api/v1/query_range?query=up&start=0&end=600&step=1");
  deepEqual(desk.top.totals(0), [
    {
      ...{ query: "up", rangeMs: 0, count: 3, durationMs: 750 },
      ...{ samplesRead: 360, memorySize: 3 * 640 },
    },
    {
      ...{ query: "up", rangeMs: 600_000, count: 1, durationMs: 250 },
      ...{ samplesRead: 120, memorySize: 640 },
    },
  ]);
  equal(desk.top.totals(sinceMs).length, 1);
  for (let i = 0; i < 12; i++) await desk.get(`/api/v1/query?query=q${i}`);
  equal(desk.top.totals(0).length, 10, "the oldest are forgotten");
});

test("the query log has Prometheus's fields, of queries and of rules, and goes on in a new file when it is reopened", async () => {
  const folder = await mkdtemp(join(tmpdir(), "pharos-query-log-"));
  try {
    const path = join(folder, "queries.log");
    const desk = new Desk();
    await using logging = desk.logging;
    await logging.apply(path);
    await desk.get("/api/v1/query_range?query=up&start=1767225000&end=1767225600&step=15");
    await rename(path, `${path}.1`);
    await logging.apply(path);
    const rule = { file: "rules.yml", name: "g" };
    await desk.service.evaluate(parse("up == 0"), START_MS, new AbortController().signal, rule);
    desk.answer = async () => {
      throw new OperatingError("query.timeout", "query timed out in query queue");
    };
    await rejects(desk.get("/api/v1/query?query=up"));
    await logging.apply(undefined);
    const timings = {
      ...{ evalTotalTime: 0.25, resultSortTime: 0, queryPreparationTime: 0 },
      ...{ innerEvalTime: 0.25, execQueueTime: 0, execTotalTime: 0.25 },
    };
    const samples = { totalQueryableSamples: 120, peakSamples: 40 };
    deepEqual(JSON.parse(await readFile(`${path}.1`, "utf8")), {
      params: {
        ...{ query: "up", step: 15 },
        ...{ start: "2025-12-31T23:50:00.000Z", end: "2026-01-01T00:00:00.000Z" },
      },
      stats: { timings, samples },
      httpRequest: { clientIP: "10.0.0.1", method: "GET", path: "/api/v1/query_range" },
      ts: "2026-01-01T00:00:00.000Z",
    });
    const [ofRule = "", failed = ""] = (await readFile(path, "utf8")).split("\n");
    const logged = JSON.parse(ofRule) as Record<string, unknown>;
    deepEqual(logged["ruleGroup"], rule);
    equal("httpRequest" in logged, false);
    match(failed, /"error":"query timed out in query queue"/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a query log that cannot be opened is refused, and the one before goes on", async () => {
  const folder = await mkdtemp(join(tmpdir(), "pharos-query-log-"));
  try {
    const logging = new QueryLogging((error: OperatingError) => {
      throw error;
    });
    await logging.apply(join(folder, "a.log"));
    await rejects(logging.apply(join(folder, "no-such-folder", "b.log")), { code: "disk.failed" });
    equal(logging.file?.path, join(folder, "a.log"));
    await logging[Symbol.asyncDispose]();
  } finally {
    await rm(folder, { recursive: true });
  }
});
