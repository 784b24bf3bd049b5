import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom } from "@pharos/base";
import type { SeriesColumns, SeriesStore } from "@pharos/ports";
import { createEngine, type QueryLimits } from "@pharos/promql/engine";
import { MemoryStore, SimClock } from "@pharos/testing";
import { worldOf } from "./engine-world.ts";

const SIX_SAMPLES = `
  x{n="1"} 1 2 3
  x{n="2"} 1 2 3`;

test("a query that would hold more samples than allowed ends with query.too_many_samples", async () => {
  const world = await worldOf(SIX_SAMPLES, { samplesMax: 8 });
  equal((await world.over(0, 1, "x")).length, 2);
  await rejects(world.over(0, 5, "x"), {
    code: "query.too_many_samples",
    message: "query processing would load too many samples into memory in query execution",
  });
  await rejects(world.at(2, "max_over_time(x[1y:1s])"), { code: "query.too_many_samples" });
  await rejects(world.over(0, 100, "time()"), { code: "query.too_many_samples" });
});

test("an aggregation holds its groups, not the series that stream through it", async () => {
  const world = await worldOf(SIX_SAMPLES, { samplesMax: 15 });
  deepEqual(await world.over(0, 5, "sum(x)"), ["{} 2 4 6 6 6 6"]);
  await rejects(world.over(0, 5, "sum by (n) (x)"), { code: "query.too_many_samples" });
});

test("the limit ends a query while it reads, not when it has read everything", async () => {
  const clock = new SimClock();
  const endless = new SlowStore(clock, 0);
  const engine = createEngine({ clock, samplesMax: 1000 });
  const { signal } = new AbortController();
  for (const query of ["x", "rate(x[5m])", "sum by (n) (x)", "max_over_time(x[5m:1m])"]) {
    endless.given = 0;
    await rejects(
      clock.run(engine.range(endless, query, { startMs: 0, endMs: 9, stepMs: 1 }, { signal })),
      {
        code: "query.too_many_samples",
      },
    );
    ok(endless.given <= 101, `${query} read ${endless.given} series`);
  }
});

/** A store whose series come one every `delayMs`, for ever. */
class SlowStore extends MemoryStore {
  readonly #clock: SimClock;
  readonly #delayMs: number;
  given = 0;

  constructor(clock: SimClock, delayMs: number) {
    super();
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  override async *select(
    ...[, , { signal }]: Parameters<SeriesStore["select"]>
  ): AsyncGenerator<SeriesColumns> {
    for (;;) {
      await this.#clock.sleep(this.#delayMs, signal);
      yield {
        labels: labelsFrom({ n: String(this.given++) }),
        timestampsMs: Float64Array.of(-1, 0),
        values: Float64Array.of(1, 2),
        stale: null,
      };
    }
  }
}

test("a query that takes too long ends with query.timeout, even while the store is silent", async () => {
  const clock = new SimClock();
  const engine = createEngine({ clock, timeoutMs: 1000 });
  const { signal } = new AbortController();
  const slow = new SlowStore(clock, 100);
  await rejects(clock.run(engine.instant(slow, "x", 0, { signal })), {
    code: "query.timeout",
    message: "query timed out in expression evaluation",
  });
  ok(slow.given >= 9, `${slow.given} series came first`);
  const silent = new SlowStore(clock, 1_000_000);
  await rejects(clock.run(engine.instant(silent, "x", 0, { signal, timeoutMs: 50 })), {
    code: "query.timeout",
  });
  equal(silent.given, 0);
});

test("a query ends with query.cancelled as soon as its caller gives up", async () => {
  const clock = new SimClock();
  const engine = createEngine({ clock });
  const controller = new AbortController();
  const slow = new SlowStore(clock, 100);
  const query = engine.instant(slow, "sum(x)", 0, { signal: controller.signal });
  const ended = rejects(query, {
    code: "query.cancelled",
    message: "query was canceled in expression evaluation",
  });
  await clock.advance(1000);
  controller.abort();
  await ended;
  await rejects(engine.instant(slow, "x", 0, { signal: controller.signal }), {
    code: "query.cancelled",
  });
});

/** A clock on which every look costs a millisecond, as if the work between two looks took that long. */
class BusyClock extends SimClock {
  looks = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.looks++;
  }
}

