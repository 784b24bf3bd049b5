import { compareUtf8, type Label, type Labels } from "@pharos/base";
import { ByteReader } from "./byte-reader.ts";
import type { LogRecord } from "./wal-reader.ts";

/** Kinds of records, as files have them; what is not here has nothing that could be imported. */
export const RECORD_SERIES = 1;
export const RECORD_SAMPLES = 2;
export const RECORD_TOMBSTONES = 3;
/** Exemplars, markers of written chunks, metadata: nothing that is missed. */
export const RECORDS_PASSED_OVER: ReadonlySet<number> = new Set([4, 5, 6]);
/** Native histograms, of whole and of float numbers; the later two have buckets of their own. */
export const RECORDS_HISTOGRAMS: ReadonlySet<number> = new Set([7, 8, 9, 10]);
const FLOAT_HISTOGRAMS: ReadonlySet<number> = new Set([8, 10]);
const SCHEMA_CUSTOM_BUCKETS = -53;

/** One of each text: label names and values come again and again. */
export class TextPool {
  readonly #texts = new Map<string, string>();

  get(text: string): string {
    return this.#texts.getOrInsert(text, text);
  }
}

/** Tells each series of a record: (reference u64, labels: count uvarint, name, value ...) x n. */
export function readSeriesRecord(
  record: LogRecord,
  pool: TextPool,
  each: (reference: number, labels: Labels) => void,
): void {
  const reader = bodyOf(record);
  while (!reader.done) {
    const reference = reader.u64();
    const labels: Label[] = [];
    for (let left = reader.uvarint(); left > 0; left--) {
      const name = pool.get(reader.text());
      const value = pool.get(reader.text());
      if (value !== "") labels.push([name, value]);
    }
    each(reference, sorted(labels));
  }
}

/** As Prometheus writes them, they are in order already. */
function sorted(labels: Label[]): Labels {
  return labels.sort((a, b) => compareUtf8(a[0], b[0]));
}

/**
 * Tells each sample of a record: a first reference u64 and time i64, then (reference, time: varints, counted from the
 * first ones; value f64) x n. The value is told as its bits.
 */
export function readSamplesRecord(
  record: LogRecord,
  each: (reference: number, timeMs: number, low: number, high: number) => void,
): void {
  const reader = bodyOf(record);
  if (reader.done) return;
  const baseReference = reader.u64();
  const baseMs = reader.i64();
  while (!reader.done) {
    const reference = baseReference + reader.varint();
    const timeMs = baseMs + reader.varint();
    const high = reader.u32();
    each(reference, timeMs, reader.u32(), high);
  }
}

/** Tells what was deleted of each series: (reference u64, first and last time: varints) x n. */
export function readTombstonesRecord(
  record: LogRecord,
  each: (reference: number, minMs: number, maxMs: number) => void,
): void {
  const reader = bodyOf(record);
  while (!reader.done) {
    const reference = reader.u64();
    const minMs = reader.varint();
    each(reference, minMs, reader.varint());
  }
}

/** Tells of which series and when there are native histograms in a record, whose contents are passed over. */
export function readHistogramsRecord(
  record: LogRecord,
  each: (reference: number, timeMs: number) => void,
): void {
  const isFloat = FLOAT_HISTOGRAMS.has(record.bytes[0] as number);
  const reader = bodyOf(record);
  if (reader.done) return;
  const baseReference = reader.u64();
  const baseMs = reader.i64();
  while (!reader.done) {
    const reference = baseReference + reader.varint();
    each(reference, baseMs + reader.varint());
    passHistogram(reader, isFloat);
  }
}

function passHistogram(reader: ByteReader, isFloat: boolean): void {
  reader.u8();
  const schema = reader.varint();
  reader.take(8);
  if (isFloat) reader.take(16);
  else {
    reader.uvarint();
    reader.uvarint();
  }
  reader.take(8);
  for (let spans = 0; spans < 2; spans++)
    for (let left = reader.uvarint(); left > 0; left--) {
      reader.varint();
      reader.uvarint();
    }
  for (let buckets = 0; buckets < 2; buckets++)
    for (let left = reader.uvarint(); left > 0; left--) {
      if (isFloat) reader.take(8);
      else reader.varint();
    }
  if (schema === SCHEMA_CUSTOM_BUCKETS)
    for (let left = reader.uvarint(); left > 0; left--) reader.take(8);
}

/** What follows a record's kind. */
function bodyOf({ bytes, path, offset }: LogRecord): ByteReader {
  return new ByteReader(bytes.subarray(1), `${path}, byte ${offset}: in the record`);
}
