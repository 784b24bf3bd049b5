import type { MatchType } from "@pharos/base";
import { MATCHER_HINT, MatcherSyntaxError } from "./matcher-syntax-error.ts";
import type { WrittenMatcher } from "./utf8-matchers.ts";

/**
 * Reads matchers in the language that Alertmanager had before 0.27, and still understands: `{foo = bar, dings!="bums",}`.
 * Names are those of old; a value may stand without quotes and then end anywhere but in a comma. A backslash escapes a
 * quote, itself and an n, and stands for itself before anything else.
 *
 * @throws MatcherSyntaxError
 */
export function parseClassicMatchers(text: string): WrittenMatcher[] {
  const start = text.startsWith("{") ? 1 : 0;
  const end = text.endsWith("}") && text.length > start ? text.length - 1 : text.length;
  return splitAtCommas(text, start, end).map(([from, to]) => readMatcher(text, from, to));
}

/** @throws MatcherSyntaxError */
export function parseClassicMatcher(text: string): WrittenMatcher {
  return readMatcher(text, 0, text.length);
}

/** The parts between commas that are not in quotes; a last one of nothing but spaces does not count. */
function splitAtCommas(text: string, start: number, end: number): [from: number, to: number][] {
  const parts: [number, number][] = [];
  let isQuoted = false;
  let isEscaped = false;
  let from = start;
  for (let at = start; at < end; at++) {
    const char = text.charAt(at);
    if (char === "," && !isQuoted) {
      parts.push([from, at]);
      from = at + 1;
    } else if (char === '"') {
      if (!isEscaped) isQuoted = !isQuoted;
      isEscaped = false;
    } else {
      // A comma in quotes leaves the state as it is, as in Alertmanager.
      if (char !== ",") isEscaped = char === "\\" && !isEscaped;
    }
  }
  if (text.slice(from, end).trim() !== "") parts.push([from, end]);
  return parts;
}

const NAME_AND_OPERATOR =
  /[\t\n\f\r ]*([a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*(=~|=|!=|!~)[\t\n\f\r ]*/y;
const LAST_SPACES = /[\t\n\f\r ]$/;

function readMatcher(text: string, from: number, to: number): WrittenMatcher {
  NAME_AND_OPERATOR.lastIndex = from;
  const match = NAME_AND_OPERATOR.exec(text);
  if (match === null || NAME_AND_OPERATOR.lastIndex > to)
    throw new MatcherSyntaxError(text, from, "this is no matcher", MATCHER_HINT);
  const valueAt = NAME_AND_OPERATOR.lastIndex;
  let end = to;
  while (end > valueAt && LAST_SPACES.test(text.charAt(end - 1))) end--;
  return {
    type: match[2] as MatchType,
    name: match[1] as string,
    value: readValue(text, valueAt, end),
    offset: from,
  };
}

function readValue(text: string, from: number, to: number): string {
  const isQuoted = text.charAt(from) === '"' && from < to;
  let isClosed = !isQuoted;
  let value = "";
  for (let at = isQuoted ? from + 1 : from; at < to; at++) {
    const char = text.charAt(at);
    if (char === "\\" && at < to - 1) {
      const escaped = text.charAt(++at);
      if (escaped === "n") value += "\n";
      else value += escaped === '"' || escaped === "\\" ? escaped : `\\${escaped}`;
    } else if (char === '"') {
      if (!isQuoted || at < to - 1)
        throw new MatcherSyntaxError(text, at, 'a " within the value', 'write it as \\"');
      isClosed = true;
    } else value += char;
  }
  if (!isClosed) throw new MatcherSyntaxError(text, from, 'the closing " is missing', MATCHER_HINT);
  return value;
}
