import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import {
  formatLabels,
  type Labels,
  labelsFrom,
  labelsKey,
  labelValue,
  METRIC_NAME,
  OperatingError,
} from "@pharos/base";
import {
  almostEqual,
  type EvalReport,
  formatHistogram,
  type PromqlTestTarget,
  parsePromqlTest,
  parseSeriesLine,
  type ResultSeries,
  runPromqlTest,
  type SeriesToLoad,
  type TestResult,
} from "@pharos/testing";

const MINUTE_MS = 60_000;

/** The points of a line as they are read, histograms as reports have them. */
function points(values: string): string {
  const { points: list } = parseSeriesLine(`x ${values}`);
  return list
    .map((point) =>
      point.kind === "value"
        ? Object.is(point.value, -0)
          ? "-0"
          : String(point.value)
        : point.kind === "histogram"
          ? formatHistogram(point.histogram)
          : point.kind === "omitted"
            ? "_"
            : "stale",
    )
    .join(" ");
}

describe("the notation of series", () => {
  const values: readonly (readonly [text: string, expected: string])[] = [
    ["1", "1"],
    ["1 -2 +3 .5 1. 1e3 -1.5e-2", "1 -2 3 0.5 1 1000 -0.015"],
    ["NaN inf -Inf +INF", "NaN Infinity -Infinity Infinity"],
    ["_ stale _x3 1", "_ stale _ _ _ 1"],
    ["5x2", "5 5 5"],
    ["1+2x3", "1 3 5 7"],
    ["1-2x3", "1 -1 -3 -5"],
    ["-1-1x2", "-1 -2 -3"],
    ["-1+0.5x2 7", "-1 -0.5 0 7"],
    ["1x0", "1"],
    ["Inf+1x1", "Infinity Infinity"],
    ["{{}} 1", "{{}} 1"],
    [
      "{{schema:1 sum:1 buckets:[1 2]}}x1",
      "{{schema:1 sum:1 buckets:[1 2]}} {{schema:1 sum:1 buckets:[1 2]}}",
    ],
    ["{{sum:1}}+{{sum:2}}x2", "{{sum:1}} {{sum:3}} {{sum:5}}"],
    [
      "{{count:9 buckets:[4 5] offset:1}}-{{count:1 buckets:[1] offset:2}}x1",
      "{{count:9 offset:1 buckets:[4 5]}} {{count:8 offset:1 buckets:[4 4]}}",
    ],
    [
      "{{schema:-1 buckets:[1] offset:1}}+{{schema:0 buckets:[2 2] offset:1}}x1",
      "{{schema:-1 offset:1 buckets:[1]}} {{schema:-1 offset:1 buckets:[5]}}",
    ],
    [
      "{{z_bucket:1 z_bucket_w:0.5 buckets:[1]}}+{{buckets:[2 4] offset:-1}}x1",
      "{{z_bucket:1 z_bucket_w:0.5 buckets:[1]}} {{z_bucket:3 z_bucket_w:0.5 buckets:[5]}}",
    ],
    [
      "{{ z_bucket:1 z_bucket_w:0.5 n_buckets:[1 0 2] n_offset:-1 count:4 sum:NaN }}",
      "{{count:4 sum:NaN z_bucket:1 z_bucket_w:0.5 n_offset:-1 n_buckets:[1 0 2]}}",
    ],
    [
      "{{schema:-53 custom_values:[5 1e1] buckets:[1] counter_reset_hint:not_reset}}",
      "{{schema:-53 custom_values:[5 10] counter_reset_hint:not_reset buckets:[1]}}",
    ],
    [
      "{{counter_reset_hint:gauge}}+{{}}x1 {{counter_reset_hint:reset}}+{{}}x1",
      "{{counter_reset_hint:gauge}} {{counter_reset_hint:gauge}} {{counter_reset_hint:reset}} {{}}",
    ],
    ["", ""],
    ["  1 \t 2  ", "1 2"],
  ];
  for (const [text, expected] of values)
    test(`${JSON.stringify(text)} is ${expected}`, () => equal(points(text), expected));

  test("values are added up step by step, with Prometheus's rounding", () => {
    equal(points("0+0.1x3"), "0 0.1 0.2 0.30000000000000004");
  });

  const labels: readonly (readonly [line: string, labels: string])[] = [
    ["up 1", "up"],
    ["up{} 1", "up"],
    ["{} 1", "{}"],
    ['up{job="api",env="a b"} 1', 'up{env="a b", job="api"}'],
    ["{ a = \"1\" , b='2', c=`3\\`, } 1", '{a="1", b="2", c="3\\\\"}'],
    ['{"a.b", "c.d"="e\\n\\"\\u00e9"} 1', '{"a.b", "c.d"="e\\n\\"é"}'],
    ["a:b:c 1", "a:b:c"],
    ['x{empty=""} 1', "x"],
  ];
  for (const [line, expected] of labels)
    test(`${line} is the series ${expected}`, () =>
      equal(formatLabels(parseSeriesLine(line).labels), expected));

  const wrong: readonly (readonly [line: string, message: string])[] = [
    ["1", 'column 1: expected a metric name or {, found "1"'],
    ["x 1y", 'column 4: expected a space, found "y"'],
    ["x 1 oops", 'column 9: expected a number, "_" or "stale", found the end'],
    ["x 1+x3", 'column 4: expected a space, found "+"'],
    ["x 1+2", "column 6: expected x and a count, found the end"],
    ["x 1x9999999", "column 12: expected a count of at most 1000000, found the end"],
    ["x 1x999999 1 1 1", 'column 13: expected at most 1000000 points, found " "'],
    ['x{a="b" 1', 'column 9: expected , or }, found "1"'],
    ["x{a} 1", 'column 4: expected =, found "}"'],
    ["x{a=b} 1", 'column 5: expected a string, found "b"'],
    ["x{1} 1", 'column 3: expected a label name or }, found "1"'],
    ["x{{sum:1}}+1x3", 'column 3: expected a label name or }, found "{"'],
    ["x {{sum:1}}+1x3", 'column 13: expected a histogram, found "1"'],
    ["x {{size:1}}", "size:1 is not a part of a histogram"],
    ["x {{sum:one}}", "sum:one is not a part of a histogram"],
    ["x {{sum:1 sum:2}}", "the key sum twice"],
    ["x {{sum:[1]}}", "sum is not a list"],
    ["x {{buckets:[1 b]}}", "b is not a number"],
    ["x {{sum}}", "expected key:value, found sum"],
    ["x {{counter_reset_hint:maybe}}", "expected unknown, reset, not_reset, gauge, found maybe"],
    [
      "x {{schema:1}}+{{schema:0}}x1",
      "a step must have the same custom bounds, and no smaller schema",
    ],
    ["x {{buckets:[1]}}+{{z_bucket_w:0.7}}x1", "a step's zero bucket must end where a bucket ends"],
  ];
  for (const [line, message] of wrong)
    test(`${line} is refused: ${message}`, () => throws(() => parseSeriesLine(line), { message }));
});

