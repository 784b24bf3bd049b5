import { DURATION_MS_MAX } from "@pharos/base";
import type { DurationBinary, DurationCall, DurationExpr, NumberLiteral } from "./ast.ts";
import { durationSeconds, numberValue } from "./literal.ts";
import { spanOf, type TokenReader } from "./token-reader.ts";

/** How many operations, calls, literals and parentheses one duration may have; so deep can its tree be at most. */
export const DURATION_PARTS_MAX = 1000;

/** Where a duration stands and what may stand there, for complaints. */
export interface DurationPlace {
  readonly context: string;
  readonly expected: string;
}

const PRECEDENCE: Readonly<Record<DurationBinary["op"], number>> = {
  "+": 1,
  "-": 1,
  "*": 2,
  "/": 2,
  "%": 2,
  "^": 3,
};

/** As everywhere in PromQL, a sign binds as multiplication does: `-2 ^ 2` is `-(2 ^ 2)`. */
const SIGN_PRECEDENCE = PRECEDENCE["*"];

/** Reads a number or a duration, which is a number of seconds. */
export function parseNumber(reader: TokenReader): NumberLiteral {
  const token = reader.advance();
  const duration = token.kind === "duration";
  const value = duration ? durationSeconds(token.text) : numberValue(token.text);
  if (typeof value === "string") reader.fail(token, value);
  return { kind: "number", span: spanOf(token), value, duration };
}

/** Reads what stands in brackets up to `:` or `]`: all of the arithmetic. */
export function parseBracketDuration(reader: TokenReader, place: DurationPlace): DurationExpr {
  return new DurationParser(reader, place).parse(0);
}

/**
 * Reads what stands after `offset`: a literal, a call or parentheses, perhaps with a sign. Arithmetic ends it:
 * `x offset 5m + 1` is `(x offset 5m) + 1`.
 */
export function parseOffsetDuration(reader: TokenReader, place: DurationPlace): DurationExpr {
  return new DurationParser(reader, place).parseSignedOperand();
}

/** The value in seconds of an expression that is nothing but a literal, perhaps in parentheses and with signs. */
export function literalSeconds(expr: DurationExpr): number | undefined {
  if (expr.kind === "number") return expr.value;
  if (expr.kind === "duration-paren") return literalSeconds(expr.expr);
  if (expr.kind !== "duration-negation") return undefined;
  const seconds = literalSeconds(expr.expr);
  return seconds === undefined ? undefined : -seconds;
}

class DurationParser {
  readonly #reader: TokenReader;
  readonly #place: DurationPlace;
  #parts = 0;

  constructor(reader: TokenReader, place: DurationPlace) {
    this.#reader = reader;
    this.#place = place;
  }

  /** An expression whose operators all bind tighter than `precedenceMin`. */
  parse(precedenceMin: number): DurationExpr {
    const reader = this.#reader;
    let left = this.#isAtSign() ? this.#parseNegation(SIGN_PRECEDENCE) : this.#parseOperand();
    for (;;) {
      const { kind, value } = reader.token;
      if (kind !== "operator" || !Object.hasOwn(PRECEDENCE, value)) return left;
      const op = value as DurationBinary["op"];
      const precedence = PRECEDENCE[op];
      if (precedence <= precedenceMin) return left;
      const operator = reader.advance();
      const right = this.parse(op === "^" ? precedence - 1 : precedence);
      if (literalSeconds(right) === 0) {
        if (op === "/") reader.fail(operator, "division by zero");
        if (op === "%") reader.fail(operator, "modulo by zero");
      }
      const span = { start: left.span.start, end: right.span.end };
      this.#countPart();
      left = { kind: "duration-binary", span, op, left, right };
    }
  }

  parseSignedOperand(): DurationExpr {
    return this.#isAtSign() ? this.#parseNegation(undefined) : this.#parseOperand();
  }

  #isAtSign(): boolean {
    return this.#reader.isAt("-") || this.#reader.isAt("+");
  }

  /** A sign and what it is for: an operand, or, with a precedence, all that binds tighter. */
  #parseNegation(precedence: number | undefined): DurationExpr {
    const sign = this.#reader.advance();
    this.#countPart();
    const expr = precedence === undefined ? this.#parseOperand() : this.parse(precedence);
    const span = { start: sign.start, end: expr.span.end };
    if (expr.kind === "number")
      return { ...expr, span, value: sign.value === "-" ? -expr.value : expr.value };
    return sign.value === "-" ? { kind: "duration-negation", span, expr } : expr;
  }

  #parseOperand(): DurationExpr {
    const reader = this.#reader;
    this.#countPart();
    const { kind } = reader.token;
    if (kind === "number" || kind === "duration") {
      const literal = parseNumber(reader);
      if (!(literal.value * 1000 <= DURATION_MS_MAX))
        reader.fail(literal.span, "duration out of range");
      return literal;
    }
    if (reader.isAt("(")) return this.#parseParen();
    const func = kind === "word" || kind === "identifier" ? reader.token.value.toLowerCase() : "";
    if (func === "step" || func === "range" || func === "min_of" || func === "max_of")
      return this.#parseCall(func);
    return this.#unexpected();
  }

  #parseParen(): DurationExpr {
    const { start } = this.#reader.advance();
    const expr = this.parse(0);
    this.#expect(")");
    const span = { start, end: this.#reader.previousEnd };
    const isPlain = expr.kind === "number" && expr.value >= 0;
    if (isPlain || expr.kind === "duration-paren") return { ...expr, span };
    return { kind: "duration-paren", span, expr };
  }

  #parseCall(func: DurationCall["func"]): DurationCall {
    const { start } = this.#reader.advance();
    this.#expect("(");
    const args: DurationExpr[] = [];
    if (func === "min_of" || func === "max_of") {
      args.push(this.parse(0));
      this.#expect(",");
      args.push(this.parse(0));
    }
    this.#expect(")");
    const span = { start, end: this.#reader.previousEnd };
    return { kind: "duration-call", span, func, args };
  }

  #expect(value: string): void {
    if (!this.#reader.isAt(value))
      this.#reader.unexpected(this.#place.context, JSON.stringify(value));
    this.#reader.advance();
  }

  #unexpected(): never {
    return this.#reader.unexpected(this.#place.context, this.#place.expected);
  }

  #countPart(): void {
    if (++this.#parts > DURATION_PARTS_MAX)
      this.#reader.fail(
        this.#reader.token,
        `duration expression of more than ${DURATION_PARTS_MAX} parts`,
      );
  }
}
