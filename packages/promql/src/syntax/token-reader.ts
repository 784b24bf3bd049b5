import type { Span } from "./ast.ts";
import { describeToken, Lexer, type Token, type TokenKind } from "./lexer.ts";
import { PromqlSyntaxError } from "./syntax-error.ts";

/** How long a query may be, in UTF-16 units: far above generated ones, and a bound on the time a request can take. */
export const EXPRESSION_LENGTH_MAX = 1024 * 1024;

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

const SET_OPERATORS: ReadonlySet<string> = new Set(["and", "or", "unless"]);

/** The tokens of a text, one looked ahead, and the complaints about them. */
export class TokenReader {
  readonly text: string;
  /** The token that comes next, once somebody has asked for it. */
  #next: Token | undefined;
  /** Where the token before `token` ended. */
  previousEnd = 0;
  /** How many aggregations are open: Prometheus names them in its messages. */
  openAggregations = 0;
  /** What compiling the regular expressions so far cost, see `regexCost`. */
  regexesCost = 0;
  readonly #lexer: Lexer;

  constructor(text: string) {
    if (text.length > EXPRESSION_LENGTH_MAX)
      throw new PromqlSyntaxError(
        text,
        { start: EXPRESSION_LENGTH_MAX, end: text.length },
        `expression of ${text.length} characters; at most ${EXPRESSION_LENGTH_MAX} are allowed`,
      );
    this.text = text;
    this.#lexer = new Lexer(text);
  }

  /**
   * The token that comes next. It is read when it is asked for, so that of two mistakes in a text the first is
   * complained about: `bogus(x) §` has an unknown function.
   */
  get token(): Token {
    this.#next ??= this.#lexer.next();
    return this.#next;
  }

  /** Takes the next token. */
  advance(): Token {
    const { token } = this;
    this.previousEnd = token.end;
    this.#next = undefined;
    return token;
  }

  /** Whether the next token is this word, operator or mark. */
  isAt(value: string): boolean {
    const { kind } = this.token;
    return this.token.value === value && kind !== "string" && kind !== "identifier";
  }

  isAtKind(kind: TokenKind): boolean {
    return this.token.kind === kind;
  }

  /** Takes the next token if it is this one. */
  accept(value: string): boolean {
    if (!this.isAt(value)) return false;
    this.advance();
    return true;
  }

  expectEnd(): void {
    if (!this.isAtKind("end")) this.unexpected();
  }

  expect(value: string): void {
    if (!this.accept(value)) this.unexpected();
  }

  /** Whether an expression can begin with the next token. */
  canStartExpr(): boolean {
    const { kind } = this.token;
    if (kind === "number" || kind === "duration" || kind === "string") return true;
    return ["(", "{", "+", "-"].some((value) => this.isAt(value)) || this.isAtMetricName();
  }

  /** Whether the next token can be a metric name, as most keywords can. */
  isAtMetricName(): boolean {
    const { kind, value } = this.token;
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
      case "number":
      case "duration":
      case "string":
      case "punctuation":
      case "end":
        return false;
    }
  }

  /** Complains about the next token; `context` is what it stands in, `expected` what could stand there. */
  unexpected(context?: string, expected?: string): never {
    const where = context ?? (this.openAggregations > 0 ? "aggregation" : undefined);
    this.fail(
      this.token,
      `unexpected ${describeToken(this.token)}` +
        (where === undefined ? "" : ` in ${where}`) +
        (expected === undefined ? "" : `, expected ${expected}`),
    );
  }

  fail(span: Span, reason: string): never {
    throw new PromqlSyntaxError(this.text, { start: span.start, end: span.end }, reason);
  }
}

/** The place of a token alone. */
export function spanOf(token: Token): Span {
  return { start: token.start, end: token.end };
}
