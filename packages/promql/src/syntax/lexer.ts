import { quote } from "@pharos/base";
import { formatRune, readEscape } from "./string-escape.ts";
import { PromqlSyntaxError } from "./syntax-error.ts";

/**
 * The words of PromQL. As in Prometheus, the lexer knows where it is: keywords are plain identifiers inside braces,
 * and inside brackets only durations and their arithmetic may stand.
 */
export type TokenKind =
  | "end"
  | "identifier"
  | "metric identifier"
  | "string"
  | "number"
  | "duration"
  | "aggregator"
  | "keyword"
  | "word"
  | "operator"
  | "punctuation";

export interface Token {
  readonly kind: TokenKind;
  /** As it stands in the text. */
  readonly text: string;
  /** What the grammar calls it: keywords in lower case, operators as they are; else the same as `text`. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** Words with a meaning, by their kind; "word" is for those that only mean something before `(`. */
const KEYWORDS: ReadonlyMap<string, TokenKind> = new Map<string, TokenKind>([
  ...["and", "or", "unless", "atan2"].map((word) => [word, "operator"] as const),
  ...[
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
    "limitk",
    "limit_ratio",
  ].map((word) => [word, "aggregator"] as const),
  ...[
    "offset",
    "smoothed",
    "anchored",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "fill",
    "fill_left",
    "fill_right",
    "bool",
  ].map((word) => [word, "keyword"] as const),
  ...["start", "end", "step", "range"].map((word) => [word, "word"] as const),
  ["inf", "number"],
  ["nan", "number"],
]);

const DURATION_FUNCTIONS: ReadonlySet<string> = new Set(["step", "range", "min_of", "max_of"]);

/** The longest of `KEYWORDS`: no need to look up what is longer. */
const KEYWORD_LENGTH_MAX = Math.max(...[...KEYWORDS.keys()].map((word) => word.length));

const SPACE = /[ \t\r\n]*/y;
const COMMENT = /#[^\r\n]*/y;
/** The dots are ours: `cpu.load` is a metric name that needs no quotes, because no valid text has a dot there. */
const WORD = /[a-zA-Z_:][a-zA-Z0-9_:]*(?:\.[a-zA-Z_][a-zA-Z0-9_:]*)*/y;
const LABEL = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const NUMBER =
  /(?:0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?)(?![a-zA-Z0-9_.])/y;
/** Looser than a valid duration (`1m1h`, `5hs`, `1.5m`), so that the complaint can quote the whole of it. */
const DURATION = /[\d._]+[smhdwy]s?(?:\d+[smhdw]s?)*(?![a-zA-Z0-9_])/y;
const BAD_NUMBER =
  /(?:0[xX][0-9a-fA-F_]*|[\d._]*(?:[eE][+-]?\d*)?)(?:[smhdwy]s?(?:\d+[smhdw]s?)*(?:\d+|[a-zA-Z_])?)?/y;
/** The plain part of a quoted string: everything up to the next quote, escape or line end. */
const QUOTED = { '"': /[^"\\\n]*/y, "'": /[^'\\\n]*/y } as const;

const OPERATORS = "+-*/%^@";

/** Reads one token after the other; throws `PromqlSyntaxError` at the first that is none. */
export class Lexer {
  readonly #text: string;
  #at = 0;
  #parenDepth = 0;
  #inBraces = false;
  #inBrackets = false;
  /** Inside brackets: an operand came last, so only `:` or `]` or arithmetic may follow. */
  #afterOperand = false;
  #hadColon = false;

  constructor(text: string) {
    this.#text = text;
  }

