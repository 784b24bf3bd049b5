import { isLegacyLabelName, type Labels, labelValue, quote } from "./labels.ts";
import { compileRegex, type Regex } from "./regex.ts";

export type MatchType = "=" | "!=" | "=~" | "!~";

/** One condition on one label. A label that is absent has the value "". */
export interface Matcher {
  readonly type: MatchType;
  readonly name: string;
  readonly value: string;
  /** Compiled and fully anchored; only for `=~` and `!~`. */
  readonly regex?: Regex;
}

/** @throws OperatingError `input.invalid` for a regular expression that RE2 does not accept. */
export function createMatcher(type: MatchType, name: string, value: string): Matcher {
  if (type === "=" || type === "!=") return { type, name, value };
  return { type, name, value, regex: compileRegex(value) };
}

/** Whether a label value satisfies the matcher. */
export function matchesValue(matcher: Matcher, value: string): boolean {
  switch (matcher.type) {
    case "=":
      return value === matcher.value;
    case "!=":
      return value !== matcher.value;
    case "=~":
      return (matcher.regex as Regex).matches(value);
    case "!~":
      return !(matcher.regex as Regex).matches(value);
  }
}

export function matchesLabels(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every((matcher) => matchesValue(matcher, labelValue(labels, matcher.name)));
}

/** As PromQL writes it: `job=~"api|web"`. */
export function formatMatcher({ name, type, value }: Matcher): string {
  return `${isLegacyLabelName(name) ? name : quote(name)}${type}${quote(value)}`;
}
