import {
  createMatcher,
  isLegacyLabelName,
  type Matcher,
  type MatchType,
  METRIC_NAME,
  OperatingError,
  quote,
  regexCost,
} from "@pharos/base";
import type { VectorSelector } from "./ast.ts";
import type { Token } from "./lexer.ts";
import { unquote } from "./literal.ts";
import type { TokenReader } from "./token-reader.ts";

/** Where something unexpected stands, in Prometheus's words. */
const IN_BRACES = "label matching";
const IN_GROUPING = "grouping opts";

/** How much the regular expressions of one query may cost together (see `regexCost`): about a second of compiling. */
export const REGEXES_COST_MAX = 300_000;

/** Reads `name{…}`, `name` or `{…}`; `name` is given where it was read already. */
export function parseVectorSelector(reader: TokenReader, name?: Token): VectorSelector {
  const nameToken = name ?? (reader.isAtMetricName() ? reader.advance() : undefined);
  const start = nameToken?.start ?? reader.token.start;
  const matchers = reader.isAt("{") ? parseMatchers(reader) : [];
  // A name with dots is the same as one in quotes, which goes into the braces when it is printed.
  const metricName = nameToken?.text.includes(".") ? undefined : nameToken?.text;
  if (nameToken !== undefined) matchers.push(createMatcher("=", METRIC_NAME, nameToken.text));
  const span = { start, end: reader.previousEnd };
  return { kind: "vector", span, metricName, matchers, offsetMs: 0, at: undefined };
}

/** What is wrong where a name stands before the braces and one in them too. */
export function nameProblem({ span, matchers }: VectorSelector, text: string): string | undefined {
  if (text.charAt(span.start) === "{") return undefined;
  const name = matchers.at(-1);
  const twice = matchers.slice(0, -1).find((matcher) => matcher.name === METRIC_NAME);
  if (name === undefined || twice === undefined) return undefined;
  return `metric name must not be set twice: ${quote(name.value)} or ${quote(twice.value)}`;
}

function parseMatchers(reader: TokenReader): Matcher[] {
  reader.expect("{");
  const matchers: Matcher[] = [];
  while (!reader.isAt("}")) {
    matchers.push(parseMatcher(reader));
    if (reader.isAt("}")) break;
    if (!reader.isAt(",")) reader.unexpected(IN_BRACES, '"," or "}"');
    reader.advance();
  }
  reader.advance();
  return matchers;
}

function parseMatcher(reader: TokenReader): Matcher {
  const label = reader.token;
  if (label.kind !== "identifier" && label.kind !== "string")
    reader.unexpected(IN_BRACES, 'identifier or "}"');
  reader.advance();
  const isOperator =
    reader.isAt("=") || reader.isAt("!=") || reader.isAt("=~") || reader.isAt("!~");
  const name = label.kind === "string" ? unquote(label.text) : label.text;
  if (!isOperator) {
    if (label.kind === "string") return createMatcher("=", METRIC_NAME, name);
    reader.unexpected(IN_BRACES, "label matching operator");
  }
  const type = reader.advance().value as MatchType;
  if (reader.token.kind !== "string") reader.unexpected(IN_BRACES, "string");
  const value = unquote(reader.advance().text);
  if (type === "=~" || type === "!~") payForRegex(reader, value, label);
  try {
    return createMatcher(type, name, value);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    // The place says which expression it is.
    const reason = error.message.replace(` in regular expression ${JSON.stringify(value)}`, "");
    return reader.fail({ start: label.start, end: reader.previousEnd }, reason);
  }
}

function payForRegex(reader: TokenReader, value: string, { start }: Token): void {
  reader.regexesCost += regexCost(value);
  if (reader.regexesCost > REGEXES_COST_MAX)
    reader.fail(
      { start, end: reader.previousEnd },
      `regular expressions of more than ${REGEXES_COST_MAX} parts, repetitions written out`,
    );
}

/** `(a, b)` after `by`, `on` and the like. Any word may be a label here, also in quotes. */
export function parseGroupingLabels(reader: TokenReader): readonly string[] {
  if (!reader.isAt("(")) reader.unexpected(IN_GROUPING, '"("');
  reader.advance();
  const labels: string[] = [];
  while (!reader.isAt(")")) {
    const token = reader.token;
    const label = token.kind === "string" ? unquote(token.text) : token.text;
    if (token.kind === "string") {
      if (label === "") reader.fail(token, `invalid label name for grouping: ${quote(label)}`);
    } else if (!isLegacyLabelName(label)) reader.unexpected(IN_GROUPING, "label");
    labels.push(label);
    reader.advance();
    if (reader.isAt(")")) break;
    if (!reader.isAt(",")) reader.unexpected(IN_GROUPING, '"," or ")"');
    reader.advance();
  }
  reader.advance();
  return labels;
}
