export { type KernelExports, Kernels } from "./kernels.ts";
export { decodeLabels, encodeLabels, isCanonical } from "./label-bytes.ts";
export { SampleColumns } from "./sample-columns.ts";
export { HEAD_NAMESPACE, SERIES_BYTES_MAX, SeriesTable, VALUE_DROPPED } from "./series-table.ts";
