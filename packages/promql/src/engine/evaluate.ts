import { assert, unreachable } from "@pharos/base";
import { pushDown, streamPushed } from "../plan/pushdown.ts";
import { streamTiered } from "../plan/tier-read.ts";
import type { Call, Expr, VectorSelector } from "../syntax/ast.ts";
import { walk } from "../syntax/walk.ts";
import { rangeArgument } from "./call-arguments.ts";
import { collect } from "./collect.ts";
import { evaluateAggregation } from "./evaluate-aggregation.ts";
import { evaluateBinary } from "./evaluate-binary.ts";
import { evaluateCall } from "./evaluate-call.ts";
import { evaluateScalar } from "./evaluate-scalar.ts";
import type { Evaluator, Sink } from "./evaluator.ts";
import { ExprIdentity } from "./expr-identity.ts";
import { isStepInvariant, unwrapParens } from "./expr-properties.ts";
import { negate } from "./operators.ts";
import type { QueryContext } from "./query-context.ts";
import { absentOverTime, streamRangeFunction } from "./range/range-call.ts";
import { RepeatedParts } from "./repeated-parts.ts";
import { streamSelector } from "./selector.ts";
import { SharedReads } from "./shared-reads.ts";
import { firstStep, type Grid, hasSamples, repeatFirst, type StepSeries } from "./step-series.ts";
import { mapInTurns } from "./turns.ts";

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
    this.#shared = new SharedReads(expr, grid, this, identity, (part) => {
      return repeated.isSkipped(part) || pushDown(part, grid, context) !== undefined;
    });
  }

  /** The selectors that are read in one pass with others, each with how many there are in it. */
  get sharedSelectors(): ReadonlyMap<VectorSelector, number> {
    return this.#shared?.selectors ?? new Map();
  }

  /** Whether a part of the query is evaluated where it stands again. */
  isElsewhere(expr: Expr): boolean {
    return this.#repeated?.isSkipped(expr) ?? false;
  }

  scalar(expr: Expr, grid: Grid): Promise<Float64Array> {
    return evaluateScalar(expr, grid, this);
  }

  async vector(expr: Expr, grid: Grid): Promise<StepSeries[]> {
    const inner = unwrapParens(expr);
    const { held: heldBefore, profile } = this.context;
    const evaluate = (part: Inner): Promise<StepSeries[]> =>
      profile === undefined || !isProfiled(part, grid)
        ? this.#evaluate(part, grid)
        : profile.vector(part, () => this.#evaluate(part, grid));
    const result =
      grid === this.#grid && this.#repeated !== undefined
        ? await this.#repeated.value(inner, grid, evaluate)
        : await evaluate(inner);
    this.context.settle(heldBefore, result.length * grid.count, result.length);
    return result;
  }

  async #evaluate(expr: Inner, grid: Grid): Promise<StepSeries[]> {
    if (grid.count > 1 && isStepInvariant(expr)) {
      const first = firstStep(grid);
      const evaluate = (): Promise<StepSeries[]> => this.vector(expr, first);
      const list =
        (await this.context.sampleCounts?.within(first, grid, evaluate)) ?? (await evaluate());
      const once = list.filter(hasSamples);
      this.context.hold(once.length * grid.count, once.length);
      return mapInTurns(once, this.context, (series) => repeatFirst(series, grid.count));
    }
    const pushed = pushDown(expr, grid, this.context);
    if (pushed !== undefined)
      return collect(grid, this.context, (sink) => streamPushed(pushed, grid, this.context, sink));
    const shared = grid === this.#grid ? await this.#shared?.value(expr) : undefined;
    return shared ?? this.#node(expr, grid);
  }

  async stream(expr: Expr, grid: Grid, sink: Sink): Promise<void> {
    const inner = unwrapParens(expr);
    if (grid.count === 1 || !isStepInvariant(inner)) {
      const pushed = pushDown(inner, grid, this.context);
      if (pushed !== undefined) return streamPushed(pushed, grid, this.context, sink);
      if (grid === this.#grid && (await this.#shared?.stream(inner, sink))) return;
      if (inner.kind === "vector") return this.#streamSelector(inner, grid, sink);
      if (
        inner.kind === "call" &&
        rangeArgument(inner) !== undefined &&
        inner.func !== "absent_over_time"
      )
        return this.#streamRangeCall(inner, grid, sink);
    }
    for (const series of await this.vector(inner, grid)) {
      const busy = sink(series);
      if (busy !== undefined) await busy;
      if (this.context.tick()) await this.context.pause();
    }
  }

  #streamSelector(selector: VectorSelector, grid: Grid, sink: Sink): Promise<void> {
    const samples = (steps: Grid, to: Sink): Promise<void> =>
      streamSelector(selector, steps, this.context, "value", to);
    return this.#streamLeaf(selector, grid, samples, sink);
  }

  #streamLeaf(
    node: VectorSelector | Call,
    grid: Grid,
    samples: (steps: Grid, to: Sink) => Promise<void>,
    sink: Sink,
  ): Promise<void> {
    const { tiers, profile } = this.context;
    const tiered = tiers.at(node, grid);
    const run = (to: Sink): Promise<void> =>
      tiered === undefined ? samples(grid, to) : streamTiered(tiered, this, samples, to);
    return profile === undefined ? run(sink) : profile.stream(node, sink, run);
  }

  #streamRangeCall(call: Call, grid: Grid, sink: Sink): Promise<void> {
    const samples = (steps: Grid, to: Sink): Promise<void> =>
      streamRangeFunction(call, steps, this, to);
    return this.#streamLeaf(call, grid, samples, sink);
  }

  async #node(expr: Inner, grid: Grid): Promise<StepSeries[]> {
    switch (expr.kind) {
      case "vector":
        return collect(grid, this.context, (sink) => this.#streamSelector(expr, grid, sink));
      case "call":
        if (rangeArgument(expr) === undefined) return evaluateCall(expr, grid, this);
        return expr.func === "absent_over_time"
          ? absentOverTime(expr, grid, (sink) => this.#streamRangeCall(expr, grid, sink))
          : collect(grid, this.context, (sink) => this.#streamRangeCall(expr, grid, sink));
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

/** What is read is noted as it comes, and what is the same at each step where it is evaluated for one. */
function isProfiled(expr: Inner, grid: Grid): boolean {
  if (expr.kind === "vector" || (grid.count > 1 && isStepInvariant(expr))) return false;
  return expr.kind !== "call" || rangeArgument(expr) === undefined;
}
