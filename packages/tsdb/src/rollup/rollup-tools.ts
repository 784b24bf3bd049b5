import { type Kernels, QuantileSketch, SampleRollup } from "@pharos/kernels";
import type { RollupRows } from "./rollup-rows.ts";

/** Samples in columns, by strictly increasing time. */
export type SampleColumnsView = Parameters<SampleRollup["roll"]>[0];

/** What makes and merges rows, in the kernels' memory: a few MB, taken when it is first needed. One for a thread. */
export class RollupTools {
  readonly #kernels: Kernels;
  #sketch: QuantileSketch | undefined;
  #rollup: SampleRollup | undefined;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  /** For whoever clears it first, and is done with it before others get their turn. @throws OperatingError `memory.full`. */
  get sketch(): QuantileSketch {
    this.#sketch ??= new QuantileSketch(this.#kernels);
    return this.#sketch;
  }

  /**
   * Adds the rows of samples, all later than the windows that are there. Staleness markers say that a series ended,
   * which is no value: they count for nothing, and a counter goes on after them.
   *
   * @throws OperatingError `memory.full`.
   */
  rollUp(samples: SampleColumnsView, rows: RollupRows, withSketches: boolean): void {
    this.#rollup ??= new SampleRollup(this.#kernels);
    rows.appendRolled(this.#rollup.roll(samples, rows.windowMs, withSketches));
    this.#rollup.trim();
  }

  /** Gives their memory back. */
  dispose(): void {
    this.#sketch?.dispose();
    this.#rollup?.dispose();
    this.#sketch = undefined;
    this.#rollup = undefined;
  }
}