test("a long query gives others their turn while it runs", async () => {
  const clock = new BusyClock();
  const engine = createEngine({ clock });
  const store = new MemoryStore();
  const count = 2000;
  await store.append({
    labelSets: Array.from({ length: count }, (_, i) => labelsFrom({ n: String(i) })),
    series: Uint32Array.from({ length: count }, (_, i) => i),
    timestampsMs: new Float64Array(count),
    values: new Float64Array(count).fill(1),
    stale: null,
  });
  let turns = 0;
  let running = true;
  const other = (async () => {
    while (running) {
      await new Promise(setImmediate);
      turns++;
    }
  })();
  const { signal } = new AbortController();
  const result = await clock.run(engine.instant(store, 'sum({n!=""})', 0, { signal }));
  running = false;
  await other;
  equal(result.type === "vector" && result.values[0], count);
  ok(turns >= 5, `others had ${turns} turns`);
});

test("a single series that takes long is computed in turns, so that a query can be ended", async () => {
  const controller = new AbortController();
  const clock = new (class extends BusyClock {
    override monotonicMs(): number {
      // The first looks are those before anything is computed.
      if (this.looks === 4) controller.abort();
      return super.monotonicMs() + 10 * this.looks;
    }
  })();
  const samples = 20_000;
  const store = new MemoryStore();
  await store.append({
    labelSets: [labelsFrom({ n: "1" })],
    series: new Uint32Array(samples),
    timestampsMs: Float64Array.from({ length: samples }, (_, i) => i * 1000),
    values: Float64Array.from({ length: samples }, (_, i) => i % 7),
    stale: null,
  });
  // A thousand windows of 10,000 samples.
  const range = { startMs: 10_000_000, endMs: 19_999_000, stepMs: 10_000 };
  const { signal } = controller;
  await rejects(
    clock.run(createEngine({ clock }).range(store, 'changes({n="1"}[10000s])', range, { signal })),
    { code: "query.cancelled" },
  );
  ok(clock.looks < 8, `${clock.looks} looks at the clock`);
});

test("an error of the store reaches the caller as it is", async () => {
  const clock = new SimClock();
  const engine = createEngine({ clock });
  const broken = new (class extends MemoryStore {
    override select(): ReturnType<SeriesStore["select"]> {
      throw new Error("the disk is gone");
    }
  })();
  const { signal } = new AbortController();
  await rejects(engine.instant(broken, "x", 0, { signal }), { message: "the disk is gone" });
});

test("a query counts what it read", async () => {
  const world = await worldOf(SIX_SAMPLES);
  const { stats } = await world.instant(2, 'sum(x) + sum(rate(x{n!=""}[2m]))');
  deepEqual({ ...stats, samplesPeak: 0 }, { samplesRead: 12, seriesRead: 4, samplesPeak: 0 });
  ok(stats.samplesPeak >= 4 && stats.samplesPeak < 100, `${stats.samplesPeak} at once`);
});

test("each limit of one query ends it with what it took, what it may take, and what changes that", async () => {
  const clock = new SimClock();
  const { signal } = new AbortController();
  const range = { startMs: 0, endMs: 9, stepMs: 1 };
  const run = (query: string, limits: QueryLimits) =>
    clock.run(
      createEngine({ clock }).range(new SlowStore(clock, 0), query, range, { signal, limits }),
    );
  await rejects(run("sum(x)", { series: { max: 7, setting: "--query-max-series" } }), {
    code: "query.over_limit",
    message:
      "the query reads more than 7 series, the limit is 7 (--query-max-series); narrow its selectors or its range",
  });
  await rejects(run("sum(x)", { samplesRead: { max: 20, setting: "max_samples_read" } }), {
    code: "query.over_limit",
    message: /reads more than 20 samples, the limit is 20 \(max_samples_read\)/,
  });
  await rejects(run("x", { memorySize: { max: 16_000, setting: "--query-max-memory" } }), {
    code: "query.over_limit",
    message: /needs more than \d+ bytes of memory, the limit is 16,000 \(--query-max-memory\)/,
  });
  await rejects(run("x", { samples: { max: 500, setting: "--query-max-samples" } }), {
    code: "query.too_many_samples",
    message:
      /^query processing would load too many samples .*: more than 500 \(--query-max-samples\)$/,
  });
});

