import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { formatMatcher, OperatingError } from "@pharos/base";
import {
  childrenOf,
  EXPRESSION_DEPTH_MAX,
  EXPRESSION_LENGTH_MAX,
  type Expr,
  formatExpr,
  LINE_LENGTH_MAX,
  lineAndColumn,
  PromqlSyntaxError,
  parse,
  parseMetricSelector,
  pinSelectors,
  printExpr,
  REGEXES_COST_MAX,
  toJson,
  type ValueType,
  valueTypeOf,
  walk,
} from "@pharos/promql/syntax";
import { parser as editorParser } from "@prometheus-io/lezer-promql";
import fc from "fast-check";
import { expressions } from "./syntax-arbitrary.ts";
import { KNOWN_TO_PROMETHEUS_2 } from "./syntax-error-cases.ts";
import { NEWER_THAN_PROMETHEUS_2 } from "./syntax-newer-error-cases.ts";
import { VALID } from "./syntax-valid-cases.ts";

/** The error that `parse` throws; a text that parses is a failure of the test. */
function errorOf(text: string): PromqlSyntaxError {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof PromqlSyntaxError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(text)} parses`);
}

/** The tree with brackets around every node that has children, so that precedence can be seen. */
function shape(expr: Expr): string {
  if (expr.kind === "binary") return `[${shape(expr.left)} ${expr.op} ${shape(expr.right)}]`;
  if (expr.kind === "unary") return `[${expr.op}${shape(expr.expr)}]`;
  return expr.kind === "paren" ? `(${shape(expr.expr)})` : printExpr(expr);
}

/** A tree to compare: without places, without compiled patterns, matchers in one order. */
function plain(expr: Expr): unknown {
  return JSON.parse(
    JSON.stringify(expr, (key, value: unknown) => {
      if (key === "span" || key === "regex") return undefined;
      if (key === "matchers")
        return (value as Parameters<typeof formatMatcher>[0][]).map(formatMatcher).sort();
      return typeof value === "number" ? (Object.is(value, -0) ? "-0" : String(value)) : value;
    }),
  );
}

describe("valid queries", () => {
  for (const [text, printed = text] of VALID)
    test(`${JSON.stringify(text)} is printed as ${printed}`, () => {
      equal(printExpr(parse(text)), printed);
      equal(printExpr(parse(printed)), printed);
    });
});

describe("invalid queries", () => {
  for (const [text, at, reason] of [
    ...KNOWN_TO_PROMETHEUS_2,
    ...Object.values(NEWER_THAN_PROMETHEUS_2).flat(),
  ])
    test(`${JSON.stringify(text)}: ${at} ${reason}`, () => {
      const error = errorOf(text);
      equal(error.message, `${at}: parse error: ${reason}`);
      equal(error.code, "query.invalid");
      ok(error.span.start <= error.span.end && error.span.end <= text.length);
    });
});

describe("the tree", () => {
  const shapes: readonly (readonly [text: string, shape: string])[] = [
    ["1 + 2 * 3", "[1 + [2 * 3]]"],
    ["1 * 2 + 3", "[[1 * 2] + 3]"],
    ["1 - 2 - 3", "[[1 - 2] - 3]"],
    ["2 ^ 3 ^ 2", "[2 ^ [3 ^ 2]]"],
    ["-1 ^ 2", "[-[1 ^ 2]]"],
    ["2 ^ -1 ^ 2", "[2 ^ [-[1 ^ 2]]]"],
    ["2 ^ -a * b", "[[2 ^ [-a]] * b]"],
    ["-a * b", "[[-a] * b]"],
    ["-a + b", "[[-a] + b]"],
    ["a % b atan2 c", "[[a % b] atan2 c]"],
    ["a or b and c or d", "[[a or [b and c]] or d]"],
    ["a and b unless c", "[[a and b] unless c]"],
    ["a > b and c < d", "[[a > b] and [c < d]]"],
    ["a + b > c * d", "[[a + b] > [c * d]]"],
    ["a + b offset 5m", "[a + b offset 5m]"],
    ["a * b @ 10 + c", "[[a * b @ 10.000] + c]"],
    ["-a offset 1m", "[-a offset 1m]"],
    ["((a))", "((a))"],
    ["- - a", "[-[-a]]"],
    ["+-2", "-2"],
    ["a </ 5 > 1", "[[a </ 5] > 1]"],
    ["a >/ b + 1 and c", "[[a >/ [b + 1]] and c]"],
    ["a offset 5m + 1", "[a offset 5m + 1]"],
    ["a offset -step() ^ 2", "[a offset -step() ^ 2]"],
    ["a smoothed * b anchored", "[a smoothed * b anchored]"],
    ["a - fill(1) b - c", "[[a - b] - c]"],
  ];
  for (const [text, expected] of shapes)
    test(`${text} is ${expected}`, () => equal(shape(parse(text)), expected));

  test("every node knows its place in the text", () => {
    const text = 'sum by (x) (rate(a{b="c"}[5m] offset 1m))\n  / (d @ 5) # end';
    const places: string[] = [];
    walk(parse(text), ({ span }) => places.push(text.slice(span.start, span.end)));
    deepEqual(places, [
      'sum by (x) (rate(a{b="c"}[5m] offset 1m))\n  / (d @ 5)',
      'sum by (x) (rate(a{b="c"}[5m] offset 1m))',
      'rate(a{b="c"}[5m] offset 1m)',
      'a{b="c"}[5m] offset 1m',
      'a{b="c"}',
      "(d @ 5)",
      "d @ 5",
    ]);
  });

  test("a metric name outside the braces is the last matcher", () => {
    const expr = parse('up{job="api",env!=""}');
    ok(expr.kind === "vector");
    equal(expr.metricName, "up");
    deepEqual(expr.matchers.map(formatMatcher), ['job="api"', 'env!=""', '__name__="up"']);
  });

  test("a name with dots is the same as one in quotes", () => {
    deepEqual(plain(parse("cpu.load{a='b'}")), plain(parse("{'cpu.load', a='b'}")));
  });

  test("matching is there between vectors only", () => {
    const matchingOf = (text: string): unknown => {
      const expr = parse(text);
      return expr.kind === "binary" ? expr.matching : "not binary";
    };
    const none = { on: false, labels: [], include: [] };
    deepEqual(matchingOf("a + b"), { card: "one-to-one", ...none });
    deepEqual(matchingOf("a or b"), { card: "many-to-many", ...none });
    deepEqual(matchingOf("a + fill(2) b"), {
      card: "one-to-one",
      ...none,
      fill: { left: 2, right: 2 },
    });
    deepEqual(matchingOf("a / on(x) group_right fill_right(-1) b"), {
      card: "one-to-many",
      on: true,
      labels: ["x"],
      include: [],
      fill: { right: -1 },
    });
    equal(matchingOf("a + 1"), undefined);
    equal(matchingOf("1 + 1"), undefined);
    deepEqual(matchingOf("a * on(x, y) group_left(z) b"), {
      card: "many-to-one",
      on: true,
      labels: ["x", "y"],
      include: ["z"],
    });
  });

  test("each expression has the type that Prometheus gives it", () => {
    const types: readonly (readonly [string, ValueType])[] = [
      ["1", "scalar"],
      ['"x"', "string"],
      ["a", "vector"],
      ["a[5m]", "matrix"],
      ["a[5m:1m]", "matrix"],
      ["1 + 1", "scalar"],
      ["1 + a", "vector"],
      ["-1 ^ 2", "scalar"],
      ["(time())", "scalar"],
      ["sum(a)", "vector"],
      ["vector(1)", "vector"],
    ];
    for (const [text, type] of types) equal(valueTypeOf(parse(text)), type, text);
  });
});

describe("printing", () => {
  for (const type of ["scalar", "vector", "matrix", "string"] as const)
    test(`a ${type} expression, printed and parsed, is what it was`, () => {
      fc.assert(
        fc.property(expressions(type, 3), (expr) => {
          deepEqual(plain(parse(printExpr(expr))), plain(expr));
          deepEqual(plain(parse(formatExpr(expr))), plain(expr));
        }),
        { numRuns: 300 },
      );
    });

  test("what fits on a line stays on it", () => {
    equal(formatExpr(parse("sum( a )by(b)")), "sum by (b) (a)");
  });

  test("what does not fit is broken at calls, aggregations, operators and parentheses", () => {
    const long = `{job="${"x".repeat(75)}"}`;
    equal(
      formatExpr(
        parse(`topk by (job) (5, -rate(a${long}[5m])) / on (job) (b${long} + ${"c".repeat(40)})`),
      ),
      `  topk by (job) (
    5,
    -rate(a${long}[5m])
  )
