// The exemptions of the comparison with Prometheus: each explains what it is for, and nothing that lies beside it.
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { FUNCTIONS, parse } from "@pharos/promql/syntax";
import type { Answer, Series, Times } from "./differential/answer.ts";
import { differenceOf } from "./differential/answer-difference.ts";
import { askedForCompliance, generatedQueries } from "./differential/asked-queries.ts";
import { type Asking, type Culprit, findCulprit } from "./differential/culprit.ts";
import { EXEMPTIONS } from "./differential/exemptions.ts";
import { NEWER_FUNCTIONS } from "./differential/query-generator.ts";

const AT = 600;
const INSTANT: Times = { kind: "instant", time: AT };
const RANGE: Times = { kind: "range", start: AT, end: AT + 60, step: 60 };

/** Series as `name{a=x,b=y}` with a value each, or one at each of several times. */
function series(
  values: Readonly<Record<string, number | readonly number[]>>,
  stepSeconds = 60,
): Answer {
  const list = Object.entries(values).map(([text, value]): Series => {
    const [, name = "", labels = ""] = /^(\w*)(?:\{(.*)\})?$/.exec(text) ?? [];
    const pairs = labels === "" ? [] : labels.split(",").map((pair) => pair.split("="));
    const metric = Object.fromEntries([...(name === "" ? [] : [["__name__", name]]), ...pairs]);
    const points = [value].flat().map((one, i) => [AT + i * stepSeconds, one] as const);
    return { metric, points };
  });
  return { kind: "vector", series: list };
}

function error(text: string, errorType = "execution"): Answer {
  return { kind: "error", errorType, error: text };
}

interface Case {
  readonly query: string;
  readonly times?: Times;
  readonly theirs: Answer;
  readonly mine: Answer;
  /** What both answer to parts of it, at any time or at one; nothing where a part is not named. */
  readonly parts?: Readonly<Record<string, Answer>>;
}

function culpritOf({ query, times = INSTANT, theirs, mine }: Case): Culprit {
  return { expr: parse(query), text: query, times, theirs, mine, difference: "something" };
}

function askingOf({ parts = {} }: Case): Asking {
  const answer = async (query: string, times: Times): Promise<Answer> => {
    const moment = times.kind === "instant" ? `${query} at ${times.time}` : query;
    return parts[moment] ?? parts[query] ?? series({});
  };
  return { theirs: answer, ours: answer };
}

const NO_DATE = series({ "{a=1}": Number.NaN });
const TWICE = error("multiple matches for labels: many-to-one matching must be explicit");
const SAME_LABELS = error("vector cannot contain metrics with the same labelset");
const duplicates = (group: string, names: string, side = "right"): Answer =>
  error(
    `found duplicate series for the match group ${group} on the ${side} hand-side of the operation: [${names}];many-to-many matching not allowed: matching labels must be unique on one side`,
  );
/** A counter from 9 to 40, first seen 10 s after the window began: 2.42 goes back to where it was 0, 8.4 s before. */
const COUNTER = series({ "x{a=1}": [9, 9, 25, 40] }, 9.5);
const WINDOW_SECONDS = 100;
const rateOf = (backSeconds: number): number =>
  (31 * ((28.5 + backSeconds + 4.75) / 28.5)) / WINDOW_SECONDS;
const TO_ZERO_SECONDS = 28.5 * (9 / 31);

/** What 2.42 predicts at each of two moments. */
const PREDICTED: Readonly<Record<string, Answer>> = Object.fromEntries(
  [1, 3].map((value, i) => [
    `predict_linear(x[1m] @ ${AT + 60}, 1) at ${AT + 60 * i}`,
    { kind: "vector", series: [{ metric: {}, points: [[AT + 60 * i, value]] }] },
  ]),
);

/** For each exemption what it explains, and what it must not. */
const CASES: Readonly<
  Record<string, { readonly explained: readonly Case[]; readonly not: readonly Case[] }>