test("a mistake in the text is query.invalid", async () => {
  const world = await worldOf(SIX_SAMPLES);
  await rejects(world.at(0, "sum(x"), { code: "query.invalid" });
});

test("samples are counted step by step, as often as they are looked at, where that is asked for", async () => {
  const world = await worldOf(`
    x{n="1"} 1 2 _ _ _ _ _ 3 stale
    x{n="2"} 1 2 3 4 5 6 7 8 9
    h        {1,2} {1,3} 5`);
  const count = async (query: string): Promise<number[] | undefined> => {
    const range = { startMs: 0, endMs: 8 * 60_000, stepMs: 60_000 };
    const { signal } = new AbortController();
    const options = { signal, countsSamples: true };
    const { stats } = await world.engine.range(world.store, query, range, options);
    return stats.queryable && [...stats.queryable];
  };
  deepEqual(await count("x"), [2, 2, 2, 2, 2, 2, 1, 2, 1]);
  deepEqual(await count("sum(rate(x[2m]))"), [2, 4, 3, 2, 2, 2, 2, 3, 3]);
  deepEqual(await count("sum(x @ 120)"), Array(9).fill(2));
  deepEqual(await count("vector(1) + 2"), Array(9).fill(0));
  // A float is 16 bytes, these histograms 176 and 8 for their span and for each of their two buckets.
  deepEqual(await count("h"), [12, 12, 1, 1, 1, 1, 1, 0, 0]);
  deepEqual(await count("count_over_time(h[2m])"), [12, 24, 13, 1, 0, 0, 0, 0, 0]);
  // Of a subquery its points, and not what they were computed from.
  deepEqual(await count("max_over_time(sum(x)[2m:1m])"), [1, 2, 2, 2, 2, 2, 2, 2, 2]);
  equal((await world.instant(0, "x")).stats.queryable, undefined);
});

test("what waits for its turn after a shared read counts among the samples held", async () => {
  const query = "sum by (n) (x) + sum by (n) (rate(x[5m])) + topk(9, x)";
  const peak = async (samplesMax: number): Promise<number> => {
    const world = await worldOf(SIX_SAMPLES, { samplesMax });
    const result = await world.range(0, 5, query);
    equal(result.type === "matrix" && result.series.length, 2);
    return result.stats.samplesPeak;
  };
  const needed = await peak(1000);
  equal(await peak(needed), needed);
  // At the end of the pass: three parts of two series and six steps, and what there was before and is read.
  ok(needed >= 36, `${needed} samples`);
  await rejects(peak(needed - 1), { code: "query.too_many_samples" });
});

test("the limit on memory counts what a subquery needs beside its samples, once it is needed", async () => {
  const world = await worldOf(SIX_SAMPLES);
  const ask = (query: string, max: number) =>
    world.engine.instant(world.store, query, 120_000, {
      signal: new AbortController().signal,
      limits: { memorySize: { max, setting: "--query-max-memory" } },
    });
  const steps = 100_000;
  const query = "max_over_time(x[100s:1ms])";
  await rejects(ask(query, steps * 40), {
    code: "query.over_limit",
    message: /--query-max-memory/,
  });
  equal((await ask(query, steps * 50)).type, "vector");
  equal((await ask(`${query} + on(n) ${query.replace("max", "min")}`, steps * 50)).type, "vector");
});

test("the limit on memory counts series, of which an instant query has one sample each", async () => {
  const lines = Array.from({ length: 100 }, (_, i) => `y{n="${i}"} 1`);
  const world = await worldOf(lines.join("\n"));
  const ask = (max: number) =>
    world.engine.instant(world.store, "y", 0, {
      signal: new AbortController().signal,
      limits: { memorySize: { max, setting: "--query-max-memory" } },
    });
  await rejects(ask(100 * 300), { code: "query.over_limit" });
  equal((await ask(100 * 450)).type, "vector");
});
