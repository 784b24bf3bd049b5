import { assert, compareUtf8, type Label, type Labels } from "@pharos/base";
import { encodeLabels } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import type { LabelPostings } from "../label-index.ts";
import type { BlockCache, CacheSpace } from "./block-cache.ts";
import { ByteReader, MalformedBytes } from "./byte-reader.ts";
import { COLUMN_SET_SHAPES, type ColumnSetKind, columnSetKind } from "./column-set.ts";
import {
  INDEX_STREAMS,
  LABEL_GROUP,
  LABELS,
  POSTINGS,
  ROOT,
  SERIES,
  SERIES_GROUP,
  TIMES,
  TIMES_GROUP,
} from "./index-format.ts";
import { PageFile } from "./page-file.ts";
import { INDEX_MAGIC } from "./page-format.ts";
import { readPostings } from "./postings-codec.ts";

/** One name's values, and where the records with them are. */
interface LabelName {
  readonly name: string;
  /** The number of the first value's label. */
  readonly firstLabel: number;
  readonly valueCount: number;
  /** The number of the first record. */
  readonly firstGroup: number;
}

interface IndexRoot {
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
interface LabelGroup {
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
/** What a label that is kept takes in memory, about, both ways. */
const KNOWN_LABEL_SIZE = 80;

const NONE_READ = { number: -1, latest: [] } as const;

/** What a decoded thing takes in memory, about, against its bytes in the file. */
const DECODED_RATIO = 8;

/**
 * A block's index, read record by record through the cache as questions come. Series have numbers from 0 on, in the
 * order of their labels.
 *
 * Every method may throw OperatingError `disk.corrupt` with the file and the byte, or `disk.failed`.
 */
export class BlockIndex implements LabelPostings {
  readonly file: PageFile;
  readonly #root: CacheSpace<IndexRoot>;
  readonly #labels: CacheSpace<LabelGroup>;
  readonly #series: CacheSpace<readonly SeriesEntry[]>;
  readonly #times: CacheSpace<readonly TimesEntry[]>;
  /** The records that were read last. */
  #latestSeries: { readonly number: number; readonly latest: readonly SeriesEntry[] } = NONE_READ;
  #latestTimes: { readonly number: number; readonly latest: readonly TimesEntry[] } = NONE_READ;

  /** @param copyPath a file with the same bytes, read where the other is damaged. */
  constructor(disk: Disk, path: string, copyPath: string, cache: BlockCache) {
    this.file = new PageFile(disk, path, INDEX_MAGIC, INDEX_STREAMS, cache, copyPath);
    this.#root = cache.space();
    this.#labels = cache.space();
    this.#series = cache.space();
    this.#times = cache.space();
  }

  get seriesCount(): number {
    return this.#readRoot().seriesCount;
  }

  /** Bytes that follow the columns of each chunk: their checksum, or nothing. */
  get chunkTrailerSize(): number {
    return this.#readRoot().chunkTrailerSize;
  }

  get timesCount(): number {
    return this.#readRoot().timesCount;
  }

  #parse<T>(what: string, parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      throw this.file.corrupt(`${what}: ${error.message}`);
    }
  }

