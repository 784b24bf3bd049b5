import type { Labels, NativeHistogram } from "@pharos/base";
import type { AppendResult } from "./series-store.ts";

/** Native histograms in columns, one entry a sample: as `SampleBatch`. */
export interface HistogramBatch {
  /** The label sets that appear in the batch, each once. */
  readonly labelSets: readonly Labels[];
  /** For each sample, the index of its label set in `labelSets`. */
  readonly series: Uint32Array;
  /** Unix epoch, ms, integers. */
  readonly timestampsMs: Float64Array;
  readonly histograms: readonly NativeHistogram[];
  /** As `SampleBatch.startsMs`. */
  readonly startsMs?: Float64Array;
}

/** The histograms of one series, ordered by strictly increasing time; holds as long as the `SeriesColumns` it is of. */
export interface HistogramColumn {
  readonly timestampsMs: Float64Array;
  /** As `SeriesColumns.startsMs`, of the histograms. */
  readonly startsMs?: Float64Array;
  /** The histogram of a sample: decoded when it is asked for. */
  at(index: number): NativeHistogram;
}

/** Keeps native histograms beside the samples of a series, each at times of their own. */
export interface HistogramStore {
  /**
   * Appends the batch, as `SeriesStore.append` does: what it says of durability, duplicates and late samples holds.
   * `select` gives them to those who ask for them.
   *
   * @throws OperatingError `input.invalid` for a histogram that contradicts itself; `queue.full`, `memory.full`,
   *   `disk.full`: nothing was appended.
   */
  appendHistograms(batch: HistogramBatch): Promise<AppendResult>;
}
