import {
  compareLabels,
  errorText,
  type Labels,
  type Matcher,
  matchesLabels,
  type NativeHistogram,
  OperatingError,
} from "@pharos/base";
import type {
  ExemplarReader,
  HistogramColumn,
  Selection,
  SelectionEstimate,
  SelectOptions,
  SeriesColumns,
  SeriesReader,
  TimeRange,
} from "@pharos/ports";

/** Who else is asked: as much of a `SeriesReader` as remote read can do. */
export type RemoteSelection = Pick<SeriesReader, "select">;

/**
 * The own store and other systems as one: series that several have are one series, with the samples of all; of several at
 * the same time the own store's stands, then that of the system named first. A system that fails is left out with a
 * warning. Names and values of labels are those of the own store, as remote read cannot ask for them.
 */
export class FanOutReader implements SeriesReader, ExemplarReader {
  readonly #own: SeriesReader & ExemplarReader;
  readonly #remotes: readonly RemoteSelection[];

  constructor(own: SeriesReader & ExemplarReader, remotes: readonly RemoteSelection[]) {
    this.#own = own;
    this.#remotes = remotes;
  }

  async *select(
    range: TimeRange,
    matchers: readonly Matcher[],
    options: SelectOptions,
  ): AsyncGenerator<SeriesColumns, void, undefined> {
    // All are asked before any is waited for.
    const answers = this.#remotes.map((remote) => received(remote, range, matchers, options));
    for (const answer of answers) answer.catch(() => {}); // Heard below, unless something fails before.
    const own = new Reading(this.#own.select(range, matchers, options));
    try {
      await own.next();
      const lists = await Promise.all(answers);
      const readings = [own, ...lists.map((list) => new Reading(listed(list)))];
      for (const reading of readings.slice(1)) await reading.next();
      for (;;) {
        const labels = first(readings);
        if (labels === undefined) return;
        const same: Reading[] = [];
        for (const reading of readings)
          if (reading.current !== undefined && compareLabels(reading.current.labels, labels) === 0)
            same.push(reading);
        yield merged(same.map((reading) => reading.current as SeriesColumns));
        for (const reading of same) await reading.next();
      }
    } finally {
      await own.end();
    }
  }

  async estimate(range: TimeRange, matchers: readonly Matcher[]): Promise<SelectionEstimate> {
    const own = await this.#own.estimate?.(range, matchers);
    return { series: 0, samples: 0, size: 0, ...own, isPartial: true };
  }

  /** Of other systems, the series that `select` gives. */
  async series(
    range: TimeRange,
    matcherLists: readonly (readonly Matcher[])[],
  ): Promise<readonly Labels[]> {
    const found = [...(await this.#own.series(range, matcherLists))];
    const options = { samplesMax: SAMPLES_MAX, signal: NEVER, histograms: true };
    const asked = this.#remotes.flatMap((remote) =>
      matcherLists.map((matchers) => received(remote, range, matchers, options)),
    );
    for (const list of await Promise.all(asked)) found.push(...list.map(({ labels }) => labels));
    return found
      .filter((labels) => matcherLists.some((matchers) => matchesLabels(matchers, labels)))
      .sort(compareLabels)
      .filter((labels, i, all) => i === 0 || compareLabels(labels, all[i - 1] as Labels) !== 0);
  }

  labelNames(
    range: TimeRange,
    matcherLists: readonly (readonly Matcher[])[],
  ): Promise<readonly string[]> {
    return this.#own.labelNames(range, matcherLists);
  }

  labelValues(
    name: string,
    range: TimeRange,
    matcherLists: readonly (readonly Matcher[])[],
  ): Promise<readonly string[]> {
    return this.#own.labelValues(name, range, matcherLists);
  }

  exemplars(...asked: Parameters<ExemplarReader["exemplars"]>) {
    return this.#own.exemplars(...asked);
  }
}

const NEVER = new AbortController().signal;
/** What other systems may answer with where only the labels are wanted. */
const SAMPLES_MAX = 50_000_000;

/** All that a system answers with; nothing, and a warning, where it fails. */
async function received(
  remote: RemoteSelection,
  range: TimeRange,
  matchers: readonly Matcher[],
  options: SelectOptions,
): Promise<readonly SeriesColumns[]> {
  try {
    return await Array.fromAsync(remote.select(range, matchers, options), kept);
  } catch (error) {
    if (!(error instanceof OperatingError) || error.code !== "http.failed") throw error;
    options.warn?.(errorText(error));
    return [];
  }
}

/** A copy: a reader may use its arrays again for the next series. */
function kept({ labels, timestampsMs, values, stale, histograms }: SeriesColumns): SeriesColumns {
  const columns = {
    labels,
    timestampsMs: timestampsMs.slice(),
    values: values.slice(),
    stale: stale?.slice() ?? null,
  };
  if (histograms === undefined) return columns;
  const list = Array.from(histograms.timestampsMs, (_, i) => histograms.at(i));
  const at = (index: number) => list[index] as NativeHistogram;
  return { ...columns, histograms: { timestampsMs: histograms.timestampsMs.slice(), at } };
}

async function* listed(
  list: readonly SeriesColumns[],
): AsyncGenerator<SeriesColumns, void, undefined> {
  yield* list;
}

/** A selection with the series that is next. */
class Reading {
  readonly #series: AsyncIterator<SeriesColumns>;
  current: SeriesColumns | undefined;

  constructor(selection: Selection) {
    this.#series = selection[Symbol.asyncIterator]();
  }

  async next(): Promise<void> {
    const { done, value } = await this.#series.next();
    this.current = done === true ? undefined : value;
  }

  async end(): Promise<void> {
    await this.#series.return?.();
  }
}

/** The labels that come first of what the readings have next. */
function first(readings: readonly Reading[]): Labels | undefined {
  let least: Labels | undefined;
  for (const { current } of readings)
    if (current !== undefined && (least === undefined || compareLabels(current.labels, least) < 0))
      least = current.labels;
  return least;
}

/** The samples of all, those of the first where several have one. */
function merged(all: readonly SeriesColumns[]): SeriesColumns {
  const [whole, ...others] = all as [SeriesColumns, ...SeriesColumns[]];
  return others.reduce(mergedPair, whole);
}

function mergedPair(a: SeriesColumns, b: SeriesColumns): SeriesColumns {
  const order = mergeOrder(a.timestampsMs, b.timestampsMs);
  const pick = <T extends Float64Array | Uint8Array>(
    out: T,
    of: (side: SeriesColumns) => T | null,
  ) => {
    const sides = [of(a), of(b)];
    for (let i = 0; i < order.length; i++) {
      const place = order[i] as number;
      out[i] = sides[place % 2]?.[Math.floor(place / 2)] ?? 0;
    }
    return out;
  };
  const stale =
    a.stale === null && b.stale === null
      ? null
      : pick(new Uint8Array(order.length), (side) => side.stale);
  const columns = {
    labels: a.labels,
    timestampsMs: pick(new Float64Array(order.length), (side) => side.timestampsMs),
    values: pick(new Float64Array(order.length), (side) => side.values),
    stale,
  };
  const histograms = mergedHistograms(a.histograms, b.histograms);
  return histograms === undefined ? columns : { ...columns, histograms };
}

function mergedHistograms(
  a: HistogramColumn | undefined,
  b: HistogramColumn | undefined,
): HistogramColumn | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const order = mergeOrder(a.timestampsMs, b.timestampsMs);
  const sideOf = (place: number): HistogramColumn => (place % 2 === 0 ? a : b);
  return {
    timestampsMs: Float64Array.from(
      order,
      (place) => sideOf(place).timestampsMs[Math.floor(place / 2)] as number,
    ),
    at: (index) => {
      const place = order[index] as number;
      return sideOf(place).at(Math.floor(place / 2));
    },
  };
}

/** Places in the order of time: twice the index, and one more where it is of the second list. */
function mergeOrder(a: Float64Array, b: Float64Array): readonly number[] {
  const order: number[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [left, right] = [a[i] ?? Number.POSITIVE_INFINITY, b[j] ?? Number.POSITIVE_INFINITY];
    if (left <= right) {
      order.push(i++ * 2);
      if (left === right) j++;
    } else order.push(j++ * 2 + 1);
  }
  return order;
}
