import {
  createMatcher,
  DURATION_MS_MAX,
  isLegacyLabelName,
  type Matcher,
  type MatchType,
  METRIC_NAME,
  matchesValue,
  OperatingError,
  quote,
} from "@pharos/base";
import type {
  AggregationOp,
  AtModifier,
  BinaryExpr,
  BinaryOp,
  Expr,
  MatrixSelector,
  NumberLiteral,
  Span,
  Subquery,
  VectorMatching,
  VectorSelector,
} from "./ast.ts";
import { FUNCTIONS } from "./functions.ts";
import { describeToken, Lexer, type Token, type TokenKind } from "./lexer.ts";
import { durationSeconds, numberValue, unquote } from "./literal.ts";
import { PromqlSyntaxError } from "./syntax-error.ts";
import { checkTypes } from "./type-check.ts";

/** How long a query may be, in UTF-16 units: far above generated ones, and a bound on the time a request can take. */
export const EXPRESSION_LENGTH_MAX = 1024 * 1024;

/**
 * How deep expressions may nest: parentheses, calls, and chains such as `a or b or c`, which are trees that lean to
 * the left. Everything that walks a tree may then recurse, as no tree is deeper than this.
 */
export const EXPRESSION_DEPTH_MAX = 1000;

/**
 * Reads and type-checks a PromQL expression.
 *
 * This is a parser by precedence climbing and not the editor grammar of `@prometheus-io/lezer-promql`, because that
 * one gives other trees than Prometheus does (`-1^2`, `a + b offset 5m`), knows fewer literals, and cannot say what
 * it expected. The tests check the two against each other.
 *
 * @throws PromqlSyntaxError for the first thing that is wrong, syntax before types.
 */
export function parse(text: string): Expr {
  return new Parser(text).parseAll();
}

/**
 * Reads a vector selector without time modifiers, as `match[]` parameters have it: `up{job="api"}`.
 *
 * @throws PromqlSyntaxError also where all matchers match the empty string, so that nobody selects everything by a typo.
 */
export function parseMetricSelector(text: string): readonly Matcher[] {
  return new Parser(text).parseSelectorOnly();
}

const PRECEDENCE: Readonly<Record<BinaryOp, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  "==": 3,
  "!=": 3,
  "<=": 3,
  "<": 3,
  ">=": 3,
  ">": 3,
  "+": 4,
  "-": 4,
  "*": 5,
  "/": 5,
  "%": 5,
  atan2: 5,
  "^": 6,
};

/** Signs bind as multiplication does: `-a ^ b` is `-(a ^ b)`, `-a * b` is `(-a) * b`. */
const SIGN_PRECEDENCE = PRECEDENCE["*"];

const AGGREGATIONS_WITH_PARAM: ReadonlySet<string> = new Set<AggregationOp>([
  "topk",
  "bottomk",
  "count_values",
  "quantile",
  "limitk",
  "limit_ratio",
]);

const SET_OPERATORS: ReadonlySet<string> = new Set<BinaryOp>(["and", "or", "unless"]);

/** Functions of Prometheus that need what is not there yet. Once in `FUNCTIONS`, a name here has no effect. */
const FUTURE_FUNCTIONS: ReadonlySet<string> = new Set([
  "end",
  "histogram_avg",
  "histogram_count",
  "histogram_fraction",
  "histogram_quantiles",
  "histogram_stddev",
  "histogram_stdvar",
  "histogram_sum",
  "info",
  "max_of",
  "min_of",
  "range",
  "start",
  "start_timestamp",
  "step",
]);

/** Keywords that may not be metric names; Prometheus takes the others for names wherever a name fits. */
const RESERVED: ReadonlySet<string> = new Set([
  "bool",
  "on",
  "ignoring",
  "group_left",
  "group_right",
  "fill",
  "fill_left",
  "fill_right",
]);

const NUMBER_OR_DURATION = "number, duration, step(), or range()";

interface GroupModifier {
  readonly grouping: readonly string[];
  readonly without: boolean;
}

