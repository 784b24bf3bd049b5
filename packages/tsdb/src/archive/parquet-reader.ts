import { crc32, zstdDecompressSync } from "node:zlib";
import { assert, OperatingError } from "@pharos/base";
import {
  type ColumnChunk,
  type ColumnMetaData,
  type FileMetaData,
  type PageHeader,
  parquetMetadata,
  readOffsetIndex,
  type Statistics,
} from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import type { BytesColumn } from "../block/column-set.ts";
import { ByteBuffer, damaged, joinBytes, ValueReader } from "./parquet-values.ts";

// Reads the Parquet files that `ParquetFile` writes: by ranges, checking every page, and with every bit of a number.

/** More than a page may have after decompression; damage must not cost the memory of the machine. */
const PAGE_SIZE_MAX = 64 * 1024 * 1024;
const STALE_LOW = 0x0000_0002;
const STALE_HIGH = 0x7ff0_0000;

/** A part of a file. Throws OperatingError. */
export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>;

interface Page {
  readonly offset: number;
  readonly size: number;
  /** Of the row group. */
  readonly firstRow: number;
}

interface Chunk {
  readonly dictionary: { readonly offset: number; readonly size: number } | undefined;
  readonly pages: readonly Page[];
  readonly bounds: Statistics | undefined;
}

/** Some rows that lie together in the file. */
export interface RowGroupLayout {
  readonly firstRow: number;
  readonly rows: number;
  /** Where its bytes lie, of all columns. */
  readonly offset: number;
  readonly size: number;
  readonly columns: ReadonlyMap<string, Chunk>;
}

/** Where everything in a file is. */
export class ParquetLayout {
  readonly groups: readonly RowGroupLayout[];
  readonly rows: number;
  readonly properties: ReadonlyMap<string, string>;
  readonly columns: readonly string[];

  /**
   * @param tail the bytes of the file from `offset` on: indexes and footer.
   * @throws OperatingError `disk.corrupt`.
   */
  constructor(tail: Uint8Array, offset: number) {
    const metadata = guarded(() => parquetMetadata(tail, { parsers: PARSERS }));
    this.groups = guarded(() => groupsOf(metadata, tail, offset));
    this.rows = this.groups.reduce((sum, { rows }) => sum + rows, 0);
    this.properties = new Map(
      (metadata.key_value_metadata ?? []).map(({ key, value = "" }) => [key, value]),
    );
    this.columns = metadata.schema.slice(1).map(({ name }) => name);
  }

  /** The groups that have some of the rows `from` to `to`, the last one not included. */
  groupsWith(from: number, to: number): RowGroupLayout[] {
    return this.groups.filter(
      ({ firstRow, rows }) => firstRow < to && firstRow + rows > from && rows > 0,
    );
  }
}

/** Leaves times as they are written: as whole numbers. */
const PARSERS = { timestampFromMilliseconds: (value: bigint) => value };

/** The library throws errors of all kinds at bytes that it does not understand. */
function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof OperatingError) throw error;
    throw new OperatingError("disk.corrupt", "Parquet footer: not understood", { cause: error });
  }
}

function groupsOf(metadata: FileMetaData, tail: Uint8Array, tailAt: number): RowGroupLayout[] {
  let firstRow = 0;
  return metadata.row_groups.map((group) => {
    const rows = Number(group.num_rows);
    const columns = new Map<string, Chunk>();
    let [start, end] = [Number.POSITIVE_INFINITY, 0];
    for (const column of group.columns) {
      const { meta_data } = column;
      if (meta_data === undefined) throw damaged("a column without a description");
      const at = Number(meta_data.dictionary_page_offset ?? meta_data.data_page_offset);
      start = Math.min(start, at);
      end = Math.max(end, at + Number(meta_data.total_compressed_size));
      columns.set(meta_data.path_in_schema[0] ?? "", chunkOf(column, meta_data, tail, tailAt));
    }
    const layout = { firstRow, rows, offset: start, size: end - start, columns };
    firstRow += rows;
    return layout;
  });
}

