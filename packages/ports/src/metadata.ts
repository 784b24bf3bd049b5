/** What a metric family is, as its targets say. */
export interface MetricMetadata {
  /** The family's name. */
  readonly metric: string;
  /** As OpenMetrics names them: counter, gauge, histogram …; unknown where nobody says. */
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

/** Keeps what was said last of each metric family. */
export interface MetadataStore {
  /** Families that are described as they were cost nothing. @throws OperatingError `queue.full`, `disk.full`. */
  appendMetadata(list: readonly MetricMetadata[]): Promise<void>;
  /** Sorted by name; only `metric` where it is given. */
  metadata(metric?: string): Promise<readonly MetricMetadata[]>;
}
