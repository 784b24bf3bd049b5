import { RE2JS } from "re2js";
import { OperatingError } from "./errors.ts";
import { type ExactShape, type RegexShape, regexShape, UNKNOWN_SHAPE } from "./regex-shape.ts";
import { regexSize } from "./regex-size.ts";

/**
 * A regular expression in RE2's syntax: linear time whatever the pattern, fully anchored, `.` matches newlines
 * (as Prometheus 3 does). JavaScript's own engine backtracks, so one pattern of a user could stop the server.
 */
export interface Regex {
  readonly source: string;
  matches(text: string): boolean;
  /** Every text that matches, where the pattern says so few, as `a|b|c` and `web-(1|2)` do; else undefined. */
  readonly literals: readonly string[] | undefined;
  /** What a text must have to match: for indexes of many patterns. Of a plain list (see `literals`) it says nothing. */
  readonly shape: RegexShape;
  /** The matched groups (index 0 the whole match), or undefined without a match. */
  groups(text: string): readonly string[] | undefined;
  /**
   * Puts the groups of a match into `template`: `$1`, `${1}`, `$name`, `${name}`, `$$`. As Go's `Expand`: a group that
   * does not exist gives "", what is no reference (`${}`, `$(`) stays. Undefined without a match.
   *
   * @throws OperatingError `input.invalid` where the groups alone have more than `lengthMax` UTF-16 units.
   */
  expand(text: string, template: string, lengthMax?: number): string | undefined;
}

/** How long a pattern may be, in UTF-16 units: a limit against hostile input, far above real use. */
export const REGEX_LENGTH_MAX = 64 * 1024;

/**
 * How large a pattern may be with its repetitions written out (see `regexSize`): compiling one of this size takes some
 * tenths of a second. RE2 itself would take 30 times as much.
 */
export const REGEX_SIZE_MAX = 100_000;

const LITERAL_LIST = /^[^.*+?^${}()[\]\\|]+(?:\|[^.*+?^${}()[\]\\|]+)*$/;

/** @throws OperatingError `input.invalid` where the pattern is not RE2 syntax, or too long or too large. */
export function compileRegex(source: string): Regex {
  checkLength(source);
  const plain = plainMatch(source);
  // What matches without RE2 is valid, and compiled only for somebody who wants groups.
  let kept = plain === undefined ? compileRe2(source) : undefined;
  const list = literalsOf(source);
  const shape = list === undefined ? regexShape(source) : UNKNOWN_SHAPE;
  const { exact } = shape;
  const compiled = (): RE2JS => {
    kept ??= compileRe2(source);
    return kept;
  };
  const groups = (text: string): readonly string[] | undefined => {
    const matcher = compiled().matcher(text);
    if (!matcher.matches()) return undefined;
    return Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? "");
  };
  return {
    source,
    literals: list ?? (exact?.prefixes.length === 0 ? exact.texts : undefined),
    shape,
    matches:
      plain ??
      // The engine takes microseconds to refuse a text, which most texts are that a matcher sees.
      (exact === undefined
        ? (text) => mayMatch(shape, text) && compiled().matches(text)
        : exactMatch(exact)),
    groups,
    expand(text, template, lengthMax) {
      const found = groups(text);
      if (found === undefined) return undefined;
      const names = compiled().namedGroups() as Record<string, number>;
      return expandTemplate(template, found, names, lengthMax);
    },
  };
}

/** `.*literal`, `literal.+` and the like. */
const AFFIX = /^(\.[*+])?([^.*+?^${}()[\]\\|]+)(\.[*+])?$/;

/** What compiling any pattern costs beside its parts, in parts. */
const COMPILE_COST = 50;

/** What `compileRegex` of this pattern costs, in parts (see `regexSize`): nothing where it needs no engine. */
export function regexCost(source: string): number {
  const isFast = /^(?:\.[*+])?$/.test(source) || LITERAL_LIST.test(source) || AFFIX.test(source);
  return isFast ? 0 : COMPILE_COST + regexSize(source);
}

/** A pattern that is looked for anywhere in a text, as templates do; unlike `Regex`, `.` does not match a newline. */
export interface RegexSearch {
  /** Whether the pattern occurs in `text`. */
  found(text: string): boolean;
  /** Puts `template`, with the groups in place (see `Regex.expand`), where the pattern occurs; as Go's `ReplaceAllString`. */
  replaceAll(text: string, template: string): string;
}

