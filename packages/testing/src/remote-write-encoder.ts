import { assert, type BucketSpan, type Labels, type NativeHistogram } from "@pharos/base";

/** One series of a remote-write body, as a sender has it. */
export interface SentSeries {
  readonly labels: Labels;
  readonly samples: readonly SentSample[];
  readonly exemplars?: readonly SentExemplar[];
  readonly histograms?: readonly SentHistogram[];
}

export interface SentExemplar {
  readonly labels: Labels;
  readonly timestampMs: number;
  readonly value: number;
}

export interface SentHistogram {
  readonly timestampMs: number;
  readonly histogram: NativeHistogram;
}

export interface SentSample {
  /** Unix epoch, an integer. */
  readonly timestampMs: number;
  readonly value: number;
  /** Send the staleness marker instead of `value`. */
  readonly stale?: boolean;
}

export interface SentMetadata {
  /** As in the protobuf enum: 0 unknown, 1 counter, 2 gauge, 3 histogram … */
  readonly type: number;
  readonly family: string;
  readonly help: string;
  readonly unit: string;
}

const STALE_NAN = 0x7ff0_0000_0000_0002n;
const text = new TextEncoder();

/**
 * A `prometheus.WriteRequest` (remote write 1.0) as Prometheus itself would encode it: fields in order, zeros left out,
 * not compressed. Labels go out in the order in which they are given.
 */
export function encodeWriteRequest(
  series: readonly SentSeries[],
  metadata: readonly SentMetadata[] = [],
): Uint8Array {
  const request: number[] = [];
  for (const { labels, samples, exemplars = [], histograms = [] } of series) {
    const message: number[] = [];
    putLabels(message, labels);
    for (const sample of samples) putMessage(message, 2, encodeSample(sample));
    for (const exemplar of exemplars) putMessage(message, 3, encodeExemplar(exemplar));
    for (const histogram of histograms) putMessage(message, 4, encodeSentHistogram(histogram));
    putMessage(request, 1, message);
  }
  for (const { type, family, help, unit } of metadata) {
    const message: number[] = [];
    if (type !== 0) message.push(0x08, type);
    putText(message, 2, family);
    if (help !== "") putText(message, 4, help);
    if (unit !== "") putText(message, 5, unit);
    putMessage(request, 3, message);
  }
  return Uint8Array.from(request);
}

function putLabels(out: number[], labels: Labels): void {
  for (const [name, value] of labels) {
    const label: number[] = [];
    putText(label, 1, name);
    putText(label, 2, value);
    putMessage(out, 1, label);
  }
}

function encodeExemplar({ labels, timestampMs, value }: SentExemplar): number[] {
  const out: number[] = [];
  putLabels(out, labels);
  putDouble(out, 2, value);
  putInteger(out, 3, timestampMs);
  return out;
}

function encodeSentHistogram({ timestampMs, histogram }: SentHistogram): number[] {
  const { isInteger, stale, schema, counterReset, customBounds } = histogram;
  const out: number[] = [];
  if (isInteger) putInteger(out, 1, histogram.count);
  else putFixed(out, 2, bitsOf(histogram.count));
  if (stale) putFixed(out, 3, STALE_NAN);
  else putDouble(out, 3, histogram.sum);
  putSigned(out, 4, schema);
  putDouble(out, 5, histogram.zeroThreshold);
  if (isInteger) putInteger(out, 6, histogram.zeroCount);
  else putFixed(out, 7, bitsOf(histogram.zeroCount));
  putSide(out, 8, histogram.negativeSpans, histogram.negativeCounts, isInteger);
  putSide(out, 11, histogram.positiveSpans, histogram.positiveCounts, isInteger);
  putInteger(out, 14, ["unknown", "reset", "none", "gauge"].indexOf(counterReset));
  putInteger(out, 15, timestampMs);
  if (customBounds.length > 0) putMessage(out, 16, doubleBytes(customBounds));
  return out;
}

/** Spans, then differences or counts, in three fields from `field` on. */
function putSide(
  out: number[],
  field: number,
  spans: readonly BucketSpan[],
  counts: readonly number[],
  isInteger: boolean,
): void {
  for (const { offset, length } of spans) {
    const span: number[] = [];
    putSigned(span, 1, offset);
    putInteger(span, 2, length);
    putMessage(out, field, span);
  }
  if (counts.length === 0) return;
  if (!isInteger) {
    putMessage(out, field + 2, doubleBytes(counts));
    return;
  }
  const deltas: number[] = [];
  for (const [i, count] of counts.entries())
    putVarint(deltas, zigzag(count - (counts[i - 1] ?? 0)));
  putMessage(out, field + 1, deltas);
}

function doubleBytes(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(values).buffer);
}

function zigzag(value: number): bigint {
  return value < 0 ? -2n * BigInt(value) - 1n : 2n * BigInt(value);
}

function putInteger(out: number[], field: number, value: number): void {
  if (value === 0) return;
  putVarint(out, BigInt(field << 3));
  putVarint(out, BigInt.asUintN(64, BigInt(value)));
}

function putSigned(out: number[], field: number, value: number): void {
  if (value === 0) return;
  putVarint(out, BigInt(field << 3));
  putVarint(out, zigzag(value));
}

/** A double of which 0 need not be said, but -0. */
function putDouble(out: number[], field: number, value: number): void {
  if (!Object.is(value, 0)) putFixed(out, field, bitsOf(value));
}

function bitsOf(value: number): bigint {
  return new BigUint64Array(Float64Array.of(value).buffer)[0] as bigint;
}

function putFixed(out: number[], field: number, bits: bigint): void {
  assert(field < 16, "a tag of one byte");
  out.push((field << 3) | 1);
  for (let shift = 0n; shift < 64n; shift += 8n) out.push(Number((bits >> shift) & 0xffn));
}

function encodeSample({ timestampMs, value, stale }: SentSample): number[] {
  const out: number[] = [];
  if (stale === true) putFixed(out, 1, STALE_NAN);
  else putDouble(out, 1, value);
  putInteger(out, 2, timestampMs);
  return out;
}

function putVarint(out: number[], value: bigint): void {
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  out.push(Number(rest));
}

function putMessage(out: number[], field: number, content: ArrayLike<number>): void {
  putVarint(out, BigInt((field << 3) | 2));
  putVarint(out, BigInt(content.length));
  for (let i = 0; i < content.length; i++) out.push(content[i] as number);
}

function putText(out: number[], field: number, value: string): void {
  putMessage(out, field, text.encode(value));
}
