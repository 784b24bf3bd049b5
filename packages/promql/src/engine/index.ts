export {
  type EstimateOptions,
  estimateQuery,
  type QueryEstimate,
  type SelectorEstimate,
} from "../plan/estimate.ts";
export {
  createEngine,
  type Engine,
  type EngineOptions,
  type QueryOptions,
  type QueryRange,
} from "./engine.ts";
export { detectReset } from "./histogram/counter-reset.ts";
export { type Limit, overLimit, type QueryLimits } from "./query-limits.ts";
export type {
  MatrixSeries,
  QueryResult,
  QueryStats,
  QueryValue,
  VectorResult,
} from "./result.ts";
