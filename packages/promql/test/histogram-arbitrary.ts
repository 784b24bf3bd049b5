import { type CounterReset, CUSTOM_BOUNDS_SCHEMA, type NativeHistogram } from "@pharos/base";
import fc from "fast-check";
import { spansFor } from "../src/engine/histogram/bucket-side.ts";

interface Parts extends Partial<Omit<NativeHistogram, "positiveSpans" | "negativeSpans">> {
  /** Counts by index. */
  readonly positive?: Readonly<Record<number, number>>;
  readonly negative?: Readonly<Record<number, number>>;
}

/** A histogram of float counts whose count is what its buckets hold, unless `parts` says something else. */
export function histogramOf({ positive = {}, negative = {}, ...parts }: Parts): NativeHistogram {
  const [up, down] = [sideFrom(positive), sideFrom(negative)];
  const zeroCount = parts.zeroCount ?? 0;
  const total = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
  return {
    schema: parts.customBounds === undefined ? 0 : CUSTOM_BOUNDS_SCHEMA,
    isInteger: false,
    counterReset: "unknown",
    stale: false,
    zeroThreshold: 0,
    zeroCount,
    count: total(up.counts) + total(down.counts) + zeroCount,
    sum: 0,
    customBounds: [],
    positiveSpans: spansFor(up.indices),
    positiveCounts: up.counts,
    negativeSpans: spansFor(down.indices),
    negativeCounts: down.counts,
    ...parts,
  };
}

function sideFrom(side: Readonly<Record<number, number>>): {
  readonly indices: number[];
  readonly counts: number[];
} {
  const entries = Object.entries(side)
    .map(([index, count]) => [Number(index), count] as const)
    .toSorted(([a], [b]) => a - b);
  return { indices: entries.map(([index]) => index), counts: entries.map(([, count]) => count) };
}

/** Whole counts, so that sums are exact whatever the order. */
function sides(indices: fc.Arbitrary<number>): fc.Arbitrary<Record<number, number>> {
  return fc
    .array(fc.tuple(indices, fc.nat(20)), { maxLength: 12 })
    .map((entries) => Object.fromEntries(entries));
}

const resets = fc.constantFrom<CounterReset>("unknown", "reset", "none", "gauge");

/** Exponential histograms with whole counts, of all schemas and several widths of the zero bucket. */
export const exponentialHistograms = fc
  .integer({ min: -4, max: 8 })
  .chain((schema) => {
    const indices = fc.integer({
      min: -3 * 2 ** Math.max(schema, 0),
      max: 3 * 2 ** Math.max(schema, 0),
    });
    return fc.record({
      schema: fc.constant(schema),
      positive: sides(indices),
      negative: sides(indices),
      zeroThreshold: fc.constantFrom(0, 0.001, 0.25, 0.3, 1, 1.7),
      zeroCount: fc.nat(10),
      sum: fc.integer({ min: -1000, max: 1000 }),
      counterReset: resets,
    });
  })
  .map((parts) => outsideZeroBucket(histogramOf(parts)));

/** No bucket may begin inside the zero bucket of its own histogram: such are left out. */
function outsideZeroBucket(histogram: NativeHistogram): NativeHistogram {
  const { schema, zeroThreshold, positiveSpans, positiveCounts } = histogram;
  const { negativeSpans, negativeCounts } = histogram;
  const keep = (spans: NativeHistogram["positiveSpans"], counts: readonly number[]) => {
    const side: Record<number, number> = {};
    let index = 0;
    let at = 0;
    for (const { offset, length } of spans) {
      index += offset;
      for (let i = 0; i < length; i++, index++) {
        const begins = 2 ** ((index - 1) * 2 ** -schema);
        if (begins >= zeroThreshold * (1 - 1e-9)) side[index] = counts[at] as number;
        at++;
      }
    }
    return side;
  };
  return histogramOf({
    schema,
    zeroThreshold,
    zeroCount: histogram.zeroCount,
    sum: histogram.sum,
    counterReset: histogram.counterReset,
    positive: keep(positiveSpans, positiveCounts),
    negative: keep(negativeSpans, negativeCounts),
  });
}

/** Histograms with custom bounds and whole counts. */
export const customHistograms = fc
  .uniqueArray(fc.integer({ min: -5, max: 10 }), { maxLength: 6 })
  .map((bounds) => bounds.toSorted((a, b) => a - b))
  .chain((customBounds) =>
    fc.record({
      customBounds: fc.constant(customBounds),
      positive: sides(fc.nat(customBounds.length)),
      sum: fc.integer({ min: -1000, max: 1000 }),
      counterReset: resets,
    }),
  )
  .map(histogramOf);

/** Pairs that can be added. */
export const histogramPairs = fc.oneof(
  fc.tuple(exponentialHistograms, exponentialHistograms),
  fc.tuple(customHistograms, customHistograms),
);

export const anyHistogram = fc.oneof(exponentialHistograms, customHistograms);
