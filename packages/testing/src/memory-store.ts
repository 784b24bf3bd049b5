import {
  assert,
  compareLabels,
  compareUtf8,
  type Labels,
  labelsKey,
  type Matcher,
  matchesLabels,
  OperatingError,
} from "@pharos/base";
import type {
  AppendResult,
  SampleBatch,
  SelectionEstimate,
  SelectOptions,
  SeriesColumns,
  SeriesStore,
  StoreChanges,
  TimeRange,
} from "@pharos/ports";

interface Sample {
  readonly timestampMs: number;
  readonly value: number;
  readonly stale: boolean;
}

interface StoredSeries {
  readonly labels: Labels;
  /** By strictly increasing time. */
  readonly samples: Sample[];
}

/**
 * A store as plain as the contract allows, the model that others are compared with. It accepts samples of any age and
 * forgets everything when disposed. Columns it has given out are spoiled as soon as the next series is asked for, so
 * that a reader who keeps them is found out.
 */
export class MemoryStore implements SeriesStore {
  readonly #series = new Map<string, StoredSeries>();
  readonly #changed: TimeRange[] = [];
  #open = true;

  async append(batch: SampleBatch): Promise<AppendResult> {
    this.#assertOpen();
    const { labelSets, series, timestampsMs, values, stale } = batch;
    assert(series.length === timestampsMs.length, "one timestamp a sample");
    assert(series.length === values.length, "one value a sample");
    assert(stale === null || stale.length === series.length, "one staleness flag a sample");
    const stored = labelSets.map((labels) => this.#intern(labels));
    let appended = 0;
    let duplicate = 0;
    let conflicting = 0;
    for (let i = 0; i < series.length; i++) {
      const target = stored[series[i] as number];
      assert(target !== undefined, () => `sample ${i} names label set ${series[i]}`);
      const timestampMs = timestampsMs[i] as number;
      assert(Number.isInteger(timestampMs), () => `timestamp ${timestampMs}`);
      const isStale = stale?.[i] === 1;
      const sample = {
        timestampMs,
        value: isStale ? Number.NaN : (values[i] as number),
        stale: isStale,
      };
      const at = lowerBound(target.samples, timestampMs);
      const there = target.samples[at];
      if (there?.timestampMs !== timestampMs) {
        target.samples.splice(at, 0, sample);
        this.#changed.push({ minMs: timestampMs, maxMs: timestampMs });
        appended++;
      } else if (there.stale === isStale && Object.is(there.value, sample.value)) duplicate++;
      else conflicting++;
    }
    return { appended, duplicate, tooOld: 0, tooNew: 0, conflicting };
  }

  /** Exact: every time that changed is remembered. */
  get changes(): StoreChanges {
    return {
      mark: () => this.#changed.length,
      since: (mark, { minMs, maxMs }) => {
        const inRange = this.#changed
          .slice(mark)
          .filter((changed) => changed.minMs <= maxMs && changed.maxMs >= minMs);
        if (inRange.length === 0) return undefined;
        return {
          minMs: Math.max(minMs, Math.min(...inRange.map((changed) => changed.minMs))),
          maxMs: Math.min(maxMs, Math.max(...inRange.map((changed) => changed.maxMs))),
        };
      },
    };
  }

  /** Deletes the samples in a range, both ends included, of the series that match all matchers. */
  async deleteSeries(matchers: readonly Matcher[], range: TimeRange): Promise<void> {
    this.#assertOpen();
    for (const { labels, samples } of this.#series.values()) {
      if (!matchesLabels(matchers, labels)) continue;
      const from = lowerBound(samples, range.minMs);
      samples.splice(from, samplesIn(samples, range).length);
    }
    this.#changed.push(range);
  }

  select(
    range: TimeRange,
    matchers: readonly Matcher[],
    options: SelectOptions,
  ): AsyncIterable<SeriesColumns> {
    this.#assertOpen();
    // Taken here and not in the generator, whose body waits for the first reader.
    const snapshot: { labels: Labels; samples: readonly Sample[] }[] = [];
    for (const { labels, samples } of this.#sorted()) {
      if (!matchesLabels(matchers, labels)) continue;
      const inRange = samplesIn(samples, range);
      if (inRange.length > 0) snapshot.push({ labels, samples: inRange });
    }
    return readColumns(snapshot, options);
  }

  /** Exact: everything is at hand. A sample has its time and its value. */
  async estimate(range: TimeRange, matchers: readonly Matcher[]): Promise<SelectionEstimate> {
    this.#assertOpen();
    const counts = [...this.#series.values()]
      .filter(({ labels }) => matchesLabels(matchers, labels))
      .map(({ samples }) => samplesIn(samples, range).length)
      .filter((count) => count > 0);
    const samples = counts.reduce((sum, count) => sum + count, 0);
    return { series: counts.length, samples, size: samples * 16, isPartial: false };
  }

  async series(
    range: TimeRange,
    matcherLists: readonly (readonly Matcher[])[],
  ): Promise<readonly Labels[]> {
    return matcherLists.length === 0 ? [] : this.#labelSets(range, matcherLists);
  }

  async labelNames(
    range: TimeRange,
    matcherLists: readonly (readonly Matcher[])[],
  ): Promise<readonly string[]> {
    const names = new Set<string>();
    for (const labels of this.#labelSets(range, matcherLists))
      for (const [name] of labels) names.add(name);
    return [...names].sort(compareUtf8);
  }

  async labelValues(
    name: string,
    range: TimeRange,
    matcherLists: readonly (readonly Matcher[])[],
  ): Promise<readonly string[]> {
    const values = new Set<string>();
    for (const labels of this.#labelSets(range, matcherLists))
      for (const label of labels) if (label[0] === name) values.add(label[1]);
    return [...values].sort(compareUtf8);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#open = false;
    this.#series.clear();
  }

  #assertOpen(): void {
    assert(this.#open, "the store is open");
  }

  #intern(labels: Labels): StoredSeries {
    return this.#series.getOrInsertComputed(labelsKey(labels), () => ({
      labels: labels.map(([name, value]) => [name, value] as const),
      samples: [],
    }));
  }