class Parser {
  readonly #text: string;
  readonly #lexer: Lexer;
  #token: Token;
  /** Where the token before `#token` ended. */
  #previousEnd = 0;
  /** How many aggregations are open: Prometheus names them in its messages. */
  #openAggregations = 0;
  /** How deep the parser is in nested constructs now. */
  #depth = 0;
  /** The height of the tree that was parsed last. */
  #height = 0;

  constructor(text: string) {
    if (text.length > EXPRESSION_LENGTH_MAX)
      throw new PromqlSyntaxError(
        text,
        { start: EXPRESSION_LENGTH_MAX, end: text.length },
        `expression of ${text.length} characters; at most ${EXPRESSION_LENGTH_MAX} are allowed`,
      );
    this.#text = text;
    this.#lexer = new Lexer(text);
    this.#token = this.#lexer.next();
  }

  parseAll(): Expr {
    if (this.#token.kind === "end")
      this.#fail({ start: 0, end: 0 }, "no expression found in input");
    const expr = this.#parseExpr(0);
    this.#expectEnd();
    checkTypes(expr, this.#text);
    return expr;
  }

  parseSelectorOnly(): readonly Matcher[] {
    if (!this.#isAt("{") && !this.#isAtMetricName()) this.#unexpected();
    const { matchers } = this.#parseVectorSelector();
    this.#expectEnd();
    if (!matchers.some((matcher) => !matchesValue(matcher, "")))
      this.#fail(
        { start: 0, end: this.#previousEnd },
        "match[] must contain at least one non-empty matcher",
      );
    return matchers;
  }

  /** An expression whose operators all bind tighter than `precedenceMin`. */
  #parseExpr(precedenceMin: number): Expr {
    if (++this.#depth > EXPRESSION_DEPTH_MAX) this.#failTooDeep();
    let left = this.#parseSigned();
    for (;;) {
      const precedence = this.#binaryPrecedence();
      if (precedence <= precedenceMin) break;
      left = this.#parseBinary(left, precedence);
    }
    this.#depth--;
    return left;
  }

  #binaryPrecedence(): number {
    const { kind, value, start, end } = this.#token;
    if (kind !== "operator") return 0;
    if (value === "</" || value === ">/")
      this.#fail(
        { start, end },
        `the operator "${value}" on native histograms is not supported yet`,
      );
    return Object.hasOwn(PRECEDENCE, value) ? PRECEDENCE[value as BinaryOp] : 0;
  }

  #parseBinary(left: Expr, precedence: number): BinaryExpr {
    const leftHeight = this.#height;
    const op = this.#advance().value as BinaryOp;
    const bool = this.#accept("bool");
    const matching = this.#parseMatching(op);
    if (this.#token.kind === "keyword" && this.#token.value.startsWith("fill"))
      this.#fail(this.#token, `the ${this.#token.value} modifier is not supported yet`);
    const right = this.#parseExpr(op === "^" ? precedence - 1 : precedence);
    this.#grow(Math.max(leftHeight, this.#height));
    const span = { start: left.span.start, end: right.span.end };
    return { kind: "binary", span, op, bool, left, right, matching };
  }

  /** The matching as written, also between scalars: the type check takes it away there. */
  #parseMatching(op: BinaryOp): VectorMatching {
    const on = this.#accept("on");
    const labels = on || this.#accept("ignoring") ? this.#parseGroupingLabels() : undefined;
    const left = labels !== undefined && this.#accept("group_left");
    const right = labels !== undefined && !left && this.#accept("group_right");
    // What stands in parentheses here are labels, never the right side.
    const hasInclude =
      (left || right) && (this.#isAt("(") || (!this.#isAtKind("keyword") && !this.#canStartExpr()));
    const include = hasInclude ? this.#parseGroupingLabels() : [];
    const card = left
      ? "many-to-one"
      : right
        ? "one-to-many"
        : SET_OPERATORS.has(op)
          ? "many-to-many"
          : "one-to-one";
    return { card, on, labels: labels ?? [], include };
  }

  #parseSigned(): Expr {
    if (!this.#isAt("+") && !this.#isAt("-")) return this.#parsePostfix();
    const sign = this.#advance();
    const expr = this.#parseExpr(SIGN_PRECEDENCE);
    const span = { start: sign.start, end: expr.span.end };
    if (expr.kind === "number")
      return { ...expr, span, value: sign.value === "-" ? -expr.value : expr.value };
    this.#grow(this.#height);
    return { kind: "unary", span, op: sign.value as "+" | "-", expr };
  }

  /** A primary expression with all of `[…]`, `offset` and `@` after it, which bind tightest. */
  #parsePostfix(): Expr {
    let expr = this.#parsePrimary();
    for (;;) {
      const { value, kind } = this.#token;
      if (kind === "punctuation" && value === "[") expr = this.#parseBrackets(expr);
      else if (kind === "operator" && value === "@") expr = this.#parseAt(expr);
      else if (kind !== "keyword") return expr;
      else if (value === "offset") expr = this.#parseOffset(expr);
      else if (value === "anchored" || value === "smoothed")
        this.#fail(this.#token, `the ${value} modifier is not supported yet`);
      else return expr;
    }
  }

