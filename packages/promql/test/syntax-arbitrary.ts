import { createMatcher, type Matcher, type MatchType, METRIC_NAME } from "@pharos/base";
import {
  type Aggregation,
  type AtModifier,
  type BinaryExpr,
  type BinaryOp,
  type DurationBinary,
  type DurationExpr,
  type Expr,
  type Extent,
  type FillValues,
  FUNCTIONS,
  type TimeShift,
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

const DURATION_OPS: readonly DurationBinary["op"][] = ["+", "-", "*", "/", "%", "^"];

/** In parentheses where the printed text would be read differently next to an operator. */
const durationOperand = (expr: DurationExpr): DurationExpr => {
  const isLoose =
    expr.kind === "duration-binary" ||
    expr.kind === "duration-negation" ||
    (expr.kind === "number" && expr.value < 0);
  return isLoose ? { kind: "duration-paren", span, expr } : expr;
};

const durationCalls = (inner: Arbitrary<DurationExpr>): Arbitrary<DurationExpr> =>
  fc.oneof(
    fc
      .constantFrom("step" as const, "range" as const)
      .map((func): DurationExpr => ({ kind: "duration-call", span, func, args: [] })),
    fc
      .tuple(fc.constantFrom("min_of" as const, "max_of" as const), inner, inner)
      .map(([func, ...args]): DurationExpr => ({ kind: "duration-call", span, func, args })),
  );

const durationParts = (depth: number): Arbitrary<DurationExpr> => {
  const literals = fc.oneof(
    durationsMs.map((ms) => ({ kind: "number", span, value: ms / 1000, duration: true }) as const),
    fc
      .integer({ min: -5000, max: 5000 })
      .filter((value) => value !== 0)
      .map((value) => ({ kind: "number", span, value, duration: false }) as const),
  );
  if (depth <= 0) return literals;
  const inner = durationParts(depth - 1);
  const binaries = fc.tuple(fc.constantFrom(...DURATION_OPS), inner, inner).map(
    ([op, left, right]): DurationExpr => ({
      kind: "duration-binary",
      span,
      op,
      left: durationOperand(left),
      right: durationOperand(right),
    }),
  );
  const negations = inner.map(durationOperand).map((expr): DurationExpr => {
    if (expr.kind === "number") return { ...expr, value: -expr.value };
    return { kind: "duration-negation", span, expr };
  });
  return fc.oneof(literals, binaries, negations, durationCalls(inner));
};

/** Durations that depend on the query or are more than a literal, as they stand in brackets. */
const durationExprs: Arbitrary<DurationExpr> = fc
  .tuple(fc.constantFrom(...DURATION_OPS), durationCalls(durationParts(1)), durationParts(2))
  .map(([op, left, right]) => ({
    kind: "duration-binary",
    span,
    op,
    left,
    right: durationOperand(right),
  }));

const ranges = fc.oneof(
  durationsMs.map((rangeMs) => ({ rangeMs })),
  durationExprs.map((rangeExpr) => ({ rangeMs: Number.NaN, rangeExpr })),
);
const steps = fc.oneof(
  fc.option(durationsMs, { nil: undefined }).map((stepMs) => ({ stepMs })),
  durationExprs.map((stepExpr) => ({ stepMs: Number.NaN, stepExpr })),
);
const offsets: Arbitrary<Pick<TimeShift, "offsetMs" | "offsetExpr">> = fc.oneof(
  fc.constant({ offsetMs: 0 }),
  durationsMs.map((offsetMs) => ({ offsetMs })),
  durationsMs.map((ms) => ({ offsetMs: -ms })),
  durationCalls(durationParts(1)).map((offsetExpr) => ({ offsetMs: Number.NaN, offsetExpr })),
  durationExprs.map((expr) => ({
    offsetMs: Number.NaN,
    offsetExpr: { kind: "duration-paren" as const, span, expr },
  })),
);
const shifts = fc.tuple(offsets, times).map(([offset, at]): TimeShift => ({ ...offset, at }));
const extents = fc.constantFrom<{ extent?: Extent }>(
  {},
  {},
  { extent: "anchored" },
  { extent: "smoothed" },
);

const plainSelectors: Arbitrary<VectorSelector> = fc
  .tuple(fc.option(metricNames, { nil: undefined }), fc.array(matchers, { maxLength: 3 }))
  .map(([metricName, list]) => {
    const name = createMatcher("=", METRIC_NAME, metricName ?? "some name");
    const all = [...list, name];
    return { kind: "vector", span, metricName, matchers: all, ...NONE };
  });
const selectors = fc
  .tuple(plainSelectors, shifts, extents)
  .map(([selector, shift, extent]): VectorSelector => ({ ...selector, ...shift, ...extent }));
/** What `info` takes for its second argument. */
const dataLabels = fc
  .array(matchers, { maxLength: 2 })
  .map((list): Expr => ({ ...NONE, kind: "vector", span, metricName: undefined, matchers: list }));

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
    const wanted = (FUNCTIONS[func]?.args ?? []).map((type, index) =>
      func === "info" && index === 1 ? dataLabels : argument(type),
    );
    return fc.tuple(...wanted).map((args) => ({ kind: "call", span, func, args }));
  });
};

