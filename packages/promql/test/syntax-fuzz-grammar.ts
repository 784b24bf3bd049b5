// Random texts that look like PromQL, from a random number alone: most parse, the rest have one thing wrong in them.
import type { Rng } from "@pharos/base";
import { FUNCTIONS, type ValueType } from "@pharos/promql/syntax";

const METRICS =
  "up foo http_requests_total a:b:c cpu.load sum by offset and fill step start anchored min_of limitk _".split(
    " ",
  );
const LABELS = 'job le instance __name__ on by bool fill "a.b" "host name" "ü" smoothed'.split(" ");
const VALUES = ['"x"', "'y'", "`z`", '""', '"a\\nb"', '"\\u00e9"', '"a|b.*"', '"😀"', '".*"'];
const NUMBERS = "0 1 2.5 .5 1e3 0x1f 1_000 Inf NaN 5m 1h30m 010 99999999999".split(" ");
const DURATIONS = "5m 1h30m 300 .5 1ms 1y 30s 1w2d".split(" ");
const ARITHMETIC = "+ - * / % ^ atan2".split(" ");
const COMPARISONS = "== != > < >= <=".split(" ");
const SETS = "and or unless".split(" ");
const TRIMS = "</ >/".split(" ");
const SIMPLE_AGGREGATIONS = "sum avg min max count group stddev stdvar".split(" ");
const SCALAR_AGGREGATIONS = "topk bottomk quantile limitk limit_ratio".split(" ");
const FUNCTION_NAMES = Object.keys(FUNCTIONS);
const BLANKS = ["", "", " ", " ", "  ", "\n", "\t", " # note\n"];

/** What mutations put in: words and marks of the language, and some that are not. */
export const FUZZ_WORDS: readonly string[] = [
  ...METRICS,
  ...LABELS,
  ...VALUES,
  ...NUMBERS,
  ...ARITHMETIC,
  ...COMPARISONS,
  ...SETS,
  ...TRIMS,
  ..."( ) { } [ ] , : = =~ !~ @ # \\ \" ' ` ! & ; . .. é 😀 $ \u0000 \ufeff".split(" "),
  ..."bool on ignoring group_left group_right without fill_left fill_right smoothed".split(" "),
  ..."rate( histogram_quantiles( info( time() start() step() range() max_of( [5m] [5m:1m]".split(
    " ",
  ),
];

