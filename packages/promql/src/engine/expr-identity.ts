import type { Expr, TimeShift, VectorMatching, VectorSelector } from "../syntax/ast.ts";
import { childrenOf } from "../syntax/walk.ts";
import { unwrapParens } from "./expr-properties.ts";

/**
 * Numbers the parts of an expression so that parts which mean the same have the same number, whatever their place in
 * the text, their parentheses and the way their durations are written.
 */
export class ExprIdentity {
  readonly #numbers = new Map<string, number>();
  readonly #known = new Map<Expr, number>();
  readonly #isOther: (selector: VectorSelector) => boolean;

  /** `isOther` says which selectors are evaluated otherwise than the same ones elsewhere. */
  constructor(isOther: (selector: VectorSelector) => boolean) {
    this.#isOther = isOther;
  }

  of(expr: Expr): number {
    const inner = unwrapParens(expr);
    const known = this.#known.get(inner);
    if (known !== undefined) return known;
    const children = childrenOf(inner).map((child) => this.of(child));
    const isOther = inner.kind === "vector" && this.#isOther(inner);
    const key = JSON.stringify([ownPart(inner), isOther, children]);
    const number = this.#numbers.getOrInsertComputed(key, () => this.#numbers.size);
    this.#known.set(inner, number);
    return number;
  }
}

/** What a node says beside its children. Numbers as texts, since JSON knows neither NaN nor infinities nor -0. */
function ownPart(expr: ReturnType<typeof unwrapParens>): readonly unknown[] {
  switch (expr.kind) {
    case "number":
      return [expr.kind, Object.is(expr.value, -0) ? "-0" : String(expr.value)];
    case "string":
      return [expr.kind, expr.value];
    case "vector":
      return [expr.kind, matcherPart(expr.matchers), ...shiftPart(expr), expr.extent];
    case "matrix":
      return [expr.kind, String(expr.rangeMs)];
    case "subquery":
      return [expr.kind, String(expr.rangeMs), String(expr.stepMs), ...shiftPart(expr)];
    case "call":
      return [expr.kind, expr.func];
    case "aggregation":
      return [expr.kind, expr.op, expr.without, expr.grouping];
    case "binary":
      return [expr.kind, expr.op, expr.bool, matchingPart(expr.matching)];
    case "unary":
      return [expr.kind, expr.op];
  }
}

/** A text that is the same for the same matchers in the same order. */
export function matcherPart(
  matchers: readonly { readonly type: string; readonly name: string; readonly value: string }[],
): string {
  return JSON.stringify(matchers.map(({ type, name, value }) => [type, name, value]));
}

function shiftPart({ offsetMs, at }: TimeShift): readonly unknown[] {
  return [String(offsetMs), at?.kind, at?.kind === "time" ? String(at.timestampMs) : undefined];
}

function matchingPart(matching: VectorMatching | undefined): readonly unknown[] | undefined {
  if (matching === undefined) return undefined;
  const { card, on, labels, include, fill } = matching;
  return [card, on, labels, include, String(fill?.left), String(fill?.right)];
}
