import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import { createEngine, type QueryResult } from "@pharos/promql/engine";
import { MemoryStore, SimClock } from "@pharos/testing";
import fc from "fast-check";
import { worldOf } from "./engine-world.ts";

const kernels = await Kernels.load();
const NEVER = new AbortController().signal;

const clock = new SimClock();
const inTypeScript = createEngine({ clock });
const inKernels = createEngine({ clock, kernels });

const INTERVAL_MS = 15_000;
const SAMPLES = 80;

/** Samples of one series; undefined for none, "stale" for a marker. */
type Points = readonly (number | "stale" | undefined)[];

interface Series {
  readonly job: string;
  readonly points: Points;
  /** By how much its samples come late; those of 0 share their times. */
  readonly jitterMs: number;
}

const value = fc.oneof(
  { arbitrary: fc.nat(1000), weight: 10 },
  { arbitrary: fc.double({ noNaN: true }), weight: 3 },
  { arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity, 1e308, -1e308, 5e-324), weight: 1 },
);
const counter = fc.array(fc.nat(50), { minLength: SAMPLES, maxLength: SAMPLES }).map((steps) => {
  let total = 0;
  // Now and then it begins again.
  return steps.map((step) => (total = step === 50 ? 0 : total + step));
});
const gauge = fc.array(value, { minLength: SAMPLES, maxLength: SAMPLES });
const mostlyZero = fc.array(
  fc.oneof(
    { arbitrary: fc.constantFrom(0, 0, -0), weight: 30 },
    { arbitrary: fc.constantFrom(1, 1e15, Number.NaN, Infinity), weight: 1 },
  ),
  { minLength: SAMPLES, maxLength: SAMPLES },
);
const gaps = fc.array(fc.constantFrom("sample", "sample", "sample", "sample", "none", "stale"), {
  ...{ minLength: SAMPLES, maxLength: SAMPLES },
});
const points = fc.oneof(
  counter,
  mostlyZero,
  gauge,
  fc
    .tuple(fc.oneof(counter, gauge), gaps)
    .map(
      ([values, kinds]): Points =>
        values.map((v, i) =>
          kinds[i] === "sample" ? v : kinds[i] === "stale" ? "stale" : undefined,
        ),
    ),
);
const allSeries = fc.array(
  fc.record({
    job: fc.constantFrom("a", "b"),
    points,
    jitterMs: fc.oneof(fc.constant(0), fc.nat(5000)),
  }),
  { minLength: 1, maxLength: 8 },
);

async function storeOf(list: readonly Series[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const [index, { job, points: all, jitterMs }] of list.entries()) {
    const there = all.flatMap((point, i) => (point === undefined ? [] : [{ point, i }]));
    await store.append({
      labelSets: [labelsFrom({ __name__: "x_total", job, instance: String(index) })],
      series: new Uint32Array(there.length),
      timestampsMs: Float64Array.from(there, ({ i }) => (i + 1) * INTERVAL_MS + jitterMs),
      values: Float64Array.from(there, ({ point }) => (point === "stale" ? Number.NaN : point)),
      stale: Uint8Array.from(there, ({ point }) => (point === "stale" ? 1 : 0)),
    });
  }
  return store;
}

/** With values as bits, so that -0 and 0 differ. */
function plain(result: QueryResult): unknown {
  ok(result.type === "matrix");
  const series = result.series.map(({ labels, timestampsMs, values }) => ({
    ...{ labels, timestampsMs: [...timestampsMs], values: [...values] },
  }));
  const { warnings, infos } = result;
  return { series, warnings, infos };
}

const FUNCTIONS = [
  ...["rate", "increase", "delta", "irate", "idelta", "changes", "resets", "deriv"],
  ...["sum_over_time", "avg_over_time", "min_over_time", "max_over_time", "count_over_time"],
  ...["first_over_time", "last_over_time", "stddev_over_time", "stdvar_over_time"],
  ...["ts_of_min_over_time", "ts_of_max_over_time", "ts_of_first_over_time"],
  ...["ts_of_last_over_time", "present_over_time", "absent_over_time"],
];
const AGGREGATIONS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"];

const range = fc.constantFrom("20s", "1m", "5m", "10m", "15m");
const shift = fc.constantFrom("", "", " offset 1m", " offset -1m", " @ 600");
const vector = fc.oneof(
  fc
    .tuple(fc.constantFrom(...FUNCTIONS), range, shift)
    .map(([f, r, s]) => `${f}(x_total[${r}]${s})`),
  shift.map((s) => `x_total${s}`),
  fc.constant("timestamp(x_total)"),
  fc.constantFrom(...FUNCTIONS).map((f) => `${f}(rate(x_total[1m])[5m:30s])`),
  fc.constant("-x_total"),
);
const query = fc.oneof(
  vector,
  fc
    .tuple(
      fc.constantFrom(...AGGREGATIONS),
      fc.constantFrom("", "by (job)", "without (job)", "by (job, __name__)"),
      vector,
    )
    .map(([op, grouping, of]) => `${op} ${grouping} (${of})`),
);
const steps = fc.constantFrom(
  { startMs: 0, endMs: 1_300_000, stepMs: 15_000 },
  { startMs: 60_000, endMs: 1_200_000, stepMs: 60_000 },
  { startMs: 7_000, endMs: 1_300_000, stepMs: 11_000 },
  { startMs: 600_000, endMs: 600_000, stepMs: 60_000 },
);

