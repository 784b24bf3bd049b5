import {
  BUCKETS_MAX,
  type BucketSpan,
  type CounterReset,
  encodeHistogram,
  histogramProblem,
  type NativeHistogram,
  OperatingError,
  STALE_HISTOGRAM,
} from "@pharos/base";
import { decodeLabels, encodeLabels } from "./label-bytes.ts";
import { ProtoFields } from "./proto-fields.ts";

/** Byte strings one after another: entry `i` ends before `ends[i]`. */
export interface ByteStrings {
  readonly ends: Uint32Array;
  readonly bytes: Uint8Array;
}

/** Native histograms of some series, in columns. */
export interface HistogramEntries {
  /** As in `SampleColumns.series`. */
  readonly refs: Uint32Array;
  readonly timestampsMs: Float64Array;
  /** As `encodeHistogram` writes them. */
  readonly histograms: ByteStrings;
}

/** Exemplars of some series, in columns. */
export interface ExemplarEntries {
  readonly refs: Uint32Array;
  readonly timestampsMs: Float64Array;
  /** Bit by bit as they were sent. */
  readonly values: Float64Array;
  /** The exemplars' own labels, as canonical label bytes. */
  readonly labels: ByteStrings;
  /** 1 for each that came with a time of its own. */
  readonly timed: Uint8Array;
}

/** What a body holds beside samples and metadata. */
export interface WrittenAttachments {
  readonly histograms: HistogramEntries;
  readonly exemplars: ExemplarEntries;
  /** Those that cannot be read, contradict themselves, or are of series that are not taken; and why the first one is not. */
  readonly refused: {
    readonly histograms: number;
    readonly exemplars: number;
    readonly reason: string;
  };
}

/** Histograms and exemplars in one body; more are refused. */
const ENTRIES_MAX = 262_144;

const TAG_SERIES = 0x0a;
const TAG_LABEL = 0x0a;
const TAG_EXEMPLAR = 0x1a;
const TAG_HISTOGRAM = 0x22;
const COUNTER_RESETS: readonly CounterReset[] = ["unknown", "reset", "none", "gauge"];
const STALE_LOW = 0x0000_0002;
const STALE_HIGH = 0x7ff0_0000;

/**
 * Reads the histograms and exemplars of a `prometheus.WriteRequest` that is well-formed but for what is in them. One that
 * is malformed is left out, and the others are taken.
 *
 * @param referenceOf answers the reference of the series message at a place in the request, whose label bytes are given
 *   as they were sent; negative where it is not taken.
 */
export function readAttachments(
  request: Uint8Array,
  referenceOf: (place: number, labelBytes: Uint8Array) => number,
): WrittenAttachments {
  const histograms = new EntriesBuilder();
  const exemplars = new EntriesBuilder();
  const refused = { histograms: 0, exemplars: 0, reason: "" };
  const refuse = (kind: "histograms" | "exemplars", count: number, reason: string): void => {
    refused[kind] += count;
    if (refused.reason === "" && count > 0) refused.reason = reason;
  };
  const fields = new ProtoFields("write request", request);
  for (let place = 0; !fields.done; ) {
    const tag = fields.varint();
    if (tag !== TAG_SERIES) {
      fields.skip(tag);
      continue;
    }
    const series = splitSeries(fields.bytes());
    const at = place++;
    const count = series.histograms.length + series.exemplars.length;
    if (count === 0) continue;
    const ref = referenceOf(at, concat(series.labels));
    if (ref < 0 || histograms.count + exemplars.count + count > ENTRIES_MAX) {
      const reason = ref < 0 ? "their series is not taken" : `more than ${ENTRIES_MAX} in one body`;
      refuse("histograms", series.histograms.length, reason);
      refuse("exemplars", series.exemplars.length, reason);
      continue;
    }
    for (const bytes of series.histograms) {
      const read = unlessMalformed(() => readHistogram(bytes));
      if (typeof read === "string") refuse("histograms", 1, read);
      else histograms.add(ref, read.timestampMs, NO_VALUE, encodeHistogram(read.histogram));
    }
    for (const bytes of series.exemplars) {
      const read = unlessMalformed(() => readExemplar(bytes));
      if (typeof read === "string") refuse("exemplars", 1, read);
      else exemplars.add(ref, read.timestampMs, read.valueBytes, read.labelBytes);
    }
  }
  return { histograms: histograms.histograms(), exemplars: exemplars.exemplars(), refused };
}

