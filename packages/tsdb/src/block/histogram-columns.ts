import { HistogramJoiner, type HistogramParts, splitHistogram } from "@pharos/base";
import { type ByteReader, MalformedBytes } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { BytesColumn } from "./column-set.ts";
import { sliceBytes } from "./column-set-buffer.ts";

// Native histograms of a chunk, column by column: buckets change little from sample to sample, and most not at all.
//
//   | runs varint | for each: layout size varint, layout, samples varint |
//   | size of the sums varint | sums, a column of numbers |
//   | for each run, for each count: the difference to the sample before, signed, the first to 0;
//   |   where it is 0: how many more are, varint |

/** Counts in a chunk: far more than its bytes can have, unless they are damaged. */
const COUNTS_MAX = 2 ** 22;

/** Histograms one after another with the same layout. */
interface Run {
  readonly layout: Uint8Array;
  readonly length: number;
}

/** A chunk's histograms apart; undefined where not all of them are of integers. */
export function splitHistograms(column: BytesColumn): readonly HistogramParts[] | undefined {
  const parts: HistogramParts[] = [];
  for (const at of column.ends.keys()) {
    const { bytes } = sliceBytes(column, at, at + 1);
    const part = splitHistogram(bytes);
    const again = part && HistogramJoiner.of(part.layout)?.join(part);
    // What could be written in another way must come back as it is.
    if (part === undefined || again === undefined || Buffer.compare(again, bytes) !== 0)
      return undefined;
    parts.push(part);
  }
  return parts;
}

/** The sums' bits, two words each. */
export function sumBits(parts: readonly HistogramParts[]): Uint32Array {
  const bytes = new Uint8Array(parts.length * 8);
  for (const [at, { sum }] of parts.entries()) bytes.set(sum, at * 8);
  return new Uint32Array(bytes.buffer);
}

/** @param sums what the sums became as a column of numbers. */
export function writeHistograms(
  parts: readonly HistogramParts[],
  sums: Uint8Array,
  out: ByteWriter,
): void {
  const runs = runsOf(parts);
  out.varint(runs.length);
  for (const { layout, length } of runs) {
    out.varint(layout.length);
    out.raw(layout);
    out.varint(length);
  }
  out.varint(sums.length);
  out.raw(sums);
  let start = 0;
  for (const { length } of runs) {
    const run = parts.slice(start, start + length);
    for (const field of (run[0] as HistogramParts).counts.keys()) writeField(run, field, out);
    start += length;
  }
}

function runsOf(parts: readonly HistogramParts[]): Run[] {
  const runs: { layout: Uint8Array; length: number }[] = [];
  for (const { layout } of parts) {
    const last = runs.at(-1);
    if (last !== undefined && Buffer.compare(last.layout, layout) === 0) last.length++;
    else runs.push({ layout, length: 1 });
  }
  return runs;
}

function writeField(run: readonly HistogramParts[], field: number, out: ByteWriter): void {
  let before = 0;
  for (let at = 0; at < run.length; ) {
    const count = run[at++]?.counts[field] as number;
    out.signed(count - before);
    if (count === before) {
      const first = at;
      while (at < run.length && run[at]?.counts[field] === before) at++;
      out.varint(at - first);
    }
    before = count;
  }
}

/**
 * Reads what `writeHistograms` wrote.
 *
 * @param readSums makes the sums' bits of their column.
 * @throws MalformedBytes.
 */
export function readHistograms(
  reader: ByteReader,
  count: number,
  readSums: (bytes: Uint8Array) => Uint32Array,
): BytesColumn {
  const runs = readRuns(reader, count);
  const bits = readSums(reader.raw(reader.varint())).slice();
  const sums = new Uint8Array(bits.buffer);
  const pieces: Uint8Array[] = [];
  for (const { layout, length } of runs) {
    const joiner = HistogramJoiner.of(layout);
    if (joiner === undefined || joiner.countsLength * length > COUNTS_MAX)
      throw new MalformedBytes("a layout that no histogram has");
    const fields = Array.from({ length: joiner.countsLength }, () => readField(reader, length));
    for (let at = 0; at < length; at++) {
      const sum = sums.subarray(pieces.length * 8, pieces.length * 8 + 8);
      const bytes = joiner.join({ sum, counts: fields.map((list) => list[at] as number) });
      if (bytes === undefined) throw new MalformedBytes("counts that no histogram has");
      pieces.push(bytes);
    }
  }
  if (reader.left > 0) throw new MalformedBytes("more than the histograms is there");
  return columnOf(pieces);
}

function readRuns(reader: ByteReader, count: number): Run[] {
  const runs: Run[] = [];
  let total = 0;
  for (let left = reader.count(3); left > 0; left--) {
    const layout = reader.raw(reader.varint());
    const length = reader.varint();
    if (length === 0 || length > count - total) throw new MalformedBytes("runs of a wrong length");
    total += length;
    runs.push({ layout, length });
  }
  if (total !== count) throw new MalformedBytes(`${total} histograms, not ${count}`);
  return runs;
}

function readField(reader: ByteReader, length: number): Float64Array {
  const values = new Float64Array(length);
  let before = 0;
  for (let at = 0; at < length; ) {
    const difference = reader.signed();
    before += difference;
    values[at++] = before;
    if (difference !== 0) continue;
    const more = reader.varint();
    if (more > length - at) throw new MalformedBytes("a run of counts goes beyond the end");
    values.fill(before, at, at + more);
    at += more;
  }
  return values;
}

function columnOf(pieces: readonly Uint8Array[]): BytesColumn {
  let end = 0;
  const ends = Uint32Array.from(pieces, ({ length }) => {
    end += length;
    return end;
  });
  const bytes = new Uint8Array(end);
  for (const [at, piece] of pieces.entries()) bytes.set(piece, (ends[at] as number) - piece.length);
  return { ends, bytes };
}
