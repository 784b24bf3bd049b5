import { assert, unreachable } from "@pharos/base";
import type { Expr } from "../syntax/ast.ts";
import { walk } from "../syntax/walk.ts";
import { rangeArgument } from "./call-arguments.ts";
import { evaluateAggregation } from "./evaluate-aggregation.ts";
import { evaluateBinary } from "./evaluate-binary.ts";
import { evaluateCall } from "./evaluate-call.ts";
import { evaluateScalar } from "./evaluate-scalar.ts";
import type { Evaluator, Sink } from "./evaluator.ts";
import { ExprIdentity } from "./expr-identity.ts";
import { isStepInvariant, unwrapParens } from "./expr-properties.ts";
import { negate } from "./operators.ts";
import type { QueryContext } from "./query-context.ts";
import { absentOverTime, collectRangeFunction, streamRangeFunction } from "./range/range-call.ts";
import { RepeatedParts } from "./repeated-parts.ts";
import { collectSelector, streamSelector } from "./selector.ts";
import { SharedReads } from "./shared-reads.ts";
import { firstStep, type Grid, hasSamples, repeatFirst, type StepSeries } from "./step-series.ts";

type Inner = ReturnType<typeof unwrapParens>;

/** Evaluates the expression of one query, node by node. What a kind of node does is in a file of its own. */
export class TreeEvaluator implements Evaluator {
  readonly context: QueryContext;
  /** The steps of the query itself, not of a subquery in it. */
  readonly #grid: Grid;
  /** Undefined for an expression with one selector, in which there is nothing to share. */
  readonly #repeated: RepeatedParts | undefined;
  readonly #shared: SharedReads | undefined;

  constructor(expr: Expr, grid: Grid, context: QueryContext) {
    this.context = context;
    this.#grid = grid;
    let selectors = 0;
    walk(expr, ({ kind }) => {
      if (kind === "vector") selectors++;
    });
    if (selectors < 2) return;
    const identity = new ExprIdentity((selector) => context.countsOnly.has(selector));
    const repeated = new RepeatedParts(expr, identity, context);
    this.#repeated = repeated;
    this.#shared = new SharedReads(expr, grid, this, identity, (part) => repeated.isSkipped(part));
  }

  scalar(expr: Expr, grid: Grid): Promise<Float64Array> {
    return evaluateScalar(expr, grid, this);
  }

  async vector(expr: Expr, grid: Grid): Promise<StepSeries[]> {
    const inner = unwrapParens(expr);
    const heldBefore = this.context.samplesHeld;
    const result =
      grid === this.#grid && this.#repeated !== undefined
        ? await this.#repeated.value(inner, grid, (part) => this.#evaluate(part, grid))
        : await this.#evaluate(inner, grid);
    this.context.settle(heldBefore, result.length * grid.count);
    return result;
  }

  async #evaluate(expr: Inner, grid: Grid): Promise<StepSeries[]> {
    if (grid.count > 1 && isStepInvariant(expr)) {
      const first = firstStep(grid);
      const evaluate = (): Promise<StepSeries[]> => this.vector(expr, first);
      const list =
        (await this.context.sampleCounts?.within(first, grid, evaluate)) ?? (await evaluate());
      const once = list.filter(hasSamples);
      this.context.hold(once.length * grid.count);
      return once.map((series) => repeatFirst(series, grid.count));
    }
    const shared = grid === this.#grid ? await this.#shared?.value(expr) : undefined;
    return shared ?? this.#node(expr, grid);
  }

  async stream(expr: Expr, grid: Grid, sink: Sink): Promise<void> {
    const inner = unwrapParens(expr);
    if (grid.count === 1 || !isStepInvariant(inner)) {
      if (grid === this.#grid && (await this.#shared?.stream(inner, sink))) return;
      if (inner.kind === "vector") return streamSelector(inner, grid, this.context, "value", sink);
      if (
        inner.kind === "call" &&
        rangeArgument(inner) !== undefined &&
        inner.func !== "absent_over_time"
      )
        return streamRangeFunction(inner, grid, this, sink);
    }
    for (const series of await this.vector(inner, grid)) {
      const busy = sink(series);
      if (busy !== undefined) await busy;
      if (this.context.tick()) await this.context.pause();
    }
  }

  async #node(expr: Inner, grid: Grid): Promise<StepSeries[]> {
    switch (expr.kind) {
      case "vector":
        return collectSelector(expr, grid, this.context, "value");
      case "call":
        if (expr.func === "absent_over_time") return absentOverTime(expr, grid, this);
        return rangeArgument(expr) === undefined
          ? evaluateCall(expr, grid, this)
          : collectRangeFunction(expr, grid, this);
      case "aggregation":
        return evaluateAggregation(expr, grid, this);
      case "binary":
        return evaluateBinary(expr, grid, this);
      case "unary": {
        const list = await this.vector(expr.expr, grid);
        return expr.op === "-" ? negate(list, this.context) : list;
      }
      case "number":
      case "string":
      case "matrix":
      case "subquery":
        assert(false, () => `${expr.kind} is no vector`);
        break;
      default:
        return unreachable(expr);
    }
  }
}
