import { crc32, zstdCompressSync } from "node:zlib";
import { compareUtf8 } from "@pharos/base";
import type { ColumnChunk, Encoding, ParquetType, SchemaElement, Statistics } from "hyparquet";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { writePageHeader } from "hyparquet-writer/src/datapage.js";
import {
  ByteBuffer,
  bitWidthOf,
  encodeDeltas,
  encodeRuns,
  type Run,
  splitBytes,
} from "./parquet-values.ts";

// The library frames the file (schema, page headers, indexes, footer). The pages are made here: labels come as runs, one
// a series, and cost nothing a row; numbers keep every bit, which they do not as JavaScript values.

/** Rows that are compressed, checked and read together. 64 KiB of numbers. */
export const PAGE_ROWS = 8192;
/** A page of byte strings ends with the one that reaches this. */
const PAGE_SIZE_MAX = 1 << 20;
/** Longer texts have no bounds in the footer. */
const BOUND_LENGTH_MAX = 128;

const encoder = new TextEncoder();

/** A column of one row group. All of a group have the same number of rows. */
export type ColumnRows =
  /** Absent where undefined. */
  | { readonly kind: "text"; readonly runs: readonly Run<string | undefined>[] }
  | { readonly kind: "number"; readonly runs: readonly Run<bigint>[] }
  /** Whole numbers; a `time` is one in ms that readers show as such. */
  | { readonly kind: "time" | "integer"; readonly values: Float64Array }
  /** Bit patterns, low half first; absent where `isAbsent` says so of a row. */
  | {
      readonly kind: "float";
      readonly bits: Uint32Array;
      readonly isAbsent: (row: number) => boolean;
    }
  | { readonly kind: "bytes"; readonly ends: Uint32Array; readonly bytes: Uint8Array };

export type ColumnKind = ColumnRows["kind"];

/** A name, and what is in it. `json` is text for people who read the file; the same bytes otherwise. */
export interface FileColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly json?: boolean;
}

const TYPES: Readonly<Record<ColumnKind, ParquetType>> = {
  text: "BYTE_ARRAY",
  number: "INT64",
  time: "INT64",
  integer: "INT64",
  float: "DOUBLE",
  bytes: "BYTE_ARRAY",
};

/** Makes a Parquet file row group by row group. What is made is taken out after each, so that none is kept. */
export class ParquetFile {
  readonly #columns: readonly FileColumn[];
  readonly #buffer = new ByteWriter(1 << 20);
  readonly #writer: ParquetWriter;
  readonly #levels = new ByteBuffer();
  readonly #values = new ByteBuffer();
  rowCount = 0;
  /** Where the pages end and what describes them begins; set by `finish`. */
  pagesEnd = 0;

