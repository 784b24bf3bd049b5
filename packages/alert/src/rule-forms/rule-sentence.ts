/**
 * Rules as sentences:
 *
 *     [IF] condition {AND condition | OR condition} [FOR duration] [THEN ALERT [name]]
 *     condition = query operator number [unit] [OVER [THE] [LAST] duration]
 *               | query INCREASES|DECREASES|CHANGES [BY] [> | >=] number [%] IN duration
 *               | query
 *
 * A query is PromQL. Words of the sentence count in capitals and in small letters, outside of brackets and quotes. AND
 * binds closer than OR; `AND ON (service)` says which labels must be equal.
 */
import type { OperatingError } from "@pharos/base";
import { readQuantity } from "./quantity.ts";
import type { Comparison, RuleCondition } from "./rule-form.ts";
import { type SentenceWord, sentenceError, sentenceWords, wordError } from "./sentence-words.ts";
import { parseSpokenDuration, SPOKEN_DURATION_HINT } from "./spoken-duration.ts";

export interface RuleSentence {
  readonly condition: RuleCondition;
  /** What stands between IF and FOR. */
  readonly text: string;
  readonly forMs: number;
  /** After THEN ALERT; undefined where there is none. */
  readonly name: string | undefined;
}

const OPERATORS: ReadonlyMap<string, Comparison> = new Map([
  ...([">", "<", ">=", "<=", "==", "!="] as const).map((one) => [one, one] as const),
  ["=", "=="] as const,
]);

const DIRECTIONS: ReadonlyMap<string, "increases" | "decreases" | "changes"> = new Map([
  ["INCREASES", "increases"],
  ["DECREASES", "decreases"],
  ["CHANGES", "changes"],
]);

/** @throws OperatingError `input.invalid`, with line, column and the word that is wrong. */
export function readRuleSentence(text: string): RuleSentence {
  return new SentenceReader(text).read();
}

class SentenceReader {
  readonly #text: string;
  readonly #words: readonly SentenceWord[];

  constructor(text: string) {
    this.#text = text;
    this.#words = sentenceWords(text);
  }

