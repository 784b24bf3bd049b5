import { doubles, PayloadReader, words } from "./payload-reader.ts";
import type { CheckpointSeries, WalPosition } from "./wal-payload.ts";

// The payloads of a checkpoint's records, little-endian. Series that have ended, and that the log still mentions, are in
// `series` records as in the log.
//
//   checkpoint start  | flushed before f64 | segment u32 | offset f64 | first segment u32 | next reference u32 |
//   checkpoint series | count u32 | then each: reference u32 | newest timestamp f64 | newest value u64 | size u32
//                       | label bytes ... |
//   checkpoint end    | the fields of checkpoint start, again | series in all u32 |

export interface CheckpointStart {
  /** Samples before this time, written before `position`, are in blocks. -Infinity if nothing was ever flushed. */
  readonly flushedBeforeMs: number;
  readonly position: WalPosition;
  /** Where replay starts; older segments are not needed. */
  readonly firstSegment: number;
  /** No series ever had this reference or a higher one. */
  readonly nextRef: number;
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
  const start = readStart(reader);
  return reader.finished ? start : undefined;
}

function readStart(reader: PayloadReader): CheckpointStart {
  return {
    flushedBeforeMs: reader.f64(),
    position: { segment: reader.u32(), offset: reader.f64() },
    firstSegment: reader.u32(),
    nextRef: reader.u32(),
  };
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

/** @param seriesCount series in all records of the checkpoint. */
export function checkpointEndPayload(start: CheckpointStart, seriesCount: number): Uint8Array[] {
  return [...checkpointStartPayload(start), words(seriesCount)];
}

export function readCheckpointEnd(
  payload: Uint8Array,
): { readonly start: CheckpointStart; readonly seriesCount: number } | undefined {
  const reader = new PayloadReader(payload);
  const start = readStart(reader);
  const seriesCount = reader.u32();
  return reader.finished ? { start, seriesCount } : undefined;
}
