import {
  compareUtf8,
  formatDuration,
  formatMatcher,
  formatValue,
  isLegacyLabelName,
  METRIC_NAME,
  quote,
} from "@pharos/base";
import type {
  Aggregation,
  BinaryExpr,
  DurationExpr,
  Expr,
  MatrixSelector,
  Subquery,
  TimeShift,
  VectorMatching,
  VectorSelector,
} from "./ast.ts";
import { childrenOf } from "./walk.ts";

/** Where `formatExpr` begins to break lines, in characters; Prometheus's own limit. */
export const LINE_LENGTH_MAX = 100;

/**
 * The expression on one line, in the one way Prometheus writes it: durations in their shortest form, matchers sorted,
 * `by` before the parentheses. Parsing it gives the same expression again, up to the order of the matchers.
 */
export function printExpr(expr: Expr): string {
  return printNode(expr, printExpr);
}

/** One node; `print` prints what is inside. */
function printNode(expr: Expr, print: (child: Expr) => string): string {
  switch (expr.kind) {
    case "number":
      return expr.duration ? printSeconds(expr.value) : formatValue(expr.value);
    case "string":
      return quote(expr.value);
    case "vector":
      return printVector(expr);
    case "matrix":
      return printMatrix(expr);
    case "subquery":
      return print(expr.expr) + printSubqueryRange(expr);
    case "call":
      return `${expr.func}(${expr.args.map(print).join(", ")})`;
    case "aggregation": {
      const param = expr.param === undefined ? "" : `${print(expr.param)}, `;
      return `${printAggregationHead(expr)}(${param}${print(expr.expr)})`;
    }
    case "binary":
      return `${isPowerOfInfinity(expr) ? "Inf" : print(expr.left)} ${printOperator(expr)} ${print(expr.right)}`;
    case "unary":
      return expr.op + print(expr.expr);
    case "paren":
      return `(${print(expr.expr)})`;
  }
}

/** Infinity is written `+Inf`; before `^`, which binds tighter than a sign, the sign would become one of the whole. */
function isPowerOfInfinity({ op, left }: BinaryExpr): boolean {
  return op === "^" && left.kind === "number" && left.value === Number.POSITIVE_INFINITY;
}

/** The expression as `printExpr` writes it, but with what is longer than `LINE_LENGTH_MAX` broken into indented lines. */
export function formatExpr(expr: Expr): string {
  return new LineBreaker().format(expr, "");
}

const INDENT = "  ";

/** Where indentation ends: it would square the length of deep expressions, and nobody sees a level beyond half a line. */
const INDENT_LENGTH_MAX = LINE_LENGTH_MAX / 2;

class LineBreaker {
  /**
   * What fits on a line, or undefined where it does not. Each node is printed once from the lines of its children, or
   * a deep expression would cost the square of its length.
   */
  readonly #lines = new Map<Expr, string | undefined>();

  format(expr: Expr, indent: string): string {
    if (expr.kind === "unary") return indent + expr.op + this.format(expr.expr, indent).trimStart();
    const line = this.#lineOf(expr);
    if (line !== undefined) return indent + line;
    const inner = indent.length < INDENT_LENGTH_MAX ? indent + INDENT : indent;
    switch (expr.kind) {
      case "number":
      case "string":
      case "vector":
      case "matrix":
        return indent + printExpr(expr);
      case "subquery":
        return this.format(expr.expr, indent) + printSubqueryRange(expr);
      case "call": {
        const args = expr.args.map((arg) => this.format(arg, inner)).join(",\n");
        return `${indent}${expr.func}(\n${args}\n${indent})`;
      }
      case "aggregation": {
        const param = expr.param === undefined ? "" : `${this.format(expr.param, inner)},\n`;
        const body = this.format(expr.expr, inner);
        return `${indent}${printAggregationHead(expr)}(\n${param}${body}\n${indent})`;
      }
      case "binary": {
        const left = isPowerOfInfinity(expr) ? `${inner}Inf` : this.format(expr.left, inner);
        const right = this.format(expr.right, inner);
        return `${left}\n${indent}${printOperator(expr)}\n${right}`;
      }
      case "paren":
        return `${indent}(\n${this.format(expr.expr, inner)}\n${indent})`;
    }
  }

