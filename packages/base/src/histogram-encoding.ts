import { assert } from "./assert.ts";
import {
  BUCKET_COUNT_MAX,
  BUCKETS_MAX,
  type BucketSpan,
  type CounterReset,
  DEFAULT_ZERO_THRESHOLD,
  type NativeHistogram,
  STALE_HISTOGRAM,
} from "./native-histogram.ts";

// A native histogram as bytes, the same in the log, in memory and in blocks (docs/formats/histograms.md). Whole numbers
// are varints: 7 bits a byte, the low ones first; those that may be negative are 0, -1, 1, -2 … as 0, 1, 2, 3 …
//
//   | flags u8 | schema i8 | zero threshold f64, unless it is 2^-128 | positive spans | negative spans
//   | custom bounds: their number, f64 each; only where the flags say so |        the layout: which buckets there are
//   | sum f64 | count | zero count | positive counts | negative counts |          what they hold
//
// Spans are their number, then offset (signed) and length of each. Counts of integer histograms are varints, those of
// buckets the differences from bucket to bucket (signed); those of float histograms are f64. A staleness marker is the
// flags alone.

const FLOAT_COUNTS = 1;
const RESET_SHIFT = 1;
const STALE = 8;
const CUSTOM_BOUNDS = 16;
const DEFAULT_THRESHOLD = 32;
const ALL_FLAGS = 63;
const COUNTER_RESETS: readonly CounterReset[] = ["unknown", "reset", "none", "gauge"];

/** As bytes, which `decodeHistogram` makes the same histogram of; equal histograms have equal bytes. */
export function encodeHistogram(histogram: NativeHistogram): Uint8Array {
  if (histogram.stale) return Uint8Array.of(STALE);
  const { schema, isInteger, counterReset, zeroThreshold, customBounds } = histogram;
  const { positiveSpans, negativeSpans, positiveCounts, negativeCounts } = histogram;
  const spans = positiveSpans.length + negativeSpans.length;
  const counts = positiveCounts.length + negativeCounts.length;
  // As much as it may take: 10 bytes for a varint, 5 for one of 32 bits.
  const out = new HistogramWriter(64 + spans * 10 + counts * 10 + customBounds.length * 8);
  const isDefault = zeroThreshold === DEFAULT_ZERO_THRESHOLD;
  out.byte(
    (isInteger ? 0 : FLOAT_COUNTS) |
      (COUNTER_RESETS.indexOf(counterReset) << RESET_SHIFT) |
      (customBounds.length > 0 ? CUSTOM_BOUNDS : 0) |
      (isDefault ? DEFAULT_THRESHOLD : 0),
  );
  out.byte(schema & 0xff);
  if (!isDefault) out.float64(zeroThreshold);
  out.spans(positiveSpans);
  out.spans(negativeSpans);
  if (customBounds.length > 0) {
    out.varint(customBounds.length);
    for (const bound of customBounds) out.float64(bound);
  }
  out.float64(histogram.sum);
  for (const value of [histogram.count, histogram.zeroCount])
    if (isInteger) out.varint(value);
    else out.float64(value);
  for (const list of [positiveCounts, negativeCounts]) {
    let before = 0;
    for (const value of list) {
      if (isInteger) out.signed(value - before);
      else out.float64(value);
      before = value;
    }
  }
  return out.bytes;
}

/** The histogram of bytes that `encodeHistogram` wrote; undefined where they are not such. Survives any bytes. */
export function decodeHistogram(bytes: Uint8Array): NativeHistogram | undefined {
  const reader = new HistogramReader(bytes);
  const layout = readLayout(reader);
  if (layout === undefined) return undefined;
  if (layout.stale) return reader.finished ? STALE_HISTOGRAM : undefined;
  const { isInteger, positiveSpans, negativeSpans } = layout;
  const sum = reader.float64();
  const [count, zeroCount] = isInteger
    ? [reader.varint(), reader.varint()]
    : [reader.float64(), reader.float64()];
  const countsOf = (spans: readonly BucketSpan[]): number[] =>
    isInteger ? reader.differences(bucketsIn(spans)) : reader.floats(bucketsIn(spans));
  const positiveCounts = countsOf(positiveSpans);
  const negativeCounts = countsOf(negativeSpans);
  if (!reader.finished) return undefined;
  return { ...layout, zeroCount, count, sum, positiveCounts, negativeCounts };
}

/** Which buckets a histogram has: what hardly ever changes in a series. */
type HistogramLayout = Pick<
  NativeHistogram,
  | "schema"
  | "isInteger"
  | "counterReset"
  | "stale"
  | "zeroThreshold"
  | "positiveSpans"
  | "negativeSpans"
  | "customBounds"
>;

function readLayout(reader: HistogramReader): HistogramLayout | undefined {
  const flags = reader.byte();
  if (flags === STALE) return STALE_HISTOGRAM;
  if ((flags & ~ALL_FLAGS) !== 0 || (flags & STALE) !== 0) return undefined;
  return {
    isInteger: (flags & FLOAT_COUNTS) === 0,
    counterReset: COUNTER_RESETS[(flags >> RESET_SHIFT) & 3] as CounterReset,
    stale: false,
    schema: (reader.byte() << 24) >> 24,
    zeroThreshold: (flags & DEFAULT_THRESHOLD) !== 0 ? DEFAULT_ZERO_THRESHOLD : reader.float64(),
    positiveSpans: reader.spans(),
    negativeSpans: reader.spans(),
    customBounds: (flags & CUSTOM_BOUNDS) !== 0 ? reader.floats(reader.varint()) : [],
  };
}

