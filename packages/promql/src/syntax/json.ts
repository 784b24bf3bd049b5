import { assert, formatValue, type MatchType } from "@pharos/base";
import type { Expr, TimeShift, ValueType, VectorSelector } from "./ast.ts";
import { FUNCTIONS } from "./functions.ts";
import { printDuration } from "./print.ts";

interface MatcherJson {
  readonly type: MatchType;
  readonly name: string;
  readonly value: string;
}

interface TimeShiftJson {
  /** In ms, as all times here. 0 where `offsetExpr` says it, as Prometheus has it; so too for ranges and steps. */
  readonly offset: number;
  /** An offset that depends on the query, as it is printed. Only there where it does; so too for ranges and steps. */
  readonly offsetExpr?: string;
  readonly timestamp: number | null;
  readonly startOrEnd: "start" | "end" | null;
}

interface SelectorJson extends TimeShiftJson {
  readonly name: string;
  readonly matchers: readonly MatcherJson[];
  readonly anchored: boolean;
  readonly smoothed: boolean;
}

type FillValueJson = number | string | null;

/** A node of the answer of `/api/v1/parse_query`, with the fields that Prometheus's own user interface reads. */
export type ExprJson =
  | {
      readonly type: "aggregation";
      readonly op: string;
      readonly expr: ExprJson;
      readonly param: ExprJson | null;
      readonly grouping: readonly string[];
      readonly without: boolean;
    }
  | {
      readonly type: "binaryExpr";
      readonly op: string;
      readonly lhs: ExprJson;
      readonly rhs: ExprJson;
      readonly matching: {
        readonly card: string;
        readonly labels: readonly string[];
        readonly on: boolean;
        readonly include: readonly string[];
        readonly fillValues: { readonly lhs: FillValueJson; readonly rhs: FillValueJson };
      } | null;
      readonly bool: boolean;
    }
  | {
      readonly type: "call";
      readonly func: {
        readonly name: string;
        readonly argTypes: readonly ValueType[];
        readonly variadic: number;
        readonly returnType: ValueType;
      };
      readonly args: readonly ExprJson[];
    }
  | (SelectorJson & {
      readonly type: "matrixSelector";
      readonly range: number;
      readonly rangeExpr?: string;
    })
  | (SelectorJson & { readonly type: "vectorSelector" })
  | (TimeShiftJson & {
      readonly type: "subquery";
      readonly expr: ExprJson;
      readonly range: number;
      readonly rangeExpr?: string;
      readonly step: number;
      readonly stepExpr?: string;
      readonly alignEvalTime: false;
    })
  | { readonly type: "numberLiteral"; readonly val: string }
  | { readonly type: "stringLiteral"; readonly val: string }
  | { readonly type: "parenExpr"; readonly expr: ExprJson }
  | { readonly type: "unaryExpr"; readonly op: "+" | "-"; readonly expr: ExprJson };

/** The expression as `/api/v1/parse_query` answers it; durations in ms, a default subquery step as 0. */
export function toJson(expr: Expr): ExprJson {
  switch (expr.kind) {
    case "number":
      return { type: "numberLiteral", val: formatValue(expr.value) };
    case "string":
      return { type: "stringLiteral", val: expr.value };
    case "vector":
      return { type: "vectorSelector", ...selectorJson(expr) };
    case "matrix":
      return {
        type: "matrixSelector",
        range: expr.rangeExpr === undefined ? expr.rangeMs : 0,
        ...(expr.rangeExpr === undefined ? {} : { rangeExpr: printDuration(expr.rangeExpr) }),
        ...selectorJson(expr.selector),
      };
    case "subquery":
      return {
        type: "subquery",
        expr: toJson(expr.expr),
        range: expr.rangeExpr === undefined ? expr.rangeMs : 0,
        ...(expr.rangeExpr === undefined ? {} : { rangeExpr: printDuration(expr.rangeExpr) }),
        step: expr.stepExpr === undefined ? (expr.stepMs ?? 0) : 0,
        ...(expr.stepExpr === undefined ? {} : { stepExpr: printDuration(expr.stepExpr) }),
        alignEvalTime: false,
        ...timeShiftJson(expr),
      };
    case "call": {
      const signature = FUNCTIONS[expr.func];
      assert(signature !== undefined, () => `a call to the unknown function ${expr.func}`);
      const { args: argTypes, optional: variadic, returns: returnType } = signature;
      return {
        type: "call",
        func: { name: expr.func, argTypes, variadic, returnType },
        args: expr.args.map(toJson),
      };
    }
    case "aggregation":
      return {
        type: "aggregation",
        op: expr.op,
        expr: toJson(expr.expr),
        param: expr.param === undefined ? null : toJson(expr.param),
        grouping: expr.grouping,
        without: expr.without,
      };
    case "binary": {
      const { matching } = expr;
      return {
        type: "binaryExpr",
        op: expr.op,
        lhs: toJson(expr.left),
        rhs: toJson(expr.right),
        matching:
          matching === undefined
            ? null
            : {
                card: matching.card,
                labels: matching.labels,
                on: matching.on,
                include: matching.include,
                fillValues: {
                  lhs: fillJson(matching.fill?.left),
                  rhs: fillJson(matching.fill?.right),
                },
              },
        bool: expr.bool,
      };
    }
    case "unary":
      return { type: "unaryExpr", op: expr.op, expr: toJson(expr.expr) };
    case "paren":
      return { type: "parenExpr", expr: toJson(expr.expr) };
  }
}

function selectorJson(expr: VectorSelector): SelectorJson {
  return {
    name: expr.metricName ?? "",
    matchers: expr.matchers.map(({ type, name, value }) => ({ type, name, value })),
    anchored: expr.extent === "anchored",
    smoothed: expr.extent === "smoothed",
    ...timeShiftJson(expr),
  };
}

function timeShiftJson({ offsetMs, offsetExpr, at }: TimeShift): TimeShiftJson {
  return {
    offset: offsetExpr === undefined ? offsetMs : 0,
    ...(offsetExpr === undefined ? {} : { offsetExpr: printDuration(offsetExpr) }),
    timestamp: at?.kind === "time" ? at.timestampMs : null,
    startOrEnd: at === undefined || at.kind === "time" ? null : at.kind,
  };
}

/** JSON has no NaN and no infinities: those are texts. It has no -0 either, which adding 0 makes 0. */
function fillJson(value: number | undefined): FillValueJson {
  if (value === undefined) return null;
  return Number.isFinite(value) ? value + 0 : formatValue(value);
}
