import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { QueryResult } from "@pharos/promql/engine";
import { type World, worldOf } from "./engine-world.ts";

const WORLD = `
  h{id="1"} {1,2}
  h{id="2"} {3,4}
  f{id="1"} 10
  f{id="2"} 20
  custom{id="1"} {1,2,3|5,10}
  custom{id="2"} {3,4,5|5,20}
`;

/** The answer's lines, warnings and infos. */
async function all(world: World, query: string, minute = 0): Promise<string[]> {
  const { warnings, infos } = await world.instant(minute, query);
  return [...(await world.at(minute, query)), ...warnings, ...infos];
}

function resetOf(result: QueryResult): string | undefined {
  return result.type === "vector" ? result.histograms?.get(0)?.counterReset : undefined;
}

test("histograms add and subtract bucket by bucket; a difference is a gauge", async () => {
  const world = await worldOf(WORLD);
  deepEqual(await all(world, 'h{id="1"} + ignoring(id) h{id="2"}'), [
    "{} {count:10,sum:16,(0.5,1]:4,(1,2]:6}",
  ]);
  const difference = 'h{id="2"} - ignoring(id) h{id="1"}';
  deepEqual(await all(world, difference), ["{} {count:4,sum:6,(0.5,1]:2,(1,2]:2}"]);
  equal(resetOf(await world.instant(0, difference)), "gauge");
});

test("histograms with other custom bounds meet on those that both have, which is said", async () => {
  const world = await worldOf(WORLD);
  deepEqual(await all(world, 'custom{id="1"} + ignoring(id) custom{id="2"}'), [
    "{} {count:18,sum:250,[-Inf,5]:4,(5,+Inf]:14}",
    "PromQL info: mismatched custom buckets were reconciled during addition (1:1)",
  ]);
  deepEqual(await all(world, "h - on(id) custom"), [
    "PromQL warning: incompatible bucket layout encountered for binary operator - (1:1)",
  ]);
});

test("contradicting resets are a warning, and the sum is there all the same", async () => {
  const world = await worldOf("a {1;reset}\nb {2;none}");
  deepEqual(await all(world, "a + b"), [
    "{} {count:3,sum:3,(0.5,1]:3}",
    "PromQL warning: conflicting counter resets during histogram addition (1:1)",
  ]);
  deepEqual(await all(world, "sum({__name__=~'a|b'})"), [
    "{} {count:3,sum:3,(0.5,1]:3}",
    "PromQL warning: conflicting counter resets during histogram aggregation (1:5)",
  ]);
});

test("a histogram times or by a number scales, minus makes a gauge of the mirrored counts", async () => {
  const world = await worldOf(WORLD);
  const one = 'h{id="1"}';
  const twice = ['{id="1"} {count:6,sum:10,(0.5,1]:2,(1,2]:4}'];
  deepEqual(await all(world, `${one} * 2`), twice);
  deepEqual(await all(world, `2 * ${one}`), twice);
  deepEqual(await all(world, `${one} * on(id) (f / 5)`), twice);
  deepEqual(await all(world, `${one} / 2`), ['{id="1"} {count:1.5,sum:2.5,(0.5,1]:0.5,(1,2]:1}']);
  deepEqual(await all(world, `-${one}`), ['{id="1"} {count:-3,sum:-5,(0.5,1]:-1,(1,2]:-2}']);
  equal(resetOf(await world.instant(0, `-${one}`)), "gauge");
});

test("an operator that is not defined for two samples gives nothing and says for what", async () => {
  const world = await worldOf(WORLD);
  const incompatible = (operator: string, left: string, right: string): string[] => [
    `PromQL info: incompatible sample types encountered for binary operator "${operator}": ${left} ${operator} ${right} (1:1)`,
  ];
  for (const op of ["+", "-", "%", "^", "atan2", "==", "!=", "<", ">="])
    deepEqual(await all(world, `h ${op} 1`), incompatible(op, "histogram", "float"));
  for (const op of ["+", "/", "==", ">", "</", ">/"])
    deepEqual(await all(world, `f ${op} on(id) h`), incompatible(op, "float", "histogram"));
  for (const op of ["*", "/", "^", "<", "<=", "</"])
    deepEqual(await all(world, `h ${op} h`), incompatible(op, "histogram", "histogram"));
  deepEqual(await all(world, "f </ 5"), incompatible("</", "float", "float"));
  deepEqual(await all(world, "5 / h"), incompatible("/", "float", "histogram"));
  // What a comparison with bool cannot compare is neither 0 nor 1.
  deepEqual(await all(world, "h == bool 1"), incompatible("==", "histogram", "float"));
});