describe("scripts", () => {
  test("commands know where they stand, and end at an empty line or a comment", () => {
    const commands = parsePromqlTest(
      `
# data
load 30s
  up{job="a"} 1 2
  # the rest is not loaded
clear
LOAD_ignored
`.replace("LOAD_ignored", 'eval instant at 1m up\n  up{job="a"} 2'),
      "a.test",
    );
    deepEqual(
      commands.map(({ kind, file, line }) => `${kind} ${file}:${line}`),
      ["load a.test:3", "clear a.test:6", "eval a.test:7"],
    );
    const [load] = commands;
    ok(load?.kind === "load");
    equal(load.stepMs, 30_000);
    equal(load.series.length, 1);
  });

  test("evaluations are read with their times and expectations", () => {
    const [instant, range, vector] = parsePromqlTest(
      `eval instant at 1m sum by (x) (up)
  expect ordered
  expect warn msg: one thing (1:1)
  expect warn regex: t.o
  expect no_info
  {x="b"} 2
  {x="a"} 1

eval range from 0 to 4m step 2m up
  up 1 _ 3

eval instant at 9m up[1m]
  expect range vector from 10s to 1m step 10s
  up 1 2 3 4 5 6`,
      "b.test",
    );
    ok(instant?.kind === "eval" && range?.kind === "eval" && vector?.kind === "eval");
    equal(instant.expr, "sum by (x) (up)");
    equal(instant.timeMs, MINUTE_MS);
    const { ordered, warn, noInfo, value } = instant.expectation;
    ok(ordered && noInfo && value.kind === "series");
    deepEqual(
      value.series.map(({ labels }) => labelValue(labels, "x")),
      ["b", "a"],
    );
    deepEqual(
      warn.map(({ kind, text }) => [kind, text]),
      [
        ["message", "one thing (1:1)"],
        ["pattern", "t.o"],
      ],
    );
    ok(warn[1]?.matches("more than two things") && !warn[0]?.matches("one thing"));
    deepEqual(
      [range.query, range.startMs, range.endMs, range.stepMs],
      ["range", 0, 240_000, 120_000],
    );
    deepEqual(
      [vector.startMs, vector.endMs, vector.stepMs, vector.timeMs, vector.instantOnly],
      [10_000, 60_000, 10_000, 60_000, true],
    );
  });

  test("the older forms of expectations are understood", () => {
    const [failing, message, ordered, warned] = parsePromqlTest(
      `eval_fail instant at 0 bad
eval_fail instant at 0 bad
  expected_fail_message it broke

eval_ordered instant at 0 sort(up)
  up 1

eval_warn range from 0 to 1m step 1m up`.replace("bad\neval", "bad\n\neval"),
      "c.test",
    ).map((command) => (command.kind === "eval" ? command.expectation : undefined));
    ok(failing?.fail?.matches("anything"));
    ok(message?.fail?.matches("it broke") && !message.fail.matches("it broke down"));
    ok(ordered?.ordered);
    ok(warned?.warn[0]?.matches("any warning"));
  });

  test("a scalar, a string and an empty result are told apart", () => {
    const kinds = parsePromqlTest(
      "eval instant at 0 1\n  -0x10\n\neval instant at 0 'a'\n  expect string `a`\n\neval instant at 0 x",
      "d.test",
    ).map((command) => command.kind === "eval" && command.expectation.value);
    deepEqual(kinds, [
      { kind: "scalar", value: -16 },
      { kind: "string", value: "a" },
      { kind: "series", series: [] },
    ]);
  });

  const wrong: readonly (readonly [script: string, message: string])[] = [
    ["evil instant", 'e.test:1: unknown command "evil instant"; there are load, clear and eval'],
    ["load 5 minutes", "e.test:1: expected load[_with_nhcb] <step>"],
    ["load 5", 'e.test:1: "5" is not a duration'],
    ["load 5m\n  up 1 x", 'e.test:2: column 7: expected a number, "_" or "stale", found the end'],
    ["load 5m\n  up@st 1m", "e.test:2: start timestamps without their series"],
    [
      "load 5m\n  up@st 1m\n  down 1",
      "e.test:3: the start timestamps above belong to another series",
    ],
    ["load 5m\n  up@st 1m\n  up 1 2", "e.test:3: 1 start timestamps for 2 points"],
    [
      "load 5m\n  up@st 1m\n  up@st 1m\n  up 1",
      "e.test:3: start timestamps without their series above",
    ],
    ["load 5m\n  up@st now\n  up 1", 'e.test:2: "now" is no start timestamp'],
    ["load 5m\n  up@st 1m+1m\n  up 1", 'e.test:2: "1m+1m": expected x and a count'],
    [
      "eval instant up",
      "e.test:1: expected eval instant at <time> <query> or eval range from <start> to <end> step <step> <query>",
    ],
    ["eval instant at never up", 'e.test:1: "never" is not a duration'],
    ["eval range from 2m to 1m step 1m up", "e.test:1: the end 1m is before the start 2m"],
    [
      "eval instant at 0 up\n  expect nothing",
      "e.test:2: expected `expect <type> [msg:|regex:] <text>`",
    ],
    [
      "eval instant at 0 up\n  expect warn\n  expect no_warn",
      "e.test:3: warn and no_warn cannot be expected together",
    ],
    [
      "eval instant at 0 up\n  expect fail\n  expect fail",
      "e.test:3: only one failure can be expected",
    ],
    ["eval instant at 0 up\n  expect string a", "e.test:2: expected a string in quotes"],
    [
      "eval instant at 0 up\n  up 1 2",
      "e.test:2: several points in an instant evaluation need a line `expect range vector …`",
    ],
  ];
  for (const [script, message] of wrong)
    test(`${JSON.stringify(script)} is refused`, () =>
      throws(
        () => parsePromqlTest(script, "e.test"),
        (error) => {
          ok(error instanceof OperatingError && error.code === "input.invalid");
          equal(error.message, message);
          return true;
        },
      ));
});

