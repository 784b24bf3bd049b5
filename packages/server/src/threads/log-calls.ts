import type { LogBatch, LogPosition, MetricMetadata } from "@pharos/ports";

/** Batches of the log that came together, as one; labels come once, with the first batch that has the series. */
export interface SentLogBatch extends Omit<LogBatch, "labelsOf"> {
  /** Series that the reader has not had in this epoch, with their labels as `encodeLabels` has them. */
  readonly newSeries: readonly number[];
  readonly newLabels: readonly Uint8Array[];
  /** How much of the log its consumer has not committed, bytes. */
  readonly lag: number;
}

export interface ConsumerState {
  readonly committed: readonly LogPosition[];
  readonly lag: number;
}

/** What a consumer of the log on another thread asks of the store's. */
export interface LogCalls {
  /** The consumer of this name, which begins at the end of the log if there was none. */
  consumer(ask: string): ConsumerState;
  /** Begins to read, at what was committed unless told; answers the reading's number. */
  read(ask: { readonly name: string; readonly from: readonly LogPosition[] | undefined }): number;
  /** What comes next of a reading, once there is something. */
  next(ask: number): SentLogBatch;
  endRead(ask: number): void;
  commit(ask: { readonly name: string; readonly position: LogPosition }): ConsumerState;
  state(ask: string): ConsumerState;
  metadata(ask: null): readonly MetricMetadata[];
}