function bucketsIn(spans: readonly BucketSpan[]): number {
  return spans.reduce((total, span) => total + span.length, 0);
}

/** The bytes of an integer histogram taken apart, for who writes many of a series together. */
export interface HistogramParts {
  /** The bytes up to the sum: a view. */
  readonly layout: Uint8Array;
  /** The sum's eight bytes: a view. */
  readonly sum: Uint8Array;
  /** Count, zero count, then those of all buckets, absolute. */
  readonly counts: readonly number[];
}

/** Takes bytes that `encodeHistogram` wrote apart; undefined where they are of floats, a marker, or anything else. */
export function splitHistogram(bytes: Uint8Array): HistogramParts | undefined {
  const reader = new HistogramReader(bytes);
  const layout = readLayout(reader);
  if (layout === undefined || layout.stale || !layout.isInteger) return undefined;
  const sumAt = reader.offset;
  reader.float64();
  const counts = [reader.varint(), reader.varint()];
  for (const spans of [layout.positiveSpans, layout.negativeSpans])
    for (const count of reader.differences(bucketsIn(spans))) counts.push(count);
  if (!reader.finished) return undefined;
  return { layout: bytes.subarray(0, sumAt), sum: bytes.subarray(sumAt, sumAt + 8), counts };
}

/** Puts parts of one layout together again. */
export class HistogramJoiner {
  readonly #layout: Uint8Array;
  readonly #positive: number;
  /** How many counts its histograms have. */
  readonly countsLength: number;

  private constructor(layout: Uint8Array, positive: number, negative: number) {
    this.#layout = layout;
    this.#positive = positive;
    this.countsLength = 2 + positive + negative;
  }

  /** Undefined where the bytes are no layout of integer histograms. */
  static of(bytes: Uint8Array): HistogramJoiner | undefined {
    const reader = new HistogramReader(bytes);
    const layout = readLayout(reader);
    if (layout === undefined || layout.stale || !layout.isInteger || !reader.finished)
      return undefined;
    const { positiveSpans, negativeSpans } = layout;
    return new HistogramJoiner(bytes, bucketsIn(positiveSpans), bucketsIn(negativeSpans));
  }

  /** The bytes of a histogram; undefined where the counts cannot be those of one. */
  join({ sum, counts }: Omit<HistogramParts, "layout">): Uint8Array | undefined {
    assert(counts.length === this.countsLength && sum.length === 8, "the parts are of the layout");
    const out = new HistogramWriter(this.#layout.length + 8 + counts.length * 10);
    out.raw(this.#layout);
    out.raw(sum);
    for (let i = 0, before = 0; i < counts.length; i++) {
      const count = counts[i] as number;
      if (i === 2 || i === 2 + this.#positive) before = 0;
      const difference = i < 2 ? count : count - before;
      if (!(Number.isInteger(count) && Math.abs(difference) <= BUCKET_COUNT_MAX)) return undefined;
      if (i >= 2) out.signed(difference);
      else if (count >= 0) out.varint(count);
      else return undefined;
      before = count;
    }
    return out.bytes;
  }
}

class HistogramWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(sizeMax: number) {
    this.#bytes = new Uint8Array(sizeMax);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  byte(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  float64(value: number): void {
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, () => `${value} is a whole number`);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.byte((rest % 0x80) | 0x80);
    this.byte(rest);
  }

  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  spans(list: readonly BucketSpan[]): void {
    this.varint(list.length);
    for (const { offset, length } of list) {
      this.signed(offset);
      this.varint(length);
    }
  }
}

/** Answers zeros once something is missing or wrong, and says so at the end. */
class HistogramReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Whether everything was there and nothing is left. */
  get finished(): boolean {
    return !this.#failed && this.#at === this.#bytes.length;
  }

  /** Where the next byte is read. */
  get offset(): number {
    return this.#at;
  }

  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) this.#failed = true;
    return value ?? 0;
  }

  float64(): number {
    this.#at += 8;
    if (this.#at > this.#bytes.length) this.#failed = true;
    return this.#failed ? 0 : this.#view.getFloat64(this.#at - 8, true);
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; !this.#failed; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) this.#failed = true;
      if (byte < 0x80) return value;
    }
    return 0;
  }

  #signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  spans(): BucketSpan[] {
    const count = this.#count(this.varint(), 2);
    const spans: BucketSpan[] = [];
    let total = 0;
    for (let i = 0; i < count; i++) {
      const offset = this.#signed();
      const length = this.varint();
      total += length;
      if (total > BUCKETS_MAX) this.#failed = true;
      spans.push({ offset, length: this.#failed ? 0 : length });
    }
    return this.#failed ? [] : spans;
  }

  floats(count: number): number[] {
    return Array.from({ length: this.#count(count, 8) }, () => this.float64());
  }

  /** Whole numbers, each as the difference to the one before. */
  differences(count: number): number[] {
    let value = 0;
    return Array.from({ length: this.#count(count, 1) }, () => {
      value += this.#signed();
      return value;
    });
  }

  /** How many things there are that take at least `size` bytes each; 0 where they cannot all be there. */
  #count(count: number, size: number): number {
    if (count * size > this.#bytes.length - this.#at) this.#failed = true;
    return this.#failed ? 0 : count;
  }
}