test("values are equal up to a millionth of their sum", () => {
  ok(almostEqual(1, 1.000001));
  ok(!almostEqual(1, 1.00001));
  ok(almostEqual(Number.NaN, Number.NaN));
  ok(almostEqual(Infinity, Infinity));
  ok(!almostEqual(Infinity, 1e308));
  ok(!almostEqual(0, 1e-9));
  ok(almostEqual(0, -0));
  ok(almostEqual(-1e308, -1e308 * (1 + 1e-7)));
  ok(!almostEqual(1, -1));
});

/**
 * Answers numbers, strings in double quotes, metric names, `name[5m]` and either with ` @ seconds`: enough of a query
 * engine to tell whether the runner asks and compares rightly.
 */
class NameOnlyTarget implements PromqlTestTarget {
  readonly asked: string[] = [];
  #series: SeriesToLoad[] = [];

  get loaded(): readonly SeriesToLoad[] {
    return this.#series;
  }

  load(series: readonly SeriesToLoad[]): Promise<void> {
    this.#series.push(...series);
    return Promise.resolve();
  }

  clear(): Promise<void> {
    this.#series = [];
    return Promise.resolve();
  }

  instant(expr: string, timeMs: number): Promise<TestResult> {
    this.asked.push(`instant ${expr} at ${timeMs / 1000}`);
    return Promise.resolve(this.answer(this.#evaluate(expr, timeMs)));
  }

  range(expr: string, startMs: number, endMs: number, stepMs: number): Promise<TestResult> {
    this.asked.push(`range ${expr} from ${startMs / 1000} to ${endMs / 1000}`);
    const series = new Map<string, { labels: Labels; points: ResultSeries["points"][number][] }>();
    for (let timeMs = startMs; timeMs <= endMs; timeMs += stepMs) {
      const value = this.#evaluate(expr, timeMs);
      if (value.type === "error") return Promise.resolve(this.answer(value));
      const list =
        value.type === "scalar"
          ? [{ labels: [], points: [{ timestampMs: timeMs, value: value.value }] }]
          : value.type === "vector"
            ? value.series
            : [];
      for (const { labels, points: found } of list) {
        const key = labelsKey(labels);
        const one = series.get(key) ?? { labels, points: [] };
        one.points.push(...found);
        series.set(key, one);
      }
    }
    const sorted = [...series.values()].sort((a, b) =>
      labelsKey(a.labels) < labelsKey(b.labels) ? -1 : 1,
    );
    return Promise.resolve(this.answer({ type: "matrix", series: sorted }));
  }

  pinned(expr: string, timeMs: number): string | undefined {
    if (expr === "time()") return undefined;
    return /^[a-z]/.test(expr) && !expr.includes("@") ? `${expr} @ ${timeMs / 1000}` : expr;
  }

  /** For the tests that spoil answers. */
  answer(value: TestResult["value"]): TestResult {
    return { value, warnings: [], infos: [] };
  }

  #evaluate(expr: string, timeMs: number): TestResult["value"] {
    if (/^-?\d/.test(expr)) return { type: "scalar", value: Number(expr) };
    if (expr.startsWith('"')) return { type: "string", value: expr.slice(1, -1) };
    const match = /^([a-z_]+)(\[5m\])?(?: @ (-?[\d.]+))?$/.exec(expr);
    if (match === null) return { type: "error", message: `1:1: ${expr} is not supported yet` };
    const [, name, brackets, at] = match;
    if (name === "broken") return { type: "error", message: "it broke" };
    const endMs = at === undefined ? timeMs : Number(at) * 1000;
    const named = this.#series.filter(({ labels }) => labelValue(labels, METRIC_NAME) === name);
    const series: ResultSeries[] = [];
    for (const { labels, samples } of named) {
      const window = samples.filter(
        ({ timestampMs }) => timestampMs > endMs - 5 * MINUTE_MS && timestampMs <= endMs,
      );
      const found = window.flatMap((sample) => ("stale" in sample ? [] : [sample]));
      const last = window.at(-1);
      if (brackets !== undefined && found.length > 0) series.push({ labels, points: found });
      else if (brackets === undefined && last !== undefined && !("stale" in last))
        series.push({ labels, points: [{ ...last, timestampMs: timeMs }] });
    }
    return { type: brackets === undefined ? "vector" : "matrix", series };
  }
}

const DATA = `load 1m
  up{job="a"} 0+1x10
  up{job="b"} 5 _ stale 7x7

`;

async function run(script: string, target = new NameOnlyTarget()): Promise<readonly EvalReport[]> {
  return runPromqlTest(parsePromqlTest(script, "run.test"), target);
}

/** The report of a script with one evaluation. */
async function report(script: string, target = new NameOnlyTarget()): Promise<EvalReport> {
  const [only, ...others] = await run(DATA + script, target);
  ok(only !== undefined && others.length === 0);
  return only;
}

describe("running a script", () => {
  const passing: readonly string[] = [
    'eval instant at 1m up\n  up{job="a"} 1\n  up{job="b"} 5',
    'eval instant at 2m up\n  up{job="a"} 2',
    'eval instant at 0 up\n  up{job="b"} 5\n  up{job="a"} 0',
    'eval range from 0 to 3m step 1m up\n  up{job="a"} 0 1 2 3\n  up{job="b"} 5 5 _ 7',
    'eval instant at 1m up[5m]\n  expect range vector from 0 to 1m step 1m\n  up{job="a"} 0 1\n  up{job="b"} 5 _',
    "eval instant at 1m 5\n  5",
    'eval instant at 1m "x"\n  expect string "x"',
    "eval instant at 1m nothing",
    "eval instant at 1m broken\n  expect fail",
    "eval instant at 1m broken\n  expect fail msg: it broke",
    "eval instant at 1m broken\n  expect fail regex: bro",
    "eval range from 0 to 1m step 1m broken\n  expect fail regex: bro",
    'eval instant at 2m up\n  expect no_warn\n  expect no_info\n  expect ordered\n  up{job="a"} 2',
  ];
  for (const script of passing)
    test(`passes: ${JSON.stringify(script)}`, async () => {
      const { status, got } = await report(script);
      equal(status, "passed", got);
    });

  const failing: readonly (readonly [script: string, got: string])[] = [
    ['eval instant at 1m up\n  up{job="a"} 1', 'up{job="b"} 5@60000, which is not expected'],
    ['eval instant at 2m up\n  up{job="a"} 2\n  up{job="b"} 5', 'no series up{job="b"}'],
    ['eval instant at 2m up\n  up{job="a"} 2.1', 'up{job="a"} 2@120000: 2, expected 2.1'],
    ['eval instant at 2m up\n  up{job="a"} stale', 'up{job="a"} 2@120000: 2, expected nothing'],
    [
      'eval instant at 1m up\n  expect ordered\n  up{job="b"} 5\n  up{job="a"} 1',
      'up{job="a"} in place 1, expected in place 2',
    ],
    ["eval instant at 1m up\n  1", "series, where a scalar is expected"],
    ["eval instant at 1m 5\n  6", "5"],
    ["eval instant at 1m 5", "a scalar 5"],
    ['eval instant at 1m "x"\n  expect string "y"', '"x"'],
    ['eval instant at 1m "x"', 'the string "x"'],
    ["eval instant at 1m up\n  expect fail", "no error"],
    ["eval instant at 1m broken\n  expect fail msg: it brok", "error: it broke"],
    ["eval instant at 1m broken", "error: it broke"],
    ['eval instant at 2m up\n  expect warn\n  up{job="a"} 2', "no warning for regex: .*: "],
    [
      'eval range from 0 to 2m step 1m up\n  up{job="a"} 0 1 2 3\n  up{job="b"} 5 5',
      "4 points are expected, beyond the end",
    ],
    [
      'eval range from 0 to 2m step 1m up\n  up{job="a"} 0 1 2\n  up{job="b"} 5 _ 5',
      "point 2 at 60000 ms, expected at 120000 ms",
    ],
    [
      'eval range from 0 to 2m step 1m up\n  up{job="a"} 0 1\n  up{job="b"} 5 5',
      "expected 2 points",
    ],
    [
      'eval range from 0 to 1m step 1m up\n  expect ordered\n  up{job="a"} 0 1\n  up{job="b"} 5 5'.replace(
        "  expect ordered\n",
        "  expect info\n",
      ),
      "no info for regex: .*: ",
    ],
  ];
  for (const [script, got] of failing)
    test(`fails: ${JSON.stringify(script)}`, async () => {
      const found = await report(script);
      equal(found.status, "failed");
      ok(found.got.split("\n")[0]?.endsWith(got), found.got);
    });

  test("an instant query is repeated at other times, pinned, and each as a range query", async () => {
    const target = new NameOnlyTarget();
    await report('eval instant at 10m up\n  up{job="a"} 10\n  up{job="b"} 7', target);
    deepEqual(target.asked, [
      "instant up at 600",
      "range up from 540 to 660",
      ...[-6000, 0, 120, 600, 6000].flatMap((at) => [
        `instant up @ 600 at ${at}`,
        `range up @ 600 from ${at - 60} to ${at + 60}`,
      ]),
    ]);
  });

  test("an order cannot be asked of range queries, but they must work", async () => {
    const target = new NameOnlyTarget();
    const { status } = await report(
      'eval instant at 2m up\n  expect ordered\n  up{job="a"} 2',
      target,
    );
    equal(status, "passed");
    ok(target.asked.includes("range up from 60 to 180"));
  });

  test("each load adds, and clear drops all", async () => {
    const reports = await run(`${DATA}load 1m
  down 1 1

eval instant at 0 down
  down 1

clear

eval instant at 0 down

eval instant at 0 up`);
    deepEqual(
      reports.map(({ status, line }) => `${line} ${status}`),
      ["8 passed", "13 passed", "15 passed"],
    );
  });

  test("a report says where, what was expected and what came", async () => {
    deepEqual(await report('eval instant at 2m up\n  expect no_warn\n  up{job="a"} 3'), {
      file: "run.test",
      line: 5,
      expr: "up",
      status: "failed",
      expected: 'no_warn\nup{job="a"} 3',
      got: 'up{job="a"} 2@120000: 2, expected 3\nup{job="a"} 2@120000',
    });
  });
});

describe("a target with a defect is found out", () => {
  /** What the defect makes of the answers. */
  const defects: Readonly<Record<string, (target: NameOnlyTarget) => void>> = {
    "a series comes twice": (target) => spoil(target, "instant", (list) => [...list, ...list]),
    "a matrix is not sorted": (target) => spoil(target, "range", (list) => list.toReversed()),
    "range queries differ from instant ones": (target) =>
      spoil(target, "range", (list) =>
        list.map((series) => ({
          ...series,
          points: series.points.map((point) =>
            "value" in point ? { ...point, value: point.value + 1 } : point,
          ),
        })),
      ),
    "range queries lose series": (target) => spoil(target, "range", (list) => list.slice(1)),
    "the time of evaluation leaks into pinned queries": (target) => {
      const instant = target.instant.bind(target);
      target.instant = (expr, timeMs) => instant(expr.replace(/ @ .*/, ""), timeMs);
    },
    "it throws": (target) => {
      target.instant = () => Promise.reject(new TypeError("x is not a function"));
    },
    "it warns for no reason": (target) => {
      target.answer = (value) => ({ value, warnings: ["careful"], infos: [] });
    },
    "it informs for no reason": (target) => {
      target.answer = (value) => ({ value, warnings: [], infos: ["note"] });
    },
  };

  const spoil = (
    target: NameOnlyTarget,
    query: "instant" | "range",
    change: (series: readonly ResultSeries[]) => readonly ResultSeries[],
  ): void => {
    const ask = target[query].bind(target) as (...args: unknown[]) => Promise<TestResult>;
    target[query] = async (...args: unknown[]) => {
      const result = await ask(...args);
      const { value } = result;
      if (value.type !== "vector" && value.type !== "matrix") return result;
      return { ...result, value: { ...value, series: change(value.series) } };
    };
  };

  const script =
    'eval instant at 1m up\n  expect no_warn\n  expect no_info\n  up{job="a"} 1\n  up{job="b"} 5';
  for (const [defect, apply] of Object.entries(defects))
    test(defect, async () => {
      const target = new NameOnlyTarget();
      equal((await report(script, target)).status, "passed");
      apply(target);
      equal((await report(script, target)).status, "failed");
    });

  test("only warnings that are expected may come", async () => {
    const expectations: readonly (readonly [string, EvalReport["status"]])[] = [
      ["expect warn", "passed"],
      ["expect warn msg: careful", "passed"],
      ["expect warn regex: care", "passed"],
      ["expect warn msg: care", "failed"],
      ["expect warn msg: careful\n  expect warn msg: other", "failed"],
      ["expect no_info", "passed"],
    ];
    for (const [line, status] of expectations) {
      const target = new NameOnlyTarget();
      target.answer = (value) => ({ value, warnings: ["careful"], infos: [] });
      const found = await report(`eval instant at 2m up\n  ${line}\n  up{job="a"} 2`, target);
      equal(found.status, status, line);
    }
  });
});

describe("histograms", () => {
  const loaded =
    "load 1m\n  h {{schema:0 sum:3 count:3 buckets:[1 0 2]}}x5\n\neval instant at 1m h\n  h ";
  const expected: readonly (readonly [text: string, status: EvalReport["status"]])[] = [
    ["{{schema:0 sum:3 count:3 buckets:[1 0 2]}}", "passed"],
    ["{{sum:3.000001 count:3 buckets:[0 1 0 2 0] offset:-1}}", "passed"],
    ["{{sum:3 count:3 buckets:[1 0 2] counter_reset_hint:unknown}}", "passed"],
    ["{{sum:3 count:3 buckets:[1 0 2] counter_reset_hint:gauge}}", "failed"],
    ["{{sum:3.1 count:3 buckets:[1 0 2]}}", "failed"],
    ["{{sum:3 count:4 buckets:[1 0 2]}}", "failed"],
    ["{{sum:3 count:3 buckets:[1 2]}}", "failed"],
    ["{{sum:3 count:3 buckets:[1 0 3]}}", "failed"],
    ["{{sum:3 count:3 n_buckets:[1 0 2]}}", "failed"],
    ["{{sum:3 count:3 buckets:[1 0 2] z_bucket_w:1}}", "failed"],
    ["{{sum:3 count:3 buckets:[1 0 2] z_bucket:1}}", "failed"],
    ["{{schema:1 sum:3 count:3 buckets:[1 0 2]}}", "failed"],
    ["{{schema:-53 sum:3 count:3 buckets:[1 0 2]}}", "failed"],
    ["3", "failed"],
  ];
  for (const [text, status] of expected)
    test(`one with sum, count and buckets 3, 3 and 1 0 2 is ${status === "passed" ? "" : "not "}${text}`, async () => {
      const [only] = await run(loaded + text);
      equal(only?.status, status);
    });

  test("are expected of range queries and range vectors, too", async () => {
    const reports = await run(`load 1m
  h 1 {{sum:1}} _ {{sum:2}}

eval range from 0 to 4m step 2m h
  h 1 {{sum:1}} {{sum:2}}

eval instant at 3m h[5m]
  expect range vector from 0 to 3m step 1m
  h 1 {{sum:1}} _ {{sum:2}}

eval range from 0 to 1m step 1m h
  h 1 1`);
    deepEqual(
      reports.map(({ status }) => status),
      ["passed", "passed", "failed"],
    );
    equal(
      reports[2]?.got.split("\n")[0],
      "h 1@0 {{sum:1}}@60000: at 60000 ms {{sum:1}}, expected 1",
    );
  });

  test("with custom bounds are loaded beside classic ones by load_with_nhcb", async () => {
    const reports = await run(`load_with_nhcb 1m
  c_bucket{le="1",a="b"} 1 2 _ 3.5
  c_bucket{le="+Inf",a="b"} 4 4 _ 4
  c_bucket{le="NaN",a="b"} 9 9 _ 9
  c_count{a="b"} 4 4 4 4
  c_sum{a="b"} 10 20 _ 30
  partial_bucket{le="5"} 7
  partial_bucket{le="2"} 3

eval range from 0 to 3m step 1m c
  c{a="b"} {{schema:-53 count:4 sum:10 custom_values:[1] buckets:[1 3]}} {{schema:-53 count:4 sum:20 custom_values:[1] buckets:[2 2]}} {{schema:-53 count:4 buckets:[4]}} {{schema:-53 count:4 sum:30 custom_values:[1] buckets:[3.5 0.5]}}

eval instant at 0 partial
  partial {{schema:-53 count:7 custom_values:[2 5] buckets:[3 4]}}`);
    deepEqual(
      reports.map(({ status, got }) => (status === "passed" ? status : got)),
      ["passed", "passed"],
    );
  });
});

describe("start timestamps", () => {
  /** What the target is told of `x` in a load with this text behind `@st`. */
  async function starts(lines: string): Promise<readonly unknown[]> {
    const target = new NameOnlyTarget();
    await run(`load 1m\n  ${lines}`, target);
    return target.loaded.flatMap(({ samples }) => samples.map(({ startMs }) => startMs));
  }

  test("are told as times, from offsets to those of the points", async () => {
    deepEqual(await starts("x@st -1m 0s _ 30s\n  x 1 2 3 4"), [
      -60_000,
      60_000,
      undefined,
      210_000,
    ]);
    deepEqual(await starts("x@st -1mx2\n  x 1x2"), [-60_000, 0, 60_000]);
    deepEqual(await starts("x@st 0s-30sx2\n  x 1x2"), [0, 30_000, 60_000]);
    deepEqual(await starts("x@st _x2 -5s *\n  x 1x3"), [undefined, undefined, 115_000, 175_000]);
  });

  test("of all series that follow are told again and again", async () => {
    deepEqual(await starts("@st -10s _\n  x 1x2"), [-10_000, undefined, 110_000]);
  });
});

test("what is not supported yet is never an expected failure", async () => {
  const { status } = await report("eval instant at 0 up[5m] anchored\n  expect fail");
  equal(status, "failed");
});

test("labels are compared as sets, not as they were written", async () => {
  equal(formatLabels(labelsFrom({ b: "1", a: "2" })), '{a="2", b="1"}');
  const [only] = await run(
    'load 1m\n  x{b="1",a="2"} 3\n\neval instant at 0 x\n  x{a="2",b="1"} 3',
  );
  equal(only?.status, "passed");
});
