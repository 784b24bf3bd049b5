import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { SeriesReader } from "@pharos/ports";
import { worldOf } from "./engine-world.ts";

/** Each query with its answer at one time. */
async function check(
  world: Awaited<ReturnType<typeof worldOf>>,
  minute: number,
  cases: readonly (readonly [query: string, ...lines: string[]])[],
): Promise<void> {
  for (const [query, ...lines] of cases) deepEqual(await world.at(minute, query), lines, query);
}

test("a selector finds the last sample that is younger than five minutes", async () => {
  const world = await worldOf('up{job="a"} 1 2 _ _ _ _ _ _');
  deepEqual(await world.over(0, 7, "up"), ['up{job="a"} 1 2 2 2 2 2 _ _']);
});

test("a staleness marker ends a series until its next sample, a NaN does not", async () => {
  const world = await worldOf(`
    up{job="a"} 1 stale _ 4
    up{job="b"} 1 NaN   _ 4`);
  deepEqual(await world.over(0, 3, "up"), ['up{job="a"} 1 _ _ 4', 'up{job="b"} 1 NaN NaN 4']);
  deepEqual(await world.at(3, "count_over_time(up[10m])"), ['{job="a"} 2', '{job="b"} 3']);
});

test("a range leaves out the sample at its start and takes the one at its end", async () => {
  const world = await worldOf("x 0 1 2 3 4");
  await check(world, 4, [
    ["x[2m]", "x 3m:3 4m:4"],
    ["x[2m] offset 1m", "x 2m:2 3m:3"],
    ["count_over_time(x[2m])", "{} 2"],
    ["sum_over_time(x[2m] @ 60)", "{} 1"],
  ]);
});

test("offset and @ move the time that a selector looks at", async () => {
  const world = await worldOf("x 0 1 2 3 4 5 6 7 8 9");
  await check(world, 5, [
    ["x offset 2m", "x 3"],
    ["x offset -2m", "x 7"],
    ["x @ 480", "x 8"],
    ["x @ 480 offset 1m", "x 7"],
    ["x @ end()", "x 5"],
  ]);
  deepEqual(await world.over(2, 4, "x @ start() + x @ end()"), ["{} 6 6 6"]);
  deepEqual(await world.over(2, 4, "x - x @ 60"), ["{} 1 2 3"]);
  deepEqual(await world.over(2, 3, "timestamp(x @ 60)"), ["{} 60 60"]);
  deepEqual(await world.over(2, 3, "clamp(x @ 60, 2, 1)"), []);
});

test("subqueries stand on multiples of their step, whatever the time of the query", async () => {
  const world = await worldOf("x 0 1 2 3 4 5 6 7 8 9");
  await check(world, 9, [
    ["x[6m:2m]", "x 4m:4 6m:6 8m:8"],
    ["(x * 2)[2m:]", "{} 8m:16 9m:18"],
    ["max_over_time((x % 4)[5m:1m])", "{} 3"],
    ["max_over_time(x[4m:1m] offset 2m)", "{} 7"],
    ["sum_over_time(x[2m:1m] @ 180)", "{} 5"],
    ["rate(sum_over_time(x[2m])[4m:1m])", "{} 0.0333333333"],
    ["last_over_time(abs(x)[2m:])", "{} 9"],
    ["last_over_time(x[2m:])", "x 9"],
  ]);
});

test("rate extrapolates to the window's ends, and not below the counter's zero", async () => {
  const world = await worldOf(`
    steady_total 0 60 120 180 240 300
    born_total   _ _  _   10  70  130
    reset_total  0 60 120 0   60  120
    negative     5 3  1  -1  -3  -5`);
  await check(world, 5, [
    ["rate(steady_total[5m])", "{} 1"],
    ["increase(steady_total[5m])", "{} 300"],
    ["increase(born_total[5m])", "{} 130"],
    ["increase(reset_total[5m])", "{} 225"],
    ["delta(negative[4m])", "{} -8"],
    ["irate(reset_total[5m])", "{} 1"],
    ["idelta(negative[5m])", "{} -2"],
    ["resets(reset_total[5m])", "{} 1"],
    ["rate(steady_total[1m])"],
  ]);
});

