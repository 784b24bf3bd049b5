// PromQL that means something over the demo data, from chance alone: every function, operator, aggregation and modifier
// that Prometheus 2.42 has, at any depth, mostly well matched, now and then not.
import type { Rng } from "@pharos/base";
import { FUNCTIONS, type ValueType } from "@pharos/promql/syntax";

/** What came after Prometheus 2.42: it cannot be compared. */
export const NEWER_FUNCTIONS: readonly string[] = [
  ..."end first_over_time histogram_avg histogram_quantiles histogram_stddev histogram_stdvar".split(
    " ",
  ),
  ..."info mad_over_time max_of min_of range sort_by_label sort_by_label_desc start".split(" "),
  ..."start_timestamp step ts_of_first_over_time ts_of_last_over_time".split(" "),
  ..."ts_of_max_over_time ts_of_min_over_time".split(" "),
];
/** Of native histograms, which the demo data has none of. */
const HISTOGRAM_FUNCTIONS = ["histogram_count", "histogram_sum", "histogram_fraction"];

/** Metrics, and labels to pick them by. */
const METRICS: readonly (readonly [name: string, matchers: readonly string[]])[] = [
  ["demo_num_cpus", ['instance="demo:10000"', 'instance!~"demo:1000[12]"']],
  ["demo_disk_usage_bytes", ['instance=~"demo:1000[0-1]"', 'job="demo"']],
  ["demo_disk_total_bytes", ['instance!="demo:10001"', 'nothing=""']],
  ["demo_batch_last_success_timestamp_seconds", ['instance=~".*:10000"']],
  ["demo_memory_usage_bytes", ['type="free"', 'type=~"free|used"', 'type!~"f.*"', 'type!=""']],
  ["demo_cpu_usage_seconds_total", ['mode="idle"', 'mode!="idle"', 'mode=~"(user|sys.*)"']],
  ["demo_api_request_duration_seconds_bucket", ['le="0.1"', 'le=~"0.*",status="200"']],
  ["demo_api_request_duration_seconds_count", ['method="GET"', 'path=~"/api/.+",method="POST"']],
  ["demo_api_request_duration_seconds_sum", ['status=~"2.."', 'status!~"2.."']],
  ["demo_intermittent_metric", ['instance=~"demo:1000[0-9]{1}"']],
  ["demo_items_shipped_total", ['instance=~"(?i)DEMO:10000"']],
  ["odd_values", ['kind="nan"', 'kind=~".*inf.*"', 'kind!~"tiny|huge"', 'kind=~"ste|steps|s.*"']],
  ["label_shapes", ['some="x"', 'some=""', 'text=~".*[^\\\\x00-\\\\x7f].*"', 'text!="plain"']],
  ["ties", ['n="1"', 'n=~"[1-3]"']],
  ["no_such_metric", ['job="none"']],
];
/** Without a name; each of them matches something. */
const NAMELESS = [
  '{job="odd"}',
  '{__name__="ties"}',
  '{__name__=~"demo_disk_.+"}',
  '{__name__=~"demo_(num_cpus|disk_usage_bytes)",instance="demo:10000"}',
];
const COUNTERS = [
  "demo_cpu_usage_seconds_total",
  "demo_items_shipped_total",
  "demo_api_request_duration_seconds_count",
  "demo_api_request_duration_seconds_sum",
];
const BUCKETS = "demo_api_request_duration_seconds_bucket";
/** Two vectors that fit each other, and how: `op` stands for the operator and its modifiers. */
const WELL_MATCHED: readonly (readonly [left: string, matching: string, right: string])[] = [
  ["demo_disk_usage_bytes", "", "demo_disk_total_bytes"],
  ["demo_disk_usage_bytes", "on(instance)", "demo_num_cpus"],
  ["demo_memory_usage_bytes", "on(instance, job) group_left", "demo_num_cpus"],
  ["demo_memory_usage_bytes", "ignoring(type) group_left()", "demo_disk_total_bytes"],
  ["demo_num_cpus", "on(job, instance) group_right", "demo_cpu_usage_seconds_total"],
  ["demo_num_cpus", "ignoring(mode) group_right(job)", "demo_cpu_usage_seconds_total"],
  [
    "demo_memory_usage_bytes",
    "on(instance) group_left(mode)",
    'demo_cpu_usage_seconds_total{mode="user"}',
  ],
  ["demo_intermittent_metric", "", "demo_items_shipped_total"],
  ["demo_intermittent_metric", "on(instance)", "demo_disk_usage_bytes"],
  ["demo_api_request_duration_seconds_sum", "", "demo_api_request_duration_seconds_count"],
  [BUCKETS, "ignoring(le) group_left", "demo_api_request_duration_seconds_count"],
  ["odd_values", "", "odd_values"],
  ["odd_values", "on(kind)", 'odd_values{kind!="zero"}'],
  ["odd_values", "on() group_left", 'ties{n="4"}'],
  ["ties", "on(n)", "ties"],
];
const RANGES = ["20s", "1m", "90s", "5m", "5m250ms", "17m", "1h"];
/** Their windows end between the points of every other subquery and selector. */
const SUBQUERY_RANGES = ["1m250ms", "5m250ms", "12m250ms"];
const SUBQUERY_STEPS = ["", "10s", "15s", "1m", "7s"];
const OFFSETS = ["10s", "1m", "7m", "-1m", "-20s", "1h"];
const NUMBERS = "0 1 2 -1 0.5 .5 1e3 0x1f 100 1e-3 3.7 -2.5 Inf -Inf NaN 1e18".split(" ");
const QUANTILES = "0 0.1 0.5 0.9 0.99 1 -0.5 1.5 NaN".split(" ");
const ARITHMETIC = "+ - * / % ^ atan2".split(" ");
const COMPARISONS = "== != > < >= <=".split(" ");
const SETS = "and or unless".split(" ");
const AGGREGATIONS = "sum avg min max count group stddev stdvar".split(" ");
const LABELS = "instance job type mode le path method status kind n some text missing".split(" ");
const REPLACED = ["instance", "job", "new", "type", "kind", "text"];
const REPLACEMENTS = ["$1", "x-$1", "${1}y", "$0", "", "$2", "const", "$$1", "$name"];
const SOURCES = ["instance", "job", "type", "missing", "text", "kind"];
const REGEXES = [
  "(.*):(.*)",
  "(.*)",
  "demo:(\\\\d+)",
  "",
  ".+",
  "(d|n).*",
  "(?P<name>.).*",
  "[a-f]+",
];

