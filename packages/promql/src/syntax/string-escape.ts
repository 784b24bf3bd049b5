import { quote } from "@pharos/base";

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "\\": 92,
};

/** What an escape stands for: a code point, or (`\x`, octal) one byte of UTF-8. */
export interface Escape {
  readonly code: number;
  readonly isByte: boolean;
  readonly end: number;
}

/** Reads the escape whose backslash stands at `at`, by Go's rules; a text says what is wrong with it. */
export function readEscape(text: string, at: number, mark: string): Escape | string {
  const code = text.codePointAt(at + 1);
  if (code === undefined) return "escape sequence not terminated";
  const char = String.fromCodePoint(code);
  if (char === mark) return { code, isByte: false, end: at + 2 };
  const simple = SIMPLE_ESCAPES[char];
  if (simple !== undefined) return { code: simple, isByte: false, end: at + 2 };
  if (char >= "0" && char <= "7") return readDigits(text, at + 1, 3, 8);
  if (char === "x") return readDigits(text, at + 2, 2, 16);
  if (char === "u") return readDigits(text, at + 2, 4, 16);
  if (char === "U") return readDigits(text, at + 2, 8, 16);
  return `unknown escape sequence ${formatCodePoint(code)}`;
}

function readDigits(text: string, start: number, count: number, base: 8 | 16): Escape | string {
  let code = 0;
  for (let at = start; at < start + count; at++) {
    const digit = Number.parseInt(text.charAt(at), base);
    if (Number.isNaN(digit)) {
      const bad = text.codePointAt(at);
      if (bad === undefined) return "escape sequence not terminated";
      return `illegal character ${formatCodePoint(bad)} in escape sequence`;
    }
    code = code * base + digit;
  }
  const isByte = count <= 3;
  if (code > (isByte ? 0xff : 0x10ffff) || (code >= 0xd800 && code <= 0xdfff))
    return "escape sequence is an invalid Unicode code point";
  return { code, isByte, end: start + count };
}

/** Go's `%#U`: `U+0071 'q'`, and only the number of what cannot be seen. */
function formatCodePoint(code: number): string {
  const char = String.fromCodePoint(code);
  const number = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return char === " " || PRINTABLE.test(char) ? `${number} '${char}'` : number;
}

/** What Go takes for printable, beside the space. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u;

/** Go's `%q` of a rune: `'q'`, and what cannot be seen by its number: `'\u00a0'`. */
export function formatRune(code: number): string {
  if (code === 39) return "'\\''";
  if (code > 0x7f && !PRINTABLE.test(String.fromCodePoint(code))) {
    const hex = code.toString(16);
    return code > 0xffff ? `'\\U${hex.padStart(8, "0")}'` : `'\\u${hex.padStart(4, "0")}'`;
  }
  const quoted = quote(String.fromCodePoint(code)).slice(1, -1);
  return `'${quoted === '\\"' ? '"' : quoted}'`;
}
