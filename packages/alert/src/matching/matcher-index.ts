import {
  type Labels,
  labelValue,
  type Matcher,
  matchesLabels,
  matchesValue,
  type RegexShape,
} from "@pharos/base";

interface Entry<T> {
  readonly item: T;
  /** Comparisons before regular expressions: most entries are refused by the cheap ones. */
  readonly matchers: readonly Matcher[];
  readonly place: Place;
}

type Place =
  /** Under a label that must have one of some values. */
  | { readonly kind: "values"; readonly name: string; readonly values: readonly string[] }
  /** Under a label that must match an expression, and there under what its value must have for it. */
  | { readonly kind: "pattern"; readonly matcher: Matcher; readonly need: Need }
  /** Nothing narrows it down. */
  | { readonly kind: "anywhere" };

/** One of these texts a value must begin with, end with, or have anywhere. No value has two of them so. */
interface Need {
  readonly place: "start" | "end" | "anywhere";
  readonly texts: readonly string[];
}

/** The entries under one label's expressions. */
interface Patterns<T> {
  size: number;
  /** Each entry stands in one of them, under each text that it needs there. */
  readonly needs: Readonly<Record<Need["place"], NeedBuckets<T>>>;
  /** How many of them have each expression. */
  readonly counts: Map<string, number>;
  /** By value of the label: the entries whose expression matches it. Forgotten when an entry goes. */
  readonly known: Map<string, Known<T>>;
  /** The entries that came since `known` was empty. */
  readonly added: Entry<T>[];
  /** How many entries stand in `known`, and its values with them. */
  knownCount: number;
}

/** What is known of one value. */
interface Known<T> {
  readonly matched: readonly Entry<T>[];
  /** How many of `added` have been asked. */
  readonly askedCount: number;
}

/** More texts of a value than this are not looked up; the value is searched for each text that is needed instead. */
const TEXTS_MAX = 2000;

/** Entries by what a value must have in one place. */
class NeedBuckets<T> {
  readonly #place: Need["place"];
  readonly #byText = new Map<string, Set<Entry<T>>>();
  /** How many texts there are of each length. */
  readonly #lengths = new Map<number, number>();

  constructor(place: Need["place"]) {
    this.#place = place;
  }

  /** How many entries stand under the texts. */
  count(texts: readonly string[]): number {
    let count = 0;
    for (const text of texts) count += this.#byText.get(text)?.size ?? 0;
    return count;
  }

  add(text: string, entry: Entry<T>): void {
    const bucket = this.#byText.get(text);
    if (bucket !== undefined) {
      bucket.add(entry);
      return;
    }
    this.#byText.set(text, new Set([entry]));
    this.#lengths.set(text.length, (this.#lengths.get(text.length) ?? 0) + 1);
  }

  delete(text: string, entry: Entry<T>): void {
    const bucket = this.#byText.get(text);
    if (bucket?.delete(entry) !== true || bucket.size > 0) return;
    this.#byText.delete(text);
    const count = this.#lengths.get(text.length) ?? 0;
    if (count > 1) this.#lengths.set(text.length, count - 1);
    else this.#lengths.delete(text.length);
  }

  /** The entries that find in a value what they need, each once. */
  candidates(value: string): Iterable<Entry<T>>[] {
    const found: Iterable<Entry<T>>[] = [];
    if (this.#place === "anywhere" && value.length * this.#lengths.size > TEXTS_MAX) {
      for (const [text, bucket] of this.#byText) if (value.includes(text)) found.push(bucket);
      return found;
    }
    for (const text of this.#textsOf(value)) {
      const bucket = this.#byText.get(text);
      if (bucket !== undefined) found.push(bucket);
    }
    return found;
  }

  /** What a value has in the place, of the lengths that are needed. */
  #textsOf(value: string): Iterable<string> {
    const texts = new Set<string>();
    for (const length of this.#lengths.keys()) {
      const last = value.length - length;
      if (last < 0) continue;
      const from = this.#place === "end" ? last : 0;
      const to = this.#place === "start" ? 0 : last;
      for (let at = from; at <= to; at++) texts.add(value.slice(at, at + length));
    }
    return texts;
  }
}