test("histograms are equal when all of their buckets are; a comparison keeps them with their name", async () => {
  const world = await worldOf(WORLD);
  deepEqual(await all(world, "h == h"), [
    'h{id="1"} {count:3,sum:5,(0.5,1]:1,(1,2]:2}',
    'h{id="2"} {count:7,sum:11,(0.5,1]:3,(1,2]:4}',
  ]);
  deepEqual(await all(world, "h != h"), []);
  deepEqual(await all(world, 'h == bool on() group_left() h{id="1"}'), [
    '{id="1"} 1',
    '{id="2"} 0',
  ]);
});

test("</ and >/ cut a histogram off and keep its name", async () => {
  const world = await worldOf(WORLD);
  const whole = ['h{id="1"} {count:3,sum:5,(0.5,1]:1,(1,2]:2}'];
  deepEqual(await all(world, 'h{id="1"} </ 2'), whole);
  deepEqual(await all(world, 'h{id="1"} >/ 0.5'), whole);
  deepEqual(await all(world, 'histogram_count(h{id="1"} </ 1)'), ['{id="1"} 1']);
  deepEqual(await all(world, 'histogram_count(h{id="1"} >/ 1)'), ['{id="1"} 2']);
  deepEqual(await all(world, "histogram_count(h >/ on(id) (f / 10))"), [
    '{id="1"} 2',
    '{id="2"} 0',
  ]);
});

test("set operators take histograms like any sample", async () => {
  const world = await worldOf(WORLD);
  const second = ['h{id="2"} {count:7,sum:11,(0.5,1]:3,(1,2]:4}'];
  deepEqual(await all(world, 'h and on(id) f{id="2"}'), second);
  deepEqual(await all(world, 'h unless on(id) f{id="1"}'), second);
  deepEqual(await all(world, 'f unless on(id) h{id="1"}'), ['f{id="2"} 20']);
  deepEqual(await all(world, 'f{id="1"} or on(id) h'), ['f{id="1"} 10', ...second]);
});

test("a series may be floats at some steps and histograms at others", async () => {
  const world = await worldOf("m 1 {1} 3 {2}");
  deepEqual(await world.over(0, 3, "m * 2"), [
    "{} 2 {count:2,sum:2,(0.5,1]:2} 6 {count:4,sum:4,(0.5,1]:4}",
  ]);
  deepEqual(await world.over(0, 3, "m + m"), [
    "{} 2 {count:2,sum:2,(0.5,1]:2} 6 {count:4,sum:4,(0.5,1]:4}",
  ]);
  deepEqual(await world.over(0, 3, "-m"), [
    "{} -1 {count:-1,sum:-1,(0.5,1]:-1} -3 {count:-2,sum:-2,(0.5,1]:-2}",
  ]);
  deepEqual(await world.over(0, 3, "m > 1"), ["m _ _ 3 _"]);
  deepEqual(await world.over(0, 3, "abs(m)"), ["{} 1 _ 3 _"]);
  deepEqual(await world.over(0, 3, "histogram_count(m)"), ["{} _ 1 _ 2"]);
  deepEqual(await world.over(0, 3, "count(m)"), ["{} 1 1 1 1"]);
  deepEqual(await world.over(0, 3, "absent(m)"), []);
  deepEqual(await world.over(0, 3, "scalar(m)"), ["{} 1 NaN 3 NaN"]);
  deepEqual(await world.over(0, 3, "m * 0 + time()"), ["{} 0 _ 120 _"]);
  deepEqual(await world.over(0, 3, "m or vector(7)"), [
    "m 1 {count:1,sum:1,(0.5,1]:1} 3 {count:2,sum:2,(0.5,1]:2}",
  ]);
});

test("sum and avg add histograms up; floats among them leave no result", async () => {
  const world = await worldOf(WORLD);
  deepEqual(await all(world, "sum(h)"), ["{} {count:10,sum:16,(0.5,1]:4,(1,2]:6}"]);
  deepEqual(await all(world, "avg(h)"), ["{} {count:5,sum:8,(0.5,1]:2,(1,2]:3}"]);
  deepEqual(await all(world, "sum by (id) (h)"), [
    '{id="1"} {count:3,sum:5,(0.5,1]:1,(1,2]:2}',
    '{id="2"} {count:7,sum:11,(0.5,1]:3,(1,2]:4}',
  ]);
  deepEqual(await all(world, "sum(custom)"), [
    "{} {count:18,sum:250,[-Inf,5]:4,(5,+Inf]:14}",
    "PromQL info: mismatched custom buckets were reconciled during aggregation (1:5)",
  ]);
  for (const op of ["sum", "avg"]) {
    deepEqual(await all(world, `${op}({__name__=~"f|h"})`), [
      "PromQL warning: encountered a mix of histograms and floats for aggregation (1:5)",
    ]);
    deepEqual(await all(world, `${op}({__name__=~"custom|h"})`), [
      'PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas for metric name "h" (1:5)',
    ]);
  }
});

