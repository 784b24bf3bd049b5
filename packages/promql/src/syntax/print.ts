import {
  compareUtf8,
  formatDuration,
  formatMatcher,
  formatValue,
  isLegacyLabelName,
  METRIC_NAME,
  quote,
} from "@pharos/base";
import type { Aggregation, BinaryExpr, Expr, Subquery, TimeShift, VectorSelector } from "./ast.ts";
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
      return printSelector(expr) + printTimeShift(expr);
    case "matrix":
      return `${printSelector(expr.selector)}[${formatDuration(expr.rangeMs)}]${printTimeShift(expr.selector)}`;
    case "subquery":
      return print(expr.expr) + printSubqueryRange(expr);
    case "call":
      return `${expr.func}(${expr.args.map(print).join(", ")})`;
    case "aggregation": {
      const param = expr.param === undefined ? "" : `${print(expr.param)}, `;
      return `${printAggregationHead(expr)}(${param}${print(expr.expr)})`;
    }
    case "binary":
      return `${print(expr.left)} ${printOperator(expr)} ${print(expr.right)}`;
    case "unary":
      return expr.op + print(expr.expr);
    case "paren":
      return `(${print(expr.expr)})`;
  }
}

/** The expression as `printExpr` writes it, but with what is longer than `LINE_LENGTH_MAX` broken into indented lines. */
export function formatExpr(expr: Expr): string {
  return new LineBreaker().format(expr, "");
}

const INDENT = "  ";

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
    const inner = indent + INDENT;
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
        const left = this.format(expr.left, inner);
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
  const braces = printed.length > 0 ? `{${printed.join(",")}}` : "";
  return (metricName ?? "") + braces;
}

function printTimeShift({ at, offsetMs }: TimeShift): string {
  return printAt({ at }) + (offsetMs === 0 ? "" : ` offset ${formatDuration(offsetMs)}`);
}

function printAt({ at }: Pick<TimeShift, "at">): string {
  if (at === undefined) return "";
  return at.kind === "time" ? ` @ ${(at.timestampMs / 1000).toFixed(3)}` : ` @ ${at.kind}()`;
}

function printSubqueryRange(expr: Subquery): string {
  const step = expr.stepMs === undefined ? "" : formatDuration(expr.stepMs);
  return `[${formatDuration(expr.rangeMs)}:${step}]${printTimeShift(expr)}`;
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
  return out;
}

function printLabels(labels: readonly string[]): string {
  return labels.map((label) => (isLegacyLabelName(label) ? label : quote(label))).join(", ");
}

function printSeconds(seconds: number): string {
  return formatDuration(Math.round(seconds * 1000));
}
