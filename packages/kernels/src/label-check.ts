import { type Kernels, kernelOf } from "./kernels.ts";
import { ScratchBlock } from "./scratch-block.ts";

/** Bounds of a label set; sizes are bytes of UTF-8. */
export interface LabelLimits {
  readonly labelsPerSeriesMax: number;
  readonly labelNameSizeMax: number;
  readonly labelValueSizeMax: number;
}

// What the kernel answers; 0 is not canonical, or beyond the limits.
const CANONICAL = 1;
const NAMED = 2;

const NO_LIMITS: LabelLimits = {
  labelsPerSeriesMax: 0xffff_ffff,
  labelNameSizeMax: 0xffff_ffff,
  labelValueSizeMax: 0xffff_ffff,
};

/** Finds out what label bytes are without making strings of them. */
export class LabelCheck {
  readonly #check: (...args: number[]) => number;
  readonly #scratch: ScratchBlock;

  constructor(kernels: Kernels) {
    this.#check = kernelOf(kernels, "labelsCheck");
    this.#scratch = new ScratchBlock(kernels);
  }

  /** Gives its memory back. No call may follow. */
  destroy(): void {
    this.#scratch.release();
  }

  /** Whether the bytes are what `encodeLabels` writes. @throws OperatingError `memory.full`. */
  isCanonical(labelBytes: Uint8Array): boolean {
    return this.#kindOf(labelBytes, NO_LIMITS) >= CANONICAL;
  }

  /**
   * Whether the bytes are canonical, of a label set with a metric name and within the limits. If not, `decodeLabels`
   * tells more. @throws OperatingError `memory.full`.
   */
  isNamedWithin(labelBytes: Uint8Array, limits: LabelLimits): boolean {
    return this.#kindOf(labelBytes, limits) === NAMED;
  }

  #kindOf(labelBytes: Uint8Array, limits: LabelLimits): number {
    const pointer = this.#scratch.place(labelBytes);
    const { labelsPerSeriesMax, labelNameSizeMax, labelValueSizeMax } = limits;
    const { length } = labelBytes;
    return this.#check(pointer, length, labelsPerSeriesMax, labelNameSizeMax, labelValueSizeMax);
  }
}
