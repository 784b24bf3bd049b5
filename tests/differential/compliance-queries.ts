// What every implementation of PromQL is expected to answer as Prometheus does: each operator, function and modifier on
// its own, over what a small service exposes. Written down as lists of what varies, and all that they make together.

const RANGES = ["1s", "15s", "1m", "5m", "15m", "1h"];
const OFFSETS = ["1m", "5m", "10m", "-1m", "-5m"];
const SIMPLE_AGGREGATIONS = ["sum", "avg", "max", "min", "count", "stddev", "stdvar", "group"];
const QUANTILES = ["-0.5", "0.1", "0.5", "0.75", "0.95", "0.90", "0.99", "1", "1.5"];
const ARITHMETIC = ["+", "-", "*", "/", "%", "^"];
const COMPARISONS = ["==", "!=", "<", ">", "<=", ">="];
const MATH =
  "abs ceil floor exp sqrt ln log2 log10 sgn deg rad sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh";
const DATES = "day_of_month day_of_week day_of_year days_in_month month year hour minute";
const OVER_TIME = "sum avg min max count stddev stdvar last absent present";
const RATES = ["rate", "increase", "delta"];
const INSTANT_RATES = ["irate", "idelta"];
const SMOOTHING = ["0.1", "0.5", "0.8"];
const NUMBERS = ["42", "-42", "1.5", "-1.5", "0", "1e+2", "NaN", "Inf", "+Inf", "-Inf", "0x2a"];

const MEMORY = "demo_memory_usage_bytes";
const CPU = "demo_cpu_usage_seconds_total";
const CPUS = "demo_num_cpus";
const BUCKETS = "demo_api_request_duration_seconds_bucket";
const LAST_SUCCESS = "demo_batch_last_success_timestamp_seconds";

/** Each of the values, with each of the others. */
function* pairs<A, B>(some: Iterable<A>, others: readonly B[]): Generator<readonly [A, B]> {
  for (const a of some) for (const b of others) yield [a, b];
}

function* selectors(): Generator<string> {
  yield MEMORY;
  yield `{__name__="${MEMORY}"}`;
  yield `${MEMORY}{type="free"}`;
  yield `${MEMORY}{type!="free"}`;
  yield `${MEMORY}{instance=~"demo:.*"}`;
  yield `${MEMORY}{instance=~"host"}`;
  yield `${MEMORY}{instance!~".*:10000"}`;
  yield `${MEMORY}{type="free", instance!="demo:10000"}`;
  yield `{type="free", instance!="demo:10000"}`;
  yield '{__name__=~".*"}';
  yield '{__name__=~"demo_num_.+"}';
  yield "nonexistent_metric_name";
  yield "demo_intermittent_metric";
  yield `${MEMORY} @ 1700009000`;
  for (const offset of OFFSETS) yield `${MEMORY} offset ${offset}`;
}

function* literals(): Generator<string> {
  yield* NUMBERS;
  yield "1 - 2 * 3 / 4 % 5 ^ -1";
  yield "-2 ^ 2";
  yield "time()";
  yield "pi()";
  yield "vector(1.23)";
  yield "vector(time())";
}

function* aggregations(): Generator<string> {
  const groupings = ["", "by() ", "by(instance) ", "by(instance, type) ", "by(nonexistent) "];
  const others = [
    "without() ",
    "without(instance) ",
    "without(instance, type) ",
    "without(nonexistent) ",
  ];
  for (const [op, grouping] of pairs(SIMPLE_AGGREGATIONS, [...groupings, ...others]))
    yield `${op} ${grouping}(${MEMORY})`;
  for (const op of ["topk", "bottomk"])
    for (const grouping of ["", "by(instance) ", "without(instance) "])
      for (const k of ["3", "0", "-1", "2.7", "100"]) yield `${op} ${grouping}(${k}, ${MEMORY})`;
  for (const [q, grouping] of pairs(QUANTILES, ["", "by(type) "]))
    yield `quantile ${grouping}(${q}, ${MEMORY})`;
  yield `count_values("value", demo_api_request_duration_seconds_count)`;
  yield `count_values by(instance) ("value", ${CPUS})`;
  yield `avg(max by(type) (${MEMORY}))`;
  yield `sum(nonexistent_metric_name)`;
}

