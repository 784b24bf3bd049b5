import { deepEqual, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { assert } from "@pharos/base";
import type { SeriesReader } from "@pharos/ports";
import fc from "fast-check";
import { World, worldOf } from "./engine-world.ts";

/** The answer at a minute, and after it what the query says beside. */
async function ask(world: World, minute: number, query: string): Promise<string[]> {
  const { warnings, infos } = await world.instant(minute, query);
  return [...(await world.at(minute, query)), ...warnings, ...infos];
}

const warning = (text: string): string => `PromQL warning: ${text}`;
const MIXED = "encountered a mix of histograms and floats for metric name";
const MIXED_SCHEMAS =
  "vector contains a mix of histograms with exponential and custom buckets schemas for metric name";
const NOT_COUNTER = "this native histogram metric is not a counter:";
const NOT_GAUGE = "this native histogram metric is not a gauge:";

test("a rate of histograms is that of each bucket, with resets added back", async () => {
  const world = await worldOf("h {1,2} {3,2} {7,4} {1,1} {2,1}");
  // From 3 and 2 to 7 and 4, and by 5/6 of a minute back to where the count was 0.
  deepEqual(await ask(world, 2, "histogram_count(increase(h[2m]))"), ["{} 11"]);
  deepEqual(await ask(world, 2, "increase(h[3m])"), [
    "{} {count:11,sum:13.75,(0.5,1]:8.25,(1,2]:2.75}",
  ]);
  deepEqual(await ask(world, 4, "increase(h[4m])"), ["{} {count:12,sum:16,(0.5,1]:8,(1,2]:4}"]);
  deepEqual(await ask(world, 4, "irate(h[5m]) * 60"), ["{} {count:1,sum:1,(0.5,1]:1}"]);
  deepEqual(await ask(world, 3, "irate(h[5m]) * 60"), ["{} {count:2,sum:3,(0.5,1]:1,(1,2]:1}"]);
  deepEqual(await ask(world, 4, "resets(h[5m])"), ["{} 1"]);
  deepEqual(await ask(world, 0, "rate(h[5m])"), []);
});

test("what a histogram says of resets counts more than its buckets", async () => {
  const world = await worldOf(`
    said   {2} {4;reset} {6}
    denied {2} {1;none}  {3}`);
  deepEqual(await ask(world, 2, "resets(said[3m])"), ["{} 1"]);
  deepEqual(await ask(world, 2, "resets(denied[3m])"), ["{} 0"]);
  deepEqual(await ask(world, 2, "histogram_count(increase(said[2m1ms]))"), ["{} 6.00005"]);
});

test("subqueries forget what histograms say of resets", async () => {
  const world = await worldOf("h {2} {4;reset} {6}");
  deepEqual(await ask(world, 2, "resets(h[3m:30s])"), ["{} 0"]);
});

test("rates are of counters and deltas of gauges, or there is a warning", async () => {
  const world = await worldOf(`
    h {1} {2} {3}
    g {1;gauge} {4;gauge} {2;gauge}`);
  deepEqual(await ask(world, 2, "delta(g[3m])"), ["{} {count:1.5,sum:1.5,(0.5,1]:1.5}"]);
  deepEqual(await ask(world, 2, "idelta(g[3m])"), ["{} {count:-2,sum:-2,(0.5,1]:-2}"]);
  for (const [query, name, place] of [
    ["histogram_count(rate(g[3m]))", NOT_COUNTER, '"g" (1:22)'],
    ["histogram_count(increase(g[3m]))", NOT_COUNTER, '"g" (1:26)'],
    ["histogram_count(irate(g[3m]))", NOT_COUNTER, '"g" (1:23)'],
    ["histogram_count(delta(h[3m]))", NOT_GAUGE, '"h" (1:23)'],
    ["histogram_count(idelta(h[3m]))", NOT_GAUGE, '"h" (1:24)'],
  ] as const) {
    const [result, ...says] = await ask(world, 2, query);
    ok(result?.startsWith("{} "), `${query}: ${result}`);
    deepEqual(says, [warning(`${name} ${place}`)], query);
  }
});

test("whether a metric is a counter is told by its type, or else by its name", async () => {
  const world = await worldOf(`
    a_total{__type__="gauge"} 1 2
    b{__type__="counter"}     1 2
    c                         1 2
    d_total                   1 2`);
  deepEqual((await ask(world, 1, "rate(a_total[5m])")).slice(1), [
    'PromQL info: metric might not be a counter, __type__ label is not set to "counter" or "histogram", got "gauge": "a_total" (1:6)',
  ]);
  deepEqual((await ask(world, 1, "increase(c[5m])")).slice(1), [
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "c" (1:10)',
  ]);
  deepEqual((await ask(world, 1, "rate(b[5m])")).slice(1), []);
  deepEqual((await ask(world, 1, "rate(d_total[5m]) or irate(c[5m])")).slice(2), []);
});

test("a window of floats and histograms is one or the other's, or a warning", async () => {
  const world = await worldOf("m 1 {1} 3 {4} {5} 7 8");
  for (const func of ["rate", "increase", "delta", "sum_over_time", "avg_over_time"])
    deepEqual(
      await ask(world, 4, `${func}(m[3m])`),
      [warning(`${MIXED} "m" (1:${func.length + 2})`)],
      func,
    );
  deepEqual(await ask(world, 5, "irate(m[9m])"), [warning(`${MIXED} "m" (1:7)`)]);
  deepEqual(await ask(world, 4, "histogram_count(idelta(m[9m]))"), [
    "{} 1",
    warning(`${NOT_GAUGE} "m" (1:24)`),
  ]);
  deepEqual(await ask(world, 6, "idelta(m[9m])"), ["{} 1"]);
  deepEqual(await ask(world, 4, "count_over_time(m[9m])"), ["{} 5"]);
  deepEqual(await ask(world, 4, "present_over_time(m[1m])"), ["{} 1"]);
  deepEqual(await ask(world, 4, "absent_over_time(m[1m])"), []);
  deepEqual(await ask(world, 4, "last_over_time(m[9m])"), ["m {count:5,sum:5,(0.5,1]:5}"]);
  deepEqual(await ask(world, 6, "last_over_time(m[9m])"), ["m 8"]);
  deepEqual(await ask(world, 4, "first_over_time(m[9m])"), ["m 1"]);
  deepEqual(await ask(world, 4, "first_over_time(m[4m])"), ["m {count:1,sum:1,(0.5,1]:1}"]);
  deepEqual(await ask(world, 4, "ts_of_last_over_time(m[9m])"), ["{} 240"]);
  deepEqual(await ask(world, 4, "ts_of_first_over_time(m[4m])"), ["{} 60"]);
  deepEqual(await ask(world, 6, "changes(m[9m])"), ["{} 6"]);
  deepEqual(await ask(world, 6, "resets(m[9m])"), ["{} 4"]);
});

test("functions of numbers pass over histograms, and say so where there are floats, too", async () => {
  const world = await worldOf(`
    m 1 {1} 3 {4} {5}
    h {1} {1} {1} {1} {1}`);
  const ignored =
    "PromQL info: ignored histograms in a range containing both floats and histograms for metric name";
  for (const [query, result] of [
    ["max_over_time(m[9m])", "{} 3"],
    ["min_over_time(m[9m])", "{} 1"],
    ["stddev_over_time(m[9m])", "{} 1"],
    ["stdvar_over_time(m[9m])", "{} 1"],
    ["mad_over_time(m[9m])", "{} 1"],
    ["ts_of_max_over_time(m[9m])", "{} 120"],
    ["ts_of_min_over_time(m[9m])", "{} 0"],
    ["deriv(m[9m]) * 60", "{} 1"],
    ["predict_linear(m[9m], 60)", "{} 6"],
    ["double_exponential_smoothing(m[9m], 0.5, 0.5)", "{} 3"],
  ] as const)
    deepEqual(await ask(world, 4, query), [
      result,
      `${ignored} "m" (1:${query.indexOf("m[") + 1})`,
    ]);
  deepEqual(await ask(world, 4, "quantile_over_time(0.5, m[9m])"), [
    "{} 2",
    `${ignored} "m" (1:20)`,
  ]);
  deepEqual(await ask(world, 4, "deriv(m[3m])"), [`${ignored} "m" (1:7)`]);
  for (const func of ["max_over_time", "deriv", "mad_over_time", "ts_of_min_over_time"])
    deepEqual(await ask(world, 4, `${func}(h[9m])`), [], func);
});

test("histograms whose buckets do not fit have no common rate or sum", async () => {
  const world = await worldOf(`
    h {1} {1|5,10} {2} {2|5,10}
    n {1,1,1|5,10} {2,2,2|5,20}`);
  for (const func of ["rate", "delta", "sum_over_time", "avg_over_time"])
    deepEqual(
      await ask(world, 3, `${func}(h[4m])`),
      [warning(`${MIXED_SCHEMAS} "h" (1:${func.length + 2})`)],
      func,
    );
  // Of custom bounds those that both have are left.
  deepEqual(await ask(world, 1, "sum_over_time(n[2m])"), [
    "{} {count:9,sum:115,[-Inf,5]:3,(5,+Inf]:6}",
    "PromQL info: mismatched custom buckets were reconciled during aggregation (1:15)",
  ]);
  const [, says] = await ask(world, 1, "increase(n[2m])");
  deepEqual(
    says,
    "PromQL info: mismatched custom buckets were reconciled during subtraction (1:10)",
  );
});

test("an anchored window begins with the last sample before it, if that is young enough", async () => {
  const world = await worldOf("x 1 3 6 10 _ _ _ _ 5 _ _");
  const increase = (range: string): string => `increase(x[${range}] anchored)`;
  deepEqual(await world.at(3, increase("90s")), ["{} 7"]);
  deepEqual(await world.at(3, increase("1m")), ["{} 4"]);
  deepEqual(await world.at(4, increase("1m")), []);
  // The reset from 10 to 5: the anchor is five minutes old, but not more.
  deepEqual(await world.at(8, increase("1m")), ["{} 5"]);
  deepEqual(await world.at(8, "rate(x[1m] anchored) * 60"), ["{} 5"]);
  deepEqual(await world.at(8, "delta(x[1m] anchored)"), ["{} -5"]);
  deepEqual(await world.at(8, "changes(x[1m] anchored) + resets(x[1m] anchored)"), ["{} 2"]);
  deepEqual(await world.at(9, "changes(x[61s] anchored)"), ["{} 1"]);
  deepEqual(await world.at(9, "changes(x[1m] anchored)"), []);
});

test("a smoothed window is interpolated at both of its ends", async () => {
  const world = await worldOf("x 0 6 12 6 12 _");
  const at = (seconds: number, query: string): Promise<string[]> => world.at(seconds / 60, query);
  deepEqual(await at(90, "increase(x[1m] smoothed)"), ["{} 6"]);
  deepEqual(await at(105, "rate(x[1m] smoothed) * 60"), ["{} 6"]);
  // After a reset a counter begins at 0: at 150 s it is 3, and 12 was reached before.
  deepEqual(await at(150, "increase(x[1m] smoothed)"), ["{} 6"]);
  deepEqual(await at(150, "delta(x[1m] smoothed)"), ["{} 0"]);
  deepEqual(await at(270, "increase(x[1m] smoothed)"), ["{} 3"]);
  deepEqual(await at(30, "x smoothed"), ["x 3"]);
  deepEqual(await at(150, "x smoothed"), ["x 9"]);
  deepEqual(await at(240, "x smoothed"), ["x 12"]);
  deepEqual(await at(510, "x smoothed"), ["x 12"]);
  deepEqual(await at(540, "x smoothed"), []);
  deepEqual(await at(30, "x smoothed offset 30s"), ["x 0"]);
});

test("functions without a meaning for samples outside of their windows refuse to look there", async () => {
  const world = await worldOf("x 1 2");
  await rejects(world.at(1, "max_over_time(x[1m] smoothed)"), {
    code: "query.failed",
    message:
      "smoothed modifier can only be used with: delta, increase, rate - not with max_over_time",
  });
  await rejects(world.at(1, "deriv(nothing[1m] anchored)"), {
    code: "query.failed",
    message:
      "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with deriv",
  });
});

test("a mix of floats and histograms around a step leaves nothing to interpolate", async () => {
  const world = await worldOf("m 1 {1} 3");
  deepEqual(await ask(world, 1.5, "m smoothed"), [warning(`${MIXED} "m" (1:1)`)]);
  deepEqual(await ask(world, 2, "rate(m[1m] anchored)"), [warning(`${MIXED} "m" (1:6)`)]);
  deepEqual(await ask(world, 2, "resets(m[1m] anchored)"), ["{} 1"]);
});

/** Lets the samples at some minutes say at which their counter began. */
function withStarts(world: World, minutes: Readonly<Record<number, number>>): World {
  const startsOf = (timestampsMs: Float64Array): Float64Array =>
    timestampsMs.map((timestampMs) => (minutes[timestampMs / 60_000] ?? Number.NaN) * 60_000);
  const store: Pick<SeriesReader, "select"> = {
    async *select(range, matchers, options) {
      for await (const columns of world.store.select(range, matchers, options)) {
        const { timestampsMs, histograms } = columns;
        if (options.starts !== true) yield columns;
        else
          yield {
            ...columns,
            startsMs: startsOf(timestampsMs),
            ...(histograms && {
              histograms: {
                timestampsMs: histograms.timestampsMs,
                startsMs: startsOf(histograms.timestampsMs),
                at: (index) => histograms.at(index),
              },
            }),
          };
      }
    },
  };
  return new World(store, {});
}

test("a counter that says when it began has resets that values do not show", async () => {
  const plain = await worldOf("x 1 2 3 4 5\nh {1} {2} {3} {4} {5}");
  // The third sample began between the second and itself.
  const world = withStarts(plain, { 0: -1, 1: -1, 2: 1.5, 3: 1.5, 4: 1.5 });
  deepEqual(await plain.at(4, "resets(x[5m])"), ["{} 0"]);
  deepEqual(await world.at(4, "resets(x[5m])"), ["{} 1"]);
  deepEqual(await world.at(4, "resets(h[5m])"), ["{} 1"]);
  deepEqual(await world.at(4, "increase(x[4m1ms])"), ["{} 6.000025"]);
  deepEqual(await world.at(2, "irate(x[5m]) * 60"), ["{} 3"]);
  deepEqual(await world.at(2, "histogram_count(irate(h[5m])) * 60"), ["{} 3"]);
  deepEqual(await world.at(2, "delta(x[5m])"), await plain.at(2, "delta(x[5m])"));
  // A subquery's points have no beginning.
  deepEqual(await world.at(4, "resets(x[5m:1m])"), ["{} 0"]);
});

test("a counter that began inside of the window was 0 there", async () => {
  const plain = await worldOf("x _ 4 6\nh _ {4} {6}");
  const began = withStarts(plain, { 1: 0.5, 2: 0.5 });
  deepEqual(await plain.at(1, "increase(x[2m])"), []);
  deepEqual(await began.at(1, "increase(x[2m])"), ["{} 4"]);
  deepEqual(await began.at(2, "increase(x[3m])"), ["{} 6"]);
  deepEqual(await began.at(2, "histogram_count(increase(h[3m]))"), ["{} 6"]);
  deepEqual(await began.at(1, "histogram_count(rate(h[2m])) * 120"), ["{} 4"]);
  deepEqual(await began.at(1, "delta(x[2m])"), []);
  // At the edge of the window, or not before the sample, it tells nothing.
  deepEqual(await began.at(1, "increase(x[30s])"), []);
  deepEqual(await withStarts(plain, { 1: 1 }).at(1, "increase(x[2m])"), []);
});

test("samples of deltas each begin where the one before ends", async () => {
  const plain = await worldOf("x 2 2 2 2");
  deepEqual(await withStarts(plain, { 0: -1, 1: 0, 2: 1, 3: 2 }).at(3, "increase(x[3m])"), [
    "{} 6",
  ]);
  // Whose first beginning is not known goes on counting.
  deepEqual(await withStarts(plain, { 1: 0, 2: 0, 3: 0 }).at(3, "increase(x[4m])"), ["{} 0"]);
});

test("a sample that begins before the one before it ends is a warning", async () => {
  const world = withStarts(await worldOf("x_total 2 4 6"), { 0: -1, 1: -0.5, 2: -0.5 });
  const { warnings } = await world.instant(2, "rate(x_total[5m])");
  deepEqual(warnings, [
    warning(
      'sample has start time that overlaps with previous sample timestamp for metric "x_total" (1:6)',
    ),
  ]);
});

test("start_timestamp tells when a counter began, of selectors alone", async () => {
  const world = withStarts(await worldOf("x 1 2\nh {1} {2}"), { 0: -2 });
  deepEqual(await world.at(0, "start_timestamp(x)"), ["{} -120"]);
  deepEqual(await world.at(0, "start_timestamp(h)"), ["{} -120"]);
  deepEqual(await world.at(1, "start_timestamp(x)"), ["{} 0"]);
  deepEqual(await world.at(0, "start_timestamp(x * 1)"), []);
});

const counter = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 9 }).map((step) => ({ step })) },
    { weight: 1, arbitrary: fc.constant("reset" as const) },
    { weight: 2, arbitrary: fc.constant("gap" as const) },
    { weight: 1, arbitrary: fc.constant("stale" as const) },
  ),
  { minLength: 2, maxLength: 15 },
);
const sameForHistograms = fc.tuple(
  fc.constantFrom("rate", "increase", "delta", "irate", "idelta"),
  fc.constantFrom("2m", "4m", "90s", "10m"),
  fc.constantFrom("", "anchored", "smoothed"),
  fc.constantFrom("", "offset 1m", "offset -45s", "@ 420"),
);

