import { hash } from "node:crypto";
import { type Labels, labelsFrom } from "@pharos/base";
import { decodeLabels, encodeLabels } from "@pharos/kernels";
import type { BytesColumn, ColumnSet, ColumnSetKind } from "../block/column-set.ts";
import type { Pause } from "../slices.ts";
import {
  byteColumns,
  floatColumns,
  type LabelColumns,
  SERIES_ID,
  TIMESTAMP,
} from "./archive-columns.ts";
import type { ColumnRows, FileColumn, ParquetFile } from "./parquet-file.ts";
import { ByteBuffer, type Run } from "./parquet-values.ts";

/** Rows of a row group: large enough that a footer stays small, small enough to be built in memory. */
export const GROUP_ROWS = 512 * 1024;
/** Series after which it ends as well: each has some objects until it is written. */
const GROUP_SERIES_MAX = 64 * 1024;
/** For how many rows there is room at first. */
const GROUP_ROWS_MIN = 4096;
/** Bytes of byte strings after which a row group ends before that. */
const GROUP_BYTES_MAX = 32 * 1024 * 1024;

const STALE_LOW = 0x0000_0002;
const STALE_HIGH = 0x7ff0_0000;

/** The same for equal label sets in all files: the first 63 bits of the SHA-256 of the canonical label bytes. */
export function seriesId(labels: Labels): bigint {
  return BigInt(`0x${hash("sha256", encodeLabels(labels), "hex").slice(0, 16)}`) >> 1n;
}

/** The columns of the file with the samples of one kind. */
export function sampleFileColumns(kind: ColumnSetKind, labels: LabelColumns): FileColumn[] {
  return [
    { name: SERIES_ID, kind: "number" },
    ...labels.columns,
    { name: TIMESTAMP, kind: "time" },
    ...floatColumns(kind).map((name): FileColumn => ({ name, kind: "float" })),
    ...byteColumns(kind).map(
      (name): FileColumn => ({ name, kind: "bytes", json: kind === "exemplars" }),
    ),
  ];
}

/** The runs of the label columns for some series, each with its number of rows. */
export function labelRuns(
  columns: LabelColumns,
  series: readonly { readonly labels: Labels; readonly rows: number }[],
): ColumnRows[] {
  const own = new Map(columns.names.map((name) => [name, new TextRuns()]));
  const others = new TextRuns();
  let row = 0;
  for (const { labels, rows } of series) {
    // A column that a series has nothing for costs it nothing: there may be hundreds.
    for (const [name, value] of labels) own.get(name)?.add(row, rows, value);
    if (columns.hasOthers) {
      const rest = labels.filter(([name]) => !columns.has(name));
      if (rest.length > 0) others.add(row, rows, labelsToJson(rest));
    }
    row += rows;
  }
  const lists = columns.hasOthers ? [...own.values(), others] : [...own.values()];
  return lists.map((runs) => ({ kind: "text", runs: runs.upTo(row) }));
}

/** Runs of a text column, which is absent in the rows that nobody says anything of. */
class TextRuns {
  readonly #runs: { value: string | undefined; count: number }[] = [];
  #rows = 0;

  add(firstRow: number, rows: number, value: string): void {
    this.upTo(firstRow);
    this.#push(value, rows);
  }

  upTo(row: number): readonly Run<string | undefined>[] {
    if (row > this.#rows) this.#push(undefined, row - this.#rows);
    return this.#runs;
  }

  #push(value: string | undefined, count: number): void {
    const last = this.#runs.at(-1);
    if (last !== undefined && last.value === value) last.count += count;
    else this.#runs.push({ value, count });
    this.#rows += count;
  }
}

/** Label sets in rows of label columns, as `labelRuns` wrote them. */
export function labelsOfRow(
  row: number,
  columns: ReadonlyMap<string, readonly (string | undefined)[]>,
  others: readonly (string | undefined)[] | undefined,
): Labels {
  const pairs: [string, string][] = [];
  for (const [label, values] of columns) {
    const value = values[row];
    if (value !== undefined) pairs.push([label, value]);
  }
  const rest = others?.[row];
  return labelsFrom(rest === undefined ? pairs : [...pairs, ...jsonToLabels(rest)]);
}

/** `{"name":"value"}`, in the order of the labels. */
export function labelsToJson(labels: Labels): string {
  const parts = labels.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return `{${parts.join(",")}}`;
}

export function jsonToLabels(json: string): Labels {
  return labelsFrom(Object.entries(JSON.parse(json) as Record<string, string>));
}

/** Puts rows of series, in their order, into row groups of a file. */
export class SampleFileWriter {
  readonly #file: ParquetFile;
  readonly #kind: ColumnSetKind;
  readonly #labels: LabelColumns;
  #timestampsMs = new Float64Array(GROUP_ROWS_MIN);
  #floats: Uint32Array[];
  readonly #bytes: readonly { ends: Uint32Array; bytes: ByteBuffer }[];
  #series: { labels: Labels; id: bigint; rows: number }[] = [];
  #rows = 0;

