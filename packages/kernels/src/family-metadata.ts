/** What a metric family is, as its sender describes it. */
export interface FamilyMetadata {
  readonly family: string;
  /** As OpenMetrics names them. */
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}

export type MetricType = (typeof METRIC_TYPES)[number];

/** In the order of the enum in remote write's protobuf. */
export const METRIC_TYPES = [
  "unknown",
  "counter",
  "gauge",
  "histogram",
  "gaugehistogram",
  "summary",
  "info",
  "stateset",
] as const;
