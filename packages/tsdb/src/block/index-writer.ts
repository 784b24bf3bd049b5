import { assert } from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import type { Pause } from "../slices.ts";
import { ByteWriter } from "./byte-writer.ts";
import { COLUMN_SET_SHAPES, type ColumnSetKind } from "./column-set.ts";
import {
  LABEL_GROUP,
  LABELS,
  POSTINGS,
  ROOT,
  SERIES,
  SERIES_GROUP,
  TIMES,
  TIMES_GROUP,
} from "./index-format.ts";
import { LabelSequences, type SortedLabel } from "./label-order.ts";
import type { PageWriter } from "./page-writer.ts";
import { writePostings } from "./postings-codec.ts";

/** A chunk that was written: where its timestamps are, and the sizes of its columns. */
export interface WrittenChunk {
  readonly times: number;
  readonly sizes: readonly number[];
}

export interface WrittenSet {
  readonly kind: ColumnSetKind;
  readonly chunks: readonly WrittenChunk[];
}

/** A column of timestamps that was written. */
export interface WrittenTimes {
  readonly size: number;
  readonly count: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Collects a block's index while its series are written, in the order of their labels, and writes it at the end. Takes
 * about 60 bytes of memory a series, and what its labels take once each.
 */
export class IndexWriter {
  readonly #chunkTrailerSize: number;
  readonly #sequences: LabelSequences;
  /** The sets of columns of series after series, as they are in the file. */
  readonly #sets = new ByteWriter();
  #setEnds = new Float64Array(1024);
  /** For each record of series: where the values of its first begin, and the time column its first chunk expects. */
  readonly #groups: { readonly valuesOffset: number; readonly times: number }[] = [];
  readonly #times: WrittenTimes[] = [];
  /** By time column, the offset of its copy. */
  readonly #copies = new Map<number, number>();
  #expectedTimes = 0;
  seriesCount = 0;

  /**
   * @param chunkTrailerSize bytes that follow the columns of each chunk.
   * @throws OperatingError `memory.full`.
   */
  constructor(kernels: Kernels, chunkTrailerSize: number) {
    this.#chunkTrailerSize = chunkTrailerSize;
    this.#sequences = new LabelSequences(kernels);
  }

  /** Gives a new column of timestamps its number; they lie one after another in their stream. */
  addTimes(times: WrittenTimes): number {
    return this.#times.push(times) - 1;
  }

  /** Notes where the copy of a column of timestamps lies. */
  addCopy(times: number, offset: number): void {
    this.#copies.set(times, offset);
  }

