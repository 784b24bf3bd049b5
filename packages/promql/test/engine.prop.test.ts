import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { labelsKey, type NativeHistogram } from "@pharos/base";
import type { QueryResult } from "@pharos/promql/engine";
import fc from "fast-check";
import { type World, worldOf } from "./engine-world.ts";

const MINUTES = 12;

const point = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -20, max: 100 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom("NaN", "Inf", "-Inf", "stale") },
  { weight: 2, arbitrary: fc.constant("_") },
);
/** Exponential and custom buckets, some of which do not fit together. */
const histogram = fc.constantFrom(
  "{1,2}",
  "{2,3}",
  "{0,7;reset}",
  "{4;gauge}",
  "{1,2|5,10}",
  "{3|5,20}",
  "{2,2;nan}",
);
const mixedPoint = fc.oneof({ weight: 3, arbitrary: point }, { weight: 2, arbitrary: histogram });
const pointsOf = (one: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(one, { minLength: MINUTES, maxLength: MINUTES }).map((list) => list.join(" "));
const points = pointsOf(point);
const mixedPoints = pointsOf(mixedPoint);
const data = fc.tuple(points, mixedPoints, points, points, points, mixedPoints, points).map(
  ([a, b, c, d, e, f, g]) => `
    a{n="1"} ${a}
    a{n="2"} ${b}
    b{n="1"} ${c}
    b{n="2",m="x"} ${d}
    h{le="1"} ${e}
    h ${f}
    a{n="1",instance="i"} ${g}
    target_info{instance="i",of="x"} ${a}
    target_info{instance="i",of="y"} ${c}`,
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

const VECTOR_FUNCTIONS = [
  "abs",
  "-",
  "timestamp",
  "absent",
  "sgn",
  "hour",
  "histogram_count",
  "histogram_avg",
  "histogram_stddev",
  "info",
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
        fc.constantFrom("topk", "bottomk", "quantile", "limitk", "limit_ratio"),
        fc.constantFrom("1", "2", "0.3"),
        tie("vector"),
      )
      .map(([op, k, v]) => `${op}(${k}, ${v})`),
    fc
      .tuple(
        tie("vector"),
        fc.constantFrom("+", "-", "*", "> bool", ">", "==", "!=", "</", "and", "or", "unless"),
        fc.constantFrom("", "on(n)", "on(n) group_left()", "on(n) group_right()", "ignoring(m)"),
        fc.constantFrom("", "fill(0)", "fill_left(1)", "fill_right(2)"),
        tie("vector"),
      )
      .map(([l, op, matching, fill, r]) => {
        const isSet = /and|or|unless/.test(op);
        const how = isSet ? matching.replace(/group_.*/, "") : `${matching} ${fill}`;
        return `(${l}) ${op} ${how} (${r})`;
      }),
    fc
      .tuple(
        tie("vector"),
        fc.constantFrom("+", "*", "/", "<", "== bool", "^", "</", ">/"),
        tie("scalar"),
      )
      .map(([v, op, s]) => `(${v}) ${op} ${s}`),
    fc.tuple(fc.constantFrom(...VECTOR_FUNCTIONS), tie("vector")).map(([f, v]) => `${f}(${v})`),
    fc
      .tuple(tie("vector"), tie("scalar"), tie("scalar"))
      .map(([v, min, max]) => `clamp(${v}, ${min}, ${max})`),
    tie("scalar").map((s) => `vector(${s})`),
    tie("vector").map((v) => `count_values("value", ${v})`),
    tie("vector").map((v) => `label_replace(${v}, "to", "$1", "n", "(.)")`),
    tie("vector").map((v) => `histogram_quantile(0.5, ${v})`),
    tie("vector").map((v) => `histogram_fraction(0, 2, ${v})`),
    fc
      .tuple(tie("vector"), tie("scalar"))
      .map(([v, q]) => `histogram_quantiles(${v}, "q", 0.5, ${q})`),
    tie("vector").map((v) => `info(${v}, {of=~".+"})`),
  ),
}));

/** The answer as a map from label set to value or histogram at one minute; or what went wrong. */
type Answer = Map<string, number | NativeHistogram> | "failed";

async function answer(query: () => Promise<QueryResult>, minute: number): Promise<Answer> {
  let result: QueryResult;
  try {
    result = await query();
  } catch (error) {
    ok(error instanceof Error && "code" in error && error.code === "query.failed", String(error));
    return "failed";
  }
  const found = new Map<string, number | NativeHistogram>();
  if (result.type === "vector")
    for (const [i, labels] of result.labels.entries())
      found.set(labelsKey(labels), result.histograms?.get(i) ?? (result.values[i] as number));
  if (result.type === "matrix")
    for (const { labels, timestampsMs, values, histograms = [] } of result.series) {
      const timeMs = minute * 60_000;
      const at = timestampsMs.indexOf(timeMs);
      const other = histograms.find(({ timestampMs }) => timestampMs === timeMs)?.histogram;
      if (at >= 0) found.set(labelsKey(labels), values[at] as number);
      else if (other !== undefined) found.set(labelsKey(labels), other);
    }
  return found;
}

function rounded(found: Exclude<Answer, "failed">): [string, unknown][] {
  return [...found]
    .map(([key, sample]): [string, unknown] => [key, roundedSample(sample)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function roundedSample(sample: unknown): unknown {
  if (typeof sample === "number") return Number(sample.toPrecision(9)) + 0;
  if (Array.isArray(sample)) return sample.map(roundedSample);
  if (typeof sample !== "object" || sample === null) return sample;
  return Object.fromEntries(
    Object.entries(sample).map(([key, value]) => [key, roundedSample(value)]),
  );
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
