import { OperatingError } from "@pharos/base";
import type { Span } from "./ast.ts";

/** A place in a text for people: both count from 1; the column counts characters (code points). */
export interface LineAndColumn {
  readonly line: number;
  readonly column: number;
}

/**
 * Where `offset` (UTF-16, from 0; beyond the end means the end) stands in `text`. The beginning is line 1, column 1.
 */
export function lineAndColumn(text: string, offset: number): LineAndColumn {
  let line = 1;
  let lineStart = 0;
  const end = Math.min(offset, text.length);
  for (let at = text.indexOf("\n"); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) {
    line++;
    lineStart = at + 1;
  }
  let column = 1;
  for (const _ of text.slice(lineStart, end)) column++;
  return { line, column };
}

/** How long a reason may be, in UTF-16 units: it may quote what was written, and that may be a megabyte. */
const REASON_LENGTH_MAX = 500;

/**
 * What is wrong with a PromQL text and where. The code is `query.invalid`; the message is worded as Prometheus words
 * it: `1:5: parse error: unexpected identifier "foo"`.
 */
export class PromqlSyntaxError extends OperatingError {
  /** The part of the text that is to blame, as UTF-16 offsets. */
  readonly span: Span;
  readonly line: number;
  readonly column: number;
  /** The message without the position. */
  readonly reason: string;

  constructor(text: string, span: Span, reason: string) {
    const { line, column } = lineAndColumn(text, span.start);
    const short =
      reason.length <= REASON_LENGTH_MAX ? reason : `${reason.slice(0, REASON_LENGTH_MAX)}…`;
    super("query.invalid", `${line}:${column}: parse error: ${short}`);
    this.span = span;
    this.line = line;
    this.column = column;
    this.reason = short;
  }
}