  #parsePrimary(): Expr {
    const token = this.#token;
    this.#height = 1;
    switch (token.kind) {
      case "number":
      case "duration":
        return this.#parseNumber();
      case "string":
        this.#advance();
        return { kind: "string", span: spanOf(token), value: unquote(token.text) };
      case "aggregator":
        return this.#parseAggregation();
      case "identifier":
      case "word": {
        this.#advance();
        if (this.#isAt("(")) return this.#parseCall(token);
        return this.#parseVectorSelector(token);
      }
      case "punctuation":
        if (token.value === "{") return this.#parseVectorSelector();
        if (token.value === "(") return this.#parseParen();
        break;
      default:
        if (this.#isAtMetricName()) return this.#parseVectorSelector();
    }
    return this.#unexpected();
  }

  #parseNumber(): NumberLiteral {
    const token = this.#advance();
    const duration = token.kind === "duration";
    const value = duration ? durationSeconds(token.text) : numberValue(token.text);
    if (typeof value === "string") this.#fail(token, value);
    return { kind: "number", span: spanOf(token), value, duration };
  }

  #parseParen(): Expr {
    const { start } = this.#advance();
    const expr = this.#parseExpr(0);
    this.#expect(")");
    this.#grow(this.#height);
    return { kind: "paren", span: { start, end: this.#previousEnd }, expr };
  }

  #parseCall(name: Token): Expr {
    const args = this.#parseArguments();
    const func = name.text;
    if (!Object.hasOwn(FUNCTIONS, func))
      this.#fail(
        name,
        FUTURE_FUNCTIONS.has(func)
          ? `function ${quote(func)} is not supported yet`
          : `unknown function with name ${quote(func)}`,
      );
    return { kind: "call", span: { start: name.start, end: this.#previousEnd }, func, args };
  }

  #parseAggregation(): Expr {
    const name = this.#advance();
    if (!this.#isAt("(") && !this.#isAt("by") && !this.#isAt("without"))
      return this.#parseVectorSelector(name);
    this.#openAggregations++;
    let modifier = this.#parseGroupModifier();
    if (!this.#isAt("(")) this.#unexpected();
    const args = this.#parseArguments();
    modifier ??= this.#parseGroupModifier();
    this.#openAggregations--;
    const op = name.value as AggregationOp;
    const span = { start: name.start, end: this.#previousEnd };
    const hasParam = AGGREGATIONS_WITH_PARAM.has(op);
    const wanted = hasParam ? 2 : 1;
    if (args.length === 0) this.#fail(span, "no arguments for aggregate expression provided");
    const expr = args[wanted - 1];
    if (args.length !== wanted || expr === undefined)
      this.#fail(
        span,
        `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`,
      );
    const param = hasParam ? args[0] : undefined;
    const { grouping, without } = modifier ?? { grouping: [], without: false };
    return { kind: "aggregation", span, op, param, expr, without, grouping };
  }

  #parseGroupModifier(): GroupModifier | undefined {
    const without = this.#accept("without");
    if (!without && !this.#accept("by")) return undefined;
    return { grouping: this.#parseGroupingLabels(), without };
  }

  /** `(a, b)` of a call; the height counts the call around them too. */
  #parseArguments(): readonly Expr[] {
    this.#expect("(");
    const args: Expr[] = [];
    let height = 0;
    while (!this.#isAt(")") || args.length > 0) {
      args.push(this.#parseExpr(0));
      height = Math.max(height, this.#height);
      if (!this.#isAt(",")) break;
      const comma = this.#advance();
      if (!this.#canStartExpr())
        this.#fail(comma, "trailing commas not allowed in function call args");
    }
    this.#expect(")");
    this.#grow(height);
    return args;
  }

  /** `(a, b)` after `by`, `on` and the like. Any word may be a label here, also in quotes. */
  #parseGroupingLabels(): readonly string[] {
    const context = "grouping opts";
    if (!this.#isAt("(")) this.#unexpected(context, '"("');
    this.#advance();
    const labels: string[] = [];
    while (!this.#isAt(")")) {
      const token = this.#token;
      const label = token.kind === "string" ? unquote(token.text) : token.text;
      if (token.kind === "string") {
        if (label === "") this.#fail(token, `invalid label name for grouping: ${quote(label)}`);
      } else if (!isLegacyLabelName(label)) this.#unexpected(context, "label");
      labels.push(label);
      this.#advance();
      if (this.#isAt(")")) break;
      if (!this.#isAt(",")) this.#unexpected(context, '"," or ")"');
      this.#advance();
    }
    this.#advance();
    return labels;
  }

  /** `name` is the metric name where it was read already. */
  #parseVectorSelector(name?: Token): VectorSelector {
    const nameToken = name ?? (this.#isAtMetricName() ? this.#advance() : undefined);
    const start = nameToken?.start ?? this.#token.start;
    const matchers = this.#isAt("{") ? this.#parseMatchers() : [];
    // A name with dots is the same as one in quotes, which goes into the braces when it is printed.
    const metricName = nameToken?.text.includes(".") ? undefined : nameToken?.text;
    if (nameToken !== undefined) {
      const twice = matchers.find((matcher) => matcher.name === METRIC_NAME);
      if (twice !== undefined)
        this.#fail(
          { start, end: this.#previousEnd },
          `metric name must not be set twice: ${quote(nameToken.text)} or ${quote(twice.value)}`,
        );
      matchers.push(createMatcher("=", METRIC_NAME, nameToken.text));
    }
    this.#height = 1;
    const span = { start, end: this.#previousEnd };
    return { kind: "vector", span, metricName, matchers, offsetMs: 0, at: undefined };
  }

  #parseMatchers(): Matcher[] {
    const context = "label matching";
    this.#expect("{");
    const matchers: Matcher[] = [];
    while (!this.#isAt("}")) {
      matchers.push(this.#parseMatcher(context));
      if (this.#isAt("}")) break;
      if (!this.#isAt(",")) this.#unexpected(context, '"," or "}"');
      this.#advance();
    }
    this.#advance();
    return matchers;
  }

  #parseMatcher(context: string): Matcher {
    const label = this.#token;
    if (label.kind !== "identifier" && label.kind !== "string")
      this.#unexpected(context, 'identifier or "}"');
    this.#advance();
    const isOperator = this.#isAt("=") || this.#isAt("!=") || this.#isAt("=~") || this.#isAt("!~");
    const name = label.kind === "string" ? unquote(label.text) : label.text;
    if (!isOperator) {
      if (label.kind === "string") return createMatcher("=", METRIC_NAME, name);
      this.#unexpected(context, "label matching operator");
    }
    const type = this.#advance().value as MatchType;
    if (this.#token.kind !== "string") this.#unexpected(context, "string");
    const value = unquote(this.#advance().text);
    try {
      return createMatcher(type, name, value);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      return this.#fail({ start: label.start, end: this.#previousEnd }, error.message);
    }
  }

  #parseBrackets(expr: Expr): MatrixSelector | Subquery {
    const open = this.#advance();
    const rangeMs = this.#parseBracketDuration("subquery or range selector", NUMBER_OR_DURATION);
    const start = expr.span.start;
    this.#grow(this.#height);
    if (!this.#accept(":")) {
      if (!this.#isAt("]")) this.#unexpected("subquery or range", '":" or "]"');
      this.#advance();
      const end = this.#previousEnd;
      const selector = this.#expectPlainSelector(expr, { start: open.start, end });
      return { kind: "matrix", span: { start, end }, selector, rangeMs };
    }
    const stepMs = this.#isAt("]")
      ? undefined
      : this.#parseBracketDuration(
          "subquery selector",
          `number, duration, step(), range(), or "]"`,
        );
    if (!this.#isAt("]")) this.#unexpected("subquery selector", '"]"');
    this.#advance();
    const span = { start, end: this.#previousEnd };
    return { kind: "subquery", span, expr, rangeMs, stepMs, offsetMs: 0, at: undefined };
  }

  #expectPlainSelector(expr: Expr, brackets: Span): VectorSelector {
    if (expr.kind !== "vector") this.#fail(brackets, "ranges only allowed for vector selectors");
    if (expr.offsetMs !== 0) this.#fail(brackets, "no offset modifiers allowed before range");
    // Prometheus lets `foo @ start()[5m]` pass.
    if (expr.at?.kind === "time") this.#fail(brackets, "no @ modifiers allowed before range");
    return expr;
  }

  /** A duration in brackets, in ms: above 0. */
  #parseBracketDuration(context: string, expected: string): number {
    const { start } = this.#token;
    const sign = this.#isAt("-") || this.#isAt("+") ? this.#advance() : undefined;
    if (this.#token.kind === "word" || this.#isAt("(")) this.#failDurationExpr(start);
    if (this.#token.kind !== "number" && this.#token.kind !== "duration")
      this.#unexpected(context, expected);
    const seconds = this.#parseNumber().value;
    if (this.#isAtKind("operator")) this.#failDurationExpr(start);
    const ms = this.#durationMs(sign?.value === "-" ? -seconds : seconds, start);
    if (!(ms > 0)) this.#fail({ start, end: this.#previousEnd }, "duration must be greater than 0");
    return ms;
  }

  #parseOffset(expr: Expr): Expr {
    this.#advance();
    const { start } = this.#token;
    const sign = this.#isAt("-") || this.#isAt("+") ? this.#advance() : undefined;
    const isFunction = ["step", "range", "min", "max", "min_of", "max_of"].includes(
      this.#token.value.toLowerCase(),
    );
    if (this.#isAt("(") || isFunction) this.#failDurationExpr(start);
    if (this.#token.kind !== "number" && this.#token.kind !== "duration")
      this.#unexpected("offset", NUMBER_OR_DURATION);
    const seconds = this.#parseNumber().value;
    const offsetMs = this.#durationMs(sign?.value === "-" ? -seconds : seconds, start);
    const shifted = this.#expectShiftable(expr, "offset");
    const selector = shifted.kind === "matrix" ? shifted.selector : shifted;
    if (selector.offsetMs !== 0) this.#fail(expr.span, "offset may not be set multiple times");
    return this.#shift(shifted, { offsetMs });
  }

  #parseAt(expr: Expr): Expr {
    this.#advance();
    const at = this.#parseAtTime(expr);
    const shifted = this.#expectShiftable(expr, "@");
    const selector = shifted.kind === "matrix" ? shifted.selector : shifted;
    if (selector.at !== undefined)
      this.#fail(expr.span, "@ <timestamp> may not be set multiple times");
    return this.#shift(shifted, { at });
  }

  #parseAtTime(expr: Expr): AtModifier {
    const { value, kind } = this.#token;
    if (kind === "word" && (value === "start" || value === "end")) {
      this.#advance();
      if (!this.#accept("(") || !this.#accept(")")) this.#unexpected("@", "timestamp");
      return { kind: value };
    }
    const sign = this.#isAt("-") || this.#isAt("+") ? this.#advance() : undefined;
    if (this.#token.kind !== "number" && this.#token.kind !== "duration")
      this.#unexpected("@", "timestamp");
    const seconds = this.#parseNumber().value * (sign?.value === "-" ? -1 : 1);
    if (!(Math.abs(seconds) < 2 ** 63))
      this.#fail(expr.span, `timestamp out of bounds for @ modifier: ${formatBound(seconds)}`);
    // Adding 0 turns -0 into 0.
    return { kind: "time", timestampMs: roundHalfAway(seconds * 1000) + 0 };
  }

  #expectShiftable(expr: Expr, what: string): VectorSelector | MatrixSelector | Subquery {
    if (expr.kind === "vector" || expr.kind === "matrix" || expr.kind === "subquery") return expr;
    return this.#fail(
      expr.span,
      `${what} modifier must be preceded by an instant vector selector or range vector selector or a subquery`,
    );
  }

  /** The same selector or subquery with a time shift, and its span up to here. */
  #shift(
    expr: VectorSelector | MatrixSelector | Subquery,
    shift: { readonly offsetMs?: number; readonly at?: AtModifier },
  ): Expr {
    const span = { start: expr.span.start, end: this.#previousEnd };
    if (expr.kind === "matrix") return { ...expr, span, selector: { ...expr.selector, ...shift } };
    return { ...expr, span, ...shift };
  }

  #durationMs(seconds: number, start: number): number {
    if (!(Math.abs(seconds) * 1000 <= DURATION_MS_MAX))
      this.#fail({ start, end: this.#previousEnd }, "duration out of range");
    return roundHalfAway(seconds * 1000) + 0;
  }

  #failDurationExpr(start: number): never {
    return this.#fail(
      { start, end: this.#token.end },
      "a duration expression (arithmetic, step(), range(), min_of(), max_of()) is not supported yet",
    );
  }

  #canStartExpr(): boolean {
    switch (this.#token.kind) {
      case "number":
      case "duration":
      case "string":
        return true;
      default:
        return ["(", "{", "+", "-"].some((value) => this.#isAt(value)) || this.#isAtMetricName();
    }
  }

  #isAtMetricName(): boolean {
    const { kind, value } = this.#token;
    switch (kind) {
      case "identifier":
      case "metric identifier":
      case "aggregator":
      case "word":
        return true;
      case "keyword":
        return !RESERVED.has(value);
      case "operator":
        return SET_OPERATORS.has(value);
      default:
        return false;
    }
  }

  #advance(): Token {
    const token = this.#token;
    this.#previousEnd = token.end;
    this.#token = this.#lexer.next();
    return token;
  }

  #isAt(value: string): boolean {
    const { kind } = this.#token;
    return this.#token.value === value && kind !== "string" && kind !== "identifier";
  }

  #isAtKind(kind: TokenKind): boolean {
    return this.#token.kind === kind;
  }

  #accept(value: string): boolean {
    if (!this.#isAt(value)) return false;
    this.#advance();
    return true;
  }

  #expectEnd(): void {
    if (!this.#isAtKind("end")) this.#unexpected();
  }

  #expect(value: string): void {
    if (!this.#accept(value)) this.#unexpected();
  }

  /** Notes that a node stands above a tree of the given height. */
  #grow(height: number): void {
    this.#height = height + 1;
    if (this.#height > EXPRESSION_DEPTH_MAX) this.#failTooDeep();
  }

  #failTooDeep(): never {
    return this.#fail(this.#token, `expression nested deeper than ${EXPRESSION_DEPTH_MAX} levels`);
  }

  #unexpected(context?: string, expected?: string): never {
    const where = context ?? (this.#openAggregations > 0 ? "aggregation" : undefined);
    this.#fail(
      this.#token,
      `unexpected ${describeToken(this.#token)}` +
        (where === undefined ? "" : ` in ${where}`) +
        (expected === undefined ? "" : `, expected ${expected}`),
    );
  }

  #fail(span: Span, reason: string): never {
    throw new PromqlSyntaxError(this.#text, { start: span.start, end: span.end }, reason);
  }
}

function spanOf(token: Token): Span {
  return { start: token.start, end: token.end };
}

/** As Go rounds; `Math.round` rounds -0.5 up. */
function roundHalfAway(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value));
}

function formatBound(value: number): string {
  if (Number.isFinite(value)) return value.toFixed(6);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
