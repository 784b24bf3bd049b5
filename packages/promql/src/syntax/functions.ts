import type { ValueType } from "./ast.ts";

/** What a function takes and gives. */
export interface FunctionSignature {
  readonly args: readonly ValueType[];
  /** How many of the last arguments may be left out; -1 where the last one may be repeated any number of times (or left out). */
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

/** Every function on float samples that PromQL has (Prometheus 3.14), by name. */
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
  exp: VECTOR,
  first_over_time: RANGE,
  floor: VECTOR,
  histogram_fraction: signature(["scalar", "scalar", "vector"], "vector"),
  histogram_quantile: signature(["scalar", "vector"], "vector"),
  hour: DATE,
  idelta: RANGE,
  increase: RANGE,
  irate: RANGE,
  label_join: signature(["vector", "string", "string", "string"], "vector", -1),
  label_replace: signature(["vector", "string", "string", "string", "string"], "vector"),
  last_over_time: RANGE,
  ln: VECTOR,
  log10: VECTOR,
  log2: VECTOR,
  mad_over_time: RANGE_EXPERIMENTAL,
  max_over_time: RANGE,
  min_over_time: RANGE,
  minute: DATE,
  month: DATE,
  pi: signature([], "scalar"),
  predict_linear: signature(["matrix", "scalar"], "vector"),
  present_over_time: RANGE,
  quantile_over_time: signature(["scalar", "matrix"], "vector"),
  rad: VECTOR,
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
  stddev_over_time: RANGE,
  stdvar_over_time: RANGE,
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
