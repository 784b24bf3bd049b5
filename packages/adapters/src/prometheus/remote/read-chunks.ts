// A response as a stream: frames, one after another,
//
//   | size uvarint | crc32c of the message u32, big-endian | prometheus.ChunkedReadResponse ... |
//
// with one series a message, and its chunks over as many messages as it takes. Queries come in order, their series sorted.
import {
  assert,
  type Label,
  type Labels,
  type NativeHistogram,
  OperatingError,
  ProtoFields,
  ProtoWriter,
  type TimedHistogram,
} from "@pharos/base";
import type { HistogramColumn, SeriesColumns } from "@pharos/ports";
import { crc32c } from "../crc32c.ts";
import {
  CHUNK_FLOAT_HISTOGRAM,
  CHUNK_HISTOGRAM,
  decodeHistogramChunk,
} from "../histogram-chunk.ts";
import { HistogramChunkWriter } from "../histogram-chunk-writer.ts";
import { decodeXorChunk, SampleBuffer } from "../xor-chunk.ts";
import { CHUNK_SAMPLES_MAX, XorChunkWriter } from "../xor-chunk-writer.ts";
import { checkedLabels, type ReceivedSeries } from "./read-samples.ts";
import { readLabel, staleOf, valueBits, writeLabels } from "./series-message.ts";

/** A message ends when it has so many bytes; as Prometheus has it. */
const FRAME_SIZE_MAX = 1024 * 1024;
/** Frames that are larger are taken for damage: others' may be as large as this. */
export const RECEIVED_FRAME_SIZE_MAX = 50 * 1024 * 1024;
const CHUNK_XOR = 1;
const SIZE_SIZE_MAX = 5;
const CHECKSUM_SIZE = 4;

/** Makes frames of series. */
export class ChunkFrames {
  readonly #message = new ProtoWriter(64 * 1024);
  readonly #labels = new ProtoWriter();
  readonly #chunks = new ProtoWriter(64 * 1024);
  readonly #xor = new XorChunkWriter();
  readonly #histograms = new HistogramChunkWriter();
  readonly #frameSizeMax: number;

  constructor(frameSizeMax = FRAME_SIZE_MAX) {
    this.#frameSizeMax = frameSizeMax;
  }

  /** The frames of one series: one, unless its chunks fill more. */
  *frames(
    queryIndex: number,
    labels: Labels,
    columns: SeriesColumns,
  ): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
    this.#labels.clear();
    writeLabels(this.#labels, labels);
    this.#chunks.clear();
    for (const run of runs(columns)) {
      if ("histograms" in run) this.#putHistograms(run.histograms);
      else this.#putSamples(run.timestampsMs, run.bits);
      if (this.#labels.size + this.#chunks.size < this.#frameSizeMax) continue;
      yield this.#frame(queryIndex);
      this.#chunks.clear();
    }
    if (this.#chunks.size > 0) yield this.#frame(queryIndex);
  }

  #putSamples(timestampsMs: Float64Array, bits: Uint32Array): void {
    const data = this.#xor.write(timestampsMs, bits);
    this.#putChunk(timestampsMs[0] as number, timestampsMs.at(-1) as number, CHUNK_XOR, data);
  }

  #putHistograms(list: readonly TimedHistogram[]): void {
    const [first] = list;
    assert(first !== undefined, "a run has something");
    const data = this.#histograms.write(list);
    const type = first.histogram.isInteger ? CHUNK_HISTOGRAM : CHUNK_FLOAT_HISTOGRAM;
    this.#putChunk(first.timestampMs, list.at(-1)?.timestampMs ?? 0, type, data);
  }

  #putChunk(minMs: number, maxMs: number, type: number, data: Uint8Array): void {
    const out = this.#chunks;
    out.begin(2);
    out.int64(1, minMs);
    out.int64(2, maxMs);
    out.int64(3, type);
    out.field(4, data);
    out.end();
  }

  #frame(queryIndex: number): Uint8Array<ArrayBuffer> {
    const out = this.#message;
    out.clear();
    out.begin(1);
    out.raw(this.#labels.bytes);
    out.raw(this.#chunks.bytes);
    out.end();
    out.int64(2, queryIndex);
    const message = out.bytes;
    const size = new ProtoWriter(SIZE_SIZE_MAX * 2);
    size.varint(message.length);
    const frame = new Uint8Array(size.size + CHECKSUM_SIZE + message.length);
    frame.set(size.bytes);
    new DataView(frame.buffer).setUint32(size.size, crc32c(message));
    frame.set(message, size.size + CHECKSUM_SIZE);
    return frame;
  }
}

