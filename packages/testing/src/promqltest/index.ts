export { almostEqual, almostEqualHistograms } from "./compare.ts";
export { formatHistogram } from "./histogram-notation.ts";
export type { ResultPoint, ResultSeries, ResultValue, TestResult } from "./result.ts";
export {
  type EvalReport,
  type LoadedSample,
  loadedSamples,
  type PromqlTestTarget,
  runPromqlTest,
  type SeriesToLoad,
} from "./runner.ts";
export { type PromqlTestCommand, parsePromqlTest } from "./script.ts";
export { type NotedSeries, parseSeriesLine, type SeriesPoint } from "./series-notation.ts";
