import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, type Labels, labelsFrom, METRIC_NAME } from "@pharos/base";
import type { SeriesColumns, StoreChanges } from "@pharos/ports";
import { createEngine, type QueryResult, ResultCache } from "@pharos/promql/engine";
import { MemoryStore, SimClock } from "@pharos/testing";
import { histogramOf } from "./histogram-arbitrary.ts";

const NEVER = new AbortController().signal;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const START_MS = 1_700_000_000_000 - (1_700_000_000_000 % HOUR_MS);

/** A store with a sample a minute of `up{n="1"}` … and of `load`, an engine with a cache, and a clock an hour later. */
class CacheWorld {
  readonly clock = new SimClock(START_MS + HOUR_MS);
  readonly store = new MemoryStore();
  readonly cache: ResultCache;
  readonly engine;

  constructor(sizeMax = 1024 ** 2) {
    this.cache = new ResultCache({ clock: this.clock, sizeMax });
    this.engine = createEngine({ clock: this.clock, resultCache: this.cache });
  }

  static async open(sizeMax?: number): Promise<CacheWorld> {
    const world = new CacheWorld(sizeMax);
    for (const metric of ["up", "load"])
      for (let at = 0; at <= 60; at++) await world.append(metric, at);
    return world;
  }

  append(metric: string, minute: number, value = minute): Promise<unknown> {
    return this.store.append({
      labelSets: [labelsFrom({ [METRIC_NAME]: metric })],
      series: Uint32Array.of(0),
      timestampsMs: Float64Array.of(START_MS + minute * MINUTE_MS),
      values: Float64Array.of(value),
      stale: null,
    });
  }

  /** How many of the steps were cached, of how many. */
  async ask(query: string, from = 10, to = 60): Promise<string> {
    const { steps } = (await this.result(query, from, to)).stats;
    return steps === undefined ? "bypass" : `${steps.cached}/${steps.total}`;
  }

  result(query: string, from = 10, to = 60): Promise<QueryResult> {
    const [startMs, endMs] = [START_MS + from * MINUTE_MS, START_MS + to * MINUTE_MS];
    const range = { startMs, endMs, stepMs: MINUTE_MS };
    return this.engine.range(this.store, query, range, { signal: NEVER, cached: true });
  }
}

test("a refreshed query evaluates the steps that new samples change, and no others", async () => {
  const world = await CacheWorld.open();
  equal(await world.ask("sum_over_time(up[5m])"), "0/51");
  equal(await world.ask("sum_over_time(up[5m])"), "51/51");
  await world.append("up", 61);
  equal(await world.ask("sum_over_time(up[5m])", 11, 61), "50/51");
  equal(await world.ask("sum_over_time( up[300s] )", 11, 61), "51/51");
  const { hits, partialHits, misses, steps, stepsCached } = world.cache.stats;
  deepEqual([hits, partialHits, misses, steps, stepsCached], [2, 1, 1, 204, 152]);
});

test("a late sample, and a deletion, make exactly the steps anew that look at them", async () => {
  const world = await CacheWorld.open();
  await world.ask("sum_over_time(up[5m])");
  await world.append("up", 20.5);
  // Of what is before and behind, the longer part is kept.
  equal(await world.ask("sum_over_time(up[5m])"), "35/51");
  await world.store.deleteSeries([createMatcher("=", METRIC_NAME, "up")], {
    minMs: START_MS + 50 * MINUTE_MS,
    maxMs: START_MS + 50 * MINUTE_MS,
  });
  equal(await world.ask("sum_over_time(up[5m])"), "40/51");
});

test("a sample at a time that all steps look at makes all of them anew", async () => {
  const world = await CacheWorld.open();
  const query = `up - max_over_time(up[2m] @ ${START_MS / 1000 - 3600})`;
  await world.ask(query);
  await world.append("load", -61);
  equal(await world.ask(query), "0/51");
  await world.append("load", -90);
  equal(await world.ask(query), "51/51");
});

test("what looks ahead is evaluated again when that comes", async () => {
  const world = await CacheWorld.open();
  await world.ask("up offset -10m");
  await world.append("up", 61);
  equal(await world.ask("up offset -10m"), "41/51");
});

test("queries whose steps depend on the range, or on the order of series, are evaluated whole", async () => {
  const world = await CacheWorld.open();
  for (const query of [
    "up - up @ start()",
    "up @ end()",
    "rate(up[range()])",
    "up * range()",
    "limitk(1, up + up)",
    "info(up)",
    "vector(time())",
  ]) {
    equal(await world.ask(query), "bypass", query);
    equal(await world.ask(query), "bypass", query);
  }
  equal(world.cache.stats.bypasses, 14);
  equal(world.cache.stats.queries, 0);
});

