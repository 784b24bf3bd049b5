import { type Matcher, matchesValue, quote } from "@pharos/base";
import type {
  AggregationOp,
  BinaryExpr,
  BinaryOp,
  Expr,
  FillValues,
  VectorMatching,
} from "./ast.ts";
import { parseNumber } from "./duration-parser.ts";
import { FUNCTIONS } from "./functions.ts";
import type { Token } from "./lexer.ts";
import { unquote } from "./literal.ts";
import { nameProblem, parseGroupingLabels, parseVectorSelector } from "./selector-parser.ts";
import { parseAt, parseBrackets, parseExtent, parseOffset } from "./time-parser.ts";
import { spanOf, TokenReader } from "./token-reader.ts";
import { checkTypes } from "./type-check.ts";

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
  "</": 3,
  ">/": 3,
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

interface GroupModifier {
  readonly grouping: readonly string[];
  readonly without: boolean;
}

class Parser extends TokenReader {
  /** How deep the parser is in nested constructs now. */
  #depth = 0;
  /** The height of the tree that was parsed last. */
  #height = 0;

  parseAll(): Expr {
    if (this.token.kind === "end") this.fail({ start: 0, end: 0 }, "no expression found in input");
    const expr = this.#parseExpr(0);
    this.expectEnd();
    checkTypes(expr, this.text);
    return expr;
  }

  parseSelectorOnly(): readonly Matcher[] {
    if (!this.isAt("{") && !this.isAtMetricName()) this.unexpected();
    const selector = parseVectorSelector(this);
    const { matchers, span } = selector;
    this.expectEnd();
    const problem = nameProblem(selector, this.text);
    if (problem !== undefined) this.fail(span, problem);
    if (!matchers.some((matcher) => !matchesValue(matcher, "")))
      this.fail(
        { start: 0, end: this.previousEnd },
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
    const { kind, value } = this.token;
    if (kind !== "operator") return 0;
    return Object.hasOwn(PRECEDENCE, value) ? PRECEDENCE[value as BinaryOp] : 0;
  }

  #parseBinary(left: Expr, precedence: number): BinaryExpr {
    const leftHeight = this.#height;
    const op = this.advance().value as BinaryOp;
    const bool = this.accept("bool");
    const matching = this.#parseMatching(op);
    const right = this.#parseExpr(op === "^" ? precedence - 1 : precedence);
    this.#grow(Math.max(leftHeight, this.#height));
    const span = { start: left.span.start, end: right.span.end };
    return { kind: "binary", span, op, bool, left, right, matching };
  }

  /** The matching as written, also between scalars: the type check takes it away there. */
  #parseMatching(op: BinaryOp): VectorMatching {
    const on = this.accept("on");
    const labels = on || this.accept("ignoring") ? parseGroupingLabels(this) : undefined;
    const left = labels !== undefined && this.accept("group_left");
    const right = labels !== undefined && !left && this.accept("group_right");
    // What stands in parentheses here are labels, never the right side.
    const hasInclude =
      (left || right) && (this.isAt("(") || (!this.#isAtFill() && !this.canStartExpr()));
    const include = hasInclude ? parseGroupingLabels(this) : [];
    const card = left
      ? "many-to-one"
      : right
        ? "one-to-many"
        : SET_OPERATORS.has(op)
          ? "many-to-many"
          : "one-to-one";
    const fill = this.#parseFill();
    return { card, on, labels: labels ?? [], include, ...(fill === undefined ? {} : { fill }) };
  }

  #isAtFill(): boolean {
    return this.isAt("fill") || this.isAt("fill_left") || this.isAt("fill_right");
  }

  /** `fill(0)`, or one of `fill_left(0)` and `fill_right(0)`, or both of these in any order. */
  #parseFill(): FillValues | undefined {
    if (this.accept("fill")) {
      const value = this.#parseFillValue();
      return { left: value, right: value };
    }
    if (this.accept("fill_left")) {
      const left = this.#parseFillValue();
      return this.accept("fill_right") ? { left, right: this.#parseFillValue() } : { left };
    }
    if (this.accept("fill_right")) {
      const right = this.#parseFillValue();
      return this.accept("fill_left") ? { left: this.#parseFillValue(), right } : { right };
    }
    return undefined;
  }

  #parseFillValue(): number {
    if (!this.accept("(")) this.unexpected("fill", '"("');
    const sign = this.isAt("-") || this.isAt("+") ? this.advance().value : "+";
    if (!this.isAtKind("number") && !this.isAtKind("duration")) this.unexpected("fill", "number");
    const { value } = parseNumber(this);
    if (!this.accept(")")) this.unexpected("fill", '")"');
    return sign === "-" ? -value : value;
  }

