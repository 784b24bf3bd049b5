import type { NativeHistogram } from "@pharos/base";
import { compactHistogram, mergeCounterResets } from "./arithmetic.ts";
import { sameNumbers } from "./bucket-side.ts";
import { lostInSum } from "./compensated-sum.ts";
import {
  commonLayout,
  conform,
  coversBuckets,
  isLayoutOf,
  sameLayout,
  uncoveredSide,
  usesCustomBounds,
} from "./layout.ts";

/** Columns of a histogram that is being added to, in place. */
interface Columns {
  /** Layout and what is said of resets; its numbers are not those of the sum. */
  layout: NativeHistogram;
  /** Count, sum and zero count, then the counts of all positive buckets and of all negative ones. */
  values: Float64Array;
}

const COUNT = 0;
const SUM = 1;
const ZERO_COUNT = 2;
const BUCKETS = 3;

/**
 * Adds up histograms, with what rounding loses kept beside, for sums and averages over series or over time. An average
 * is computed from the sum as long as that stays finite, and then from mean to mean.
 */
export class HistogramAccumulator {
  readonly #purpose: "sum" | "average";
  #sums: Columns | undefined;
  /** What was lost in each of the values. */
  #lost = new Float64Array(0);
  #added = 0;
  /** `#sums` holds the mean and not the sum. */
  #isMean = false;
  #isIncompatible = false;
  #resetSeen = false;
  #noneSeen = false;
  #boundsReconciled = false;

  constructor(purpose: "sum" | "average") {
    this.#purpose = purpose;
  }

  /** Whether exponential and custom buckets met; there is no result then. */
  get isIncompatible(): boolean {
    return this.#isIncompatible;
  }

  /** Whether of some it is said that counts were reset before them, and of some that they were not. */
  get counterResetCollision(): boolean {
    return this.#resetSeen && this.#noneSeen;
  }

  /** Whether custom bounds differed, so that only those which all have are left. */
  get nhcbBoundsReconciled(): boolean {
    return this.#boundsReconciled;
  }

