import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { assert } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import type { SeriesReader } from "@pharos/ports";
import type { QueryResult } from "@pharos/promql/engine";
import fc from "fast-check";
import { type World, worldOf } from "./engine-world.ts";

const DATA = `
  a{n="1"} 1 2 4 7 11 16 22 29 37 46
  a{n="2"} 5 _ 5 3 4 stale 1 2 3 4
  b{n="1"} 2 4 6 8 10 12 14 16 18 20`;

const MINUTE_MS = 60_000;
const { signal } = new AbortController();

/** The answer over minutes 2 to 9, and the time ranges in minutes that were read for it. */
async function ask(
  { engine, store }: World,
  query: string,
): Promise<{ result: QueryResult; reads: string[] }> {
  const reads: string[] = [];
  const reader: Pick<SeriesReader, "select"> = {
    select(range, matchers, options) {
      reads.push(`${range.minMs / MINUTE_MS} to ${range.maxMs / MINUTE_MS}`);
      return store.select(range, matchers, options);
    },
  };
  const range = { startMs: 2 * MINUTE_MS, endMs: 9 * MINUTE_MS, stepMs: MINUTE_MS };
  return { result: await engine.range(reader, query, range, { signal }), reads };
}

test("selectors of the same series are read in one pass over all they need", async () => {
  const world = await worldOf(DATA);
  const reads = async (query: string): Promise<string[]> => (await ask(world, query)).reads;
  deepEqual(await reads("a / a"), ["-3 to 9"]);
  deepEqual(await reads("sum(rate(a[3m])) / count by (n) (a)"), ["-3 to 9"]);
  deepEqual(await reads("rate(a[3m]) / rate(a[3m] offset 4m)"), ["-5 to 9"]);
  deepEqual(await reads("topk(1, a) or quantile(0.5, a) or vector(scalar(sum(a)))"), ["-3 to 9"]);
  deepEqual(await reads("label_replace(max(a) - min(a), 'x', 'y', '', '')"), ["-3 to 9"]);
});

test("selectors of other series, and of times far apart, are read by themselves", async () => {
  const world = await worldOf(DATA);
  const reads = async (query: string): Promise<string[]> => (await ask(world, query)).reads;
  deepEqual(await reads("a + b"), ["-3 to 9", "-3 to 9"]);
  deepEqual(await reads('a + a{n!="3"}'), ["-3 to 9", "-3 to 9"]);
  deepEqual(await reads("rate(a[1m]) - rate(a[1m] offset 1d)"), ["1 to 9", "-1439 to -1431"]);
  deepEqual(await reads("a + max_over_time(a[2m:1m])"), ["-3 to 9", "-4 to 9"]);
  deepEqual(await reads("a + timestamp(a)"), ["-3 to 9", "-3 to 9"]);
  deepEqual(await reads("a - a @ 120"), ["-3 to 9", "-3 to 2"]);
});

test("a vector that stands there several times is evaluated once", async () => {
  const world = await worldOf(DATA);
  const stats = async (query: string): Promise<number> =>
    (await ask(world, query)).result.stats.samplesRead;
  const once = await stats("sum(a) + b");
  equal(await stats("(sum(a) + b) * (sum(a) + b)"), once);
  equal(await stats("(sum(a) + b > 1) and (b + sum(a) < 5)"), once);
  equal(await stats("(sum(a) + b) * (sum(a) + b) - (sum((a)) + b)"), once);
});

test("what is said of a vector that is evaluated once has its last place in the text", async () => {
  const world = await worldOf(DATA);
  deepEqual((await world.instant(9, "abs(rate(a[5m])) + abs(rate(a[5m]))")).infos, [
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "a" (1:29)',
  ]);
});

test("so has what is said of selectors that are read together", async () => {
  const world = await worldOf(DATA);
  deepEqual((await world.instant(9, "rate(a[5m]) + rate(a[5m])")).infos, [
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "a" (1:20)',
  ]);
});

const part = fc.constantFrom(
  "A",
  "A offset 1m",
  "-A",
  "abs(A)",
  "sum(A)",
  "avg by (n) (A)",
  "topk(1, A)",
  "max(sum by (n) (A))",
  "topk(1, count(A))",
  "sort(A)",
  "A @ 240",
  "sum(rate(A[3m]))",
  "rate(A[2m])",
  "rate(A[2m] offset 2m)",
  "delta(A[4m] anchored)",
  "A smoothed",
  "quantile_over_time(0.5, A[4m])",
  "max_over_time(rate(A[3m])[3m:1m])",
  "count_values('v', A)",
  "vector(scalar(sum(A)))",
  "label_replace(A, 'm', 'x', '', '')",
);
const query = fc
  .array(fc.tuple(part, fc.constantFrom("+", "or", "and", "unless", "> bool")), {
    minLength: 2,
    maxLength: 5,
  })
  .map((parts) =>
    parts
      .map(([text, op], i) =>
        i === 0 ? `(${text})` : `${op} ${op === "or" ? "" : "on () group_left ()"} (${text})`,
      )
      .join(" ")
      .replace(/(and|unless) on \(\) group_left \(\)/g, "$1"),
  );

test("an aggregation of an aggregation that shares its reads has the groups, not what they add up", async () => {
  const world = await worldOf(DATA);
  const values = async (query: string): Promise<unknown> => {
    const { result } = await ask(world, query);
    assert(result.type === "matrix", "a range query gives a matrix");
    return result.series.map(({ values }) => values);
  };
  deepEqual(await values("count(sum(a)) + 0 * max(a)"), await values("count(sum(a))"));
  deepEqual(await values("max(sum by (m) (a)) + 0 * max(a)"), await values("max(sum(a))"));
  deepEqual(await values("topk(1, sum(a)) + 0 * max(a)"), await values("sum(a)"));
});

test("what is shared comes to the same as what is computed for itself", async () => {
  const world = await worldOf(DATA);
  const withKernels = await worldOf(DATA, { kernels: await Kernels.load() });
  await fc.assert(
    fc.asyncProperty(query, async (text) => {
      // Matchers that change nothing make every selector another one.
      let selectors = 0;
      const apart = text.replaceAll("A", () => `a{n!="none${selectors++}"}`);
      const shared = await answer(world, text.replaceAll("A", "a"));
      deepEqual(shared, await answer(world, apart));
      deepEqual(await answer(withKernels, text.replaceAll("A", "a")), shared);
    }),
    { numRuns: 300 },
  );
});

async function answer(world: World, text: string): Promise<unknown> {
  try {
    const { result } = await ask(world, text);
    assert(result.type === "matrix", "a range query gives a matrix");
    return result.series;
  } catch (error) {
    return (error as Error).message;
  }
}
