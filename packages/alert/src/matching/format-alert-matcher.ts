import { type Matcher, quote } from "@pharos/base";

/** What a label name or a value cannot have without quotes in the UTF-8 language of matchers. */
const RESERVED = /[\p{White_Space}{}!=~,\\"'`]/u;

/** Whether a character, or any of a text, must stand in quotes. */
export function hasReserved(text: string): boolean {
  return RESERVED.test(text);
}

/**
 * As Alertmanager prints a matcher, in group keys, in amtool and in its messages: the value always in quotes, the name
 * only where it must be.
 */
export function formatAlertMatcher({ name, type, value }: Matcher): string {
  if (hasReserved(name)) return `${quote(name)}${type}${quote(value)}`;
  return `${name}${type}"${escapeValue(value)}"`;
}

/** Several, as a node's own key: `{severity="critical",team=~"a|b"}`. */
export function formatAlertMatchers(matchers: readonly Matcher[]): string {
  return `{${matchers.map(formatAlertMatcher).join(",")}}`;
}

/** As the classic language reads it back: nothing but these three is escaped. */
function escapeValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
