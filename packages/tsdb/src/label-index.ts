import { assert, type Matcher, matchesValue } from "@pharos/base";
import { type Kernels, LabelNumbers } from "@pharos/kernels";
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

/** Series and their label bytes, canonical. */
export interface IndexedSeriesBytes {
  readonly ref: number;
  readonly labelBytes: Uint8Array;
}

/**
 * The head's label index. Labels are numbers in it, and strings only for who asks. Most values of a label like `pod`
 * have one series: those take no list.
 */
export class LabelIndex implements LabelPostings {
  readonly #numbers: LabelNumbers;
  /** By the label's number; undefined where no label has it. */
  readonly #postings: (number | PostingList | undefined)[] = [];
  /** The numbers of labels, by name, then value. */
  readonly #values = new Map<string, Map<string, number>>();
  readonly #all = new PostingList();

  /** @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels) {
    this.#numbers = new LabelNumbers(kernels);
  }

  /** Frees all memory of the kernels. No call may follow. */
  destroy(): void {
    this.#numbers.destroy();
  }

  get seriesCount(): number {
    return this.#all.length;
  }

  /** Adds a series by its canonical label bytes. @throws OperatingError `memory.full`: it was not added. */
  add(ref: number, labelBytes: Uint8Array): void {
    const numbers = this.#numbers;
    const count = numbers.look(labelBytes);
    this.#all.add(ref);
    for (let at = 0; at < count; at++) {
      const number = numbers.numberAt(at);
      if (numbers.isNewAt(at)) this.#begin(number, ref);
      else this.#addTo(number, ref);
    }
  }

  #begin(number: number, ref: number): void {
    const [name, value] = this.#numbers.labelOf(number);
    this.#values.getOrInsertComputed(name, () => new Map()).set(value, number);
    this.#postings[number] = ref;
  }

  #addTo(number: number, ref: number): void {
    const there = this.#postings[number];
    assert(there !== undefined, () => `label ${number} has a series`);
    if (typeof there !== "number") {
      there.add(ref);
      return;
    }
    const list = new PostingList();
    list.add(there);
    list.add(ref);
    this.#postings[number] = list;
  }

  /** Forgets series, all of which are there. Costs what they have, not what the index holds. */
  remove(list: readonly IndexedSeriesBytes[]): void {
    const series = list.toSorted((a, b) => a.ref - b.ref);
    const refsOf = new Map<number, number[]>();
    for (const { ref, labelBytes } of series) {
      const count = this.#numbers.look(labelBytes);
      for (let at = 0; at < count; at++) {
        assert(!this.#numbers.isNewAt(at), () => `series ${ref} is in the index`);
        refsOf.getOrInsertComputed(this.#numbers.numberAt(at), () => []).push(ref);
      }
    }
    this.#all.remove(series.map(({ ref }) => ref));
    for (const [number, refs] of refsOf) {
      const postings = this.#postings[number];
      if (postings instanceof PostingList) {
        postings.remove(refs);
        if (postings.length > 0) continue;
      } else assert(postings === refs[0], () => `label ${number} has series ${refs[0]}`);
      this.#end(number);
    }
  }

  #end(number: number): void {
    const [name, value] = this.#numbers.labelOf(number);
    this.#numbers.remove(number);
    this.#postings[number] = undefined;
    const values = this.#values.get(name);
    values?.delete(value);
    if (values?.size === 0) this.#values.delete(name);
  }

  all(): Uint32Array {
    return this.#all.view;
  }

  names(): Iterable<string> {
    return this.#values.keys();
  }

  valuesOf(name: string): Iterable<string> {
    return this.#values.get(name)?.keys() ?? [];
  }

  postingsOf(name: string, value: string): Uint32Array {
    const number = this.#values.get(name)?.get(value);
    const postings = number === undefined ? undefined : this.#postings[number];
    if (postings === undefined) return NONE;
    return typeof postings === "number" ? Uint32Array.of(postings) : postings.view;
  }

  /** How many values each label name has, and how many series each pair: for finding what grows. */
  cardinality(limit: number): LabelCardinality {
    const byName: Counted[] = [];
    const byPair: Counted[] = [];
    const byMetric: Counted[] = [];
    const sizes: Counted[] = [];
    for (const [name, values] of this.#values) {
      byName.push({ name, count: values.size });
      let size = 0;
      for (const [value, number] of values) {
        const postings = this.#postings[number];
        const count = postings instanceof PostingList ? postings.length : 1;
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
