import type { Labels } from "@pharos/base";
import {
  bitmapSize,
  COLUMNS_VERSION,
  type ColumnsAnswer,
  type ColumnsEnd,
  type ColumnsGrid,
  type ColumnsSeries,
  FRAME,
  FRAME_HEAD_SIZE,
} from "./format.ts";

/** Series go into one piece until their values have so many bytes, */
const PIECE_SIZE = 128 * 1024;
/** or until they are so many. */
const PIECE_SERIES_MAX = 1024;

const encoder = new TextEncoder();

/** An answer piece by piece, each of whole frames; no more than one piece is in memory at a time. */
export function* encodeQueryColumns(
  answer: ColumnsAnswer,
  end: ColumnsEnd,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  const { resultType } = answer;
  const version = COLUMNS_VERSION;
  switch (resultType) {
    case "scalar":
    case "string":
      yield jsonFrame(FRAME.head, { version, ...answer });
      break;
    case "vector": {
      const { timestampMs, labels, values, histograms } = answer;
      yield jsonFrame(FRAME.head, { version, resultType, timestampMs });
      for (let from = 0; from < labels.length; from += PIECE_SERIES_MAX) {
        const part = labels.slice(from, from + PIECE_SERIES_MAX);
        yield labelsFrame(part);
        const listed: unknown[] = [];
        if (histograms !== undefined)
          for (let i = 0; i < part.length; i++) {
            const histogram = histograms.get(from + i);
            if (histogram !== undefined) listed.push([i, timestampMs, histogram]);
          }
        yield columnFrame(values.subarray(from, from + part.length), listed);
        if (listed.length > 0) yield jsonFrame(FRAME.histograms, listed);
      }
      break;
    }
    case "matrix": {
      const { grid } = answer;
      yield jsonFrame(FRAME.head, { version, resultType, ...(grid === undefined ? {} : { grid }) });
      yield* matrixFrames(answer.series, grid);
      break;
    }
  }
  yield jsonFrame(FRAME.end, end);
}

function* matrixFrames(
  series: Iterable<ColumnsSeries>,
  grid: ColumnsGrid | undefined,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  let piece: ColumnsSeries[] = [];
  let size = 0;
  for (const one of series) {
    piece.push(one);
    size += one.values.byteLength + (one.histograms?.length ?? 0) * 256;
    if (size < PIECE_SIZE && piece.length < PIECE_SERIES_MAX) continue;
    yield* pieceFrames(piece, grid);
    piece = [];
    size = 0;
  }
  if (piece.length > 0) yield* pieceFrames(piece, grid);
}

function* pieceFrames(
  piece: readonly ColumnsSeries[],
  grid: ColumnsGrid | undefined,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  yield labelsFrame(piece.map(({ labels }) => labels));
  yield grid === undefined ? runsFrame(piece) : gridFrame(piece, grid);
  const histograms = piece.flatMap(({ histograms: list = [] }, i) =>
    list.map(({ timestampMs, histogram }) => [i, timestampMs, histogram]),
  );
  if (histograms.length > 0) yield jsonFrame(FRAME.histograms, histograms);
}

function gridFrame(piece: readonly ColumnsSeries[], grid: ColumnsGrid): Uint8Array<ArrayBuffer> {
  const { startMs, stepMs, count } = grid;
  const flagsSize = bitmapSize(count);
  let size = 0;
  for (const { values } of piece) size += flagsSize + values.byteLength;
  const frame = emptyFrame(FRAME.grid, size);
  let at = FRAME_HEAD_SIZE;
  for (const { timestampsMs, values } of piece) {
    if (values.length === count) setAll(frame, at, count);
    else
      for (let i = 0; i < timestampsMs.length; i++) {
        // Times are startMs plus whole steps, so the quotient is off by rounding only.
        const step = Math.round(((timestampsMs[i] as number) - startMs) / stepMs);
        setBit(frame, at, step);
      }
    at += flagsSize;
    new Float64Array(frame.buffer, at, values.length).set(values);
    at += values.byteLength;
  }
  return frame;
}

function runsFrame(piece: readonly ColumnsSeries[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const { values } of piece) size += 8 + 2 * values.byteLength;
  const frame = emptyFrame(FRAME.runs, size);
  const words = new Float64Array(frame.buffer, FRAME_HEAD_SIZE);
  let at = 0;
  for (const { timestampsMs, values } of piece) {
    words[at++] = values.length;
    words.set(timestampsMs, at);
    words.set(values, at + values.length);
    at += 2 * values.length;
  }
  return frame;
}

function columnFrame(
  values: Float64Array,
  histograms: readonly unknown[],
): Uint8Array<ArrayBuffer> {
  const withHistogram = new Set(histograms.map((entry) => (entry as readonly unknown[])[0]));
  const flagsSize = bitmapSize(values.length);
  const frame = emptyFrame(FRAME.column, flagsSize + 8 * (values.length - withHistogram.size));
  const words = new Float64Array(frame.buffer, FRAME_HEAD_SIZE + flagsSize);
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    if (withHistogram.has(i)) continue;
    setBit(frame, FRAME_HEAD_SIZE, i);
    words[at++] = values[i] as number;
  }
  return frame;
}

/** Flat lists, since `__proto__` is a possible name. */
function labelsFrame(labels: readonly Labels[]): Uint8Array<ArrayBuffer> {
  return jsonFrame(
    FRAME.labels,
    labels.map((set) => set.flat()),
  );
}

function jsonFrame(kind: number, value: unknown): Uint8Array<ArrayBuffer> {
  const payload = encoder.encode(JSON.stringify(value));
  const frame = emptyFrame(kind, payload.length);
  frame.set(payload, FRAME_HEAD_SIZE);
  return frame;
}

/** With room for the payload, and the zeros behind it. */
function emptyFrame(kind: number, size: number): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(FRAME_HEAD_SIZE + Math.ceil(size / 8) * 8);
  const head = new DataView(frame.buffer);
  head.setUint32(0, kind, true);
  head.setUint32(4, size, true);
  return frame;
}

function setBit(bytes: Uint8Array, offset: number, bit: number): void {
  const at = offset + (bit >>> 3);
  bytes[at] = (bytes[at] as number) | (1 << (bit & 7));
}

function setAll(bytes: Uint8Array, offset: number, count: number): void {
  const whole = count >>> 3;
  bytes.fill(0xff, offset, offset + whole);
  if ((count & 7) !== 0) bytes[offset + whole] = (1 << (count & 7)) - 1;
}
