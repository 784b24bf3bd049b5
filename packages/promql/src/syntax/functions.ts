import type { Extent, ValueType } from "./ast.ts";

/** What a function takes and gives. */
export interface FunctionSignature {
  readonly args: readonly ValueType[];
  /** 0: all arguments, once each. N > 0: the last may be left out or stand up to N times. -1: left out or any number of times. */
  readonly optional: number;
  readonly returns: ValueType;
  /** Behind Prometheus's experimental flag; on by default here. */
  readonly experimental: boolean;
}

const signature = (
  args: readonly ValueType[],
  returns: ValueType,
  optional = 0,
  experimental = false,
): FunctionSignature => ({ args, optional, returns, experimental });

const VECTOR = signature(["vector"], "vector");
const RANGE = signature(["matrix"], "vector");
const RANGE_EXPERIMENTAL = signature(["matrix"], "vector", 0, true);
const DATE = signature(["vector"], "vector", 1);
const HISTOGRAM = signature(["vector"], "vector");
const OF_THE_QUERY = signature([], "scalar", 0, true);
const OF_TWO = signature(["scalar", "scalar"], "scalar", 0, true);

/** Every function that PromQL has (Prometheus 3.14), by name. */
export const FUNCTIONS: Readonly<Record<string, FunctionSignature>> = {
  __proto__: null as never,
  abs: VECTOR,
  absent: VECTOR,
  absent_over_time: RANGE,
  acos: VECTOR,
  acosh: VECTOR,
  asin: VECTOR,
  asinh: VECTOR,
  atan: VECTOR,
  atanh: VECTOR,
  avg_over_time: RANGE,
  ceil: VECTOR,
  changes: RANGE,
  clamp: signature(["vector", "scalar", "scalar"], "vector"),
  clamp_max: signature(["vector", "scalar"], "vector"),
  clamp_min: signature(["vector", "scalar"], "vector"),
  cos: VECTOR,
  cosh: VECTOR,
  count_over_time: RANGE,
  day_of_month: DATE,
  day_of_week: DATE,
  day_of_year: DATE,
  days_in_month: DATE,
  deg: VECTOR,
  delta: RANGE,
  deriv: RANGE,
  double_exponential_smoothing: signature(["matrix", "scalar", "scalar"], "vector", 0, true),
  end: OF_THE_QUERY,
  exp: VECTOR,
  first_over_time: RANGE,
  floor: VECTOR,
  histogram_avg: HISTOGRAM,
  histogram_count: HISTOGRAM,
  histogram_fraction: signature(["scalar", "scalar", "vector"], "vector"),
  histogram_quantile: signature(["scalar", "vector"], "vector"),
  histogram_quantiles: signature(["vector", "string", "scalar", "scalar"], "vector", 9, true),
  histogram_stddev: HISTOGRAM,
  histogram_stdvar: HISTOGRAM,
  histogram_sum: HISTOGRAM,
  hour: DATE,
  idelta: RANGE,
  increase: RANGE,
  info: signature(["vector", "vector"], "vector", 1, true),
  irate: RANGE,
  label_join: signature(["vector", "string", "string", "string"], "vector", -1),
  label_replace: signature(["vector", "string", "string", "string", "string"], "vector"),
  last_over_time: RANGE,
  ln: VECTOR,
  log10: VECTOR,
  log2: VECTOR,
  mad_over_time: RANGE_EXPERIMENTAL,
  max_of: OF_TWO,
  max_over_time: RANGE,
  min_of: OF_TWO,
  min_over_time: RANGE,
  minute: DATE,
  month: DATE,
  pi: signature([], "scalar"),
  predict_linear: signature(["matrix", "scalar"], "vector"),
  present_over_time: RANGE,
  quantile_over_time: signature(["scalar", "matrix"], "vector"),
  rad: VECTOR,
  range: OF_THE_QUERY,
  rate: RANGE,
  resets: RANGE,
  round: signature(["vector", "scalar"], "vector", 1),
  scalar: signature(["vector"], "scalar"),
  sgn: VECTOR,
  sin: VECTOR,
  sinh: VECTOR,
  sort: VECTOR,
  sort_by_label: signature(["vector", "string"], "vector", -1, true),
  sort_by_label_desc: signature(["vector", "string"], "vector", -1, true),
  sort_desc: VECTOR,
  sqrt: VECTOR,
  start: OF_THE_QUERY,
  start_timestamp: signature(["vector"], "vector", 0, true),
  stddev_over_time: RANGE,
  stdvar_over_time: RANGE,
  step: OF_THE_QUERY,
  sum_over_time: RANGE,
  tan: VECTOR,
  tanh: VECTOR,
  time: signature([], "scalar"),
  timestamp: VECTOR,
  ts_of_first_over_time: RANGE_EXPERIMENTAL,
  ts_of_last_over_time: RANGE_EXPERIMENTAL,
  ts_of_max_over_time: RANGE_EXPERIMENTAL,
  ts_of_min_over_time: RANGE_EXPERIMENTAL,
  vector: signature(["scalar"], "vector"),
  year: DATE,
};

/** The functions that take a range with an extent; for all others a range ends where it says. */
const EXTENT_FUNCTIONS: Readonly<Record<Extent, readonly string[]>> = {
  anchored: ["changes", "delta", "increase", "rate", "resets"],
  smoothed: ["delta", "increase", "rate"],
};

/**
 * What is wrong with calling `func` on a range with this extent, in Prometheus's words, which it says when it
 * evaluates; undefined where nothing is.
 */
export function extentProblem(func: string, extent: Extent): string | undefined {
  const allowed = EXTENT_FUNCTIONS[extent];
  if (allowed.includes(func)) return undefined;
  return `${extent} modifier can only be used with: ${allowed.join(", ")} - not with ${func}`;
}
