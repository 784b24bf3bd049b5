export { readMetrics } from "../cache/read-metrics.ts";
export {
  ResultCache,
  type ResultCacheOptions,
  type ResultCacheStats,
} from "../cache/result-cache.ts";
export {
  type EstimateOptions,
  estimateQuery,
  type QueryEstimate,
  type SelectorEstimate,
} from "../plan/estimate.ts";
export type {
  PlanNode,
  PlannedRead,
  PlannedSelection,
  QueryPlan,
} from "../plan/explain.ts";
export { TIER_WISHES, type TierWish } from "../plan/tier-choice.ts";
export {
  createEngine,
  type Engine,
  type EngineOptions,
  type ExplainOptions,
  type Explanation,
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
