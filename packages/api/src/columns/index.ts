export {
  type ColumnsAnswer,
  type ColumnsEnd,
  type ColumnsGrid,
  type ColumnsHistogram,
  type ColumnsSeries,
  type HistogramJson,
  QUERY_COLUMNS_TYPE,
} from "./format.ts";
export {
  type DecodedColumns,
  decodeQueryColumns,
  type GridSeries,
  type RunSeries,
  type VectorEntry,
  valuesOnGrid,
} from "./reader.ts";
export { encodeQueryColumns } from "./writer.ts";
