import {
  BUCKETS_MAX,
  type BucketSpan,
  type CounterReset,
  histogramProblem,
  type NativeHistogram,
  STALE_HISTOGRAM,
} from "./native-histogram.ts";
import { ProtoFields } from "./proto-fields.ts";
import type { ProtoWriter } from "./proto-writer.ts";

export interface TimedHistogram {
  readonly histogram: NativeHistogram;
  /** Unix epoch, ms. */
  readonly timestampMs: number;
}

const COUNTER_RESETS: readonly CounterReset[] = ["unknown", "reset", "none", "gauge"];
/** The bits of the staleness marker, which a histogram has in its sum. */
const STALE_LOW = 0x0000_0002;
const STALE_HIGH = 0x7ff0_0000;
const NO_VALUE = new Uint8Array(8);

/**
 * Reads a histogram as remote write and remote read have it (`prometheus.Histogram`, and that of `io.prometheus.write.v2`).
 *
 * @throws OperatingError `input.invalid` for one that is malformed or contradicts itself.
 */
export function readHistogramMessage(message: Uint8Array): TimedHistogram {
  const fields = new ProtoFields("native histogram", message);
  let [schema, count, zeroCount, zeroThreshold, resetHint, timestampMs] = [0, 0, 0, 0, 0, 0];
  let isInteger = true;
  let sumBytes: Uint8Array = NO_VALUE;
  const negative = new WrittenBuckets();
  const positive = new WrittenBuckets();
  const customBounds: number[] = [];
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x08) count = fields.uint64();
    else if (tag === 0x11) {
      count = doubleOf(fields.fixed64());
      isInteger = false;
    } else if (tag === 0x19) sumBytes = fields.fixed64();
    else if (tag === 0x20) schema = fields.sint64();
    else if (tag === 0x29) zeroThreshold = doubleOf(fields.fixed64());
    else if (tag === 0x30) zeroCount = fields.uint64();
    else if (tag === 0x39) zeroCount = doubleOf(fields.fixed64());
    else if (tag === 0x42) negative.spans.push(readSpan(fields.message()));
    else if (tag === 0x48 || tag === 0x4a) negative.readDeltas(fields, tag);
    else if (tag === 0x51 || tag === 0x52) readDoubles(fields, tag, negative.counts);
    else if (tag === 0x5a) positive.spans.push(readSpan(fields.message()));
    else if (tag === 0x60 || tag === 0x62) positive.readDeltas(fields, tag);
    else if (tag === 0x69 || tag === 0x6a) readDoubles(fields, tag, positive.counts);
    else if (tag === 0x70) resetHint = fields.varint();
    else if (tag === 0x78) timestampMs = fields.int64();
    else if (tag === 0x81 || tag === 0x82) readDoubles(fields, tag, customBounds);
    else fields.skip(tag);
  }
  if (isStale(sumBytes)) return { histogram: STALE_HISTOGRAM, timestampMs };
  const counterReset = COUNTER_RESETS[resetHint] ?? "unknown";
  const histogram: NativeHistogram = {
    ...{ schema, isInteger, counterReset, stale: false, zeroThreshold, zeroCount, count },
    sum: doubleOf(sumBytes),
    positiveSpans: positive.spans,
    negativeSpans: negative.spans,
    positiveCounts: isInteger ? positive.absolute : positive.counts,
    negativeCounts: isInteger ? negative.absolute : negative.counts,
    customBounds,
  };
  const problem = histogramProblem(histogram);
  if (problem !== undefined) throw fields.error(0, problem);
  return { histogram, timestampMs };
}

/** One side of a histogram as it is sent. */
class WrittenBuckets {
  readonly spans: BucketSpan[] = [];
  readonly counts: number[] = [];
  /** From the differences that integer histograms have. */
  readonly absolute: number[] = [];

  readDeltas(fields: ProtoFields, tag: number): void {
    const packed = (tag & 7) === 2 ? fields.message() : undefined;
    while (packed?.done !== true) {
      this.absolute.push((this.absolute.at(-1) ?? 0) + (packed ?? fields).sint64());
      if (this.absolute.length > BUCKETS_MAX)
        throw fields.error(fields.offset, `more than ${BUCKETS_MAX} buckets`);
      if (packed === undefined) return;
    }
  }
}

function readDoubles(fields: ProtoFields, tag: number, to: number[]): void {
  const packed = (tag & 7) === 2 ? fields.message() : undefined;
  while (packed?.done !== true) {
    to.push(doubleOf((packed ?? fields).fixed64()));
    if (to.length > BUCKETS_MAX)
      throw fields.error(fields.offset, `more than ${BUCKETS_MAX} buckets`);
    if (packed === undefined) return;
  }
}

function readSpan(fields: ProtoFields): BucketSpan {
  let [offset, length] = [0, 0];
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x08) offset = fields.sint64();
    else if (tag === 0x10) length = fields.varint();
    else fields.skip(tag);
  }
  return { offset, length };
}

function doubleOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
}

function isStale(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint32(0, true) === STALE_LOW && view.getUint32(4, true) === STALE_HIGH;
}

/** Writes the fields of such a message; the caller begins and ends it. */
export function writeHistogramMessage(
  out: ProtoWriter,
  histogram: NativeHistogram,
  timestampMs: number,
): void {
  const { isInteger, stale, schema, counterReset, customBounds } = histogram;
  if (isInteger) out.int64(1, histogram.count);
  else out.presentDouble(2, histogram.count);
  if (stale) out.doubleBits(3, STALE_LOW, STALE_HIGH);
  else out.double(3, histogram.sum);
  out.sint64(4, schema);
  out.double(5, histogram.zeroThreshold);
  if (isInteger) out.int64(6, histogram.zeroCount);
  else out.double(7, histogram.zeroCount);
  writeHistogramSide(out, 8, histogram.negativeSpans, histogram.negativeCounts, isInteger);
  writeHistogramSide(out, 11, histogram.positiveSpans, histogram.positiveCounts, isInteger);
  out.int64(14, COUNTER_RESETS.indexOf(counterReset));
  out.int64(15, timestampMs);
  if (customBounds.length > 0) {
    out.begin(16);
    for (const bound of customBounds) out.fixedDouble(bound);
    out.end();
  }
}

/** Spans are in `field`, differences of whole counts in the next, counts that are floats in the one behind it. */
export function writeHistogramSide(
  out: ProtoWriter,
  field: number,
  spans: readonly BucketSpan[],
  counts: readonly number[],
  isInteger: boolean,
): void {
  for (const { offset, length } of spans) {
    out.begin(field);
    out.sint64(1, offset);
    out.int64(2, length);
    out.end();
  }
  if (counts.length === 0) return;
  out.begin(isInteger ? field + 1 : field + 2);
  let before = 0;
  for (const count of counts) {
    if (isInteger) out.zigzag(count - before);
    else out.fixedDouble(count);
    before = count;
  }
  out.end();
}
