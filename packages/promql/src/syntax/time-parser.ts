import { DURATION_MS_MAX } from "@pharos/base";
import type {
  AtModifier,
  Expr,
  MatrixSelector,
  NumberLiteral,
  Span,
  Subquery,
  VectorSelector,
} from "./ast.ts";
import { durationSeconds, numberValue } from "./literal.ts";
import { spanOf, type TokenReader } from "./token-reader.ts";

const NUMBER_OR_DURATION = "number, duration, step(), or range()";

/** Reads a number or a duration, which is a number of seconds. */
export function parseNumber(reader: TokenReader): NumberLiteral {
  const token = reader.advance();
  const duration = token.kind === "duration";
  const value = duration ? durationSeconds(token.text) : numberValue(token.text);
  if (typeof value === "string") reader.fail(token, value);
  return { kind: "number", span: spanOf(token), value, duration };
}

/** Reads `[range]` or `[range:step]` after `expr`. */
export function parseBrackets(reader: TokenReader, expr: Expr): MatrixSelector | Subquery {
  const open = reader.advance();
  const rangeMs = parseBracketDuration(reader, "subquery or range selector", NUMBER_OR_DURATION);
  const start = expr.span.start;
  if (!reader.accept(":")) {
    if (!reader.isAt("]")) reader.unexpected("subquery or range", '":" or "]"');
    reader.advance();
    const end = reader.previousEnd;
    const selector = expectPlainSelector(reader, expr, { start: open.start, end });
    return { kind: "matrix", span: { start, end }, selector, rangeMs };
  }
  const stepMs = reader.isAt("]")
    ? undefined
    : parseBracketDuration(
        reader,
        "subquery selector",
        `number, duration, step(), range(), or "]"`,
      );
  if (!reader.isAt("]")) reader.unexpected("subquery selector", '"]"');
  reader.advance();
  const span = { start, end: reader.previousEnd };
  return { kind: "subquery", span, expr, rangeMs, stepMs, offsetMs: 0, at: undefined };
}

function expectPlainSelector(reader: TokenReader, expr: Expr, brackets: Span): VectorSelector {
  if (expr.kind !== "vector") reader.fail(brackets, "ranges only allowed for vector selectors");
  if (expr.offsetMs !== 0) reader.fail(brackets, "no offset modifiers allowed before range");
  // Prometheus lets `foo @ start()[5m]` pass.
  if (expr.at?.kind === "time") reader.fail(brackets, "no @ modifiers allowed before range");
  return expr;
}

/** A duration in brackets, in ms: above 0. */
function parseBracketDuration(reader: TokenReader, context: string, expected: string): number {
  const { start } = reader.token;
  const sign = reader.isAt("-") || reader.isAt("+") ? reader.advance() : undefined;
  if (reader.token.kind === "word" || reader.isAt("(")) failDurationExpr(reader, start);
  if (reader.token.kind !== "number" && reader.token.kind !== "duration")
    reader.unexpected(context, expected);
  const seconds = parseNumber(reader).value;
  if (reader.isAtKind("operator")) failDurationExpr(reader, start);
  const ms = durationMs(reader, sign?.value === "-" ? -seconds : seconds, start);
  if (!(ms > 0)) reader.fail({ start, end: reader.previousEnd }, "duration must be greater than 0");
  return ms;
}

/** Reads `offset 5m` after `expr`. */
export function parseOffset(reader: TokenReader, expr: Expr): Expr {
  reader.advance();
  const { start } = reader.token;
  const sign = reader.isAt("-") || reader.isAt("+") ? reader.advance() : undefined;
  const isFunction = ["step", "range", "min", "max", "min_of", "max_of"].includes(
    reader.token.value.toLowerCase(),
  );
  if (reader.isAt("(") || isFunction) failDurationExpr(reader, start);
  if (reader.token.kind !== "number" && reader.token.kind !== "duration")
    reader.unexpected("offset", NUMBER_OR_DURATION);
  const seconds = parseNumber(reader).value;
  const offsetMs = durationMs(reader, sign?.value === "-" ? -seconds : seconds, start);
  const shifted = expectShiftable(reader, expr, "offset");
  const selector = shifted.kind === "matrix" ? shifted.selector : shifted;
  if (selector.offsetMs !== 0) reader.fail(expr.span, "offset may not be set multiple times");
  return shift(reader, shifted, { offsetMs });
}

/** Reads `@ 10` or `@ start()` after `expr`. */
export function parseAt(reader: TokenReader, expr: Expr): Expr {
  reader.advance();
  const at = parseAtTime(reader, expr);
  const shifted = expectShiftable(reader, expr, "@");
  const selector = shifted.kind === "matrix" ? shifted.selector : shifted;
  if (selector.at !== undefined)
    reader.fail(expr.span, "@ <timestamp> may not be set multiple times");
  return shift(reader, shifted, { at });
}

function parseAtTime(reader: TokenReader, expr: Expr): AtModifier {
  const { value, kind } = reader.token;
  if (kind === "word" && (value === "start" || value === "end")) {
    reader.advance();
    if (!reader.accept("(") || !reader.accept(")")) reader.unexpected("@", "timestamp");
    return { kind: value };
  }
  const sign = reader.isAt("-") || reader.isAt("+") ? reader.advance() : undefined;
  if (reader.token.kind !== "number" && reader.token.kind !== "duration")
    reader.unexpected("@", "timestamp");
  const seconds = parseNumber(reader).value * (sign?.value === "-" ? -1 : 1);
  if (!(Math.abs(seconds) < 2 ** 63))
    reader.fail(expr.span, `timestamp out of bounds for @ modifier: ${formatBound(seconds)}`);
  // Adding 0 turns -0 into 0.
  return { kind: "time", timestampMs: roundHalfAway(seconds * 1000) + 0 };
}

function expectShiftable(
  reader: TokenReader,
  expr: Expr,
  what: string,
): VectorSelector | MatrixSelector | Subquery {
  if (expr.kind === "vector" || expr.kind === "matrix" || expr.kind === "subquery") return expr;
  return reader.fail(
    expr.span,
    `${what} modifier must be preceded by an instant vector selector or range vector selector or a subquery`,
  );
}

/** The same selector or subquery with a time shift, and its span up to here. */
function shift(
  reader: TokenReader,
  expr: VectorSelector | MatrixSelector | Subquery,
  change: { readonly offsetMs?: number; readonly at?: AtModifier },
): Expr {
  const span = { start: expr.span.start, end: reader.previousEnd };
  if (expr.kind === "matrix") return { ...expr, span, selector: { ...expr.selector, ...change } };
  return { ...expr, span, ...change };
}

function durationMs(reader: TokenReader, seconds: number, start: number): number {
  if (!(Math.abs(seconds) * 1000 <= DURATION_MS_MAX))
    reader.fail({ start, end: reader.previousEnd }, "duration out of range");
  return roundHalfAway(seconds * 1000) + 0;
}

function failDurationExpr(reader: TokenReader, start: number): never {
  return reader.fail(
    { start, end: reader.token.end },
    "a duration expression (arithmetic, step(), range(), min_of(), max_of()) is not supported yet",
  );
}

/** As Go rounds; `Math.round` rounds -0.5 up. */
function roundHalfAway(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value));
}

function formatBound(value: number): string {
  if (Number.isFinite(value)) return value.toFixed(6);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
