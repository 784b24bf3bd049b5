import { assert } from "@pharos/base";
import type { Aggregation, Call, Expr, MatrixSelector, VectorSelector } from "../syntax/ast.ts";
import { childrenOf, walk } from "../syntax/walk.ts";
import { Accumulator } from "./aggregate.ts";
import { kernelOf } from "./aggregate-kernels.ts";
import { rangeArgument } from "./call-arguments.ts";
import { Collector } from "./collect.ts";
import type { Evaluator, Sink } from "./evaluator.ts";
import { type ExprIdentity, matcherPart } from "./expr-identity.ts";
import { isStepInvariant, unwrapParens } from "./expr-properties.ts";
import { reachOf } from "./range/extent.ts";
import { RangeCall } from "./range/range-call.ts";
import { openMatrixSelector } from "./range/range-vector.ts";
import { type NeededSamples, type Reading, readSeries, shiftedRange } from "./read-series.ts";
import { openSelector } from "./selector.ts";
import type { Grid, StepSeries } from "./step-series.ts";

/** How many samples may be kept of a part that waits to be asked for: 64 MB. With more, it reads for itself. */
const WAITING_SAMPLES_MAX = 4_000_000;

/** A selector, or a call of a function of the range of one. */
interface Leaf {
  readonly node: VectorSelector | Call;
  readonly selector: VectorSelector;
  readonly range: MatrixSelector | undefined;
}

/** A part of an expression that is computed while series are read: a leaf, or what an aggregation of one adds up. */
interface Unit {
  readonly node: Expr;
  readonly aggregation: Aggregation | undefined;
  readonly leaf: Leaf;
  readonly needed: NeededSamples;
}

/** Units that read the same series, at about the same times. */
interface Group {
  readonly units: readonly Unit[];
  /** Of the units that were computed and not yet asked for; undefined before any was. */
  values: Map<Expr, StepSeries[]> | undefined;
}

/** Takes the series of a unit's leaf, without changing them, and has the unit's value in the end. */
interface UnitResult {
  readonly sink: Sink;
  /** Undefined where there was too much to keep. */
  finish(): Promise<StepSeries[] | undefined>;
}

/**
 * Finds the parts of an expression that read the same series, such as those of `sum(rate(a[5m])) / count(a)`, and
 * computes them in one pass over these when the first of them is asked for.
 */
export class SharedReads {
  readonly #evaluator: Evaluator;
  readonly #grid: Grid;
  readonly #identity: ExprIdentity;
  readonly #groups = new Map<Expr, Group>();

  /** `isSkipped` says which parts are not evaluated where they stand. */
  constructor(
    expr: Expr,
    grid: Grid,
    evaluator: Evaluator,
    identity: ExprIdentity,
    isSkipped: (expr: Expr) => boolean,
  ) {
    this.#evaluator = evaluator;
    this.#grid = grid;
    this.#identity = identity;
    const byMatchers = new Map<string, Unit[]>();
    const find = (part: Expr): void => {
      const inner = unwrapParens(part);
      if (isSkipped(inner) || (grid.count > 1 && isStepInvariant(inner))) return;
      const unit = unitOf(inner, grid, evaluator);
      if (unit === undefined) for (const child of evaluatedWithin(inner)) find(child);
      else
        byMatchers
          .getOrInsertComputed(matcherPart(unit.leaf.selector.matchers), () => [])
          .push(unit);
    };
    find(expr);
    for (const units of byMatchers.values())
      for (const close of closeUnits(units)) {
        if (close.length < 2) continue;
        const group: Group = { units: close, values: undefined };
        for (const { node } of close) this.#groups.set(node, group);
      }
  }