test("what holds of a counter holds of a histogram that counts as much", async () => {
  await fc.assert(
    fc.asyncProperty(counter, sameForHistograms, async (steps, [func, range, extent, shift]) => {
      if (extent !== "" && (func === "irate" || func === "idelta")) return;
      let total = 0;
      const points = steps.map((step) => {
        if (step === "gap") return "_";
        if (step === "stale") return "stale";
        total = step === "reset" ? 0 : total + step.step;
        return String(total);
      });
      const world = await worldOf(`
        x ${points.join(" ")}
        h ${points.map((point) => (/\d/.test(point) ? `{${point}}` : "_")).join(" ")}`);
      const ask = async (query: string): Promise<unknown> => {
        const result = await world.range(0, steps.length + 2, query);
        assert(result.type === "matrix", "a range query gives a matrix");
        return result.series.map(({ timestampsMs, values }) =>
          Array.from(timestampsMs, (at, i) => [
            at,
            Number((values[i] as number).toPrecision(9)) + 0,
          ]),
        );
      };
      const selector = `[${range}] ${extent} ${shift}`;
      deepEqual(
        await ask(`histogram_sum(${func}(h${selector}))`),
        await ask(`${func}(x${selector})`),
        `${func}(x${selector}) of ${points.join(" ")}`,
      );
    }),
    { numRuns: 300 },
  );
});

