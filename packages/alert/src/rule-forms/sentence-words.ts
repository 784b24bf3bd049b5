import { OperatingError, quote } from "@pharos/base";
import { lineAndColumn } from "@pharos/promql/syntax";

/** A word, an operator or a number of a sentence that stands in no brackets and no string. */
export interface SentenceWord {
  readonly text: string;
  /** UTF-16 offsets. */
  readonly start: number;
  readonly end: number;
}

/** A sentence may have so many characters. */
export const SENTENCE_LENGTH_MAX = 16 * 1024;

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
const WORD = /[\w:.%#@+-]+|[<>=!]=|[<>=]|,/y;
const SPACE = /\s+/y;

/**
 * The words of a sentence that are its own: what stands in brackets or quotes belongs to a query.
 *
 * @throws OperatingError `input.invalid` for what is too long, or a bracket or quote that does not end.
 */
export function sentenceWords(text: string): readonly SentenceWord[] {
  if (text.length > SENTENCE_LENGTH_MAX)
    throw new OperatingError(
      "input.invalid",
      `a sentence has at most ${SENTENCE_LENGTH_MAX} characters`,
    );
  const words: SentenceWord[] = [];
  const open: { readonly closing: string; readonly at: number }[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === '"' || character === "'" || character === "`") {
      at = endOfString(text, at);
      continue;
    }
    const closing = CLOSING[character];
    if (closing !== undefined) open.push({ closing, at });
    else if (character === open.at(-1)?.closing) open.pop();
    SPACE.lastIndex = at;
    WORD.lastIndex = at;
    const found = open.length > 0 ? null : (SPACE.exec(text) ?? WORD.exec(text));
    if (found === null) {
      at++;
      continue;
    }
    const [part] = found;
    if (part.trim() !== "") words.push({ text: part, start: at, end: at + part.length });
    at += part.length;
  }
  const unclosed = open.at(-1);
  if (unclosed !== undefined)
    throw sentenceError(text, unclosed.at, `"${text.charAt(unclosed.at)}" is not closed`);
  return words;
}

function endOfString(text: string, start: number): number {
  const mark = text.charAt(start);
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\" && mark !== "`") at++;
    else if (text[at] === mark) return at + 1;
  }
  throw sentenceError(text, start, `the string that begins with ${mark} does not end`);
}

/** What is wrong at a place of a sentence: `1:15: …`. */
export function sentenceError(text: string, offset: number, reason: string): OperatingError {
  const { line, column } = lineAndColumn(text, offset);
  return new OperatingError("input.invalid", `${line}:${column}: ${reason}`);
}

/** The same of a word, which is quoted. */
export function wordError(text: string, word: SentenceWord, reason: string): OperatingError {
  return sentenceError(text, word.start, `${quote(word.text)} ${reason}`);
}