/** How many entries each label's `known` may name; beyond that it begins anew. */
const KNOWN_ENTRIES_MAX = 100_000;

/**
 * Many sets of matchers, asked which of them hold for a label set. Each stands under one label that it wants to have
 * one of a few values, so that a question looks only at those whose label has the value. One that has an expression
 * instead stands under its label, by what a value must have for it: which of these match is found out once for each value.
 * Sets of neither are all asked.
 */
export class MatcherIndex<T> {
  readonly #entries = new Map<T, Entry<T>>();
  /** By label name, then by value. */
  readonly #byValue = new Map<string, Map<string, Set<Entry<T>>>>();
  /** By label name. */
  readonly #byPattern = new Map<string, Patterns<T>>();
  readonly #anywhere = new Set<Entry<T>>();

  get size(): number {
    return this.#entries.size;
  }

  /** Adds an item; one that is there gets the new matchers. */
  set(item: T, matchers: readonly Matcher[]): void {
    this.delete(item);
    const order = [...matchers].sort((a, b) => Number("regex" in a) - Number("regex" in b));
    const entry: Entry<T> = { item, matchers: order, place: this.#bestPlace(matchers) };
    this.#entries.set(item, entry);
    const { place } = entry;
    if (place.kind === "anywhere") this.#anywhere.add(entry);
    else if (place.kind === "pattern") this.#addPattern(place, entry);
    else for (const value of place.values) this.#bucket(place.name, value).add(entry);
  }

  delete(item: T): void {
    const entry = this.#entries.get(item);
    if (entry === undefined) return;
    this.#entries.delete(item);
    const { place } = entry;
    if (place.kind === "anywhere") this.#anywhere.delete(entry);
    else if (place.kind === "pattern") this.#deletePattern(place, entry);
    else for (const value of place.values) this.#deleteValue(place.name, value, entry);
  }

  /** The items all of whose matchers hold, in no particular order. */
  matching(labels: Labels): T[] {
    const found: T[] = [];
    for (const [name, value] of labels) {
      const bucket = this.#byValue.get(name)?.get(value);
      if (bucket !== undefined) addMatching(bucket, labels, found);
    }
    for (const [name, patterns] of this.#byPattern)
      addMatching(matchedBy(patterns, labelValue(labels, name)), labels, found);
    addMatching(this.#anywhere, labels, found);
    return found;
  }

  /** The matcher that shares its value with the fewest others: of `{env="prod", instance="a"}` the instance. */
  #bestPlace(matchers: readonly Matcher[]): Place {
    let best: Place | undefined;
    let bestCost = Number.POSITIVE_INFINITY;
    for (const matcher of matchers) {
      const { name } = matcher;
      const values = wantedValues(matcher);
      if (values === undefined) continue;
      const buckets = this.#byValue.get(name);
      let cost = values.length;
      for (const value of values) cost += buckets?.get(value)?.size ?? 0;
      if (cost >= bestCost) continue;
      best = { kind: "values", name, values };
      bestCost = cost;
    }
    if (best !== undefined) return best;
    return this.#bestPattern(matchers);
  }

  /** The expression that the fewest others have; of several, what the fewest others need. */
  #bestPattern(matchers: readonly Matcher[]): Place {
    let best: Place = { kind: "anywhere" };
    let bestSame = Number.POSITIVE_INFINITY;
    let bestCost = Number.POSITIVE_INFINITY;
    for (const matcher of matchers) {
      const { type, name, value, regex } = matcher;
      if (type !== "=~" || regex === undefined) continue;
      const patterns = this.#byPattern.get(name);
      const same = patterns?.counts.get(value) ?? 0;
      for (const need of needsOf(regex.shape)) {
        const cost = patterns?.needs[need.place].count(need.texts) ?? 0;
        if (same > bestSame || (same === bestSame && cost >= bestCost)) continue;
        best = { kind: "pattern", matcher, need };
        bestSame = same;
        bestCost = cost;
      }
    }
    return best;
  }

  #bucket(name: string, value: string): Set<Entry<T>> {
    const byValue = this.#byValue.getOrInsertComputed(name, () => new Map<string, Set<Entry<T>>>());
    return byValue.getOrInsertComputed(value, () => new Set<Entry<T>>());
  }

