export {
  createEngine,
  type Engine,
  type EngineOptions,
  type QueryOptions,
  type QueryRange,
} from "./engine.ts";
export type { Limit, QueryLimits } from "./query-limits.ts";
export type {
  MatrixSeries,
  QueryResult,
  QueryStats,
  QueryValue,
  VectorResult,
} from "./result.ts";
