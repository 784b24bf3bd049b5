import { objectFields } from "./answer-json.ts";
import { truncateCharacters } from "./truncate.ts";

/** What Jira takes, in characters. */
const SUMMARY_LENGTH_MAX = 255;
const DESCRIPTION_LENGTH_MAX = 32_767;

/** A summary is one line. */
export function jiraSummary(text: string): string {
  return truncateCharacters(text.replace(/\s*[\r\n]+\s*/g, " ").trim(), SUMMARY_LENGTH_MAX);
}

/** A label has no spaces in it. */
export function jiraLabel(text: string): string {
  return text.trim().replace(/\s+/g, "_");
}

/**
 * A description as the API's version wants it: version 3 takes documents, which a template may write as JSON; any other
 * text becomes one. Undefined where there is none.
 */
export function jiraDescription(text: string, isVersion3: boolean): unknown {
  if (text.trim() === "") return undefined;
  if (!isVersion3) return truncateCharacters(text, DESCRIPTION_LENGTH_MAX);
  return documentIn(text) ?? documentOf(truncateCharacters(text.trim(), DESCRIPTION_LENGTH_MAX));
}

/** The document that the text is as JSON. */
function documentIn(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
  return objectFields(value)["type"] === "doc" ? value : undefined;
}

/** Paragraphs stand between empty lines. */
function documentOf(text: string): object {
  const content = text.split(/\n[^\S\n]*(?:\n[^\S\n]*)+/).map((paragraph) => ({
    type: "paragraph",
    content: paragraph
      .split("\n")
      .flatMap((line) => [
        { type: "hardBreak" },
        ...(line === "" ? [] : [{ type: "text", text: line }]),
      ])
      .slice(1),
  }));
  return { version: 1, type: "doc", content };
}
