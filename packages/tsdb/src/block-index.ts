import { crc32 } from "node:zlib";
import { assert, type Label, type Labels, OperatingError } from "@pharos/base";
import type { LabelPostings } from "./label-index.ts";

// The index of a block, little-endian; drawn in docs/formats/block.md.
//
//   header    | magic "PHIX" | version u32 | 3 x (offset u32 | size u32 | crc32 u32) | crc32 of all before |
//   symbols   | count u32 | ends u32 x count | UTF-8 ... |              every label name and value, once
//   series    | count u32 | starts u32 x count | then each:
//             label count u32 | (name u32 | value u32) x labels | chunk count u32 |
//             (offset f64 | size u32 | samples u32 | first ms f64 | last ms f64) x chunks |
//   postings  | pair count u32 | (name u32 | value u32 | start u32 | count u32) x pairs | series u32 ... |
//
// Names and values are indices of symbols, series are indices of series, starts count from the section's begin (in
// postings: from the first series number, in numbers).
const MAGIC = 0x58494850;
const VERSION = 1;
const HEADER_SIZE = 48;
const CHUNK_ENTRY_SIZE = 32;
const PAIR_SIZE = 16;

/** Where a chunk lies in the chunks file, and what it covers. */
export interface ChunkEntry {
  readonly offset: number;
  /** Bytes of the encoded samples. */
  readonly size: number;
  readonly count: number;
  readonly minMs: number;
  readonly maxMs: number;
}

export interface IndexedSeries {
  readonly labels: Labels;
  readonly chunks: readonly ChunkEntry[];
}

/**
 * Builds the index file. Series get their numbers in the order given.
 * @param pause awaited between series, so that others get their turn.
 */
export async function encodeIndex(
  list: readonly IndexedSeries[],
  pause: () => Promise<void>,
): Promise<Uint8Array[]> {
  const numberOf = new Map<string, number>();
  for (const { labels } of list) {
    for (const label of labels)
      for (const text of label) if (!numberOf.has(text)) numberOf.set(text, numberOf.size);
    await pause();
  }
  const sections = [
    await encodeSymbols(numberOf.keys(), pause),
    await encodeSeries(list, numberOf, pause),
    await encodePostings(list, numberOf, pause),
  ];
  const header = new DataView(new ArrayBuffer(HEADER_SIZE));
  header.setUint32(0, MAGIC, true);
  header.setUint32(4, VERSION, true);
  let offset = HEADER_SIZE;
  for (const [i, section] of sections.entries()) {
    header.setUint32(8 + i * 12, offset, true);
    header.setUint32(12 + i * 12, section.length, true);
    header.setUint32(16 + i * 12, crc32(section), true);
    offset += section.length;
  }
  const bytes = new Uint8Array(header.buffer);
  header.setUint32(HEADER_SIZE - 4, crc32(bytes.subarray(0, HEADER_SIZE - 4)), true);
  return [bytes, ...sections];
}

async function encodeSymbols(
  symbols: Iterable<string>,
  pause: () => Promise<void>,
): Promise<Uint8Array> {
  const encoder = new TextEncoder();
  const encoded: Uint8Array[] = [];
  let size = 0;
  for (const text of symbols) {
    const bytes = encoder.encode(text);
    encoded.push(bytes);
    size += bytes.length;
    await pause();
  }
  const start = 4 + encoded.length * 4;
  const out = new Uint8Array(start + size);
  const view = new DataView(out.buffer);
  view.setUint32(0, encoded.length, true);
  let at = start;
  for (const [i, bytes] of encoded.entries()) {
    out.set(bytes, at);
    at += bytes.length;
    view.setUint32(4 + i * 4, at - start, true);
    await pause();
  }
  return out;
}

async function encodeSeries(
  list: readonly IndexedSeries[],
  numberOf: ReadonlyMap<string, number>,
  pause: () => Promise<void>,
): Promise<Uint8Array> {
  let size = 4 + list.length * 4;
  for (const { labels, chunks } of list)
    size += 8 + labels.length * 8 + chunks.length * CHUNK_ENTRY_SIZE;
  const view = new DataView(new ArrayBuffer(size));
  view.setUint32(0, list.length, true);
  let at = 4 + list.length * 4;
  const word = (value: number): void => {
    view.setUint32(at, value, true);
    at += 4;
  };
  const double = (value: number): void => {
    view.setFloat64(at, value, true);
    at += 8;
  };
  for (const [i, { labels, chunks }] of list.entries()) {
    view.setUint32(4 + i * 4, at, true);
    word(labels.length);
    for (const label of labels) for (const text of label) word(numberOf.get(text) as number);
    word(chunks.length);
    for (const chunk of chunks) {
      double(chunk.offset);
      word(chunk.size);
      word(chunk.count);
      double(chunk.minMs);
      double(chunk.maxMs);
    }
    await pause();
  }
  assert(at === size, "the size was right");
  return new Uint8Array(view.buffer);
}

async function encodePostings(
  list: readonly IndexedSeries[],
  numberOf: ReadonlyMap<string, number>,
  pause: () => Promise<void>,
): Promise<Uint8Array> {
  const byPair = new Map<number, number | number[]>();
  const pairsMax = numberOf.size;
  let total = 0;
  for (const [series, { labels }] of list.entries()) {
    for (const [name, value] of labels) {
      const pair = (numberOf.get(name) as number) * pairsMax + (numberOf.get(value) as number);
      const there = byPair.get(pair);
      if (there === undefined) byPair.set(pair, series);
      else if (typeof there === "number") byPair.set(pair, [there, series]);
      else there.push(series);
    }
    total += labels.length;
    await pause();
  }
  const words = new Uint32Array(1 + byPair.size * 4 + total);
  words[0] = byPair.size;
  const numbersAt = 1 + byPair.size * 4;
  let at = 1;
  let start = 0;
  for (const [pair, found] of byPair) {
    const series = typeof found === "number" ? [found] : found;
    words.set([Math.floor(pair / pairsMax), pair % pairsMax, start, series.length], at);
    words.set(series, numbersAt + start);
    at += 4;
    start += series.length;
    await pause();
  }
  return new Uint8Array(words.buffer);
}