  #deleteValue(name: string, value: string, entry: Entry<T>): void {
    const byValue = this.#byValue.get(name);
    const bucket = byValue?.get(value);
    bucket?.delete(entry);
    if (bucket?.size === 0) byValue?.delete(value);
    if (byValue?.size === 0) this.#byValue.delete(name);
  }

  #addPattern({ matcher, need }: Place & { kind: "pattern" }, entry: Entry<T>): void {
    const { name, value } = matcher;
    const patterns = this.#byPattern.getOrInsertComputed(name, () => noPatterns<T>());
    patterns.size++;
    for (const text of need.texts) patterns.needs[need.place].add(text, entry);
    if (patterns.known.size > 0) patterns.added.push(entry);
    patterns.counts.set(value, (patterns.counts.get(value) ?? 0) + 1);
  }

  #deletePattern({ matcher, need }: Place & { kind: "pattern" }, entry: Entry<T>): void {
    const { name, value } = matcher;
    const patterns = this.#byPattern.get(name);
    if (patterns === undefined) return;
    forget(patterns);
    patterns.size--;
    for (const text of need.texts) patterns.needs[need.place].delete(text, entry);
    const count = patterns.counts.get(value) ?? 0;
    if (count > 1) patterns.counts.set(value, count - 1);
    else patterns.counts.delete(value);
    if (patterns.size === 0) this.#byPattern.delete(name);
  }
}

function noPatterns<T>(): Patterns<T> {
  return {
    size: 0,
    needs: {
      start: new NeedBuckets<T>("start"),
      end: new NeedBuckets<T>("end"),
      anywhere: new NeedBuckets<T>("anywhere"),
    },
    counts: new Map(),
    known: new Map(),
    added: [],
    knownCount: 0,
  };
}

/** Each alone is enough to find an entry. */
function needsOf({ starts, ends, inner }: RegexShape): readonly Need[] {
  return [
    { place: "start", texts: starts },
    { place: "end", texts: ends },
    { place: "anywhere", texts: [inner] },
  ];
}

function addMatching<T>(entries: Iterable<Entry<T>>, labels: Labels, found: T[]): void {
  for (const { item, matchers } of entries) if (matchesLabels(matchers, labels)) found.push(item);
}

function matchedBy<T>(patterns: Patterns<T>, value: string): readonly Entry<T>[] {
  const { known, added, needs } = patterns;
  const before = known.get(value);
  if (before?.askedCount === added.length) return before.matched;
  const found: Entry<T>[] = [];
  if (before === undefined) {
    for (const buckets of [needs.start, needs.end, needs.anywhere])
      for (const bucket of buckets.candidates(value)) addMatched(bucket, value, found);
  } else addMatched(added.slice(before.askedCount), value, found);
  const matched = before === undefined ? found : [...before.matched, ...found];
  if (patterns.knownCount + found.length >= KNOWN_ENTRIES_MAX) forget(patterns);
  patterns.knownCount += known.has(value) ? found.length : matched.length + 1;
  known.set(value, { matched, askedCount: added.length });
  return matched;
}

function addMatched<T>(entries: Iterable<Entry<T>>, value: string, found: Entry<T>[]): void {
  for (const entry of entries)
    if (entry.place.kind === "pattern" && matchesValue(entry.place.matcher, value))
      found.push(entry);
}

function forget<T>(patterns: Patterns<T>): void {
  patterns.known.clear();
  patterns.added.length = 0;
  patterns.knownCount = 0;
}

/** The values of which a label must have one; undefined where there is no such list, or where an absent label will do. */
function wantedValues({ type, value, regex }: Matcher): readonly string[] | undefined {
  const values = type === "=" ? [value] : type === "=~" ? regex?.literals : undefined;
  return values === undefined || values.includes("") ? undefined : [...new Set(values)];
}