test("functions over time know NaN and infinities", async () => {
  const world = await worldOf(`
    a NaN 1 3 2
    b Inf -Inf 1 2
    c NaN NaN NaN NaN
    d 1e308 1e308 1e308 1e308
    e 1 1e100 1 -1e100`);
  await check(world, 3, [
    ["max_over_time(a[5m])", "{} 3"],
    ["min_over_time(a[5m])", "{} 1"],
    ["ts_of_max_over_time(a[5m])", "{} 120"],
    ["ts_of_last_over_time(a[5m])", "{} 180"],
    ["max_over_time(c[5m])", "{} NaN"],
    ["avg_over_time(b[5m])", "{} NaN"],
    ["avg_over_time(d[5m])", `{} 1${"0".repeat(308)}`],
    ["sum_over_time(d[5m])", "{} +Inf"],
    ["sum_over_time(e[5m])", "{} 2"],
    ["changes(c[5m])", "{} 0"],
    ["mad_over_time(a[3m])", "{} 1"],
    ["mad_over_time(a[4m])", "{} NaN"],
    ["quantile_over_time(0.5, a[3m])", "{} 2"],
    ["stdvar_over_time(a[3m])", "{} 0.666666667"],
    ["present_over_time(c[5m])", "{} 1"],
    ["first_over_time(a[3m])", "a 1"],
  ]);
});

test("deriv and predict_linear fit a line; predict_linear counts from the time of evaluation", async () => {
  const world = await worldOf("x 10 70 130 190");
  await check(world, 3, [
    ["deriv(x[4m])", "{} 1"],
    ["predict_linear(x[4m], 60)", "{} 250"],
    ["predict_linear(x[4m] @ 120, 60)", "{} 250"],
    ["double_exponential_smoothing(x[4m], 0.5, 0.5)", "{} 190"],
  ]);
  deepEqual(await world.over(2, 3, "predict_linear(x[4m] @ 180, 0)"), ["{} 130 190"]);
  await rejects(world.at(3, "double_exponential_smoothing(x[4m], 1, 0.5)"), {
    code: "query.failed",
    message: "invalid smoothing factor. Expected: 0 < sf < 1, got: 1.000000",
  });
});

test("aggregations group by or without labels, and do not lose what floats can hold", async () => {
  const world = await worldOf(`
    x{job="a",n="1"} 1
    x{job="a",n="2"} 3
    x{job="b",n="1"} NaN
    x{job="b",n="2"} 5
    big{n="1"} 1e308
    big{n="2"} 1e308
    mix{n="1"} 1e100
    mix{n="2"} 1
    mix{n="3"} -1e100`);
  await check(world, 0, [
    ["sum by (job) (x)", '{job="a"} 4', '{job="b"} NaN'],
    ["sum without (n) (x)", '{job="a"} 4', '{job="b"} NaN'],
    ["max by (job) (x)", '{job="a"} 3', '{job="b"} 5'],
    ["min by (job) (x)", '{job="a"} 1', '{job="b"} 5'],
    ["count(x)", "{} 4"],
    ["group by (n) (x)", '{n="1"} 1', '{n="2"} 1'],
    ['sum by (nope) (x{job="a"})', "{} 4"],
    ['avg(x{job="a"})', "{} 2"],
    ["avg(big)", `{} 1${"0".repeat(308)}`],
    ["sum(big)", "{} +Inf"],
    ["sum(mix)", "{} 1"],
    ['stddev(x{job="a"})', "{} 1"],
    ["stdvar(x)", "{} NaN"],
    ['quantile(0.5, x{job="a"})', "{} 2"],
    ["quantile by (job) (0, x)", '{job="a"} 1', '{job="b"} NaN'],
    ['sum by (__name__) (x{n="2"})', "x 8"],
    ["sum(nope)"],
  ]);
});

test("topk and bottomk keep whole series, best first, and NaN only for want of others", async () => {
  const world = await worldOf(`
    x{n="1"} 3 1
    x{n="2"} NaN 9
    x{n="3"} 5 2
    x{n="4"} 4 3
    k 1 2`);
  await check(world, 0, [
    ["topk(2, x)", 'x{n="3"} 5', 'x{n="4"} 4'],
    ["topk(9, x)", 'x{n="3"} 5', 'x{n="4"} 4', 'x{n="1"} 3', 'x{n="2"} NaN'],
    ["bottomk(1, x)", 'x{n="1"} 3'],
    ["bottomk(4, x)", 'x{n="1"} 3', 'x{n="4"} 4', 'x{n="3"} 5', 'x{n="2"} NaN'],
    ["topk(0, x)"],
    ["topk(scalar(k), x)", 'x{n="3"} 5'],
  ]);
  deepEqual(await world.over(0, 1, "topk(scalar(k), x)"), [
    'x{n="2"} _ 9',
    'x{n="3"} 5 _',
    'x{n="4"} _ 3',
  ]);
  await rejects(world.at(0, "topk(NaN, nope)"), { message: "Parameter value is NaN" });
  await rejects(world.at(0, "topk(1e30, x)"), { message: "Scalar value 1e+30 overflows int64" });
});

