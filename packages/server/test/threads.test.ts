// The store's thread and query threads as they are: real threads, real files.
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Labels, labelsFrom, METRIC_NAME, NO_LABELS } from "@pharos/base";
import { createRelabelRule, type RelabelAction, scrapeJobDefaults } from "@pharos/collect";
import { parse } from "@pharos/promql/syntax";
import { eventually } from "../../../tests/harness/child.ts";
import { responseOf } from "../src/http/answer.ts";
import { readRequestOf } from "../src/http/read-request.ts";
import { createLogger } from "../src/log.ts";
import type { SentQuery } from "../src/queries/query-service.ts";
import { QueryPool, type QueryPoolOptions } from "../src/threads/query-pool.ts";
import { StoreThread } from "../src/threads/store-thread.ts";

const never = new AbortController().signal;
/** How much is written between two flushes, where there are some. */
const FLUSH_SECONDS = 120;

/** A store's thread and the threads that query it, in a folder of their own. */
class Threads implements AsyncDisposable {
  readonly store: StoreThread;
  readonly queries: QueryPool;
  readonly log: string[];
  readonly deaths: unknown[];
  readonly #closers: AsyncDisposableStack;
  /** A whole second, lately. */
  readonly startMs = Math.floor(Date.now() / 1000) * 1000 - 600_000;

  private constructor(
    store: StoreThread,
    queries: QueryPool,
    log: string[],
    deaths: unknown[],
    closers: AsyncDisposableStack,
  ) {
    this.store = store;
    this.queries = queries;
    this.log = log;
    this.deaths = deaths;
    this.#closers = closers;
  }

  static async open(
    options: Pick<QueryPoolOptions, "heapMibMax" | "silentMsMax" | "unreadMsMax"> = {},
  ): Promise<Threads> {
    const closers = new AsyncDisposableStack();
    const dataFolder = await mkdtemp(join(tmpdir(), "pharos-threads-"));
    closers.defer(() => rm(dataFolder, { recursive: true }));
    const lines: string[] = [];
    const deaths: unknown[] = [];
    const log = createLogger("info", "json", (line) => lines.push(line));
    const store = await StoreThread.open({ dataFolder, seed: 1, settings: {} }, log, (error) =>
      deaths.push(error),
    );
    closers.use(store);
    const settings = {
      dataFolder,
      lookbackMs: 300_000,
      samplesMax: 50_000_000,
      timeoutMs: 60_000,
      defaultStepMs: 60_000,
    };
    const externalLabels = () => NO_LABELS;
    const queries = new QueryPool({
      ...{ store, settings, log, externalLabels, threadsMax: 2 },
      ...options,
    });
    closers.use(queries);
    return new Threads(store, queries, lines, deaths, closers);
  }

  /** One sample of each series at a second since the start; the value is the second. */
  append(labelSets: readonly Labels[], second: number) {
    return this.store.append({
      labelSets,
      series: Uint32Array.from(labelSets.keys()),
      timestampsMs: new Float64Array(labelSets.length).fill(this.startMs + second * 1000),
      values: new Float64Array(labelSets.length).fill(second),
      stale: null,
    });
  }

  /** The answer of a read route. */
  async read(path: string, init: RequestInit = {}, query?: SentQuery): Promise<Response> {
    const request = await readRequestOf(new Request(`http://pharos${path}`, init));
    return responseOf(await this.queries.read(request, query));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closers.disposeAsync();
  }
}

const series = (metric: string, count: number): Labels[] =>
  Array.from({ length: count }, (_, i) => labelsFrom({ [METRIC_NAME]: metric, i: String(i) }));

interface Matrix {
  readonly data: { readonly result: readonly { readonly values: readonly [number, string][] }[] };
}

