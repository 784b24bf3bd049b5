import type { Expr } from "../syntax/ast.ts";
import { valueTypeOf } from "../syntax/value-type.ts";
import { childrenOf } from "../syntax/walk.ts";
import { rangeArgument } from "./call-arguments.ts";
import type { ExprIdentity } from "./expr-identity.ts";
import { unwrapParens } from "./expr-properties.ts";
import type { QueryContext } from "./query-context.ts";
import { copySeries, type Grid, type StepSeries } from "./step-series.ts";

type Inner = ReturnType<typeof unwrapParens>;

/** A part that stands in the expression more than once. */
interface Repeated {
  /** Its last place, which is evaluated for all: warnings name it. */
  last: Inner;
  /** How often its value will be asked for. */
  uses: number;
  value: readonly StepSeries[] | undefined;
}

/**
 * The vectors that an expression asks for several times, such as that in `rate(a[5m]) > 1 and rate(a[5m]) < 2`: evaluated
 * once, and kept until they were asked for as often as they stand there.
 */
export class RepeatedParts {
  readonly #identity: ExprIdentity;
  readonly #context: QueryContext;
  readonly #parts = new Map<number, Repeated>();

  constructor(expr: Expr, identity: ExprIdentity, context: QueryContext) {
    this.#identity = identity;
    this.#context = context;
    this.#count(expr);
    for (const [id, { uses }] of this.#parts) if (uses === 1) this.#parts.delete(id);
  }

  /** Whether a part is evaluated at another place than where it stands. */
  isSkipped(expr: Expr): boolean {
    const part = this.#of(expr);
    return part !== undefined && part.last !== unwrapParens(expr);
  }

  /** The value of a part, which the caller owns; evaluated unless it was before. */
  async value(
    expr: Inner,
    grid: Grid,
    evaluate: (expr: Inner) => Promise<StepSeries[]>,
  ): Promise<StepSeries[]> {
    const part = this.#of(expr);
    if (part === undefined) return evaluate(expr);
    part.uses--;
    if (part.value === undefined) {
      const value = await evaluate(part.last);
      if (part.uses === 0) return value;
      this.#context.keep(value.length * grid.count, value.length);
      part.value = value;
    } else if (part.uses === 0) {
      const { value } = part;
      this.#context.keep(-value.length * grid.count, -value.length);
      part.value = undefined;
      return [...value];
    }
    return part.value.map(copySeries);
  }

  #of(expr: Expr): Repeated | undefined {
    if (this.#parts.size === 0) return undefined;
    const part = this.#parts.get(this.#identity.of(expr));
    return part === undefined || part.uses === 0 ? undefined : part;
  }

  /** What is inside of a part counts at its first place only: it is not evaluated at the others. */
  #count(expr: Expr): void {
    const inner = unwrapParens(expr);
    if (isWorthKeeping(inner)) {
      const id = this.#identity.of(inner);
      const part = this.#parts.get(id);
      if (part !== undefined) {
        part.uses++;
        part.last = inner;
        return;
      }
      this.#parts.set(id, { last: inner, uses: 1, value: undefined });
    }
    // A subquery is evaluated at steps of its own.
    if (inner.kind !== "subquery") for (const child of childrenOf(inner)) this.#count(child);
  }
}

/** Not selectors and functions of ranges: those that read the same series share a pass over them. */
function isWorthKeeping(expr: Inner): boolean {
  switch (expr.kind) {
    case "aggregation":
      return true;
    case "binary":
    case "unary":
      return valueTypeOf(expr) === "vector";
    case "call":
      return valueTypeOf(expr) === "vector" && rangeArgument(expr) === undefined;
    case "number":
    case "string":
    case "vector":
    case "matrix":
    case "subquery":
      return false;
  }
}
