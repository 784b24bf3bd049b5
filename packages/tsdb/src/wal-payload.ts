import { assert } from "@pharos/base";
import type { IndexList, SampleColumns, TimestampShape } from "@pharos/kernels";

// The payloads of records, little-endian.
//
//   series            | count u32 | then each: reference u32 | size u32 | label bytes ... |
//   samples           | count u32 | shape u8 | first timestamp f64 | references u32 x count | values u64 x count
//                       | shape 1: differences to the first timestamp i32 x count | shape 2: timestamps f64 x count |
//   sync mark         | segment u32 | size f64 |
//   checkpoint start  | flushed before f64 | segment u32 | offset f64 | first segment u32 | next reference u32 |
//   checkpoint series | count u32 | then each: reference u32 | newest timestamp f64 | newest value u64 | size u32
//                       | label bytes ... |
//   checkpoint end    | series in all u32 |
//
// A payload has passed its checksum when it is read, so that a wrong size in it is a mistake of the writer: the readers
// answer undefined then, and the caller reports the record as damaged.

const SHAPES: readonly TimestampShape[] = ["shared", "deltas", "any"];
const SAMPLES_HEADER_SIZE = 13;

export interface SeriesDefinition {
  readonly ref: number;
  readonly labelBytes: Uint8Array;
}

/**
 * A series in a checkpoint, with its newest sample if all of its samples are in blocks; -Infinity if it has none, or if
 * the log has its newest.
 */
export interface CheckpointSeries extends SeriesDefinition {
  readonly lastTimeMs: number;
  readonly lastValueLow: number;
  readonly lastValueHigh: number;
}

/** A place in the log: everything before it was written earlier. */
export interface WalPosition {
  readonly segment: number;
  readonly offset: number;
}

export interface CheckpointStart {
  /** Samples before this time, written before `position`, are in blocks. -Infinity if nothing was ever flushed. */
  readonly flushedBeforeMs: number;
  readonly position: WalPosition;
  /** Where replay starts; older segments are not needed. */
  readonly firstSegment: number;
  /** No series ever had this reference or a higher one. */
  readonly nextRef: number;
}

export function seriesPayload(list: readonly SeriesDefinition[]): Uint8Array[] {
  let size = 4;
  for (const { labelBytes } of list) size += 8 + labelBytes.length;
  // In one piece: a part each would cost the checksum and the write more than the copy.
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  view.setUint32(0, list.length, true);
  let at = 4;
  for (const { ref, labelBytes } of list) {
    view.setUint32(at, ref, true);
    view.setUint32(at + 4, labelBytes.length, true);
    out.set(labelBytes, at + 8);
    at += 8 + labelBytes.length;
  }
  return [out];
}

export function readSeries(payload: Uint8Array): readonly SeriesDefinition[] | undefined {
  const reader = new PayloadReader(payload);
  const list: SeriesDefinition[] = [];
  for (let left = reader.u32(); left > 0 && !reader.failed; left--) {
    const ref = reader.u32();
    list.push({ ref, labelBytes: reader.bytes(reader.u32()) });
  }
  return reader.finished ? list : undefined;
}

/** The columns' own memory and a small header; `deltas` must stay as it is until the parts are written. */
export function samplesPayload(
  columns: SampleColumns,
  shape: TimestampShape,
  deltas: IndexList,
): Uint8Array[] {
  const { length } = columns;
  assert(length > 0, "a samples record has samples");
  const header = new Uint8Array(SAMPLES_HEADER_SIZE);
  const view = new DataView(header.buffer);
  view.setUint32(0, length, true);
  view.setUint8(4, SHAPES.indexOf(shape));
  view.setFloat64(5, columns.timestampsMs[0] as number, true);
  const parts: Uint8Array[] = [
    header,
    bytesOf(columns.series, length * 4),
    bytesOf(columns.values, length * 8),
  ];
  if (shape === "deltas") parts.push(bytesOf(deltas.words, length * 4));
  if (shape === "any") parts.push(bytesOf(columns.timestampsMs, length * 8));
  return parts;
}

/** How many samples a samples record has; undefined if its size is wrong. */
export function sampleCount(payload: Uint8Array): number | undefined {
  if (payload.length < SAMPLES_HEADER_SIZE) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset);
  const count = view.getUint32(0, true);
  const shape = SHAPES[view.getUint8(4)];
  if (shape === undefined || count === 0) return undefined;
  const timestampSize = shape === "shared" ? 0 : shape === "deltas" ? 4 : 8;
  return payload.length === SAMPLES_HEADER_SIZE + count * (12 + timestampSize) ? count : undefined;
}

