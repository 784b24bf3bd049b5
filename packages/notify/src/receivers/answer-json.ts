import type { HttpAnswer } from "./http-sender.ts";

/** The fields of an answer that is a JSON object; none where it is something else. */
export function answerFields({
  text,
}: Pick<HttpAnswer, "text">): Readonly<Record<string, unknown>> {
  return objectFields(parsed(text));
}

/** The fields of a value that is an object; none where it is something else. */
export function objectFields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

/** A text, or "" where the value is none. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