test("what is stored is found by queries on other threads, by all routes", async () => {
  await using threads = await Threads.open();
  equal(threads.queries.stats().threads, 0, "no thread before the first query");
  await threads.append(series("a", 3), 599);
  const form = new URLSearchParams({ query: "sum(a)" });
  const answer = await threads.read("/api/v1/query", { method: "POST", body: form });
  match(await answer.text(), /"value":\[[\d.]+,"1797"\]/);
  const values = await (await threads.read("/api/v1/label/i/values")).json();
  deepEqual(values, { status: "success", data: ["0", "1", "2"] });
  match(
    await (await threads.read("/federate?match[]=a")).text(),
    /^# TYPE a untyped\na\{i="0",instance=""\} 599 /,
  );
  const invalid = await threads.read("/api/v1/query?query=sum(");
  equal(invalid.status, 400);
  const vector = await threads.queries.evaluate(parse("max(a) > 1"), Date.now(), never);
  ok(vector.type === "vector");
  deepEqual(vector.values, Float64Array.of(599));
  equal(threads.queries.stats().threads, 1);
});

test("queries on other threads read rollups, made or still to be made", async () => {
  await using threads = await Threads.open();
  for (let second = 0; second < 600; second += 20) await threads.append(series("a", 2), second);
  const hourMs = 3_600_000;
  // The last two full hours at this time hold all of it, whatever hour it is.
  const timeMs = Math.ceil((threads.startMs + 600_000) / hourMs) * hourMs;
  const ask = async (): Promise<string> => {
    const query = "sum(count_over_time(a[2h])) %2B max(max_over_time(a[2h]))";
    const path = `/api/v1/query?query=${query}&time=${timeMs / 1000}&tier=1h`;
    return (await threads.read(path)).text();
  };
  const answer = new RegExp(`"value":\\[${timeMs / 1000},"640"\\]`);
  match(await ask(), answer);
  await threads.store.flush();
  match(await ask(), answer);
  await threads.store.compact();
  ok((await threads.store.stats()).rollups.length > 0, "rows were made");
  const text = await ask();
  match(text, answer);
  match(text, /"warnings":\["answered from 1h rollups/);
});

test("a form that is too large is refused before it is sent anywhere", async () => {
  await using threads = await Threads.open();
  const body = `query=${"x".repeat(11 * 1024 * 1024)}`;
  const headers = { "Content-Type": "application/x-www-form-urlencoded" };
  await rejects(threads.read("/api/v1/query", { method: "POST", body, headers }), {
    code: "input.too_large",
  });
  equal(threads.queries.stats().threads, 0);
});

test("a reader sees whole batches and every sample in its place, while they are written and flushed", async () => {
  await using threads = await Threads.open();
  const labelSets = series("busy", 50);
  await threads.append(labelSets, 0);
  const seconds = 500;
  let acknowledged = 0;
  const flushing: Promise<unknown>[] = [];
  const writing = (async () => {
    for (let second = 1; second < seconds; second++) {
      await threads.append(labelSets, second);
      acknowledged = second;
      if (second % FLUSH_SECONDS === 0) flushing.push(threads.store.flush());
    }
  })();
  let reads = 0;
  let written = false;
  void writing.then(() => {
    written = true;
  });
  while (!written) {
    const least = acknowledged;
    const time = (threads.startMs + seconds * 1000) / 1000;
    const answer = await threads.read(`/api/v1/query?query=busy[10m]&time=${time}`);
    const { result } = ((await answer.json()) as Matrix).data;
    equal(result.length, labelSets.length);
    const lengths = new Set(result.map(({ values }) => values.length));
    equal(lengths.size, 1, "a batch is there for all of its series or for none");
    ok((result[0]?.values.length ?? 0) > least, "what was acknowledged before is there");
    for (const { values } of result)
      for (const [i, [at, value]] of values.entries())
        if (value !== String(i) || at !== threads.startMs / 1000 + i)
          throw new Error(`sample ${i} is ${at} ${value}`);
    reads++;
  }
  await writing;
  await Promise.all(flushing);
  ok(reads > 0);
});

test("a large answer comes in pieces, as they are asked for, and may be left unfinished", async () => {
  await using threads = await Threads.open();
  const labelSets = series("large", 400);
  for (const second of [0, 300]) await threads.append(labelSets, second);
  const [start, end] = [threads.startMs / 1000, threads.startMs / 1000 + 550];
  const path = `/api/v1/query_range?query=large&start=${start}&end=${end}&step=1`;
  const whole = (await (await threads.read(path)).json()) as Matrix;
  equal(whole.data.result.length, 400);
  equal(whole.data.result[399]?.values.length, 551);
  const { body } = await threads.read(path);
  equal(threads.queries.stats().queries, 1);
  const reader = body?.getReader();
  ok(((await reader?.read())?.value?.length ?? 0) >= 256 * 1024);
  await reader?.cancel();
  equal(threads.queries.stats().queries, 0);
});

test("what nobody reads of a large answer is let go after a while", async () => {
  await using threads = await Threads.open({ unreadMsMax: 20 });
  const labelSets = series("large", 400);
  await threads.append(labelSets, 0);
  const [start, end] = [threads.startMs / 1000, threads.startMs / 1000 + 250];
  const path = `/api/v1/query_range?query=large&start=${start}&end=${end}&step=1`;
  const { body } = await threads.read(path);
  await eventually("it is let go", async () => threads.queries.stats().queries === 0);
  await rejects(new Response(body).bytes(), {
    code: "query.timeout",
    message: "nothing of the answer was read for 20 ms",
  });
  equal(threads.queries.stats().queries, 0);
  equal((await threads.read("/api/v1/query?query=1")).status, 200);
});

test("a query that is given up ends, and others go on", async () => {
  await using threads = await Threads.open();
  await threads.append(series("a", 2), 599);
  const gaveUp = new AbortController();
  const path = "/api/v1/query?query=count_over_time(a[10m:1s])";
  const query = threads.read(path, { signal: gaveUp.signal });
  gaveUp.abort();
  await rejects(query, { name: "AbortError" });
  equal((await threads.read(path)).status, 200);
});

test("a thread that runs out of memory takes its queries with it, and the next ones have another", async () => {
  await using threads = await Threads.open({ heapMibMax: 32 });
  for (let from = 0; from < 40_000; from += 10_000)
    await threads.append(series(`many_${from}`, 10_000), 599);
  const everything = encodeURIComponent('label_replace({i!=""}, "more", "x$1", "i", "(.*)")');
  await rejects(threads.read(`/api/v1/query?query=${everything}`), {
    code: "query.failed",
    message: /the query's thread has ended: .*memory/,
  });
  equal(threads.queries.stats().deaths, 1);
  match(threads.log.join(), /a query thread has ended/);
  // What the dead one held is free: else this would wait until it is too old to be honoured, five minutes later.
  await threads.store.flush();
  const answer = await threads.read("/api/v1/query?query=count(many_0)");
  match(await answer.text(), /"10000"/);
  deepEqual(threads.deaths, []);
});

test("a query that is over its limit frees what it took, though nothing else is asked", async () => {
  await using threads = await Threads.open();
  await threads.append(series("a", 3), 599);
  const ask = (query: string, max: number) =>
    threads.read(
      `/api/v1/query?query=${query}`,
      {},
      {
        terms: {
          ...{ timeoutMs: 60_000, timeoutSetting: "", waitedMs: 0 },
          limits: { samples: { max, setting: "--query-max-samples" } },
        },
        signal: never,
        observe: () => {},
      },
    );
  equal((await ask("a", 100)).status, 200);
  const before = await threads.queries.memorySize();
  // A series has 3.6 million points, of some 60 MB.
  const over = await ask("max_over_time((a %2B 1)[1h:1ms])", 9_000_000);
  match(await over.text(), /too many samples into memory .*: more than 9000000/);
  const kept = 16 * 1024 * 1024;
  const isFree = async () => (await threads.queries.memorySize()) < before + kept;
  // V8 would come to it by itself half a minute later.
  await eventually("the memory is free", isFree, 15_000);
});

test("each thread says of what its memory is made, once it was asked", async () => {
  await using threads = await Threads.open();
  await threads.append(series("a", 3), 599);
  equal((await threads.read("/api/v1/query?query=a")).status, 200);
  await eventually("it has answered", async () => threads.queries.memories.length === 1);
  const [memory] = threads.queries.memories;
  ok(memory !== undefined);
  deepEqual([memory.heapUsed > 0, memory.heap >= memory.heapUsed], [true, true]);
  deepEqual([memory.kernelsUsed > 0, memory.kernels >= memory.kernelsUsed], [true, true]);
});

test("rules get a thread of their own where people's queries keep all others busy", async () => {
  await using threads = await Threads.open();
  await threads.append(series("a", 2), 599);
  const gaveUp = new AbortController();
  // Long enough for all that follows; it is given up then.
  const parts = Array.from({ length: 250 }, (_, i) => `max_over_time(a[${3600 + i}s:20ms])`);
  const heavy = encodeURIComponent(parts.join(" + "));
  const running: Promise<unknown>[] = [];
  const add = () => {
    const query = threads.read(`/api/v1/query?query=${heavy}`, { signal: gaveUp.signal });
    running.push(query.catch(() => {}));
  };
  const rule = () => threads.queries.evaluate(parse("max(a)"), Date.now(), never);
  add();
  await eventually("two threads are busy", async () => {
    // Another one comes for a query that finds the first one busy for a while.
    await threads.read("/api/v1/query?query=1");
    return threads.queries.stats().threads === 2;
  });
  add();
  await eventually("rules have their thread", async () => {
    await rule();
    return threads.queries.stats().threads === 3;
  });
  const result = await rule();
  ok(result.type === "vector" && result.values[0] === 599);
  gaveUp.abort();
  await Promise.all(running);
});

test("a thread that a query holds up is ended with its queries, which hear why", async () => {
  // Any step of this query takes longer than that.
  await using threads = await Threads.open({ silentMsMax: 1 });
  equal((await threads.read("/api/v1/query?query=1")).status, 200);
  const query = encodeURIComponent("max_over_time((time() * sin(vector(1)))[12h:10ms])");
  await rejects(threads.read(`/api/v1/query?query=${query}`), {
    code: "query.timeout",
    message: "a query held up its thread for more than 1 ms, which was ended with its queries",
  });
  const { stuck, deaths, queries } = threads.queries.stats();
  deepEqual([stuck, deaths, queries], [1, 0, 0]);
  match(threads.log.join(), /a query thread did not answer/);
});

test("bodies lie in the store's memory, and those that find no room there are moved", async () => {
  await using threads = await Threads.open();
  const encoder = new TextEncoder();
  const push = async (value: number) => {
    const metrics = [{ name: "pushed", value, timestamp: threads.startMs + value }];
    const text = encoder.encode(JSON.stringify({ metrics }));
    return threads.store.slots.join([text.subarray(0, 10), text.subarray(10)], text.length);
  };
  const bodies = await Promise.all(Array.from({ length: 40 }, (_, i) => push(i)));
  const inSlots = bodies.filter(({ bytes }) => threads.store.slots.has(bytes)).length;
  equal(inSlots, 32);
  for (const { bytes, release } of bodies) {
    const result = await threads.store.receiveJson(bytes);
    ok("appended" in result && result.appended === 1);
    release();
  }
  ok(threads.store.slots.has((await push(1)).bytes), "a slot that is given back is used again");
});

test("what goes wrong in the store's thread with nobody waiting is its death, and is told", async () => {
  const threads = await Threads.open();
  const rule = { ...createRelabelRule({ action: "drop" }), action: "none" as RelabelAction };
  const broken = { ...scrapeJobDefaults("a"), metricRelabelRules: [rule] };
  threads.store.scrapes.open(1, { labels: NO_LABELS, rules: broken, startedMonotonicMs: 0 });
  await rejects(threads.append(series("a", 1), 1), {
    code: "disk.failed",
    message: /the store's thread has ended/,
  });
  equal(threads.deaths.length, 1);
  await rejects(threads[Symbol.asyncDispose]());
});
