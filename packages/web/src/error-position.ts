/** Where in an expression an error lies, as offsets into the text; `to` is after `from`, except at its end. */
export interface ErrorSpan {
  readonly from: number;
  readonly to: number;
}

export interface PlacedError {
  /** The message without the place. */
  readonly message: string;
  readonly span: ErrorSpan;
  /** From 1, as editors count. */
  readonly line: number;
  readonly column: number;
}

const PLACE = /(?:^|: )(\d+):(\d+): (?:parse error: )?/;

/**
 * Finds the place that the server names in `1:5: parse error: unclosed left parenthesis` (line and column from 1, the
 * column in bytes of UTF-8, as Prometheus counts). The span covers the word there. Undefined where no place is named
 * or it lies outside `expr`.
 */
export function placeError(message: string, expr: string): PlacedError | undefined {
  const match = PLACE.exec(message);
  if (match === null) return undefined;
  const line = Number(match[1]);
  const column = Number(match[2]);
  const lines = expr.split("\n");
  const text = lines[line - 1];
  if (text === undefined || column < 1) return undefined;
  const lineStart = lines.slice(0, line - 1).reduce((sum, before) => sum + before.length + 1, 0);
  const inLine = unitsOfBytes(text, column - 1);
  const from = lineStart + inLine;
  const word = /^(?:[\w:]+|.)/su.exec(expr.slice(from))?.[0] ?? "";
  return {
    message: message.slice(match.index + match[0].length),
    span: { from, to: from + word.length },
    line,
    column: inLine + 1,
  };
}

/** How many UTF-16 units the first `bytes` bytes of `text` make; the whole text where it has fewer. */
function unitsOfBytes(text: string, bytes: number): number {
  let units = 0;
  let left = bytes;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    left -= code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
    if (left < 0) break;
    units += char.length;
  }
  return units;
}