test("answers with kernels are those without, to the last bit", async () => {
  await fc.assert(
    fc.asyncProperty(allSeries, query, steps, async (list, text, grid) => {
      const store = await storeOf(list);
      const expected = await inTypeScript.range(store, text, grid, { signal: NEVER });
      const found = await inKernels.range(store, text, grid, { signal: NEVER });
      deepEqual(plain(found), plain(expected));
    }),
    { numRuns: 500 },
  );
});

test("series of native histograms among the floats change nothing of that", async () => {
  const text = `
    x_total{job="a",instance="1"} 1 2 3 {1,2} {2,3} 5 6 _ 7 stale 9 10
    x_total{job="a",instance="2"} 1 3 5 7 9 11 13 15 17 19 21 23
    x_total{job="b",instance="3"} {1,2} {2,4} {3,6} {4,8} {5,9} {6,9} {7,9} {8,9} {9,9} {9,9} {9,9} {9,10}
    x_total{job="b",instance="4"} 5 4 3 2 1 0 1 2 3 4 5 6`;
  const [plainWorld, kernelWorld] = [await worldOf(text), await worldOf(text, { kernels })];
  const inner = ["x_total", "timestamp(x_total)", ...FUNCTIONS.map((f) => `${f}(x_total[3m])`)];
  for (const op of ["", ...AGGREGATIONS])
    for (const vector of inner)
      for (const grouping of op === "" ? [""] : ["", "by (job)"]) {
        const query = op === "" ? vector : `${op} ${grouping} (${vector})`;
        deepEqual(
          await kernelWorld.range(0, 12, query),
          await plainWorld.range(0, 12, query),
          query,
        );
      }
});

test("a query leaves nothing behind in the kernels' memory, also when it fails", async () => {
  const used = (): number => kernels.memoryUse().usedSize;
  const before = used();
  const store = await storeOf(
    ["a", "b"].map((job) => ({ job, points: Array(SAMPLES).fill(1), jitterMs: 0 })),
  );
  const grid = { startMs: 0, endMs: 1_200_000, stepMs: 15_000 };
  const queries = [
    "sum(rate(x_total[5m]))",
    "x_total",
    "avg by (job) (x_total)",
    "rate(x_total[5m])",
  ];
  for (const query of queries) {
    await inKernels.range(store, query, grid, { signal: NEVER });
    equal(used(), before, query);
  }
  const limited = createEngine({ clock, kernels, samplesMax: 200 });
  for (const query of queries) {
    await rejects(limited.range(store, query, grid, { signal: NEVER }), {
      code: "query.too_many_samples",
    });
    equal(used(), before, query);
  }
});

test("groups beyond those that the kernels have room for are the same", async () => {
  const store = new MemoryStore();
  const count = 100;
  await store.append({
    labelSets: Array.from({ length: count }, (_, i) =>
      labelsFrom({ __name__: "x_total", instance: String(i) }),
    ),
    series: Uint32Array.from({ length: count }, (_, i) => i),
    timestampsMs: new Float64Array(count).fill(1000),
    values: Float64Array.from({ length: count }, (_, i) => i / 3),
    stale: null,
  });
  // 8 MiB of columns for 2,000 steps are not enough for all groups.
  const grid = { startMs: 0, endMs: 199_900, stepMs: 100 };
  for (const op of ["sum", "avg", "max", "count"]) {
    const query = `${op} by (instance) (x_total)`;
    const expected = await inTypeScript.range(store, query, grid, { signal: NEVER });
    const found = await inKernels.range(store, query, grid, { signal: NEVER });
    ok(expected.type === "matrix" && found.type === "matrix");
    equal(expected.series.length, count);
    deepEqual(found.series, expected.series);
  }
});

test("series and grids that are too long for the kernels are the same", async () => {
  const count = 2 ** 18 + 10;
  const store = new MemoryStore();
  await store.append({
    labelSets: [labelsFrom({ __name__: "x_total" })],
    series: new Uint32Array(count),
    timestampsMs: Float64Array.from({ length: count }, (_, i) => i * 1000),
    values: Float64Array.from({ length: count }, (_, i) => i / 3),
    stale: null,
  });
  const endMs = count * 1000;
  const queries = [
    ["sum_over_time(x_total[1h])", { startMs: 0, endMs, stepMs: 10_000_000 }],
    ["x_total", { startMs: 0, endMs, stepMs: 10_000_000 }],
    ["sum_over_time(x_total[10s])", { startMs: 0, endMs: 70_000_000, stepMs: 1000 }],
    ["x_total", { startMs: 0, endMs: 70_000_000, stepMs: 1000 }],
  ] as const;
  for (const [query, grid] of queries) {
    const expected = await inTypeScript.range(store, query, grid, { signal: NEVER });
    const found = await inKernels.range(store, query, grid, { signal: NEVER });
    ok(expected.type === "matrix" && found.type === "matrix");
    ok((expected.series[0]?.values.length ?? 0) > 20);
    deepEqual(found.series, expected.series);
  }
});

test("a counter that begins again all the time is the same", async () => {
  const count = 20_000;
  const store = new MemoryStore();
  await store.append({
    labelSets: [labelsFrom({ __name__: "x_total" })],
    series: new Uint32Array(count),
    timestampsMs: Float64Array.from({ length: count }, (_, i) => i * 1000),
    values: Float64Array.from({ length: count }, (_, i) => count - i),
    stale: null,
  });
  const grid = { startMs: 0, endMs: count * 1000, stepMs: 10_000 };
  const query = "increase(x_total[10m])";
  const expected = await inTypeScript.range(store, query, grid, { signal: NEVER });
  const found = await inKernels.range(store, query, grid, { signal: NEVER });
  ok(expected.type === "matrix" && found.type === "matrix");
  equal(found.series[0]?.values.length, 2000);
  deepEqual(found.series, expected.series);
});
