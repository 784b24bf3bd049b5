// Prometheus's chunks of native histograms:
//
//   | count u16 | flags u8 | layout | sample ... |
//
// The two highest flags are 10 where the first one is after a reset, 01 where it is known not to be, 11 where all are
// gauges. The layout is what all have in common: zero threshold, schema, spans, custom bounds. From it on all is bits.
//
//   integers   time       count      zero count   sum   buckets
//   first      varbit     varbit     varbit       raw   varbit, each the difference to the bucket before
//   second     step       step       step         xor   steps of these
//   others     change of step ...                 xor   changes of step
//
// In chunks of floats everything but the time is raw in the first sample, and what changed of its bits in the others. A
// staleness marker is in the sum; nothing follows it then.
import {
  BUCKETS_MAX,
  type BucketSpan,
  type CounterReset,
  CUSTOM_BOUNDS_SCHEMA,
  histogramProblem,
  type NativeHistogram,
  STALE_HISTOGRAM,
  type TimedHistogram,
} from "@pharos/base";
import { BitReader, XorReader } from "./bit-reader.ts";
import { takeVarbitInt, takeVarbitUint } from "./varbit.ts";

/** Encodings, as files and remote reads have them. */
export const CHUNK_HISTOGRAM = 2;
export const CHUNK_FLOAT_HISTOGRAM = 3;
/** Of the flags: */
export const FLAG_GAUGE = 0b1100_0000;
export const FLAG_RESET = 0b1000_0000;
export const FLAG_NO_RESET = 0b0100_0000;
/** What is added to the exponent of a zero threshold that is a power of two, */
export const THRESHOLD_EXPONENT_BIAS = 243;
/** and what says that the threshold follows as it is. */
export const THRESHOLD_RAW = 255;
/** Custom bounds with at most three decimals are whole numbers of this. */
export const BOUND_DECIMALS = 1000;

const HEADER_SIZE = 3;
const STALE_LOW = 0x0000_0002;
const STALE_HIGH = 0x7ff0_0000;

interface Layout {
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly positiveSpans: readonly BucketSpan[];
  readonly negativeSpans: readonly BucketSpan[];
  readonly customBounds: readonly number[];
}

/** A malformed chunk, in words. */
class Malformed extends Error {}

/**
 * Appends the histograms of a chunk whose times are in a range, both ends included. Answers what is wrong with the chunk
 * as text; what was appended of it then does not count.
 */
export function decodeHistogramChunk(
  data: Uint8Array,
  isInteger: boolean,
  minMs: number,
  maxMs: number,
  out: TimedHistogram[],
): string | undefined {
  if (data.length < HEADER_SIZE) return "a chunk without a header";
  const count = ((data[0] as number) << 8) | (data[1] as number);
  if (count === 0) return undefined;
  const flags = data[2] as number;
  const bits = new BitReader(data, HEADER_SIZE);
  try {
    const layout = takeLayout(bits);
    const samples = isInteger ? new IntegerSamples(bits, layout) : new FloatSamples(bits, layout);
    for (let i = 0; i < count; i++) {
      samples.next(i);
      if (bits.isBeyondEnd) return `cut short at histogram ${i} of ${count}`;
      if (samples.timeMs < minMs || samples.timeMs > maxMs) continue;
      const histogram = samples.isStale
        ? STALE_HISTOGRAM
        : {
            ...layout,
            ...samples.counts(),
            isInteger,
            stale: false,
            counterReset: resetOf(flags, i),
          };
      const problem = histogramProblem(histogram);
      if (problem !== undefined) return problem;
      out.push({ timestampMs: samples.timeMs, histogram });
    }
  } catch (error) {
    if (error instanceof Malformed) return error.message;
    throw error;
  }
  return undefined;
}

function resetOf(flags: number, index: number): CounterReset {
  if ((flags & FLAG_GAUGE) === FLAG_GAUGE) return "gauge";
  if (index > 0) return "none";
  return (flags & FLAG_GAUGE) === FLAG_RESET ? "reset" : "unknown";
}

function takeLayout(bits: BitReader): Layout {
  const zeroThreshold = takeThreshold(bits);
  const schema = takeVarbitInt(bits);
  const positiveSpans = takeSpans(bits);
  const negativeSpans = takeSpans(bits);
  const customBounds = schema === CUSTOM_BOUNDS_SCHEMA ? takeBounds(bits) : [];
  return { schema, zeroThreshold, positiveSpans, negativeSpans, customBounds };
}

function takeThreshold(bits: BitReader): number {
  const byte = bits.take(8);
  if (byte === 0) return 0;
  if (byte === THRESHOLD_RAW) return takeDouble(bits);
  return 2 ** (byte - THRESHOLD_EXPONENT_BIAS - 1);
}

function takeSpans(bits: BitReader): readonly BucketSpan[] {
  const spans: BucketSpan[] = [];
  const count = takeCount(bits, "spans");
  for (let i = 0; i < count; i++) {
    const length = takeVarbitUint(bits);
    spans.push({ length, offset: takeVarbitInt(bits) });
  }
  return spans;
}

function takeBounds(bits: BitReader): readonly number[] {
  const bounds: number[] = [];
  const count = takeCount(bits, "bounds");
  for (let i = 0; i < count; i++) {
    const whole = takeVarbitUint(bits);
    bounds.push(whole === 0 ? takeDouble(bits) : (whole - 1) / BOUND_DECIMALS);
  }
  return bounds;
}

