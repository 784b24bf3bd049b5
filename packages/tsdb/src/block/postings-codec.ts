import { ByteReader, MalformedBytes } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

// Postings: the numbers of the series that have a label, rising. Written as one of these, whichever is smallest:
//
//   runs    | 0 | runs varint | (gap varint | length - 1 varint) x runs |    series are sorted by labels, so that those of
//           a metric are one run
//   deltas  | 1 | count varint | (gap varint) x count |
//   bitmap  | 2 | count varint | first varint | bits ... |                   the lowest bit of the first byte is `first`
//
// A gap is how many numbers lie between this one and the last of those before.
const RUNS = 0;
const DELTAS = 1;
const BITMAP = 2;

function varintSize(value: number): number {
  return value < 0x80
    ? 1
    : value < 0x4000
      ? 2
      : value < 0x20_0000
        ? 3
        : value < 0x1000_0000
          ? 4
          : 5;
}

/** Appends postings, of which there is at least one. */
export function writePostings(list: Uint32Array, out: ByteWriter): void {
  const first = list[0] as number;
  const last = list[list.length - 1] as number;
  let deltasSize = varintSize(list.length);
  let runsSize = 0;
  let runs = 0;
  let runLength = 0;
  let before = -1;
  for (const number of list) {
    const gap = number - before - 1;
    deltasSize += varintSize(gap);
    if (gap > 0 || runLength === 0) {
      if (runLength > 0) runsSize += varintSize(runLength - 1);
      runsSize += varintSize(gap);
      runs++;
      runLength = 0;
    }
    runLength++;
    before = number;
  }
  runsSize += varintSize(runLength - 1) + varintSize(runs);
  const bitmapSize = varintSize(list.length) + varintSize(first) + ((last - first) >>> 3) + 1;
  if (runsSize <= deltasSize && runsSize <= bitmapSize) writeRuns(list, runs, out);
  else if (deltasSize <= bitmapSize) writeDeltas(list, out);
  else writeBitmap(list, first, last, out);
}

function writeRuns(list: Uint32Array, runs: number, out: ByteWriter): void {
  out.byte(RUNS);
  out.varint(runs);
  let end = 0;
  for (let i = 0; i < list.length; ) {
    const start = list[i] as number;
    let length = 1;
    while (list[i + length] === start + length) length++;
    out.varint(start - end);
    out.varint(length - 1);
    end = start + length;
    i += length;
  }
}

function writeDeltas(list: Uint32Array, out: ByteWriter): void {
  out.byte(DELTAS);
  out.varint(list.length);
  let end = 0;
  for (const number of list) {
    out.varint(number - end);
    end = number + 1;
  }
}

function writeBitmap(list: Uint32Array, first: number, last: number, out: ByteWriter): void {
  out.byte(BITMAP);
  out.varint(list.length);
  out.varint(first);
  const bits = new Uint8Array(((last - first) >>> 3) + 1);
  for (const number of list) {
    const at = number - first;
    bits[at >>> 3] = (bits[at >>> 3] as number) | (1 << (at & 7));
  }
  out.raw(bits);
}

/**
 * Reads what `writePostings` wrote; all numbers are below `seriesCount`.
 * @throws MalformedBytes.
 */
export function readPostings(bytes: Uint8Array, seriesCount: number): Uint32Array {
  const reader = new ByteReader(bytes);
  const kind = reader.byte();
  let list: Uint32Array;
  if (kind === RUNS) list = readRuns(reader, seriesCount);
  else if (kind === DELTAS) list = readDeltas(reader, seriesCount);
  else if (kind === BITMAP) list = readBitmap(reader, seriesCount);
  else throw new MalformedBytes(`postings of kind ${kind}, not known`);
  if (reader.left > 0) throw new MalformedBytes("postings end too early");
  return list;
}

function readRuns(reader: ByteReader, seriesCount: number): Uint32Array {
  const runs = new Float64Array(reader.count(2) * 2);
  let total = 0;
  let end = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const start = end + reader.varint();
    end = start + reader.varint() + 1;
    if (end > seriesCount) throw new MalformedBytes("postings of series that are not there");
    runs[i] = start;
    runs[i + 1] = end;
    total += end - start;
  }
  const list = new Uint32Array(total);
  let at = 0;
  for (let i = 0; i < runs.length; i += 2)
    for (let number = runs[i] as number; number < (runs[i + 1] as number); number++)
      list[at++] = number;
  return list;
}

function readDeltas(reader: ByteReader, seriesCount: number): Uint32Array {
  const list = new Uint32Array(reader.count());
  let end = 0;
  for (let i = 0; i < list.length; i++) {
    const number = end + reader.varint();
    if (number >= seriesCount) throw new MalformedBytes("postings of series that are not there");
    list[i] = number;
    end = number + 1;
  }
  return list;
}

function readBitmap(reader: ByteReader, seriesCount: number): Uint32Array {
  const count = reader.varint();
  const first = reader.varint();
  const bits = reader.raw(reader.left);
  if (count > bits.length * 8) throw new MalformedBytes("more postings than bits");
  const list = new Uint32Array(count);
  let length = 0;
  for (let at = 0; at < bits.length; at++)
    for (let byte = bits[at] as number; byte !== 0; byte &= byte - 1) {
      const number = first + at * 8 + (31 - Math.clz32(byte & -byte));
      if (number >= seriesCount || length === count)
        throw new MalformedBytes("postings of series that are not there");
      list[length++] = number;
    }
  if (length !== count) throw new MalformedBytes("fewer postings than said");
  return list;
}