  #lineOf(expr: Expr): string | undefined {
    if (this.#lines.has(expr)) return this.#lines.get(expr);
    const fits = childrenOf(expr).every((child) => this.#lineOf(child) !== undefined);
    const line = fits ? printNode(expr, (child) => this.#lineOf(child) as string) : undefined;
    const kept = line !== undefined && line.length <= LINE_LENGTH_MAX ? line : undefined;
    this.#lines.set(expr, kept);
    return kept;
  }
}

function printSelector({ metricName, matchers }: VectorSelector): string {
  const printed = matchers
    .filter(
      ({ name, type, value }) =>
        !(name === METRIC_NAME && type === "=" && value === metricName && value !== ""),
    )
    .map(formatMatcher)
    .sort(compareUtf8);
  const braces = `{${printed.join(",")}}`;
  return metricName === undefined || printed.length > 0 ? (metricName ?? "") + braces : metricName;
}

function printVector(expr: VectorSelector): string {
  return printSelector(expr) + printAt(expr) + printExtent(expr) + printOffset(expr);
}

/** Prometheus writes the extent of a range before `@`. */
function printMatrix({ selector, rangeMs, rangeExpr }: MatrixSelector): string {
  const range = rangeExpr === undefined ? formatDuration(rangeMs) : printDuration(rangeExpr);
  const modifiers = printExtent(selector) + printAt(selector) + printOffset(selector);
  return `${printSelector(selector)}[${range}]${modifiers}`;
}

function printExtent({ extent }: VectorSelector): string {
  return extent === undefined ? "" : ` ${extent}`;
}

function printOffset({ offsetMs, offsetExpr }: TimeShift): string {
  if (offsetExpr !== undefined) return ` offset ${printDuration(offsetExpr)}`;
  return offsetMs === 0 ? "" : ` offset ${formatDuration(offsetMs)}`;
}

function printAt({ at }: TimeShift): string {
  if (at === undefined) return "";
  return at.kind === "time" ? ` @ ${(at.timestampMs / 1000).toFixed(3)}` : ` @ ${at.kind}()`;
}

function printSubqueryRange(expr: Subquery): string {
  const { rangeMs, rangeExpr, stepMs, stepExpr } = expr;
  const range = rangeExpr === undefined ? formatDuration(rangeMs) : printDuration(rangeExpr);
  const known = stepMs === undefined ? "" : formatDuration(stepMs);
  const step = stepExpr === undefined ? known : printDuration(stepExpr);
  return `[${range}:${step}]${printAt(expr)}${printOffset(expr)}`;
}

/** A duration expression as it stands in brackets. */
export function printDuration(expr: DurationExpr): string {
  switch (expr.kind) {
    case "number":
      return expr.duration ? printSeconds(expr.value) : formatValue(expr.value);
    case "duration-call":
      return `${expr.func}(${expr.args.map(printDuration).join(", ")})`;
    case "duration-binary":
      return `${printDuration(expr.left)} ${expr.op} ${printDuration(expr.right)}`;
    case "duration-negation":
      return `-${printDuration(expr.expr)}`;
    case "duration-paren":
      return `(${printDuration(expr.expr)})`;
  }
}

function printAggregationHead({ op, without, grouping }: Aggregation): string {
  if (without) return `${op} without (${printLabels(grouping)}) `;
  return grouping.length > 0 ? `${op} by (${printLabels(grouping)}) ` : op;
}

function printOperator({ op, bool, matching }: BinaryExpr): string {
  let out: string = bool ? `${op} bool` : op;
  if (matching === undefined) return out;
  const { card, on, labels, include } = matching;
  const isGrouped = card === "many-to-one" || card === "one-to-many";
  if (labels.length > 0 || on || isGrouped)
    out += ` ${on ? "on" : "ignoring"} (${printLabels(labels)})`;
  if (isGrouped)
    out += ` group_${card === "many-to-one" ? "left" : "right"} (${printLabels(include)})`;
  return out + printFill(matching);
}

function printFill({ fill }: VectorMatching): string {
  if (fill === undefined) return "";
  const { left, right } = fill;
  if (left !== undefined && Object.is(left, right)) return ` fill (${formatValue(left)})`;
  return (
    (left === undefined ? "" : ` fill_left (${formatValue(left)})`) +
    (right === undefined ? "" : ` fill_right (${formatValue(right)})`)
  );
}

function printLabels(labels: readonly string[]): string {
  return labels.map((label) => (isLegacyLabelName(label) ? label : quote(label))).join(", ");
}

function printSeconds(seconds: number): string {
  return formatDuration(Math.round(seconds * 1000));
}