/ on (job)
  (
      b${long}
    +
      ${"c".repeat(40)}
  )`,
    );
  });

  test("a long subquery keeps its range behind the last line", () => {
    const long = `{job="${"x".repeat(90)}"}`;
    equal(
      formatExpr(parse(`max_over_time(rate(a${long}[5m])[1h:1m] offset 2h)`)),
      `max_over_time(
  rate(
    a${long}[5m]
  )[1h:1m] offset 2h
)`,
    );
  });

  test("indentation ends at half a line, so that a deep expression does not grow to the square", () => {
    const text = `${"(".repeat(500)}${"a".repeat(LINE_LENGTH_MAX)}${")".repeat(500)}`;
    const lines = formatExpr(parse(text)).split("\n");
    equal(lines.length, 1001);
    equal(Math.max(...lines.map((line) => line.search(/\S/))), LINE_LENGTH_MAX / 2);
  });

  test("no line that can be broken is too long", () => {
    fc.assert(
      fc.property(expressions("vector", 4), (expr) => {
        equal(formatExpr(expr).includes("\n"), breakable(expr));
      }),
    );
  });
});

/** Whether the formatter has a place to break in what is too long: there is none in a selector or a literal. */
function breakable(expr: Expr): boolean {
  if (printExpr(expr).length <= LINE_LENGTH_MAX) return false;
  // Signs and subquery ranges stay with what they belong to.
  if (expr.kind === "unary" || expr.kind === "subquery") return breakable(expr.expr);
  return expr.kind !== "matrix" && childrenOf(expr).length > 0;
}

describe("the JSON of a tree", () => {
  test("has the fields of Prometheus's parse_query", () => {
    deepEqual(toJson(parse('sum by (a) (rate(x{b="c"}[5m] @ 10 offset 1m)) > bool 0.5')), {
      type: "binaryExpr",
      op: ">",
      bool: true,
      matching: null,
      lhs: {
        type: "aggregation",
        op: "sum",
        without: false,
        grouping: ["a"],
        param: null,
        expr: {
          type: "call",
          func: { name: "rate", argTypes: ["matrix"], variadic: 0, returnType: "vector" },
          args: [
            {
              type: "matrixSelector",
              name: "x",
              range: 300_000,
              offset: 60_000,
              timestamp: 10_000,
              startOrEnd: null,
              anchored: false,
              smoothed: false,
              matchers: [
                { type: "=", name: "b", value: "c" },
                { type: "=", name: "__name__", value: "x" },
              ],
            },
          ],
        },
      },
      rhs: { type: "numberLiteral", val: "0.5" },
    });
  });

  test("shows extents and what stands in for missing sides", () => {
    const sides = (text: string): unknown => {
      const json = toJson(parse(text));
      return json.type === "binaryExpr" ? json.matching?.fillValues : json;
    };
    deepEqual(sides("a + fill(2) b"), { lhs: 2, rhs: 2 });
    deepEqual(sides("a + fill_left(-0) b"), { lhs: 0, rhs: null });
    deepEqual(sides("a + fill_right(-Inf) fill_left(NaN) b"), { lhs: "NaN", rhs: "-Inf" });
    const extents = (text: string): unknown => {
      const json = toJson(parse(text));
      if (json.type !== "vectorSelector" && json.type !== "matrixSelector") return json;
      const { anchored, smoothed } = json;
      return { anchored, smoothed };
    };
    deepEqual(extents("a anchored"), { anchored: true, smoothed: false });
    deepEqual(extents("a[5m] smoothed"), { anchored: false, smoothed: true });
    deepEqual(extents("a[5m]"), { anchored: false, smoothed: false });
  });

  test("shows matching, subqueries and literals", () => {
    const selector = {
      type: "vectorSelector",
      offset: 0,
      timestamp: null,
      startOrEnd: null,
      anchored: false,
      smoothed: false,
    };
    const named = (name: string) => ({
      ...selector,
      name,
      matchers: [{ type: "=", name: "__name__", value: name }],
    });
    deepEqual(toJson(parse("a * on (x) group_left b")), {
      type: "binaryExpr",
      op: "*",
      bool: false,
      lhs: named("a"),
      rhs: named("b"),
      matching: {
        card: "many-to-one",
        labels: ["x"],
        on: true,
        include: [],
        fillValues: { lhs: null, rhs: null },
      },
    });
    deepEqual(toJson(parse("a[5m:] @ end()")), {
      type: "subquery",
      expr: named("a"),
      range: 300_000,
      step: 0,
      offset: 0,
      timestamp: null,
      startOrEnd: "end",
      alignEvalTime: false,
    });
    deepEqual(toJson(parse("(-Inf)")), {
      type: "parenExpr",
      expr: { type: "numberLiteral", val: "-Inf" },
    });
    deepEqual(toJson(parse('{"a.b"}')), {
      ...selector,
      name: "",
      matchers: [{ type: "=", name: "__name__", value: "a.b" }],
    });
  });
});

describe("any text", () => {
  const tokens = fc.constantFrom(
    ..."( ) { } [ ] , = == != =~ + - * / ^ % @ < > </ by on without offset bool and or unless sum topk rate".split(
      " ",
    ),
    ...'foo a.b {"x"} 5m 1h: [5m] "x" \'y 1 .5 0x start() group_left fill( anchored # \n \\ é NaN'.split(
      " ",
    ),
  );
  const check = (text: string): void => {
    try {
      ok(printExpr(parse(text)).length > 0);
    } catch (error) {
      if (!(error instanceof PromqlSyntaxError)) throw error;
      match(error);
    }
  };
  const match = (error: PromqlSyntaxError): void =>
    ok(/^\d+:\d+: parse error: ./.test(error.message), error.message);

  test("either parses or is a PromqlSyntaxError: characters", () => {
    fc.assert(fc.property(fc.string({ maxLength: 40, unit: "binary" }), check));
  });

  test("either parses or is a PromqlSyntaxError: words in any order", () => {
    fc.assert(
      fc.property(fc.array(tokens, { maxLength: 12 }), (words) => check(words.join(" "))),
      { numRuns: 3000 },
    );
  });

  test("either parses or is a PromqlSyntaxError: valid queries with a part lost, doubled or foreign", () => {
    const valid = fc.constantFrom(...VALID.map(([text]) => text));
    fc.assert(
      fc.property(valid, tokens, fc.nat(200), fc.nat(8), (text, token, at, length) => {
        const start = at % (text.length + 1);
        const end = Math.min(text.length, start + length);
        check(text.slice(0, start) + text.slice(end));
        check(text.slice(0, end) + text.slice(start));
        check(`${text.slice(0, start)} ${token} ${text.slice(end)}`);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("limits", () => {
  const deep = (open: string, close: string, levels: number): string =>
    `${open.repeat(levels)}a${close.repeat(levels)}`;
  const nests: readonly (readonly [open: string, close: string])[] = [
    ["(", ")"],
    ["abs(", ")"],
    ["sum(", ")"],
    ["-", ""],
    ["a ^ ", ""],
    ["", " or b"],
    ["", " + on (x) b"],
  ];
  for (const [open, close] of nests)
    test(`nesting ${open}…${close} is limited, and everything works at the limit`, () => {
      const expr = parse(deep(open, close, EXPRESSION_DEPTH_MAX - 1));
      equal(formatExpr(parse(printExpr(expr))), formatExpr(expr));
      ok(JSON.stringify(toJson(expr)).length > EXPRESSION_DEPTH_MAX);
      equal(valueTypeOf(expr), "vector");
      for (const levels of [EXPRESSION_DEPTH_MAX, 50 * EXPRESSION_DEPTH_MAX])
        equal(
          errorOf(deep(open, close, levels)).reason,
          `expression nested deeper than ${EXPRESSION_DEPTH_MAX} levels`,
        );
    });

  test("the length of a query is limited", () => {
    const text = `{a="${"x".repeat(EXPRESSION_LENGTH_MAX - 6)}"}`;
    equal(text.length, EXPRESSION_LENGTH_MAX);
    equal(printExpr(parse(text)), text);
    equal(
      errorOf(`${text} `).reason,
      `expression of ${EXPRESSION_LENGTH_MAX + 1} characters; at most ${EXPRESSION_LENGTH_MAX} are allowed`,
    );
  });
});

test("what the regular expressions of a query cost together is limited", () => {
  const selector = (count: number, pattern: string): string =>
    `a{${`b=~"${pattern}",`.repeat(count)}}`;
  const lists = Array.from({ length: 5000 }, (_, index) => `host-${index}`).join("|");
  ok(parse(selector(10, lists)).kind === "vector", "lists cost nothing");
  ok(parse(selector(1000, "GET|P(OS|U)T")).kind === "vector");
  const { reason, column } = errorOf(selector(100, "(abcdef){900}"));
  equal(
    reason,
    `regular expressions of more than ${REGEXES_COST_MAX} parts, repetitions written out`,
  );
  equal(
    column,
    1 + selector(Math.floor(REGEXES_COST_MAX / (8 * 900 + 50)), "(abcdef){900}").length - 1,
  );
});

test("a complaint does not repeat a whole megabyte", () => {
  const { reason } = errorOf(`${"1".repeat(100_000)}x`);
  ok(reason.startsWith('bad number or duration syntax: "111') && reason.length < 600);
});

describe("selectors for match[]", () => {
  test("are read with their matchers in order", () => {
    deepEqual(parseMetricSelector(' up{job=~"a|b", x!="y"} ').map(formatMatcher), [
      'job=~"a|b"',
      'x!="y"',
      '__name__="up"',
    ]);
    deepEqual(parseMetricSelector('{"a.b"}').map(formatMatcher), ['__name__="a.b"']);
  });

  test("are nothing but selectors", () => {
    const cases: readonly (readonly [string, string])[] = [
      ["", "1:1: parse error: unexpected end of input"],
      ["1", '1:1: parse error: unexpected number "1"'],
      ["sum(x)", '1:4: parse error: unexpected "("'],
      ["up offset 5m", "1:4: parse error: unexpected <offset>"],
      ["up[5m]", '1:3: parse error: unexpected "["'],
      ["up{", "1:4: parse error: unexpected end of input inside braces"],
      ['{a=~".*"}', "1:1: parse error: match[] must contain at least one non-empty matcher"],
      ["{}", "1:1: parse error: match[] must contain at least one non-empty matcher"],
    ];
    for (const [text, message] of cases)
      throws(
        () => parseMetricSelector(text),
        (error) => {
          ok(error instanceof OperatingError);
          equal(error.message, message);
          return true;
        },
      );
  });
});

describe("places in a text", () => {
  test("lines and columns count from 1, columns in characters", () => {
    const text = "ab\né😀c\n";
    const at = (offset: number): string => {
      const { line, column } = lineAndColumn(text, offset);
      return `${line}:${column}`;
    };
    deepEqual([0, 1, 2, 3, 4, 6, 7, 8, 99].map(at), [
      "1:1",
      "1:2",
      "1:3",
      "2:1",
      "2:2",
      "2:3",
      "2:4",
      "3:1",
      "3:1",
    ]);
  });

  test("an error on a later line says so", () => {
    equal(errorOf("sum(\n  foo\n) +").message, "3:4: parse error: unexpected end of input");
  });
});

describe("walking", () => {
  test("visits parents first and tells the path", () => {
    const seen: string[] = [];
    walk(parse("topk(2, rate(a[5m])) + b"), (expr, path) => {
      seen.push(`${path.map(({ kind }) => kind).join("/")}:${expr.kind}`);
    });
    deepEqual(seen, [
      ":binary",
      "binary:aggregation",
      "binary/aggregation:call",
      "binary/aggregation/call:matrix",
      "binary/aggregation/call/matrix:vector",
      "binary/aggregation:number",
      "binary:vector",
    ]);
  });

  test("leaves out what is inside a node that answers false", () => {
    const seen: string[] = [];
    walk(parse("abs(a) + b"), (expr) => {
      seen.push(expr.kind);
      return expr.kind !== "call";
    });
    deepEqual(seen, ["binary", "call", "vector"]);
  });
});

describe("pinning selectors to a time", () => {
  const cases: readonly (readonly [text: string, pinned: string | undefined])[] = [
    ["a", "a @ 60.000"],
    ["a @ 5 offset 1m", "a @ 5.000 offset 1m"],
    ["a @ end()", "a @ 60.000"],
    [
      "-rate(a[5m]) + on (x) sum by (y) (b)",
      "-rate(a[5m] @ 60.000) + on (x) sum by (y) (b @ 60.000)",
    ],
    ["topk(scalar(k), (a))", "topk(scalar(k @ 60.000), (a @ 60.000))"],
    ["max_over_time(timestamp(a)[5m:1m])", "max_over_time(timestamp(a)[5m:1m] @ 60.000)"],
    ["1 + 2", "1 + 2"],
    ["time()", undefined],
    ["a + -vector(time())", undefined],
    ["sum(a * hour())", undefined],
    ["quantile(time(), a)", undefined],
    ["predict_linear(a[5m], 60)", undefined],
  ];
  for (const [text, expected] of cases)
    test(`${text} becomes ${expected}`, () => {
      const pinned = pinSelectors(parse(text), 60_000);
      equal(pinned === undefined ? undefined : printExpr(pinned), expected);
    });
});

describe("the editor's grammar as a second opinion", () => {
  /** What that grammar does not know: some number literals, our dotted names, keywords as names, newer functions. */
  const UNKNOWN_TO_EDITOR =
    /^(2\.|0X1F|0x_1f|1_0e1_0|offset.*|anchored.*|.*[a-z]\.[a-z].*|.*STEP.*|m.._of\(.*)$/;

  test("what parses here has no error there", () => {
    const disputed = VALID.map(([text]) => text).filter((text) => {
      if (UNKNOWN_TO_EDITOR.test(text)) return false;
      return editorParser.parse(text).toString().includes("⚠");
    });
    deepEqual(disputed, []);
  });
});
