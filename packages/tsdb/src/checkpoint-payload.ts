import { constants as zlib, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { HEAD_REFERENCES_MAX } from "@pharos/kernels";
import { doubles, PayloadReader, words } from "./payload-reader.ts";
import type { CheckpointSeries, WalPosition } from "./wal-payload.ts";
import { PAYLOAD_SIZE_MAX } from "./wal-record.ts";

// The payloads of a checkpoint's records, little-endian. Series that have ended, and that the log still mentions, are in
// `series` records as in the log.
//
//   checkpoint start  | flushed before f64 | segment u32 | offset f64 | first segment u32 | next reference u32 |
//   checkpoint series | zstd of: count u32 | references u32 x count | newest timestamps f64 x count
//                       | newest values u64 x count | sizes u32 x count | label bytes ... |
//   checkpoint end    | the fields of checkpoint start, again | series in all u32 |

/** Fast: a million series are some hundred MB, and a checkpoint is written with every flush. */
const COMPRESSION = { [zlib.ZSTD_c_compressionLevel]: 1 };

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
  return reader.finished && start.nextRef <= HEAD_REFERENCES_MAX ? start : undefined;
}

function readStart(reader: PayloadReader): CheckpointStart {
  return {
    flushedBeforeMs: reader.f64(),
    position: { segment: reader.u32(), offset: reader.f64() },
    firstSegment: reader.u32(),
    nextRef: reader.u32(),
  };
}

/** Column by column, which compresses best. */
export function checkpointSeriesPayload(list: readonly CheckpointSeries[]): Uint8Array[] {
  const count = list.length;
  const labelsSize = list.reduce((size, { labelBytes }) => size + labelBytes.length, 0);
  const raw = new Uint8Array(4 + count * 24 + labelsSize);
  const view = new DataView(raw.buffer);
  view.setUint32(0, count, true);
  const timesAt = 4 + count * 4;
  const valuesAt = timesAt + count * 8;
  const sizesAt = valuesAt + count * 8;
  let labelsAt = sizesAt + count * 4;
  for (const [i, series] of list.entries()) {
    const { ref, labelBytes, lastTimeMs, lastValueLow, lastValueHigh } = series;
    view.setUint32(4 + i * 4, ref, true);
    view.setFloat64(timesAt + i * 8, lastTimeMs, true);
    view.setUint32(valuesAt + i * 8, lastValueLow, true);
    view.setUint32(valuesAt + i * 8 + 4, lastValueHigh, true);
    view.setUint32(sizesAt + i * 4, labelBytes.length, true);
    raw.set(labelBytes, labelsAt);
    labelsAt += labelBytes.length;
  }
  return [zstdCompressSync(raw, { params: COMPRESSION })];
}

export function readCheckpointSeries(payload: Uint8Array): readonly CheckpointSeries[] | undefined {
  const raw = uncompressed(payload);
  if (raw === undefined) return undefined;
  const reader = new PayloadReader(raw);
  const count = reader.u32();
  if (count * 24 > raw.length) return undefined;
  const refs = reader.words(count);
  const timesMs = reader.doubles(count);
  const values = reader.words(count * 2);
  const sizes = reader.words(count);
  const list: CheckpointSeries[] = [];
  for (let i = 0; i < count; i++)
    list.push({
      ref: refs[i] as number,
      lastTimeMs: timesMs[i] as number,
      lastValueLow: values[i * 2] as number,
      lastValueHigh: values[i * 2 + 1] as number,
      labelBytes: reader.bytes(sizes[i] as number),
    });
  return reader.finished ? list : undefined;
}

/** Undefined where these are no bytes that `zstd` wrote, which is a mistake of the writer, as a wrong size is. */
function uncompressed(payload: Uint8Array): Uint8Array | undefined {
  try {
    const { buffer, byteOffset, length } = zstdDecompressSync(payload, {
      maxOutputLength: PAYLOAD_SIZE_MAX,
    });
    // No `Buffer`: its `slice` does not copy.
    return new Uint8Array(buffer, byteOffset, length);
  } catch {
    return undefined;
  }
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
