import type { TimeRange } from "@pharos/ports";
import { unwrapParens } from "../engine/expr-properties.ts";
import { reachOf } from "../engine/range/extent.ts";
import type { DurationExpr, Expr, TimeShift } from "../syntax/ast.ts";
import { childrenOf } from "../syntax/walk.ts";

/** What the value at one step of a query depends on, where that is the same for all steps. */
export interface StepScope {
  /** The samples of so long before the step, and after it, ms; either may be negative. */
  readonly backMs: number;
  readonly aheadMs: number;
  /** Times that every step looks at, by `@`. */
  readonly fixed: readonly TimeRange[];
}

/** Of the query's range, or of what other steps have. */
const OF_THE_RANGE: ReadonlySet<string> = new Set(["start", "end", "range", "info"]);

/**
 * The scope of an expression; undefined for one that reads no series, and where a step's value also depends on the range
 * that is asked for: with `@ start()`, `range()` and the like; with `limitk` of anything but a selector or a function of
 * a range, which takes the series that were found first.
 */
export function stepScope(expr: Expr, lookbackMs: number): StepScope | undefined {
  const finder = new ScopeFinder(lookbackMs);
  const { near, fixed } = finder.find(expr);
  if (!finder.isOfSteps) return undefined;
  if (near === undefined && fixed.length === 0) return undefined;
  const [backMs, aheadMs] = [near?.backMs ?? 0, near?.aheadMs ?? 0];
  return { backMs, aheadMs, fixed };
}

interface Scope {
  /** Around each step; undefined for nothing there. */
  readonly near: { readonly backMs: number; readonly aheadMs: number } | undefined;
  readonly fixed: readonly TimeRange[];
}

const NOTHING: Scope = { near: undefined, fixed: [] };

class ScopeFinder {
  isOfSteps = true;
  readonly #lookbackMs: number;

  constructor(lookbackMs: number) {
    this.#lookbackMs = lookbackMs;
  }

  find(expr: Expr, rangeMs?: number): Scope {
    switch (expr.kind) {
      case "vector": {
        const { beforeMs, afterMs } = reachOf(expr.extent, this.#lookbackMs);
        const backMs = (rangeMs ?? this.#lookbackMs) + beforeMs;
        return this.#shifted(expr, { near: { backMs, aheadMs: afterMs }, fixed: [] });
      }
      case "matrix":
        this.#checkDuration(expr.rangeExpr);
        return this.find(expr.selector, expr.rangeMs);
      case "subquery": {
        this.#checkDuration(expr.rangeExpr);
        this.#checkDuration(expr.stepExpr);
        const { near, fixed } = this.find(expr.expr);
        const wider = near && { ...near, backMs: near.backMs + expr.rangeMs };
        return this.#shifted(expr, { near: wider, fixed });
      }
      case "call":
        if (OF_THE_RANGE.has(expr.func)) this.isOfSteps = false;
        break;
      case "aggregation":
        if (expr.op === "limitk" && !isInLabelOrder(expr.expr)) this.isOfSteps = false;
        break;
      case "binary":
      case "unary":
      case "paren":
      case "number":
      case "string":
        break;
    }
    return childrenOf(expr).reduce((scope, child) => union(scope, this.find(child)), NOTHING);
  }

  #shifted({ offsetMs, offsetExpr, at }: TimeShift, { near, fixed }: Scope): Scope {
    this.#checkDuration(offsetExpr);
    if (near === undefined) return { near, fixed };
    const backMs = near.backMs + offsetMs;
    const aheadMs = near.aheadMs - offsetMs;
    if (at === undefined) return { near: { backMs, aheadMs }, fixed };
    if (at.kind !== "time") {
      this.isOfSteps = false;
      return NOTHING;
    }
    const range = { minMs: at.timestampMs - backMs, maxMs: at.timestampMs + aheadMs };
    return { near: undefined, fixed: [...fixed, range] };
  }

  #checkDuration(expr: DurationExpr | undefined): void {
    if (expr !== undefined && dependsOnRange(expr)) this.isOfSteps = false;
  }
}

function union(a: Scope, b: Scope): Scope {
  const fixed = [...a.fixed, ...b.fixed];
  if (a.near === undefined || b.near === undefined) return { near: a.near ?? b.near, fixed };
  const backMs = Math.max(a.near.backMs, b.near.backMs);
  const aheadMs = Math.max(a.near.aheadMs, b.near.aheadMs);
  return { near: { backMs, aheadMs }, fixed };
}

function dependsOnRange(expr: DurationExpr): boolean {
  switch (expr.kind) {
    case "number":
      return false;
    case "duration-call":
      return expr.func === "range" || expr.args.some(dependsOnRange);
    case "duration-binary":
      return dependsOnRange(expr.left) || dependsOnRange(expr.right);
    case "duration-negation":
    case "duration-paren":
      return dependsOnRange(expr.expr);
  }
}

/** Whether an expression's series come sorted by labels whatever range is asked for. */
function isInLabelOrder(expr: Expr): boolean {
  const inner = unwrapParens(expr);
  if (inner.kind === "vector") return true;
  return inner.kind === "call" && inner.args.some((arg) => unwrapParens(arg).kind === "matrix");
}