test("limitk takes so many, limit_ratio a share and its complement the rest", async () => {
  const lines = Array.from({ length: 200 }, (_, i) => `x{n="${i}"} 1`).join("\n");
  const world = await worldOf(lines);
  equal((await world.at(0, "limitk(7, x)")).length, 7);
  const share = (await world.at(0, "limit_ratio(0.3, x)")).length;
  equal(share > 30 && share < 90, true, `${share} of 200`);
  equal((await world.at(0, "limit_ratio(-0.7, x)")).length, 200 - share);
  equal((await world.at(0, "limit_ratio(0.3, x) and limit_ratio(-0.7, x)")).length, 0);
  equal((await world.at(0, "limit_ratio(1, x)")).length, 200);
});

test("count_values makes a label of the value", async () => {
  const world = await worldOf(`
    build{job="a",n="1"} 1
    build{job="a",n="2"} 1
    build{job="b",n="1"} 2.5`);
  await check(world, 0, [
    ['count_values("version", build)', '{version="1"} 2', '{version="2.5"} 1'],
    [
      'count_values by (job) ("version", build)',
      '{job="a", version="1"} 2',
      '{job="b", version="2.5"} 1',
    ],
    ['count_values without (n) ("job", build)', '{job="1"} 2', '{job="2.5"} 1'],
  ]);
});

test("count_values tells 0 from -0, which are written differently", async () => {
  const world = await worldOf("x 0 -0 -0");
  deepEqual(await world.over(0, 2, 'count_values("v", x)'), ['{v="-0"} _ 1 1', '{v="0"} 1 _ _']);
});

test("arithmetic between vectors drops the name, comparison filters and keeps it", async () => {
  const world = await worldOf(`
    a{n="1"} 10
    a{n="2"} 20
    b{n="1"} 3
    b{n="2"} 40
    b{n="3"} 5`);
  await check(world, 0, [
    ["a + b", '{n="1"} 13', '{n="2"} 60'],
    ["a > b", 'a{n="1"} 10'],
    ["a > bool b", '{n="1"} 1', '{n="2"} 0'],
    ["a % 3", '{n="1"} 1', '{n="2"} 2'],
    ["2 ^ a", '{n="1"} 1024', '{n="2"} 1048576'],
    ["a > 15", 'a{n="2"} 20'],
    ["15 < a", 'a{n="2"} 20'],
    ["15 < bool a", '{n="1"} 0', '{n="2"} 1'],
    ["-a", '{n="1"} -10', '{n="2"} -20'],
    ["+a", 'a{n="1"} 10', 'a{n="2"} 20'],
    ["a / 0", '{n="1"} +Inf', '{n="2"} +Inf'],
    ["1 + 2 * 3 ^ 2", "19"],
    ["1 > bool 2", "0"],
    ["1 atan2 1", "0.785398163"],
    ["-7 % 3", "-1"],
    ["1 ^ NaN", "1"],
  ]);
});

test("group_left and group_right match many to one and copy labels", async () => {
  const world = await worldOf(`
    errors{job="a",code="404"} 4
    errors{job="a",code="500"} 6
    requests{job="a",team="x"} 20
    requests{job="b",team="y"} 10`);
  await check(world, 0, [
    [
      "errors / on(job) group_left requests",
      '{code="404", job="a"} 0.2',
      '{code="500", job="a"} 0.3',
    ],
    [
      "errors / on(job) group_left(team) requests",
      '{code="404", job="a", team="x"} 0.2',
      '{code="500", job="a", team="x"} 0.3',
    ],
    ["requests < on(job) group_right errors * 4", '{code="500", job="a"} 20'],
    ["sum by (job) (errors) / on(job) requests", '{job="a"} 0.5'],
    [
      "errors / ignoring(code, team) group_left requests",
      '{code="404", job="a"} 0.2',
      '{code="500", job="a"} 0.3',
    ],
  ]);
});

