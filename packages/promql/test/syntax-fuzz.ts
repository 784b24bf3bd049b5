// What the parser promises for any text, checked on texts that random numbers make: `npm run fuzz:promql` does a
// million of them, the unit tests a slice.
import { deepEqual, equal, ok } from "node:assert/strict";
import { formatMatcher, type Rng, seededRng } from "@pharos/base";
import {
  childrenOf,
  type DurationExpr,
  type Expr,
  formatExpr,
  PromqlSyntaxError,
  parse,
  parseMetricSelector,
  printExpr,
  resolveDurations,
  type Span,
  toJson,
  walk,
} from "@pharos/promql/syntax";
import { KNOWN_TO_PROMETHEUS_2 } from "./syntax-error-cases.ts";
import { FUZZ_WORDS, FuzzGrammar } from "./syntax-fuzz-grammar.ts";
import { NEWER_THAN_PROMETHEUS_2 } from "./syntax-newer-error-cases.ts";
import { VALID } from "./syntax-valid-cases.ts";

const INVALID = [...KNOWN_TO_PROMETHEUS_2, ...Object.values(NEWER_THAN_PROMETHEUS_2).flat()];

/** How deep a text that the grammar writes nests. */
const DEPTH_MAX = 4;
const MUTATIONS_MAX = 3;
/** How long a text may become by repeating parts of it: enough to see what is not linear. */
const TEXT_LENGTH_MAX = 20_000;

/** The text that belongs to a number: for ever the same, as long as the cases it starts from are. */
export function fuzzText(seed: number): string {
  const rng = seededRng(seed);
  const grammar = new FuzzGrammar(rng);
  let text = firstText(rng, grammar);
  // Every second text stays as it was written.
  const mutations = rng.chance(50) ? 0 : 1 + rng.below(MUTATIONS_MAX);
  for (let left = mutations; left > 0; left--) {
    text = mutate(rng, grammar, text);
    if (text.length > TEXT_LENGTH_MAX) text = text.slice(0, TEXT_LENGTH_MAX);
  }
  return text;
}

function firstText(rng: Rng, grammar: FuzzGrammar): string {
  switch (rng.below(5)) {
    case 0:
      return grammar.pick(VALID)[0];
    case 1:
      return grammar.pick(INVALID)[0];
    default:
      return grammar.expression(grammar.pick(["scalar", "vector", "matrix"]), rng.below(DEPTH_MAX));
  }
}

