import {
  assert,
  type BucketSpan,
  CUSTOM_BOUNDS_SCHEMA,
  type NativeHistogram,
  type TimedHistogram,
} from "@pharos/base";
import { BitWriter, XorWriter } from "./bit-writer.ts";
import {
  BOUND_DECIMALS,
  FLAG_GAUGE,
  FLAG_NO_RESET,
  FLAG_RESET,
  THRESHOLD_EXPONENT_BIAS,
  THRESHOLD_RAW,
} from "./histogram-chunk.ts";
import { putVarbitInt, putVarbitUint } from "./varbit.ts";

/** Whole numbers of thousandths are written as such up to this; larger bounds are no shorter that way. */
const WHOLE_BOUND_MAX = 33_554_430;
const STALE_LOW = 0x0000_0002;
const STALE_HIGH = 0x7ff0_0000;
const FLAGS = { reset: FLAG_RESET, none: FLAG_NO_RESET, gauge: FLAG_GAUGE, unknown: 0 } as const;

/** Writes chunks of native histograms, as `decodeHistogramChunk` reads them; its file draws them. */
export class HistogramChunkWriter {
  readonly #bits = new BitWriter();

  /**
   * One chunk of some histograms.
   *
   * @param list at least one, rising in time, all of one layout and of one kind of counts; a staleness marker comes alone.
   * @returns a view, until the next one is written.
   */
  write(list: readonly TimedHistogram[]): Uint8Array<ArrayBuffer> {
    const first = list[0]?.histogram;
    assert(first !== undefined, "a chunk has something");
    assert(!first.stale || list.length === 1, "a staleness marker comes alone");
    const bits = this.#bits;
    bits.clear();
    bits.put(list.length, 16);
    bits.put(FLAGS[first.counterReset], 8);
    putLayout(bits, first);
    if (first.isInteger) putIntegers(bits, list);
    else putFloats(bits, list);
    return bits.bytes;
  }
}

function putLayout(bits: BitWriter, histogram: NativeHistogram): void {
  putThreshold(bits, histogram.zeroThreshold);
  putVarbitInt(bits, histogram.schema);
  putSpans(bits, histogram.positiveSpans);
  putSpans(bits, histogram.negativeSpans);
  if (histogram.schema !== CUSTOM_BOUNDS_SCHEMA) return;
  putVarbitUint(bits, histogram.customBounds.length);
  for (const bound of histogram.customBounds) putBound(bits, bound);
}

function putThreshold(bits: BitWriter, threshold: number): void {
  // As Go's `Frexp` has it, one above the usual exponent.
  const exponent = Math.log2(threshold) + 1;
  if (threshold === 0) bits.put(0, 8);
  else if (Number.isInteger(exponent) && 2 ** (exponent - 1) === threshold && isShort(exponent))
    bits.put(exponent + THRESHOLD_EXPONENT_BIAS, 8);
  else {
    bits.put(THRESHOLD_RAW, 8);
    putDouble(bits, threshold);
  }
}

function isShort(exponent: number): boolean {
  const byte = exponent + THRESHOLD_EXPONENT_BIAS;
  return byte > 0 && byte < THRESHOLD_RAW;
}

function putSpans(bits: BitWriter, spans: readonly BucketSpan[]): void {
  putVarbitUint(bits, spans.length);
  for (const { offset, length } of spans) {
    putVarbitUint(bits, length);
    putVarbitInt(bits, offset);
  }
}

function putBound(bits: BitWriter, bound: number): void {
  const whole = Math.round(bound * BOUND_DECIMALS);
  if (whole >= 0 && whole <= WHOLE_BOUND_MAX && whole / BOUND_DECIMALS === bound)
    putVarbitUint(bits, whole + 1);
  else {
    bits.put(0, 1);
    putDouble(bits, bound);
  }
}

const view = new DataView(new ArrayBuffer(8));

function putDouble(bits: BitWriter, value: number): void {
  view.setFloat64(0, value);
  bits.put(view.getUint32(0), 32);
  bits.put(view.getUint32(4), 32);
}

function putXor(writer: XorWriter, value: number, index: number): void {
  view.setFloat64(0, value);
  const [high, low] = [view.getUint32(0), view.getUint32(4)];
  if (index === 0) writer.begin(low, high);
  else writer.put(low, high);
}

/** A whole number of which changes of its step are written. */
class SteppingNumber {
  #value = 0;
  #step = 0;

  /** What is written for the next value. */
  next(value: number, index: number): number {
    const step = value - this.#value;
    const change = index <= 1 ? step : step - this.#step;
    this.#value = value;
    this.#step = step;
    return change;
  }
}

function putIntegers(bits: BitWriter, list: readonly TimedHistogram[]): void {
  const [time, count, zeroCount] = [
    new SteppingNumber(),
    new SteppingNumber(),
    new SteppingNumber(),
  ];
  const sum = new XorWriter(bits);
  const buckets: SteppingNumber[] = [];
  for (const [index, { timestampMs, histogram }] of list.entries()) {
    const putCount = index === 0 ? putVarbitUint : putVarbitInt;
    putVarbitInt(bits, time.next(timestampMs, index));
    putCount(bits, count.next(histogram.count, index));
    putCount(bits, zeroCount.next(histogram.zeroCount, index));
    if (histogram.stale) {
      sum.begin(STALE_LOW, STALE_HIGH);
      return;
    }
    putXor(sum, histogram.sum, index);
    let at = 0;
    for (const counts of [histogram.positiveCounts, histogram.negativeCounts]) {
      let before = 0;
      for (const bucket of counts) {
        buckets[at] ??= new SteppingNumber();
        putVarbitInt(bits, (buckets[at] as SteppingNumber).next(bucket - before, index));
        before = bucket;
        at++;
      }
    }
  }
}

function putFloats(bits: BitWriter, list: readonly TimedHistogram[]): void {
  const time = new SteppingNumber();
  const fields: XorWriter[] = [];
  for (const [index, { timestampMs, histogram }] of list.entries()) {
    const { count, zeroCount, sum, positiveCounts, negativeCounts } = histogram;
    putVarbitInt(bits, time.next(timestampMs, index));
    for (const [at, value] of [
      count,
      zeroCount,
      sum,
      ...positiveCounts,
      ...negativeCounts,
    ].entries()) {
      fields[at] ??= new XorWriter(bits);
      putXor(fields[at] as XorWriter, value, index);
    }
  }
}