/** An index file in memory. Every checksum has been verified; strings are made as they are asked for. */
export class BlockIndex implements LabelPostings {
  /** Bytes it holds. */
  readonly size: number;
  readonly seriesCount: number;
  readonly #symbols: readonly string[];
  readonly #series: DataView;
  /** By name, then value: the place of the postings. */
  readonly #pairs = new Map<string, Map<string, readonly [start: number, count: number]>>();
  readonly #postings: Uint32Array;

  /** @throws OperatingError `disk.corrupt` with the path and the section. */
  constructor(bytes: Uint8Array, path: string) {
    const sections = readSections(bytes, path);
    const [symbols, series, postings] = sections as [Uint8Array, Uint8Array, Uint8Array];
    this.size = bytes.length;
    this.#symbols = readSymbols(symbols);
    this.#series = new DataView(series.buffer, series.byteOffset, series.length);
    this.seriesCount = this.#series.getUint32(0, true);
    // Copied, since a section need not begin at a multiple of 4 in the file.
    const words = new Uint32Array(postings.slice().buffer);
    const pairCount = words[0] as number;
    for (let i = 0; i < pairCount; i++) {
      const at = 1 + i * 4;
      const name = this.#symbol(words[at] as number);
      const value = this.#symbol(words[at + 1] as number);
      this.#pairs
        .getOrInsertComputed(name, () => new Map())
        .set(value, [words[at + 2] as number, words[at + 3] as number]);
    }
    this.#postings = words.subarray(1 + (pairCount * PAIR_SIZE) / 4);
  }

  #symbol(number: number): string {
    const symbol = this.#symbols[number];
    assert(symbol !== undefined, () => `symbol ${number} is in the index`);
    return symbol;
  }

  all(): Uint32Array {
    return Uint32Array.from({ length: this.seriesCount }, (_, i) => i);
  }

  names(): Iterable<string> {
    return this.#pairs.keys();
  }

  valuesOf(name: string): Iterable<string> {
    return this.#pairs.get(name)?.keys() ?? [];
  }

  postingsOf(name: string, value: string): Uint32Array {
    const place = this.#pairs.get(name)?.get(value);
    if (place === undefined) return new Uint32Array(0);
    return this.#postings.subarray(place[0], place[0] + place[1]);
  }

  labelsOf(series: number): Labels {
    const at = this.#series.getUint32(4 + series * 4, true);
    const count = this.#series.getUint32(at, true);
    const labels: Label[] = [];
    for (let i = 0; i < count; i++) {
      const name = this.#series.getUint32(at + 4 + i * 8, true);
      const value = this.#series.getUint32(at + 8 + i * 8, true);
      labels.push([this.#symbol(name), this.#symbol(value)]);
    }
    return labels;
  }

  /** The chunks of a series that may have samples from `minMs` to `maxMs`, in order of time. */
  chunksOf(series: number, minMs: number, maxMs: number): ChunkEntry[] {
    const view = this.#series;
    const start = view.getUint32(4 + series * 4, true);
    let at = start + 4 + view.getUint32(start, true) * 8;
    const chunks: ChunkEntry[] = [];
    const count = view.getUint32(at, true);
    at += 4;
    for (let i = 0; i < count; i++, at += CHUNK_ENTRY_SIZE) {
      const chunk = {
        offset: view.getFloat64(at, true),
        size: view.getUint32(at + 8, true),
        count: view.getUint32(at + 12, true),
        minMs: view.getFloat64(at + 16, true),
        maxMs: view.getFloat64(at + 24, true),
      };
      if (chunk.minMs > maxMs) break;
      if (chunk.maxMs >= minMs) chunks.push(chunk);
    }
    return chunks;
  }
}

function readSections(bytes: Uint8Array, path: string): Uint8Array[] {
  const corrupt = (reason: string): OperatingError =>
    new OperatingError("disk.corrupt", `${path}: ${reason}`);
  if (bytes.length < HEADER_SIZE) throw corrupt(`${bytes.length} bytes are too few`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(HEADER_SIZE - 4, true) !== crc32(bytes.subarray(0, HEADER_SIZE - 4)))
    throw corrupt("the header's checksum does not match");
  if (view.getUint32(0, true) !== MAGIC) throw corrupt("this is no index");
  const version = view.getUint32(4, true);
  if (version !== VERSION) throw corrupt(`format version ${version}, which a newer version wrote`);
  return ["symbols", "series", "postings"].map((name, i) => {
    const offset = view.getUint32(8 + i * 12, true);
    const section = bytes.subarray(offset, offset + view.getUint32(12 + i * 12, true));
    if (crc32(section) !== view.getUint32(16 + i * 12, true))
      throw corrupt(`the checksum of the ${name} does not match`);
    return section;
  });
}

function readSymbols(section: Uint8Array): string[] {
  const view = new DataView(section.buffer, section.byteOffset);
  const count = view.getUint32(0, true);
  const start = 4 + count * 4;
  const decoder = new TextDecoder();
  let from = 0;
  return Array.from({ length: count }, (_, i) => {
    const to = view.getUint32(4 + i * 4, true);
    const text = decoder.decode(section.subarray(start + from, start + to));
    from = to;
    return text;
  });
}