  constructor(columns: readonly FileColumn[], properties: Readonly<Record<string, string>>) {
    this.#columns = columns;
    this.#writer = new ParquetWriter({
      writer: this.#buffer,
      schema: [{ name: "schema", num_children: columns.length }, ...columns.map(schemaElement)],
      statisticsTruncateLength: Number.POSITIVE_INFINITY,
      kvMetadata: Object.entries(properties).map(([key, value]) => ({ key, value })),
      createdBy: "Pharos",
    });
  }

  /** The bytes made since the last call. */
  take(): Uint8Array {
    const bytes = this.#buffer.getBytes().slice();
    this.#buffer.index = 0;
    return bytes;
  }

  /** Writes one column after another; between them others may run. */
  *rowGroup(rows: number, columns: readonly ColumnRows[]): Generator<undefined> {
    const start = this.#buffer.offset;
    const chunks: ColumnChunk[] = [];
    for (const [at, column] of columns.entries()) {
      const chunk = new ChunkWriter(this.#columns[at] as FileColumn, this.#buffer, rows);
      yield* this.#column(chunk, column, rows);
      const written = chunk.finish();
      this.#writer.pendingIndexes.push(written);
      chunks.push(written.chunk);
    }
    const sizeOf = ({ meta_data }: ColumnChunk): bigint => meta_data?.total_uncompressed_size ?? 0n;
    this.#writer.row_groups.push({
      columns: chunks,
      num_rows: BigInt(rows),
      total_byte_size: chunks.reduce((sum, chunk) => sum + sizeOf(chunk), 0n),
      total_compressed_size: BigInt(this.#buffer.offset - start),
    });
    this.#writer.num_rows += BigInt(rows);
    this.rowCount += rows;
  }

  finish(): void {
    this.pagesEnd = this.#buffer.offset;
    void this.#writer.finish(); // Its buffer is in memory: nothing is waited for.
  }

  *#column(chunk: ChunkWriter, column: ColumnRows, rows: number): Generator<undefined> {
    const values = this.#values;
    switch (column.kind) {
      case "text":
      case "number":
        this.#dictionary(chunk, column, rows);
        yield;
        return;
      case "time":
      case "integer": {
        for (let from = 0; from < rows; from += PAGE_ROWS) {
          values.clear();
          const part = column.values.subarray(from, from + PAGE_ROWS);
          encodeDeltas(part, values);
          chunk.page(part.length, 0, NO_LEVELS, values.bytes, "DELTA_BINARY_PACKED");
          yield;
        }
        chunk.bounds(bigintBounds(column.values));
        return;
      }
      case "float":
        for (let from = 0; from < rows; from += PAGE_ROWS) {
          this.#floats(chunk, column, from, Math.min(rows, from + PAGE_ROWS));
          yield;
        }
        return;
      case "bytes":
        for (let from = 0; from < rows; ) {
          from = this.#strings(chunk, column, from, Math.min(rows, from + PAGE_ROWS));
          yield;
        }
    }
  }

  /** Values that come in runs: each once in the dictionary, then runs of their numbers. */
  #dictionary(
    chunk: ChunkWriter,
    column: Extract<ColumnRows, { kind: "text" | "number" }>,
    rows: number,
  ): void {
    const values = this.#values;
    const levels = this.#levels;
    const numbers = new Map<string | bigint, number>();
    const present: Run<number>[] = [];
    let absentCount = 0;
    for (const { value, count } of column.runs) {
      if (value === undefined) absentCount += count;
      else present.push({ value: numbers.getOrInsertComputed(value, () => numbers.size), count });
    }
    values.clear();
    for (const value of numbers.keys()) putPlain(values, value);
    chunk.dictionary(numbers.size, values.bytes);

    levels.clear();
    if (column.kind === "text")
      encodeRuns(
        column.runs.map(({ value, count }) => ({ value: value === undefined ? 0 : 1, count })),
        1,
        levels,
      );
    const bitWidth = bitWidthOf(numbers.size);
    values.clear();
    values.byte(bitWidth);
    encodeRuns(present, bitWidth, values);
    chunk.page(rows, absentCount, levels.bytes, values.bytes, "RLE_DICTIONARY");
    if (column.kind === "text") chunk.bounds(textBounds(numbers.keys(), absentCount));
  }

  #floats(
    chunk: ChunkWriter,
    { bits, isAbsent }: Extract<ColumnRows, { kind: "float" }>,
    from: number,
    to: number,
  ): void {
    const levels = this.#levels;
    const present = new Uint32Array((to - from) * 2);
    const runs: Run<number>[] = [];
    let length = 0;
    for (let row = from, start = from; row < to; row++) {
      const absent = isAbsent(row);
      if (!absent) {
        present[length++] = bits[row * 2] as number;
        present[length++] = bits[row * 2 + 1] as number;
      }
      if (row + 1 < to && isAbsent(row + 1) === absent) continue;
      runs.push({ value: absent ? 0 : 1, count: row + 1 - start });
      start = row + 1;
    }
    levels.clear();
    encodeRuns(runs, 1, levels);
    const plain = new Uint8Array(present.buffer, 0, length * 4);
    const split = new Uint8Array(plain.length);
    splitBytes(plain, split);
    chunk.smallerPage(to - from, to - from - length / 2, levels.bytes, plain, split);
  }

  /** Answers the row at which the next page begins: a page of byte strings has a size as well. */
  #strings(
    chunk: ChunkWriter,
    { ends, bytes }: Extract<ColumnRows, { kind: "bytes" }>,
    from: number,
    to: number,
  ): number {
    const values = this.#values;
    values.clear();
    let row = from;
    for (; row < to && values.length < PAGE_SIZE_MAX; row++) {
      const start = row === 0 ? 0 : (ends[row - 1] as number);
      const end = ends[row] as number;
      values.u32(end - start);
      values.append(bytes.subarray(start, end));
    }
    chunk.page(row - from, 0, NO_LEVELS, values.bytes, "PLAIN");
    return row;
  }
}

const NO_LEVELS = new Uint8Array(0);

function schemaElement({ name, kind, json }: FileColumn): SchemaElement {
  return {
    name,
    type: TYPES[kind],
    repetition_type: kind === "text" || kind === "float" ? "OPTIONAL" : "REQUIRED",
    ...(kind === "text" || json === true
      ? { converted_type: "UTF8", logical_type: { type: "STRING" } }
      : {}),
    ...(kind === "time"
      ? {
          converted_type: "TIMESTAMP_MILLIS",
          logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MILLIS" },
        }
      : {}),
  };
}

function putPlain(out: ByteBuffer, value: string | bigint): void {
  if (typeof value === "bigint") {
    const bits = BigInt.asUintN(64, value);
    out.u32(Number(bits & 0xffff_ffffn));
    out.u32(Number(bits >> 32n));
  } else {
    const bytes = encoder.encode(value);
    out.u32(bytes.length);
    out.append(bytes);
  }
}