const SIMPLE_CALLS = Object.keys(FUNCTIONS).filter(
  (name) =>
    !NEWER_FUNCTIONS.includes(name) &&
    !HISTOGRAM_FUNCTIONS.includes(name) &&
    FUNCTIONS[name]?.returns === "vector",
);

export class QueryGenerator {
  readonly #rng: Rng;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  /** Mostly a vector, as queries are. */
  query(): string {
    return this.#expression(this.#rng.chance(92) ? "vector" : "scalar", 1 + this.#rng.below(3));
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#rng.below(list.length)] as T;
  }

  #expression(type: ValueType, depth: number): string {
    switch (type) {
      case "scalar":
        return this.#scalar(depth);
      case "matrix":
        return this.#matrix(depth);
      case "string":
        return '"text"';
      case "vector":
        return this.#vector(depth);
    }
  }

  #scalar(depth: number): string {
    if (depth <= 0 || this.#rng.chance(40)) return this.#pick([...NUMBERS, "time()", "pi()"]);
    switch (this.#rng.below(4)) {
      case 0:
        return `scalar(${this.#vector(depth - 1)})`;
      case 1:
        return `-(${this.#scalar(depth - 1)})`;
      case 2:
        return `(${this.#scalar(depth - 1)} ${this.#pick(ARITHMETIC)} ${this.#scalar(depth - 1)})`;
      default:
        return `(${this.#scalar(depth - 1)} ${this.#pick(COMPARISONS)} bool ${this.#scalar(depth - 1)})`;
    }
  }

  #vector(depth: number): string {
    if (depth <= 0) return this.#selector() + this.#shift();
    switch (this.#rng.below(10)) {
      case 0:
        return this.#selector() + this.#shift();
      case 1:
      case 2:
      case 3:
      case 4:
        return this.#call(this.#pick(SIMPLE_CALLS), depth);
      case 5:
      case 6:
        return this.#aggregation(depth);
      case 7:
        return this.#rng.chance(80)
          ? `(${this.#vector(depth - 1)})`
          : `-${this.#vector(depth - 1)}`;
      case 8:
        return this.#withScalar(depth);
      default:
        return this.#binary(depth);
    }
  }

  #matrix(depth: number): string {
    if (depth <= 1 || this.#rng.chance(75)) {
      const metric = this.#rng.chance(50) ? this.#pick(COUNTERS) : this.#selector();
      return `${metric}[${this.#pick(RANGES)}]${this.#shift()}`;
    }
    const window = `[${this.#pick(SUBQUERY_RANGES)}:${this.#pick(SUBQUERY_STEPS)}]`;
    return `(${this.#vector(depth - 1)})${window}${this.#shift()}`;
  }

  #selector(): string {
    if (this.#rng.chance(7)) return this.#pick(NAMELESS);
    const [name, matchers] = this.#pick(METRICS);
    return this.#rng.chance(40) ? `${name}{${this.#pick(matchers)}}` : name;
  }

  /** A range query's start and end lie within the data, and so does what `@` says. */
  #shift(): string {
    const offset = this.#rng.chance(15) ? ` offset ${this.#pick(OFFSETS)}` : "";
    const at = this.#rng.chance(8) ? ` @ ${this.#pick(["start()", "end()", "1700009000"])}` : "";
    return this.#rng.chance(50) ? offset + at : at + offset;
  }

  #call(name: string, depth: number): string {
    const vector = (): string => this.#vector(depth - 1);
    const scalar = (): string => this.#scalar(depth - 1);
    switch (name) {
      case "vector":
        return `vector(${scalar()})`;
      case "round":
        return `round(${vector()}${this.#rng.chance(50) ? `, ${this.#pick(["0.1", "5", "-2", "0.003", "1e9"])}` : ""})`;
      case "histogram_quantile":
        return `histogram_quantile(${this.#quantile(depth)}, ${this.#histogram(depth)})`;
      case "quantile_over_time":
        return `quantile_over_time(${this.#quantile(depth)}, ${this.#matrix(depth)})`;
      case "double_exponential_smoothing":
        return `double_exponential_smoothing(${this.#matrix(depth)}, ${this.#pick(["0.1", "0.5", "0.9"])}, ${this.#pick(["0.2", "0.8"])})`;
      case "predict_linear":
        return `predict_linear(${this.#matrix(depth)}, ${this.#pick(["600", "-60", "1e6", scalar()])})`;
      case "label_replace":
        return `label_replace(${vector()}, "${this.#pick(REPLACED)}", "${this.#pick(REPLACEMENTS)}", "${this.#pick(SOURCES)}", "${this.#pick(REGEXES)}")`;
      case "label_join": {
        const sources = Array.from(
          { length: this.#rng.below(4) },
          () => `, "${this.#pick(SOURCES)}"`,
        );
        return `label_join(${vector()}, "${this.#pick(REPLACED)}", "${this.#pick(["-", "", ", "])}"${sources.join("")})`;
      }
    }
    const signature = FUNCTIONS[name];
    const args = (signature?.args ?? []).map((type) => this.#expression(type, depth - 1));
    if (signature?.optional === 1 && this.#rng.chance(20)) args.pop();
    return `${name}(${args.join(", ")})`;
  }

  #quantile(depth: number): string {
    return this.#rng.chance(80) ? this.#pick(QUANTILES) : this.#scalar(depth - 1);
  }

  #histogram(depth: number): string {
    if (this.#rng.chance(10)) return this.#vector(depth - 1);
    const buckets = this.#pick([BUCKETS, `${BUCKETS}{status="200"}`]);
    const rate = `rate(${buckets}[${this.#pick(RANGES)}])`;
    return this.#pick([buckets, rate, `sum by (le, path) (${rate})`, `sum by (le) (${rate})`]);
  }

  #labels(): string {
    const labels = Array.from({ length: this.#rng.below(3) }, () => this.#pick(LABELS));
    return `(${labels.join(", ")})`;
  }

  #aggregation(depth: number): string {
    const inner = this.#vector(depth - 1);
    const by = this.#rng.chance(60) ? ` ${this.#pick(["by", "without"])} ${this.#labels()} ` : "";
    switch (this.#rng.below(6)) {
      case 0:
        return `${this.#pick(["topk", "bottomk"])}${by}(${this.#pick(["1", "2", "3", "5", "0", "1.9", "-1", this.#scalar(depth - 1)])}, ${inner})`;
      case 1:
        return `quantile${by}(${this.#quantile(depth)}, ${inner})`;
      case 2:
        return this.#rng.chance(50)
          ? `count_values${by}("${this.#pick(["value", "instance"])}", ${inner})`
          : `sum${by}(${inner})`;
      default:
        return `${this.#pick(AGGREGATIONS)}${by}(${inner})`;
    }
  }

  #withScalar(depth: number): string {
    const vector = this.#vector(depth - 1);
    const scalar = this.#scalar(depth - 1);
    const [left, right] = this.#rng.chance(60) ? [vector, scalar] : [scalar, vector];
    return `(${left} ${this.#operator()} ${right})`;
  }

  #operator(): string {
    if (this.#rng.chance(50)) return this.#pick(ARITHMETIC);
    return `${this.#pick(COMPARISONS)}${this.#rng.chance(40) ? " bool" : ""}`;
  }

  #binary(depth: number): string {
    if (this.#rng.chance(50)) {
      const [left, matching, right] = this.#pick(WELL_MATCHED);
      const isGrouped = matching.includes("group");
      const op = !isGrouped && this.#rng.chance(35) ? this.#pick(SETS) : this.#operator();
      return `(${left}${this.#shift()} ${op} ${matching} ${right}${this.#shift()})`;
    }
    if (this.#rng.chance(50)) {
      // Grouped alike, so that they match.
      const labels = this.#labels();
      const side = (): string =>
        `${this.#pick(AGGREGATIONS)} by ${labels} (${this.#vector(depth - 1)})`;
      const op = this.#rng.chance(40) ? this.#pick(SETS) : this.#operator();
      return `(${side()} ${op} ${side()})`;
    }
    const isSet = this.#rng.chance(50);
    const matching = this.#rng.chance(50)
      ? ` ${this.#pick(["on", "ignoring"])}${this.#labels()}`
      : "";
    const group =
      !isSet && matching !== "" && this.#rng.chance(40)
        ? ` ${this.#pick(["group_left()", "group_right()", "group_left(some)", "group_right(kind)"])}`
        : "";
    const op = isSet ? this.#pick(SETS) : this.#operator();
    return `(${this.#vector(depth - 1)} ${op}${matching}${group} ${this.#vector(depth - 1)})`;
  }
}