const fillValues = fc.oneof(fc.constantFrom(0, -1.5, Number.NaN, -Infinity), fc.double());
const fills: Arbitrary<{ fill?: FillValues }> = fc.oneof(
  fc.constant({}),
  fillValues.map((value) => ({ fill: { left: value, right: value } })),
  fillValues.map((left) => ({ fill: { left } })),
  fillValues.map((right) => ({ fill: { right } })),
  fc.tuple(fillValues, fillValues).map(([left, right]) => ({ fill: { left, right } })),
);

const matching = (op: BinaryOp): Arbitrary<NonNullable<BinaryExpr["matching"]>> => {
  const isSet = op === "and" || op === "or" || op === "unless";
  const cards = isSet
    ? fc.constant("many-to-many" as const)
    : fc.constantFrom("one-to-one" as const, "many-to-one" as const, "one-to-many" as const);
  return fc
    .tuple(cards, fc.boolean(), labelLists, labelLists, isSet ? fc.constant({}) : fills)
    .map(([card, on, labels, include, fill]) => {
      const isGrouped = card === "many-to-one" || card === "one-to-many";
      const extra = isGrouped ? include.filter((label) => !labels.includes(label)) : [];
      return { card, on, labels, include: extra, ...fill };
    });
};

const COMPARISONS: readonly BinaryOp[] = ["==", "!=", ">", "<", ">=", "<="];
const ARITHMETIC: readonly BinaryOp[] = ["+", "-", "*", "/", "%", "^", "atan2"];
const TRIMS: readonly BinaryOp[] = ["</", ">/"];
const SETS: readonly BinaryOp[] = ["and", "or", "unless"];

/** Valid expressions of the given type, as trees that print and parse to themselves. Spans are all 0. */
export function expressions(type: ValueType, depth: number): Arbitrary<Expr> {
  const inner = (wanted: ValueType): Arbitrary<Expr> => expressions(wanted, depth - 1);
  switch (type) {
    case "string":
      return texts.map((value): Expr => ({ kind: "string", span, value }));
    case "matrix": {
      const selected = fc
        .tuple(selectors, ranges)
        .map(([selector, range]): Expr => ({ kind: "matrix", span, selector, ...range }));
      if (depth <= 0) return selected;
      const subqueries = fc.tuple(inner("vector").map(operand), ranges, steps, shifts).map(
        ([expr, range, step, shift]): Expr => ({
          kind: "subquery",
          span,
          expr,
          ...range,
          ...step,
          ...shift,
        }),
      );
      return fc.oneof(selected, subqueries);
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
      const binaries = fc.constantFrom(...ARITHMETIC, ...COMPARISONS, ...TRIMS, ...SETS).chain(
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