/** @throws OperatingError `input.invalid` where the pattern is not RE2 syntax, or too long or too large. */
export function compileRegexSearch(source: string): RegexSearch {
  checkLength(source);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatingError(
      "input.invalid",
      `${reason} in regular expression ${JSON.stringify(source)}`,
    );
  }
  const names = compiled.namedGroups() as Record<string, number>;
  return {
    found: (text) => compiled.matcher(text).find(),
    replaceAll(text, template) {
      const matcher = compiled.matcher(text);
      let out = "";
      let copied = 0;
      while (matcher.find()) {
        const found = Array.from(
          { length: matcher.groupCount() + 1 },
          (_, i) => matcher.group(i) ?? "",
        );
        out += text.slice(copied, matcher.start()) + expandTemplate(template, found, names);
        copied = matcher.end();
      }
      return out + text.slice(copied);
    },
  };
}

function checkLength(source: string): void {
  if (source.length > REGEX_LENGTH_MAX)
    throw new OperatingError(
      "input.invalid",
      `regular expression of ${source.length} characters; at most ${REGEX_LENGTH_MAX} are allowed`,
    );
  const size = regexSize(source);
  if (size > REGEX_SIZE_MAX)
    throw new OperatingError(
      "input.invalid",
      `regular expression of ${size} parts, repetitions written out; at most ${REGEX_SIZE_MAX} are allowed`,
    );
}

function compileRe2(source: string): RE2JS {
  try {
    // Parentheses of the pattern could pair with those around it: `a)|(?:b` is no pattern of its own.
    if (mayCloseTooMany(source)) RE2JS.compile(source, RE2JS.DOTALL);
    return RE2JS.compile(`^(?:${source})$`, RE2JS.DOTALL);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatingError(
      "input.invalid",
      `${reason
        .replace("^(?:", "")
        .replace("(?s)", "")
        .replace(/\)\$(?=`|$)/, "")} in regular expression ${JSON.stringify(source)}`,
    );
  }
}

function literalsOf(source: string): readonly string[] | undefined {
  if (source === "") return [""];
  return LITERAL_LIST.test(source) ? source.split("|") : undefined;
}

/** The patterns that make up nearly all matchers in the wild, without the regular expression engine. */
function plainMatch(source: string): ((text: string) => boolean) | undefined {
  if (source === ".*") return () => true;
  if (source === ".+") return (text) => text !== "";
  const literals = literalsOf(source);
  if (literals !== undefined) {
    const set = new Set(literals);
    return (text) => set.has(text);
  }
  const affix = AFFIX.exec(source);
  if (affix === null) return undefined;
  const [, before, middle = "", after] = affix;
  const beforeMin = before === ".+" ? 1 : 0;
  const afterMin = after === ".+" ? 1 : 0;
  if (before !== undefined && after !== undefined)
    return (text) => {
      const at = text.indexOf(middle, beforeMin);
      return at >= 0 && at + middle.length + afterMin <= text.length;
    };
  if (before !== undefined)
    return (text) => text.endsWith(middle) && text.length >= middle.length + beforeMin;
  return (text) => text.startsWith(middle) && text.length >= middle.length + afterMin;
}

function exactMatch({ texts, prefixes }: ExactShape): (text: string) => boolean {
  const set = new Set(texts);
  return (text) => set.has(text) || prefixes.some((prefix) => text.startsWith(prefix));
}

/** False where a text lacks something that all texts of the shape have. */
function mayMatch({ starts, ends, inner }: RegexShape, text: string): boolean {
  return (
    starts.some((start) => text.startsWith(start)) &&
    ends.some((end) => text.endsWith(end)) &&
    text.includes(inner)
  );
}

/** Whether somewhere in a pattern more parentheses may have been closed than opened. */
function mayCloseTooMany(pattern: string): boolean {
  if (!pattern.includes(")")) return false;
  // A class or a quotation may hold parentheses that are none.
  if (pattern.includes("[") || pattern.includes("\\Q")) return true;
  let depth = 0;
  for (let i = 0; i < pattern.length && depth >= 0; i++) {
    const character = pattern[i];
    if (character === "\\") i++;
    else if (character === "(") depth++;
    else if (character === ")") depth--;
  }
  return depth < 0;
}

function expandTemplate(
  template: string,
  groups: readonly string[],
  names: Readonly<Record<string, number>>,
  lengthMax = Number.POSITIVE_INFINITY,
): string {
  let length = 0;
  return template.replace(
    /\$(?:\$|\{(\w+)\}|(\w+))/g,
    (whole, braced: string | undefined, bare: string | undefined) => {
      if (whole === "$$") return "$";
      const reference = braced ?? bare ?? "";
      const index = /^\d+$/.test(reference) ? Number(reference) : names[reference];
      const group = index === undefined ? "" : (groups[index] ?? "");
      length += group.length;
      if (length > lengthMax)
        throw new OperatingError("input.invalid", `more than ${lengthMax} characters`);
      return group;
    },
  );
}