test("ambiguous matches fail and say which series are to blame", async () => {
  const world = await worldOf(`
    a{n="1",m="1"} 1
    a{n="1",m="2"} 2
    b{n="1",m="3"} 1
    b{n="1",m="4"} 2
    c{n="1"} 1`);
  await rejects(world.at(0, "a + on(n) c"), {
    code: "query.failed",
    message:
      "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
  });
  await rejects(world.at(0, "c + on(n) a"), {
    message:
      'found duplicate series for the match group {n="1"} on the right hand-side of the operation: ' +
      '[{__name__="a", m="1", n="1"}, {__name__="a", m="2", n="1"}];many-to-many matching not allowed: matching labels must be unique on one side',
  });
  await rejects(world.at(0, "a + on(n) group_left b"), /on the right hand-side/);
  await rejects(world.at(0, "a + on(n) group_right b"), /on the left hand-side/);
  await rejects(world.at(0, 'label_replace(a, "m", "", "", "") + on(n) group_left c'), {
    message: "vector cannot contain metrics with the same labelset",
  });
});

test("and, or, unless compare label sets step by step", async () => {
  const world = await worldOf(`
    a{n="1"} 1 1 stale
    a{n="2"} 2 2 2
    b{n="1"} 5 stale 5
    b{n="3"} 6 6 6`);
  deepEqual(await world.over(0, 2, "a and b"), ['a{n="1"} 1 _ _']);
  deepEqual(await world.over(0, 2, "a unless b"), ['a{n="1"} _ 1 _', 'a{n="2"} 2 2 2']);
  deepEqual(await world.over(0, 2, "a or b"), [
    'a{n="1"} 1 1 _',
    'a{n="2"} 2 2 2',
    'b{n="1"} _ _ 5',
    'b{n="3"} 6 6 6',
  ]);
  deepEqual(await world.over(0, 2, "a or on() b"), ['a{n="1"} 1 1 _', 'a{n="2"} 2 2 2']);
});

test("a series that comes from the left at some steps and the right at others is one series", async () => {
  const world = await worldOf(`
    a 1 stale 3
    b 7 8 9`);
  deepEqual(await world.over(0, 2, "-a or -b"), ["{} -1 -8 -3"]);
  deepEqual(await world.at(2, "sum_over_time((sum(a) or sum(b))[3m:1m])"), ["{} 12"]);
});

test("a metric name that is to go can still be read and saved by label functions", async () => {
  const world = await worldOf(`
    x_total{n="1"} 0 60
    y_total{n="1"} 0 120`);
  await check(world, 1, [
    [
      'label_join(rate({n="1"}[2m]), "of", "-", "__name__")',
      '{n="1", of="x_total"} 0.5',
      '{n="1", of="y_total"} 1',
    ],
    [
      'label_replace(rate(x_total[2m]), "__name__", "rate_$1", "__name__", "(.+)")',
      'rate_x_total{n="1"} 0.5',
    ],
    ['sum(rate({n="1"}[2m])) by (n)', '{n="1"} 1.5'],
  ]);
  await rejects(world.at(1, 'rate({n="1"}[2m])'), {
    message: "vector cannot contain metrics with the same labelset",
  });
  await rejects(world.at(1, 'sum by (__name__) (rate({n="1"}[2m]))'), /same labelset/);
});

test("a metric's type and unit go with its name", async () => {
  const world = await worldOf('x_total{__type__="counter",__unit__="s",n="1"} 0 60');
  await check(world, 1, [
    ["rate(x_total[2m])", '{n="1"} 0.5'],
    ["x_total + x_total", '{n="1"} 120'],
    ["x_total > 1", 'x_total{__type__="counter", __unit__="s", n="1"} 60'],
  ]);
});

test("label_replace matches the whole value and leaves others alone", async () => {
  const world = await worldOf(`
    x{src="web-1"} 1
    x{src="db"} 2`);
  await check(world, 0, [
    [
      'label_replace(x, "dst", "$2/$1", "src", "(.*)-(.*)")',
      'x{src="db"} 2',
      'x{dst="1/web", src="web-1"} 1',
    ],
    ['label_replace(x, "src", "", "src", "web.*")', 'x{src="db"} 2', "x 1"],
    [
      'label_join(x, "j", "|", "src", "nope", "src")',
      'x{j="db||db", src="db"} 2',
      'x{j="web-1||web-1", src="web-1"} 1',
    ],
  ]);
  await rejects(world.at(0, 'label_replace(x, "dst", "", "src", "(")'), {
    message: "invalid regular expression in label_replace(): (",
  });
  await rejects(
    world.at(0, 'label_replace(x, "", "", "src", "x")'),
    /invalid destination label name/,
  );
});

