import { compareUtf8, type Labels, type Matcher, matchesValue, OperatingError } from "@pharos/base";
import type { TimeRange } from "@pharos/ports";
import type { ColumnSet, ColumnSetKind } from "../block/column-set.ts";
import type { ArchiveAccess } from "./archive-access.ts";
import {
  byteColumns,
  floatColumns,
  labelColumn,
  labelOfColumn,
  OTHER_LABELS,
  SERIES_ID,
  TIMESTAMP,
} from "./archive-columns.ts";
import { type ArchivedFile, type ArchiveEntry, entryName, mayMatch } from "./archive-entry.ts";
import { concatColumns, sliceColumns, trimColumns } from "./join-columns.ts";
import { GroupReader, type ReadRange, type RowGroupLayout } from "./parquet-reader.ts";
import { jsonToLabelBytes, jsonToLabels, labelsOfRow } from "./sample-file.ts";
import { firstRowColumn, MAX_TIME, MIN_TIME, type RowRange, rowsColumn } from "./series-file.ts";

/** A row group of the index up to this size is read at once; of a larger one, first what the matchers need. */
const INDEX_GROUP_SIZE_MAX = 256 * 1024;
/** Series whose rows are not further apart than this are read together. */
const GAP_ROWS_MAX = 8192;
/** Rows that are read together, and kept until the next ones are: 1 MiB of samples. */
export const RUN_ROWS_MAX = 64 * 1024;

/** A series of an archived block that matches. */
export interface MatchedSeries {
  readonly labels: Labels;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  /** Where its rows are, by kind; the kinds it has. */
  readonly ranges: ReadonlyMap<ColumnSetKind, RowRange>;
}

/**
 * Reads one archived block by ranges. All methods throw OperatingError `blob.unavailable`, `not_found` or
 * `disk.corrupt`, with the block's name; or the signal's reason.
 */
export class ArchivedBlock {
  readonly entry: ArchiveEntry;
  readonly #access: ArchiveAccess;
  readonly #signal: AbortSignal;

  constructor(entry: ArchiveEntry, access: ArchiveAccess, signal: AbortSignal) {
    this.entry = entry;
    this.#access = access;
    this.#signal = signal;
  }

  /** The series that match and may have samples in the range, in the order of labels. */
  async select(range: TimeRange, matchers: readonly Matcher[]): Promise<MatchedSeries[]> {
    const { entry } = this;
    if (entry.minTimeMs > range.maxMs || entry.maxTimeMs < range.minMs) return [];
    if (!mayMatch(entry, matchers)) return [];
    return this.#named(async () => {
      const layout = await this.#access.layoutOf(entry.index, this.#signal);
      const found: MatchedSeries[] = [];
      for (const group of layout.groups) {
        if (!mayBeIn(group, range, matchers)) continue;
        for (const one of await this.#selectIn(group, range, matchers)) found.push(one);
      }
      return found;
    });
  }

  /** Reads the columns of one kind of the given series, best in their order. */
  columns(kind: ColumnSetKind, series: readonly MatchedSeries[], rowsMax: number): RowReader {
    const file = this.entry.files[kind];
    const ranges = series.map((one) => one.ranges.get(kind));
    return new RowReader(ranges, rowsMax, async (firstRow, rows) =>
      file === undefined
        ? undefined
        : this.#named(() => this.#readRows(kind, file, firstRow, rows)),
    );
  }

  async #selectIn(
    group: RowGroupLayout,
    { minMs, maxMs }: TimeRange,
    matchers: readonly Matcher[],
  ): Promise<MatchedSeries[]> {
    const { key } = this.entry.index;
    const direct = this.#ranges(key);
    const small = group.size <= INDEX_GROUP_SIZE_MAX;
    let read = small ? await prefetched(direct, group) : direct;
    let reader = new GroupReader(group, read);
    const minTimes = await reader.integers(MIN_TIME, 0, group.rows);
    const maxTimes = await reader.integers(MAX_TIME, 0, group.rows);
    let rows = Array.from(minTimes.keys()).filter(
      (row) => (minTimes[row] as number) <= maxMs && (maxTimes[row] as number) >= minMs,
    );
    for (const matcher of matchers) {
      if (rows.length === 0) return [];
      const values = await valuesOf(reader, group, matcher.name);
      rows = rows.filter((row) => matchesValue(matcher, values[row] ?? ""));
    }
    if (rows.length === 0) return [];
    if (!small) {
      read = await prefetched(direct, group);
      reader = new GroupReader(group, read);
    }
    const labels = new Map<string, (string | undefined)[]>();
    const others = group.columns.has(OTHER_LABELS) ? await reader.texts(OTHER_LABELS) : undefined;
    for (const column of labelColumnsOf(group))
      labels.set(labelOfColumn(column), await reader.texts(column));
    const ranges = new Map<ColumnSetKind, [firstRows: Float64Array, rows: Float64Array]>();
    for (const kind of Object.keys(this.entry.files) as ColumnSetKind[])
      ranges.set(kind, [
        await reader.integers(firstRowColumn(kind), 0, group.rows),
        await reader.integers(rowsColumn(kind), 0, group.rows),
      ]);
    return rows.map((row) => ({
      labels: labelsOfRow(row, labels, others),
      minTimeMs: minTimes[row] as number,
      maxTimeMs: maxTimes[row] as number,
      ranges: new Map(
        [...ranges].flatMap(([kind, [firstRows, counts]]) => {
          const rows = counts[row] as number;
          return rows === 0 ? [] : [[kind, { firstRow: firstRows[row] as number, rows }] as const];
        }),
      ),
    }));
  }

  async #readRows(
    kind: ColumnSetKind,
    file: ArchivedFile,
    firstRow: number,
    rows: number,
  ): Promise<ColumnSet> {
    const layout = await this.#access.layoutOf(file, this.#signal);
    const parts: ColumnSet[] = [];
    for (const group of layout.groupsWith(firstRow, firstRow + rows)) {
      const reader = new GroupReader(group, this.#ranges(file.key));
      const from = Math.max(0, firstRow - group.firstRow);
      const to = Math.min(group.rows, firstRow + rows - group.firstRow);
      const [timestampsMs, floats, bytes] = await Promise.all([
        reader.integers(TIMESTAMP, from, to),
        Promise.all(floatColumns(kind).map((name) => reader.floats(name, from, to))),
        Promise.all(byteColumns(kind).map((name) => reader.strings(name, from, to))),
      ]);
      const strings = kind === "exemplars" ? bytes.map(jsonToLabelBytes) : bytes;
      parts.push({ kind, timestampsMs, floats, bytes: strings });
    }
    return concatColumns(parts);
  }

  #ranges(key: string): ReadRange {
    return (offset, length) => this.#access.read(key, offset, length, this.#signal);
  }

  /** Says of an error which block it is of. */
  async #named<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const name = entryName(this.entry);
      throw new OperatingError(error.code, `archived block ${name}: ${error.message}`, {
        cause: error,
      });
    }
  }
}

