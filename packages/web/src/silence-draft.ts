import { formatDuration, parseDuration } from "@pharos/base";
import type { SearchParams } from "./search-params.ts";
import {
  MATCH_OPERATORS,
  type MatchOperator,
  type Silence,
  type SilenceMatcher,
} from "./silence-state.ts";

/** What a form for a silence begins with; all of it is in the URL of a new one. */
export interface SilencePrefill {
  readonly matchers: readonly SilenceMatcher[];
  readonly durationMs: number | undefined;
  readonly comment: string;
}

/** Alertmanager's amtool begins with an hour; two leave time to look around. */
export const DEFAULT_DURATION_MS = 2 * 3_600_000;

const MATCHER =
  /^\s*("(?:[^"\\]|\\.)*"|[^=!~",{}\s]+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^",]*)\s*$/;
/** Commas outside of quotes. */
const PIECE = /(?:"(?:[^"\\]|\\.)*"|[^,"])+/g;

/** Reads `a="b",c=~"d"`, with or without braces; what is no matcher is left out. */
export function parseMatchers(text: string): SilenceMatcher[] {
  const bare = text.trim().replace(/^\{/, "").replace(/\}$/, "");
  const matchers: SilenceMatcher[] = [];
  for (const [piece] of bare.matchAll(PIECE)) {
    const [, name, operator, value] = MATCHER.exec(piece) ?? [];
    const found = MATCH_OPERATORS.find((known) => known === operator);
    if (name !== undefined && found !== undefined)
      matchers.push({ name: unquoted(name), operator: found, value: unquoted(value ?? "") });
  }
  return matchers;
}

/** Writes what `parseMatchers` reads. */
export function formatMatchers(matchers: readonly SilenceMatcher[]): string {
  return matchers.map(formatOne).join(",");
}

export function formatOne({ name, operator, value }: SilenceMatcher): string {
  const bare = /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : JSON.stringify(name);
  return `${bare}${operator}${JSON.stringify(value)}`;
}

function unquoted(text: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith('"')) return trimmed;
  try {
    return String(JSON.parse(trimmed));
  } catch {
    return trimmed.slice(1, -1);
  }
}

export function readSilencePrefill(params: SearchParams): SilencePrefill {
  const durationMs = parseDuration(params["for"] ?? "");
  return {
    matchers: parseMatchers(params["matchers"] ?? ""),
    durationMs: durationMs === 0 ? undefined : durationMs,
    comment: params["comment"] ?? "",
  };
}

export function writeSilencePrefill(prefill: SilencePrefill): SearchParams {
  const { comment, durationMs, matchers } = prefill;
  return {
    ...(matchers.length === 0 ? {} : { matchers: formatMatchers(matchers) }),
    ...(durationMs === undefined ? {} : { for: formatDuration(durationMs) }),
    ...(comment === "" ? {} : { comment }),
  };
}

/** The parameters of a new silence for exactly these labels. */
export function silenceLink(labels: readonly (readonly [string, string])[]): SearchParams {
  const matchers = labels.map(([name, value]) => ({ name, operator: "=" as const, value }));
  return writeSilencePrefill({ matchers, durationMs: undefined, comment: "" });
}

/** The same again: of an expired silence. */
export function againLink({ comment, endsAtMs, matchers, startsAtMs }: Silence): SearchParams {
  return writeSilencePrefill({ matchers, durationMs: endsAtMs - startsAtMs, comment });
}

/** Why a matcher cannot be sent; undefined where it can. */
export function matcherProblem({ name, operator, value }: SilenceMatcher): string | undefined {
  if (name === "") return "A label's name is missing.";
  if (isRegex(operator)) {
    try {
      new RegExp(value, "u");
    } catch {
      return `${name}: this is no regular expression.`;
    }
  }
  return undefined;
}

/** Whether a matcher is true where the label is missing: a silence needs one that is not. */
export function matchesNothing({ operator, value }: SilenceMatcher): boolean {
  if (!isRegex(operator)) return (value === "") === (operator === "=");
  try {
    return new RegExp(`^(?:${value})$`, "u").test("") === (operator === "=~");
  } catch {
    return false;
  }
}

export function isRegex(operator: MatchOperator): boolean {
  return operator === "=~" || operator === "!~";
}
