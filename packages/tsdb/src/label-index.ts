import { type Labels, type Matcher, matchesValue } from "@pharos/base";
import { type Kernels, SeriesLabels, type SeriesTable } from "@pharos/kernels";
import { intersect, mergeDisjoint, subtract } from "./postings.ts";

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

/** The head's label index: a look at the series table, which keeps it. */
export class LabelIndex implements LabelPostings {
  readonly #labels: SeriesLabels;

  constructor(kernels: Kernels, table: SeriesTable) {
    this.#labels = new SeriesLabels(kernels, table);
  }

  /** Frees all memory of the kernels. No call may follow. */
  destroy(): void {
    this.#labels.destroy();
  }

  get seriesCount(): number {
    return this.#labels.seriesCount;
  }

  /** The labels of the series at an entry of the table. */
  labelsOf(entry: number): Labels {
    return this.#labels.labelsOf(entry);
  }

  /** How many different labels (pairs of name and value) the series have. */
  get pairCount(): number {
    return this.#labels.pairCount;
  }

  all(): Uint32Array {
    return this.#labels.all();
  }

  names(): Iterable<string> {
    return this.#labels.names();
  }

  valuesOf(name: string): Iterable<string> {
    return this.#labels.valuesOf(name).keys();
  }

  postingsOf(name: string, value: string): Uint32Array {
    const pair = this.#labels.find(name, value);
    return pair === undefined ? NONE : this.#labels.seriesOf(pair);
  }

  /** How many values each label name has, and how many series each pair: for finding what grows. */
  cardinality(limit: number): LabelCardinality {
    const byName: Counted[] = [];
    const byPair: Counted[] = [];
    const byMetric: Counted[] = [];
    const sizes: Counted[] = [];
    for (const name of this.#labels.names()) {
      const values = this.#labels.valuesOf(name);
      byName.push({ name, count: values.size });
      let size = 0;
      for (const [value, pair] of values) {
        const count = this.#labels.countOf(pair);
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
