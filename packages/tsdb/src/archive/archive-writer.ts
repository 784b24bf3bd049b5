import { crc32 } from "node:zlib";
import { assert, compareUtf8, type Labels, OperatingError } from "@pharos/base";
import type { BlobStore } from "@pharos/ports";
import type { Block } from "../block/block.ts";
import type { ColumnDecoder } from "../block/column-decoder.ts";
import { COLUMN_SET_KINDS, type ColumnSet, type ColumnSetKind } from "../block/column-set.ts";
import type { Pause } from "../slices.ts";
import { LabelColumns } from "./archive-columns.ts";
import {
  ARCHIVE_VERSION,
  type ArchivedFile,
  type ArchiveEntry,
  archivedFiles,
  blockPrefix,
  decodeEntry,
  encodeEntry,
  entryKey,
  LabelValues,
} from "./archive-entry.ts";
import { ParquetFile } from "./parquet-file.ts";
import { SampleFileWriter, sampleFileColumns, seriesId } from "./sample-file.ts";
import {
  INDEX_GROUP_ROWS,
  type IndexedSeries,
  seriesFileColumns,
  writeIndexGroup,
} from "./series-file.ts";

/** How much is read back at once to check what was written. */
const CHECK_SIZE = 4 * 1024 * 1024;

/** A block as the archive needs it: its series by number, in the order of their labels. */
export interface ArchiveInput {
  readonly tier: string;
  readonly rangeStartMs: number;
  readonly rangeEndMs: number;
  readonly sequence: number;
  readonly rank: number;
  readonly seriesCount: number;
  /** Sorted. */
  readonly labelNames: readonly string[];
  labelsOf(series: number): Labels;
  kindsOf(series: number): readonly ColumnSetKind[];
  /** All of a series' columns of one kind, in pieces, by time. A piece is valid until `out` returns. */
  read(series: number, kind: ColumnSetKind, out: (columns: ColumnSet) => void): void;
}

/** What was deleted from the block is left out. */
export function archiveInputOf(block: Block, decoder: ColumnDecoder): ArchiveInput {
  const { tier, rangeStartMs, rangeEndMs, sequence, rank, series } = block.meta;
  return {
    ...{ tier, rangeStartMs, rangeEndMs, sequence, rank },
    seriesCount: series,
    labelNames: [...block.index.names()].sort(compareUtf8),
    labelsOf: (one) => block.labelsOf(one),
    kindsOf: (one) => block.kindsOf(one),
    read: (one, kind, out) => block.read(one, kind, rangeStartMs, rangeEndMs, decoder, out),
  };
}

export interface ArchiveWriteOptions {
  readonly pause: Pause;
  readonly signal: AbortSignal;
  /** Writes it again even if it is there already. */
  readonly anew?: boolean;
}

/**
 * Writes a block to the archive. When it answers, all files are there, were read back and are what was written, and the
 * catalogue names them: the block may go. After a crash the same call does what is left; a block that is in the
 * catalogue is only checked. A block of which nothing is left is not written: undefined.
 *
 * @throws OperatingError what the store throws; `disk.corrupt` where a file reads back as something else, or the block
 *   itself cannot be read.
 */
export async function archiveBlock(
  store: BlobStore,
  input: ArchiveInput,
  options: ArchiveWriteOptions,
): Promise<ArchiveEntry | undefined> {
  const { signal } = options;
  const key = entryKey(input);
  const there = options.anew === true ? undefined : await readEntry(store, key, signal);
  if (there !== undefined && (await isIntact(store, there, signal))) return there;
  const entry = await writeFiles(store, input, options);
  if (entry === undefined) return undefined;
  for (const file of archivedFiles(entry)) await checkFile(store, file, signal);
  await store.put(key, [encodeEntry(entry)], signal);
  const written = await readEntry(store, key, signal);
  if (written === undefined)
    throw new OperatingError("disk.corrupt", `${key}: reads back as something else`);
  return entry;
}

/** Undefined if there is none, or none that can be read. */
async function readEntry(
  store: BlobStore,
  key: string,
  signal: AbortSignal,
): Promise<ArchiveEntry | undefined> {
  if ((await store.head(key, signal)) === undefined) return undefined;
  const entry = decodeEntry(await store.get(key, null, signal));
  return typeof entry === "string" ? undefined : entry;
}

async function isIntact(
  store: BlobStore,
  entry: ArchiveEntry,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    for (const file of archivedFiles(entry)) await checkFile(store, file, signal);
    return true;
  } catch (error) {
    if (error instanceof OperatingError && error.code === "disk.corrupt") return false;
    throw error;
  }
}

/** Reads a file back. @throws OperatingError `disk.corrupt` if it is not what was written. */
export async function checkFile(
  store: BlobStore,
  { key, size, crc32: expected }: ArchivedFile,
  signal: AbortSignal,
): Promise<void> {
  const found = await store.head(key, signal);
  if (found?.size !== size)
    throw new OperatingError(
      "disk.corrupt",
      `${key}: ${found === undefined ? "is missing" : `has ${found.size} of ${size} bytes`}`,
    );
  let checksum = 0;
  for (let offset = 0; offset < size; offset += CHECK_SIZE)
    checksum = crc32(await store.get(key, { offset, length: CHECK_SIZE }, signal), checksum);
  if (checksum !== expected)
    throw new OperatingError("disk.corrupt", `${key}: reads back as something else`);
}

/** What is found out about a block while its files are written. */
class SeriesRows {
  readonly #firstRow: Float64Array;
  readonly #rows: Float64Array;

  constructor(seriesCount: number) {
    this.#firstRow = new Float64Array(seriesCount);
    this.#rows = new Float64Array(seriesCount);
  }