/** Writes expressions of a wanted type; the text is never longer than its depth allows. */
export class FuzzGrammar {
  readonly #rng: Rng;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.#rng.below(list.length)] as T;
  }

  expression(type: ValueType, depth: number): string {
    // Now and then another type than the wanted one, so that the type check has something to find.
    if (this.#rng.chance(2))
      return this.expression(this.pick(["scalar", "vector", "matrix"]), depth);
    switch (type) {
      case "string":
        return this.pick(VALUES);
      case "scalar":
        return this.#scalar(depth);
      case "matrix":
        return this.#matrix(depth);
      case "vector":
        return this.#vector(depth);
    }
  }

  #scalar(depth: number): string {
    if (depth <= 0 || this.#rng.chance(30)) return this.pick(NUMBERS);
    switch (this.#rng.below(4)) {
      case 0:
        return this.#call("scalar", depth);
      case 1:
        return `(${this.#blank()}${this.expression("scalar", depth - 1)})`;
      case 2:
        return `${this.pick(["-", "+"])}${this.expression("scalar", depth - 1)}`;
      default:
        return this.#binary(
          "scalar",
          depth,
          this.pick([...ARITHMETIC, `${this.pick(COMPARISONS)} bool`]),
        );
    }
  }

  #vector(depth: number): string {
    if (depth <= 0 || this.#rng.chance(20)) return this.#selector() + this.#modifiers();
    switch (this.#rng.below(7)) {
      case 0:
      case 1:
        return this.#call("vector", depth);
      case 2:
        return this.#aggregation(depth);
      case 3:
        return `(${this.expression("vector", depth - 1)}${this.#blank()})`;
      case 4:
        return `-${this.expression("vector", depth - 1)}`;
      case 5:
        return this.#binary("vector", depth, `${this.pick(SETS)}${this.#matching(false)}`);
      default: {
        const op = this.pick([...ARITHMETIC, ...COMPARISONS, ...TRIMS]);
        const bool = COMPARISONS.includes(op) && this.#rng.chance(30) ? " bool" : "";
        return this.#binary("vector", depth, `${op}${bool}${this.#matching(true)}`);
      }
    }
  }

  #matrix(depth: number): string {
    if (depth <= 0 || this.#rng.chance(70))
      return `${this.#selector()}[${this.#duration(2)}]${this.#modifiers()}`;
    const step = this.#rng.chance(60) ? this.#duration(1) : "";
    const inner = this.expression("vector", depth - 1);
    return `(${inner})[${this.#duration(2)}:${step}]${this.#shift()}`;
  }

  #binary(type: ValueType, depth: number, op: string): string {
    const left = this.expression(type, depth - 1);
    const other = type === "vector" && this.#rng.chance(15) ? "scalar" : type;
    return `${left}${this.#blank()} ${op} ${this.#blank()}${this.expression(other, depth - 1)}`;
  }

  #call(type: ValueType, depth: number): string {
    const names = FUNCTION_NAMES.filter((name) => FUNCTIONS[name]?.returns === type);
    const name = this.pick(names);
    const args = (FUNCTIONS[name]?.args ?? []).map((arg, index) =>
      name === "info" && index === 1 ? this.#braces() : this.expression(arg, depth - 1),
    );
    return `${name}(${args.join(",")}${this.#blank()})`;
  }

  #aggregation(depth: number): string {
    const inner = this.expression("vector", depth - 1);
    const by = this.#rng.chance(50) ? ` ${this.pick(["by", "without"])} ${this.#labels()}` : "";
    const [before, after] = this.#rng.chance(50) ? [by, ""] : ["", by];
    if (this.#rng.chance(60)) return `${this.pick(SIMPLE_AGGREGATIONS)}${before}(${inner})${after}`;
    if (this.#rng.chance(20)) return `count_values${before}("v", ${inner})${after}`;
    const param = this.expression("scalar", depth - 1);
    return `${this.pick(SCALAR_AGGREGATIONS)}${before}(${param}, ${inner})${after}`;
  }

  #matching(withGroups: boolean): string {
    let out = "";
    if (this.#rng.chance(40)) {
      out += ` ${this.pick(["on", "ignoring"])} ${this.#labels()}`;
      if (withGroups && this.#rng.chance(50))
        out += ` ${this.pick(["group_left", "group_right"])} ${this.pick(["", "()", "(env)"])}`;
    }
    if (withGroups && this.#rng.chance(20))
      out += ` ${this.pick(["fill", "fill_left", "fill_right"])}(${this.pick(["", "-"])}${this.pick(NUMBERS)})`;
    return out;
  }

  #labels(): string {
    const labels = Array.from({ length: this.#rng.below(3) }, () => this.pick(LABELS));
    return `(${labels.join(",")})`;
  }

  #selector(): string {
    if (this.#rng.chance(20)) return this.#braces();
    return this.pick(METRICS) + (this.#rng.chance(40) ? this.#braces() : "");
  }

  #braces(): string {
    const matchers = Array.from(
      { length: this.#rng.below(3) },
      () => `${this.pick(LABELS)}${this.pick(["=", "!=", "=~", "!~"])}${this.pick(VALUES)}`,
    );
    return `{${this.#blank()}${matchers.join(",")}}`;
  }

  #modifiers(): string {
    const extent = this.#rng.chance(10) ? ` ${this.pick(["anchored", "smoothed"])}` : "";
    return this.#rng.chance(50) ? extent + this.#shift() : this.#shift() + extent;
  }

  #shift(): string {
    const offset = this.#rng.chance(25) ? ` offset ${this.#offset()}` : "";
    const at = this.#rng.chance(20)
      ? ` @ ${this.pick(["start()", "end()", "-5", "+1.5", "1e9", "5m"])}`
      : "";
    return this.#rng.chance(50) ? offset + at : at + offset;
  }

  #offset(): string {
    const sign = this.pick(["", "-", "+"]);
    if (this.#rng.chance(60)) return sign + this.pick(DURATIONS);
    return sign + this.pick(["step()", "range()", `(${this.#duration(2)})`, "min_of(step(), 1m)"]);
  }

  #duration(depth: number): string {
    if (depth <= 0 || this.#rng.chance(60)) return this.pick(DURATIONS);
    switch (this.#rng.below(5)) {
      case 0:
        return this.pick(["step()", "range()"]);
      case 1:
        return `(${this.#duration(depth - 1)})`;
      case 2:
        return `${this.pick(["-", "+"])}${this.#duration(depth - 1)}`;
      case 3:
        return `${this.pick(["min_of", "max_of"])}(${this.#duration(depth - 1)},${this.#duration(depth - 1)})`;
      default:
        return `${this.#duration(depth - 1)}${this.pick(["+", "-", "*", "/", "%", "^"])}${this.#duration(depth - 1)}`;
    }
  }

  #blank(): string {
    return this.pick(BLANKS);
  }
}
