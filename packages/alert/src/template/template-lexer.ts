import { OperatingError } from "@pharos/base";

/** How long a template may be, in UTF-16 units. */
export const TEMPLATE_LENGTH_MAX = 64 * 1024;

/** A template that cannot be read; the message starts with the line and column, which count from 1. */
export class TemplateSyntaxError extends OperatingError {
  readonly line: number;
  readonly column: number;

  constructor(text: string, offset: number, reason: string) {
    const { line, column } = lineAndColumn(text, offset);
    super("input.invalid", `${line}:${column}: ${reason}`);
    this.line = line;
    this.column = column;
  }
}

export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: offset - lineStart + 1 };
}

export type TokenKind =
  | "string"
  | "number"
  | "char"
  | "word"
  | "variable"
  | "field"
  | "dot"
  | "symbol"
  | "end";

export interface Token {
  readonly kind: TokenKind;
  /** Strings without their quotes and escapes; fields and variables without what follows the first name. */
  readonly text: string;
  readonly offset: number;
  readonly end: number;
  /** White space stood before it: `.a .b` are two operands, `.a.b` is one. */
  readonly spaced: boolean;
}

/** Text and the tokens of actions (`{{ … }}`), in order; comments are gone and trim markers are applied. */
export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly tokens: readonly Token[]; readonly offset: number };

/** @throws TemplateSyntaxError */
export function splitTemplate(text: string, lengthMax = TEMPLATE_LENGTH_MAX): Piece[] {
  if (text.length > lengthMax)
    throw new TemplateSyntaxError(
      text,
      0,
      `template of ${text.length} characters; at most ${lengthMax} are allowed`,
    );
  const pieces: Piece[] = [];
  let at = 0;
  let trimNext = false;
  for (;;) {
    const open = text.indexOf("{{", at);
    let plain = text.slice(at, open < 0 ? text.length : open);
    if (trimNext) plain = plain.replace(/^[ \t\r\n]+/, "");
    if (open >= 0 && /^-[ \t\r\n]/.test(text.slice(open + 2, open + 4)))
      plain = plain.replace(/[ \t\r\n]+$/, "");
    if (plain !== "") pieces.push({ kind: "text", text: plain });
    if (open < 0) return pieces;
    const action = readAction(text, open);
    if (action.tokens !== undefined)
      pieces.push({ kind: "action", tokens: action.tokens, offset: open });
    trimNext = action.trimsAfter;
    at = action.end;
  }
}

interface Action {
  /** Undefined for a comment. */
  readonly tokens: readonly Token[] | undefined;
  readonly end: number;
  readonly trimsAfter: boolean;
}

function readAction(text: string, open: number): Action {
  let at = open + 2;
  if (/^-[ \t\r\n]/.test(text.slice(at, at + 2))) at += 1;
  const comment = /^[ \t\r\n]*\/\*/.exec(text.slice(at, at + 64));
  if (comment !== null) return readComment(text, open, at + comment[0].length);
  const tokens: Token[] = [];
  for (;;) {
    const start = at;
    while (at < text.length && " \t\r\n".includes(text.charAt(at))) at++;
    const spaced = at > start;
    const trims = spaced && text.startsWith("-}}", at);
    if (trims || text.startsWith("}}", at)) {
      const end = at + (trims ? 3 : 2);
      tokens.push({ kind: "end", text: "}}", offset: at, end, spaced });
      return { tokens, end, trimsAfter: trims };
    }
    if (at >= text.length) throw new TemplateSyntaxError(text, open, "unclosed action");
    const token = readToken(text, at, spaced);
    tokens.push(token);
    at = token.end;
  }
}

function readComment(text: string, open: number, from: number): Action {
  const close = text.indexOf("*/", from);
  if (close < 0) throw new TemplateSyntaxError(text, open, "unclosed comment");
  const end = /^(?:[ \t\r\n]+(-)\}\}|\}\})/.exec(text.slice(close + 2, close + 1026));
  if (end === null)
    throw new TemplateSyntaxError(text, open, "comment ends before closing delimiter");
  return { tokens: undefined, end: close + 2 + end[0].length, trimsAfter: end[1] !== undefined };
}

const NUMBER =
  /[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*)?\.?\d[\d_]*(?:[eE][+-]?\d+)?\.?)/y;
const NAME = /[\p{L}_][\p{L}\p{Nd}_]*/uy;

function readToken(text: string, at: number, spaced: boolean): Token {
  const make = (kind: TokenKind, value: string, end: number): Token => ({
    kind,
    text: value,
    offset: at,
    end,
    spaced,
  });
  const char = text.charAt(at);
  const next = text.charAt(at + 1);
  if (char === '"') return readQuoted(text, at, make);
  if (char === "'") {
    const match = /^'(?:\\(.)|([^'\\]))'/su.exec(text.slice(at, at + 8));
    if (match === null) throw new TemplateSyntaxError(text, at, "malformed character constant");
    const escaped = match[1] === undefined ? match[2] : (ESCAPES[match[1]] ?? match[1]);
    return make("char", escaped ?? "", at + match[0].length);
  }
  if (char === "`") {
    const close = text.indexOf("`", at + 1);
    if (close < 0) throw new TemplateSyntaxError(text, at, "unterminated raw quoted string");
    return make("string", text.slice(at + 1, close), close + 1);
  }
  if (char === "$") {
    const name = matchAt(NAME, text, at + 1) ?? "";
    return make("variable", `$${name}`, at + 1 + name.length);
  }
  if (
    /\d/.test(char) ||
    (/[+-]/.test(char) && /[\d.]/.test(next)) ||
    (char === "." && /\d/.test(next))
  ) {
    const number = matchAt(NUMBER, text, at) ?? char;
    return make("number", number, at + number.length);
  }
  if (char === ".") {
    const name = matchAt(NAME, text, at + 1);
    return name === undefined
      ? make("dot", ".", at + 1)
      : make("field", name, at + 1 + name.length);
  }
  const word = matchAt(NAME, text, at);
  if (word !== undefined) return make("word", word, at + word.length);
  if (text.startsWith(":=", at)) return make("symbol", ":=", at + 2);
  if ("=|(),".includes(char)) return make("symbol", char, at + 1);
  throw new TemplateSyntaxError(text, at, `unexpected ${JSON.stringify(char)} in template action`);
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

function readQuoted(
  text: string,
  at: number,
  make: (kind: TokenKind, value: string, end: number) => Token,
): Token {
  let value = "";
  for (let i = at + 1; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === '"') return make("string", value, i + 1);
    if (char === "\n") break;
    if (char !== "\\") {
      value += char;
      continue;
    }
    const code = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(
      text.slice(i + 1, i + 10),
    );
    if (code !== null) {
      const point = Number.parseInt(code[1] ?? code[2] ?? code[3] ?? "", 16);
      if (point > 0x10ffff)
        throw new TemplateSyntaxError(text, i, "escape is no Unicode character");
      value += String.fromCodePoint(point);
      i += code[0].length;
      continue;
    }
    i++;
    const escaped = text.charAt(i);
    if (escaped !== "\\" && escaped !== '"' && !(escaped in ESCAPES))
      throw new TemplateSyntaxError(text, i - 1, `unknown escape \\${escaped} in string`);
    value += ESCAPES[escaped] ?? escaped;
  }
  throw new TemplateSyntaxError(text, at, "unterminated quoted string");
}
