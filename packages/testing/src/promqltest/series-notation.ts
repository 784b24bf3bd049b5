import { isLegacyLabelName, type Label, type Labels, labelsFrom, METRIC_NAME } from "@pharos/base";
import { type NotedHistogram, parseHistogram, stepHistogram } from "./histogram-notation.ts";
import { parseNumber } from "./number-notation.ts";

/** One step of a series: a value, nothing, a staleness marker, or a native histogram. */
export type SeriesPoint =
  | { readonly kind: "value"; readonly value: number }
  | { readonly kind: "omitted" }
  | { readonly kind: "stale" }
  | ({ readonly kind: "histogram" } & NotedHistogram);

export interface NotedSeries {
  readonly labels: Labels;
  readonly points: readonly SeriesPoint[];
}

/** How many points one line may stand for: a slip such as `1x1000000000` shall not fill the memory. */
export const POINTS_MAX = 1_000_000;

const OMITTED: SeriesPoint = { kind: "omitted" };
const STALE: SeriesPoint = { kind: "stale" };

const METRIC = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const STRING = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/y;
const SPACE = /[ \t]*/y;
const NUMBER_SHAPE =
  "(?:(?:\\d+(?:_\\d+)*(?:\\.\\d*)?|\\.\\d+)(?:[eE][+-]?\\d+)?|[iI][nN][fF]|[nN][aA][nN])";
const NUMBER = new RegExp(`[+-]?${NUMBER_SHAPE}`, "y");
const STEP = new RegExp(`[+-]${NUMBER_SHAPE}`, "y");
const SIGN = /[+-]/y;
const TIMES = /x(\d+)/y;
const HISTOGRAM = /\{\{[^}]*\}\}/y;
const WORD = /[a-zA-Z_]+/y;

/**
 * Reads a line of the notation that Prometheus's test scripts and rule tests use: `up{job="api"} 1+1x5 _ stale`.
 *
 * - `1`, `-0.5`, `1e3`, `Inf`, `NaN` a value; `_` nothing; `stale` a staleness marker; `{{schema:0 …}}` a histogram, which repeats and steps as values do;
 * - `_x3` three times nothing; `1x3` one and three times again; `1+2x3` is `1 3 5 7`, `1-2x3` is `1 -1 -3 -5`.
 *
 * @throws Error that says what is wrong and at which column.
 */
