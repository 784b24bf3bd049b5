export type {
  Aggregation,
  AggregationOp,
  AtModifier,
  BinaryExpr,
  BinaryOp,
  Call,
  DurationBinary,
  DurationCall,
  DurationExpr,
  DurationMs,
  DurationNegation,
  DurationParen,
  Expr,
  Extent,
  FillValues,
  MatrixSelector,
  NumberLiteral,
  ParenExpr,
  Span,
  StringLiteral,
  Subquery,
  TimeShift,
  UnaryExpr,
  ValueType,
  VectorMatching,
  VectorSelector,
} from "./ast.ts";
export { DURATION_PARTS_MAX } from "./duration-parser.ts";
export { type QueryTimes, resolveDurations } from "./durations.ts";
export { extentProblem, FUNCTIONS, type FunctionSignature } from "./functions.ts";
export { type ExprJson, toJson } from "./json.ts";
export { EXPRESSION_DEPTH_MAX, parse, parseMetricSelector } from "./parse.ts";
export { pinSelectors } from "./pin.ts";
export { formatExpr, LINE_LENGTH_MAX, printDuration, printExpr } from "./print.ts";
export { REGEXES_COST_MAX } from "./selector-parser.ts";
export { type Escape, readEscape } from "./string-escape.ts";
export { type LineAndColumn, lineAndColumn, PromqlSyntaxError } from "./syntax-error.ts";
export { EXPRESSION_LENGTH_MAX } from "./token-reader.ts";
export { describeType, valueTypeOf } from "./value-type.ts";
export { childrenOf, walk } from "./walk.ts";
