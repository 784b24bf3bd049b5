import { type MatchType, quote } from "@pharos/base";
import { readEscape } from "@pharos/promql/syntax";
import { hasReserved } from "./format-alert-matcher.ts";
import { MATCHER_HINT, MatcherSyntaxError } from "./matcher-syntax-error.ts";

/** A matcher as written, before its regular expression is compiled. */
export interface WrittenMatcher {
  readonly type: MatchType;
  readonly name: string;
  readonly value: string;
  /** Where it begins in the text, in UTF-16 units. */
  readonly offset: number;
}

/**
 * Reads matchers in Alertmanager's UTF-8 language: `{foo="bar", "a name"!~"x|y"}`. The braces and a last comma may be
 * left out. Names and values are any characters but those reserved, or a string in double quotes with Go's escapes.
 *
 * @throws MatcherSyntaxError
 */
export function parseUtf8Matchers(text: string): WrittenMatcher[] {
  return new MatcherReader(text).readAll();
}

class MatcherReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  readAll(): WrittenMatcher[] {
    const matchers: WrittenMatcher[] = [];
    const hasBrace = this.#accept("{");
    while (!this.#isEnd() && this.#peek() !== "}") {
      matchers.push(this.#readMatcher());
      if (!this.#accept(",")) break;
    }
    if (hasBrace && !this.#accept("}"))
      throw this.#error(this.#isEnd() ? "the closing } is missing" : "expected a comma or }");
    if (this.#isEnd()) return matchers;
    if (hasBrace) throw this.#error("nothing may follow the closing }");
    throw this.#error(this.#peek() === "}" ? "} without {" : "expected a comma");
  }

  #readMatcher(): WrittenMatcher {
    const offset = this.#at;
    const name = this.#readText("a label name");
    const type = this.#readOperator();
    const value = this.#readText("a value");
    return { type, name, value, offset };
  }

  #readOperator(): MatchType {
    this.#skipSpace();
    for (const type of ["=~", "!~", "!=", "="] as const) {
      if (!this.#text.startsWith(type, this.#at)) continue;
      this.#at += type.length;
      return type;
    }
    throw this.#error("expected =, !=, =~ or !~");
  }

  /** A name or a value, in quotes or not. */
  #readText(what: string): string {
    this.#skipSpace();
    if (this.#peek() === '"') return this.#readQuoted();
    const start = this.#at;
    let end = start;
    for (const char of this.#text.slice(start)) {
      if (hasReserved(char)) break;
      end += char.length;
    }
    if (end === start) throw this.#error(`expected ${what}`);
    this.#at = end;
    return this.#text.slice(start, end);
  }

  #readQuoted(): string {
    const start = this.#at;
    const bytes: number[] = [];
    let at = start + 1;
    for (;;) {
      const code = this.#text.codePointAt(at);
      if (code === undefined)
        throw new MatcherSyntaxError(this.#text, start, 'the closing " is missing', MATCHER_HINT);
      if (code === 0x22) break;
      if (code === 0x0a)
        throw new MatcherSyntaxError(this.#text, at, "a line break in quotes", "write it as \\n");
      if (code !== 0x5c) {
        const char = String.fromCodePoint(code);
        bytes.push(...encoder.encode(char));
        at += char.length;
        continue;
      }
      const escaped = readEscape(this.#text, at, '"');
      if (typeof escaped === "string")
        throw new MatcherSyntaxError(this.#text, at, escaped, "write a backslash as \\\\");
      if (escaped.isByte) bytes.push(escaped.code);
      else bytes.push(...encoder.encode(String.fromCodePoint(escaped.code)));
      at = escaped.end;
    }
    this.#at = at + 1;
    return this.#decode(bytes, start);
  }

  #decode(bytes: readonly number[], start: number): string {
    try {
      return decoder.decode(new Uint8Array(bytes));
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause;
      const problem = "the escapes in quotes are no UTF-8";
      throw new MatcherSyntaxError(this.#text, start, problem, "write characters as they are");
    }
  }

  #accept(char: string): boolean {
    this.#skipSpace();
    if (this.#peek() !== char) return false;
    this.#at += char.length;
    this.#skipSpace();
    return true;
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #isEnd(): boolean {
    this.#skipSpace();
    return this.#at >= this.#text.length;
  }

  #skipSpace(): void {
    while (SPACE.test(this.#peek())) this.#at++;
  }

  #error(problem: string): MatcherSyntaxError {
    const code = this.#text.codePointAt(this.#at);
    const found = code === undefined ? "end of the text" : quote(String.fromCodePoint(code));
    return new MatcherSyntaxError(this.#text, this.#at, `${found}: ${problem}`, MATCHER_HINT);
  }
}

const SPACE = /^\p{White_Space}/u;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