export function parseSeriesLine(line: string): NotedSeries {
  const scanner = new Scanner(line);
  const labels = readLabels(scanner);
  const points: SeriesPoint[] = [];
  for (;;) {
    const hadSpace = scanner.take(SPACE) !== "";
    if (scanner.isDone) return { labels, points };
    if (!hadSpace) scanner.fail("a space");
    readItem(scanner, points);
    if (points.length > POINTS_MAX) scanner.fail(`at most ${POINTS_MAX} points`);
  }
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isDone(): boolean {
    return this.#at >= this.#text.length;
  }

  /** What `pattern` (sticky) matches here, consumed; else "". */
  take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return "";
    this.#at = pattern.lastIndex;
    return match[0];
  }

  takeChar(char: string): boolean {
    if (this.#text.charAt(this.#at) !== char) return false;
    this.#at++;
    return true;
  }

  /** Whether the item ends here: at a space or at the end of the line. */
  get atItemEnd(): boolean {
    return this.isDone || /\s/.test(this.#text.charAt(this.#at));
  }

  fail(expected: string): never {
    const found = this.isDone ? "the end" : JSON.stringify(this.#text.charAt(this.#at));
    throw new Error(`column ${this.#at + 1}: expected ${expected}, found ${found}`);
  }
}

function readLabels(scanner: Scanner): Labels {
  const pairs: Label[] = [];
  const metric = scanner.take(METRIC);
  if (metric !== "") pairs.push([METRIC_NAME, metric]);
  if (scanner.takeChar("{")) readBraces(scanner, pairs);
  else if (metric === "") scanner.fail("a metric name or {");
  return labelsFrom(new Map(pairs));
}

/** `a="b", "c.d"='e', "metric name"}`: what follows the opening brace. */
function readBraces(scanner: Scanner, pairs: Label[]): void {
  for (;;) {
    scanner.take(SPACE);
    if (scanner.takeChar("}")) return;
    const quoted = scanner.take(STRING);
    const name = quoted === "" ? scanner.take(LABEL) : unquoteText(quoted);
    if (quoted === "" && !isLegacyLabelName(name)) scanner.fail("a label name or }");
    scanner.take(SPACE);
    if (scanner.takeChar("=")) {
      scanner.take(SPACE);
      const value = scanner.take(STRING);
      if (value === "") scanner.fail("a string");
      pairs.push([name, unquoteText(value)]);
    } else if (quoted !== "") pairs.push([METRIC_NAME, name]);
    else scanner.fail("=");
    scanner.take(SPACE);
    if (scanner.takeChar("}")) return;
    if (!scanner.takeChar(",")) scanner.fail(", or }");
  }
}

function readItem(scanner: Scanner, points: SeriesPoint[]): void {
  if (scanner.takeChar("_")) {
    const times = readTimes(scanner) ?? 1;
    for (let i = 0; i < times; i++) points.push(OMITTED);
  } else if (!readHistograms(scanner, points) && !readValues(scanner, points)) {
    if (scanner.take(WORD) !== "stale") scanner.fail('a number, "_" or "stale"');
    points.push(STALE);
  }
  if (!scanner.atItemEnd) scanner.fail("a space");
}

/** `{{…}}`, `{{…}}x3` the same four times, `{{…}}+{{…}}x3` and `{{…}}-{{…}}x3` one step after another. */
function readHistograms(scanner: Scanner, points: SeriesPoint[]): boolean {
  let noted = readHistogram(scanner);
  if (noted === undefined) return false;
  const sign = scanner.take(SIGN);
  const step = sign === "" ? undefined : (readHistogram(scanner) ?? scanner.fail("a histogram"));
  const times = readTimes(scanner) ?? 0;
  // Where the hint stands last decides for all of the line.
  const hasCounterReset = (step ?? noted).hasCounterReset;
  for (let i = 0; i <= times; i++) {
    if (i > 0 && step !== undefined) noted = stepHistogram(noted, step, sign === "+" ? 1 : -1);
    points.push({ kind: "histogram", histogram: noted.histogram, hasCounterReset });
  }
  return true;
}

function readHistogram(scanner: Scanner): NotedHistogram | undefined {
  const text = scanner.take(HISTOGRAM);
  return text === "" ? undefined : parseHistogram(text);
}

function readValues(scanner: Scanner, points: SeriesPoint[]): boolean {
  let value = readNumber(scanner, NUMBER);
  if (value === undefined) return false;
  const step = readNumber(scanner, STEP);
  const times = readTimes(scanner);
  if (step !== undefined && times === undefined) scanner.fail("x and a count");
  for (let i = 0; i <= (times ?? 0); i++) {
    points.push({ kind: "value", value });
    // Added up step by step, so that the rounding is the same as in Prometheus.
    value += step ?? 0;
  }
  return true;
}

function readNumber(scanner: Scanner, pattern: RegExp): number | undefined {
  const text = scanner.take(pattern);
  return text === "" ? undefined : parseNumber(text);
}

function readTimes(scanner: Scanner): number | undefined {
  const text = scanner.take(TIMES);
  if (text === "") return undefined;
  const times = Number(text.slice(1));
  if (times > POINTS_MAX) scanner.fail(`a count of at most ${POINTS_MAX}`);
  return times;
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** What a quoted string stands for, by Go's rules; what is no escape stands for itself. */
export function unquoteText(quoted: string): string {
  const inner = quoted.slice(1, -1);
  if (quoted.startsWith("`")) return inner;
  return inner.replace(
    /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/gi,
    (
      _,
      byte: string | undefined,
      short: string | undefined,
      long: string | undefined,
      char = "",
    ) => {
      const code = byte ?? short ?? long;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      return ESCAPES[char] ?? char;
    },
  );
}
