import { createMatcher, type Matcher, type MatchType, METRIC_NAME } from "@pharos/base";
import {
  type Aggregation,
  type AtModifier,
  type BinaryExpr,
  type BinaryOp,
  type Expr,
  FUNCTIONS,
  type ValueType,
  type VectorSelector,
} from "@pharos/promql/syntax";
import fc, { type Arbitrary } from "fast-check";

const span = { start: 0, end: 0 };
const NONE = { offsetMs: 0, at: undefined };

const labelNames = fc.oneof(
  fc.constantFrom("job", "le", "by", "on", "bool", "inf", "a.b", "host name", "ü"),
  fc.stringMatching(/^[a-z_][a-z0-9_]{0,6}$/),
);
const metricNames = fc.constantFrom("up", "http_requests_total", "a:b:c", "sum", "offset", "_x");
const texts = fc.oneof(fc.constantFrom("", 'a"b', "c\\d", "e\nf", "`", "'", "😀"), fc.string());
const durationsMs = fc.oneof(
  fc.constantFrom(1, 500, 1000, 15_000, 60_000, 300_000, 86_400_000, 604_800_000),
  fc.integer({ min: 1, max: 10 ** 11 }),
);

const matchers: Arbitrary<Matcher> = fc
  .tuple(fc.constantFrom<MatchType>("=", "!=", "=~", "!~"), labelNames, texts)
  .map(([type, name, value]) => createMatcher(type, name, type.endsWith("~") ? "a|b.*" : value));

const times: Arbitrary<AtModifier | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom<AtModifier>({ kind: "start" }, { kind: "end" }),
  fc
    .integer({ min: -(10 ** 13), max: 10 ** 13 })
    .map((timestampMs) => ({ kind: "time" as const, timestampMs })),
);
const shifts = fc.record({
  offsetMs: fc.oneof(
    fc.constant(0),
    durationsMs,
    durationsMs.map((ms) => -ms),
  ),
  at: times,
});

const plainSelectors: Arbitrary<VectorSelector> = fc
  .tuple(fc.option(metricNames, { nil: undefined }), fc.array(matchers, { maxLength: 3 }))
  .map(([metricName, list]) => {
    const name = createMatcher("=", METRIC_NAME, metricName ?? "some name");
    const all = [...list, name];
    return { kind: "vector", span, metricName, matchers: all, ...NONE };
  });
const selectors = fc
  .tuple(plainSelectors, shifts)
  .map(([selector, shift]): VectorSelector => ({ ...selector, ...shift }));

const paren = (expr: Expr): Expr => ({ kind: "paren", span, expr });

/** In parentheses where the printed text would be read differently next to an operator. */
const operand = (expr: Expr): Expr => {
  const isLoose =
    expr.kind === "binary" ||
    expr.kind === "unary" ||
    (expr.kind === "number" && (expr.value < 0 || Object.is(expr.value, -0)));
  return isLoose ? paren(expr) : expr;
};

const labelLists = fc.array(labelNames, { maxLength: 3 });

const callsOf = (type: ValueType, argument: (type: ValueType) => Arbitrary<Expr>) => {
  const names = Object.keys(FUNCTIONS).filter((name) => FUNCTIONS[name]?.returns === type);
  return fc.constantFrom(...names).chain((func): Arbitrary<Expr> => {
    const wanted = FUNCTIONS[func]?.args ?? [];
    return fc.tuple(...wanted.map(argument)).map((args) => ({ kind: "call", span, func, args }));
  });
};

const matching = (op: BinaryOp): Arbitrary<NonNullable<BinaryExpr["matching"]>> => {
  const isSet = op === "and" || op === "or" || op === "unless";
  const cards = isSet
    ? fc.constant("many-to-many" as const)
    : fc.constantFrom("one-to-one" as const, "many-to-one" as const, "one-to-many" as const);
  return fc
    .tuple(cards, fc.boolean(), labelLists, labelLists)
    .map(([card, on, labels, include]) => {
      const isGrouped = card === "many-to-one" || card === "one-to-many";
      const extra = isGrouped ? include.filter((label) => !labels.includes(label)) : [];
      return { card, on, labels, include: extra };
    });
};