type Run =
  | { readonly timestampsMs: Float64Array; readonly bits: Uint32Array }
  | { readonly histograms: readonly TimedHistogram[] };

/** What goes into one chunk each, in the order of time: samples and histograms of a series may alternate. */
function* runs(columns: SeriesColumns): Generator<Run, void, undefined> {
  const { timestampsMs, values, stale, histograms } = columns;
  const bits = valueBits(values, stale);
  const histogramTimesMs = histograms?.timestampsMs ?? NO_TIMES;
  let [sampleAt, histogramAt] = [0, 0];
  while (sampleAt < timestampsMs.length || histogramAt < histogramTimesMs.length) {
    const untilMs = histogramTimesMs[histogramAt] ?? Number.POSITIVE_INFINITY;
    let end = sampleAt;
    while (
      end < timestampsMs.length &&
      end - sampleAt < CHUNK_SAMPLES_MAX &&
      (timestampsMs[end] as number) <= untilMs
    )
      end++;
    if (end > sampleAt) {
      yield {
        timestampsMs: timestampsMs.subarray(sampleAt, end),
        bits: bits.subarray(sampleAt * 2, end * 2),
      };
      sampleAt = end;
      continue;
    }
    assert(histograms !== undefined, "what comes before the next sample is a histogram");
    const beforeMs = timestampsMs[sampleAt] ?? Number.POSITIVE_INFINITY;
    const list = histogramRun(histograms, histogramAt, beforeMs);
    histogramAt += list.length;
    yield { histograms: list };
  }
}

const NO_TIMES = new Float64Array(0);

/** Histograms from a place on that share a chunk: of one layout, and each without a reset since the one before. */
function histogramRun(
  column: HistogramColumn,
  start: number,
  beforeMs: number,
): readonly TimedHistogram[] {
  const list: TimedHistogram[] = [];
  for (let at = start; at < column.timestampsMs.length; at++) {
    const timestampMs = column.timestampsMs[at] as number;
    const histogram = column.at(at);
    const previous = list.at(-1)?.histogram;
    if (previous !== undefined) {
      if (timestampMs >= beforeMs || list.length === CHUNK_SAMPLES_MAX) break;
      if (!sharesChunk(histogram, previous)) break;
    }
    list.push({ timestampMs, histogram });
  }
  return list;
}

function sharesChunk(histogram: NativeHistogram, previous: NativeHistogram): boolean {
  if (histogram.stale || previous.stale || histogram.isInteger !== previous.isInteger) return false;
  const sameLayout =
    histogram.schema === previous.schema &&
    histogram.zeroThreshold === previous.zeroThreshold &&
    sameNumbers(histogram.customBounds, previous.customBounds) &&
    sameSpans(histogram.positiveSpans, previous.positiveSpans) &&
    sameSpans(histogram.negativeSpans, previous.negativeSpans);
  if (!sameLayout) return false;
  // A chunk says of all of its histograms that they are gauges; or of all but its first that there was no reset.
  const [reset, before] = [histogram.counterReset, previous.counterReset];
  if (reset === "gauge" || before === "gauge") return reset === before;
  return reset === "none" || (reset === "unknown" && !goesDown(histogram, previous));
}

