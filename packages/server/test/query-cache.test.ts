// The cache of results as it is reached from outside: real threads, real files.
import { deepEqual, equal, match } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { systemClock } from "@pharos/adapters/node";
import { createMatcher, labelsFrom, METRIC_NAME, NO_LABELS } from "@pharos/base";
import { eventually } from "../../../tests/harness/child.ts";
import { responseOf } from "../src/http/answer.ts";
import { readRequestOf } from "../src/http/read-request.ts";
import { createLogger } from "../src/log.ts";
import { AnswerCache } from "../src/queries/answer-cache.ts";
import { InProcessCache } from "../src/queries/in-process-cache.ts";
import { QueryPool } from "../src/threads/query-pool.ts";
import { StoreThread } from "../src/threads/store-thread.ts";

const MINUTE_MS = 60_000;
/** A whole minute, half an hour before samples end: about now. */
const START_MS = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 31 * MINUTE_MS;

interface Asked {
  /** How many of the steps were cached, of how many; undefined where the cache had no part in it. */
  readonly cache: string | undefined;
  readonly values: readonly number[];
}

/** A store of one series, with threads that query it and keep results. */
class CachingThreads implements AsyncDisposable {
  readonly store: StoreThread;
  readonly queries: QueryPool;
  readonly #closers: AsyncDisposableStack;

  private constructor(store: StoreThread, queries: QueryPool, closers: AsyncDisposableStack) {
    this.store = store;
    this.queries = queries;
    this.#closers = closers;
  }

  static async open(): Promise<CachingThreads> {
    const closers = new AsyncDisposableStack();
    const dataFolder = await mkdtemp(join(tmpdir(), "pharos-cache-"));
    closers.defer(() => rm(dataFolder, { recursive: true }));
    const log = createLogger("info", "json", () => {});
    const data = { dataFolder, seed: 1, settings: {} };
    const store = await StoreThread.open(data, log, () => {});
    closers.use(store);
    const settings = {
      ...{ dataFolder, lookbackMs: 5 * MINUTE_MS, samplesMax: 50_000_000 },
      ...{ timeoutMs: 60_000, defaultStepMs: 60_000, resultCache: { sizeMax: 1024 ** 2 } },
    };
    const externalLabels = () => NO_LABELS;
    const queries = new QueryPool({ store, settings, log, externalLabels, threadsMax: 2 });
    closers.use(queries);
    const threads = new CachingThreads(store, queries, closers);
    for (let minute = 0; minute <= 30; minute++) await threads.append(minute);
    return threads;
  }

  append(minute: number, value = minute): Promise<unknown> {
    return this.store.append({
      labelSets: [labelsFrom({ [METRIC_NAME]: "up" })],
      series: Uint32Array.of(0),
      timestampsMs: Float64Array.of(START_MS + minute * MINUTE_MS),
      values: Float64Array.of(value),
      stale: null,
    });
  }

