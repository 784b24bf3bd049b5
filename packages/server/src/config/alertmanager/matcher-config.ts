import { MatcherSyntaxError, parseMatchers } from "@pharos/alert";
import { createMatcher, errorText, type Matcher, OperatingError, quote } from "@pharos/base";
import { isScalar } from "yaml";
import { z } from "zod";
import type { Path, YamlSource } from "../yaml-source.ts";

/** `match`: label names and their values. */
export const equalsSchema = z.record(z.string(), z.string()).default({});

/** `match_re`: label names and regular expressions, which must match the whole value. */
export const regexesSchema = equalsSchema;

/** `matchers`: texts such as `team="web"`, each one matcher or several. */
export const matchersSchema = z.array(z.string()).default([]);

/** Names that Alertmanager's old notation may have; `matchers` may have any. */
const CLASSIC_LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Three ways to say which alerts: the old two, and matchers. They hold together. */
export interface MatcherKeys {
  readonly equals: Readonly<Record<string, string>>;
  readonly regexes: Readonly<Record<string, string>>;
  readonly matchers: readonly string[];
}

/** The names under which a part of the file has them, such as `match`, `match_re`, `matchers`. */
export interface MatcherKeyNames {
  readonly equals: string;
  readonly regexes: string;
  readonly matchers: string;
}

/**
 * The matchers of a part of the file. What is wrong is reported at its place; what the two languages of matchers read
 * differently is told to `warn`.
 */
export function readMatchers(
  keys: MatcherKeys,
  names: MatcherKeyNames,
  path: Path,
  source: YamlSource,
  warn: (path: Path, message: string) => void,
): readonly Matcher[] {
  const found: Matcher[] = [];
  for (const [type, key] of [
    ["=", "equals"],
    ["=~", "regexes"],
  ] as const)
    for (const [name, value] of Object.entries(keys[key])) {
      const at = [...path, names[key], name];
      if (!CLASSIC_LABEL_NAME.test(name)) {
        const hint = `use ${names.matchers} for names with other letters`;
        source.reportKey(at, `invalid label name ${quote(name)}; ${hint}`);
        continue;
      }
      try {
        const matcher = createMatcher(type, name, value);
        // Alertmanager writes anchors around them; the keys of groups, which receivers know, have them as well.
        found.push(key === "equals" ? matcher : { ...matcher, value: `^(?:${value})$` });
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        source.report(at, errorText(error));
      }
    }
  for (const [index, text] of keys.matchers.entries()) {
    const at = [...path, names.matchers, index];
    try {
      const parsed = parseMatchers(text);
      if (parsed.warning !== undefined) warn(at, parsed.warning);
      found.push(...parsed.matchers);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      reportMatcher(error, text, at, source);
    }
  }
  return found;
}

/** At the character where the text stops making sense, where the notation lets us say. */
function reportMatcher(error: OperatingError, text: string, at: Path, source: YamlSource): void {
  const node = source.nodeAt(at);
  const index =
    error instanceof MatcherSyntaxError ? [...text].slice(0, error.column - 1).join("").length : 0;
  const offset = isScalar(node) ? source.offsetInScalar(node, index) : undefined;
  if (offset === undefined || !(error instanceof MatcherSyntaxError))
    source.report(at, errorText(error));
  else source.reportAt(offset, at, `${error.problem}; ${error.hint}`);
}
