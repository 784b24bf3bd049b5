import {
  type BucketSpan,
  CUSTOM_BOUNDS_SCHEMA,
  type Labels,
  METRIC_NAME,
  type NativeHistogram,
} from "@pharos/base";
import type { LatestSample } from "./federate.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";

export const PROTOBUF_TYPE =
  "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/** Numbers of `io.prometheus.client.MetricType`. */
const UNTYPED = 3;
const HISTOGRAM = 4;
const GAUGE_HISTOGRAM = 5;

/**
 * Metric families as `io.prometheus.client` has them, each behind its length. A name whose series are of different kinds
 * is a family for each kind.
 */
export function* familiesProtobuf(
  families: Iterable<readonly [name: string, samples: readonly LatestSample[]]>,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  for (const [name, samples] of families) {
    const kinds = Map.groupBy(samples, kindOf);
    for (const [kind, list] of kinds) {
      const writer = new ProtobufWriter();
      writer.delimited(() => {
        writer.text(1, name);
        writer.varint(3, kind);
        for (const sample of list) writer.message(4, () => writeMetric(writer, sample));
      });
      yield writer.written;
    }
  }
}

function kindOf({ value }: LatestSample): number {
  if (typeof value === "number") return UNTYPED;
  return value.counterReset === "gauge" ? GAUGE_HISTOGRAM : HISTOGRAM;
}

function writeMetric(writer: ProtobufWriter, { labels, value, timestampMs }: LatestSample): void {
  writeLabels(writer, labels);
  if (typeof value === "number") writer.message(5, () => writer.double(1, value));
  else writer.message(7, () => writeHistogram(writer, value));
  writer.varint(6, timestampMs);
}

function writeLabels(writer: ProtobufWriter, labels: Labels): void {
  for (const [name, value] of labels)
    if (name !== METRIC_NAME)
      writer.message(1, () => {
        writer.text(1, name);
        if (value !== "") writer.text(2, value);
      });
}

/** Whether the format has a place for such buckets: it has none for bounds that are given one by one. */
export function isInProtobuf({ schema }: NativeHistogram): boolean {
  return schema !== CUSTOM_BOUNDS_SCHEMA;
}

function writeHistogram(writer: ProtobufWriter, histogram: NativeHistogram): void {
  const { isInteger, count, sum, schema, zeroThreshold, zeroCount } = histogram;
  if (isInteger) writer.varint(1, count);
  writer.double(2, sum);
  if (!isInteger) writer.double(4, count);
  writer.signed(5, schema);
  writer.double(6, zeroThreshold);
  if (isInteger) writer.varint(7, zeroCount);
  else writer.double(8, zeroCount);
  const { negativeSpans, negativeCounts, positiveSpans, positiveCounts } = histogram;
  writeBuckets(writer, 9, negativeSpans, negativeCounts, isInteger);
  writeBuckets(writer, 12, positiveSpans, positiveCounts, isInteger);
  // Without any span it would be read as a classic histogram.
  if (negativeSpans.length === 0 && positiveSpans.length === 0) writer.message(12, () => {});
}

/** Spans are in `field`, differences of whole counts in the next, counts that are floats in the one behind it. */
function writeBuckets(
  writer: ProtobufWriter,
  field: number,
  spans: readonly BucketSpan[],
  counts: readonly number[],
  isInteger: boolean,
): void {
  for (const { offset, length } of spans)
    writer.message(field, () => {
      writer.signed(1, offset);
      writer.varint(2, length);
    });
  if (counts.length === 0) return;
  if (isInteger) {
    const deltas = counts.map((count, i) => count - (counts[i - 1] ?? 0));
    writer.message(field + 1, () => writer.packedSigned(deltas));
  } else writer.message(field + 2, () => writer.packedDoubles(counts));
}