  read(): RuleSentence {
    const words = [...this.#words];
    const begin = isWord(words[0], "IF") ? (words.shift()?.end ?? 0) : 0;
    let end = this.#text.length;
    const then = words.findIndex((word) => isWord(word, "THEN"));
    let name: string | undefined;
    if (then >= 0) {
      const [first, alert] = words.splice(then) as [SentenceWord, SentenceWord | undefined];
      if (!isWord(alert, "ALERT"))
        throw wordError(this.#text, alert ?? first, "does not go on as THEN ALERT");
      name = this.#text.slice(alert?.end).trim() || undefined;
      end = first.start;
    }
    let forMs = 0;
    const at = words.findIndex((word) => isWord(word, "FOR") || isWord(word, "FOR:"));
    if (at >= 0) {
      const [word] = words.splice(at) as [SentenceWord];
      forMs = this.#duration(word, end);
      end = word.start;
      if (words.at(-1)?.text === ",") end = words.pop()?.start ?? end;
    }
    const condition = this.#alternatives(words, begin, end);
    return { condition, text: this.#text.slice(begin, end).trim(), forMs, name };
  }

  /** What stands between `word` and `end`. */
  #duration(word: SentenceWord, end: number): number {
    const written = this.#text.slice(word.end, end).trim();
    const durationMs = parseSpokenDuration(written);
    if (durationMs !== undefined) return durationMs;
    const at = word.end + this.#text.slice(word.end, end).search(/\S|$/);
    const what =
      written === "" ? `nothing stands after ${word.text}` : `"${written}" is no duration`;
    throw sentenceError(this.#text, at, `${what}; write ${SPOKEN_DURATION_HINT}`);
  }

  #alternatives(words: readonly SentenceWord[], begin: number, end: number): RuleCondition {
    const parts = this.#split(words, "OR", begin, end).map((part) => {
      const conditions = this.#split(part.words, "AND", part.begin, part.end);
      const on = this.#matching(conditions);
      const read = conditions.map((one) => this.#condition(one));
      const [only] = read;
      return only !== undefined && read.length === 1
        ? only
        : { kind: "all" as const, conditions: read, on };
    });
    const [only] = parts;
    return only !== undefined && parts.length === 1
      ? only
      : { kind: "any", conditions: parts, on: undefined };
  }

  /** The labels of `AND ON (…)`, which hold for all conditions that are joined. */
  #matching([first, second, ...others]: readonly Part[]): readonly string[] | undefined {
    const odd = others.find((part) => part.on?.join() !== second?.on?.join());
    if (odd !== undefined)
      throw sentenceError(this.#text, odd.begin, "every AND beside it must have the same ON (…)");
    return first === undefined ? undefined : second?.on;
  }

  #split(
    words: readonly SentenceWord[],
    separator: "AND" | "OR",
    begin: number,
    end: number,
  ): Part[] {
    const parts: Part[] = [];
    let [from, taken] = [begin, [] as SentenceWord[]];
    let on: readonly string[] | undefined;
    for (const word of words) {
      if (!isWord(word, separator)) {
        if (word.start >= from) taken.push(word);
        continue;
      }
      parts.push({ words: taken, begin: from, end: word.start, on });
      taken = [];
      const matching = /^\s*ON\s*\(([^()]*)\)/i.exec(this.#text.slice(word.end, end));
      on = separator === "AND" && matching !== null ? namesOf(matching[1] ?? "") : undefined;
      from = word.end + (on === undefined ? 0 : (matching?.[0].length ?? 0));
    }
    parts.push({ words: taken, begin: from, end, on });
    return parts;
  }

  #condition({ words, begin, end }: Part): RuleCondition {
    const written = this.#text.slice(begin, end).trim();
    if (written === "") throw this.#missing(begin, end);
    const change = words.findIndex(({ text }) => DIRECTIONS.has(text.toUpperCase()));
    if (change >= 0) return this.#change(words, change, begin, end);
    const at = words.findLastIndex(({ text }) => OPERATORS.has(text));
    const operator = words[at];
    if (operator === undefined) return this.#unlimited(words, begin, end);
    const query = this.#text.slice(begin, operator.start).trim();
    if (query === "") throw wordError(this.#text, operator, "has no query before it");
    const over = words.findIndex((word, index) => index > at && isWord(word, "OVER"));
    const overWord = words[over];
    const limit = this.#text.slice(operator.end, overWord?.start ?? end).trim();
    if (limit === "") throw wordError(this.#text, operator, "has no number after it");
    const overMs = overWord === undefined ? 0 : this.#overMs(words.slice(over), end);
    const comparison = OPERATORS.get(operator.text) ?? "==";
    const isPlain = Number.isFinite(Number(limit)) && overMs === 0;
    if (!isPlain && readQuantity(limit, "") !== undefined) {
      const other = words.findIndex(({ text }) => OPERATORS.has(text));
      if (other < at)
        throw wordError(this.#text, operator, "is a second comparison; join them with AND or OR");
      return { kind: "threshold", query, operator: comparison, threshold: limit, overMs };
    }
    const next = words[at + 1];
    const isNumber = next !== undefined && /^[\d.+-]/.test(next.text);
    if (!isPlain && (overWord !== undefined || isNumber || limit.endsWith("%")))
      throw wordError(this.#text, next ?? operator, "is no number with a unit that is known");
    return { kind: "expr", expr: `${query} ${comparison} ${limit}` };
  }

  /** `OVER THE LAST 5m`. */
  #overMs(words: readonly SentenceWord[], end: number): number {
    const fillers = words.slice(1).findIndex(({ text }) => !/^(?:THE|LAST|PAST)$/i.test(text));
    const last = words[fillers < 0 ? words.length - 1 : fillers] as SentenceWord;
    const overMs = this.#duration(last, end);
    if (overMs === 0) throw wordError(this.#text, last, "needs a duration above zero");
    return overMs;
  }

  /** A condition without a number must be one in PromQL, such as `absent(up)`. */
  #unlimited(words: readonly SentenceWord[], begin: number, end: number): RuleCondition {
    const expr = this.#text.slice(begin, end).trim();
    const [word] = words;
    if (word !== undefined && words.length === 1 && !expr.includes("("))
      throw wordError(this.#text, word, `is compared with nothing; write ${word.text} > 90`);
    return { kind: "expr", expr };
  }

  #change(words: readonly SentenceWord[], at: number, begin: number, end: number): RuleCondition {
    const verb = words[at] as SentenceWord;
    const query = this.#text.slice(begin, verb.start).trim();
    if (query === "") throw wordError(this.#text, verb, "has no query before it");
    const rest = words.slice(at + 1);
    const within = rest.findIndex((word) => isWord(word, "IN") || isWord(word, "WITHIN"));
    const inWord = rest[within];
    if (inWord === undefined)
      throw wordError(this.#text, verb, "does not say in what time; write IN 10 minutes");
    let from = isWord(rest[0], "BY") ? (rest.shift()?.end ?? verb.end) : verb.end;
    let operator: ">" | ">=" = ">";
    const [sign] = rest;
    if (sign !== undefined && OPERATORS.has(sign.text)) {
      if (sign.text !== ">" && sign.text !== ">=")
        throw wordError(this.#text, sign, 'cannot be there: a change is ">" or ">=" an amount');
      operator = sign.text;
      from = sign.end;
    }
    const amount = this.#text.slice(from, inWord.start).trim();
    const percent = amount.endsWith("%");
    const quantity = readQuantity(percent ? amount.slice(0, -1) : amount, "");
    if (quantity === undefined || quantity.value < 0)
      throw sentenceError(
        this.#text,
        from + this.#text.slice(from).search(/\S|$/),
        `"${amount}" is no amount of a change; write 30% or 30`,
      );
    const windowMs = this.#duration(inWord, end);
    if (windowMs === 0) throw wordError(this.#text, inWord, "needs a duration above zero");
    const direction = DIRECTIONS.get(verb.text.toUpperCase()) ?? "changes";
    return {
      kind: "change",
      query,
      direction,
      operator,
      amount: quantity.value,
      percent,
      windowMs,
    };
  }

  #missing(begin: number, end: number): OperatingError {
    const next = this.#words.find(({ start }) => start >= end);
    return sentenceError(
      this.#text,
      next?.start ?? begin,
      `a condition is missing${next === undefined ? "" : ` before "${next.text}"`}`,
    );
  }
}

interface Part {
  readonly words: readonly SentenceWord[];
  readonly begin: number;
  readonly end: number;
  readonly on: readonly string[] | undefined;
}

function isWord(word: SentenceWord | undefined, text: string): boolean {
  return word?.text.toUpperCase() === text;
}

function namesOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