function* operators(): Generator<string> {
  for (const op of ARITHMETIC) {
    yield `1 * 2 ${op} 3`;
    yield `${CPUS} ${op} 1.2345`;
    yield `0.12345 ${op} ${CPUS}`;
    yield `${CPUS} ${op} ${CPUS}`;
    yield `${CPUS} ${op} (1 ${op} 2)`;
    yield `(1 ${op} 2) ${op} ${CPUS}`;
    yield `${MEMORY} ${op} on(instance, job) group_left ${CPUS}`;
    yield `${CPUS} ${op} ignoring(type) group_right(job) ${MEMORY}`;
    yield `sum by(instance, type) (${MEMORY}) ${op} on(instance, type) group_left(job) ${MEMORY}`;
    yield `${MEMORY} ${op} ${CPUS}`;
    yield `${MEMORY} ${op} on(instance) ${CPUS}`;
  }
  for (const op of COMPARISONS) {
    yield `1 ${op} bool 2`;
    yield `1 ${op} 2`;
    yield `${CPUS} ${op} 2`;
    yield `${CPUS} ${op} bool 2`;
    yield `4 ${op} ${CPUS}`;
    yield `4 ${op} bool ${CPUS}`;
    yield `${CPUS} ${op} NaN`;
    yield `${CPUS} ${op} ${CPUS}`;
    yield `${CPUS} ${op} bool ${CPUS}`;
    yield `demo_disk_usage_bytes ${op} demo_disk_total_bytes`;
    yield `demo_disk_usage_bytes ${op} bool on(instance) demo_disk_total_bytes`;
  }
  for (const op of ["and", "or", "unless"]) {
    yield `${MEMORY} ${op} on(instance) (${CPUS} offset 1m)`;
    yield `${MEMORY}{type="free"} ${op} ${MEMORY}{instance!="demo:10001"}`;
    yield `${CPUS} ${op} ignoring(job) demo_intermittent_metric`;
    yield `(1 * 2 + 4 / 6 - (10%7)^2) ${op} ${CPUS}`;
  }
  yield `-${MEMORY}`;
  yield `-1 ^ ${CPUS}`;
  yield `1 + ${CPUS} atan2 2`;
  yield `${MEMORY} + on(instance, job, type) ${MEMORY}`;
}

function* functions(): Generator<string> {
  for (const name of MATH.split(" ")) {
    yield `${name}(${CPU})`;
    yield `${name}(-${CPU})`;
  }
  for (const [name, range] of pairs(OVER_TIME.split(" "), RANGES)) {
    yield `${name}_over_time(${MEMORY}[${range}])`;
    yield `${name}_over_time(demo_intermittent_metric[${range}])`;
  }
  for (const [q, range] of pairs(QUANTILES, RANGES))
    yield `quantile_over_time(${q}, ${MEMORY}[${range}])`;
  yield `timestamp(${CPUS})`;
  yield `timestamp(timestamp(${CPUS}))`;
  yield `timestamp(${CPUS} * 1)`;
  for (const [name, range] of pairs(
    [...RATES, ...INSTANT_RATES, "resets", "changes", "deriv"],
    RANGES,
  )) {
    yield `${name}(${CPU}[${range}])`;
    yield `${name}(demo_items_shipped_total[${range}])`;
    yield `${name}(nonexistent_metric_name[${range}])`;
  }
  for (const range of RANGES) yield `predict_linear(demo_disk_usage_bytes[${range}], 600)`;
  for (const [smoothing, trend] of pairs(SMOOTHING, SMOOTHING))
    for (const range of RANGES.slice(2))
      yield `double_exponential_smoothing(demo_disk_usage_bytes[${range}], ${smoothing}, ${trend})`;
  yield `double_exponential_smoothing(demo_disk_usage_bytes[5m], 1, 0.5)`;
  for (const name of DATES.split(" ")) {
    yield `${name}()`;
    yield `${name}(${LAST_SUCCESS} offset 1m)`;
    yield `${name}(${LAST_SUCCESS} - 1e9)`;
  }
  for (const [min, max] of pairs(["-5e9", "0", "1e9", "NaN"], ["2e9", "-1", "Inf"])) {
    yield `clamp(${MEMORY}, ${min}, ${max})`;
    yield `clamp_min(${MEMORY}, ${min})`;
    yield `clamp_max(${MEMORY}, ${max})`;
  }
  for (const to of ["", ", 5", ", 0.7", ", -3"]) yield `round(rate(${CPU}[1m])${to})`;
  for (const name of ["sort", "sort_desc"]) yield `${name}(${CPUS})`;
  for (const name of ["absent", "scalar", "vector"])
    yield name === "vector" ? "vector(1)" : `${name}(${CPUS})`;
  yield `scalar(${CPUS}{instance="demo:10000"})`;
  yield "absent(nonexistent_metric_name)";
  yield 'absent(nonexistent_metric_name{job="none", instance=~"x"})';
  yield "absent_over_time(nonexistent_metric_name[5m])";
  for (const q of QUANTILES) {
    yield `histogram_quantile(${q}, rate(${BUCKETS}[1m]))`;
    yield `histogram_quantile(${q}, sum by (le, path) (rate(${BUCKETS}[5m])))`;
    yield `histogram_quantile(${q}, ${BUCKETS}{le!="+Inf"})`;
  }
  yield `histogram_quantile(0.9, ${MEMORY})`;
  yield `histogram_quantile(0.9, nonexistent_metric_name)`;
}

