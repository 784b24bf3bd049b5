import { CUSTOM_BOUNDS_SCHEMA, exponentialBound, type NativeHistogram } from "@pharos/base";
import { indicesOf } from "./bucket-side.ts";

/**
 * All buckets from the lowest to the highest: the negative ones, the zero bucket where it holds something, the positive
 * ones; empty ones within spans included. A bucket that reaches into the zero bucket begins where that ends.
 */
export class RisingBuckets {
  readonly length: number;
  readonly #histogram: NativeHistogram;
  readonly #isCustom: boolean;
  /** Where the zero bucket stands, or would; the negative ones are before it. */
  readonly #zeroAt: number;
  readonly #zeroLength: 0 | 1;
  #positive: readonly number[] | undefined;
  #negative: readonly number[] | undefined;

  constructor(histogram: NativeHistogram) {
    this.#histogram = histogram;
    this.#isCustom = histogram.schema === CUSTOM_BOUNDS_SCHEMA;
    this.#zeroAt = histogram.negativeCounts.length;
    this.#zeroLength = histogram.zeroCount > 0 ? 1 : 0;
    this.length = this.#zeroAt + this.#zeroLength + histogram.positiveCounts.length;
  }

  count(at: number): number {
    const { negativeCounts, positiveCounts, zeroCount } = this.#histogram;
    if (at < this.#zeroAt) return negativeCounts[this.#zeroAt - 1 - at] as number;
    if (this.isZero(at)) return zeroCount;
    return positiveCounts[at - this.#zeroAt - this.#zeroLength] as number;
  }

  isZero(at: number): boolean {
    return this.#zeroLength === 1 && at === this.#zeroAt;
  }

  lower(at: number): number {
    const { zeroThreshold } = this.#histogram;
    if (at < this.#zeroAt) return -this.#outer(this.#negativeIndex(at));
    if (this.isZero(at)) return -zeroThreshold;
    const bound = this.#outer(this.#positiveIndex(at) - 1);
    return this.#isCustom ? bound : Math.max(bound, zeroThreshold);
  }

  upper(at: number): number {
    const { zeroThreshold } = this.#histogram;
    if (at < this.#zeroAt)
      return Math.min(-this.#outer(this.#negativeIndex(at) - 1), -zeroThreshold);
    if (this.isZero(at)) return zeroThreshold;
    return this.#outer(this.#positiveIndex(at));
  }

  #negativeIndex(at: number): number {
    this.#negative ??= indicesOf(this.#histogram.negativeSpans);
    return this.#negative[this.#zeroAt - 1 - at] as number;
  }

  #positiveIndex(at: number): number {
    this.#positive ??= indicesOf(this.#histogram.positiveSpans);
    return this.#positive[at - this.#zeroAt - this.#zeroLength] as number;
  }

  /** The bound of a bucket that is further from zero; of custom ones the upper one. */
  #outer(index: number): number {
    const { schema, customBounds } = this.#histogram;
    if (!this.#isCustom) return exponentialBound(schema, index);
    if (index < 0) return Number.NEGATIVE_INFINITY;
    return customBounds[index] ?? Number.POSITIVE_INFINITY;
  }
}