  /** The selectors that share their reads, each with how many there are in its pass. */
  get selectors(): ReadonlyMap<VectorSelector, number> {
    const found = new Map<VectorSelector, number>();
    for (const { units } of this.#groups.values())
      for (const { leaf } of units) found.set(leaf.selector, units.length);
    return found;
  }

  /** The value of a part that shares its reads, which the caller owns; undefined for others. */
  async value(node: Expr): Promise<StepSeries[] | undefined> {
    const group = this.#groups.get(node);
    if (group === undefined) return undefined;
    this.#groups.delete(node);
    group.values ??= await this.#compute(group.units, node, undefined);
    return this.#take(group, node);
  }

  /** Gives a part's series one by one, if it shares its reads; false for others. */
  async stream(node: Expr, sink: Sink): Promise<boolean> {
    const group = this.#groups.get(node);
    if (group === undefined) return false;
    this.#groups.delete(node);
    if (group.values === undefined) {
      // What an aggregation adds up is no value of its own: only of a leaf are series given as they are read.
      const isLeaf = group.units.some(
        (unit) => unit.node === node && unit.aggregation === undefined,
      );
      group.values = await this.#compute(group.units, node, isLeaf ? sink : undefined);
      if (isLeaf) return true;
    }
    const { context } = this.#evaluator;
    const value = this.#take(group, node);
    for (const series of value ?? []) {
      const busy = sink(series);
      if (busy !== undefined) await busy;
      if (context.tick()) await context.pause();
    }
    return value !== undefined;
  }

  #take({ values }: Group, node: Expr): StepSeries[] | undefined {
    const value = values?.get(node);
    if (value === undefined) return undefined;
    values?.delete(node);
    this.#evaluator.context.keep(-value.length * this.#grid.count, -value.length);
    return value;
  }

