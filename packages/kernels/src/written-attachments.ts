import { encodeHistogram, OperatingError, ProtoFields, readHistogramMessage } from "@pharos/base";
import { decodeLabels, encodeLabels } from "./label-bytes.ts";

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

/** When the counting of samples and native histograms of some series began, in columns. */
export interface WrittenStarts {
  readonly refs: Uint32Array;
  readonly timestampsMs: Float64Array;
  /** NaN where it was not sent. */
  readonly startsMs: Float64Array;
}

/** What a body holds beside samples and metadata. */
export interface WrittenAttachments {
  readonly histograms: HistogramEntries;
  readonly exemplars: ExemplarEntries;
  /** Of all samples and histograms of series that have some; undefined where none have. */
  readonly starts: WrittenStarts | undefined;
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
const TAG_SAMPLE = 0x12;
const TAG_EXEMPLAR = 0x1a;
const TAG_HISTOGRAM = 0x22;

/**
 * Ends a request in which samples or histograms have start timestamps, which 1.0 does not know: field 15 of the request,
 * the number 1. Samples have them in field 3, histograms in field 17, as in 2.0.
 */
export const STARTS_MARK = { field: 15, value: 1 } as const;
const STARTS_MARK_BYTES = [0x78, 0x01] as const;

/** Whether a request says that there are start timestamps in it. */
export function isMarkedForStarts(request: Uint8Array): boolean {
  return request.at(-2) === STARTS_MARK_BYTES[0] && request.at(-1) === STARTS_MARK_BYTES[1];
}

/**
 * Reads the histograms, exemplars and start timestamps of a `prometheus.WriteRequest` that is well-formed but for what is in them. One that
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
  const starts = isMarkedForStarts(request) ? new StartsBuilder() : undefined;
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
    const points = starts === undefined ? [] : pointsOf(series);
    if (count === 0 && points.length === 0) continue;
    const ref = referenceOf(at, concat(series.labels));
    if (ref >= 0) starts?.add(ref, points);
    if (ref < 0 || histograms.count + exemplars.count + count > ENTRIES_MAX) {
      const reason = ref < 0 ? "their series is not taken" : `more than ${ENTRIES_MAX} in one body`;
      refuse("histograms", series.histograms.length, reason);
      refuse("exemplars", series.exemplars.length, reason);
      continue;
    }
    for (const bytes of series.histograms) {
      const read = unlessMalformed(() => readHistogramMessage(bytes));
      if (typeof read === "string") refuse("histograms", 1, read);
      else histograms.add(ref, read.timestampMs, NO_VALUE, encodeHistogram(read.histogram));
    }
    for (const bytes of series.exemplars) {
      const read = unlessMalformed(() => readExemplar(bytes));
      if (typeof read === "string") refuse("exemplars", 1, read);
      else exemplars.add(ref, read.timestampMs, read.valueBytes, read.labelBytes);
    }
  }
  return {
    histograms: histograms.histograms(),
    exemplars: exemplars.exemplars(),
    starts: starts?.starts(),
    refused,
  };
}

/** A sample's or histogram's time, and when its counting began. */
type Point = readonly [timestampMs: number, startMs: number];

/** Those of a series; none where none has a start. */
function pointsOf({ samples, histograms }: SeriesParts): readonly Point[] {
  const points: Point[] = [];
  const read = (messages: readonly Uint8Array[], timeTag: number, startTag: number): void => {
    for (const message of messages) {
      const point = unlessMalformed(() => readPoint(message, timeTag, startTag));
      if (typeof point !== "string") points.push(point);
    }
  };
  read(samples, 0x10, 0x18);
  read(histograms, 0x78, 0x88);
  return points.some(([, startMs]) => !Number.isNaN(startMs)) ? points : [];
}

function readPoint(message: Uint8Array, timeTag: number, startTag: number): Point {
  const fields = new ProtoFields("sample", message);
  let timestampMs = 0;
  let startMs = 0;
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === timeTag) timestampMs = fields.int64();
    else if (tag === startTag) startMs = fields.int64();
    else fields.skip(tag);
  }
  // 0 is how 2.0 says that it is not known.
  return [timestampMs, startMs === 0 ? Number.NaN : startMs];
}

class StartsBuilder {
  readonly #refs: number[] = [];
  readonly #points: Point[] = [];

  add(ref: number, points: readonly Point[]): void {
    for (const point of points) {
      this.#refs.push(ref);
      this.#points.push(point);
    }
  }

  starts(): WrittenStarts | undefined {
    if (this.#refs.length === 0) return undefined;
    return {
      refs: Uint32Array.from(this.#refs),
      timestampsMs: Float64Array.from(this.#points, ([timestampMs]) => timestampMs),
      startsMs: Float64Array.from(this.#points, ([, startMs]) => startMs),
    };
  }
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
  readonly samples: Uint8Array[];
  readonly exemplars: Uint8Array[];
  readonly histograms: Uint8Array[];
}

function splitSeries(message: Uint8Array): SeriesParts {
  const parts: SeriesParts = { labels: [], samples: [], exemplars: [], histograms: [] };
  const fields = new ProtoFields("write request", message);
  while (!fields.done) {
    const start = fields.offset;
    const tag = fields.varint();
    if (tag === TAG_SAMPLE) parts.samples.push(fields.bytes());
    else if (tag === TAG_EXEMPLAR) parts.exemplars.push(fields.bytes());
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
