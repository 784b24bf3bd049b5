import type { Labels } from "@pharos/base";
import type {
  ExemplarEntries,
  HistogramEntries,
  SampleColumns,
  SeriesStarter,
  SeriesTable,
} from "@pharos/kernels";
import type { AppendResult, ExemplarResult, MetricMetadata } from "@pharos/ports";

/**
 * Where what is no float sample goes. As `ColumnSink.appendColumns`: where there is a promise, it resolves when what was
 * given survives a crash. References are those of the sink, and all calls come before anything is waited for.
 *
 * Every method may throw OperatingError `queue.full`, `memory.full`, `disk.full`, `disk.failed`, `input.too_large`, either
 * at once or by the promise: nothing was appended then.
 */
export interface AttachmentSink {
  appendHistograms(histograms: HistogramEntries): AppendResult | Promise<AppendResult>;
  appendExemplars(exemplars: ExemplarEntries): ExemplarResult | Promise<ExemplarResult>;
  appendMetadata(list: readonly MetricMetadata[]): void | Promise<void>;
}

/** When the counting of samples began, in columns. */
export interface StartEntries {
  /** As in `SampleColumns.series`. */
  readonly refs: Uint32Array;
  /** Of the samples; Unix epoch, ms. */
  readonly timestampsMs: Float64Array;
  /** Unix epoch, ms; NaN where it is not known. */
  readonly startsMs: Float64Array;
}

/** Where start timestamps go. */
export interface StartSink {
  /**
   * Notes when the counting of samples and histograms began: to be called right before they are appended, and best with
   * all of a series in a batch, those without a known start among them.
   *
   * @throws OperatingError `queue.full`, `disk.full`, `disk.failed`, `input.too_large`: nothing was noted.
   */
  append(starts: StartEntries): void;
}

/**
 * Where collected samples go: the store, as collectors see it. A collector clears `columns`, fills them and calls
 * `appendColumns`, all without waiting in between; so one set of columns serves all collectors of a thread.
 */
export interface ColumnSink {
  readonly columns: SampleColumns;
  /** Knows what decoders have met before; its values are what `intern` answers. */
  readonly table: SeriesTable;
  /**
   * How many series have ended so far. While it stays the same, every reference keeps its meaning; afterwards those that
   * `table` has no entry for any more mean nothing, or other series.
   */
  readonly seriesEnded: number;
  /**
   * The reference of a series, by its labels or its canonical label bytes; it is made if it is new. One without samples
   * may end: append to it before anything is waited for, or look at `seriesEnded`.
   *
   * @throws OperatingError `memory.full`.
   */
  intern(series: Labels | Uint8Array): number;
  /** As `intern`, of a series that may be left out: answers `VALUE_REFUSED` where no more series may begin. */
  admit(series: Labels | Uint8Array): number;
  /** Lets a decoder begin series by itself, where the sink keeps them in the table's head. */
  readonly starter?: SeriesStarter;
  /**
   * Appends what is in `columns`, and has read them when it returns. Where it returns a promise, the samples survive a
   * crash once it resolves; else they do already. The caller clears the columns.
   *
   * @throws OperatingError `queue.full`, `memory.full`, `disk.full`, `disk.failed`: nothing was appended. Either at
   * once or by the promise.
   */
  appendColumns(): AppendResult | Promise<AppendResult>;
  /** Takes histograms, exemplars and metadata; where there is none they are left out. */
  readonly attachments?: AttachmentSink | undefined;
  /** Takes start timestamps; where there is none they are left out. */
  readonly starts?: StartSink | undefined;
}