> = {
  "atan2-drops-the-name": {
    explained: [
      { query: "x atan2 y", theirs: series({ "x{a=1}": 2 }), mine: series({ "{a=1}": 2 }) },
      { query: "{b='1'} atan2 1", theirs: series({ x: 2, y: 3 }), mine: SAME_LABELS },
    ],
    not: [
      { query: "x atan2 y", theirs: series({ "x{a=1}": 2 }), mine: series({ "{a=1}": 2.1 }) },
      { query: "x atan2 y", theirs: series({ "x{a=1}": 2 }), mine: series({}) },
      { query: "x + y", theirs: series({ "x{a=1}": 2 }), mine: series({ "{a=1}": 2 }) },
      { query: "{b='1'} atan2 1", theirs: series({ x: 2 }), mine: SAME_LABELS },
    ],
  },
  "names-dropped-at-the-end": {
    explained: [
      {
        query: "sum(abs(x))",
        theirs: SAME_LABELS,
        mine: series({ "": 1 }),
        parts: { "abs(x)": SAME_LABELS },
      },
    ],
    not: [
      { query: "sum(abs(x))", theirs: SAME_LABELS, mine: series({ "": 1 }) },
      {
        query: "sum(abs(x))",
        theirs: series({ "": 1 }),
        mine: SAME_LABELS,
        parts: { "abs(x)": SAME_LABELS },
      },
    ],
  },
  "topk-ties": {
    explained: [
      {
        query: "topk(2, x)",
        theirs: series({ "x{a=1}": 9, "x{a=2}": 7 }),
        mine: series({ "x{a=1}": 9, "x{a=3}": 7 }),
      },
      {
        query: "topk(1, x)",
        theirs: series({ "x{a=1}": Number.NaN }),
        mine: series({ "x{a=2}": Number.NaN }),
      },
    ],
    not: [
      {
        query: "topk(2, x)",
        theirs: series({ "x{a=1}": 9, "x{a=2}": 7 }),
        mine: series({ "x{a=2}": 7, "x{a=3}": 7 }),
      },
      { query: "topk(1, x)", theirs: series({ "x{a=1}": 9 }), mine: series({ "x{a=1}": 8 }) },
      {
        query: "topk(2, x)",
        theirs: series({ "x{a=1}": 9, "x{a=2}": 9 }),
        mine: series({ "x{a=1}": 9 }),
      },
      {
        query: "topk by (a) (1, x)",
        theirs: series({ "x{a=1}": 7 }),
        mine: series({ "x{a=2}": 7 }),
      },
      { query: "max(x)", theirs: series({ "x{a=1}": 7 }), mine: series({ "x{a=2}": 7 }) },
    ],
  },
  "k-out-of-range": {
    explained: [
      {
        query: "topk(NaN, x)",
        theirs: error("Scalar value NaN overflows int64"),
        mine: error("Parameter value is NaN"),
      },
      {
        query: "topk(-Inf, x)",
        theirs: error("Scalar value -Inf overflows int64"),
        mine: series({}),
      },
    ],
    not: [
      {
        query: "topk(NaN, x)",
        theirs: error("Scalar value NaN overflows int64"),
        mine: series({}),
      },
      {
        query: "topk(1e30, x)",
        theirs: error("Scalar value 1e+30 overflows int64"),
        mine: series({}),
      },
      {
        query: "topk(-Inf, x)",
        theirs: error("Scalar value -Inf overflows int64"),
        mine: series({ x: 1 }),
      },
    ],
  },
  "deviation-of-one": {
    explained: [
      { query: "stddev(x)", theirs: series({ "": 0 }), mine: series({ "": Number.NaN }) },
    ],
    not: [
      { query: "stddev(x)", theirs: series({ "": 0.1 }), mine: series({ "": Number.NaN }) },
      { query: "stddev(x)", theirs: series({ "": 0 }), mine: series({ "": 1 }) },
      { query: "avg(x)", theirs: series({ "": 0 }), mine: series({ "": Number.NaN }) },
    ],
  },
  "deviation-overflows": {
    explained: [
      {
        query: "stdvar_over_time(x[1m])",
        theirs: series({ "": Number.NaN }),
        mine: series({ "": Number.POSITIVE_INFINITY }),
      },
    ],
    not: [
      {
        query: "stdvar_over_time(x[1m])",
        theirs: series({ "": Number.NaN }),
        mine: series({ "": 1 }),
      },
      {
        query: "avg_over_time(x[1m])",
        theirs: series({ "": Number.NaN }),
        mine: series({ "": Number.POSITIVE_INFINITY }),
      },
    ],
  },
  "no-date": {
    explained: [
      {
        query: "month(x)",
        theirs: series({ "{a=1}": 12 }),
        mine: NO_DATE,
        parts: { x: series({ "x{a=1}": 1e19 }) },
      },
      {
        query: "month(x)",
        theirs: series({ "{a=1}": 12 }),
        mine: NO_DATE,
        parts: { x: series({ "x{a=1}": Number.NaN }) },
      },
    ],
    not: [
      {
        query: "month(x)",
        theirs: series({ "{a=1}": 12 }),
        mine: NO_DATE,
        parts: { x: series({ "x{a=1}": 1e18 }) },
      },
      {
        query: "month(x)",
        theirs: series({ "{a=1}": 12 }),
        mine: series({ "{a=1}": 1 }),
        parts: { x: series({ "x{a=1}": 1e19 }) },
      },
      {
        query: "abs(x)",
        theirs: series({ "{a=1}": 12 }),
        mine: NO_DATE,
        parts: { x: series({ "x{a=1}": 1e19 }) },
      },
    ],
  },
  "zero-point-of-a-counter": {
    explained: [
      {
        query: "rate(x[100s] offset -1m)",
        theirs: series({ "{a=1}": rateOf(TO_ZERO_SECONDS) }),
        mine: series({ "{a=1}": rateOf(4.75) }),
        parts: { "x[100s] offset -1m": COUNTER },
      },
    ],
    not: [
      {
        query: "rate(x[100s] offset -1m)",
        theirs: series({ "{a=1}": rateOf(TO_ZERO_SECONDS) }),
        mine: series({ "{a=1}": rateOf(4.7) }),
        parts: { "x[100s] offset -1m": COUNTER },
      },
      {
        query: "delta(x[100s] offset -1m)",
        theirs: series({ "{a=1}": rateOf(TO_ZERO_SECONDS) }),
        mine: series({ "{a=1}": rateOf(4.75) }),
        parts: { "x[100s] offset -1m": COUNTER },
      },
    ],
  },
  "predict-linear-at-a-time": {
    explained: [
      {
        query: "predict_linear(x[1m] @ end(), 1)",
        times: RANGE,
        theirs: series({ "": 1 }),
        mine: series({ "": [1, 3] }),
        parts: PREDICTED,
      },
    ],
    not: [
      {
        query: "predict_linear(x[1m] @ end(), 1)",
        times: RANGE,
        theirs: series({ "": 1 }),
        mine: series({ "": [1, 4] }),
        parts: PREDICTED,
      },
      {
        query: "deriv(x[1m] @ end())",
        times: RANGE,
        theirs: series({ "": 1 }),
        mine: series({ "": [1, 3] }),
        parts: PREDICTED,
      },
    ],
  },
  "rounding-of-sums": {
    explained: [
      {
        query: "sum(x)",
        theirs: series({ "": 1e-5 }),
        mine: series({ "": 0 }),
        parts: { "max(x)": series({ "": 1e9 }), "min(x)": series({ "": -1e9 }) },
      },
    ],
    not: [
      {
        query: "sum(x)",
        theirs: series({ "": 1e-3 }),
        mine: series({ "": 0 }),
        parts: { "max(x)": series({ "": 1e9 }), "min(x)": series({ "": -1e9 }) },
      },
      {
        query: "sum(x)",
        theirs: series({ "": 1 }),
        mine: series({ "": 2 }),
        parts: { "max(x)": series({ "": Number.POSITIVE_INFINITY }) },
      },
      {
        query: "max(x)",
        theirs: series({ "": 1e-5 }),
        mine: series({ "": 0 }),
        parts: { "max(x)": series({ "": 1e9 }), "min(x)": series({ "": -1e9 }) },
      },
    ],
  },
  "rounding-amplified": {
    explained: [
      {
        query: "sin(x)",
        theirs: series({ "{a=1}": 0.5 }),
        mine: series({ "{a=1}": 0.6 }),
        parts: { x: series({ "x{a=1}": 7 }), "sin(vector(7))": series({ "": 0.5 }) },
      },
    ],
    not: [
      {
        query: "sin(x)",
        theirs: series({ "{a=1}": 0.5 }),
        mine: series({ "{a=1}": 0.6 }),
        parts: { x: series({ "x{a=1}": 7 }), "sin(vector(7))": series({ "": 0.6 }) },
      },
      { query: "sin(x)", theirs: series({ "{a=1}": 0.5 }), mine: series({}) },
    ],
  },
  "half-of-the-largest": {
    explained: [
      {
        query: "cosh(x)",
        theirs: series({ "": Number.POSITIVE_INFINITY }),
        mine: series({ "": 1e308 }),
      },
    ],
    not: [
      {
        query: "cosh(x)",
        theirs: series({ "": Number.POSITIVE_INFINITY }),
        mine: series({ "": 1e307 }),
      },
      {
        query: "exp(x)",
        theirs: series({ "": Number.POSITIVE_INFINITY }),
        mine: series({ "": 1e308 }),
      },
    ],
  },
  "rounding-in-labels": {
    explained: [
      {
        query: 'count_values("v", x)',
        theirs: series({ "{v=0.30000000000000004}": 1 }),
        mine: series({ "{v=0.3}": 1 }),
      },
    ],
    not: [
      {
        query: 'count_values("v", x)',
        theirs: series({ "{v=0.30001}": 1 }),
        mine: series({ "{v=0.3}": 1 }),
      },
      {
        query: 'count_values("v", x)',
        theirs: series({ "{v=0.30000000000000004}": 1 }),
        mine: series({ "{v=0.3}": 2 }),
      },
      {
        query: 'count_values("w", x)',
        theirs: series({ "{v=0.30000000000000004}": 1 }),
        mine: series({ "{v=0.3}": 1 }),
      },
    ],
  },
  "duplicates-named": {
    explained: [
      { query: "x + y", theirs: duplicates("{}", "a, b"), mine: duplicates("{}", "b, c") },
    ],
    not: [
      { query: "x + y", theirs: duplicates('{n="1"}', "a, b"), mine: duplicates("{}", "a, b") },
      { query: "x + y", theirs: duplicates("{}", "a, b"), mine: duplicates("{}", "a, b", "left") },
    ],
  },
  "duplicates-that-do-not-matter": {
    explained: [
      {
        query: "x + on (n) y",
        theirs: duplicates('{n="1"}', "a, b"),
        mine: series({}),
        parts: { x: series({ "x{n=2}": 1 }) },
      },
      {
        query: "x + y",
        theirs: duplicates('{n="1"}', "a, b"),
        mine: series({}),
        parts: { x: series({ "x{n=1,m=2}": 1 }) },
      },
    ],
    not: [
      {
        query: "x + on (n) y",
        theirs: duplicates('{n="1"}', "a, b"),
        mine: series({}),
        parts: { x: series({ "x{n=1}": 1 }) },
      },
      {
        query: "x + y",
        theirs: duplicates('{n="1"}', "a, b"),
        mine: series({}),
        parts: { x: series({ "x{n=1}": 1 }) },
      },
    ],
  },
  "filtered-matches-count": {
    explained: [
      {
        query: "(x) == on (n) y",
        theirs: series({}),
        mine: TWICE,
        parts: { "(x) == bool on (n) y": TWICE },
      },
    ],
    not: [
      { query: "(x) == on (n) y", theirs: series({}), mine: TWICE },
      {
        query: "(x) == on (n) y",
        theirs: series({}),
        mine: SAME_LABELS,
        parts: { "(x) == bool on (n) y": SAME_LABELS },
      },
      {
        query: "(x) == bool on (n) y",
        theirs: series({}),
        mine: TWICE,
        parts: { "(x) == bool on (n) y": TWICE },
      },
    ],
  },
  "range-queries-name-the-parameter": {
    explained: [
      {
        query: "x",
        times: RANGE,
        theirs: error("1:1: no", "bad_data"),
        mine: error('invalid parameter "query": 1:1: no', "bad_data"),
      },
    ],
    not: [
      {
        query: "x",
        theirs: error("1:1: no", "bad_data"),
        mine: error('invalid parameter "query": 1:1: no', "bad_data"),
      },
      {
        query: "x",
        times: RANGE,
        theirs: error("1:1: no", "bad_data"),
        mine: error('invalid parameter "query": 1:2: no', "bad_data"),
      },
    ],
  },
  "patterns-as-written": {
    explained: [
      {
        query: "x",
        theirs: error("missing ): `^(?:a()$`", "bad_data"),
        mine: error("missing ): `a(`", "bad_data"),
      },
    ],
    not: [
      {
        query: "x",
        theirs: error("missing ): `^(?:a()$`", "bad_data"),
        mine: error("missing ): `b(`", "bad_data"),
      },
    ],
  },
  "durations-are-expressions": {
    explained: [
      {
        query: "x",
        theirs: error("end of input, expected duration", "bad_data"),
        mine: error("end of input, expected number, duration, step(), or range()", "bad_data"),
      },
    ],
    not: [
      {
        query: "x",
        theirs: error("expected duration", "bad_data"),
        mine: error("expected number", "bad_data"),
      },
    ],
  },
  "names-in-utf-8": {
    explained: [
      {
        query: 'label_join(x, "~a", "-", "b")',
        theirs: error("invalid destination label name in label_join(): ~a"),
        mine: series({ x: 1 }),
      },
    ],
    not: [
      {
        query: 'label_join(x, "a", "-", "b")',
        theirs: error("invalid destination label name in label_join(): a"),
        mine: series({ x: 1 }),
      },
      {
        query: 'label_join(x, "~a", "-", "b")',
        theirs: error("something else"),
        mine: series({ x: 1 }),
      },
    ],
  },
};

