import {
  CUSTOM_BOUNDS_SCHEMA,
  type Labels,
  METRIC_NAME,
  type NativeHistogram,
  ProtoWriter,
  writeHistogramSide,
} from "@pharos/base";
import type { LatestSample } from "./federate.ts";

export const PROTOBUF_TYPE =
  "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/** Of the varint before a family. */
const LENGTH_SIZE_MAX = 10;

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
      const family = new ProtoWriter();
      family.text(1, name);
      family.int64(3, kind);
      for (const sample of list) writeMetric(family, sample);
      const delimited = new ProtoWriter(family.size + LENGTH_SIZE_MAX);
      delimited.varint(family.size);
      delimited.raw(family.bytes);
      yield delimited.bytes;
    }
  }
}

function kindOf({ value }: LatestSample): number {
  if (typeof value === "number") return UNTYPED;
  return value.counterReset === "gauge" ? GAUGE_HISTOGRAM : HISTOGRAM;
}

function writeMetric(writer: ProtoWriter, { labels, value, timestampMs }: LatestSample): void {
  writer.begin(4);
  writeLabels(writer, labels);
  writer.begin(typeof value === "number" ? 5 : 7);
  if (typeof value === "number") writer.double(1, value);
  else writeHistogram(writer, value);
  writer.end();
  writer.int64(6, timestampMs);
  writer.end();
}

function writeLabels(writer: ProtoWriter, labels: Labels): void {
  for (const [name, value] of labels) {
    if (name === METRIC_NAME) continue;
    writer.begin(1);
    writer.text(1, name);
    if (value !== "") writer.text(2, value);
    writer.end();
  }
}

/** Whether the format has a place for such buckets: it has none for bounds that are given one by one. */
export function isInProtobuf({ schema }: NativeHistogram): boolean {
  return schema !== CUSTOM_BOUNDS_SCHEMA;
}

function writeHistogram(writer: ProtoWriter, histogram: NativeHistogram): void {
  const { isInteger, count, sum, schema, zeroThreshold, zeroCount } = histogram;
  if (isInteger) writer.int64(1, count);
  writer.double(2, sum);
  if (!isInteger) writer.double(4, count);
  writer.sint64(5, schema);
  writer.double(6, zeroThreshold);
  if (isInteger) writer.int64(7, zeroCount);
  else writer.double(8, zeroCount);
  const { negativeSpans, negativeCounts, positiveSpans, positiveCounts } = histogram;
  writeHistogramSide(writer, 9, negativeSpans, negativeCounts, isInteger);
  writeHistogramSide(writer, 12, positiveSpans, positiveCounts, isInteger);
  // Without any span it would be read as a classic histogram.
  if (negativeSpans.length === 0 && positiveSpans.length === 0) {
    writer.begin(12);
    writer.end();
  }
}
