import type { Labels } from "@pharos/base";
import type { TimeRange } from "./series-store.ts";

/** Samples of one series on their way from another system. The arrays are the source's: valid until the next. */
export interface ImportedSeries {
  readonly labels: Labels;
  /** Unix epoch, ms, integers; mostly rising. */
  readonly timestampsMs: Float64Array;
  /** The bit patterns of the values, two words each, the low half first: every bit of a NaN is kept. */
  readonly valueBits: Uint32Array;
}

/** A source that knows its series in the order of their labels (`compareLabels`), such as a block. */
export interface OrderedSource {
  /** All its samples are in it; both ends included. */
  readonly range: TimeRange;
  /** What was met so far that cannot be taken over, and how many samples that is. */
  readonly skipped: ReadonlyMap<string, number>;
  /**
   * The series that have samples in a range, each once, in order, with those samples.
   * @throws OperatingError `disk.corrupt` that says where, `disk.failed`.
   */
  series(range: TimeRange): Iterable<ImportedSeries>;
}

/** Samples of many series in any order, in columns. The arrays are the source's: valid until the next batch. */
export interface ImportedBatch {
  /** Label sets that may appear in the batch. The same object in a later batch is the same series. */
  readonly labelSets: readonly Labels[];
  /** For each sample, the index of its label set. */
  readonly series: Uint32Array;
  /** Unix epoch, ms, integers. */
  readonly timestampsMs: Float64Array;
  /** As `ImportedSeries` has them. */
  readonly valueBits: Uint32Array;
  /** Where to go on after this batch, in the source's own words; absent where a source only begins at its start. */
  readonly resumeAt?: string;
}

/** A source that tells its samples as they come. */
export interface UnorderedSource {
  /** What was met so far that cannot be taken over, and how many samples that is. */
  readonly skipped: ReadonlyMap<string, number>;
  /**
   * All samples, from the start or from where `resumeAt` of an earlier batch says.
   * @throws OperatingError `input.invalid`, `disk.corrupt`, `http.failed`, each with the place.
   */
  batches(resumeAt: string | undefined, signal: AbortSignal): AsyncIterable<ImportedBatch>;
}