function takeCount(bits: BitReader, what: string): number {
  const count = takeVarbitUint(bits);
  if (count > BUCKETS_MAX || bits.isBeyondEnd) throw new Malformed(`${count} ${what}`);
  return count;
}

function takeDouble(bits: BitReader): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, bits.take(32));
  view.setUint32(4, bits.take(32));
  return view.getFloat64(0);
}

type Counts = Pick<
  NativeHistogram,
  "count" | "zeroCount" | "sum" | "positiveCounts" | "negativeCounts"
>;

function bucketCount(spans: readonly BucketSpan[]): number {
  const count = spans.reduce((sum, { length }) => sum + length, 0);
  if (count > BUCKETS_MAX) throw new Malformed(`${count} buckets`);
  return count;
}

function doubleOf({ low, high }: XorReader): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, high >>> 0);
  view.setUint32(4, low >>> 0);
  return view.getFloat64(0);
}

function isStale({ low, high }: XorReader): boolean {
  return low >>> 0 === STALE_LOW && high >>> 0 === STALE_HIGH;
}

/** A whole number whose steps change little. */
class SteppingNumber {
  value = 0;
  #step = 0;

  /** @param index of the sample in its chunk. */
  next(change: number, index: number): void {
    if (index === 0) this.value = change;
    else {
      this.#step = index === 1 ? change : this.#step + change;
      this.value += this.#step;
    }
  }
}

function numbers(count: number): readonly SteppingNumber[] {
  return Array.from({ length: count }, () => new SteppingNumber());
}

class IntegerSamples {
  readonly #bits: BitReader;
  readonly #time = new SteppingNumber();
  readonly #count = new SteppingNumber();
  readonly #zeroCount = new SteppingNumber();
  readonly #sum: XorReader;
  readonly #positive: readonly SteppingNumber[];
  readonly #negative: readonly SteppingNumber[];

  constructor(bits: BitReader, layout: Layout) {
    this.#bits = bits;
    this.#sum = new XorReader(bits);
    this.#positive = numbers(bucketCount(layout.positiveSpans));
    this.#negative = numbers(bucketCount(layout.negativeSpans));
  }

  get timeMs(): number {
    return this.#time.value;
  }

  get isStale(): boolean {
    return isStale(this.#sum);
  }

  next(index: number): void {
    const bits = this.#bits;
    const unsigned = index === 0 ? takeVarbitUint : takeVarbitInt;
    this.#time.next(takeVarbitInt(bits), index);
    this.#count.next(unsigned(bits), index);
    this.#zeroCount.next(unsigned(bits), index);
    if (index === 0) this.#sum.begin();
    else if (!this.#sum.next()) throw new Malformed("a sum of more than 64 bits");
    if (this.isStale) return;
    for (const bucket of this.#positive) bucket.next(takeVarbitInt(bits), index);
    for (const bucket of this.#negative) bucket.next(takeVarbitInt(bits), index);
  }

  counts(): Counts {
    return {
      count: this.#count.value,
      zeroCount: this.#zeroCount.value,
      sum: doubleOf(this.#sum),
      positiveCounts: absolute(this.#positive),
      negativeCounts: absolute(this.#negative),
    };
  }
}

/** Counts of buckets that are given as differences to the bucket before. */
function absolute(differences: readonly SteppingNumber[]): readonly number[] {
  let count = 0;
  return differences.map(({ value }) => {
    count += value;
    return count;
  });
}

class FloatSamples {
  readonly #bits: BitReader;
  readonly #time = new SteppingNumber();
  readonly #count: XorReader;
  readonly #zeroCount: XorReader;
  readonly #sum: XorReader;
  readonly #positive: readonly XorReader[];
  readonly #negative: readonly XorReader[];

  constructor(bits: BitReader, layout: Layout) {
    this.#bits = bits;
    const readers = (count: number): readonly XorReader[] =>
      Array.from({ length: count }, () => new XorReader(bits));
    this.#count = new XorReader(bits);
    this.#zeroCount = new XorReader(bits);
    this.#sum = new XorReader(bits);
    this.#positive = readers(bucketCount(layout.positiveSpans));
    this.#negative = readers(bucketCount(layout.negativeSpans));
  }

  get timeMs(): number {
    return this.#time.value;
  }

  get isStale(): boolean {
    return isStale(this.#sum);
  }

  next(index: number): void {
    this.#time.next(takeVarbitInt(this.#bits), index);
    for (const field of [this.#count, this.#zeroCount, this.#sum]) take(field, index);
    if (this.isStale) return;
    for (const bucket of this.#positive) take(bucket, index);
    for (const bucket of this.#negative) take(bucket, index);
  }

  counts(): Counts {
    return {
      count: doubleOf(this.#count),
      zeroCount: doubleOf(this.#zeroCount),
      sum: doubleOf(this.#sum),
      positiveCounts: this.#positive.map(doubleOf),
      negativeCounts: this.#negative.map(doubleOf),
    };
  }
}

function take(field: XorReader, index: number): void {
  if (index === 0) field.begin();
  else if (!field.next()) throw new Malformed("a count of more than 64 bits");
}