/** Reads rows of series in runs, so that neighbours cost one read and not one each. */
export class RowReader {
  readonly #ranges: readonly (RowRange | undefined)[];
  readonly #rowsMax: number;
  readonly #read: (firstRow: number, rows: number) => Promise<ColumnSet | undefined>;
  #run:
    | { readonly firstRow: number; readonly end: number; readonly columns: ColumnSet }
    | undefined;

  constructor(
    ranges: readonly (RowRange | undefined)[],
    rowsMax: number,
    read: (firstRow: number, rows: number) => Promise<ColumnSet | undefined>,
  ) {
    this.#ranges = ranges;
    this.#rowsMax = rowsMax;
    this.#read = read;
  }

  /** The columns of one of the series in a range; undefined where it has none there. Nobody else uses them. */
  async columnsOf(series: number, { minMs, maxMs }: TimeRange): Promise<ColumnSet | undefined> {
    const range = this.#ranges[series];
    if (range === undefined) return undefined;
    const { firstRow, rows } = range;
    if (
      this.#run === undefined ||
      firstRow < this.#run.firstRow ||
      firstRow + rows > this.#run.end
    ) {
      const end = this.#endOfRun(series);
      const columns = await this.#read(firstRow, end - firstRow);
      if (columns === undefined) return undefined;
      this.#run = { firstRow, end, columns };
    }
    const from = firstRow - this.#run.firstRow;
    const columns = trimColumns(sliceColumns(this.#run.columns, from, from + rows), minMs, maxMs);
    return columns.timestampsMs.length === 0 ? undefined : columns;
  }

  /** Where a run ends that begins with a series: with the last one near enough. */
  #endOfRun(series: number): number {
    const first = this.#ranges[series] as RowRange;
    let end = first.firstRow + first.rows;
    for (let next = series + 1; next < this.#ranges.length; next++) {
      const range = this.#ranges[next];
      if (range === undefined) continue;
      const nextEnd = range.firstRow + range.rows;
      if (range.firstRow - end > GAP_ROWS_MAX || nextEnd - first.firstRow > this.#rowsMax) break;
      end = nextEnd;
    }
    return end;
  }
}

function labelColumnsOf({ columns }: RowGroupLayout): string[] {
  const own = /^(min_time|max_time|[a-z]+_(first_row|rows))$/;
  return [...columns.keys()].filter(
    (name) => name !== SERIES_ID && name !== OTHER_LABELS && !own.test(name),
  );
}

/** One read for the whole group. */
async function prefetched(read: ReadRange, { offset, size }: RowGroupLayout): Promise<ReadRange> {
  const bytes = await read(offset, size);
  return async (at, length) => bytes.subarray(at - offset, at - offset + length);
}

async function valuesOf(
  reader: GroupReader,
  group: RowGroupLayout,
  label: string,
): Promise<(string | undefined)[]> {
  const column = labelColumn(label);
  if (group.columns.has(column)) return reader.texts(column);
  if (!group.columns.has(OTHER_LABELS)) return [];
  const others = await reader.texts(OTHER_LABELS);
  return others.map((json) =>
    json === undefined ? undefined : jsonToLabels(json).find(([name]) => name === label)?.[1],
  );
}

/** False where the bounds in the footer show that no series of the group can match. */
function mayBeIn(
  group: RowGroupLayout,
  { minMs, maxMs }: TimeRange,
  matchers: readonly Matcher[],
): boolean {
  const earliest = group.columns.get(MIN_TIME)?.bounds?.min_value;
  const latest = group.columns.get(MAX_TIME)?.bounds?.max_value;
  if (typeof earliest === "bigint" && Number(earliest) > maxMs) return false;
  if (typeof latest === "bigint" && Number(latest) < minMs) return false;
  return matchers.every(({ type, name, value }) => {
    if (type !== "=" || value === "") return true;
    const { min_value: min, max_value: max } = group.columns.get(labelColumn(name))?.bounds ?? {};
    if (typeof min !== "string" || typeof max !== "string") return true;
    return compareUtf8(value, min) >= 0 && compareUtf8(value, max) <= 0;
  });
}