function* labelFunctions(): Generator<string> {
  const replace = (rest: string): string => `label_replace(${CPUS}, ${rest})`;
  yield replace('"job", "destination-value-$1", "instance", "demo:(.*)"');
  yield replace('"job", "destination-value-$1", "instance", "host:(.*)"');
  yield replace('"job", "$1-$2", "instance", "(.*):(.*)"');
  yield replace('"job", "value", "nonexistent-src", "source-value-(.*)"'.replaceAll("-", "_"));
  yield replace('"job", "value", "nonexistent_src", ""');
  yield replace('"job", "value", "nonexistent_src", ".+"');
  yield replace('"job", "", "instance", ".*"');
  yield replace('"new", "$0", "instance", ".*"');
  yield replace('"instance", "", "", ""');
  yield replace('"job", "value-$1", "src", "(.*"');
  yield replace('"~invalid", "", "src", "(.*)"');
  yield 'label_replace(demo_num_cpus, "instance", "", "instance", ".*")';
  yield `label_join(${CPUS}, "new_label", "-", "instance", "job")`;
  yield `label_join(${CPUS}, "job", "-", "instance", "job")`;
  yield `label_join(${CPUS}, "job", "-", "instance")`;
  yield `label_join(${CPUS}, "~invalid", "-", "instance")`;
  yield `label_join(${CPUS}, "empty", "-")`;
}

function* subqueries(): Generator<string> {
  for (const range of ["1m250ms", "5m250ms", "15m250ms", "1h250ms"]) {
    yield `max_over_time((time() - max(${LAST_SUCCESS}) < 1000)[${range}:10s])`;
    yield `avg_over_time(rate(${CPU}[1m])[${range}:10s])`;
    yield `sum_over_time(${CPUS}[${range}:])`;
    yield `rate(${CPU}[${range}:30s] offset 1m)`;
    yield `quantile_over_time(0.9, demo_intermittent_metric[${range}:15s])`;
  }
  yield `max_over_time(sum_over_time(${CPUS}[2m250ms:20s])[5m250ms:1m])`;
  yield `count_over_time(${CPUS}[5m250ms:1m] @ 1700009000)`;
}

function* mistakes(): Generator<string> {
  yield `${CPUS}{`;
  yield `sum(${CPUS}`;
  yield `rate(${CPUS})`;
  yield `${CPUS} + "text"`;
  yield `${CPUS}[5m] + 1`;
  yield "sum by instance (up)";
  yield `${CPUS} and 1`;
  yield `${CPUS}{instance=~"("}`;
  yield `{job=""}`;
  yield `no_such_function(${CPUS})`;
  yield `topk(${CPUS})`;
  yield `${CPUS} offset`;
  yield `clamp(${CPUS}, 1)`;
  yield `${CPUS} == on(instance) group_left group_right ${CPUS}`;
  yield "1 and 2";
  yield "";
}

export function* complianceQueries(): Generator<string> {
  yield* selectors();
  yield* literals();
  yield* aggregations();
  yield* operators();
  yield* functions();
  yield* labelFunctions();
  yield* subqueries();
  yield* mistakes();
}