  set(series: number, firstRow: number, rows: number): void {
    this.#firstRow[series] = firstRow;
    this.#rows[series] = rows;
  }

  rangeOf(series: number): { firstRow: number; rows: number } | undefined {
    const rows = this.#rows[series] as number;
    return rows === 0 ? undefined : { firstRow: this.#firstRow[series] as number, rows };
  }
}

async function writeFiles(
  store: BlobStore,
  input: ArchiveInput,
  { pause, signal }: ArchiveWriteOptions,
): Promise<ArchiveEntry | undefined> {
  const prefix = blockPrefix(input);
  const labels = new LabelColumns(input.labelNames);
  const present = new Set<ColumnSetKind>();
  for (let series = 0; series < input.seriesCount; series++) {
    for (const kind of input.kindsOf(series)) present.add(kind);
    await pause();
  }
  const minTimeMs = new Float64Array(input.seriesCount).fill(Number.POSITIVE_INFINITY);
  const maxTimeMs = new Float64Array(input.seriesCount).fill(Number.NEGATIVE_INFINITY);
  const kinds = COLUMN_SET_KINDS.filter((kind) => present.has(kind));
  const rowsOf = new Map(kinds.map((kind) => [kind, new SeriesRows(input.seriesCount)]));
  const files: Partial<Record<ColumnSetKind, ArchivedFile>> = {};
  const properties = (content: string): Record<string, string> => ({
    "pharos.version": String(ARCHIVE_VERSION),
    "pharos.content": content,
    "pharos.tier": input.tier,
  });

  async function* samples(kind: ColumnSetKind, file: ParquetFile): AsyncGenerator<Uint8Array> {
    const writer = new SampleFileWriter(file, kind, labels);
    for (let series = 0; series < input.seriesCount; series++) {
      await pause();
      if (!input.kindsOf(series).includes(kind)) continue;
      const pieces: ColumnSet[] = [];
      input.read(series, kind, (piece) => pieces.push(copyOf(piece)));
      if (pieces.length === 0) continue;
      const own = input.labelsOf(series);
      const id = seriesId(own);
      const firstRow = writer.rowCount;
      for (const piece of pieces) {
        const { timestampsMs } = piece;
        minTimeMs[series] = Math.min(minTimeMs[series] as number, timestampsMs[0] as number);
        maxTimeMs[series] = Math.max(maxTimeMs[series] as number, timestampsMs.at(-1) as number);
        yield* writer.add(own, id, piece, pause);
      }
      rowsOf.get(kind)?.set(series, firstRow, writer.rowCount - firstRow);
    }
    yield* writer.flush(pause);
  }

  for (const kind of kinds) {
    const file = new ParquetFile(sampleFileColumns(kind, labels), properties(kind));
    files[kind] = await putFile(
      store,
      `${prefix}${kind}.parquet`,
      file,
      samples(kind, file),
      signal,
    );
  }

  const values = new LabelValues(input.labelNames);
  let seriesCount = 0;
  async function* index(file: ParquetFile): AsyncGenerator<Uint8Array> {
    let group: IndexedSeries[] = [];
    for (let series = 0; series < input.seriesCount; series++) {
      await pause();
      const ranges: Partial<Record<ColumnSetKind, { firstRow: number; rows: number }>> = {};
      for (const [kind, rows] of rowsOf) {
        const range = rows.rangeOf(series);
        if (range !== undefined) ranges[kind] = range;
      }
      if (Object.keys(ranges).length === 0) continue; // All of it was deleted.
      const own = input.labelsOf(series);
      values.add(own);
      seriesCount++;
      group.push({
        labels: own,
        id: seriesId(own),
        minTimeMs: minTimeMs[series] as number,
        maxTimeMs: maxTimeMs[series] as number,
        ranges,
      });
      if (group.length < INDEX_GROUP_ROWS) continue;
      yield await writeIndexGroup(file, labels, kinds, group, pause);
      group = [];
    }
    if (group.length > 0) yield await writeIndexGroup(file, labels, kinds, group, pause);
  }
  const file = new ParquetFile(seriesFileColumns(labels, kinds), properties("series"));
  const indexFile = await putFile(store, `${prefix}series.parquet`, file, index(file), signal);
  if (seriesCount === 0) {
    for (const { key } of [...Object.values(files), indexFile]) await store.delete(key, signal);
    return undefined;
  }
  const { tier, rangeStartMs, rangeEndMs, sequence, rank } = input;
  return {
    version: ARCHIVE_VERSION,
    ...{ tier, rangeStartMs, rangeEndMs, sequence, rank },
    minTimeMs: minTimeMs.reduce((a, b) => Math.min(a, b)),
    maxTimeMs: maxTimeMs.reduce((a, b) => Math.max(a, b)),
    series: seriesCount,
    index: indexFile,
    files,
    labels: values.summaries(),
  };
}

async function putFile(
  store: BlobStore,
  key: string,
  file: ParquetFile,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<ArchivedFile> {
  let checksum = 0;
  async function* all(): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      checksum = crc32(piece, checksum);
      yield piece;
    }
    file.finish();
    const last = file.take();
    checksum = crc32(last, checksum);
    yield last;
  }
  const { size } = await store.put(key, all(), signal);
  assert(file.pagesEnd < size, "a file has a footer");
  return { key, size, crc32: checksum, pagesEnd: file.pagesEnd, rows: file.rowCount };
}

/** A piece is gone when `read` goes on, and is written later than that. */
function copyOf({ kind, timestampsMs, floats, bytes }: ColumnSet): ColumnSet {
  return {
    kind,
    timestampsMs: timestampsMs.slice(),
    floats: floats.map((bits) => bits.slice()),
    bytes: bytes.map((column) => ({ ends: column.ends.slice(), bytes: column.bytes.slice() })),
  };
}