  next(): Token {
    this.#skipBlank();
    if (this.#inBraces) return this.#nextInBraces();
    if (this.#inBrackets) return this.#nextInBrackets();
    return this.#nextInStatement();
  }

  #skipBlank(): void {
    for (;;) {
      this.#match(SPACE);
      if (this.#text.charCodeAt(this.#at) !== 35) return;
      this.#match(COMMENT);
    }
  }

  #nextInStatement(): Token {
    const text = this.#text;
    const start = this.#at;
    if (start >= text.length) {
      if (this.#parenDepth > 0) this.#fail(start, "unclosed left parenthesis");
      return this.#token("end", start);
    }
    const char = text.charAt(start);
    const following = text.charAt(start + 1);
    if (isWordStart(char)) return this.#word();
    if (isDigit(char) || (char === "." && isDigit(following))) return this.#numberOrDuration();
    switch (char) {
      case "(":
        this.#parenDepth++;
        return this.#token("punctuation", start + 1);
      case ")":
        this.#closeParen(start);
        return this.#token("punctuation", start + 1);
      case "{":
        this.#inBraces = true;
        return this.#token("punctuation", start + 1);
      case "[":
        this.#inBrackets = true;
        this.#afterOperand = false;
        this.#hadColon = false;
        return this.#token("punctuation", start + 1);
      case "]":
        this.#fail(start, "unexpected right bracket ']'");
        break;
      case ",":
        return this.#token("punctuation", start + 1);
      case '"':
      case "'":
      case "`":
        return this.#string(char);
      case "=":
        if (following === "=") return this.#token("operator", start + 2);
        if (following === "~") this.#fail(start, "unexpected character after '=': '~'");
        return this.#token("punctuation", start + 1);
      case "!":
        if (following === "=") return this.#token("operator", start + 2);
        this.#fail(start, `unexpected character after '!': ${this.#runeAt(start + 1)}`);
        break;
      case "<":
      case ">":
        return this.#token("operator", start + (following === "=" || following === "/" ? 2 : 1));
      default:
        if (OPERATORS.includes(char)) return this.#token("operator", start + 1);
    }
    return this.#fail(start, `unexpected character: ${this.#runeAt(start)}`);
  }

  #nextInBraces(): Token {
    const text = this.#text;
    const start = this.#at;
    if (start >= text.length) this.#fail(start, "unexpected end of input inside braces");
    const char = text.charAt(start);
    const following = text.charAt(start + 1);
    if (char !== ":" && isWordStart(char))
      return this.#token("identifier", start + this.#peekLength(LABEL));
    switch (char) {
      case ",":
        return this.#token("punctuation", start + 1);
      case '"':
      case "'":
      case "`":
        return this.#string(char);
      case "=":
        if (following === "~") return this.#token("operator", start + 2);
        return this.#token("punctuation", start + 1);
      case "!":
        if (following === "=" || following === "~") return this.#token("operator", start + 2);
        this.#fail(
          start,
          `unexpected character after '!' inside braces: ${this.#runeAt(start + 1)}`,
        );
        break;
      case "{":
        this.#fail(start, "unexpected left brace '{'");
        break;
      case "}":
        this.#inBraces = false;
        return this.#token("punctuation", start + 1);
    }
    return this.#fail(start, `unexpected character inside braces: ${this.#runeAt(start)}`);
  }

