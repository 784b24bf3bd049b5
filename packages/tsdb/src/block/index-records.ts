import type { Label } from "@pharos/base";
import { ByteReader, MalformedBytes } from "./byte-reader.ts";
import { COLUMN_SET_SHAPES, type ColumnSetKind, columnSetKind } from "./column-set.ts";
import { LABEL_GROUP, SERIES_GROUP, TIMES_GROUP } from "./index-format.ts";

// The records of a block's index (index-format.ts), from bytes that may be damaged: each function throws
// `MalformedBytes` where they cannot be what was written.

/** One name's values, and where the records with them are. */
export interface LabelName {
  readonly name: string;
  /** The number of the first value's label. */
  readonly firstLabel: number;
  readonly valueCount: number;
  /** The number of the first record. */
  readonly firstGroup: number;
}

export interface IndexRoot {
  readonly seriesCount: number;
  readonly chunkTrailerSize: number;
  readonly labelCount: number;
  readonly names: readonly LabelName[];
  /** Where each record begins in its stream; the last is where the last ends. */
  readonly labelGroups: Float64Array;
  readonly seriesGroups: Float64Array;
  readonly timesCount: number;
  readonly timesGroups: Float64Array;
  /** Labels by number, as they were asked for; undefined where there are too many to keep. */
  readonly labels: (Label | undefined)[] | undefined;
  /** The same in canonical bytes. */
  readonly pieces: (Uint8Array | undefined)[] | undefined;
}

/** Up to 64 values of one name. */
export interface LabelGroup {
  readonly values: readonly string[];
  /** Where the postings of each begin; the last is where the last's end. */
  readonly postings: Float64Array;
  /** In canonical bytes, made as they are asked for. */
  readonly pieces: (Uint8Array | undefined)[];
}

/** A column of timestamps: where it is in its stream, and what it covers. */
export interface TimesEntry {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** Where it lies once more, among shared timestamps; undefined where only one chunk has it. */
  readonly copyOffset: number | undefined;
}

/** Where a chunk's columns are: one after another from `offset` on. */
export interface ChunkEntry {
  readonly times: number;
  readonly offset: number;
  readonly sizes: readonly number[];
}

export interface SetEntry {
  readonly kind: ColumnSetKind;
  readonly chunks: readonly ChunkEntry[];
}

export interface SeriesEntry {
  /** Numbers of labels, rising. */
  readonly labels: readonly number[];
  readonly sets: readonly SetEntry[];
}

/** An index with more labels than this finds each one anew in its record. */
const KNOWN_LABELS_MAX = 32_768;
/** How many records its values take. */
export function groupCount({ valueCount }: LabelName): number {
  return Math.ceil(valueCount / LABEL_GROUP);
}

/** The record of ROOT. */
export function parseRoot(bytes: Uint8Array): IndexRoot {
  const reader = new ByteReader(bytes);
  const seriesCount = reader.varint();
  const chunkTrailerSize = reader.byte();
  const names: LabelName[] = [];
  const labelGroups = [0];
  let labelCount = 0;
  for (let left = reader.count(3); left > 0; left--) {
    const name = reader.text();
    const valueCount = reader.varint();
    const found = { name, firstLabel: labelCount, valueCount, firstGroup: labelGroups.length - 1 };
    if (groupCount(found) > reader.left) throw new MalformedBytes("records are not there");
    for (let i = 0; i < groupCount(found); i++)
      labelGroups.push((labelGroups.at(-1) as number) + reader.varint());
    labelCount += valueCount;
    names.push(found);
  }
  const seriesGroups = readSizes(reader, reader.count());
  const timesCount = reader.varint();
  const timesGroups = readSizes(reader, Math.ceil(timesCount / TIMES_GROUP));
  if (reader.left > 0) throw new MalformedBytes("it is too long");
  if (seriesGroups.length - 1 !== Math.ceil(seriesCount / SERIES_GROUP))
    throw new MalformedBytes("records of series are not there");
  return {
    seriesCount,
    chunkTrailerSize,
    labelCount,
    names,
    labelGroups: Float64Array.from(labelGroups),
    seriesGroups,
    timesCount,
    timesGroups,
    labels: knownLabels<Label>(labelCount),
    pieces: knownLabels<Uint8Array>(labelCount),
  };
}

function knownLabels<T>(count: number): (T | undefined)[] | undefined {
  return count <= KNOWN_LABELS_MAX ? new Array<T | undefined>(count).fill(undefined) : undefined;
}

