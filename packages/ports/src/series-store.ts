import type { Labels, Matcher } from "@pharos/base";
import type { HistogramColumn } from "./histograms.ts";

/**
 * Samples in columns, one entry per sample in `series`, `timestampsMs` and `values`. For whoever makes samples in
 * TypeScript (rules, pushed JSON, `up`); the decoders of scrapes and remote write use the kernels' columns instead.
 */
export interface SampleBatch {
  /** The label sets that appear in the batch, each once. */
  readonly labelSets: readonly Labels[];
  /** For each sample, the index of its label set in `labelSets`. */
  readonly series: Uint32Array;
  /** Unix epoch, ms, integers. */
  readonly timestampsMs: Float64Array;
  /** Never a staleness marker: NaN here is an ordinary NaN. */
  readonly values: Float64Array;
  /** For each sample, 1 where it is a staleness marker (its value is ignored); null if none is. */
  readonly stale: Uint8Array | null;
  /**
   * When the counter behind each sample began to count (Unix epoch, ms), NaN where that is not known; for stores that keep
   * it. Of a sample that is there already what is known of it stands.
   */
  readonly startsMs?: Float64Array;
}

/** What became of a batch. Every sample counts once: `appended + duplicate + tooOld + tooNew + conflicting`. */
export interface AppendResult {
  readonly appended: number;
  /** Already there with the same value: nothing to do. */
  readonly duplicate: number;
  /** Older than the out-of-order window allows; dropped. */
  readonly tooOld: number;
  /** Further in the future than the store accepts; dropped, since a wrong clock would hide what comes after. */
  readonly tooNew: number;
  /** Another value is already there at that timestamp; the first one stands. */
  readonly conflicting: number;
}

/** Both ends included, Unix epoch, ms. */
export interface TimeRange {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * The samples of one series, ordered by strictly increasing time, without duplicates. The arrays belong to the store
 * and hold until the next series is asked for, which may use the same ones, or the reading ends: copy what must last.
 */
export interface SeriesColumns {
  /** May be the same object whenever the series is read, so that it is worth remembering what was computed from it. */
  readonly labels: Labels;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  /** 1 where the sample is a staleness marker (its value is NaN); null if none is. */
  readonly stale: Uint8Array | null;
  /**
   * When the counter behind each sample began to count (Unix epoch, ms), NaN where that is not known; there only where it
   * was asked for and is known of some.
   */
  readonly startsMs?: Float64Array;
  /** Native histograms, where they were asked for and the series has some. */
  readonly histograms?: HistogramColumn;
}

export interface SelectOptions {
  /** Ends the query with `query.too_many_samples` when it would read more; Infinity for no limit. */
  readonly samplesMax: number;
  readonly signal: AbortSignal;
  /**
   * Told, in words for people, of what is left out because it cannot be reached or read at the moment, such as a part of
   * an archive. The rest is answered all the same.
   */
  readonly warn?: (warning: string) => void;
  /**
   * Whether native histograms are asked for, of stores that have them. They count as samples then, and a series that has
   * only them comes with empty columns; otherwise it is left out.
   */
  readonly histograms?: boolean;
  /** Whether the start timestamps of samples and histograms are asked for, of stores that have them. */
  readonly starts?: boolean;
}

/** What a selection would read, as far as a store can tell from its indexes: too high or too low. */
export interface SelectionEstimate {
  readonly series: number;
  /** Native histograms count as samples. */
  readonly samples: number;
  /** How many of the samples are native histograms: 0 only if it seems that there are none. */
  readonly histograms?: number;
  /** Bytes that hold them, as they are stored. */
  readonly size: number;
  /** Whether a part of the store was not looked at, such as an archive. */
  readonly isPartial: boolean;
}

/** The series of a selection, one after the other. */
export interface Selection extends AsyncIterable<SeriesColumns> {
  /**
   * The same series, some hundred at a time, each lot without waits in between: for who reads thousands. A lot is read to
   * its end before the next one is asked for, or given up with the selection. Of stores that have series at hand.
   */
  inLots?(): AsyncIterable<Iterable<SeriesColumns>>;
}

/** A selection in lots, whatever the store: those of a store that has none are of one series each. */
export function inLots(selection: Selection): AsyncIterable<Iterable<SeriesColumns>> {
  return selection.inLots?.() ?? singly(selection);
}

async function* singly(selection: Selection): AsyncGenerator<Iterable<SeriesColumns>> {
  for await (const columns of selection) yield [columns];
}

/** Asks for samples and for what series there are. Reading never changes anything. */
export interface SeriesReader {
  /**
   * The series that match all matchers, sorted by labels, each with its samples in `range`; a series with none there
   * is left out. A snapshot: appends after the call are not seen, or, where so many values of labels are to be looked at
   * that others get their turn meanwhile, those after the series were found.
   *
   * @throws OperatingError `query.too_many_samples`, `disk.corrupt`, or the signal's reason.
   */
  select(range: TimeRange, matchers: readonly Matcher[], options: SelectOptions): Selection;

  /**
   * What `select` would read, at the cost of finding the series and no more. Of stores that can tell.
   *
   * @throws OperatingError of the store.
   */
  estimate?(range: TimeRange, matchers: readonly Matcher[]): Promise<SelectionEstimate>;

  /** Label sets of the series that have samples in `range` and match any of the matcher lists; sorted. */
  series(
    range: TimeRange,
    matcherLists: readonly (readonly Matcher[])[],
  ): Promise<readonly Labels[]>;
  /** Label names, sorted. An empty list of matcher lists means all series. */
  labelNames(
    range: TimeRange,
    matcherLists: readonly (readonly Matcher[])[],
  ): Promise<readonly string[]>;
  /** Values of one label, sorted. An empty list of matcher lists means all series. */
  labelValues(
    name: string,
    range: TimeRange,
    matcherLists: readonly (readonly Matcher[])[],
  ): Promise<readonly string[]>;
}

/** Where samples live. Every implementation passes `seriesStoreConformance` of `testing`. */
export interface SeriesStore extends SeriesReader {
  /**
   * Appends the batch. When the promise resolves, a crash of the process no longer loses it (nor, after the sync
   * interval, a power loss). Appending the same samples again changes nothing. The batch may be reused afterwards.
   *
   * @throws OperatingError `queue.full`, `memory.full`, `disk.full`: nothing was appended; the same batch may be tried again later.
   */
  append(batch: SampleBatch): Promise<AppendResult>;

  /** Finishes what was accepted, makes it survive a power loss, then frees files and memory. */
  [Symbol.asyncDispose](): Promise<void>;
}
