import { type Labels, type Matcher, matchesValue } from "@pharos/base";
import { intersect, mergeDisjoint, PostingList, subtract } from "./postings.ts";

/** From labels to the numbers of the series that have them: in the head, and in each block. */
export interface LabelPostings {
  /** Every series. */
  all(): Uint32Array;
  names(): Iterable<string>;
  /** The values a label has, in no particular order. */
  valuesOf(name: string): Iterable<string>;
  /** The series with this label; valid until the index changes. */
  postingsOf(name: string, value: string): Uint32Array;
}

const NONE = new Uint32Array(0);

/** The series that match all matchers, in rising order. A label that is absent has the value "". */
export function selectSeries(index: LabelPostings, matchers: readonly Matcher[]): Uint32Array {
  // What must be there narrows first; what must not be there is taken away from the rest.
  const wanted = matchers.filter((matcher) => !matchesValue(matcher, ""));
  const unwanted = matchers.filter((matcher) => matchesValue(matcher, ""));
  let found: Uint32Array | undefined;
  const lists = wanted.map((matcher) => mergeDisjoint([NONE, ...matchingPostings(index, matcher)]));
  for (const list of lists.sort((a, b) => a.length - b.length)) {
    found = found === undefined ? list : intersect(found, list);
    if (found.length === 0) return NONE;
  }
  found ??= index.all();
  for (const matcher of unwanted) {
    const lists: Uint32Array[] = [NONE];
    for (const value of index.valuesOf(matcher.name))
      if (!matchesValue(matcher, value)) lists.push(index.postingsOf(matcher.name, value));
    found = subtract(found, mergeDisjoint(lists));
    if (found.length === 0) return NONE;
  }
  return found.slice();
}

/** The postings of each value that matches, for a matcher that does not match "". */
function matchingPostings(index: LabelPostings, matcher: Matcher): Uint32Array[] {
  const { name, type, value } = matcher;
  if (type === "=") return [index.postingsOf(name, value)];
  if (type === "=~" && matcher.regex?.literals !== undefined)
    return [...new Set(matcher.regex.literals)].map((literal) => index.postingsOf(name, literal));
  const lists: Uint32Array[] = [];
  for (const candidate of index.valuesOf(name))
    if (matchesValue(matcher, candidate)) lists.push(index.postingsOf(name, candidate));
  return lists;
}

/** The head's label index. Most values of a label like `pod` have one series: those take no list. */
export class LabelIndex implements LabelPostings {
  readonly #postings = new Map<string, Map<string, number | PostingList>>();
  readonly #all = new PostingList();

  get seriesCount(): number {
    return this.#all.length;
  }

  add(ref: number, labels: Labels): void {
    this.#all.add(ref);
    for (const [name, value] of labels) {
      const values = this.#postings.getOrInsertComputed(name, () => new Map());
      const there = values.get(value);
      if (there === undefined) values.set(value, ref);
      else if (typeof there === "number") {
        const list = new PostingList();
        list.add(there);
        list.add(ref);
        values.set(value, list);
      } else there.add(ref);
    }
  }

  /** Forgets series; one pass over the whole index, however few they are. */
  remove(refs: ReadonlySet<number>): void {
    if (refs.size === 0) return;
    const gone = (ref: number): boolean => refs.has(ref);
    this.#all.removeWhere(gone);
    for (const [name, values] of this.#postings) {
      for (const [value, list] of values) {
        if (typeof list === "number") {
          if (gone(list)) values.delete(value);
          continue;
        }
        list.removeWhere(gone);
        if (list.length === 0) values.delete(value);
      }
      if (values.size === 0) this.#postings.delete(name);
    }
  }

  all(): Uint32Array {
    return this.#all.view;
  }

  names(): Iterable<string> {
    return this.#postings.keys();
  }

  valuesOf(name: string): Iterable<string> {
    return this.#postings.get(name)?.keys() ?? [];
  }

  postingsOf(name: string, value: string): Uint32Array {
    const list = this.#postings.get(name)?.get(value);
    if (list === undefined) return NONE;
    return typeof list === "number" ? Uint32Array.of(list) : list.view;
  }

  /** How many values each label name has, and how many series each pair: for finding what grows. */
  cardinality(limit: number): LabelCardinality {
    const byName: Counted[] = [];
    const byPair: Counted[] = [];
    const byMetric: Counted[] = [];
    const sizes: Counted[] = [];
    for (const [name, values] of this.#postings) {
      byName.push({ name, count: values.size });
      let size = 0;
      for (const [value, list] of values) {
        const count = typeof list === "number" ? 1 : list.length;
        size += value.length * count;
        pushTop(byPair, { name: `${name}=${value}`, count }, limit);
        if (name === "__name__") pushTop(byMetric, { name: value, count }, limit);
      }
      sizes.push({ name, count: size });
    }
    return {
      seriesByMetric: top(byMetric, limit),
      valuesByName: top(byName, limit),
      sizeByName: top(sizes, limit),
      seriesByPair: top(byPair, limit),
    };
  }
}

export interface Counted {
  readonly name: string;
  readonly count: number;
}

/** The largest of each kind, largest first. */
export interface LabelCardinality {
  readonly seriesByMetric: readonly Counted[];
  readonly valuesByName: readonly Counted[];
  /** Bytes (characters) of label values over all series, by label name. */
  readonly sizeByName: readonly Counted[];
  /** Series of each `name=value`. */
  readonly seriesByPair: readonly Counted[];
}

/** Keeps the list short while it is filled: cut to the largest whenever it is twice as long as asked for. */
function pushTop(list: Counted[], item: Counted, limit: number): void {
  list.push(item);
  if (list.length >= limit * 2 + 64) list.splice(0, list.length, ...top(list, limit));
}

function top(list: readonly Counted[], limit: number): Counted[] {
  return list.toSorted((a, b) => b.count - a.count).slice(0, limit);
}
