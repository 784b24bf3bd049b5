/**
 * What can be told of a pattern without running it: the texts that match, where they are few, or else how such texts
 * begin and end. It reads the part of RE2's syntax that people write; of anything else it says that it knows nothing.
 */
export interface RegexShape {
  /** All that matches, where each text is known, or how it begins and that anything may follow. */
  readonly exact: ExactShape | undefined;
  /** What matches begins with one of these, of which none begins with another; [""] where that says nothing. */
  readonly starts: readonly string[];
  /** The same of the end. */
  readonly ends: readonly string[];
  /** What matches has this somewhere; "" where that says nothing. */
  readonly inner: string;
}

export interface ExactShape {
  readonly texts: readonly string[];
  /** Whatever begins with one of these. */
  readonly prefixes: readonly string[];
}

export const UNKNOWN_SHAPE: RegexShape = { exact: undefined, starts: [""], ends: [""], inner: "" };

/** More beginnings than this say less than what they have in common. */
const EDGES_MAX = 64;
/** Longer beginnings (UTF-16 units) tell no more patterns apart. */
const EDGE_LENGTH_MAX = 128;
/** So often a counted repetition is written out. */
const REPEATS_MAX = 16;

type Part =
  /** One of some characters. */
  | { readonly kind: "character"; readonly of: readonly string[] }
  /** Any one character. */
  | { readonly kind: "dot" }
  /** Something of which nothing is known. */
  | { readonly kind: "unknown" }
  | { readonly kind: "sequence"; readonly parts: readonly Part[] }
  | { readonly kind: "choice"; readonly options: readonly Part[] }
  | { readonly kind: "repeat"; readonly part: Part; readonly min: number; readonly max: number };

type Side = "start" | "end";

/** One way in which a text may begin (or end), and what comes after (or before) that. */
interface Edge {
  readonly text: string;
  readonly rest: "nothing" | "anything" | "unknown";
}

const EMPTY: readonly Edge[] = [{ text: "", rest: "nothing" }];
const ANYTHING: readonly Edge[] = [{ text: "", rest: "anything" }];
const UNKNOWN: readonly Edge[] = [{ text: "", rest: "unknown" }];

/** @param source is valid and matched as a whole, `.` matching newlines too. */
export function regexShape(source: string): RegexShape {
  // Half a character matches no half of another, but a text may begin with it.
  if (!source.isWellFormed()) return UNKNOWN_SHAPE;
  const reader = new PatternReader(source);
  const part = reader.read();
  if (part === undefined) return UNKNOWN_SHAPE;
  const starts = edgesOf(part, "start");
  return {
    exact: reader.hasAssertions ? undefined : exactShape(starts),
    starts: shortest(starts, "start"),
    ends: shortest(edgesOf(part, "end"), "end"),
    inner: innerText(part),
  };
}

function exactShape(starts: readonly Edge[]): ExactShape | undefined {
  if (starts.some(({ rest }) => rest === "unknown")) return undefined;
  const texts = starts.filter(({ rest }) => rest === "nothing").map(({ text }) => text);
  const prefixes = starts.filter(({ rest }) => rest === "anything").map(({ text }) => text);
  return { texts: [...new Set(texts)], prefixes: [...new Set(prefixes)] };
}

function edgesOf(part: Part, side: Side): readonly Edge[] {
  switch (part.kind) {
    case "character":
      return part.of.map((text) => ({ text, rest: "nothing" }));
    case "dot":
    case "unknown":
      return UNKNOWN;
    case "choice": {
      const edges = part.options.flatMap((option) => edgesOf(option, side));
      return edges.length > EDGES_MAX ? UNKNOWN : edges;
    }
    case "sequence": {
      let edges = EMPTY;
      for (const next of side === "start" ? part.parts : part.parts.toReversed()) {
        edges = joined(edges, edgesOf(next, side), side);
        if (edges.every(({ rest }) => rest === "unknown")) break;
      }
      return edges;
    }
    case "repeat":
      return repeated(part, side);
  }
}

function repeated({ part, min, max }: Part & { kind: "repeat" }, side: Side): readonly Edge[] {
  if (max === 0) return EMPTY;
  if (part.kind === "dot" && min === 0 && max === Number.POSITIVE_INFINITY) return ANYTHING;
  const once = edgesOf(part, side);
  if (min === 0) return [...EMPTY, ...(max === 1 ? once : opened(once))];
  let edges = once;
  for (let count = 1; count < min; count++) {
    if (count === REPEATS_MAX) return opened(edges);
    edges = joined(edges, once, side);
  }
  return max === min ? edges : opened(edges);
}

/** Edges of a sequence: those of what comes first, as far as they go, then those of the next. */
function joined(first: readonly Edge[], next: readonly Edge[], side: Side): readonly Edge[] {
  const edges: Edge[] = [];
  for (const edge of first) {
    if (edge.rest === "anything" && !isNothingOrAnything(next))
      edges.push({ text: edge.text, rest: "unknown" });
    else if (edge.rest !== "nothing") edges.push(edge);
    else if (edge.text.length > EDGE_LENGTH_MAX) edges.push({ text: edge.text, rest: "unknown" });
    else
      for (const { text, rest } of next)
        edges.push({ text: side === "start" ? edge.text + text : text + edge.text, rest });
    if (edges.length > EDGES_MAX) return opened(first);
  }
  return edges;
}

function isNothingOrAnything(edges: readonly Edge[]): boolean {
  return edges.every(({ text, rest }) => text === "" && rest !== "unknown");
}

function opened(edges: readonly Edge[]): readonly Edge[] {
  return edges.map(({ text }) => ({ text, rest: "unknown" }));
}

