export { BODY_LIMITS, type BodyLimits } from "./body-limits.ts";
export { COLUMN_SAMPLES_MAX, ColumnCodec, columnSizeMax } from "./column-codec.ts";
export {
  ExpositionDecoder,
  type ExpositionOptions,
  type ExpositionSummary,
  type ResolveLabels,
} from "./exposition.ts";
export { type FamilyMetadata, METRIC_TYPES, type MetricType } from "./family-metadata.ts";
export {
  CHUNK_SAMPLES_MAX,
  CHUNK_SLACK,
  type ColumnPointers,
  chunkSizeMax,
  Gorilla,
} from "./gorilla.ts";
export { type GroupColumn, GroupColumns } from "./group-columns.ts";
export { HEAD_REFERENCES_MAX, HeadChunks, IndexList, type TimestampShape } from "./head.ts";
export {
  closeHeadWindow,
  HeadReader,
  type HeadWindow,
  openHeadWindow,
  type TakeSamples,
} from "./head-reader.ts";
export { type KernelExports, Kernels, type KernelsHandle } from "./kernels.ts";
export { decodeLabels, encodeLabels } from "./label-bytes.ts";
export { LabelCheck, type LabelLimits } from "./label-check.ts";
export { LabelNumbers } from "./label-numbers.ts";
export { QUANTILE_RELATIVE_ERROR, QuantileSketch, SKETCH_BUCKETS_MAX } from "./quantile-sketch.ts";
export {
  type NewSeries,
  type OfferedReferences,
  RemoteWriteDecoder,
  type RemoteWriteSummary,
  type ResolveLabelBytes,
  type SeriesStarter,
} from "./remote-write.ts";
export { SampleColumns } from "./sample-columns.ts";
export { type RolledRows, type RollupSamples, SampleRollup } from "./sample-rollup.ts";
export { type LabelPair, SeriesLabels } from "./series-labels.ts";
export {
  HEAD_NAMESPACE,
  SERIES_BYTES_MAX,
  SeriesTable,
  VALUE_DROPPED,
  VALUE_REFUSED,
} from "./series-table.ts";
export { type ExpositionFormat, parseSeriesText } from "./series-text.ts";
export {
  type SampleAspect,
  WINDOW_SAMPLES_MAX,
  WINDOWS_MAX,
  type WindowGrid,
  WindowKernels,
} from "./window-kernels.ts";
export {
  type ByteStrings,
  type ExemplarEntries,
  type HistogramEntries,
  STARTS_MARK,
  type WrittenAttachments,
  type WrittenStarts,
} from "./written-attachments.ts";