test("count and group take histograms, what needs numbers leaves them out and says so", async () => {
  const world = await worldOf(WORLD);
  const mixed = '{__name__=~"f|h"}';
  deepEqual(await all(world, `count(${mixed})`), ["{} 4"]);
  deepEqual(await all(world, "group(h)"), ["{} 1"]);
  for (const [op, result] of Object.entries({ min: 10, max: 20, stddev: 5, stdvar: 25 }))
    deepEqual(await all(world, `${op}(${mixed})`), [
      `{} ${result}`,
      `PromQL info: ignored histogram in ${op} aggregation (1:${op.length + 2})`,
    ]);
  deepEqual(await all(world, `quantile(0.5, ${mixed})`), [
    "{} 15",
    "PromQL info: ignored histogram in quantile aggregation (1:15)",
  ]);
  deepEqual(await all(world, `topk(1, ${mixed})`), [
    'f{id="2"} 20',
    "PromQL info: ignored histogram in topk aggregation (1:1)",
  ]);
  deepEqual(await all(world, "bottomk(1, h)"), [
    "PromQL info: ignored histogram in bottomk aggregation (1:1)",
  ]);
  deepEqual(await all(world, "min(h)"), [
    "PromQL info: ignored histogram in min aggregation (1:5)",
  ]);
  // Nothing is asked for, so that nothing is left out.
  deepEqual(await all(world, "topk(0, h)"), []);
});

test("limitk, limit_ratio and count_values take histograms as they are", async () => {
  const world = await worldOf(WORLD);
  deepEqual(await all(world, "limitk(1, h)"), ['h{id="1"} {count:3,sum:5,(0.5,1]:1,(1,2]:2}']);
  equal((await all(world, "limit_ratio(1, h)")).length, 2);
  deepEqual(await all(world, 'count_values("value", {__name__=~"f|h",id="1"})'), [
    '{value="10"} 1',
    '{value="{count:3, sum:5, (0.5,1]:1, (1,2]:2}"} 1',
  ]);
});

test("functions of one histogram give a number and pass over floats", async () => {
  const world = await worldOf(WORLD);
  const mixed = '{__name__=~"f|h",id="1"}';
  deepEqual(await all(world, `histogram_count(${mixed})`), ['{id="1"} 3']);
  deepEqual(await all(world, `histogram_sum(${mixed})`), ['{id="1"} 5']);
  deepEqual(await all(world, `histogram_avg(${mixed})`), ['{id="1"} 1.66666667']);
  // The middles of the buckets are the roots of 0.5 and 2.
  const mean = 5 / 3;
  const variance = ((Math.SQRT1_2 - mean) ** 2 + 2 * (Math.SQRT2 - mean) ** 2) / 3;
  deepEqual(await all(world, `histogram_stdvar(${mixed})`), [
    `{id="1"} ${Number(variance.toPrecision(9))}`,
  ]);
  deepEqual(await all(world, `histogram_stddev(${mixed})`), [
    `{id="1"} ${Number(Math.sqrt(variance).toPrecision(9))}`,
  ]);
});

test("histogram_quantile and histogram_fraction take native histograms and classic ones", async () => {
  const world = await worldOf(`
    m{kind="native"} {2,2}
    m{kind="classic",le="1"} 2
    m{kind="classic",le="2"} 4
    m{kind="classic",le="+Inf"} 4
    m{kind="custom"} {2,2,0|1,2}
  `);
  // Within an exponential bucket the quantile is on a logarithmic scale, else on a linear one.
  deepEqual(await all(world, "histogram_quantile(0.75, m)"), [
    '{kind="classic"} 1.5',
    '{kind="custom"} 1.5',
    `{kind="native"} ${Number(Math.SQRT2.toPrecision(9))}`,
  ]);
  deepEqual(await all(world, "histogram_fraction(0, 1, m)"), [
    '{kind="classic"} 0.5',
    '{kind="custom"} 0.5',
    '{kind="native"} 0.5',
  ]);
});

test("a native histogram beside buckets of the same labels is a warning, and there is no result", async () => {
  const world = await worldOf(`
    m {2,2} {2,2} _
    m{le="1"} 2 stale 2
    m{le="+Inf"} 4 stale 4
    m{le="x"} 1
  `);
  deepEqual(await all(world, "histogram_quantile(0.5, m)"), [
    'PromQL warning: bucket label "le" is missing or has a malformed value of "x" for metric name "m" (1:25)',
    'PromQL warning: vector contains a mix of classic and native histograms for metric name "m" (1:25)',
  ]);
  deepEqual(await all(world, 'histogram_fraction(0, 1, m{le!="x"})'), [
    'PromQL warning: vector contains a mix of classic and native histograms for metric name "m" (1:26)',
  ]);
  deepEqual(await world.over(0, 1, 'histogram_quantile(0.5, m{le!="x"})'), ["{} _ 1"]);
});

