import type { Kernels } from "./kernels.ts";
import { kernelOf } from "./kernels.ts";
import { QuantileSketch } from "./quantile-sketch.ts";
import { ScratchBlock } from "./scratch-block.ts";

/** Samples in columns, by strictly increasing time. */
export interface RollupSamples {
  readonly length: number;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  /** 1 where the sample is a staleness marker; null if none is. */
  readonly stale: Uint8Array | null;
}

/**
 * One row a window that has a sample, by time. `count` counts samples, ordinary NaNs among them, and staleness markers
 * not. `sum` (compensated) and `increase` are NaN where a sample is; `min` and `max` leave NaNs out, and are NaN where
 * nothing else is there. `increase` is what a counter grew by between the samples of the window, from 0 again where it
 * is lower than before; that from one window to the next follows from `last` and `first`.
 */
export interface RolledRows {
  readonly length: number;
  /** Multiples of the window's length. */
  readonly windowStartsMs: Float64Array;
  readonly count: Float64Array;
  readonly sum: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly first: Float64Array;
  readonly last: Float64Array;
  readonly increase: Float64Array;
  /** Where the row's sketch (see QuantileSketch) ends in `sketches`; all 0 where they were not asked for. */
  readonly sketchEnds: Uint32Array;
  readonly sketches: Uint8Array;
}

/** Rolls samples up to the rows of a tier, in the kernels' memory, which it keeps for the next time. */
export class SampleRollup {
  readonly #kernels: Kernels;
  readonly #rollupWindows: (...args: number[]) => number;
  readonly #rollupSketches: (...args: number[]) => number;
  readonly #times: ScratchBlock;
  readonly #values: ScratchBlock;
  readonly #stale: ScratchBlock;
  readonly #rows: ScratchBlock;
  readonly #ends: ScratchBlock;
  readonly #sketches: ScratchBlock;
  readonly #sketch: QuantileSketch;

  /** @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#rollupWindows = kernelOf(kernels, "rollupWindows");
    this.#rollupSketches = kernelOf(kernels, "rollupSketches");
    this.#times = new ScratchBlock(kernels);
    this.#values = new ScratchBlock(kernels);
    this.#stale = new ScratchBlock(kernels);
    this.#rows = new ScratchBlock(kernels);
    this.#ends = new ScratchBlock(kernels);
    this.#sketches = new ScratchBlock(kernels);
    this.#sketch = new QuantileSketch(kernels);
  }

  /**
   * The rows of samples in windows of `windowMs`. Views, valid until the next call.
   *
   * @throws OperatingError `memory.full`.
   */
  roll(samples: RollupSamples, windowMs: number, withSketches: boolean): RolledRows {
    const { length, timestampsMs, values, stale } = samples;
    const times = this.#times.place(bytesOf(timestampsMs, length));
    const bits = this.#values.place(bytesOf(values, length));
    const marks = stale === null ? 0 : this.#stale.place(stale.subarray(0, length));
    const rows = this.#rows.reserve(this.#kernels.call("rollupSize", length));
    const count = this.#rollupWindows(times, bits, marks, length, windowMs, rows);
    const ends = this.#ends.reserve(count * 4);
    let sketches = 0;
    let sketchesSize = 0;
    if (withSketches) {
      sketches = this.#sketches.reserve(this.#kernels.call("rollupSketchesSize", length));
      const { pointer } = this.#sketch;
      sketchesSize = this.#rollupSketches(pointer, bits, length, rows, count, ends, sketches);
    }
    const { buffer, bytes } = this.#kernels;
    const column = (at: number): Float64Array =>
      new Float64Array(buffer, rows + at * length * 8, count);
    const sketchEnds = new Uint32Array(buffer, ends, count);
    if (!withSketches) sketchEnds.fill(0);
    return {
      length: count,
      windowStartsMs: column(0),
      count: column(1),
      sum: column(2),
      min: column(3),
      max: column(4),
      first: column(5),
      last: column(6),
      increase: column(7),
      sketchEnds,
      sketches: bytes.subarray(sketches, sketches + sketchesSize),
    };
  }

  /** Gives back what is not worth keeping, after a series of unusual length. */
  trim(): void {
    for (const block of this.#blocks()) block.trim();
  }

  /** Gives its memory back. */
  dispose(): void {
    for (const block of this.#blocks()) block.release();
    this.#sketch.dispose();
  }

  #blocks(): ScratchBlock[] {
    return [this.#times, this.#values, this.#stale, this.#rows, this.#ends, this.#sketches];
  }
}

/** As bytes, since a NaN's may matter. */
function bytesOf({ buffer, byteOffset }: Float64Array, length: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length * 8);
}
