import { type Labels, type Matcher, matchesLabels } from "@pharos/base";

interface Entry<T> {
  readonly item: T;
  readonly matchers: readonly Matcher[];
  /** Where the entry stands; undefined among those that nothing narrows down. */
  readonly at: { readonly name: string; readonly values: readonly string[] } | undefined;
}

/**
 * Many sets of matchers, asked which of them hold for a label set. Each stands under one label that it wants to have
 * one of a few values, so that a question looks only at those whose label has the value; sets without such a matcher
 * are all looked at.
 */
export class MatcherIndex<T> {
  readonly #entries = new Map<T, Entry<T>>();
  /** By label name, then by value. */
  readonly #byValue = new Map<string, Map<string, Set<Entry<T>>>>();
  readonly #anywhere = new Set<Entry<T>>();

  get size(): number {
    return this.#entries.size;
  }

  /** Adds an item; one that is there gets the new matchers. */
  set(item: T, matchers: readonly Matcher[]): void {
    this.delete(item);
    const at = this.#bestPlace(matchers);
    const entry = { item, matchers, at };
    this.#entries.set(item, entry);
    if (at === undefined) this.#anywhere.add(entry);
    else for (const value of at.values) this.#bucket(at.name, value).add(entry);
  }

  delete(item: T): void {
    const entry = this.#entries.get(item);
    if (entry === undefined) return;
    this.#entries.delete(item);
    this.#anywhere.delete(entry);
    if (entry.at === undefined) return;
    const { name, values } = entry.at;
    for (const value of values) {
      const byValue = this.#byValue.get(name);
      const bucket = byValue?.get(value);
      bucket?.delete(entry);
      if (bucket?.size === 0) byValue?.delete(value);
      if (byValue?.size === 0) this.#byValue.delete(name);
    }
  }

  /** The items all of whose matchers hold, in no particular order. */
  matching(labels: Labels): T[] {
    const found: T[] = [];
    const ask = (entries: Iterable<Entry<T>>): void => {
      for (const { item, matchers } of entries)
        if (matchesLabels(matchers, labels)) found.push(item);
    };
    for (const [name, value] of labels) {
      const bucket = this.#byValue.get(name)?.get(value);
      if (bucket !== undefined) ask(bucket);
    }
    ask(this.#anywhere);
    return found;
  }

  /** The matcher that shares its value with the fewest others: of `{env="prod", instance="a"}` the instance. */
  #bestPlace(matchers: readonly Matcher[]): Entry<T>["at"] {
    let best: Entry<T>["at"];
    let bestCost = Number.POSITIVE_INFINITY;
    for (const matcher of matchers) {
      const values = wantedValues(matcher);
      if (values === undefined) continue;
      const buckets = this.#byValue.get(matcher.name);
      let cost = values.length;
      for (const value of values) cost += buckets?.get(value)?.size ?? 0;
      if (cost >= bestCost) continue;
      best = { name: matcher.name, values };
      bestCost = cost;
    }
    return best;
  }

  #bucket(name: string, value: string): Set<Entry<T>> {
    const byValue = this.#byValue.getOrInsertComputed(name, () => new Map<string, Set<Entry<T>>>());
    return byValue.getOrInsertComputed(value, () => new Set<Entry<T>>());
  }
}

/** The values of which a label must have one; undefined where there is no such list, or where an absent label will do. */
function wantedValues({ type, value, regex }: Matcher): readonly string[] | undefined {
  const values = type === "=" ? [value] : type === "=~" ? regex?.literals : undefined;
  return values === undefined || values.includes("") ? undefined : [...new Set(values)];
}
