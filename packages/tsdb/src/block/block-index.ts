import { assert, compareUtf8, type Label, type Labels } from "@pharos/base";
import { encodeLabels } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import type { LabelPostings, ValuePostings } from "../label-index.ts";
import type { BlockCache, CacheSpace } from "./block-cache.ts";
import { MalformedBytes } from "./byte-reader.ts";
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
import {
  groupCount,
  type IndexRoot,
  type LabelGroup,
  type LabelName,
  parseLabels,
  parseRoot,
  parseSeries,
  parseTimes,
  type SeriesEntry,
  type TimesEntry,
} from "./index-records.ts";
import { PageFile } from "./page-file.ts";
import { INDEX_MAGIC } from "./page-format.ts";
import { readPostings } from "./postings-codec.ts";

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

  *valuePostings(name: string, isWanted: (value: string) => boolean): Iterable<ValuePostings> {
    const root = this.#readRoot();
    const found = root.names.find((one) => one.name === name);
    if (found === undefined) return;
    for (let i = 0; i < groupCount(found); i++) {
      const group = this.#labelGroup(root, found, found.firstGroup + i);
      for (const [at, value] of group.values.entries())
        if (isWanted(value)) {
          const series = this.#readPostings(root, name, value, group, at);
          yield { value, anySeries: series[0] as number, series: () => series };
        }
    }
  }

  *postingsWhere(
    name: string,
    isWanted: (value: string) => boolean,
  ): Iterable<Uint32Array | undefined> {
    for (const value of this.valuesOf(name))
      yield isWanted(value) ? this.postingsOf(name, value) : undefined;
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
      this.#series.put(number, group, seriesSize(group));
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

/** What decoded series take in memory, about: a record of some 25 bytes each becomes several objects. */
function seriesSize(group: readonly SeriesEntry[]): number {
  let size = 0;
  for (const { labels, sets } of group) {
    size += 150 + labels.length * 8;
    for (const { chunks } of sets) for (const chunk of chunks) size += 200 + chunk.sizes.length * 8;
  }
  return size;
}