  /**
   * Adds the next series.
   * @param valuesOffset where the first of its chunks lies; all its chunks lie one after another.
   * @throws OperatingError `memory.full`.
   */
  addSeries(labelBytes: Uint8Array, sets: readonly WrittenSet[], valuesOffset: number): void {
    this.#sequences.add(labelBytes);
    const first = sets[0]?.chunks[0];
    assert(first !== undefined, "the series has a chunk");
    if (this.seriesCount % SERIES_GROUP === 0) {
      this.#expectedTimes = first.times;
      this.#groups.push({ valuesOffset, times: first.times });
    }
    for (const [i, set] of sets.entries()) this.#addSet(set, i < sets.length - 1);
    if (this.#setEnds.length === this.seriesCount) {
      const larger = new Float64Array(this.seriesCount * 2);
      larger.set(this.#setEnds);
      this.#setEnds = larger;
    }
    this.#setEnds[this.seriesCount++] = this.#sets.length;
  }

  #addSet({ kind, chunks }: WrittenSet, more: boolean): void {
    const out = this.#sets;
    const { code } = COLUMN_SET_SHAPES[kind];
    const next = more ? 1 : 0;
    if (code < 4) out.varint(chunks.length * 8 + code * 2 + next);
    else {
      out.varint((code - 4) * 2 + next);
      out.varint(chunks.length);
    }
    for (const { times, sizes } of chunks) {
      out.signed(times - this.#expectedTimes);
      this.#expectedTimes = times + 1;
      for (const size of sizes) out.varint(size);
    }
    // The next series mostly has the same timestamps.
    this.#expectedTimes = chunks[0]?.times ?? this.#expectedTimes;
  }

  /** Writes all streams of the index. @throws OperatingError `disk.full`, `disk.failed`. */
  async write(pages: PageWriter, pause: Pause): Promise<void> {
    const sequences = this.#sequences;
    const labels = await sequences.sortedLabels(pause);
    await sequences.rank(labels, pause);
    const names = await this.#writeLabels(pages, labels, pause);
    const seriesSizes = await this.#writeSeries(pages, pause);
    const timesSizes = await this.#writeTimes(pages, pause);
    const root = new ByteWriter();
    root.varint(this.seriesCount);
    root.byte(this.#chunkTrailerSize);
    root.varint(names.length);
    for (const { name, valueCount, sizes } of names) {
      root.text(name);
      root.varint(valueCount);
      for (const size of sizes) root.varint(size);
    }
    root.varint(seriesSizes.length);
    for (const size of seriesSizes) root.varint(size);
    root.varint(this.#times.length);
    for (const size of timesSizes) root.varint(size);
    pages.append(ROOT, root.bytes);
  }

  async #writeLabels(
    pages: PageWriter,
    labels: readonly SortedLabel[],
    pause: Pause,
  ): Promise<WrittenName[]> {
    const postings = await this.#postings(labels.length, pause);
    const encoder = new TextEncoder();
    const names: WrittenName[] = [];
    const record = new ByteWriter();
    const encoded = new ByteWriter();
    for (let from = 0; from < labels.length; ) {
      const { name } = labels[from] as SortedLabel;
      let to = from + 1;
      while (to < labels.length && labels[to]?.name === name) to++;
      const written: WrittenName = { name, valueCount: to - from, sizes: [] };
      for (let start = from; start < to; start += LABEL_GROUP) {
        record.clear();
        record.varint(pages.sizeOf(POSTINGS));
        let before: Uint8Array = new Uint8Array(0);
        for (let rank = start; rank < Math.min(to, start + LABEL_GROUP); rank++) {
          encoded.clear();
          writePostings(postings.of(rank), encoded);
          pages.append(POSTINGS, encoded.bytes);
          const value = encoder.encode((labels[rank] as SortedLabel).value);
          const shared = sharedSize(before, value);
          record.varint(shared);
          record.varint(value.length - shared);
          record.raw(value.subarray(shared));
          record.varint(encoded.length);
          before = value;
          await pause();
        }
        pages.append(LABELS, record.bytes);
        written.sizes.push(record.length);
      }
      names.push(written);
      from = to;
    }
    return names;
  }

  /** The series of each label, by counting: series come in order, so that each list rises. */
  async #postings(labelCount: number, pause: Pause): Promise<{ of(rank: number): Uint32Array }> {
    const sequences = this.#sequences;
    const starts = new Uint32Array(labelCount + 1);
    for (let series = 0; series < this.seriesCount; series++) {
      for (const rank of sequences.labelsOf(series))
        starts[rank + 1] = (starts[rank + 1] as number) + 1;
      await pause();
    }
    for (let rank = 0; rank < labelCount; rank++)
      starts[rank + 1] = (starts[rank + 1] as number) + (starts[rank] as number);
    const list = new Uint32Array(starts[labelCount] as number);
    const next = starts.slice();
    for (let series = 0; series < this.seriesCount; series++) {
      for (const rank of sequences.labelsOf(series)) {
        const at = next[rank] as number;
        list[at] = series;
        next[rank] = at + 1;
      }
      await pause();
    }
    return { of: (rank) => list.subarray(starts[rank], starts[rank + 1]) };
  }

  async #writeSeries(pages: PageWriter, pause: Pause): Promise<number[]> {
    const sequences = this.#sequences;
    const sizes: number[] = [];
    const record = new ByteWriter();
    for (const [number, { valuesOffset, times }] of this.#groups.entries()) {
      record.clear();
      record.varint(valuesOffset);
      record.varint(times);
      const from = number * SERIES_GROUP;
      const to = Math.min(this.seriesCount, from + SERIES_GROUP);
      let before: Uint32Array = new Uint32Array(0);
      for (let series = from; series < to; series++) {
        if (series > 0)
          assert(sequences.compare(series - 1, series) < 0, "series come in the order of labels");
        const labels = sequences.labelsOf(series);
        let shared = 0;
        while (shared < labels.length && labels[shared] === before[shared]) shared++;
        record.varint(shared);
        record.varint(labels.length - shared);
        for (let i = shared; i < labels.length; i++)
          record.varint((labels[i] as number) - (i === 0 ? 0 : (labels[i - 1] as number) + 1));
        const setsFrom = series === 0 ? 0 : (this.#setEnds[series - 1] as number);
        record.raw(this.#sets.bytes.subarray(setsFrom, this.#setEnds[series]));
        before = labels;
      }
      pages.append(SERIES, record.bytes);
      sizes.push(record.length);
      await pause(SERIES_GROUP);
    }
    return sizes;
  }

  async #writeTimes(pages: PageWriter, pause: Pause): Promise<number[]> {
    const sizes: number[] = [];
    const record = new ByteWriter();
    let offset = 0;
    for (let from = 0; from < this.#times.length; from += TIMES_GROUP) {
      record.clear();
      record.varint(offset);
      let beforeMs = this.#times[from]?.minMs ?? 0;
      record.float64(beforeMs);
      for (let i = from; i < Math.min(this.#times.length, from + TIMES_GROUP); i++) {
        const { size, count, minMs, maxMs } = this.#times[i] as WrittenTimes;
        record.varint(size);
        record.varint(count);
        record.signed(minMs - beforeMs);
        record.varint(maxMs - minMs);
        const copy = this.#copies.get(i);
        record.varint(copy === undefined ? 0 : copy + 1);
        beforeMs = minMs;
        offset += size;
      }
      pages.append(TIMES, record.bytes);
      sizes.push(record.length);
      await pause(TIMES_GROUP);
    }
    return sizes;
  }

  /** Frees what it has of the kernels' memory. No call may follow. */
  destroy(): void {
    this.#sequences.destroy();
  }
}

interface WrittenName {
  readonly name: string;
  readonly valueCount: number;
  /** Of the records that its values are in. */
  readonly sizes: number[];
}

function sharedSize(a: Uint8Array, b: Uint8Array): number {
  let shared = 0;
  while (shared < a.length && shared < b.length && a[shared] === b[shared]) shared++;
  return shared;
}
