import type { Expr } from "../syntax/ast.ts";
import type { QueryContext } from "./query-context.ts";
import type { Grid, StepSeries } from "./step-series.ts";

/**
 * Takes one series of a result; its columns are overwritten when the next one comes. That waits for the promise, if there
 * is one, as of a sink that computes for long.
 */
export type Sink = (series: StepSeries) => Promise<void> | undefined | void;

/**
 * Evaluates the parts of one query's expression. What evaluates a kind of node gets one, to have the node's own parts
 * evaluated, on the node's grid or another.
 */
export interface Evaluator {
  readonly context: QueryContext;
  /** The value of a scalar expression at each step; the caller owns the column. */
  scalar(expr: Expr, grid: Grid): Promise<Float64Array>;
  /**
   * The series of a vector expression, in the order it gives them; the caller owns their columns. There may be series
   * without any sample among them.
   */
  vector(expr: Expr, grid: Grid): Promise<StepSeries[]>;
  /**
   * As `vector`, but gives the series one by one, without keeping them all where they come straight from the store: an
   * aggregation of ten thousand series needs memory for its groups only.
   */
  stream(expr: Expr, grid: Grid, sink: Sink): Promise<void>;
}
