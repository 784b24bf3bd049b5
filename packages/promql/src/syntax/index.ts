export type {
  Aggregation,
  AggregationOp,
  AtModifier,
  BinaryExpr,
  BinaryOp,
  Call,
  DurationMs,
  Expr,
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
export { FUNCTIONS, type FunctionSignature } from "./functions.ts";
export { type ExprJson, toJson } from "./json.ts";
export { EXPRESSION_DEPTH_MAX, parse, parseMetricSelector } from "./parse.ts";
export { pinSelectors } from "./pin.ts";
export { formatExpr, LINE_LENGTH_MAX, printExpr } from "./print.ts";
export { type LineAndColumn, lineAndColumn, PromqlSyntaxError } from "./syntax-error.ts";
export { EXPRESSION_LENGTH_MAX } from "./token-reader.ts";
export { describeType, valueTypeOf } from "./value-type.ts";
export { childrenOf, walk } from "./walk.ts";