const COMPARISONS: readonly BinaryOp[] = ["==", "!=", ">", "<", ">=", "<="];
const ARITHMETIC: readonly BinaryOp[] = ["+", "-", "*", "/", "%", "^", "atan2"];
const SETS: readonly BinaryOp[] = ["and", "or", "unless"];

/** Valid expressions of the given type, as trees that print and parse to themselves. Spans are all 0. */
export function expressions(type: ValueType, depth: number): Arbitrary<Expr> {
  const inner = (wanted: ValueType): Arbitrary<Expr> => expressions(wanted, depth - 1);
  switch (type) {
    case "string":
      return texts.map((value): Expr => ({ kind: "string", span, value }));
    case "matrix": {
      const ranges = fc
        .tuple(selectors, durationsMs)
        .map(([selector, rangeMs]): Expr => ({ kind: "matrix", span, selector, rangeMs }));
      if (depth <= 0) return ranges;
      const subqueries = fc
        .record({
          expr: inner("vector").map(operand),
          rangeMs: durationsMs,
          stepMs: fc.option(durationsMs, { nil: undefined }),
        })
        .chain((query) =>
          shifts.map((shift): Expr => ({ kind: "subquery", span, ...query, ...shift })),
        );
      return fc.oneof(ranges, subqueries);
    }
    case "scalar": {
      const numbers = fc.oneof(
        fc.double().map((value): Expr => ({ kind: "number", span, value, duration: false })),
        durationsMs.map((ms): Expr => ({ kind: "number", span, value: ms / 1000, duration: true })),
      );
      if (depth <= 0) return numbers;
      const binaries = fc
        .tuple(fc.constantFrom(...ARITHMETIC, ...COMPARISONS), inner("scalar"), inner("scalar"))
        .map(
          ([op, left, right]): Expr => ({
            kind: "binary",
            span,
            op,
            bool: COMPARISONS.includes(op),
            left: operand(left),
            right: operand(right),
            matching: undefined,
          }),
        );
      return fc.oneof(numbers, binaries, callsOf("scalar", inner), inner("scalar").map(paren));
    }
    case "vector": {
      if (depth <= 0) return selectors;
      const binaries = fc.constantFrom(...ARITHMETIC, ...COMPARISONS, ...SETS).chain(
        (op): Arbitrary<Expr> =>
          fc
            .tuple(inner("vector"), inner("vector"), matching(op), fc.boolean())
            .map(([left, right, match, bool]) => ({
              kind: "binary",
              span,
              op,
              bool: bool && COMPARISONS.includes(op),
              left: operand(left),
              right: operand(right),
              matching: match,
            })),
      );
      const unaries = fc
        .tuple(fc.constantFrom("+" as const, "-" as const), inner("vector"))
        .map(([op, expr]): Expr => ({ kind: "unary", span, op, expr: operand(expr) }));
      return fc.oneof(
        selectors,
        binaries,
        unaries,
        aggregations(inner),
        callsOf("vector", inner),
        inner("vector").map(paren),
      );
    }
  }
}

function aggregations(inner: (type: ValueType) => Arbitrary<Expr>): Arbitrary<Expr> {
  const params: Record<Aggregation["op"], ValueType | undefined> = {
    sum: undefined,
    avg: undefined,
    min: undefined,
    max: undefined,
    count: undefined,
    group: undefined,
    stddev: undefined,
    stdvar: undefined,
    topk: "scalar",
    bottomk: "scalar",
    quantile: "scalar",
    count_values: "string",
    limitk: "scalar",
    limit_ratio: "scalar",
  };
  return fc
    .constantFrom(...(Object.keys(params) as Aggregation["op"][]))
    .chain((op): Arbitrary<Expr> => {
      const type = params[op];
      const param = type === undefined ? fc.constant(undefined) : inner(type);
      return fc
        .tuple(param, inner("vector"), fc.boolean(), labelLists)
        .map(([parameter, expr, without, grouping]) => ({
          kind: "aggregation",
          span,
          op,
          param: parameter,
          expr,
          without,
          grouping,
        }));
    });
}