test("other steps, phases and lookbacks are other results", async () => {
  const world = await CacheWorld.open();
  const ask = async (stepMs: number, phaseMs: number, lookbackMs: number): Promise<number> => {
    const range = { startMs: START_MS + phaseMs, endMs: START_MS + HOUR_MS, stepMs };
    const options = { signal: NEVER, cached: true, lookbackMs };
    return (await world.engine.range(world.store, "up", range, options)).stats.steps?.cached ?? -1;
  };
  equal(await ask(MINUTE_MS, 0, MINUTE_MS), 0);
  equal(await ask(30_000, 0, MINUTE_MS), 0);
  equal(await ask(MINUTE_MS, 1000, MINUTE_MS), 0);
  equal(await ask(MINUTE_MS, 0, 5 * MINUTE_MS), 0);
  equal(await ask(MINUTE_MS, 0, MINUTE_MS), 61);
});

test("results are kept a minute after their last use, and those of more than an hour ago for an hour", async () => {
  const world = await CacheWorld.open();
  await world.ask("up");
  await world.clock.advance(59_000);
  equal(await world.ask("up"), "51/51");
  await world.clock.advance(61_000);
  equal(await world.ask("up"), "0/51");
  await world.clock.advance(2 * HOUR_MS);
  equal(await world.ask("up"), "0/51");
  await world.clock.advance(59 * MINUTE_MS);
  equal(await world.ask("up"), "51/51");
  await world.clock.advance(61 * MINUTE_MS);
  equal(await world.ask("up"), "0/51");
});

test("what was used longest ago makes room, and what is too large is not kept", async () => {
  const world = await CacheWorld.open(8 * 1024);
  for (const factor of [1, 2, 3, 4, 5, 6, 7, 8, 9]) await world.ask(`up * ${factor}`);
  const { evictions, queries, size } = world.cache.stats;
  ok(evictions > 0 && queries > 1 && size <= 8 * 1024);
  equal(await world.ask("up * 9"), "51/51");
  equal(await world.ask("up * 1"), "0/51");
  const small = await CacheWorld.open(1024);
  await small.ask("up");
  equal(await small.ask("up"), "0/51");
  equal(small.cache.stats.size, 0);
});

test("dropping metrics drops the results that read them, or may", async () => {
  const world = await CacheWorld.open();
  for (const query of ["up", "load", '{job!="x",__name__=~"load"}']) await world.ask(query);
  world.cache.dropMetrics(new Set(["up"]));
  equal(world.cache.stats.invalidations, 2);
  equal(await world.ask("up"), "0/51");
  equal(await world.ask("load"), "51/51");
  world.cache.dropMetrics(undefined);
  equal(await world.ask("load"), "0/51");
});

test("what was said of a piece is said again, with its place in the text", async () => {
  const world = await CacheWorld.open();
  const said = async (query: string): Promise<readonly string[]> =>
    (await world.result(query)).infos;
  const first = await said("rate(load[5m])");
  ok(first[0]?.includes('"load" (1:6)'));
  deepEqual(await said("rate(load[5m])"), first);
  // The same query, written otherwise: its places are other ones.
  ok((await said("  rate(load[5m])"))[0]?.includes('"load" (1:8)'));
});

test("samples that come while a query is evaluated are seen the next time", async () => {
  const world = await CacheWorld.open();
  const { store } = world;
  const slow = {
    changes: store.changes,
    async *select(...ask: Parameters<MemoryStore["select"]>): AsyncGenerator<SeriesColumns> {
      const selected = store.select(...ask);
      await world.append("up", 30.5, 1000);
      yield* selected;
    },
  };
  const range = { startMs: START_MS, endMs: START_MS + HOUR_MS, stepMs: MINUTE_MS };
  const ask = (from: typeof slow | MemoryStore): Promise<QueryResult> =>
    world.engine.range(from, "max_over_time(up[2m])", range, { signal: NEVER, cached: true });
  const highest = ({ type, ...rest }: QueryResult): number =>
    type === "matrix" && "series" in rest ? Math.max(...(rest.series[0]?.values ?? [])) : -1;
  equal(highest(await ask(slow)), 60);
  equal(highest(await ask(store)), 1000);
});

test("native histograms are cached as they are", async () => {
  const histogram = histogramOf({ positive: { 0: 1, 1: 2 }, sum: 5 });
  const labels: Labels = labelsFrom({ [METRIC_NAME]: "h" });
  const changes: StoreChanges = { mark: () => 0, since: () => undefined };
  const store = {
    changes,
    async *select(range: { minMs: number; maxMs: number }): AsyncGenerator<SeriesColumns> {
      const times = Float64Array.from({ length: 61 }, (_, i) => START_MS + i * MINUTE_MS);
      yield {
        labels,
        timestampsMs: new Float64Array(0),
        values: new Float64Array(0),
        stale: null,
        histograms: {
          timestampsMs: times.filter((time) => time >= range.minMs && time <= range.maxMs),
          at: () => histogram,
        },
      };
    },
  };
  const world = new CacheWorld();
  const ask = (to: number): Promise<QueryResult> =>
    world.engine.range(
      store,
      "h",
      { startMs: START_MS, endMs: START_MS + to * MINUTE_MS, stepMs: MINUTE_MS },
      { signal: NEVER, cached: true },
    );
  await ask(30);
  const { stats: _, ...both } = await ask(60);
  const { stats, ...again } = await ask(60);
  equal(stats.steps?.cached, 61);
  deepEqual(again, both);
  equal(again.type === "matrix" && again.series[0]?.histograms?.length, 61);
});