  /** Computes all units in one pass; what is asked for goes to `askedSink` if there is one. */
  async #compute(
    units: readonly Unit[],
    asked: Expr,
    askedSink: Sink | undefined,
  ): Promise<Map<Expr, StepSeries[]>> {
    const { context } = this.#evaluator;
    using resources = new DisposableStack();
    const results = new Map<Expr, UnitResult>();
    // Leaves that are the same are computed once for all units they are in, at the last place.
    const leaves = new Map<number, { leaf: Leaf; sinks: Sink[] }>();
    for (const unit of units) {
      const isAsked = unit.node === asked;
      const result: UnitResult =
        isAsked && askedSink !== undefined
          ? { sink: askedSink, finish: async () => undefined }
          : this.#openUnit(unit, isAsked, resources);
      results.set(unit.node, result);
      const { leaf } = unit;
      const id = this.#identity.of(leaf.node);
      const same = leaves.getOrInsertComputed(id, () => ({ leaf, sinks: [] }));
      same.leaf = leaf;
      same.sinks.push(result.sink);
    }
    const readings: Reading[] = [];
    for (const { leaf, sinks } of leaves.values())
      readings.push(await this.#openLeaf(leaf, sinks, resources));
    const [first, ...others] = readings;
    assert(first !== undefined, "units read something");
    await readSeries(context, [first, ...others]);
    const values = new Map<Expr, StepSeries[]>();
    for (const [node, result] of results) {
      const value = await result.finish();
      if (value !== undefined) values.set(node, value);
    }
    return values;
  }

  #openUnit({ aggregation }: Unit, isAsked: boolean, resources: DisposableStack): UnitResult {
    const { context } = this.#evaluator;
    const { count } = this.#grid;
    if (aggregation !== undefined) {
      const { annotations, kernels } = context;
      const accumulator = Accumulator.create(aggregation, { count, annotations, kernels });
      assert(accumulator !== undefined, () => `${aggregation.op} adds up series`);
      resources.use(accumulator);
      let groups = 0;
      return {
        sink(series) {
          accumulator.add(series);
          if (accumulator.groupCount === groups) return;
          groups = accumulator.groupCount;
          context.keep(count, 1);
        },
        async finish() {
          const value = await accumulator.finish(context);
          context.keep((value.length - groups) * count, value.length - groups);
          return value;
        },
      };
    }
    const collector = new Collector(this.#grid, (samples, one) => context.keep(samples, one));
    const seriesMax = isAsked ? Number.POSITIVE_INFINITY : WAITING_SAMPLES_MAX / count;
    let isTooMuch = false;
    return {
      sink(series) {
        if (isTooMuch) return;
        isTooMuch = collector.series.length >= seriesMax;
        if (isTooMuch) collector.clear();
        else collector.sink(series);
      },
      finish: async () => (isTooMuch ? undefined : collector.series),
    };
  }

  async #openLeaf(
    { node, selector, range }: Leaf,
    sinks: readonly Sink[],
    resources: DisposableStack,
  ): Promise<Reading> {
    const { context } = this.#evaluator;
    const sink = fanOut(sinks);
    if (range === undefined || node.kind !== "call")
      return openSelector(selector, this.#grid, context, "value", sink);
    const call = await RangeCall.open(node, this.#grid, this.#evaluator, sink);
    resources.use(call);
    return openMatrixSelector(range, this.#grid, context, call.wishes, call.take);
  }
}

/** Gives each series to several sinks. */
function fanOut(sinks: readonly Sink[]): Sink {
  const [only] = sinks;
  if (sinks.length === 1 && only !== undefined) return only;
  return (series) => {
    let busy: Promise<unknown> | undefined;
    for (const sink of sinks) {
      const taken = sink(series);
      if (taken !== undefined) busy = Promise.all([busy, taken]);
    }
    return busy?.then(() => undefined);
  };
}

function unitOf(node: Expr, grid: Grid, { context }: Evaluator): Unit | undefined {
  const isSum = node.kind === "aggregation" && kernelOf(node.op) !== undefined;
  const leaf = leafOf(unwrapParens(isSum ? node.expr : node));
  if (leaf === undefined || context.tiers.of(leaf.node) !== undefined) return undefined;
  const { selector, range } = leaf;
  const { firstMs, lastMs } = shiftedRange(context, selector, grid);
  const { beforeMs, afterMs } = reachOf(selector.extent, context.lookbackMs);
  const needed = {
    afterMs: firstMs - (range === undefined ? context.lookbackMs : range.rangeMs + beforeMs),
    maxMs: lastMs + afterMs,
  };
  return { node, aggregation: isSum ? node : undefined, leaf, needed };
}

function leafOf(expr: Expr): Leaf | undefined {
  if (expr.kind === "vector") return { node: expr, selector: expr, range: undefined };
  if (expr.kind !== "call" || expr.func === "absent_over_time") return undefined;
  const range = rangeArgument(expr);
  if (range?.kind !== "matrix") return undefined;
  // Other arguments must not read anything themselves.
  let selectors = 0;
  walk(expr, ({ kind }) => {
    if (kind === "vector") selectors++;
  });
  return selectors === 1 ? { node: expr, selector: range.selector, range } : undefined;
}

/** What is evaluated on the same steps, as vectors or scalars, when an expression is. */
function evaluatedWithin(expr: Expr): readonly Expr[] {
  if (expr.kind === "subquery" || expr.kind === "matrix") return [];
  if (expr.kind !== "call") return childrenOf(expr);
  const readsItself = expr.func === "timestamp" || expr.func === "start_timestamp";
  if (expr.func === "info") return expr.args.slice(0, 1);
  return readsItself ? expr.args.filter((arg) => unwrapParens(arg).kind !== "vector") : expr.args;
}

/** Puts units together as long as to read what all of them need is no more than what each of them does. */
function closeUnits(units: readonly Unit[]): Unit[][] {
  const sorted = units.toSorted((a, b) => a.needed.afterMs - b.needed.afterMs);
  const groups: Unit[][] = [];
  let needed = 0;
  let startMs = 0;
  let endMs = Number.NEGATIVE_INFINITY;
  for (const unit of sorted) {
    const { afterMs, maxMs } = unit.needed;
    needed += maxMs - afterMs;
    if (groups.length > 0 && Math.max(endMs, maxMs) - startMs <= needed) {
      groups.at(-1)?.push(unit);
      endMs = Math.max(endMs, maxMs);
      continue;
    }
    groups.push([unit]);
    needed = maxMs - afterMs;
    startMs = afterMs;
    endMs = maxMs;
  }
  return groups;
}
