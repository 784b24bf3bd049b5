import type { Matcher } from "@pharos/base";

/** Where a node stands in the text: UTF-16 offsets, end exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type ValueType = "scalar" | "vector" | "matrix" | "string";

/**
 * A PromQL expression. Immutable; every node knows its place in the text and the type of its value, which the type
 * checker has verified: an `Expr` that exists is valid.
 */
export type Expr =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | Call
  | Aggregation
  | BinaryExpr
  | UnaryExpr
  | ParenExpr;

interface Node {
  readonly span: Span;
}

export interface NumberLiteral extends Node {
  readonly kind: "number";
  readonly value: number;
  /** Written as a duration (`5m` for 300); only for printing. */
  readonly duration: boolean;
}

export interface StringLiteral extends Node {
  readonly kind: "string";
  readonly value: string;
}

/**
 * A duration in `[…]` or after `offset`: ms. Where it was written as more than a literal (`[step() * 2]`), the field
 * beside it holds the expression, and this is NaN until `resolveDurations` has worked it out.
 */
export type DurationMs = number;

/** The arithmetic of durations; values are seconds. Literals stand for themselves, whatever their sign. */
export type DurationExpr =
  | NumberLiteral
  | DurationCall
  | DurationBinary
  | DurationNegation
  | DurationParen;

/** `step()` and `range()` of the query take nothing, `min_of` and `max_of` two durations. */
export interface DurationCall extends Node {
  readonly kind: "duration-call";
  readonly func: "step" | "range" | "min_of" | "max_of";
  readonly args: readonly DurationExpr[];
}

export interface DurationBinary extends Node {
  readonly kind: "duration-binary";
  readonly op: "+" | "-" | "*" | "/" | "%" | "^";
  readonly left: DurationExpr;
  readonly right: DurationExpr;
}

/** A minus before what is no literal. */
export interface DurationNegation extends Node {
  readonly kind: "duration-negation";
  readonly expr: DurationExpr;
}

/** Parentheses, except around a literal that is not negative: those are forgotten, as in Prometheus. */
export interface DurationParen extends Node {
  readonly kind: "duration-paren";
  readonly expr: DurationExpr;
}

/** What `@` says: a fixed time, or the query's own start or end. */
export type AtModifier =
  | { readonly kind: "time"; readonly timestampMs: number }
  | { readonly kind: "start" }
  | { readonly kind: "end" };

/** Shared by selectors and subqueries. */
export interface TimeShift {
  /** Looks back by so many ms; negative looks ahead. 0 without `offset`. */
  readonly offsetMs: DurationMs;
  readonly offsetExpr?: DurationExpr;
  readonly at: AtModifier | undefined;
}

/**
 * How a selector looks beyond its window: `anchored` takes the last sample before the window for the value at its
 * beginning, `smoothed` interpolates at both edges.
 */
export type Extent = "anchored" | "smoothed";

export interface VectorSelector extends Node, TimeShift {
  readonly kind: "vector";
  /**
   * The metric name if it was written before the braces and needs no quotes; its matcher is in `matchers` too. A name
   * in quotes or with dots is only there.
   */
  readonly metricName: string | undefined;
  /** All matchers, `__name__` included, in the order written, the metric name last (as Prometheus has it). */
  readonly matchers: readonly Matcher[];
  readonly extent?: Extent;
}

/** `selector[range]`; the time shift and the extent stand on the selector inside. */
export interface MatrixSelector extends Node {
  readonly kind: "matrix";
  readonly selector: VectorSelector;
  readonly rangeMs: DurationMs;
  readonly rangeExpr?: DurationExpr;
}

/** `expr[range:step]`; `stepMs` undefined means the default evaluation interval. */
export interface Subquery extends Node, TimeShift {
  readonly kind: "subquery";
  readonly expr: Expr;
  readonly rangeMs: DurationMs;
  readonly rangeExpr?: DurationExpr;
  readonly stepMs: DurationMs | undefined;
  readonly stepExpr?: DurationExpr;
}

export interface Call extends Node {
  readonly kind: "call";
  /** A key of the function table (`FUNCTIONS`). */
  readonly func: string;
  readonly args: readonly Expr[];
}

export type AggregationOp =
  | "sum"
  | "avg"
  | "min"
  | "max"
  | "count"
  | "group"
  | "stddev"
  | "stdvar"
  | "topk"
  | "bottomk"
  | "quantile"
  | "count_values"
  | "limitk"
  | "limit_ratio";

export interface Aggregation extends Node {
  readonly kind: "aggregation";
  readonly op: AggregationOp;
  /** The parameter of topk, bottomk, quantile, count_values, limitk, limit_ratio. */
  readonly param: Expr | undefined;
  readonly expr: Expr;
  readonly without: boolean;
  readonly grouping: readonly string[];
}

/** `</` and `>/` cut a native histogram off above and below a value. */
export type BinaryOp =
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "^"
  | "atan2"
  | "=="
  | "!="
  | ">"
  | "<"
  | ">="
  | "<="
  | "</"
  | ">/"
  | "and"
  | "or"
  | "unless";

export interface VectorMatching {
  readonly card: "one-to-one" | "many-to-one" | "one-to-many" | "many-to-many";
  /** True for `on(…)`, false for `ignoring(…)` and for none. */
  readonly on: boolean;
  readonly labels: readonly string[];
  /** The labels of `group_left(…)` / `group_right(…)`. */
  readonly include: readonly string[];
  /** What stands in for a sample that has no partner: `fill(0)` sets both sides. Never there for set operators. */
  readonly fill?: FillValues;
}

/** At least one side. `left` is the value of a missing left side. */
export interface FillValues {
  readonly left?: number;
  readonly right?: number;
}

export interface BinaryExpr extends Node {
  readonly kind: "binary";
  readonly op: BinaryOp;
  /** `bool` after a comparison. */
  readonly bool: boolean;
  readonly left: Expr;
  readonly right: Expr;
  /** Undefined where a side is a scalar. */
  readonly matching: VectorMatching | undefined;
}

export interface UnaryExpr extends Node {
  readonly kind: "unary";
  readonly op: "+" | "-";
  readonly expr: Expr;
}

export interface ParenExpr extends Node {
  readonly kind: "paren";
  readonly expr: Expr;
}
