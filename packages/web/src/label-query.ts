import { formatLabels, type Labels, quote } from "@pharos/base";

/**
 * Turns what a person types to find alerts into a selector: `team=storage instance=~"db-.*"` into
 * `{team="storage",instance=~"db-.*"}`. A word alone is a part of the alert's name, in any case. A selector in braces is
 * taken as it is. Undefined for nothing.
 */
export function selectorOf(text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (trimmed.startsWith("{") || /^[\w:]+\{/.test(trimmed)) return trimmed;
  const matchers: string[] = [];
  for (const [word] of trimmed.matchAll(WORD)) {
    const [, name, operator, value] = TERM.exec(word) ?? [];
    if (name === undefined || operator === undefined)
      matchers.push(`alertname=~${quote(`(?i).*${escapeRegex(unquoted(word))}.*`)}`);
    else matchers.push(`${nameText(name)}${operator}${quote(unquoted(value ?? ""))}`);
  }
  return `{${matchers.join(",")}}`;
}

/** A selector of exactly these labels. */
export function selectorOfLabels(labels: Labels): string {
  return formatLabels(labels);
}

/** Words are parted by blanks or commas outside of quotes. */
const WORD = /(?:"(?:[^"\\]|\\.)*"|[^\s,"])+/g;
const TERM = /^("(?:[^"\\]|\\.)*"|[^=!~"]+)(=~|!~|!=|=)(.*)$/;

function unquoted(text: string): string {
  if (!/^".*"$/s.test(text)) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    return text.slice(1, -1);
  }
}

function nameText(name: string): string {
  const bare = unquoted(name);
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(bare) ? bare : quote(bare);
}

function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
