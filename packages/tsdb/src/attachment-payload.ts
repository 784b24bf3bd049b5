import type { MetricMetadata } from "@pharos/ports";
import { PayloadReader, words } from "./payload-reader.ts";

// The payloads of the records for what is no float sample, little-endian. A bytes column is the ends of its entries,
// u32 x count, then the bytes of all of them.
//
//   histograms | count u32 | references u32 x count | timestamps f64 x count | encoded histograms (a bytes column) |
//   exemplars  | count u32 | references u32 x count | timestamps f64 x count | values u64 x count
//                | label bytes (a bytes column) |
//   starts     | count u32 | references u32 x count | timestamps f64 x count | start timestamps f64 x count |
//   metadata   | count u32 | for each, after another: metric, type, help, unit (one bytes column of 4 x count entries) |

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Entries of bytes one after another: entry `i` ends before `ends[i]`. */
export interface BytesEntries {
  readonly ends: Uint32Array;
  readonly bytes: Uint8Array;
}

/** Native histograms, one encoded histogram a sample. */
export interface HistogramRecord {
  readonly refs: Uint32Array;
  readonly timestampsMs: Float64Array;
  readonly histograms: BytesEntries;
}

export interface ExemplarRecord {
  readonly refs: Uint32Array;
  readonly timestampsMs: Float64Array;
  /** Bit by bit: nobody reads a NaN's payload as a number. */
  readonly values: Float64Array;
  /** The exemplars' own labels, such as the trace's identifier, as canonical label bytes. */
  readonly labels: BytesEntries;
}

/** When the counting of samples began. */
export interface StartRecord {
  readonly refs: Uint32Array;
  /** Of the samples. */
  readonly timestampsMs: Float64Array;
  /** Unix epoch, ms; NaN where it is not known. */
  readonly startsMs: Float64Array;
}

export function histogramsPayload(record: HistogramRecord): Uint8Array[] {
  const { refs, timestampsMs, histograms } = record;
  return [words(refs.length), bytesOf(refs), bytesOf(timestampsMs), ...entriesParts(histograms)];
}

export function readHistograms(payload: Uint8Array): HistogramRecord | undefined {
  const reader = new PayloadReader(payload);
  const count = reader.u32();
  const record = {
    refs: reader.words(count),
    timestampsMs: reader.doubles(count),
    histograms: readEntries(reader, count),
  };
  return reader.finished && count > 0 && isRising(record.histograms) ? record : undefined;
}

export function exemplarsPayload(record: ExemplarRecord): Uint8Array[] {
  const { refs, timestampsMs, values, labels } = record;
  return [
    words(refs.length),
    bytesOf(refs),
    bytesOf(timestampsMs),
    bytesOf(values),
    ...entriesParts(labels),
  ];
}

export function readExemplars(payload: Uint8Array): ExemplarRecord | undefined {
  const reader = new PayloadReader(payload);
  const count = reader.u32();
  const record = {
    refs: reader.words(count),
    timestampsMs: reader.doubles(count),
    values: reader.doubles(count),
    labels: readEntries(reader, count),
  };
  return reader.finished && count > 0 && isRising(record.labels) ? record : undefined;
}

export function startsPayload({ refs, timestampsMs, startsMs }: StartRecord): Uint8Array[] {
  return [words(refs.length), bytesOf(refs), bytesOf(timestampsMs), bytesOf(startsMs)];
}

export function readStarts(payload: Uint8Array): StartRecord | undefined {
  const reader = new PayloadReader(payload);
  const count = reader.u32();
  const record = {
    refs: reader.words(count),
    timestampsMs: reader.doubles(count),
    startsMs: reader.doubles(count),
  };
  return reader.finished && count > 0 ? record : undefined;
}

export function metadataPayload(list: readonly MetricMetadata[]): Uint8Array[] {
  const texts = list.flatMap(({ metric, type, help, unit }) => [metric, type, help, unit]);
  const pieces = texts.map((text) => encoder.encode(text));
  const ends = new Uint32Array(pieces.length);
  let end = 0;
  for (const [i, piece] of pieces.entries()) {
    end += piece.length;
    ends[i] = end;
  }
  return [words(list.length), bytesOf(ends), ...pieces];
}

export function readMetadata(payload: Uint8Array): readonly MetricMetadata[] | undefined {
  const reader = new PayloadReader(payload);
  const count = reader.u32();
  const entries = readEntries(reader, count * 4);
  if (!reader.finished || count === 0 || !isRising(entries)) return undefined;
  const textAt = (i: number): string => decoder.decode(entryAt(entries, i));
  return Array.from({ length: count }, (_, i) => ({
    metric: textAt(i * 4),
    type: textAt(i * 4 + 1),
    help: textAt(i * 4 + 2),
    unit: textAt(i * 4 + 3),
  }));
}

/** Entry `i` of a bytes column, a view. */
export function entryAt({ ends, bytes }: BytesEntries, i: number): Uint8Array {
  return bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i]);
}

function entriesParts({ ends, bytes }: BytesEntries): Uint8Array[] {
  return [bytesOf(ends), bytes];
}

function readEntries(reader: PayloadReader, count: number): BytesEntries {
  const ends = reader.words(count);
  return { ends, bytes: reader.bytes(ends.at(-1) ?? 0) };
}

function isRising({ ends }: BytesEntries): boolean {
  return ends.every((end, i) => i === 0 || end >= (ends[i - 1] as number));
}

function bytesOf(column: Uint32Array | Float64Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}