test("windows that overlap find the same resets of histograms as each by itself", async () => {
  const point = fc
    .tuple(fc.nat(3), fc.nat(3), fc.constantFrom("", ";reset", ";none", ";gauge"))
    .map(([low, high, said]) => `{${low},${high}${said}}`);
  const points = fc.oneof(point, point, point, fc.constantFrom("_", "7"));
  await fc.assert(
    fc.asyncProperty(fc.array(points, { minLength: 8, maxLength: 8 }), async (series) => {
      const world = await worldOf(`h ${series.join(" ")}`);
      for (const query of [
        ...["rate(h[4m])", "increase(h anchored[3m])", "increase(h smoothed[150s])"],
        ...["resets(h[5m])", "resets(h[5m:30s])"],
      ]) {
        const rows = await world.over(0, 8, query);
        for (let minute = 0; minute <= 8; minute++) {
          const alone = await world.at(minute, query);
          const there = rows.map((row) => row.split(" ")[minute + 1]).filter((one) => one !== "_");
          deepEqual(
            there,
            alone.map((line) => line.slice(3)),
            `${query} at ${minute}`,
          );
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("a subquery of very many steps gives the same in pieces as step by step", async () => {
  const world = await worldOf(`
    x{n="1"} 1 5 2 8 _ 3 9 1
    x{n="2"} _ _ _ 4
    h {1,2} {3,2} {7,4} {1,1} {2,1}`);
  // 120,000 steps; a selector by itself is looked up in one pass.
  for (const func of ["sum_over_time", "changes", "last_over_time", "ts_of_first_over_time"])
    deepEqual(
      await world.at(10, `${func}((x + 0)[10m:5ms])`),
      (await world.at(10, `${func}(x[10m:5ms])`)).map((line) => line.replace("x{", "{")),
      func,
    );
  deepEqual(
    await world.at(8, "histogram_count(sum_over_time((-h)[8m:5ms]))"),
    await world.at(8, "histogram_count(-sum_over_time(h[8m:5ms]))"),
  );
  deepEqual(await world.at(3, "max_over_time(topk(1, x)[10m:5ms])"), ['{n="1"} 8']);
});