function chunkOf(
  { offset_index_offset, offset_index_length }: ColumnChunk,
  meta: ColumnMetaData,
  tail: Uint8Array,
  tailAt: number,
): Chunk {
  const dataAt = Number(meta.data_page_offset);
  const dictionaryAt = meta.dictionary_page_offset;
  const start = dictionaryAt === undefined ? dataAt : Number(dictionaryAt);
  const end = start + Number(meta.total_compressed_size);
  const dictionary =
    dictionaryAt === undefined ? undefined : { offset: start, size: dataAt - start };
  const bounds = meta.statistics;
  if (offset_index_offset === undefined || offset_index_length === undefined)
    return { dictionary, bounds, pages: [{ offset: dataAt, size: end - dataAt, firstRow: 0 }] };
  const at = Number(offset_index_offset) - tailAt;
  const view = new DataView(tail.buffer, tail.byteOffset + at, offset_index_length);
  const pages = readOffsetIndex({ view, offset: 0 }).page_locations.map((location) => ({
    offset: Number(location.offset),
    size: location.compressed_page_size,
    firstRow: Number(location.first_row_index),
  }));
  return { dictionary, bounds, pages };
}

/** What a page holds once it is checked and decompressed. */
interface PageContent {
  readonly rows: number;
  readonly absentCount: number;
  readonly encoding: string;
  readonly levels: Uint8Array;
  readonly values: Uint8Array;
}

/**
 * Reads rows `from` to `to` of a group (of its own counting, the last one not included).
 * All throw OperatingError `disk.corrupt` for damage, or what `read` throws.
 */
export class GroupReader {
  readonly #read: ReadRange;
  readonly #group: RowGroupLayout;

  constructor(group: RowGroupLayout, read: ReadRange) {
    this.#group = group;
    this.#read = read;
  }

  /** A `time` or `integer` column. */
  async integers(column: string, from: number, to: number): Promise<Float64Array> {
    const out = new Float64Array(to - from);
    for (const { page, firstRow } of await this.#pages(column, from, to)) {
      if (page.encoding !== "DELTA_BINARY_PACKED") throw damaged(`encoding ${page.encoding}`);
      const values = new Float64Array(page.rows);
      new ValueReader(page.values).deltas(values);
      const start = Math.max(0, from - firstRow);
      out.set(values.subarray(start, to - firstRow), firstRow + start - from);
    }
    return out;
  }

  /** A `float` column as bits; absent ones are staleness markers. */
  async floats(column: string, from: number, to: number): Promise<Uint32Array> {
    const out = new Uint32Array((to - from) * 2);
    for (const { page, firstRow } of await this.#pages(column, from, to)) {
      const bits = floatsOf(page);
      const start = Math.max(0, from - firstRow);
      out.set(bits.subarray(start * 2, (to - firstRow) * 2), (firstRow + start - from) * 2);
    }
    return out;
  }

  /** A `bytes` column. */
  async strings(column: string, from: number, to: number): Promise<BytesColumn> {
    const ends = new Uint32Array(to - from);
    const all = new ByteBuffer();
    for (const { page, firstRow } of await this.#pages(column, from, to)) {
      if (page.encoding !== "PLAIN") throw damaged(`encoding ${page.encoding}`);
      const reader = new ValueReader(page.values);
      for (let row = firstRow; row < Math.min(to, firstRow + page.rows); row++) {
        const bytes = reader.take(reader.u32());
        if (row < from) continue;
        all.append(bytes);
        ends[row - from] = all.length;
      }
    }
    return { ends, bytes: all.bytes.slice() };
  }

  /** A `text` column: undefined where it is absent. All rows of the group. */
  async texts(column: string): Promise<(string | undefined)[]> {
    const chunk = this.#chunk(column);
    const rows: (string | undefined)[] = new Array(this.#group.rows);
    const { dictionary } = chunk;
    if (dictionary === undefined) throw damaged("no dictionary");
    const start = dictionary.offset;
    const last = chunk.pages.at(-1) as Page;
    const bytes = await this.#bytes(start, last.offset + last.size - start);
    const words = dictionaryOf(bytes.subarray(0, dictionary.size));
    for (const { offset, size, firstRow } of chunk.pages) {
      const page = openPage(bytes.subarray(offset - start, offset - start + size));
      const reader = new ValueReader(page.values);
      const width = Math.ceil(reader.byte() / 8);
      let word = 0;
      let left = 0;
      let row = firstRow;
      for (const { value: present, count } of levelsOf(page))
        for (const end = row + count; row < end; row++) {
          if (present === 0) continue;
          while (left === 0) {
            left = reader.varint() / 2;
            if (left % 1 !== 0) throw damaged("a run header");
            word = 0;
            for (let i = 0; i < width; i++) word += reader.byte() * 256 ** i;
            if (word >= words.length) throw damaged(`word ${word} of ${words.length}`);
          }
          left--;
          rows[row] = words[word] as string;
        }
    }
    return rows;
  }

  #chunk(column: string): Chunk {
    const chunk = this.#group.columns.get(column);
    if (chunk === undefined) throw damaged(`no column ${column}`);
    return chunk;
  }