test("absent takes its labels from equality matchers that come once", async () => {
  const world = await worldOf("x 1 _ 3");
  await check(world, 0, [
    ["absent(x)"],
    ['absent(nope{a="1",b=~"2",c="3",c="4"})', '{a="1"} 1'],
    ["absent(sum(nope))", "{} 1"],
    ['absent_over_time(nope{a="1"}[5m])', '{a="1"} 1'],
    ["absent_over_time(x[5m])"],
  ]);
  deepEqual(await world.over(0, 2, "absent_over_time(x[1m])"), ["{} _ 1 _"]);
});

test("sorting is by value with NaN last, or by labels with numbers by size", async () => {
  const world = await worldOf(`
    x{n="node10"} 2
    x{n="node2"} NaN
    x{n="node1"} 3`);
  await check(world, 0, [
    ["sort(x)", 'x{n="node10"} 2', 'x{n="node1"} 3', 'x{n="node2"} NaN'],
    ["sort_desc(x)", 'x{n="node1"} 3', 'x{n="node10"} 2', 'x{n="node2"} NaN'],
    ['sort_by_label(x, "n")', 'x{n="node1"} 3', 'x{n="node2"} NaN', 'x{n="node10"} 2'],
    ['sort_by_label_desc(x, "n")', 'x{n="node10"} 2', 'x{n="node2"} NaN', 'x{n="node1"} 3'],
  ]);
  const { warnings } = await world.range(0, 1, "sum(sort(x))");
  deepEqual(warnings, [
    "PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:5)",
  ]);
});

test("histogram_quantile interpolates within the bucket that holds the quantile", async () => {
  const world = await worldOf(`
    h{le="0.1"} 10
    h{le="1"} 40
    h{le="+Inf"} 50
    none{le="1"} 5
    zero{le="1"} 0
    zero{le="+Inf"} 0
    split{le="1"} 4
    split{le="1.0"} 6
    split{le="2"} 20
    split{le="Inf"} 20
    down{le="-1"} 5
    down{le="1"} 10
    down{le="+Inf"} 10`);
  await check(world, 0, [
    ["histogram_quantile(0.5, h)", "{} 0.55"],
    ["histogram_quantile(0.1, h)", "{} 0.05"],
    ["histogram_quantile(0.95, h)", "{} 1"],
    ["histogram_quantile(0, h)", "{} 0"],
    ["histogram_quantile(1.1, h)", "{} +Inf"],
    ["histogram_quantile(-1, h)", "{} -Inf"],
    ["histogram_quantile(NaN, h)", "{} NaN"],
    ["histogram_quantile(0.5, none)", "{} NaN"],
    ["histogram_quantile(0.5, zero)", "{} NaN"],
    ["histogram_quantile(0.5, split)", "{} 1"],
    ["histogram_quantile(0.2, down)", "{} -1"],
  ]);
});

test("histogram_fraction is the share between two values, interpolated likewise", async () => {
  const world = await worldOf(`
    h{le="0.1"} 10
    h{le="1"} 40
    h{le="+Inf"} 50
    open{le="1"} 10
    down{le="-1"} 5
    down{le="1"} 10
    down{le="+Inf"} 10`);
  await check(world, 0, [
    ["histogram_fraction(0, 0.1, h)", "{} 0.2"],
    ["histogram_fraction(0.55, 1, h)", "{} 0.3"],
    ["histogram_fraction(-Inf, +Inf, h)", "{} 1"],
    ["histogram_fraction(1, 100, h)", "{} 0"],
    ["histogram_fraction(2, 1, h)", "{} 0"],
    ["histogram_fraction(NaN, 1, h)", "{} NaN"],
    ["histogram_fraction(0, 1, open)", "{} NaN"],
    ["histogram_fraction(0, 1, down)", "{} 0.25"],
    ["histogram_fraction(-Inf, -2, down)", "{} 0.5"],
  ]);
});

test("histogram_quantile says when it had to mend or leave out buckets", async () => {
  const world = await worldOf(`
    h{le="1"} 10 10
    h{le="2"} 7 4
    h{le="+Inf"} 20 20
    bad{le="x"} 1
    bad 1`);
  const mended = await world.range(0, 1, "histogram_quantile(0.9, h)");
  deepEqual(mended.infos, [
    "PromQL info: input to histogram_quantile needed to be fixed for monotonicity " +
      "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) " +
      'for metric name "h", from buckets 2 to 2, with a max diff of 6, over 2 samples ' +
      "from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z (1:25)",
  ]);
  const left = await world.instant(0, "histogram_quantile(0.9, bad)");
  deepEqual(left.warnings, [
    'PromQL warning: bucket label "le" is missing or has a malformed value of "" for metric name "bad" (1:25)',
    'PromQL warning: bucket label "le" is missing or has a malformed value of "x" for metric name "bad" (1:25)',
  ]);
});

