import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { Annotations } from "../src/engine/annotations.ts";

const TEXT = "sum(\n  rate(a[5m]) + rate(b[5m])\n)";
const AT_A = { start: 12, end: 17 };
const AT_B = { start: 26, end: 31 };

test("a message counts once, whatever the places it comes from, and names the last one", () => {
  const annotations = new Annotations(TEXT);
  annotations.possibleNonCounter("a", AT_A);
  annotations.possibleNonCounter("a", AT_B);
  annotations.possibleNonCounter("b", AT_B);
  deepEqual(annotations.infos, [
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "a" (2:22)',
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "b" (2:22)',
  ]);
});

test("without the text there are no places", () => {
  const annotations = new Annotations(undefined);
  annotations.invalidQuantile(1.5, AT_A);
  deepEqual(annotations.warnings, [
    "PromQL warning: quantile value should be between 0 and 1, got 1.5",
  ]);
});

test("warnings and infos have Prometheus's words", () => {
  const annotations = new Annotations(undefined);
  annotations.incomplete("the archive is away");
  annotations.invalidQuantile(Number.NaN, AT_A);
  annotations.invalidRatio(-1.1, -1, AT_A);
  annotations.badBucketLabel("", "x", AT_A);
  annotations.mixedFloatsAndHistograms("m", AT_A);
  annotations.mixedAggregation(AT_A);
  annotations.mixedClassicAndNative("", AT_A);
  annotations.mixedSchemas("m", AT_A);
  annotations.incompatibleBucketLayout("-", AT_A);
  annotations.histogramNotCounter("m", AT_A);
  annotations.histogramNotGauge("m", AT_A);
  annotations.counterResetCollision("aggregation", AT_A);
  annotations.overlappingStartTime("m", AT_A);
  annotations.sortInRangeQuery(AT_A);
  deepEqual(annotations.warnings, [
    "the result may be incomplete: the archive is away",
    ...[
      "quantile value should be between 0 and 1, got NaN",
      "ratio value should be between -1 and 1, got -1.1, capping to -1",
      'bucket label "le" is missing or has a malformed value of "x"',
      'encountered a mix of histograms and floats for metric name "m"',
      "encountered a mix of histograms and floats for aggregation",
      "vector contains a mix of classic and native histograms",
      'vector contains a mix of histograms with exponential and custom buckets schemas for metric name "m"',
      "incompatible bucket layout encountered for binary operator -",
      'this native histogram metric is not a counter: "m"',
      'this native histogram metric is not a gauge: "m"',
      "conflicting counter resets during histogram aggregation",
      'sample has start time that overlaps with previous sample timestamp for metric "m"',
      "sort is ineffective for range queries since results are always ordered by labels",
    ].map((message) => `PromQL warning: ${message}`),
  ]);
  annotations.possibleNonCounter("m", AT_A);
  annotations.incompatibleTypes("histogram", ">", "float", AT_A);
  annotations.histogramIgnored("min", AT_A);
  annotations.histogramIgnoredInRange("m", AT_A);
  annotations.quantileIsNaN("m", AT_A);
  annotations.quantileIsSkewed("", AT_A);
  annotations.fractionWithoutNaN("m", AT_A);
  annotations.customBoundsReconciled("subtraction", AT_A);
  deepEqual(
    annotations.infos,
    [
      'metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "m"',
      'incompatible sample types encountered for binary operator ">": histogram > float',
      "ignored histogram in min aggregation",
      'ignored histograms in a range containing both floats and histograms for metric name "m"',
      'input to histogram_quantile has NaN observations, result is NaN for metric name "m"',
      "input to histogram_quantile has NaN observations, result is skewed higher",
      'input to histogram_fraction has NaN observations, which are excluded from all fractions for metric name "m"',
      "mismatched custom buckets were reconciled during subtraction",
    ].map((message) => `PromQL info: ${message}`),
  );
});

test("of very many messages the first ten thousand are kept", () => {
  const annotations = new Annotations(TEXT);
  for (let i = 0; i < 10_001; i++) annotations.possibleNonCounter(`m${i}`, AT_A);
  annotations.possibleNonCounter("m0", AT_B);
  equal(annotations.infos.length, 10_000);
  equal(annotations.infos[0]?.endsWith('"m0" (2:22)'), true);
});