  async #bytes(offset: number, length: number): Promise<Uint8Array> {
    const bytes = await this.#read(offset, length);
    if (bytes.length !== length) throw damaged(`${bytes.length} of ${length} bytes are there`);
    return bytes;
  }

  /** The pages that hold some of the rows, read in one go. */
  async #pages(
    column: string,
    from: number,
    to: number,
  ): Promise<{ page: PageContent; firstRow: number }[]> {
    assert(from < to && to <= this.#group.rows, "some rows of the group");
    const { pages } = this.#chunk(column);
    const wanted = pages.filter(({ firstRow }, at) => {
      const end = pages[at + 1]?.firstRow ?? this.#group.rows;
      return firstRow < to && end > from;
    });
    const [first, last] = [wanted[0], wanted.at(-1)];
    if (first === undefined || last === undefined) throw damaged("no page for a row");
    const bytes = await this.#bytes(first.offset, last.offset + last.size - first.offset);
    return wanted.map(({ offset, size, firstRow }, at) => {
      const start = offset - first.offset;
      const page = openPage(bytes.subarray(start, start + size));
      const end = wanted[at + 1]?.firstRow;
      if (end !== undefined && end !== firstRow + page.rows) throw damaged("rows are missing");
      return { page, firstRow };
    });
  }
}

function headerOf(bytes: Uint8Array): { header: PageHeader; body: Uint8Array } {
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: 0 };
  const header = guarded(() => parquetHeader(reader));
  const body = bytes.subarray(reader.offset);
  if (body.length !== header.compressed_page_size) throw damaged("a size that does not fit");
  if (header.uncompressed_page_size > PAGE_SIZE_MAX)
    throw damaged(`${header.uncompressed_page_size} bytes after decompression`);
  if (header.crc === undefined || crc32(body) !== header.crc >>> 0)
    throw damaged("the checksum does not match");
  return { header, body };
}

function decompress(bytes: Uint8Array, size: number): Uint8Array {
  const out = guarded(() => zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, size) }));
  if (out.length !== size) throw damaged(`${out.length} bytes instead of ${size}`);
  return out;
}

function openPage(bytes: Uint8Array): PageContent {
  const { header, body } = headerOf(bytes);
  const page = header.data_page_header_v2;
  if (page === undefined) throw damaged(`a page of type ${header.type}`);
  const levelsSize = page.definition_levels_byte_length;
  return {
    rows: page.num_rows,
    absentCount: page.num_nulls,
    encoding: page.encoding,
    levels: body.subarray(0, levelsSize),
    values: decompress(body.subarray(levelsSize), header.uncompressed_page_size - levelsSize),
  };
}

function dictionaryOf(bytes: Uint8Array): string[] {
  const { header, body } = headerOf(bytes);
  const count = header.dictionary_page_header?.num_values;
  if (count === undefined) throw damaged(`a page of type ${header.type}`);
  const reader = new ValueReader(decompress(body, header.uncompressed_page_size));
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return guarded(() =>
    Array.from({ length: count }, () => decoder.decode(reader.take(reader.u32()))),
  );
}

function levelsOf({ levels, rows }: PageContent): Generator<{ value: number; count: number }> {
  return new ValueReader(levels).bitRuns(rows);
}

/** Two words a row. */
function floatsOf(page: PageContent): Uint32Array {
  const { encoding, values, rows, absentCount } = page;
  if (values.length !== (rows - absentCount) * 8) throw damaged(`${values.length} bytes of values`);
  // A copy: the words begin where words may.
  const plain = new Uint8Array(values.length);
  if (encoding === "PLAIN") plain.set(values);
  else if (encoding === "BYTE_STREAM_SPLIT") joinBytes(values, plain);
  else throw damaged(`encoding ${encoding}`);
  const present = new Uint32Array(plain.buffer);
  if (absentCount === 0) return present;
  const bits = new Uint32Array(rows * 2);
  let row = 0;
  let at = 0;
  for (const run of levelsOf(page)) {
    if (run.value === 0)
      for (let i = row; i < row + run.count; i++) {
        bits[i * 2] = STALE_LOW;
        bits[i * 2 + 1] = STALE_HIGH;
      }
    else {
      bits.set(present.subarray(at, at + run.count * 2), row * 2);
      at += run.count * 2;
    }
    row += run.count;
  }
  if (at !== present.length) throw damaged("values are left over");
  return bits;
}
