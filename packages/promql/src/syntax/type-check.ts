import { matchesValue, quote, unreachable } from "@pharos/base";
import type {
  Aggregation,
  BinaryExpr,
  Call,
  Expr,
  Span,
  ValueType,
  VectorMatching,
  VectorSelector,
} from "./ast.ts";
import { FUNCTIONS, type FunctionSignature } from "./functions.ts";
import { nameProblem } from "./selector-parser.ts";
import { PromqlSyntaxError } from "./syntax-error.ts";
import { describeType } from "./value-type.ts";

/** While it is checked, the tree still belongs to the parser: `matching` is settled here, once both sides are known. */
type DraftBinary = { -readonly [K in keyof BinaryExpr]: BinaryExpr[K] };

/**
 * Checks a parsed expression by Prometheus's rules and takes the vector matching away where a side is a scalar.
 *
 * @throws PromqlSyntaxError at the first thing that does not fit.
 */
export function checkTypes(expr: Expr, text: string): void {
  new TypeChecker(text).check(expr);
}

class TypeChecker {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  check(expr: Expr): ValueType {
    switch (expr.kind) {
      case "number":
        return "scalar";
      case "string":
        return "string";
      case "vector":
        return this.#checkVector(expr);
      case "matrix":
        this.#checkVector(expr.selector);
        return "matrix";
      case "subquery": {
        const type = this.check(expr.expr);
        if (type !== "vector")
          this.#fail(expr.span, `subquery is only allowed on instant vector, got ${type} instead`);
        return "matrix";
      }
      case "call":
        return this.#checkCall(expr);
      case "aggregation":
        return this.#checkAggregation(expr);
      case "binary":
        return this.#checkBinary(expr);
      case "unary": {
        const type = this.check(expr.expr);
        if (type !== "scalar" && type !== "vector")
          this.#fail(
            expr.span,
            `unary expression only allowed on expressions of type scalar or instant vector, got "${describeType(type)}"`,
          );
        return type;
      }
      case "paren":
        return this.check(expr.expr);
      default:
        return unreachable(expr);
    }
  }

  #checkVector(expr: VectorSelector): "vector" {
    this.#checkName(expr);
    if (!expr.matchers.some((matcher) => !matchesValue(matcher, "")))
      this.#fail(expr.span, "vector selector must contain at least one non-empty matcher");
    return "vector";
  }

  #checkName(expr: VectorSelector): void {
    const problem = nameProblem(expr, this.#text);
    if (problem !== undefined) this.#fail(expr.span, problem);
  }

  #checkCall(expr: Call): ValueType {
    const { func, args, span } = expr;
    const signature = FUNCTIONS[func] as FunctionSignature;
    this.#checkArgumentCount(signature, func, args.length, span);
    for (const [index, arg] of args.entries()) {
      if (func === "info" && index === 1) {
        this.#checkDataLabels(arg);
        continue;
      }
      const wanted = signature.args[Math.min(index, signature.args.length - 1)] as ValueType;
      this.#expectType(arg, wanted, `call to function ${quote(func)}`);
    }
    return signature.returns;
  }

  /** The second argument of `info` says which labels to add; it selects series only with the metric of the first. */
  #checkDataLabels(arg: Expr): void {
    if (arg.kind !== "vector") {
      const type = this.check(arg);
      if (type !== "vector") this.#expectType(arg, "vector", 'call to function "info"');
      this.#fail(arg.span, "expected label selectors only");
    }
    this.#checkName(arg);
    if (arg.metricName !== undefined)
      this.#fail(arg.span, "expected label selectors only, got vector selector instead");
  }

  #checkArgumentCount(
    { args, optional }: FunctionSignature,
    func: string,
    count: number,
    span: Span,
  ): void {
    const call = `in call to ${quote(func)}, got ${count}`;
    if (optional === 0) {
      if (count !== args.length) this.#fail(span, `expected ${args.length} argument(s) ${call}`);
      return;
    }
    const least = args.length - 1;
    if (count < least) this.#fail(span, `expected at least ${least} argument(s) ${call}`);
    const most = least + optional;
    if (optional > 0 && count > most)
      this.#fail(span, `expected at most ${most} argument(s) ${call}`);
  }

  #checkAggregation(expr: Aggregation): "vector" {
    this.#expectType(expr.expr, "vector", "aggregation expression");
    if (expr.param !== undefined) {
      const wanted = expr.op === "count_values" ? "string" : "scalar";
      this.#expectType(expr.param, wanted, "aggregation parameter");
    }
    return "vector";
  }

  #checkBinary(expr: BinaryExpr): "scalar" | "vector" {
    const leftType = this.check(expr.left);
    const rightType = this.check(expr.right);
    const { op, bool, span } = expr;
    const matching = expr.matching as VectorMatching;
    const isComparison = COMPARISONS.has(op);
    const isSet = op === "and" || op === "or" || op === "unless";
    const bothScalar = leftType === "scalar" && rightType === "scalar";

    if (bool && !isComparison)
      this.#fail(
        this.#operatorSpan(expr),
        "bool modifier can only be used on comparison operators",
      );
    if (isComparison && !bool && bothScalar)
      this.#fail(this.#operatorSpan(expr), "comparisons between scalars must use BOOL modifier");
    // A set, as both lists may be as long as an expression.
    const include = new Set(matching.include);
    const both = matching.on ? matching.labels.find((label) => include.has(label)) : undefined;
    if (both !== undefined)
      this.#fail(
        this.#operatorSpan(expr),
        `label ${quote(both)} must not occur in ON and GROUP clause at once`,
      );
    for (const [side, type] of [
      [expr.left, leftType],
      [expr.right, rightType],
    ] as const)
      if (type !== "scalar" && type !== "vector")
        this.#fail(
          side.span,
          "binary expression must contain only scalar and instant vector types",
        );
    const bothVectors = leftType === "vector" && rightType === "vector";
    if (!bothVectors && matching.labels.length > 0)
      this.#fail(span, "vector matching only allowed between instant vectors");
    if (!bothVectors && matching.fill !== undefined)
      this.#fail(span, "filling in missing series only allowed between instant vectors");
    if (isSet && !bothVectors)
      this.#fail(span, `set operator "${op}" not allowed in binary scalar expression`);
    if (isSet && matching.card !== "many-to-many")
      this.#fail(span, `no grouping allowed for "${op}" operation`);
    if (isSet && matching.fill !== undefined)
      this.#fail(span, "filling in missing series not allowed for set operators");
    if (bothScalar && (op === "</" || op === ">/"))
      this.#fail(this.#operatorSpan(expr), `operator "${op}" not allowed for Scalar operations`);
    if (!bothVectors) (expr as DraftBinary).matching = undefined;
    return bothScalar ? "scalar" : "vector";
  }

  /** Where the operator and its modifiers stand: between the two sides. */
  #operatorSpan({ left, right }: BinaryExpr): Span {
    const between = this.#text.slice(left.span.end, right.span.start);
    const blank = /^(?:\s|#[^\r\n]*)*/.exec(between)?.[0].length ?? 0;
    return { start: left.span.end + blank, end: left.span.end + between.trimEnd().length };
  }

  #expectType(expr: Expr, wanted: ValueType, context: string): void {
    const type = this.check(expr);
    if (type !== wanted)
      this.#fail(
        expr.span,
        `expected type ${describeType(wanted)} in ${context}, got ${describeType(type)}`,
      );
  }

  #fail(span: Span, reason: string): never {
    throw new PromqlSyntaxError(this.#text, span, reason);
  }
}

const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", ">", "<", ">=", "<="]);
