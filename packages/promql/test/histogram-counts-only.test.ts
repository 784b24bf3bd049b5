import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { type NativeHistogram, STALE_HISTOGRAM } from "@pharos/base";
import { countsOnly, countsOnlySelectors } from "../src/engine/histogram/counts-only.ts";
import { parse } from "../src/syntax/parse.ts";
import { printExpr } from "../src/syntax/print.ts";
import { histogramOf } from "./histogram-arbitrary.ts";

test("buckets are left out where only counts and sums are asked for", () => {
  const cases: readonly (readonly [expr: string, selectors: readonly string[]])[] = [
    ["histogram_count(a)", ["a"]],
    ["histogram_sum(sum by (x) (rate(a[5m]) + b))", ["a", "b"]],
    ["histogram_avg(a) / histogram_quantile(0.5, b)", ["a"]],
    ["histogram_count(a) > 1 or c", ["a"]],
    ["histogram_count(a </ 1)", []],
    ["histogram_count(increase(a[5m:1m]))", []],
    ["histogram_quantile(scalar(histogram_count(a)), b)", []],
    ["histogram_count(histogram_fraction(0, 1, a))", []],
    ["sum(a)", []],
  ];
  for (const [text, expected] of cases) {
    const found = [...countsOnlySelectors(parse(text))].map(printExpr);
    deepEqual(found, expected, text);
  }
});

test("a histogram without buckets says what those of the one before it told of resets", () => {
  const histograms: readonly NativeHistogram[] = [
    histogramOf({ positive: { 1: 1, 2: 2 }, sum: 4 }),
    histogramOf({ positive: { 1: 2, 2: 2 }, sum: 5 }),
    // As many observations, but not in the same buckets.
    histogramOf({ positive: { 1: 4 }, sum: 3 }),
    STALE_HISTOGRAM,
    histogramOf({ positive: { 1: 5 }, sum: 6 }),
    histogramOf({ positive: { 1: 1 }, sum: 1, counterReset: "gauge" }),
    histogramOf({ positive: { 1: 9 }, sum: 1, counterReset: "none" }),
  ];
  const timestampsMs = Float64Array.from(histograms, (_, i) => i * 1000);
  const column = { timestampsMs, at: (at: number) => histograms[at] as NativeHistogram };
  const read = (afterMs: number): readonly unknown[] => {
    const counts = countsOnly(column, afterMs);
    return histograms.map((_, at) => {
      const { count, counterReset, stale, positiveCounts } = counts.at(at);
      return stale ? "stale" : `${count} ${counterReset} ${positiveCounts.length}`;
    });
  };
  deepEqual(read(-1), [
    "3 unknown 0",
    "4 none 0",
    "4 reset 0",
    "stale",
    "5 none 0",
    "1 gauge 0",
    "9 none 0",
  ]);
  // What is not in the range is not looked at.
  deepEqual(read(0).slice(1, 3), ["4 unknown 0", "4 reset 0"]);
});
