export { AssertionFailure, assert, unreachable } from "./assert.ts";
export type { Clock } from "./clock.ts";
export { DURATION_HINT, DURATION_MS_MAX, formatDuration, parseDuration } from "./duration.ts";
export { ERROR_CODES, type ErrorCode, errorText, OperatingError } from "./errors.ts";
export { formatSampleValue, formatValue } from "./format-value.ts";
export {
  decodeHistogram,
  encodeHistogram,
  HistogramJoiner,
  type HistogramParts,
  splitHistogram,
} from "./histogram-encoding.ts";
export {
  readHistogramMessage,
  type TimedHistogram,
  writeHistogramMessage,
  writeHistogramSide,
} from "./histogram-message.ts";
export {
  compareLabels,
  compareUtf8,
  equalLabels,
  formatLabels,
  isLegacyLabelName,
  isLegacyMetricName,
  type Label,
  type Labels,
  labelsFrom,
  labelsKey,
  labelValue,
  METRIC_NAME,
  mergeLabels,
  NO_LABELS,
  onlyLabels,
  quote,
  withLabel,
  withoutLabels,
} from "./labels.ts";
export {
  createMatcher,
  formatMatcher,
  type Matcher,
  type MatchType,
  matchesLabels,
  matchesValue,
} from "./matcher.ts";
export {
  BUCKET_COUNT_MAX,
  BUCKETS_MAX,
  type Bucket,
  type BucketSpan,
  bucketsOf,
  type CounterReset,
  CUSTOM_BOUNDS_SCHEMA,
  DEFAULT_ZERO_THRESHOLD,
  exponentialBound,
  histogramProblem,
  type NativeHistogram,
  STALE_HISTOGRAM,
} from "./native-histogram.ts";
export { ProtoFields } from "./proto-fields.ts";
export { ProtoWriter } from "./proto-writer.ts";
export {
  compileRegex,
  compileRegexSearch,
  REGEX_LENGTH_MAX,
  REGEX_SIZE_MAX,
  type Regex,
  type RegexSearch,
  regexCost,
} from "./regex.ts";
export type { RegexShape } from "./regex-shape.ts";
export { type Rng, seededRng } from "./rng.ts";
export { Secret } from "./secret.ts";
export { packSnappy, UNPACKED_SIZE_MAX, unpackSnappy } from "./snappy.ts";
export { StoredJson } from "./stored-json.ts";
