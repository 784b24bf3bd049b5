import type { QuantileSketch } from "@pharos/kernels";
import type { RollupRows } from "./rollup-rows.ts";

/**
 * Quantiles of one series' rows: from their own sketches, and where one has none, from that of a row made elsewhere of
 * the same samples, which are finer rows or samples. That it has the same samples follows from its count: of two rows
 * of one window, the one that knows fewer samples counts fewer.
 */
export class RowQuantiles {
  readonly #rows: RollupRows;
  readonly #others: RollupRows;
  readonly #sketch: QuantileSketch;

  /** @param others rows of the same tier, by time; none where nothing else has sketches. */
  constructor(rows: RollupRows, others: RollupRows, sketch: QuantileSketch) {
    this.#rows = rows;
    this.#others = others;
    this.#sketch = sketch;
  }

  /** A quantile of the rows `from` to `to` (not included); NaN where one of them has no sketch anywhere. */
  of(q: number, from: number, to: number): number {
    const rows = this.#rows;
    const sketch = this.#sketch;
    sketch.clear();
    if (rows.hasSketches(from, to)) {
      const whole = sketch.addEncodedAll(rows.sketchBytes, rows.sketchEnds, from, to);
      return whole ? sketch.quantile(q) : Number.NaN;
    }
    for (let row = from; row < to; row++) {
      const bytes = rows.hasSketch(row) ? rows.sketchOf(row) : this.#otherSketch(row);
      if (bytes === undefined || !sketch.addEncoded(bytes)) return Number.NaN;
    }
    return sketch.quantile(q);
  }

  #otherSketch(row: number): Uint8Array | undefined {
    const others = this.#others;
    const windowStartMs = this.#rows.windowStartMs(row);
    let low = 0;
    let high = others.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (others.windowStartMs(middle) < windowStartMs) low = middle + 1;
      else high = middle;
    }
    const isSame =
      low < others.length &&
      others.windowStartMs(low) === windowStartMs &&
      others.countOf(low) === this.#rows.countOf(row) &&
      others.hasSketch(low);
    return isSame ? others.sketchOf(low) : undefined;
  }
}
