export type { ResultPoint, ResultSeries, ResultValue, TestResult } from "./result.ts";
export {
  type EvalReport,
  type LoadedSample,
  type PromqlTestTarget,
  runPromqlTest,
  type SeriesToLoad,
} from "./runner.ts";
export { type PromqlTestCommand, parsePromqlTest } from "./script.ts";