/** Whether any count of a histogram is below that of one with the same buckets. */
function goesDown(histogram: NativeHistogram, previous: NativeHistogram): boolean {
  const lower = (a: readonly number[], b: readonly number[]): boolean =>
    a.some((count, i) => count < (b[i] as number));
  return (
    histogram.count < previous.count ||
    histogram.zeroCount < previous.zeroCount ||
    lower(histogram.positiveCounts, previous.positiveCounts) ||
    lower(histogram.negativeCounts, previous.negativeCounts)
  );
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function sameSpans(
  a: NativeHistogram["positiveSpans"],
  b: NativeHistogram["positiveSpans"],
): boolean {
  return (
    a.length === b.length &&
    a.every(({ offset, length }, i) => offset === b[i]?.offset && length === b[i]?.length)
  );
}

/** A series of a stream, or a part of one: parts of a series follow each other. */
export interface ReceivedPart extends ReceivedSeries {
  readonly queryIndex: number;
}

/**
 * Reads a stream of frames as it comes.
 * @throws OperatingError `input.invalid` for what is no such stream, or ends within a frame; whatever `pieces` throws.
 */
export async function* decodeChunkStream(
  pieces: AsyncIterable<Uint8Array>,
  range: { readonly minMs: number; readonly maxMs: number },
): AsyncGenerator<ReceivedPart, void, undefined> {
  let rest = new Uint8Array(0);
  for await (const piece of pieces) {
    const joined = new Uint8Array(rest.length + piece.length);
    joined.set(rest);
    joined.set(piece, rest.length);
    let at = 0;
    for (;;) {
      const frame = frameAt(joined, at);
      if (frame === undefined) break;
      yield* readMessage(frame.message, range);
      at = frame.end;
    }
    rest = joined.slice(at);
  }
  if (rest.length > 0) throw invalid("the stream ends within a frame");
}

/** Undefined where it is not all there yet. */
function frameAt(
  bytes: Uint8Array,
  start: number,
): { readonly message: Uint8Array; readonly end: number } | undefined {
  let at = start;
  let size = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at++];
    if (byte === undefined) return undefined;
    if (at - start > SIZE_SIZE_MAX) throw invalid("the size of a frame does not end");
    size += (byte & 0x7f) * factor;
    if (size > RECEIVED_FRAME_SIZE_MAX)
      throw invalid(`a frame of more than ${RECEIVED_FRAME_SIZE_MAX} bytes`);
    if (byte < 0x80) break;
  }
  const messageAt = at + CHECKSUM_SIZE;
  if (messageAt + size > bytes.length) return undefined;
  const checksum = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0);
  const message = bytes.subarray(messageAt, messageAt + size);
  if (checksum !== crc32c(message)) throw invalid("the checksum of a frame does not match");
  return { message, end: messageAt + size };
}

function* readMessage(
  message: Uint8Array,
  range: { readonly minMs: number; readonly maxMs: number },
): Generator<ReceivedPart, void, undefined> {
  const fields = new ProtoFields("chunked read response", message);
  const series: ReceivedSeries[] = [];
  let queryIndex = 0;
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x0a) series.push(readChunkedSeries(fields.message(), range));
    else if (tag === 0x10) queryIndex = fields.uint64();
    else fields.skip(tag);
  }
  for (const one of series) yield { ...one, queryIndex };
}

function readChunkedSeries(
  fields: ProtoFields,
  { minMs, maxMs }: { readonly minMs: number; readonly maxMs: number },
): ReceivedSeries {
  const labels: Label[] = [];
  const samples = new SampleBuffer();
  const histograms: TimedHistogram[] = [];
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x0a) labels.push(readLabel(fields.message()));
    else if (tag === 0x12) {
      const { type, data } = readChunk(fields.message());
      let problem: string | undefined;
      if (type === CHUNK_XOR) problem = decodeXorChunk(data, minMs, maxMs, samples);
      else if (type === CHUNK_HISTOGRAM || type === CHUNK_FLOAT_HISTOGRAM)
        problem = decodeHistogramChunk(data, type === CHUNK_HISTOGRAM, minMs, maxMs, histograms);
      else problem = `chunk encoding ${type}`;
      if (problem !== undefined) throw invalid(problem);
    } else fields.skip(tag);
  }
  const bits = samples.valueBits.slice(0, samples.length * 2);
  return {
    labels: checkedLabels(labels),
    timestampsMs: samples.timestampsMs.slice(0, samples.length),
    values: new Float64Array(bits.buffer),
    stale: staleOf(bits, samples.length),
    histograms,
  };
}

function readChunk(fields: ProtoFields): { readonly type: number; readonly data: Uint8Array } {
  let type = 0;
  let data: Uint8Array = new Uint8Array(0);
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x18) type = fields.varint();
    else if (tag === 0x22) data = fields.bytes();
    else fields.skip(tag);
  }
  return { type, data };
}

function invalid(what: string): OperatingError {
  return new OperatingError("input.invalid", `chunked read response: ${what}`);
}