/** Words, numbers, strings, blanks and single marks. */
const PARTS = /[a-zA-Z0-9_:.]+|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`|\s+|./gsu;

function mutate(rng: Rng, grammar: FuzzGrammar, text: string): string {
  switch (rng.below(9)) {
    case 0:
      return mutateBytes(rng, text);
    case 1: {
      // A part of the text many times, where it stands.
      const start = rng.below(text.length + 1);
      const end = Math.min(text.length, start + rng.below(8));
      const times = 2 ** rng.below(12);
      return text.slice(0, start) + text.slice(start, end).repeat(times) + text.slice(end);
    }
    case 2: {
      const other = firstText(rng, grammar);
      return text.slice(0, rng.below(text.length + 1)) + other.slice(rng.below(other.length + 1));
    }
    default:
      return mutateParts(rng, grammar, text);
  }
}

function mutateParts(rng: Rng, grammar: FuzzGrammar, text: string): string {
  const parts = text.match(PARTS) ?? [];
  const at = rng.below(parts.length + 1);
  const part = parts[at] ?? "";
  switch (rng.below(6)) {
    case 0:
      parts.splice(at, 1);
      break;
    case 1:
      parts.splice(at, 0, part, " ");
      break;
    case 2:
      parts[at] = grammar.pick(FUZZ_WORDS);
      break;
    case 3:
      parts.splice(at, 0, grammar.pick(FUZZ_WORDS));
      break;
    case 4: {
      const other = rng.below(parts.length + 1);
      parts[at] = parts[other] ?? "";
      parts[other] = part;
      break;
    }
    default:
      parts[at] = rng.chance(50) ? part.toUpperCase() : `(${part})`;
  }
  return parts.join("");
}

/** As bytes arrive from a client: what is no UTF-8 any more becomes U+FFFD. */
function mutateBytes(rng: Rng, text: string): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length === 0) return String.fromCharCode(rng.below(256));
  const at = rng.below(bytes.length);
  bytes[at] = rng.chance(50) ? rng.below(256) : (bytes[at] ?? 0) ^ (1 << rng.below(8));
  return new TextDecoder().decode(bytes);
}

/**
 * Checks all that holds for any text: it parses, or the complaint has a place in it; what parses is printed in a form
 * that parses to the same, its parts stand inside each other, its durations can be worked out or not, and the JSON
 * tree is JSON. Answers whether the text parsed; throws where something does not hold.
 */
export function checkText(text: string): "parsed" | "refused" {
  checkSelector(text);
  let expr: Expr;
  try {
    expr = parse(text);
  } catch (error) {
    checkComplaint(error, text);
    return "refused";
  }
  checkSpans(expr, text);
  const printed = printExpr(expr);
  const again = parse(printed);
  sameExpr(again, expr);
  equal(printExpr(again), printed, "printing what was printed changes it");
  sameExpr(parse(formatExpr(expr)), expr);
  const json = toJson(expr);
  deepEqual(JSON.parse(JSON.stringify(json)), json, "the tree is not JSON");
  checkDurations(expr, text);
  return "parsed";
}

function checkSelector(text: string): void {
  try {
    for (const matcher of parseMetricSelector(text)) ok(formatMatcher(matcher).length > 0);
  } catch (error) {
    checkComplaint(error, text);
  }
}

function checkComplaint(error: unknown, text: string): void {
  if (!(error instanceof PromqlSyntaxError)) throw error;
  const { span, line, column, reason, code } = error;
  equal(code, "query.invalid");
  ok(0 <= span.start && span.start <= span.end && span.end <= text.length, "span in the text");
  ok(line >= 1 && column >= 1 && reason.length > 0, error.message);
  equal(error.message, `${line}:${column}: parse error: ${reason}`);
}

const TIMES = { startMs: 60_000, endMs: 3_660_000, stepMs: 15_000 };

function checkDurations(expr: Expr, text: string): void {
  let resolved: Expr;
  try {
    resolved = resolveDurations(expr, TIMES, text);
  } catch (error) {
    checkComplaint(error, text);
    return;
  }
  equal(printExpr(resolved), printExpr(expr));
  walk(resolved, (node) => {
    if (node.kind === "vector" || node.kind === "subquery") ok(Number.isInteger(node.offsetMs));
    if (node.kind === "matrix" || node.kind === "subquery") ok(Number.isInteger(node.rangeMs));
    if (node.kind === "subquery" && node.stepMs !== undefined) ok(Number.isInteger(node.stepMs));
  });
}

function checkSpans(expr: Expr, text: string): void {
  const check = (inner: Span, outer: Span): void =>
    ok(
      outer.start <= inner.start && inner.start < inner.end && inner.end <= outer.end,
      `${JSON.stringify(inner)} in ${JSON.stringify(outer)}`,
    );
  const checkDuration = (duration: DurationExpr | undefined, outer: Span): void => {
    if (duration === undefined) return;
    check(duration.span, outer);
    if (duration.kind === "duration-binary") {
      checkDuration(duration.left, duration.span);
      checkDuration(duration.right, duration.span);
    } else if (duration.kind === "duration-call")
      for (const arg of duration.args) checkDuration(arg, duration.span);
    else if (duration.kind !== "number") checkDuration(duration.expr, duration.span);
  };
  check(expr.span, { start: 0, end: text.length });
  walk(expr, (node) => {
    for (const child of childrenOf(node)) check(child.span, node.span);
    if (node.kind === "matrix") {
      checkDuration(node.rangeExpr, node.span);
      checkDuration(node.selector.offsetExpr, node.span);
    }
    if (node.kind === "subquery") {
      checkDuration(node.rangeExpr, node.span);
      checkDuration(node.stepExpr, node.span);
    }
    if (node.kind === "subquery") checkDuration(node.offsetExpr, node.span);
  });
}

/** Whether two trees say the same: places and compiled patterns aside, and matchers in any order. */
function sameExpr(actual: Expr, expected: Expr): void {
  deepEqual(plain(actual), plain(expected), "what was printed says something else");
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === "span" || key === "regex") continue;
    out[key] =
      key === "matchers"
        ? (inner as Parameters<typeof formatMatcher>[0][]).map(formatMatcher).sort()
        : plain(inner);
  }
  return out;
}