  #sorted(): StoredSeries[] {
    return [...this.#series.values()].sort((a, b) => compareLabels(a.labels, b.labels));
  }

  #labelSets(range: TimeRange, matcherLists: readonly (readonly Matcher[])[]): Labels[] {
    this.#assertOpen();
    return this.#sorted()
      .filter(({ samples }) => samplesIn(samples, range).length > 0)
      .map(({ labels }) => labels)
      .filter(
        (labels) =>
          matcherLists.length === 0 ||
          matcherLists.some((matchers) => matchesLabels(matchers, labels)),
      );
  }
}

async function* readColumns(
  snapshot: readonly { labels: Labels; samples: readonly Sample[] }[],
  { samplesMax, signal }: SelectOptions,
): AsyncGenerator<SeriesColumns, void, undefined> {
  signal.throwIfAborted();
  const total = snapshot.reduce((sum, { samples }) => sum + samples.length, 0);
  if (total > samplesMax)
    throw new OperatingError(
      "query.too_many_samples",
      `the selection holds ${total} samples; at most ${samplesMax} are allowed`,
    );
  for (const { labels, samples } of snapshot) {
    const timestampsMs = Float64Array.from(samples, ({ timestampMs }) => timestampMs);
    const values = Float64Array.from(samples, ({ value }) => value);
    const stale = samples.some((sample) => sample.stale)
      ? Uint8Array.from(samples, (sample) => (sample.stale ? 1 : 0))
      : null;
    yield { labels, timestampsMs, values, stale };
    timestampsMs.fill(Number.NaN);
    values.fill(Number.NaN);
    stale?.fill(255);
    signal.throwIfAborted();
  }
}

/** The index of the first sample at or after `timestampMs`. */
function lowerBound(samples: readonly Sample[], timestampMs: number): number {
  let low = 0;
  let high = samples.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((samples[middle] as Sample).timestampMs < timestampMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

function samplesIn(samples: readonly Sample[], { minMs, maxMs }: TimeRange): readonly Sample[] {
  const from = lowerBound(samples, minMs);
  let to = lowerBound(samples, maxMs);
  if (samples[to]?.timestampMs === maxMs) to++;
  return samples.slice(from, to);
}
