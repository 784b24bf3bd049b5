import { DURATION_MS_MAX } from "@pharos/base";
import type {
  AtModifier,
  DurationExpr,
  Expr,
  Extent,
  MatrixSelector,
  Span,
  Subquery,
  TimeShift,
  VectorSelector,
} from "./ast.ts";
import {
  type DurationPlace,
  literalSeconds,
  parseBracketDuration,
  parseNumber,
  parseOffsetDuration,
} from "./duration-parser.ts";
import type { TokenReader } from "./token-reader.ts";

const LITERAL_OR_CALL = "number, duration, step(), or range()";
const IN_RANGE: DurationPlace = {
  context: "subquery or range selector",
  expected: LITERAL_OR_CALL,
};
const IN_STEP: DurationPlace = {
  context: "subquery selector",
  expected: `number, duration, step(), range(), or "]"`,
};
const IN_OFFSET: DurationPlace = { context: "offset", expected: LITERAL_OR_CALL };

/** Reads `[range]` or `[range:step]` after `expr`. */
export function parseBrackets(reader: TokenReader, expr: Expr): MatrixSelector | Subquery {
  const open = reader.advance();
  const range = parseAboveZero(reader, IN_RANGE);
  const rangeExpr = range.expr === undefined ? {} : { rangeExpr: range.expr };
  const start = expr.span.start;
  if (!reader.accept(":")) {
    if (!reader.isAt("]")) reader.unexpected("subquery or range", '":" or "]"');
    reader.advance();
    const end = reader.previousEnd;
    const selector = expectPlainSelector(reader, expr, { start: open.start, end });
    return { kind: "matrix", span: { start, end }, selector, rangeMs: range.ms, ...rangeExpr };
  }
  const step = reader.isAt("]") ? undefined : parseAboveZero(reader, IN_STEP);
  const stepExpr = step?.expr === undefined ? {} : { stepExpr: step.expr };
  if (!reader.isAt("]")) reader.unexpected("subquery selector", '"]"');
  reader.advance();
  return {
    kind: "subquery",
    span: { start, end: reader.previousEnd },
    expr,
    rangeMs: range.ms,
    ...rangeExpr,
    stepMs: step?.ms,
    ...stepExpr,
    offsetMs: 0,
    at: undefined,
  };
}

function expectPlainSelector(reader: TokenReader, expr: Expr, brackets: Span): VectorSelector {
  if (expr.kind !== "vector") reader.fail(brackets, "ranges only allowed for vector selectors");
  if (expr.offsetMs !== 0) reader.fail(brackets, "no offset modifiers allowed before range");
  // Prometheus lets `foo @ start()[5m]` pass.
  if (expr.at?.kind === "time") reader.fail(brackets, "no @ modifiers allowed before range");
  return expr;
}

/** A duration that is known, or NaN and the expression that will tell. */
interface Duration {
  readonly ms: number;
  readonly expr: DurationExpr | undefined;
}

/** A duration in brackets: above 0. */
function parseAboveZero(reader: TokenReader, place: DurationPlace): Duration {
  const duration = parseDuration(reader, parseBracketDuration(reader, place));
  const { ms, span } = duration;
  if (ms <= 0) reader.fail(span, "duration must be greater than 0");
  return duration;
}

function parseDuration(reader: TokenReader, expr: DurationExpr): Duration & { span: Span } {
  const { span } = expr;
  const seconds = literalSeconds(expr);
  if (seconds === undefined) return { ms: Number.NaN, expr, span };
  if (!(Math.abs(seconds) * 1000 <= DURATION_MS_MAX)) reader.fail(span, "duration out of range");
  return { ms: roundHalfAway(seconds * 1000) + 0, expr: undefined, span };
}

/** Reads `offset 5m` after `expr`. */
export function parseOffset(reader: TokenReader, expr: Expr): Expr {
  reader.advance();
  const offset = parseDuration(reader, parseOffsetDuration(reader, IN_OFFSET));
  const shifted = expectShiftable(reader, expr, "offset");
  const selector = shifted.kind === "matrix" ? shifted.selector : shifted;
  // NaN, which is no 0 either, is an offset that is not known yet.
  if (selector.offsetMs !== 0) reader.fail(expr.span, "offset may not be set multiple times");
  const offsetExpr = offset.expr === undefined ? {} : { offsetExpr: offset.expr };
  return modify(reader, shifted, { offsetMs: offset.ms, ...offsetExpr });
}

/** Reads `anchored` or `smoothed` after `expr`. */
export function parseExtent(reader: TokenReader, expr: Expr): Expr {
  const extent = reader.advance().value as Extent;
  if (expr.kind === "subquery")
    reader.fail(expr.span, `${extent} modifier is not supported for subqueries`);
  if (expr.kind !== "vector" && expr.kind !== "matrix")
    reader.fail(
      expr.span,
      `${extent} modifier must be preceded by an instant vector selector or range vector selector`,
    );
  const before = (expr.kind === "matrix" ? expr.selector : expr).extent;
  if (before !== undefined && before !== extent)
    reader.fail(expr.span, "anchored and smoothed modifiers cannot be used together");
  return modify(reader, expr, { extent });
}

/** Reads `@ 10` or `@ start()` after `expr`. */
export function parseAt(reader: TokenReader, expr: Expr): Expr {
  reader.advance();
  const at = parseAtTime(reader, expr);
  const shifted = expectShiftable(reader, expr, "@");
  const selector = shifted.kind === "matrix" ? shifted.selector : shifted;
  if (selector.at !== undefined)
    reader.fail(expr.span, "@ <timestamp> may not be set multiple times");
  return modify(reader, shifted, { at });
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

/** The same selector or subquery with a modifier, and its span up to here. */
function modify(
  reader: TokenReader,
  expr: VectorSelector | MatrixSelector | Subquery,
  modifier: Partial<TimeShift & Pick<VectorSelector, "extent">>,
): Expr {
  const span = { start: expr.span.start, end: reader.previousEnd };
  if (expr.kind === "matrix") return { ...expr, span, selector: { ...expr.selector, ...modifier } };
  return { ...expr, span, ...modifier };
}

/** As Go rounds; `Math.round` rounds -0.5 up. */
function roundHalfAway(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value));
}

function formatBound(value: number): string {
  if (Number.isFinite(value)) return value.toFixed(6);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