test("warnings and infos name their place in the text, each once", async () => {
  const world = await worldOf(`
    x{n="1"} 0 1
    x{n="2"} 0 1
    x_total 0 1`);
  deepEqual((await world.instant(1, "rate(x[2m])")).infos, [
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "x" (1:6)',
  ]);
  deepEqual((await world.instant(1, "rate(x_total[2m])")).infos, []);
  deepEqual((await world.instant(1, "sum(\n  quantile(2, x))")).warnings, [
    "PromQL warning: quantile value should be between 0 and 1, got 2 (2:12)",
  ]);
  deepEqual((await world.instant(1, "quantile_over_time(-0.5, x[2m])")).warnings, [
    "PromQL warning: quantile value should be between 0 and 1, got -0.5 (1:20)",
  ]);
  deepEqual((await world.instant(1, "limit_ratio(1.5, x)")).warnings, [
    "PromQL warning: ratio value should be between -1 and 1, got 1.5, capping to 1 (1:13)",
  ]);
});

test("functions of numbers, bounds and calendars", async () => {
  const world = await worldOf(`
    x{n="1"} -2.5
    x{n="2"} 7.45
    t 951782400`); // 2000-02-29, a Tuesday.
  await check(world, 0, [
    ["abs(x)", '{n="1"} 2.5', '{n="2"} 7.45'],
    ["ceil(x)", '{n="1"} -2', '{n="2"} 8'],
    ["round(x)", '{n="1"} -2', '{n="2"} 7'],
    ["round(x, 0.1)", '{n="1"} -2.5', '{n="2"} 7.5'],
    ["sgn(x)", '{n="1"} -1', '{n="2"} 1'],
    ["clamp(x, 0, 5)", '{n="1"} 0', '{n="2"} 5'],
    ["clamp(x, 5, 0)"],
    ["clamp_min(x, 1)", '{n="1"} 1', '{n="2"} 7.45'],
    ["clamp_max(x, NaN)", '{n="1"} NaN', '{n="2"} NaN'],
    ["sqrt(x)", '{n="1"} NaN', '{n="2"} 2.72946881'],
    ["deg(vector(pi()))", "{} 180"],
    ["year(t)", "{} 2000"],
    ["month(t)", "{} 2"],
    ["day_of_month(t)", "{} 29"],
    ["day_of_week(t)", "{} 2"],
    ["day_of_year(t + 86400)", "{} 61"],
    ["days_in_month(t)", "{} 29"],
    ["hour(t + 3661)", "{} 1"],
    ["minute(t + 3661)", "{} 1"],
    ["month(vector(1e18))", "{} 10"],
    ["day_of_week(vector(-9.2e18))", "{} 2"],
    ["month(vector(1e19))", "{} NaN"],
    ["hour(vector(NaN))", "{} NaN"],
    ["scalar(t)", "951782400"],
    ["scalar(x)", "NaN"],
    ["time()", "0"],
    ['"text"', "text"],
    ["hour()", "{} 0"],
  ]);
  deepEqual(await world.over(58, 61, "minute()"), ["{} 58 59 0 1"]);
  deepEqual(await world.over(0, 2, "time() + 1"), ["{} 1 61 121"]);
});

test("a range query refuses what is no scalar or vector", async () => {
  const world = await worldOf("x 1");
  await rejects(world.range(0, 1, "x[1m]"), {
    code: "query.invalid",
    message:
      'invalid expression type "range vector" for range query, must be Scalar or instant Vector',
  });
});

test("what the store leaves out is a warning, once, beside the rest of the answer", async () => {
  const { store, engine } = await worldOf("x 1 2 3");
  const reader: Pick<SeriesReader, "select"> = {
    select(range, matchers, options) {
      options.warn?.("archived block a: connection refused");
      return store.select(range, matchers, options);
    },
  };
  const { signal } = new AbortController();
  const result = await engine.instant(reader, "x + x", 60_000, { signal });
  deepEqual(result.warnings, [
    "the result may be incomplete: archived block a: connection refused",
  ]);
  equal(result.type === "vector" && result.values[0], 4);
});