test("every exemption explains what it is for, and nothing beside it", async () => {
  deepEqual(Object.keys(CASES).sort(), EXEMPTIONS.map(({ name }) => name).sort());
  for (const { name, explains } of EXEMPTIONS) {
    const { explained = [], not = [] } = CASES[name] ?? {};
    ok(explained.length > 0 && not.length > 0, name);
    for (const one of explained)
      equal(await explains(culpritOf(one), askingOf(one)), true, `${name}: ${one.query}`);
    for (const [i, one] of not.entries())
      equal(
        await explains(culpritOf(one), askingOf(one)),
        false,
        `${name}: not ${i}: ${one.query}`,
      );
  }
});

test("a difference is found where it arises", async () => {
  const asking: Asking = {
    theirs: async () => series({ x: 1 }),
    ours: async (query) => series({ x: query.includes("rate(b[5m])") ? 2 : 1 }),
  };
  const culprit = await findCulprit(asking, "sum((abs(a) + (rate(b[5m])))) / 3", INSTANT);
  equal(culprit?.text, "rate(b[5m])");
  equal(await findCulprit(asking, "sum(abs(a))", INSTANT), undefined);
});

test("answers differ by labels, values, times, errors and the order that a query asks for", () => {
  const one = series({ "x{a=1}": 1, "x{a=2}": 2 });
  equal(differenceOf(one, series({ "x{a=2}": 2, "x{a=1}": 1 })), undefined);
  equal(differenceOf(one, series({ "x{a=1}": 1 + 1e-12, "x{a=2}": 2 })), undefined);
  for (const other of [
    series({ "x{a=1}": 1, "x{a=2}": 2 + 1e-6 }),
    series({ "x{a=1}": 1, "y{a=2}": 2 }),
    series({ "x{a=1}": 1 }),
    series({ "x{a=1}": 1, "x{a=2}": [2, 3] }),
    series({ "x{a=1}": Number.NaN, "x{a=2}": 2 }),
    error("no"),
    { kind: "scalar", value: 1 } as const,
  ]) {
    ok(differenceOf(one, other) !== undefined, JSON.stringify(other));
    ok(differenceOf(other, one) !== undefined, JSON.stringify(other));
  }
  ok(differenceOf(one, series({ "x{a=2}": 2, "x{a=1}": 1 }), { ordered: true }) !== undefined);
  const nan = series({ x: Number.NaN });
  equal(differenceOf(nan, nan), undefined);
  ok(differenceOf(error("a"), error("b")) !== undefined);
});

test("generated and compliance queries use every function and operator that 2.42 has", () => {
  const text = [...askedForCompliance(), ...generatedQueries(1, 2000)]
    .map(({ query }) => query)
    .join("\n");
  const ofHistograms = ["histogram_count", "histogram_fraction", "histogram_sum"];
  for (const name of Object.keys(FUNCTIONS))
    if (!NEWER_FUNCTIONS.includes(name) && !ofHistograms.includes(name))
      ok(text.includes(`${name}(`), name);
  for (const word of [
    ..."sum avg min max count group stddev stdvar topk bottomk quantile count_values".split(" "),
    ..."+ - * / % ^ atan2 == != > < >= <= and or unless bool on( ignoring( group_left".split(" "),
    ..."group_right by without offset @ start() end() [5m250ms:".split(" "),
  ])
    ok(text.includes(word), word);
});