function readSizes(reader: ByteReader, count: number): Float64Array {
  if (count > reader.left) throw new MalformedBytes("records are not there");
  const ends = new Float64Array(count + 1);
  for (let i = 0; i < count; i++) ends[i + 1] = (ends[i] as number) + reader.varint();
  return ends;
}

/** A record of LABELS, with `count` values. */
export function parseLabels(bytes: Uint8Array, count: number): LabelGroup {
  const reader = new ByteReader(bytes);
  const decoder = new TextDecoder();
  const postings = new Float64Array(count + 1);
  postings[0] = reader.varint();
  const values: string[] = [];
  let before: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < count; i++) {
    const shared = reader.varint();
    if (shared > before.length) throw new MalformedBytes("a value shares more than there is");
    const rest = reader.raw(reader.varint());
    const value = new Uint8Array(shared + rest.length);
    value.set(before.subarray(0, shared));
    value.set(rest, shared);
    values.push(decoder.decode(value));
    postings[i + 1] = (postings[i] as number) + reader.varint();
    before = value;
  }
  if (reader.left > 0) throw new MalformedBytes("the record is too long");
  const pieces = new Array<Uint8Array | undefined>(count).fill(undefined);
  return { values, postings, pieces };
}

/** A record of SERIES, with `count` of them. */
export function parseSeries(
  bytes: Uint8Array,
  count: number,
  chunkTrailerSize: number,
): SeriesEntry[] {
  const reader = new ByteReader(bytes);
  const place = { offset: reader.varint(), times: reader.varint(), chunkTrailerSize };
  const list: SeriesEntry[] = [];
  let before: readonly number[] = [];
  for (let i = 0; i < count; i++) {
    const shared = reader.varint();
    if (shared > before.length) throw new MalformedBytes("a series shares more than there is");
    // Arrays of their size from the beginning: those that grow have room for sixteen more, and all of a block's may be
    // kept.
    const labels = new Array<number>(shared + reader.count());
    for (let at = 0; at < shared; at++) labels[at] = before[at] as number;
    for (let at = shared; at < labels.length; at++)
      labels[at] = (at === 0 ? 0 : (labels[at - 1] as number) + 1) + reader.varint();
    let sets: readonly SetEntry[] = [];
    for (let more = true; more; ) {
      const head = reader.varint();
      more = head % 2 === 1;
      const code = Math.floor(head / 2) % 4;
      const chunkCount = Math.floor(head / 8);
      const isHigh = chunkCount === 0;
      const kind = columnSetKind(isHigh ? code + 4 : code);
      if (kind === undefined) throw new MalformedBytes("a set of a kind that is not known");
      sets = [...sets, parseSet(reader, kind, isHigh ? reader.varint() : chunkCount, place)];
    }
    list.push({ labels, sets });
    before = labels;
  }
  if (reader.left > 0) throw new MalformedBytes("the record is too long");
  return list;
}

function parseSet(
  reader: ByteReader,
  kind: ColumnSetKind,
  chunkCount: number,
  place: { offset: number; times: number; readonly chunkTrailerSize: number },
): SetEntry {
  const { floats, bytes } = COLUMN_SET_SHAPES[kind];
  const columnCount = floats.length + bytes.length;
  if (chunkCount === 0 || chunkCount > reader.left)
    throw new MalformedBytes("chunks are not there");
  const chunks = new Array<ChunkEntry>(chunkCount);
  for (let i = 0; i < chunkCount; i++) {
    const times = place.times + reader.signed();
    if (times < 0) throw new MalformedBytes("a time column below 0");
    place.times = times + 1;
    const { offset } = place;
    const sizes = new Array<number>(columnCount);
    for (let column = 0; column < columnCount; column++) {
      const size = reader.varint();
      sizes[column] = size;
      place.offset += size;
    }
    place.offset += place.chunkTrailerSize;
    chunks[i] = { times, offset, sizes };
  }
  place.times = (chunks[0] as ChunkEntry).times;
  return { kind, chunks };
}

/** A record of TIMES, with `count` columns. */
export function parseTimes(bytes: Uint8Array, count: number): TimesEntry[] {
  const reader = new ByteReader(bytes);
  let offset = reader.varint();
  let minMs = reader.float64();
  const list: TimesEntry[] = [];
  for (let i = 0; i < count; i++) {
    const size = reader.varint();
    const samples = reader.varint();
    minMs += reader.signed();
    const maxMs = minMs + reader.varint();
    const copy = reader.varint();
    const copyOffset = copy === 0 ? undefined : copy - 1;
    list.push({ offset, size, count: samples, minMs, maxMs, copyOffset });
    offset += size;
  }
  if (reader.left > 0) throw new MalformedBytes("the record is too long");
  return list;
}