/** Copies a samples record, whose size `sampleCount` has checked, into columns with room for it. */
export function readSamples(payload: Uint8Array, columns: SampleColumns): void {
  const view = new DataView(payload.buffer, payload.byteOffset);
  const count = view.getUint32(0, true);
  assert(count <= columns.capacity, "the columns have room");
  const firstMs = view.getFloat64(5, true);
  let at = SAMPLES_HEADER_SIZE;
  const take = (size: number): Uint8Array => {
    at += size;
    return payload.subarray(at - size, at);
  };
  bytesOf(columns.series, count * 4).set(take(count * 4));
  bytesOf(columns.values, count * 8).set(take(count * 8));
  const shape = SHAPES[view.getUint8(4)];
  if (shape === "shared") columns.timestampsMs.fill(firstMs, 0, count);
  else if (shape === "deltas")
    for (let i = 0; i < count; i++)
      columns.timestampsMs[i] = firstMs + view.getInt32(at + i * 4, true);
  else bytesOf(columns.timestampsMs, count * 8).set(take(count * 8));
  columns.length = count;
}

export const SYNC_MARK_SIZE = 12;

/** Says that the first `offset` bytes of a segment, and all segments before it, had been synced when it was written. */
export function syncMarkPayload({ segment, offset }: WalPosition): Uint8Array[] {
  return [words(segment), doubles(offset)];
}

export function readSyncMark(payload: Uint8Array): WalPosition | undefined {
  const reader = new PayloadReader(payload);
  const mark = { segment: reader.u32(), offset: reader.f64() };
  return reader.finished ? mark : undefined;
}

export function checkpointStartPayload(start: CheckpointStart): Uint8Array[] {
  const { flushedBeforeMs, position, firstSegment, nextRef } = start;
  return [
    doubles(flushedBeforeMs),
    words(position.segment),
    doubles(position.offset),
    words(firstSegment, nextRef),
  ];
}

export function readCheckpointStart(payload: Uint8Array): CheckpointStart | undefined {
  const reader = new PayloadReader(payload);
  const start = {
    flushedBeforeMs: reader.f64(),
    position: { segment: reader.u32(), offset: reader.f64() },
    firstSegment: reader.u32(),
    nextRef: reader.u32(),
  };
  return reader.finished ? start : undefined;
}

export function checkpointSeriesPayload(list: readonly CheckpointSeries[]): Uint8Array[] {
  let size = 4;
  for (const { labelBytes } of list) size += 24 + labelBytes.length;
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  view.setUint32(0, list.length, true);
  let at = 4;
  for (const { ref, labelBytes, lastTimeMs, lastValueLow, lastValueHigh } of list) {
    view.setUint32(at, ref, true);
    view.setFloat64(at + 4, lastTimeMs, true);
    view.setUint32(at + 12, lastValueLow, true);
    view.setUint32(at + 16, lastValueHigh, true);
    view.setUint32(at + 20, labelBytes.length, true);
    out.set(labelBytes, at + 24);
    at += 24 + labelBytes.length;
  }
  return [out];
}

export function readCheckpointSeries(payload: Uint8Array): readonly CheckpointSeries[] | undefined {
  const reader = new PayloadReader(payload);
  const list: CheckpointSeries[] = [];
  for (let left = reader.u32(); left > 0 && !reader.failed; left--)
    list.push({
      ref: reader.u32(),
      lastTimeMs: reader.f64(),
      lastValueLow: reader.u32(),
      lastValueHigh: reader.u32(),
      labelBytes: reader.bytes(reader.u32()),
    });
  return reader.finished ? list : undefined;
}

export function checkpointEndPayload(seriesCount: number): Uint8Array[] {
  return [words(seriesCount)];
}

export function readCheckpointEnd(payload: Uint8Array): number | undefined {
  const reader = new PayloadReader(payload);
  const count = reader.u32();
  return reader.finished ? count : undefined;
}

/** Reads fields one after another; once something is missing it answers zeros and says so at the end. */
class PayloadReader {
  readonly #payload: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  failed = false;

  constructor(payload: Uint8Array) {
    this.#payload = payload;
    this.#view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  }

  /** Whether everything was there and nothing is left. */
  get finished(): boolean {
    return !this.failed && this.#at === this.#payload.length;
  }

  u32(): number {
    const at = this.#take(4);
    return this.failed ? 0 : this.#view.getUint32(at, true);
  }

  f64(): number {
    const at = this.#take(8);
    return this.failed ? 0 : this.#view.getFloat64(at, true);
  }

  bytes(size: number): Uint8Array {
    const at = this.#take(size);
    return this.#payload.subarray(at, this.failed ? at : at + size);
  }

  #take(size: number): number {
    const at = this.#at;
    if (size > this.#payload.length - at) this.failed = true;
    else this.#at += size;
    return at;
  }
}

function bytesOf(
  column: { buffer: SharedArrayBuffer; byteOffset: number },
  size: number,
): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, size);
}

function words(...list: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(list).buffer);
}

function doubles(...list: number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(list).buffer);
}
