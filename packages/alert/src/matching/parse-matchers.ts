import { createMatcher, errorText, type Matcher, OperatingError, regexCost } from "@pharos/base";
import { parseClassicMatcher, parseClassicMatchers } from "./classic-matchers.ts";
import { formatAlertMatcher } from "./format-alert-matcher.ts";
import { MATCHER_HINT, MatcherSyntaxError } from "./matcher-syntax-error.ts";
import { sameMatchers } from "./same-matchers.ts";
import { parseUtf8Matchers, type WrittenMatcher } from "./utf8-matchers.ts";

/**
 * Which of Alertmanager's two languages a text is read in: "strict" the UTF-8 one, "classic" the one before it,
 * "fallback" (as Alertmanager itself where nothing else is said) both, for texts that were written for either.
 */
export type MatcherMode = "fallback" | "strict" | "classic";

export interface ParsedMatchers {
  readonly matchers: readonly Matcher[];
  /** That the two languages do not read the text alike, and how to write it so that they do; only in "fallback". */
  readonly warning?: string;
}

/** How long a text of matchers may be, in UTF-16 units; far above real use. */
export const MATCHERS_LENGTH_MAX = 64 * 1024;

/** What compiling all regular expressions of one text may cost, in the parts of `regexCost`: some tenths of a second. */
export const MATCHERS_COST_MAX = 100_000;

/**
 * Reads a list of matchers, such as `{team="web", severity=~"warning|critical"}`; an empty text has none.
 *
 * @throws MatcherSyntaxError, `input.invalid`
 */
export function parseMatchers(text: string, mode: MatcherMode = "fallback"): ParsedMatchers {
  checkLength(text);
  return parseIn(text, mode, parseUtf8Matchers, parseClassicMatchers);
}

/**
 * Reads one matcher, without braces.
 *
 * @throws MatcherSyntaxError, `input.invalid`
 */
export function parseMatcher(
  text: string,
  mode: MatcherMode = "fallback",
): { readonly matcher: Matcher; readonly warning?: string } {
  checkLength(text);
  if (mode !== "classic")
    for (const [at, brace] of [
      [0, "{"],
      [text.length - 1, "}"],
    ] as const)
      if (text.charAt(at) === brace)
        throw new MatcherSyntaxError(text, at, `${brace} around a single matcher`, "leave it out");
  const parsed = parseIn(text, mode, parseUtf8Single, (single) => [parseClassicMatcher(single)]);
  const [matcher] = parsed.matchers as readonly [Matcher];
  return parsed.warning === undefined ? { matcher } : { matcher, warning: parsed.warning };
}

function parseUtf8Single(text: string): WrittenMatcher[] {
  const written = parseUtf8Matchers(text);
  if (written.length === 0) throw new MatcherSyntaxError(text, 0, "no matcher", MATCHER_HINT);
  const second = written[1];
  if (second !== undefined)
    throw new MatcherSyntaxError(
      text,
      second.offset,
      "a second matcher",
      "only one may stand here",
    );
  return written;
}

type Parser = (text: string) => WrittenMatcher[];

function parseIn(text: string, mode: MatcherMode, utf8: Parser, classic: Parser): ParsedMatchers {
  if (mode === "strict") return { matchers: compile(text, utf8(text)) };
  if (mode === "classic") return { matchers: compile(text, classic(text)) };
  const inUtf8 = attempt(text, utf8);
  const inClassic = attempt(text, classic);
  // What is wrong in both is told of the language that the documentation describes.
  if (!("matchers" in inClassic)) {
    if (!("matchers" in inUtf8)) throw inUtf8.error;
    return { matchers: inUtf8.matchers };
  }
  const { matchers } = inClassic;
  const suggestion = matchers.map(formatAlertMatcher).join(",");
  if (!("matchers" in inUtf8))
    return {
      matchers,
      warning: `only the classic language of matchers reads ${text}; write ${suggestion}`,
    };
  if (sameMatchers(inUtf8.matchers, matchers)) return { matchers };
  const other = inUtf8.matchers.map(formatAlertMatcher).join(",");
  return {
    matchers,
    warning: `the two languages of matchers read ${text} differently: it is taken as ${suggestion}, not as ${other}`,
  };
}

function attempt(
  text: string,
  parse: Parser,
): { readonly matchers: readonly Matcher[] } | { readonly error: MatcherSyntaxError } {
  try {
    return { matchers: compile(text, parse(text)) };
  } catch (error) {
    if (error instanceof MatcherSyntaxError) return { error };
    throw error;
  }
}

function compile(text: string, written: readonly WrittenMatcher[]): Matcher[] {
  let cost = 0;
  return written.map(({ type, name, value, offset }) => {
    try {
      if (type === "=~" || type === "!~") cost += regexCost(value);
      if (cost <= MATCHERS_COST_MAX) return createMatcher(type, name, value);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const hint = "expected a regular expression of RE2";
      throw new MatcherSyntaxError(text, offset, errorText(error), hint);
    }
    const problem = "the regular expressions are too large together";
    throw new MatcherSyntaxError(text, offset, problem, "use shorter ones");
  });
}

function checkLength(text: string): void {
  if (text.length > MATCHERS_LENGTH_MAX)
    throw new MatcherSyntaxError(
      text,
      MATCHERS_LENGTH_MAX,
      `${text.length} characters of matchers`,
      `at most ${MATCHERS_LENGTH_MAX} are read`,
    );
}
