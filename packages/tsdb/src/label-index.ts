import { type Labels, type Matcher, matchesValue } from "@pharos/base";
import { type Kernels, SeriesLabels, type SeriesTable } from "@pharos/kernels";
import { intersect, subtract, union } from "./postings.ts";
import type { Pause } from "./slices.ts";

/** From labels to the numbers of the series that have them: in the head, and in each block. */
export interface LabelPostings {
  /** Every series. */
  all(): Uint32Array;
  names(): Iterable<string>;
  /** The values a label has, in no particular order. */
  valuesOf(name: string): Iterable<string>;
  /** The series with this label; valid until the index changes. Not to be changed: others are given the same list. */
  postingsOf(name: string, value: string): Uint32Array;
  /** The values of a label that are wanted, in no particular order; each is valid until the index changes. */
  valuePostings(name: string, isWanted: (value: string) => boolean): Iterable<ValuePostings>;
  /** The series with each value of a label that is wanted; valid until the index changes. Undefined for one that is not. */
  postingsWhere(
    name: string,
    isWanted: (value: string) => boolean,
  ): Iterable<Uint32Array | undefined>;
}

/** A value of a label, and the series that have it. */
export interface ValuePostings {
  readonly value: string;
  /** One of them, at no cost; in the head it may have ended. */
  readonly anySeries: number;
  series(): Uint32Array;
}

const NONE = new Uint32Array(0);

/** The values of a label that are looked at between two looks at whether others are to have their turn. */
const VALUES_TOGETHER = 64;

/** The series that match all matchers, in rising order. A label that is absent has the value "". */
export function selectSeries(index: LabelPostings, matchers: readonly Matcher[]): Uint32Array {
  const work = selecting(index, matchers);
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Values that are looked at in one go: some milliseconds' work. */
const VALUES_AT_ONCE = 2048;

/**
 * As `selectSeries`, while others on the thread get their turn; at once where it is little work. Where the index changes
 * meanwhile, all series are found that match and were there all the time; the number of a series that has ended, or of
 * one that took the number of another, may be among them wrongly.
 */
export function selectSeriesInSlices(
  index: LabelPostings,
  matchers: readonly Matcher[],
  pause: Pause,
): Uint32Array | Promise<Uint32Array> {
  const work = selecting(index, matchers);
  for (let steps = 0; steps < VALUES_AT_ONCE; ) {
    const { done, value } = work.next();
    if (done) return value;
    steps += value;
  }
  return finish(work, pause);
}

async function finish(work: Selecting, pause: Pause): Promise<Uint32Array> {
  for (;;) {
    await pause(VALUES_TOGETHER);
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Finds series, and yields after every `VALUES_TOGETHER` values how many it looked at. */
type Selecting = Generator<number, Uint32Array, undefined>;

function* selecting(index: LabelPostings, matchers: readonly Matcher[]): Selecting {
  // What must be there narrows first; what must not be there is taken away from the rest, and read after it: a series
  // that begins in between is not among the rest, or is taken away as well.
  const wanted = matchers.filter((matcher) => !matchesValue(matcher, ""));
  const unwanted = matchers.filter((matcher) => matchesValue(matcher, ""));
  const lists: Uint32Array[] = [];
  for (const matcher of wanted) lists.push(yield* matchingPostings(index, matcher));
  let found: Uint32Array | undefined;
  for (const list of lists.sort((a, b) => a.length - b.length)) {
    found = found === undefined ? list : intersect(found, list);
    if (found.length === 0) return NONE;
  }
  found ??= index.all();
  for (const matcher of unwanted) {
    const isOther = (value: string): boolean => !matchesValue(matcher, value);
    found = subtract(found, union(yield* postingsWhere(index, matcher.name, isOther)));
    if (found.length === 0) return NONE;
  }
  return found.slice();
}

/** The series with a value that matches, for a matcher that does not match "". */
function* matchingPostings(index: LabelPostings, matcher: Matcher): Selecting {
  const { name, type, value } = matcher;
  if (type === "=") return index.postingsOf(name, value);
  if (type !== "=~" || matcher.regex?.literals === undefined)
    return union(yield* postingsWhere(index, name, (one) => matchesValue(matcher, one)));
  const lists: Uint32Array[] = [];
  for (const literal of new Set(matcher.regex.literals)) {
    lists.push(index.postingsOf(name, literal));
    if (lists.length % VALUES_TOGETHER === 0) yield VALUES_TOGETHER;
  }
  return union(lists);
}

function* postingsWhere(
  index: LabelPostings,
  name: string,
  isWanted: (value: string) => boolean,
): Generator<number, Uint32Array[], undefined> {
  const lists: Uint32Array[] = [];
  let steps = 0;
  for (const list of index.postingsWhere(name, isWanted)) {
    if (list !== undefined) lists.push(list);
    if (++steps < VALUES_TOGETHER) continue;
    yield steps;
    steps = 0;
  }
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

  *valuesOf(name: string): Iterable<string> {
    for (const [value] of this.#labels.valuesOf(name)) yield value;
  }

  postingsOf(name: string, value: string): Uint32Array {
    const pair = this.#labels.find(name, value);
    return pair === undefined ? NONE : this.#labels.keptSeriesOf(pair);
  }

  *valuePostings(name: string, isWanted: (value: string) => boolean): Iterable<ValuePostings> {
    const labels = this.#labels;
    for (const [value, pair] of labels.valuesOf(name))
      if (isWanted(value))
        yield { value, anySeries: labels.lastSeriesOf(pair), series: () => labels.seriesOf(pair) };
  }

  *postingsWhere(
    name: string,
    isWanted: (value: string) => boolean,
  ): Iterable<Uint32Array | undefined> {
    for (const [value, pair] of this.#labels.valuesOf(name))
      yield isWanted(value) ? this.#labels.seriesOf(pair) : undefined;
  }

  /** How many values each label name has, and how many series each pair: for finding what grows. */
  cardinality(limit: number): LabelCardinality {
    const byName: Counted[] = [];
    const byPair: Counted[] = [];
    const byMetric: Counted[] = [];
    const sizes: Counted[] = [];
    for (const name of this.#labels.names()) {
      byName.push({ name, count: this.#labels.valueCountOf(name) });
      let size = 0;
      for (const [value, pair] of this.#labels.valuesOf(name)) {
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