/** What is wrong with it, in words, where it cannot be read. */
function unlessMalformed<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof OperatingError && error.code === "input.invalid") return error.message;
    throw error;
  }
}

interface SeriesParts {
  /** Label fields with their tags and sizes, as views. */
  readonly labels: Uint8Array[];
  readonly exemplars: Uint8Array[];
  readonly histograms: Uint8Array[];
}

function splitSeries(message: Uint8Array): SeriesParts {
  const parts: SeriesParts = { labels: [], exemplars: [], histograms: [] };
  const fields = new ProtoFields("write request", message);
  while (!fields.done) {
    const start = fields.offset;
    const tag = fields.varint();
    if (tag === TAG_EXEMPLAR) parts.exemplars.push(fields.bytes());
    else if (tag === TAG_HISTOGRAM) parts.histograms.push(fields.bytes());
    else fields.skip(tag);
    if (tag === TAG_LABEL) parts.labels.push(message.subarray(start, fields.offset));
  }
  return parts;
}

const NO_VALUE = new Uint8Array(8);

function readExemplar(message: Uint8Array): {
  /** Canonical. */
  readonly labelBytes: Uint8Array;
  readonly valueBytes: Uint8Array;
  readonly timestampMs: number;
} {
  const fields = new ProtoFields("exemplar", message);
  const labels: Uint8Array[] = [];
  let valueBytes: Uint8Array = NO_VALUE;
  let timestampMs = 0;
  while (!fields.done) {
    const start = fields.offset;
    const tag = fields.varint();
    if (tag === 0x11) valueBytes = fields.fixed64();
    else if (tag === 0x18) timestampMs = fields.int64();
    else fields.skip(tag);
    if (tag === TAG_LABEL) labels.push(message.subarray(start, fields.offset));
  }
  const labelBytes = encodeLabels(decodeLabels(concat(labels)));
  return { labelBytes, valueBytes, timestampMs };
}

function readHistogram(message: Uint8Array): {
  readonly histogram: NativeHistogram;
  readonly timestampMs: number;
} {
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

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(pieces.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

/** Collects entries of either kind. */
export class EntriesBuilder {
  readonly #refs: number[] = [];
  readonly #timestampsMs: number[] = [];
  readonly #values: Uint8Array[] = [];
  readonly #pieces: Uint8Array[] = [];
  readonly #timed: number[] = [];

  get count(): number {
    return this.#refs.length;
  }

  /** @param valueBytes an exemplar's value, little-endian. */
  add(
    ref: number,
    timestampMs: number,
    valueBytes: Uint8Array,
    bytes: Uint8Array,
    timed = true,
  ): void {
    this.#refs.push(ref);
    this.#timestampsMs.push(timestampMs);
    this.#values.push(valueBytes.slice());
    this.#pieces.push(bytes);
    this.#timed.push(timed ? 1 : 0);
  }

  histograms(): HistogramEntries {
    return { ...this.#columns(), histograms: this.#strings() };
  }

  exemplars(): ExemplarEntries {
    return {
      ...this.#columns(),
      values: new Float64Array(concat(this.#values).buffer),
      labels: this.#strings(),
      timed: Uint8Array.from(this.#timed),
    };
  }

  #columns() {
    return {
      refs: Uint32Array.from(this.#refs),
      timestampsMs: Float64Array.from(this.#timestampsMs),
    };
  }

  #strings(): ByteStrings {
    let end = 0;
    const ends = Uint32Array.from(this.#pieces, ({ length }) => {
      end += length;
      return end;
    });
    return { ends, bytes: concat(this.#pieces) };
  }
}