  constructor(file: ParquetFile, kind: ColumnSetKind, labels: LabelColumns) {
    this.#file = file;
    this.#kind = kind;
    this.#labels = labels;
    this.#floats = floatColumns(kind).map(() => new Uint32Array(GROUP_ROWS_MIN * 2));
    this.#bytes = byteColumns(kind).map(() => ({
      ends: new Uint32Array(GROUP_ROWS_MIN),
      bytes: new ByteBuffer(),
    }));
  }

  /** Rows in the file, counting those not written yet. */
  get rowCount(): number {
    return this.#file.rowCount + this.#rows;
  }

  /** Adds rows of a series: its first, or the next of the series added last. Yields the bytes of full row groups. */
  async *add(labels: Labels, id: bigint, set: ColumnSet, pause: Pause): AsyncGenerator<Uint8Array> {
    const count = set.timestampsMs.length;
    for (let from = 0; from < count; ) {
      const to = Math.min(count, from + GROUP_ROWS - this.#rows);
      this.#append(labels, id, set, from, to);
      from = to;
      const full =
        this.#rows === GROUP_ROWS ||
        this.#series.length === GROUP_SERIES_MAX ||
        this.#bytes.some(({ bytes }) => bytes.length >= GROUP_BYTES_MAX);
      if (full) yield* this.flush(pause);
    }
  }

  /** Yields the rows that are left as a row group. */
  async *flush(pause: Pause): AsyncGenerator<Uint8Array> {
    const rows = this.#rows;
    if (rows === 0) return;
    const ids = this.#series.map(({ id, rows: count }) => ({ value: id, count }));
    const columns: ColumnRows[] = [
      { kind: "number", runs: ids },
      ...labelRuns(this.#labels, this.#series),
      { kind: "time", values: this.#timestampsMs.subarray(0, rows) },
      ...this.#floats.map((bits): ColumnRows => ({ kind: "float", bits, isAbsent: stale(bits) })),
      ...this.#bytes.map(
        ({ ends, bytes }): ColumnRows => ({ kind: "bytes", ends, bytes: bytes.bytes }),
      ),
    ];
    // A page is some milliseconds of work; `pause` counts in steps of much less.
    for (const _ of this.#file.rowGroup(rows, columns)) await pause(PAGE_STEPS);
    this.#rows = 0;
    this.#series = [];
    for (const { bytes } of this.#bytes) bytes.clear();
    yield this.#file.take();
  }

  #reserve(rows: number): void {
    const there = this.#timestampsMs.length;
    if (there >= rows) return;
    const room = Math.min(GROUP_ROWS, Math.max(rows, there * 2));
    this.#timestampsMs = grown(this.#timestampsMs, room);
    this.#floats = this.#floats.map((bits) => grown(bits, room * 2));
    for (const column of this.#bytes) column.ends = grown(column.ends, room);
  }

  #append(labels: Labels, id: bigint, set: ColumnSet, from: number, to: number): void {
    const at = this.#rows;
    this.#reserve(at + to - from);
    this.#timestampsMs.set(set.timestampsMs.subarray(from, to), at);
    for (const [column, bits] of set.floats.entries())
      this.#floats[column]?.set(bits.subarray(from * 2, to * 2), at * 2);
    for (const [column, strings] of set.bytes.entries()) {
      const out = this.#bytes[column];
      if (out === undefined) continue;
      for (let row = from; row < to; row++) {
        const bytes = byteString(strings, row);
        out.bytes.append(this.#kind === "exemplars" ? labelBytesToJson(bytes) : bytes);
        out.ends[at + row - from] = out.bytes.length;
      }
    }
    const last = this.#series.at(-1);
    if (last?.labels === labels) last.rows += to - from;
    else this.#series.push({ labels, id, rows: to - from });
    this.#rows += to - from;
  }
}

function grown<T extends Float64Array | Uint32Array>(column: T, length: number): T {
  const larger =
    column instanceof Float64Array ? new Float64Array(length) : new Uint32Array(length);
  larger.set(column);
  return larger as T;
}

const PAGE_STEPS = 64;

function stale(bits: Uint32Array): (row: number) => boolean {
  return (row) => bits[row * 2] === STALE_LOW && bits[row * 2 + 1] === STALE_HIGH;
}

export function byteString({ ends, bytes }: BytesColumn, row: number): Uint8Array {
  return bytes.subarray(row === 0 ? 0 : (ends[row - 1] as number), ends[row]);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** For people who read the file: exemplars' labels are bytes of ours in a block. */
function labelBytesToJson(bytes: Uint8Array): Uint8Array {
  return encoder.encode(labelsToJson(decodeLabels(bytes)));
}

export function jsonToLabelBytes({ ends, bytes }: BytesColumn): BytesColumn {
  const out = new ByteBuffer();
  const outEnds = new Uint32Array(ends.length);
  for (let row = 0; row < ends.length; row++) {
    const json = decoder.decode(byteString({ ends, bytes }, row));
    out.append(encodeLabels(jsonToLabels(json)));
    outEnds[row] = out.length;
  }
  return { ends: outEnds, bytes: out.bytes.slice() };
}