  add(histogram: NativeHistogram): void {
    if (this.#isIncompatible) return;
    this.#resetSeen ||= histogram.counterReset === "reset";
    this.#noneSeen ||= histogram.counterReset === "none";
    this.#added++;
    if (this.#sums === undefined) {
      this.#sums = { layout: histogram, values: valuesOf(histogram) };
      this.#lost = new Float64Array(this.#sums.values.length);
      return;
    }
    const added = this.#aligned(this.#sums, histogram);
    if (added === undefined) return;
    const { values, layout } = this.#sums;
    this.#sums.layout = withMergedResets(layout, histogram);
    const lost = this.#lost;
    if (!this.#isMean && this.#purpose === "average" && overflows(values, added)) {
      scale(values, 1 / (this.#added - 1));
      scale(lost, 1 / (this.#added - 1));
      this.#isMean = true;
    }
    if (this.#isMean) {
      const share = (this.#added - 1) / this.#added;
      scale(values, share);
      scale(lost, share);
      addCompensated(values, lost, added, this.#added);
    } else addCompensated(values, lost, added, 1);
  }

  /** The sum or the average, with empty buckets; undefined where nothing was added or no result is possible. */
  result(): NativeHistogram | undefined {
    if (this.#sums === undefined || this.#isIncompatible) return undefined;
    const { layout, values } = this.#sums;
    const divisor = this.#purpose === "average" && !this.#isMean ? this.#added : 1;
    const settled = values.map((value, i) => value / divisor + (this.#lost[i] as number) / divisor);
    const histogram = histogramOf(layout, settled);
    return this.#boundsReconciled ? compactHistogram(histogram) : histogram;
  }

  /** The histogram in the layout that fits both, after the sums were brought into it, too. */
  #aligned(sums: Columns, histogram: NativeHistogram): NativeHistogram | undefined {
    if (usesCustomBounds(sums.layout) !== usesCustomBounds(histogram)) {
      this.#isIncompatible = true;
      return undefined;
    }
    if (sameLayout(sums.layout, histogram) && !coversBuckets(histogram)) return histogram;
    if (!sameNumbers(sums.layout.customBounds, histogram.customBounds))
      this.#boundsReconciled = true;
    const current = histogramOf(sums.layout, sums.values);
    const layout = commonLayout(current, histogram);
    if (!isLayoutOf(current, layout)) {
      const widened = conform(current, layout);
      this.#lost = valuesOf(conform(histogramOf(sums.layout, this.#lost), layout));
      sums.layout = widened;
      sums.values = valuesOf(widened);
    }
    return conform(histogram, layout, uncoveredSide);
  }
}

function withMergedResets(layout: NativeHistogram, added: NativeHistogram): NativeHistogram {
  const counterReset = mergeCounterResets(layout.counterReset, added.counterReset);
  return counterReset === layout.counterReset ? layout : { ...layout, counterReset };
}

function valuesOf(histogram: NativeHistogram): Float64Array<ArrayBuffer> {
  const { positiveCounts, negativeCounts } = histogram;
  const values = new Float64Array(BUCKETS + positiveCounts.length + negativeCounts.length);
  values[COUNT] = histogram.count;
  values[SUM] = histogram.sum;
  values[ZERO_COUNT] = histogram.zeroCount;
  values.set(positiveCounts, BUCKETS);
  values.set(negativeCounts, BUCKETS + positiveCounts.length);
  return values;
}

function histogramOf(layout: NativeHistogram, values: Float64Array): NativeHistogram {
  const negativeAt = BUCKETS + layout.positiveCounts.length;
  return {
    ...layout,
    isInteger: false,
    count: values[COUNT] as number,
    sum: values[SUM] as number,
    zeroCount: values[ZERO_COUNT] as number,
    positiveCounts: Array.from(values.subarray(BUCKETS, negativeAt)),
    negativeCounts: Array.from(values.subarray(negativeAt)),
  };
}

function scale(values: Float64Array, factor: number): void {
  for (let i = 0; i < values.length; i++) (values[i] as number) *= factor;
}

/** Whether a value is infinite after adding. */
function overflows(values: Float64Array, added: NativeHistogram): boolean {
  const { count, sum, zeroCount, positiveCounts, negativeCounts } = added;
  return (
    isInfinite((values[COUNT] as number) + count) ||
    isInfinite((values[SUM] as number) + sum) ||
    isInfinite((values[ZERO_COUNT] as number) + zeroCount) ||
    positiveCounts.some((one, i) => isInfinite((values[BUCKETS + i] as number) + one)) ||
    negativeCounts.some((one, i) =>
      isInfinite((values[BUCKETS + positiveCounts.length + i] as number) + one),
    )
  );
}

function isInfinite(value: number): boolean {
  return Math.abs(value) === Number.POSITIVE_INFINITY;
}

function addCompensated(
  values: Float64Array,
  lost: Float64Array,
  { count, sum, zeroCount, positiveCounts, negativeCounts }: NativeHistogram,
  divisor: number,
): void {
  addAt(values, lost, COUNT, count / divisor);
  addAt(values, lost, SUM, sum / divisor);
  addAt(values, lost, ZERO_COUNT, zeroCount / divisor);
  for (let i = 0; i < positiveCounts.length; i++)
    addAt(values, lost, BUCKETS + i, (positiveCounts[i] as number) / divisor);
  const negativeAt = BUCKETS + positiveCounts.length;
  for (let i = 0; i < negativeCounts.length; i++)
    addAt(values, lost, negativeAt + i, (negativeCounts[i] as number) / divisor);
}

function addAt(values: Float64Array, lost: Float64Array, at: number, value: number): void {
  const before = values[at] as number;
  const total = before + value;
  lost[at] = lostInSum(before, value, total, lost[at] as number);
  values[at] = total;
}