  #parseSigned(): Expr {
    if (!this.isAt("+") && !this.isAt("-")) return this.#parsePostfix();
    const sign = this.advance();
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
      const { value, kind } = this.token;
      if (kind === "punctuation" && value === "[") expr = this.#parseRange(expr);
      else if (kind === "operator" && value === "@") expr = parseAt(this, expr);
      else if (kind !== "keyword") return expr;
      else if (value === "offset") expr = parseOffset(this, expr);
      else if (value === "anchored" || value === "smoothed") expr = parseExtent(this, expr);
      else return expr;
    }
  }

  #parseRange(expr: Expr): Expr {
    this.#grow(this.#height);
    return parseBrackets(this, expr);
  }

  #parsePrimary(): Expr {
    const token = this.token;
    this.#height = 1;
    switch (token.kind) {
      case "number":
      case "duration":
        return parseNumber(this);
      case "string":
        this.advance();
        return { kind: "string", span: spanOf(token), value: unquote(token.text) };
      case "aggregator":
        return this.#parseAggregation();
      case "identifier":
      case "word": {
        this.advance();
        if (this.isAt("(")) return this.#parseCall(token);
        return parseVectorSelector(this, token);
      }
      case "punctuation":
        if (token.value === "{") return parseVectorSelector(this);
        if (token.value === "(") return this.#parseParen();
        return this.unexpected();
      case "metric identifier":
      case "keyword":
      case "operator":
      case "end":
        return this.isAtMetricName() ? parseVectorSelector(this) : this.unexpected();
    }
  }

  #parseParen(): Expr {
    const { start } = this.advance();
    const expr = this.#parseExpr(0);
    this.expect(")");
    this.#grow(this.#height);
    return { kind: "paren", span: { start, end: this.previousEnd }, expr };
  }

  #parseCall(name: Token): Expr {
    const args = this.#parseArguments();
    const func = name.text;
    if (!Object.hasOwn(FUNCTIONS, func))
      this.fail(name, `unknown function with name ${quote(func)}`);
    return { kind: "call", span: { start: name.start, end: this.previousEnd }, func, args };
  }

  #parseAggregation(): Expr {
    const name = this.advance();
    if (!this.isAt("(") && !this.isAt("by") && !this.isAt("without"))
      return parseVectorSelector(this, name);
    this.openAggregations++;
    let modifier = this.#parseGroupModifier();
    if (!this.isAt("(")) this.unexpected();
    const args = this.#parseArguments();
    modifier ??= this.#parseGroupModifier();
    this.openAggregations--;
    const op = name.value as AggregationOp;
    const span = { start: name.start, end: this.previousEnd };
    const hasParam = AGGREGATIONS_WITH_PARAM.has(op);
    const wanted = hasParam ? 2 : 1;
    if (args.length === 0) this.fail(span, "no arguments for aggregate expression provided");
    const expr = args[wanted - 1];
    if (args.length !== wanted || expr === undefined)
      this.fail(
        span,
        `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`,
      );
    const param = hasParam ? args[0] : undefined;
    const { grouping, without } = modifier ?? { grouping: [], without: false };
    return { kind: "aggregation", span, op, param, expr, without, grouping };
  }

  #parseGroupModifier(): GroupModifier | undefined {
    const without = this.accept("without");
    if (!without && !this.accept("by")) return undefined;
    return { grouping: parseGroupingLabels(this), without };
  }

  /** `(a, b)` of a call; the height counts the call around them too. */
  #parseArguments(): readonly Expr[] {
    this.expect("(");
    const args: Expr[] = [];
    let height = 0;
    if (this.accept(")")) return args;
    for (;;) {
      args.push(this.#parseExpr(0));
      height = Math.max(height, this.#height);
      if (!this.isAt(",")) break;
      const comma = this.advance();
      if (!this.canStartExpr())
        this.fail(comma, "trailing commas not allowed in function call args");
    }
    this.expect(")");
    this.#grow(height);
    return args;
  }

  /** Notes that a node stands above a tree of the given height. */
  #grow(height: number): void {
    this.#height = height + 1;
    if (this.#height > EXPRESSION_DEPTH_MAX) this.#failTooDeep();
  }

  #failTooDeep(): never {
    return this.fail(this.token, `expression nested deeper than ${EXPRESSION_DEPTH_MAX} levels`);
  }
}