  #nextInBrackets(): Token {
    const text = this.#text;
    const start = this.#at;
    const afterOperand = this.#afterOperand;
    if (start >= text.length)
      this.#fail(
        start,
        !afterOperand
          ? "unexpected end of input in duration expression"
          : this.#parenDepth > 0
            ? "unclosed left parenthesis"
            : "unclosed left bracket",
      );
    const char = text.charAt(start);
    if (isDigit(char) || (char === "." && isDigit(text.charAt(start + 1)))) {
      this.#afterOperand = true;
      return this.#numberOrDuration();
    }
    switch (char) {
      case "]":
        this.#inBrackets = false;
        return this.#token("punctuation", start + 1);
      case ":":
        if (this.#hadColon)
          this.#fail(
            start,
            afterOperand
              ? "unexpected colon ':'"
              : "unexpected repeated colon in duration expression",
          );
        this.#hadColon = true;
        return this.#token("punctuation", start + 1);
      case "(":
        this.#parenDepth++;
        this.#afterOperand = false;
        return this.#token("punctuation", start + 1);
      case ")":
        this.#closeParen(start);
        this.#afterOperand = true;
        return this.#token("punctuation", start + 1);
      case ",":
        this.#afterOperand = false;
        return this.#token("punctuation", start + 1);
      case "[":
        this.#fail(start, "unexpected left bracket '['");
    }
    if ("+-*/%^".includes(char)) {
      this.#afterOperand = false;
      return this.#token("operator", start + 1);
    }
    const length = this.#peekLength(LABEL);
    const word = text.slice(start, start + length).toLowerCase();
    if (DURATION_FUNCTIONS.has(word)) {
      this.#afterOperand = false;
      return this.#token("word", start + length, word);
    }
    if (afterOperand && length > 0)
      this.#fail(start, `unexpected character: ${this.#runeAt(start)}, expected ':'`);
    return this.#fail(start, `unexpected character in duration expression: ${this.#runeAt(start)}`);
  }

  /** Prometheus points behind a parenthesis that closes nothing. */
  #closeParen(start: number): void {
    if (--this.#parenDepth < 0) this.#fail(start + 1, "unexpected right parenthesis ')'");
  }

  #word(): Token {
    const start = this.#at;
    const end = start + this.#peekLength(WORD);
    if (end - start <= KEYWORD_LENGTH_MAX) {
      const lower = this.#text.slice(start, end).toLowerCase();
      const kind = KEYWORDS.get(lower);
      // So that a metric may be called `fill`, which was none of the first keywords.
      const isFillName = lower.startsWith("fill") && !this.#isFollowedByParen(end);
      if (kind !== undefined && !isFillName) return this.#token(kind, end, lower);
    }
    const text = this.#text.slice(start, end);
    const plain = !text.includes(":") && !text.includes(".");
    return this.#token(plain ? "identifier" : "metric identifier", end);
  }

  #numberOrDuration(): Token {
    const start = this.#at;
    const numberLength = this.#peekLength(NUMBER);
    if (numberLength > 0) return this.#token("number", start + numberLength);
    const durationLength = this.#peekLength(DURATION);
    if (durationLength > 0) return this.#token("duration", start + durationLength);
    const bad = this.#text.slice(start, start + this.#peekLength(BAD_NUMBER));
    return this.#fail(start, `bad number or duration syntax: ${quote(bad)}`);
  }

  /** A string with its quotes; what is in it is `unquote`'s matter. */
  #string(mark: '"' | "'" | "`"): Token {
    const text = this.#text;
    const start = this.#at;
    if (mark === "`") {
      const close = text.indexOf("`", start + 1);
      if (close < 0) this.#fail(start, "unterminated raw string");
      return this.#token("string", close + 1);
    }
    const plain = QUOTED[mark];
    let at = start + 1;
    for (;;) {
      plain.lastIndex = at;
      plain.exec(text);
      at = plain.lastIndex;
      const char = text.charAt(at);
      if (char === mark) return this.#token("string", at + 1);
      if (char !== "\\") this.#fail(start, "unterminated quoted string");
      const escaped = readEscape(text, at, mark);
      if (typeof escaped === "string") this.#fail(start, escaped);
      at = escaped.end;
    }
  }

  #isFollowedByParen(at: number): boolean {
    SPACE.lastIndex = at;
    SPACE.exec(this.#text);
    return this.#text.charAt(SPACE.lastIndex) === "(";
  }

  #match(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    if (pattern.test(this.#text)) this.#at = pattern.lastIndex;
  }

  #peekLength(pattern: RegExp): number {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#text) ? pattern.lastIndex - this.#at : 0;
  }

  #token(kind: TokenKind, end: number, value?: string): Token {
    const start = this.#at;
    const text = this.#text.slice(start, end);
    this.#at = end;
    return { kind, text, value: value ?? text, start, end };
  }

  /** The character at `at` as Go prints a rune, or what stands for the end. */
  #runeAt(at: number): string {
    const code = this.#text.codePointAt(at);
    return code === undefined ? "end of input" : formatRune(code);
  }

  #fail(start: number, reason: string): never {
    const end = Math.min(this.#text.length, start + 1);
    throw new PromqlSyntaxError(this.#text, { start, end }, reason);
  }
}

/** As Prometheus names a token in `unexpected …`. */
export function describeToken(token: Token): string {
  switch (token.kind) {
    case "end":
      return "end of input";
    case "keyword":
      return `<${token.text}>`;
    case "operator":
      return `<op:${token.text}>`;
    case "aggregator":
      return `<aggr:${token.text}>`;
    case "identifier":
    case "metric identifier":
      return `${token.kind} ${quote(token.text)}`;
    case "string":
    case "number":
    case "duration": {
      const characters = [...token.text];
      if (characters.length <= DESCRIBED_LENGTH_MAX) return `${token.kind} ${quote(token.text)}`;
      return `${token.kind} ${quote(characters.slice(0, DESCRIBED_LENGTH_MAX).join(""))}...`;
    }
    case "word":
    case "punctuation":
      return quote(token.text);
  }
}

/** How much of a literal a message repeats, in characters. */
const DESCRIBED_LENGTH_MAX = 10;

function isDigit(char: string): boolean {
  return char >= "0" && char <= "9";
}

function isWordStart(char: string): boolean {
  return (
    (char >= "a" && char <= "z") || (char >= "A" && char <= "Z") || char === "_" || char === ":"
  );
}