/** The texts of edges, without those that begin (or end) with another one. */
function shortest(edges: readonly Edge[], side: Side): readonly string[] {
  const found: string[] = [];
  for (const { text } of edges.toSorted((a, b) => a.text.length - b.text.length))
    if (!found.some((other) => (side === "start" ? text.startsWith(other) : text.endsWith(other))))
      found.push(text);
  return found;
}

/** The longest run of plain characters that is neither at the start nor at the end. */
function innerText(part: Part): string {
  if (part.kind !== "sequence") return "";
  let longest = "";
  let run: string | undefined; // None before the first part that is no plain character.
  for (const each of part.parts) {
    if (each.kind === "sequence" && each.parts.length === 0) continue; // A condition such as `^`.
    const [text = "", ...others] = each.kind === "character" ? each.of : [];
    if (text !== "" && others.length === 0) {
      if (run !== undefined) run += text;
      continue;
    }
    if (run !== undefined && run.length > longest.length) longest = run;
    run = "";
  }
  return longest;
}

const CLASS = /\[\^?\]?(?:\[:\^?[a-z]{1,10}:\]|\\.|[^\]\\])*\]/suy;
const COUNT = /\{(\d+)(,(\d*))?\}/y;
const GROUP = /\((?:\?(?::|P?<\w+>))?(?!\?)/y;
/** Punctuation that stands for itself. */
const ESCAPED = /\\([!-/:-@[-`{-~])/y;
const CHARACTER_ESCAPE = /\\(?:[dDsSwWaftnrv]|[pP](?:\{[^}]*\}|.))/suy;
const ASSERTION = /[\^$]|\\[bBAz]/y;

/** Reads a valid pattern, and gives up at whatever it does not know. */
class PatternReader {
  /** Whether there are conditions beside the characters, such as `\b`; they are left out of the parts. */
  hasAssertions = false;
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  read(): Part | undefined {
    const part = this.#choice();
    return this.#at === this.#source.length ? part : undefined;
  }

  #choice(): Part | undefined {
    const options: Part[] = [];
    do {
      const option = this.#sequence();
      if (option === undefined) return undefined;
      options.push(option);
    } while (this.#take("|"));
    return options.length === 1 ? options[0] : { kind: "choice", options };
  }

  #sequence(): Part | undefined {
    const parts: Part[] = [];
    while (this.#at < this.#source.length && !/[|)]/.test(this.#next())) {
      const part = this.#repeated();
      if (part === undefined) return undefined;
      parts.push(part);
    }
    return { kind: "sequence", parts };
  }

  #repeated(): Part | undefined {
    let part = this.#single();
    while (part !== undefined) {
      const count = this.#count();
      if (count === undefined) break;
      part = { kind: "repeat", part, ...count };
    }
    return part;
  }

  /** How often what was read is repeated; greedy or not, the same texts match. */
  #count(): { readonly min: number; readonly max: number } | undefined {
    const many = Number.POSITIVE_INFINITY;
    const written = this.#match(COUNT);
    let count: { readonly min: number; readonly max: number } | undefined;
    if (written !== undefined) {
      const [, least = "", range, most = ""] = written;
      const min = Number(least);
      count = { min, max: range === undefined ? min : most === "" ? many : Number(most) };
    } else if (this.#take("*")) count = { min: 0, max: many };
    else if (this.#take("+")) count = { min: 1, max: many };
    else if (this.#take("?")) return this.#lazy({ min: 0, max: 1 });
    return count && this.#lazy(count);
  }

  #lazy<C>(count: C): C {
    this.#take("?");
    return count;
  }

  #single(): Part | undefined {
    if (this.#match(ASSERTION) !== undefined) {
      this.hasAssertions = true;
      return { kind: "sequence", parts: [] };
    }
    if (this.#take(".")) return { kind: "dot" };
    const escaped = this.#match(ESCAPED);
    if (escaped !== undefined) return { kind: "character", of: [escaped[1] ?? ""] };
    if (this.#match(CHARACTER_ESCAPE) !== undefined) return { kind: "unknown" };
    const listed = this.#match(CLASS);
    if (listed !== undefined) return classPart(listed[0]);
    if (this.#match(GROUP) !== undefined) {
      const part = this.#choice();
      return this.#take(")") ? part : undefined;
    }
    const character = this.#next();
    if (/[\\[(*+?]/.test(character)) return undefined;
    this.#at += character.length;
    return { kind: "character", of: [character] };
  }

  #next(): string {
    return String.fromCodePoint(this.#source.codePointAt(this.#at) ?? 0);
  }

  #take(character: string): boolean {
    if (!this.#source.startsWith(character, this.#at)) return false;
    this.#at += character.length;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found === null) return undefined;
    this.#at += found[0].length;
    return found;
  }
}

/** A class of few plain characters and ranges; of others only that they are one character. */
function classPart(text: string): Part {
  const characters = [...text.slice(1, -1)];
  const isPlain = characters[0] !== "^" && !characters.some((each) => /[[\]\\]/.test(each));
  if (!isPlain) return { kind: "unknown" };
  const of = new Set<string>();
  for (let i = 0; i < characters.length; i++) {
    const first = characters[i]?.codePointAt(0) ?? 0;
    const isRange = characters[i + 1] === "-" && i + 2 < characters.length;
    const last = isRange ? (characters[i + 2]?.codePointAt(0) ?? 0) : first;
    if (isRange) i += 2;
    if (last - first >= EDGES_MAX) return { kind: "unknown" };
    for (let code = first; code <= last; code++) of.add(String.fromCodePoint(code));
  }
  return of.size > EDGES_MAX ? { kind: "unknown" } : { kind: "character", of: [...of] };
}
