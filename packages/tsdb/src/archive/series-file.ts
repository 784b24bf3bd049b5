import type { Labels } from "@pharos/base";
import type { ColumnSetKind } from "../block/column-set.ts";
import type { Pause } from "../slices.ts";
import { type LabelColumns, SERIES_ID } from "./archive-columns.ts";
import type { ColumnRows, FileColumn, ParquetFile } from "./parquet-file.ts";
import { labelRuns } from "./sample-file.ts";

/** Series of a row group of the index. */
export const INDEX_GROUP_ROWS = 8192;

/** Where the rows of a series are in the file of a kind. */
export interface RowRange {
  readonly firstRow: number;
  readonly rows: number;
}

/** A series of an archived block. */
export interface IndexedSeries {
  readonly labels: Labels;
  readonly id: bigint;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  /** By kind; those it has not are absent. */
  readonly ranges: Readonly<Partial<Record<ColumnSetKind, RowRange>>>;
}

export const firstRowColumn = (kind: ColumnSetKind): string => `${kind}_first_row`;
export const rowsColumn = (kind: ColumnSetKind): string => `${kind}_rows`;
export const MIN_TIME = "min_time";
export const MAX_TIME = "max_time";

/** The columns of the index of series: what each is called, where its rows are. */
export function seriesFileColumns(
  labels: LabelColumns,
  kinds: readonly ColumnSetKind[],
): FileColumn[] {
  return [
    { name: SERIES_ID, kind: "number" },
    ...labels.columns,
    { name: MIN_TIME, kind: "time" },
    { name: MAX_TIME, kind: "time" },
    ...kinds.flatMap((kind): FileColumn[] => [
      { name: firstRowColumn(kind), kind: "integer" },
      { name: rowsColumn(kind), kind: "integer" },
    ]),
  ];
}

/** Writes the next series, up to `INDEX_GROUP_ROWS` of them, and answers the bytes. */
export async function writeIndexGroup(
  file: ParquetFile,
  labels: LabelColumns,
  kinds: readonly ColumnSetKind[],
  series: readonly IndexedSeries[],
  pause: Pause,
): Promise<Uint8Array> {
  const numbers = (of: (one: IndexedSeries) => number): Float64Array =>
    Float64Array.from(series, of);
  const columns: ColumnRows[] = [
    { kind: "number", runs: series.map(({ id }) => ({ value: id, count: 1 })) },
    ...labelRuns(
      labels,
      series.map((one) => ({ labels: one.labels, rows: 1 })),
    ),
    { kind: "time", values: numbers(({ minTimeMs }) => minTimeMs) },
    { kind: "time", values: numbers(({ maxTimeMs }) => maxTimeMs) },
    ...kinds.flatMap((kind): ColumnRows[] => [
      { kind: "integer", values: numbers(({ ranges }) => ranges[kind]?.firstRow ?? 0) },
      { kind: "integer", values: numbers(({ ranges }) => ranges[kind]?.rows ?? 0) },
    ]),
  ];
  for (const _ of file.rowGroup(series.length, columns)) await pause();
  return file.take();
}
