import type { Labels, Matcher } from "@pharos/base";
import type { TimeRange } from "./series-store.ts";

/** One observation that stands for many, with labels that say where it came from, such as a trace's identifier. */
export interface Exemplar {
  readonly labels: Labels;
  /** Unix epoch, an integer. */
  readonly timestampMs: number;
  readonly value: number;
}

/** Exemplars in columns, one entry an exemplar: as `SampleBatch`. */
export interface ExemplarBatch {
  /** The label sets of series that appear in the batch, each once. */
  readonly labelSets: readonly Labels[];
  /** For each exemplar, the index of its series in `labelSets`. */
  readonly series: Uint32Array;
  readonly exemplars: readonly Exemplar[];
}

/** The exemplars of one series, ordered by strictly increasing time. */
export interface SeriesExemplars {
  readonly labels: Labels;
  readonly exemplars: readonly Exemplar[];
}

/** What became of a batch of exemplars; all others are what the series has already, and nothing happened. */
export interface ExemplarResult {
  readonly appended: number;
  /** Before the newest of their series, or at its time with something else. */
  readonly outOfOrder: number;
  /** With labels that are too long, or beyond what may be kept. */
  readonly refused: number;
}

/** How long the labels of an exemplar may be, in all: code points of names and values, as OpenMetrics has it. */
export const EXEMPLAR_LABELS_LENGTH_MAX = 128;

export interface ExemplarReader {
  /** Of the series that match any of the matcher lists, those with exemplars in `range`; sorted by labels. */
  exemplars(
    range: TimeRange,
    matcherLists: readonly (readonly Matcher[])[],
  ): Promise<readonly SeriesExemplars[]>;
}

/** Keeps exemplars with their series: in order of time, one at a time each. */
export interface ExemplarStore extends ExemplarReader {
  /**
   * Appends what can be kept; a series sends its newest exemplar again and again, which changes nothing.
   * @throws OperatingError `queue.full`, `disk.full`: nothing was appended.
   */
  appendExemplars(batch: ExemplarBatch): Promise<ExemplarResult>;
}
