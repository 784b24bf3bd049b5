import { assert } from "@pharos/base";
import type { IndexList, SampleColumns, TimestampShape } from "@pharos/kernels";
import { doubles, PayloadReader, words } from "./payload-reader.ts";

// The payloads of the log's records, little-endian; those of checkpoints are in checkpoint-payload.ts, those of what is
// no float sample in attachment-payload.ts.
//
//   series            | count u32 | then each: reference u32 | size u32 | label bytes ... |
//   samples           | count u32 | shape u8 | appended at f64 | first timestamp f64 | references u32 x count
//                       | values u64 x count | shape 1: differences to the first timestamp i32 x count
//                       | shape 2: timestamps f64 x count |
//   sync mark         | segment u32 | size f64 | then, for each place that was lost before: segment u32 | offset f64 |
//
// A payload has passed its checksum when it is read, so that a wrong size in it is a mistake of the writer: the readers
// answer undefined then, and the caller reports the record as damaged.

const SHAPES: readonly TimestampShape[] = ["shared", "deltas", "any"];
const SAMPLES_HEADER_SIZE = 21;

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

/**
 * The columns' own memory and a small header; `deltas` must stay as it is until the parts are written.
 *
 * @param appendedMs the wall-clock time of the append.
 */
export function samplesPayload(
  columns: SampleColumns,
  shape: TimestampShape,
  deltas: IndexList,
  appendedMs: number,
): Uint8Array[] {
  const { length } = columns;
  assert(length > 0, "a samples record has samples");
  const header = new Uint8Array(SAMPLES_HEADER_SIZE);
  const view = new DataView(header.buffer);
  view.setUint32(0, length, true);
  view.setUint8(4, SHAPES.indexOf(shape));
  view.setFloat64(5, appendedMs, true);
  view.setFloat64(13, columns.timestampsMs[0] as number, true);
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

/** Memory for the samples of a record: the kernels' columns, or any other with room. */
export interface SampleTarget {
  readonly capacity: number;
  length: number;
  readonly series: Uint32Array;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
}

/** When the samples of a record, whose size `sampleCount` has checked, were appended. */
export function appendedAtMs(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset).getFloat64(5, true);
}

/** Copies a samples record, whose size `sampleCount` has checked, into columns with room for it; values bit by bit. */
export function readSamples(payload: Uint8Array, columns: SampleTarget): void {
  const view = new DataView(payload.buffer, payload.byteOffset);
  const count = view.getUint32(0, true);
  assert(count <= columns.capacity, "the columns have room");
  const firstMs = view.getFloat64(13, true);
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

/**
 * Says that the first `offset` bytes of a segment, and all segments before it, had been synced when it was written; and
 * where there is damage all the same, which a crash had left before.
 */
export interface SyncMark extends WalPosition {
  readonly lost: readonly WalPosition[];
}

export function syncMarkPayload(mark: SyncMark): Uint8Array[] {
  return [mark, ...mark.lost].flatMap(({ segment, offset }) => [words(segment), doubles(offset)]);
}

export function readSyncMark(payload: Uint8Array): SyncMark | undefined {
  const reader = new PayloadReader(payload);
  const places: WalPosition[] = [];
  while (!reader.failed && !reader.finished)
    places.push({ segment: reader.u32(), offset: reader.f64() });
  const [mark, ...lost] = places;
  return mark !== undefined && reader.finished ? { ...mark, lost } : undefined;
}

function bytesOf(
  column: { buffer: ArrayBufferLike; byteOffset: number },
  size: number,
): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, size);
}