test("histogram_quantiles puts each quantile into a label", async () => {
  const world = await worldOf(`
    m{kind="native"} {2,2} {2,2} {2,2}
    m{kind="classic",le="1"} 2 2 2
    m{kind="classic",le="+Inf"} 4 4 4
  `);
  deepEqual(await all(world, 'histogram_quantiles(m, "q", 0.5, 1)'), [
    '{kind="classic", q="0.5"} 1',
    '{kind="native", q="0.5"} 1',
    '{kind="classic", q="1.0"} 1',
    '{kind="native", q="1.0"} 2',
  ]);
  deepEqual(await all(world, 'histogram_quantiles(m{kind="native"}, "q", 0.5, 2)'), [
    '{kind="native", q="0.5"} 1',
    '{kind="native", q="2.0"} +Inf',
    "PromQL warning: quantile value should be between 0 and 1, got 2 (1:49)",
  ]);
  // A quantile that changes with time is a series for each of its values.
  deepEqual(await world.over(0, 2, 'histogram_quantiles(m{kind="native"}, "q", time() / 120)'), [
    '{kind="native", q="0.0"} 0.5 _ _',
    '{kind="native", q="0.5"} _ 1 _',
    '{kind="native", q="1.0"} _ _ 2',
  ]);
  await rejects(world.instant(0, 'histogram_quantiles(m, "", 0.5)'), { code: "query.failed" });
});

test("observations that are NaN are in no bucket, which quantiles and fractions say", async () => {
  const world = await worldOf("m {2,2}");
  // NaN times the sum only: the buckets stay, and two of six observations are in none of them.
  const withNaN = await worldOf("m {2,2;nan}");
  deepEqual(await all(world, "histogram_quantile(0.5, m)"), ["{} 1"]);
  deepEqual(await all(withNaN, "histogram_quantile(0.5, m)"), [
    `{} ${Number(Math.SQRT2.toPrecision(9))}`,
    'PromQL info: input to histogram_quantile has NaN observations, result is skewed higher for metric name "m" (1:25)',
  ]);
  deepEqual(await all(withNaN, "histogram_quantile(0.9, m)"), [
    "{} NaN",
    'PromQL info: input to histogram_quantile has NaN observations, result is NaN for metric name "m" (1:25)',
  ]);
  deepEqual(await all(withNaN, "histogram_fraction(-Inf, +Inf, m)"), [
    "{} 0.666666667",
    'PromQL info: input to histogram_fraction has NaN observations, which are excluded from all fractions for metric name "m" (1:32)',
  ]);
});

test("functions of labels and order take histograms along; sort leaves them out", async () => {
  const world = await worldOf(WORLD);
  const mixed = '{__name__=~"f|h",id="1"}';
  deepEqual(await all(world, `label_replace(h{id="1"}, "a", "$1", "id", "(.*)")`), [
    'h{a="1", id="1"} {count:3,sum:5,(0.5,1]:1,(1,2]:2}',
  ]);
  deepEqual(await all(world, `sort(${mixed})`), ['f{id="1"} 10']);
  deepEqual(await all(world, `sort_by_label_desc(h, "id")`), [
    'h{id="2"} {count:7,sum:11,(0.5,1]:3,(1,2]:4}',
    'h{id="1"} {count:3,sum:5,(0.5,1]:1,(1,2]:2}',
  ]);
  deepEqual(await all(world, `clamp(${mixed}, 0, 5)`), ['{id="1"} 5']);
  deepEqual(await all(world, `round(${mixed}, 4)`), ['{id="1"} 12']);
  deepEqual(await all(world, `timestamp(h{id="1"})`), ['{id="1"} 0']);
  deepEqual(await all(world, `day_of_week(${mixed})`), ['{id="1"} 4']);
});

test("label names that are empty or no UTF-8 are refused", async () => {
  const world = await worldOf(WORLD);
  for (const [query, message] of [
    [
      `label_replace(f, "\\xff", "v", "id", ".*")`,
      /^invalid destination label name in label_replace\(\)/,
    ],
    [`label_join(f, "x", "-", "\\xc5z")`, /^invalid source label name in label_join\(\)/],
    [`label_join(f, "", "-", "id")`, /^invalid destination label name in label_join\(\)/],
    [`count_values("a\\xc5z", f)`, /^invalid label name/],
    [`histogram_quantiles(h, "", 0.5)`, /^invalid label name ""/],
  ] as const)
    await rejects(world.instant(0, query), { code: "query.failed", message });
  deepEqual(await world.at(0, `label_replace(f{id="1"}, "a.b é", "v", "id", ".*")`), [
    'f{"a.b é"="v", id="1"} 10',
  ]);
});
