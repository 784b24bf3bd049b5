import { labelsKey, type NativeHistogram } from "@pharos/base";
import type { Expr, Subquery } from "../../syntax/ast.ts";
import { walk } from "../../syntax/walk.ts";
import type { Evaluator } from "../evaluator.ts";
import { unwrapParens } from "../expr-properties.ts";
import { withCounterReset } from "../histogram/arithmetic.ts";
import type { QueryContext } from "../query-context.ts";
import { createScratch, reserve } from "../raw-samples.ts";
import {
  emptySeries,
  FLOAT,
  type Grid,
  gridTimeMs,
  HISTOGRAM,
  histogramAt,
  NONE,
  putHistogram,
  type StepSeries,
  sameLabelset,
} from "../step-series.ts";
import { subqueryGrid } from "../subquery.ts";
import { eachInTurns } from "../turns.ts";
import type { RawHistograms, RawSamples } from "../windows.ts";
import type { RawSink } from "./range-vector.ts";

/** For how many steps an expression is evaluated in one go: some ms for one series, and what the kernels take. */
const PIECE_STEPS = 2 ** 16;
/** Up to so many, functions of range selectors are evaluated series by series, so that not all need be kept. */
const STREAMED_STEPS = 2 ** 19;
/** Steps of one series that are made samples in one go. */
const STEPS_PER_TURN = 2 ** 18;
/** Bytes a step of the one series that is looked at: its time and value, and as many for what functions note of each. */
const STEP_SIZE = 32;

/**
 * Gives, one by one, the series of a subquery with their points. Where there are very many steps, these are evaluated in
 * pieces.
 */
export async function streamSubquery(
  subquery: Subquery,
  grid: Grid,
  evaluator: Evaluator,
  sink: RawSink,
): Promise<void> {
  const { context } = evaluator;
  const inner = subqueryGrid(subquery, grid, context);
  if (inner === undefined) return;
  using _ = context.reserve(inner.count * STEP_SIZE);
  const points = new SubqueryPoints(inner, context, sink);
  if (!isInPieces(subquery.expr, inner, context))
    return evaluator.stream(subquery.expr, inner, points.take);
  for (const series of await evaluateInPieces(subquery.expr, inner, evaluator)) {
    await points.take(series);
    if (context.tick(inner.count)) await context.pause();
  }
}

/** A selector takes turns by itself; what is read from rollups was planned for all steps. */
function isInPieces(expr: Expr, { count }: Grid, { tiers }: QueryContext): boolean {
  if (count <= PIECE_STEPS) return false;
  const inner = unwrapParens(expr);
  if (inner.kind === "vector" && inner.at === undefined) return false;
  let hasTiers = false;
  let isRangeCall = false;
  walk(inner, (part) => {
    if (tiers.of(part) !== undefined) hasTiers = true;
    if (part.kind === "matrix" && inner.kind === "call" && inner.args.includes(part))
      isRangeCall = part.selector.at === undefined;
  });
  return !hasTiers && !(isRangeCall && count <= STREAMED_STEPS);
}

/** A vector at so many steps that it takes others' turns to evaluate it at once. */
async function evaluateInPieces(
  expr: Expr,
  grid: Grid,
  evaluator: Evaluator,
): Promise<readonly StepSeries[]> {
  const { context } = evaluator;
  const whole = new Map<string, StepSeries>();
  for (let from = 0; from < grid.count; from += PIECE_STEPS) {
    const startMs = gridTimeMs(grid, from);
    const count = Math.min(PIECE_STEPS, grid.count - from);
    const { samples, series } = context.held;
    const known = whole.size;
    const piece = await evaluator.vector(expr, { startMs, stepMs: grid.stepMs, count });
    await eachInTurns(piece, context, (part) => {
      const key = (part.dropName ? "-" : "+") + labelsKey(part.labels);
      const into = whole.getOrInsertComputed(key, () => {
        context.hold(grid.count, 1);
        return emptySeries(part.labels, part.dropName, grid.count);
      });
      putSteps(part, into, from);
    });
    const added = whole.size - known;
    context.settle({ samples, series }, added * grid.count, added);
    if (context.isTurnOver()) await context.pause();
  }
  return [...whole.values()];
}

/** Puts the steps of a piece where they belong. @throws OperatingError `query.failed` where something is there already. */
function putSteps(part: StepSeries, into: StepSeries, from: number): void {
  const { values, present } = part;
  for (let i = 0; i < present.length; i++) {
    if (present[i] === NONE) continue;
    if (into.present[from + i] !== NONE) throw sameLabelset();
    if (present[i] === HISTOGRAM) putHistogram(into, from + i, histogramAt(part, i));
    else {
      into.values[from + i] = values[i] as number;
      into.present[from + i] = FLOAT;
    }
  }
}

/** Makes samples of what series are at the steps of a subquery, and gives them on. */
class SubqueryPoints {
  readonly #grid: Grid;
  readonly #context: QueryContext;
  readonly #sink: RawSink;
  readonly #raw: RawSamples = createScratch();

  constructor(grid: Grid, context: QueryContext, sink: RawSink) {
    this.#grid = grid;
    this.#context = context;
    this.#sink = sink;
    reserve(this.#raw, grid.count);
  }

  readonly take = (series: StepSeries): ReturnType<RawSink> => {
    this.#raw.length = 0;
    if (series.present.length > STEPS_PER_TURN) return this.#takeInTurns(series);
    this.#add(series, 0, series.present.length);
    return this.#give(series);
  };

  async #takeInTurns(series: StepSeries): Promise<void> {
    const { length } = series.present;
    for (let from = 0; from < length; from += STEPS_PER_TURN) {
      this.#add(series, from, Math.min(length, from + STEPS_PER_TURN));
      if (this.#context.isTurnOver()) await this.#context.pause();
    }
    await this.#give(series);
  }

  #add({ values, present }: StepSeries, from: number, to: number): void {
    const into = this.#raw;
    let { length } = into;
    for (let i = from; i < to; i++) {
      if (present[i] !== FLOAT) continue;
      into.timestampsMs[length] = gridTimeMs(this.#grid, i);
      into.values[length] = values[i] as number;
      length++;
    }
    into.length = length;
  }

  #give(series: StepSeries): ReturnType<RawSink> {
    const raw = this.#raw;
    raw.histograms =
      series.histograms === undefined ? undefined : histogramSteps(series, this.#grid);
    this.#context.countSamples(raw.length + (raw.histograms?.length ?? 0));
    return this.#sink(series.labels, series.dropName, raw);
  }
}

/**
 * What the histograms say of resets is forgotten: between two steps there may be samples that the subquery does not see,
 * and at a short step it sees one twice.
 */
function histogramSteps(series: StepSeries, grid: Grid): RawHistograms | undefined {
  const timestampsMs = new Float64Array(grid.count);
  const histograms: NativeHistogram[] = [];
  for (let i = 0; i < grid.count; i++) {
    if (series.present[i] !== HISTOGRAM) continue;
    timestampsMs[histograms.length] = gridTimeMs(grid, i);
    const histogram = histogramAt(series, i);
    histograms.push(
      histogram.counterReset === "gauge" ? histogram : withCounterReset(histogram, "unknown"),
    );
  }
  if (histograms.length === 0) return undefined;
  return { timestampsMs, histograms, length: histograms.length, startsMs: undefined };
}
