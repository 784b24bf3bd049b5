import { DURATION_MS_MAX, OperatingError, unreachable } from "@pharos/base";
import type { DurationExpr, Expr, Span, TimeShift } from "./ast.ts";
import { PromqlSyntaxError } from "./syntax-error.ts";

/** The times of a query; an instant query starts and ends at once and has the step 0. */
export interface QueryTimes {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/**
 * The same expression with every duration worked out: what `[step() + 1m]` is depends on the query. The expressions
 * stay beside the numbers, so that it is still printed as it was written. An expression without any is given back as
 * it is. `text` is what it was parsed from, so that a complaint can name the place.
 *
 * @throws OperatingError `query.invalid` where a range or a step is not above 0, for a division by 0, and for a
 * duration that is out of range.
 */
export function resolveDurations(expr: Expr, times: QueryTimes, text?: string): Expr {
  return new DurationResolver(times, text).resolve(expr);
}

class DurationResolver {
  readonly #times: QueryTimes;
  readonly #text: string | undefined;

  constructor(times: QueryTimes, text: string | undefined) {
    this.#times = times;
    this.#text = text;
  }

  resolve(expr: Expr): Expr {
    switch (expr.kind) {
      case "number":
      case "string":
        return expr;
      case "vector":
        return this.#shifted(expr);
      case "matrix": {
        const selector = this.#shifted(expr.selector);
        const { rangeExpr } = expr;
        if (rangeExpr === undefined)
          return selector === expr.selector ? expr : { ...expr, selector };
        return { ...expr, selector, rangeMs: this.#aboveZeroMs(rangeExpr) };
      }
      case "subquery": {
        const inner = this.resolve(expr.expr);
        const shifted = this.#shifted(expr);
        const { rangeExpr, stepExpr } = expr;
        if (rangeExpr === undefined && stepExpr === undefined)
          return inner === expr.expr ? shifted : { ...shifted, expr: inner };
        return {
          ...shifted,
          expr: inner,
          rangeMs: rangeExpr === undefined ? expr.rangeMs : this.#aboveZeroMs(rangeExpr),
          stepMs: stepExpr === undefined ? expr.stepMs : this.#aboveZeroMs(stepExpr),
        };
      }
      case "call": {
        const args = expr.args.map((arg) => this.resolve(arg));
        return args.every((arg, index) => arg === expr.args[index]) ? expr : { ...expr, args };
      }
      case "aggregation": {
        const inner = this.resolve(expr.expr);
        const param = expr.param === undefined ? undefined : this.resolve(expr.param);
        const isSame = inner === expr.expr && param === expr.param;
        return isSame ? expr : { ...expr, expr: inner, param };
      }
      case "binary": {
        const left = this.resolve(expr.left);
        const right = this.resolve(expr.right);
        return left === expr.left && right === expr.right ? expr : { ...expr, left, right };
      }
      case "unary":
      case "paren": {
        const inner = this.resolve(expr.expr);
        return inner === expr.expr ? expr : { ...expr, expr: inner };
      }
      default:
        return unreachable(expr);
    }
  }

  #shifted<T extends TimeShift>(expr: T): T {
    const { offsetExpr } = expr;
    return offsetExpr === undefined ? expr : { ...expr, offsetMs: this.#milliseconds(offsetExpr) };
  }

  #aboveZeroMs(expr: DurationExpr): number {
    const ms = this.#milliseconds(expr);
    if (ms <= 0) this.#fail(expr.span, "duration must be greater than 0");
    return ms;
  }

  #milliseconds(expr: DurationExpr): number {
    const ms = this.#seconds(expr) * 1000;
    if (!(Math.abs(ms) <= DURATION_MS_MAX)) this.#fail(expr.span, "duration is out of range");
    // Adding 0 turns -0 into 0.
    return Math.trunc(ms) + 0;
  }

  #seconds(expr: DurationExpr): number {
    switch (expr.kind) {
      case "number":
        return expr.value;
      case "duration-negation":
        return -this.#seconds(expr.expr);
      case "duration-paren":
        return this.#seconds(expr.expr);
      case "duration-call": {
        const { startMs, endMs, stepMs } = this.#times;
        if (expr.func === "step") return stepMs / 1000;
        if (expr.func === "range") return (endMs - startMs) / 1000;
        const [left = Number.NaN, right = Number.NaN] = expr.args.map((arg) => this.#seconds(arg));
        return expr.func === "min_of" ? Math.min(left, right) : Math.max(left, right);
      }
      case "duration-binary": {
        const left = this.#seconds(expr.left);
        const right = this.#seconds(expr.right);
        switch (expr.op) {
          case "+":
            return left + right;
          case "-":
            return left - right;
          case "*":
            return left * right;
          case "/":
            if (right === 0) this.#fail(expr.span, "division by zero");
            return left / right;
          case "%":
            if (right === 0) this.#fail(expr.span, "modulo by zero");
            return left % right;
          case "^":
            return left ** right;
          default:
            return unreachable(expr.op);
        }
      }
      default:
        return unreachable(expr);
    }
  }

  #fail(span: Span, reason: string): never {
    if (this.#text === undefined) throw new OperatingError("query.invalid", reason);
    throw new PromqlSyntaxError(this.#text, span, reason);
  }
}
