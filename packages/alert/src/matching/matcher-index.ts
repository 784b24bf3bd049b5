import { type Labels, labelValue, type Matcher, matchesLabels, matchesValue } from "@pharos/base";

interface Entry<T> {
  readonly item: T;
  /** Comparisons before regular expressions: most entries are refused by the cheap ones. */
  readonly matchers: readonly Matcher[];
  readonly place: Place;
}

type Place =
  /** Under a label that must have one of some values. */
  | { readonly kind: "values"; readonly name: string; readonly values: readonly string[] }
  /** Under a label that must match an expression. */
  | { readonly kind: "pattern"; readonly matcher: Matcher }
  /** Nothing narrows it down. */
  | { readonly kind: "anywhere" };

/** The entries under one label's expressions. */
interface Patterns<T> {
  readonly entries: Set<Entry<T>>;
  /** How many of them have each expression. */
  readonly counts: Map<string, number>;
  /** By value of the label: the entries whose expression matches it. Forgotten when one of `entries` goes. */
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

/** How many entries each label's `known` may name; beyond that it begins anew. */
const KNOWN_ENTRIES_MAX = 100_000;

/**
 * Many sets of matchers, asked which of them hold for a label set. Each stands under one label that it wants to have
 * one of a few values, so that a question looks only at those whose label has the value. One that has an expression
 * instead stands under its label: which of these match is found out once for each value. Sets of neither are all asked.
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
    else if (place.kind === "pattern") this.#addPattern(place.matcher, entry);
    else for (const value of place.values) this.#bucket(place.name, value).add(entry);
  }

  delete(item: T): void {
    const entry = this.#entries.get(item);
    if (entry === undefined) return;
    this.#entries.delete(item);
    const { place } = entry;
    if (place.kind === "anywhere") this.#anywhere.delete(entry);
    else if (place.kind === "pattern") this.#deletePattern(place.matcher, entry);
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

  /** The expression that the fewest others have; how much it matches, nobody knows. */
  #bestPattern(matchers: readonly Matcher[]): Place {
    let best: Place = { kind: "anywhere" };
    let bestCost = Number.POSITIVE_INFINITY;
    for (const matcher of matchers) {
      const cost = this.#byPattern.get(matcher.name)?.counts.get(matcher.value) ?? 0;
      if (matcher.type !== "=~" || cost >= bestCost) continue;
      best = { kind: "pattern", matcher };
      bestCost = cost;
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

  #addPattern({ name, value }: Matcher, entry: Entry<T>): void {
    const patterns = this.#byPattern.getOrInsertComputed(name, () => ({
      entries: new Set<Entry<T>>(),
      counts: new Map<string, number>(),
      known: new Map<string, Known<T>>(),
      added: [],
      knownCount: 0,
    }));
    patterns.entries.add(entry);
    if (patterns.known.size > 0) patterns.added.push(entry);
    patterns.counts.set(value, (patterns.counts.get(value) ?? 0) + 1);
  }

  #deletePattern({ name, value }: Matcher, entry: Entry<T>): void {
    const patterns = this.#byPattern.get(name);
    if (patterns === undefined) return;
    forget(patterns);
    patterns.entries.delete(entry);
    const count = patterns.counts.get(value) ?? 0;
    if (count > 1) patterns.counts.set(value, count - 1);
    else patterns.counts.delete(value);
    if (patterns.entries.size === 0) this.#byPattern.delete(name);
  }
}

function addMatching<T>(entries: Iterable<Entry<T>>, labels: Labels, found: T[]): void {
  for (const { item, matchers } of entries) if (matchesLabels(matchers, labels)) found.push(item);
}

function matchedBy<T>(patterns: Patterns<T>, value: string): readonly Entry<T>[] {
  const { known, added, entries } = patterns;
  const before = known.get(value);
  if (before?.askedCount === added.length) return before.matched;
  const unasked = before === undefined ? entries : added.slice(before.askedCount);
  const found: Entry<T>[] = [];
  for (const entry of unasked)
    if (entry.place.kind === "pattern" && matchesValue(entry.place.matcher, value))
      found.push(entry);
  const matched = before === undefined ? found : [...before.matched, ...found];
  if (patterns.knownCount + found.length >= KNOWN_ENTRIES_MAX) forget(patterns);
  patterns.knownCount += known.has(value) ? found.length : matched.length + 1;
  known.set(value, { matched, askedCount: added.length });
  return matched;
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