  #readRoot(): IndexRoot {
    const there = this.#root.get(0);
    if (there !== undefined) return there;
    const bytes = this.file.record(ROOT, 0, this.file.sizeOf(ROOT));
    const root = this.#parse("the root", () => parseRoot(bytes));
    const knownSize = (root.labels?.length ?? 0) * KNOWN_LABEL_SIZE;
    this.#root.put(0, root, bytes.length * DECODED_RATIO + knownSize);
    return root;
  }

  /** The record that has a label, as `group` counts them over all names. */
  #labelGroup(root: IndexRoot, name: LabelName, group: number): LabelGroup {
    const there = this.#labels.get(group);
    if (there !== undefined) return there;
    const [from, to] = [root.labelGroups[group] as number, root.labelGroups[group + 1] as number];
    const bytes = this.file.record(LABELS, from, to - from);
    const first = (group - name.firstGroup) * LABEL_GROUP;
    const count = Math.min(LABEL_GROUP, name.valueCount - first);
    const parsed = this.#parse(`labels of ${name.name}`, () => parseLabels(bytes, count));
    this.#labels.put(group, parsed, bytes.length * DECODED_RATIO + count * 64);
    return parsed;
  }

  /** The label with a number: its group, and its place in it. */
  #findLabel(number: number): readonly [name: LabelName, group: LabelGroup, at: number] {
    const root = this.#readRoot();
    const { names } = root;
    let low = 0;
    let high = names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((names[middle] as LabelName).firstLabel <= number) low = middle + 1;
      else high = middle;
    }
    const name = names[low - 1];
    if (name === undefined || number >= root.labelCount)
      throw this.file.corrupt(`label ${number} is not in it`);
    const at = number - name.firstLabel;
    const group = this.#labelGroup(root, name, name.firstGroup + Math.floor(at / LABEL_GROUP));
    return [name, group, at % LABEL_GROUP];
  }

  all(): Uint32Array {
    const list = new Uint32Array(this.seriesCount);
    for (let i = 0; i < list.length; i++) list[i] = i;
    return list;
  }

  names(): Iterable<string> {
    return this.#readRoot().names.map(({ name }) => name);
  }

  /** Sorted. */
  *valuesOf(name: string): Iterable<string> {
    const root = this.#readRoot();
    const found = root.names.find((one) => one.name === name);
    if (found === undefined) return;
    for (let i = 0; i < groupCount(found); i++)
      yield* this.#labelGroup(root, found, found.firstGroup + i).values;
  }

  postingsOf(name: string, value: string): Uint32Array {
    const root = this.#readRoot();
    const found = root.names.find((one) => one.name === name);
    if (found === undefined) return new Uint32Array(0);
    // The last record whose first value is not behind the one looked for.
    let low = 0;
    let high = groupCount(found);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const group = this.#labelGroup(root, found, found.firstGroup + middle);
      if (compareUtf8(group.values[0] as string, value) <= 0) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return new Uint32Array(0);
    const group = this.#labelGroup(root, found, found.firstGroup + low - 1);
    const at = group.values.indexOf(value);
    if (at < 0) return new Uint32Array(0);
    return this.#readPostings(root, name, value, group, at);
  }

  #readPostings(
    root: IndexRoot,
    name: string,
    value: string,
    group: LabelGroup,
    at: number,
  ): Uint32Array {
    const [from, to] = [group.postings[at] as number, group.postings[at + 1] as number];
    const bytes = this.file.record(POSTINGS, from, to - from);
    return this.#parse(`postings of ${name}=${value}`, () => readPostings(bytes, root.seriesCount));
  }

  /** Every label with the number of its series, sorted. */
  *labelCounts(): Iterable<{
    readonly name: string;
    readonly value: string;
    readonly count: number;
  }> {
    const root = this.#readRoot();
    for (const name of root.names)
      for (let i = 0; i < groupCount(name); i++) {
        const group = this.#labelGroup(root, name, name.firstGroup + i);
        for (const [at, value] of group.values.entries()) {
          const { length } = this.#readPostings(root, name.name, value, group, at);
          yield { name: name.name, value, count: length };
        }
      }
  }

  labelsOf(series: number): Labels {
    const { labels: known } = this.#readRoot();
    return this.entryOf(series).labels.map((number) => {
      const there = known?.[number];
      if (there !== undefined) return there;
      const [{ name }, group, at] = this.#findLabel(number);
      const label: Label = [name, group.values[at] as string];
      if (known !== undefined) known[number] = label;
      return label;
    });
  }

  /** The labels in canonical bytes; fresh. */
  labelBytesOf(series: number): Uint8Array {
    const { pieces: known } = this.#readRoot();
    let size = 0;
    const pieces: Uint8Array[] = [];
    for (const number of this.entryOf(series).labels) {
      const piece = known?.[number] ?? this.#pieceOf(number);
      if (known !== undefined) known[number] = piece;
      size += piece.length;
      pieces.push(piece);
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  #pieceOf(label: number): Uint8Array {
    const [{ name }, group, at] = this.#findLabel(label);
    const piece = group.pieces[at] ?? encodeLabels([[name, group.values[at] as string]]);
    group.pieces[at] = piece;
    return piece;
  }

  entryOf(series: number): SeriesEntry {
    const number = Math.floor(series / SERIES_GROUP);
    // Series are mostly read one after another.
    const { latest } = this.#latestSeries;
    if (number === this.#latestSeries.number) return latest[series % SERIES_GROUP] as SeriesEntry;
    let group = this.#series.get(number);
    if (group === undefined) {
      const root = this.#readRoot();
      assert(series < root.seriesCount, () => `series ${series} is in the block`);
      const from = root.seriesGroups[number] as number;
      const bytes = this.file.record(
        SERIES,
        from,
        (root.seriesGroups[number + 1] as number) - from,
      );
      const first = number * SERIES_GROUP;
      const count = Math.min(SERIES_GROUP, root.seriesCount - first);
      group = this.#parse(`series ${first} and on`, () =>
        parseSeries(bytes, count, root.chunkTrailerSize),
      );
      this.#series.put(number, group, bytes.length * DECODED_RATIO + count * 200);
    }
    this.#latestSeries = { number, latest: group };
    return group[series % SERIES_GROUP] as SeriesEntry;
  }

  timesOf(times: number): TimesEntry {
    const number = Math.floor(times / TIMES_GROUP);
    const { latest } = this.#latestTimes;
    if (number === this.#latestTimes.number) return latest[times % TIMES_GROUP] as TimesEntry;
    let group = this.#times.get(number);
    if (group === undefined) {
      const root = this.#readRoot();
      if (times >= root.timesCount) throw this.file.corrupt(`time column ${times} is not in it`);
      const from = root.timesGroups[number] as number;
      const bytes = this.file.record(TIMES, from, (root.timesGroups[number + 1] as number) - from);
      const first = number * TIMES_GROUP;
      const count = Math.min(TIMES_GROUP, root.timesCount - first);
      group = this.#parse(`time columns ${first} and on`, () => parseTimes(bytes, count));
      this.#times.put(number, group, count * 96);
    }
    this.#latestTimes = { number, latest: group };
    return group[times % TIMES_GROUP] as TimesEntry;
  }

  /** Lets go of what is kept beside the cache. */
  dropLatest(): void {
    this.#latestSeries = NONE_READ;
    this.#latestTimes = NONE_READ;
  }

  close(): void {
    this.dropLatest();
    this.#root.clear();
    this.#labels.clear();
    this.#series.clear();
    this.#times.clear();
    this.file.close();
  }
}

function groupCount({ valueCount }: LabelName): number {
  return Math.ceil(valueCount / LABEL_GROUP);
}

function parseRoot(bytes: Uint8Array): IndexRoot {
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

function parseLabels(bytes: Uint8Array, count: number): LabelGroup {
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

function parseSeries(bytes: Uint8Array, count: number, chunkTrailerSize: number): SeriesEntry[] {
  const reader = new ByteReader(bytes);
  const place = { offset: reader.varint(), times: reader.varint(), chunkTrailerSize };
  const list: SeriesEntry[] = [];
  let before: readonly number[] = [];
  for (let i = 0; i < count; i++) {
    const shared = reader.varint();
    if (shared > before.length) throw new MalformedBytes("a series shares more than there is");
    const labels = before.slice(0, shared);
    for (let left = reader.count(); left > 0; left--)
      labels.push((labels.length === 0 ? 0 : (labels.at(-1) as number) + 1) + reader.varint());
    const sets: SetEntry[] = [];
    for (let more = true; more; ) {
      const head = reader.varint();
      more = head % 2 === 1;
      const kind = columnSetKind(Math.floor(head / 2) % 4);
      if (kind === undefined) throw new MalformedBytes("a set of a kind that is not known");
      sets.push(parseSet(reader, kind, Math.floor(head / 8), place));
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
  const chunks: ChunkEntry[] = [];
  for (let i = 0; i < chunkCount; i++) {
    const times = place.times + reader.signed();
    if (times < 0) throw new MalformedBytes("a time column below 0");
    place.times = times + 1;
    const { offset } = place;
    const sizes: number[] = [];
    for (let column = 0; column < columnCount; column++) {
      const size = reader.varint();
      sizes.push(size);
      place.offset += size;
    }
    place.offset += place.chunkTrailerSize;
    chunks.push({ times, offset, sizes });
  }
  place.times = (chunks[0] as ChunkEntry).times;
  return { kind, chunks };
}

function parseTimes(bytes: Uint8Array, count: number): TimesEntry[] {
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