  /** The last minutes, a step a minute. */
  async ask(
    more: Record<string, string> = {},
    headers: Record<string, string> = {},
  ): Promise<Asked> {
    const parameters = new URLSearchParams({
      ...{ query: "max_over_time(up[1m])", start: String((START_MS + 20 * MINUTE_MS) / 1000) },
      ...{ end: String((START_MS + 30 * MINUTE_MS) / 1000), step: "60", stats: "true", ...more },
    });
    const url = `http://pharos/api/v1/query_range?${parameters}`;
    const request = await readRequestOf(new Request(url, { headers }));
    const terms = { timeoutMs: 60_000, timeoutSetting: "", limits: {}, waitedMs: 0 };
    const { signal } = new AbortController();
    const home = parameters.get("query") ?? "";
    const answer = await this.queries.read(request, { terms, signal, home, observe() {} });
    const { data } = (await responseOf(answer).json()) as {
      data: {
        result: { values: [number, string][] }[];
        stats: { cache?: { steps: number; stepsFromCache: number } };
      };
    };
    const { cache } = data.stats;
    return {
      cache: cache && `${cache.stepsFromCache}/${cache.steps}`,
      values: data.result[0]?.values.map(([, value]) => Number(value)) ?? [],
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closers.disposeAsync();
  }
}

// Starting threads takes longer than all else here; each test has queries of its own.
const threads = await CachingThreads.open();
after(() => threads[Symbol.asyncDispose]());

const VALUES = [20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30];

test("a query asked again is answered from the cache, and late samples and deletions show at once", async () => {
  deepEqual(await threads.ask(), { cache: "0/11", values: VALUES });
  deepEqual(await threads.ask(), { cache: "11/11", values: VALUES });
  await threads.append(22.5, 100);
  deepEqual(await threads.ask(), {
    cache: "7/11",
    values: [20, 21, 22, 100, 24, 25, 26, 27, 28, 29, 30],
  });
  const range = { minMs: START_MS + 22.5 * MINUTE_MS, maxMs: START_MS + 22.5 * MINUTE_MS };
  await threads.store.deleteSeries([createMatcher("=", METRIC_NAME, "up")], range);
  deepEqual((await threads.ask()).values, VALUES);
  await threads.store.flush();
  deepEqual(await threads.ask(), { cache: "11/11", values: VALUES });
});

test("a request can ask that the cache is left out", async () => {
  const query = "sum(max_over_time(up[1m]))";
  await threads.ask({ query });
  for (const [parameters, headers] of [
    [{ nocache: "1" }, {}],
    [{ stats: "all" }, {}],
    [{}, { "Cache-Control": "no-cache" }],
    [{}, { "Cache-Control": "max-age=0, no-store" }],
  ] as const)
    deepEqual(await threads.ask({ query, ...parameters }, headers), {
      cache: undefined,
      values: VALUES,
    });
  equal(
    (await threads.ask({ query, nocache: "0" }, { "Cache-Control": "max-age=0" })).cache,
    "11/11",
  );
});

test("results of the metrics of an alert that changed its state are dropped", async () => {
  const query = "-up";
  await threads.ask({ query });
  threads.queries.dropCached(new Set(["down"]));
  equal((await threads.ask({ query })).cache, "11/11");
  threads.queries.dropCached(new Set(["up"]));
  equal((await threads.ask({ query })).cache, "0/11");
  await eventually("the threads have told of their caches", async () => {
    const { queries, invalidations, size } = threads.queries.cacheStats;
    return queries > 0 && invalidations > 0 && size > 0;
  });
});

test("a query goes to the thread that answered it before, although others are as free", async () => {
  const slow: Promise<Asked>[] = [];
  await eventually("a second thread has begun", async () => {
    const query = `count(sum_over_time(up[30m:10ms])) + ${slow.length}`;
    slow.push(threads.ask({ query, nocache: "1" }));
    return threads.queries.stats().threads === 2;
  });
  await Promise.all(slow);
  // The thread that would be taken is at work, so that another one answers.
  const busy = threads.ask({ query: "count(sum_over_time(up[30m:1ms]))", nocache: "1" });
  await eventually("it is", async () => threads.queries.stats().queries === 1);
  const query = "up + 1";
  equal((await threads.ask({ query })).cache, "0/11");
  await busy;
  equal((await threads.ask({ query })).cache, "11/11");
});

test("the same question again is answered without a thread, until a sample comes that it looks at", async () => {
  const clock = systemClock;
  let asked = 0;
  const cache = new AnswerCache({
    ...{ clock, cache: new InProcessCache(clock, 1024 ** 2), process: "p" },
    threads: {
      read(request, query) {
        asked++;
        return threads.queries.read(request, query);
      },
      evaluate: (...ask) => threads.queries.evaluate(...ask),
    },
    changes: () => threads.queries.changes,
    ...{ recentKeptMs: 60_000, olderKeptMs: 60_000 },
  });
  const runs: string[] = [];
  const ask = async (): Promise<string> => {
    const parameters = new URLSearchParams({
      ...{ query: "max_over_time(up[2m])", start: String((START_MS + 20 * MINUTE_MS) / 1000) },
      ...{ end: String((START_MS + 25 * MINUTE_MS) / 1000), step: "60" },
    });
    const url = `http://pharos/api/v1/query_range?${parameters}`;
    const request = await readRequestOf(new Request(url));
    const answer = await cache.read(request, {
      terms: { timeoutMs: 60_000, timeoutSetting: "", limits: {}, waitedMs: 0 },
      signal: new AbortController().signal,
      answer: { text: parameters.toString(), endMs: START_MS + 25 * MINUTE_MS },
      observe: ({ stats }) => runs.push(`${stats?.steps?.cached}/${stats?.steps?.total}`),
    });
    equal(answer.headers["Content-Type"], "application/json");
    return responseOf(answer).text();
  };
  const first = await ask();
  equal(await ask(), first);
  equal(asked, 2);
  equal(await ask(), first);
  equal(await ask(), first);
  equal(asked, 2);
  deepEqual(runs, ["0/6", "6/6", "6/6", "6/6"]);
  await threads.append(28.5, 7);
  equal(await ask(), first);
  equal(asked, 2);
  await threads.append(24.5, 1000);
  match(await ask(), /"1000"/);
  equal(asked, 3);
  await ask();
  cache.drop();
  await ask();
  equal(asked, 5);
});
