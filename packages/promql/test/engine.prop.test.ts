import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { labelsKey } from "@pharos/base";
import type { QueryResult } from "@pharos/promql/engine";
import fc from "fast-check";
import { type World, worldOf } from "./engine-world.ts";

const MINUTES = 12;

const point = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -20, max: 100 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom("NaN", "Inf", "-Inf", "stale") },
  { weight: 2, arbitrary: fc.constant("_") },
);
const points = fc
  .array(point, { minLength: MINUTES, maxLength: MINUTES })
  .map((list) => list.join(" "));
const data = fc.tuple(points, points, points, points, points).map(
  ([a, b, c, d, e]) => `
    a{n="1"} ${a}
    a{n="2"} ${b}
    b{n="1"} ${c}
    b{n="2",m="x"} ${d}
    h{le="1"} ${e}`,
);

const RANGE_FUNCTIONS = [
  "rate",
  "increase",
  "delta",
  "irate",
  "idelta",
  "sum_over_time",
  "avg_over_time",
  "min_over_time",
  "max_over_time",
  "count_over_time",
  "last_over_time",
  "first_over_time",
  "stddev_over_time",
  "mad_over_time",
  "changes",
  "resets",
  "deriv",
  "absent_over_time",
  "ts_of_max_over_time",
  "ts_of_min_over_time",
];

const { vector } = fc.letrec<{ vector: string; scalar: string; range: string }>((tie) => ({
  scalar: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom("2", "0.5", "-1", "time()", "NaN", "scalar(h @ 60)"),
    tie("vector").map((v) => `scalar(${v})`),
  ),
  range: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom("a[3m]", "b[4m] offset 1m", "a[2m] @ 300", "b[5m]"),
    fc
      .tuple(tie("vector"), fc.constantFrom("[4m:1m]", "[3m:30s]", "[5m:2m] offset 1m"))
      .map(([v, range]) => `(${v})${range}`),
  ),
  vector: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom("a", "b", "a offset 2m", "b @ 240", '{n="1"}', "h"),
    fc.tuple(fc.constantFrom(...RANGE_FUNCTIONS), tie("range")).map(([f, r]) => `${f}(${r})`),
    fc
      .tuple(
        fc.constantFrom("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"),
        fc.constantFrom("", " by (n)", " without (n)", " by (__name__)"),
        tie("vector"),
      )
      .map(([op, grouping, v]) => `${op}${grouping} (${v})`),
    fc
      .tuple(
        fc.constantFrom("topk", "bottomk", "quantile", "limitk"),
        fc.constantFrom("1", "2", "0.3"),
        tie("vector"),
      )
      .map(([op, k, v]) => `${op}(${k}, ${v})`),
    fc
      .tuple(
        tie("vector"),
        fc.constantFrom("+", "*", "> bool", ">", "!=", "and", "or", "unless"),
        fc.constantFrom("", "on(n)", "on(n) group_left()", "ignoring(m)"),
        tie("vector"),
      )
      .map(
        ([l, op, matching, r]) =>
          `(${l}) ${op} ${/and|or|unless/.test(op) ? matching.replace("group_left()", "") : matching} (${r})`,
      ),
    fc
      .tuple(tie("vector"), fc.constantFrom("+", "/", "<", "== bool", "^"), tie("scalar"))
      .map(([v, op, s]) => `(${v}) ${op} ${s}`),
    fc
      .tuple(fc.constantFrom("abs", "-", "timestamp", "absent", "sgn", "hour"), tie("vector"))
      .map(([f, v]) => `${f}(${v})`),
    fc
      .tuple(tie("vector"), tie("scalar"), tie("scalar"))
      .map(([v, min, max]) => `clamp(${v}, ${min}, ${max})`),
    tie("scalar").map((s) => `vector(${s})`),
    tie("vector").map((v) => `count_values("value", ${v})`),
    tie("vector").map((v) => `label_replace(${v}, "to", "$1", "n", "(.)")`),
    tie("vector").map((v) => `histogram_quantile(0.5, ${v})`),
  ),
}));