function textBounds(values: Iterable<string | bigint>, absentCount: number): Statistics {
  let min: string | undefined;
  let max: string | undefined;
  for (const value of values) {
    if (typeof value !== "string") continue;
    if (min === undefined || compareUtf8(value, min) < 0) min = value;
    if (max === undefined || compareUtf8(value, max) > 0) max = value;
  }
  const null_count = BigInt(absentCount);
  if (min === undefined || max === undefined) return { null_count };
  if (min.length > BOUND_LENGTH_MAX || max.length > BOUND_LENGTH_MAX) return { null_count };
  return { null_count, min_value: min, max_value: max };
}

function bigintBounds(values: Float64Array): Statistics {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { null_count: 0n, min_value: BigInt(min), max_value: BigInt(max) };
}

type PageLocation = {
  offset: bigint;
  compressed_page_size: number;
  first_row_index: bigint;
};

/** One column of one row group. */
class ChunkWriter {
  readonly #column: FileColumn;
  readonly #out: ByteWriter;
  readonly #rows: number;
  readonly #start: number;
  readonly #encodings = new Set<Encoding>();
  readonly #locations: PageLocation[] = [];
  #dictionaryAt: number | undefined;
  #uncompressedSize = 0;
  #rowsWritten = 0;
  #statistics: Statistics | undefined;

  constructor(column: FileColumn, out: ByteWriter, rows: number) {
    this.#column = column;
    this.#out = out;
    this.#rows = rows;
    this.#start = out.offset;
  }

  bounds(statistics: Statistics): void {
    this.#statistics = statistics;
  }

  dictionary(count: number, values: Uint8Array): void {
    const compressed = zstdCompressSync(values);
    this.#dictionaryAt = this.#out.offset;
    writePageHeader(this.#out, {
      type: "DICTIONARY_PAGE",
      uncompressed_page_size: values.length,
      compressed_page_size: compressed.length,
      crc: crc32(compressed) | 0,
      dictionary_page_header: { num_values: count, encoding: "PLAIN" },
    });
    this.#encodings.add("PLAIN");
    this.#uncompressedSize += this.#out.offset - this.#dictionaryAt;
    this.#append(compressed, values.length);
  }

  page(
    rows: number,
    absentCount: number,
    levels: Uint8Array,
    values: Uint8Array,
    encoding: Encoding,
  ): void {
    this.#page(rows, absentCount, levels, values.length, zstdCompressSync(values), encoding);
  }

  /** Numbers as they are, or split by bytes: whichever compresses better. */
  smallerPage(
    rows: number,
    absentCount: number,
    levels: Uint8Array,
    plain: Uint8Array,
    split: Uint8Array,
  ): void {
    const [a, b] = [zstdCompressSync(plain), zstdCompressSync(split)];
    if (a.length <= b.length) this.#page(rows, absentCount, levels, plain.length, a, "PLAIN");
    else this.#page(rows, absentCount, levels, split.length, b, "BYTE_STREAM_SPLIT");
  }

  #page(
    rows: number,
    absentCount: number,
    levels: Uint8Array,
    valuesSize: number,
    compressed: Uint8Array,
    encoding: Encoding,
  ): void {
    const at = this.#out.offset;
    writePageHeader(this.#out, {
      type: "DATA_PAGE_V2",
      uncompressed_page_size: levels.length + valuesSize,
      compressed_page_size: levels.length + compressed.length,
      crc: crc32(compressed, crc32(levels)) | 0,
      data_page_header_v2: {
        num_values: rows,
        num_nulls: absentCount,
        num_rows: rows,
        encoding,
        definition_levels_byte_length: levels.length,
        repetition_levels_byte_length: 0,
        is_compressed: true,
      },
    });
    this.#uncompressedSize += this.#out.offset - at;
    this.#out.appendBytes(levels);
    this.#append(compressed, levels.length + valuesSize);
    this.#encodings.add(encoding);
    this.#locations.push({
      offset: BigInt(at),
      compressed_page_size: this.#out.offset - at,
      first_row_index: BigInt(this.#rowsWritten),
    });
    this.#rowsWritten += rows;
  }

  #append(bytes: Uint8Array, uncompressedSize: number): void {
    this.#out.appendBytes(bytes);
    this.#uncompressedSize += uncompressedSize;
  }

  finish(): {
    chunk: ColumnChunk;
    offsetIndex: { page_locations: PageLocation[] };
  } {
    const { name, kind } = this.#column;
    const first = this.#locations[0] as PageLocation;
    const statistics = this.#statistics;
    return {
      chunk: {
        file_offset: BigInt(this.#start),
        meta_data: {
          type: TYPES[kind],
          encodings: [...this.#encodings],
          path_in_schema: [name],
          codec: "ZSTD",
          num_values: BigInt(this.#rows),
          total_uncompressed_size: BigInt(this.#uncompressedSize),
          total_compressed_size: BigInt(this.#out.offset - this.#start),
          data_page_offset: first.offset,
          ...(this.#dictionaryAt === undefined
            ? {}
            : { dictionary_page_offset: BigInt(this.#dictionaryAt) }),
          ...(statistics === undefined ? {} : { statistics }),
        },
      },
      offsetIndex: { page_locations: this.#locations },
    };
  }
}