/** The answer as a map from label set to value at one minute; or what went wrong. */
type Answer = Map<string, number> | "failed";

async function answer(query: () => Promise<QueryResult>, minute: number): Promise<Answer> {
  let result: QueryResult;
  try {
    result = await query();
  } catch (error) {
    ok(error instanceof Error && "code" in error && error.code === "query.failed", String(error));
    return "failed";
  }
  const found = new Map<string, number>();
  if (result.type === "vector")
    for (const [i, labels] of result.labels.entries())
      found.set(labelsKey(labels), result.values[i] as number);
  if (result.type === "matrix")
    for (const { labels, timestampsMs, values } of result.series) {
      const at = timestampsMs.indexOf(minute * 60_000);
      if (at >= 0) found.set(labelsKey(labels), values[at] as number);
    }
  return found;
}

function rounded(found: Map<string, number>): [string, number][] {
  return [...found]
    .map(([key, value]): [string, number] => [key, Number(value.toPrecision(9)) + 0])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

async function instants(world: World, query: string): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let minute = 0; minute < MINUTES; minute++)
    answers.push(await answer(() => world.instant(minute, query), minute));
  return answers;
}

test("a range query gives at each step what an instant query gives there", async () => {
  await fc.assert(
    fc.asyncProperty(data, vector, async (text, query) => {
      const world = await worldOf(text);
      const single = await instants(world, query);
      const steps: Answer[] = [];
      for (let minute = 0; minute < MINUTES; minute++)
        steps.push(await answer(() => world.range(0, MINUTES - 1, query), minute));
      // An error at any step is an error of the range.
      if (single.includes("failed")) {
        deepEqual(new Set(steps), new Set(["failed"]), query);
        return;
      }
      for (const [minute, want] of single.entries()) {
        const got = steps[minute];
        ok(got instanceof Map && want instanceof Map, `${query} at ${minute}: ${got}`);
        deepEqual(rounded(got), rounded(want), `${query} at ${minute}m`);
      }
    }),
    { numRuns: 250 },
  );
});

test("rate is not negative, whatever the counter does, and increase is rate by time", async () => {
  const counter = fc
    .array(fc.integer({ min: 0, max: 1000 }), { minLength: 3, maxLength: MINUTES })
    .map((list) => `x_total ${list.join(" ")}`);
  await fc.assert(
    fc.asyncProperty(counter, async (text) => {
      const world = await worldOf(text);
      const rates = await answerAll(world, "rate(x_total[4m])");
      const increases = await answerAll(world, "increase(x_total[4m]) / 240");
      ok(rates.every((rate) => rate >= 0));
      deepEqual(
        rates.map((value) => value.toPrecision(9)),
        increases.map((value) => value.toPrecision(9)),
      );
    }),
  );
});

async function answerAll(world: World, query: string): Promise<number[]> {
  const result = await world.range(0, MINUTES, query);
  return result.type === "matrix" ? result.series.flatMap(({ values }) => [...values]) : [];
}

test("long windows, which are summed by differences, give what adding up gives", async () => {
  const value = fc.oneof(
    fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
    fc.constantFrom(0, 1e100, -1e100, 1e-30),
    { weight: 1, arbitrary: fc.constantFrom(Number.POSITIVE_INFINITY, Number.NaN) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 150, maxLength: 150 }), async (values) => {
      const world = await worldOf(`x ${values.join(" ").replaceAll("Infinity", "Inf")}`);
      for (const query of [
        "sum_over_time(x[50m])",
        "avg_over_time(x[50m])",
        "max_over_time(x[50m])",
      ]) {
        const whole = await world.range(100, 149, query);
        for (const minute of [100, 117, 149]) {
          const got = await answer(async () => whole, minute);
          const want = await answer(() => world.instant(minute, query), minute);
          ok(got instanceof Map && want instanceof Map);
          deepEqual(rounded(got), rounded(want), `${query} at ${minute}m`);
        }
      }
    }),
    { numRuns: 60 },
  );
});
