import { type Kernels, WINDOW_SAMPLES_MAX, WINDOWS_MAX, WindowKernels } from "@pharos/kernels";
import type { SeriesColumns } from "@pharos/ports";
import { createWindows, type StepColumn } from "./windows.ts";

/** For fewer steps, copying a series to the kernels' memory costs more than looking there saves. */
const STEPS_MIN = 8;

/** Where a selector looks at each step of a grid. */
export interface Looks {
  /** How many steps there are. */
  readonly count: number;
  /** Where the first step looks, and how far the next one is from there: 0 under `@`. */
  readonly firstMs: number;
  readonly stepMs: number;
  readonly lookbackMs: number;
}

/**
 * Looks up floats at many steps in WebAssembly. Takes memory with the first series, and keeps it until disposed of.
 */
export class KernelLookup implements Disposable {
  readonly #kernels: Kernels;
  readonly #looks: Looks;
  #windows: WindowKernels | undefined;

  /** Undefined where it is not worth it. */
  static open(kernels: Kernels | undefined, looks: Looks): KernelLookup | undefined {
    return kernels !== undefined && looks.count >= STEPS_MIN && looks.count <= WINDOWS_MAX
      ? new KernelLookup(kernels, looks)
      : undefined;
  }

  private constructor(kernels: Kernels, looks: Looks) {
    this.#kernels = kernels;
    this.#looks = looks;
  }

  /**
   * For each step the last float at or before it, if that is younger than the lookback and no staleness marker: its
   * value, or its time in seconds. "none" where there is not any, undefined where the series is not for the kernels. The
   * columns hold until the next call.
   *
   * @throws OperatingError `memory.full`.
   */
  find(
    { timestampsMs, values, stale }: SeriesColumns,
    give: "value" | "timestamp",
  ): StepColumn | "none" | undefined {
    if (timestampsMs.length > WINDOW_SAMPLES_MAX) return undefined;
    this.#windows ??= this.#open();
    this.#windows.find(timestampsMs, timestampsMs.length);
    return this.#windows.latest(values, give, stale) === 0 ? "none" : this.#windows;
  }

  [Symbol.dispose](): void {
    this.#windows?.[Symbol.dispose]();
    this.#windows = undefined;
  }

  #open(): WindowKernels {
    const { count, firstMs, stepMs, lookbackMs } = this.#looks;
    return new WindowKernels(this.#kernels, createWindows(count, lookbackMs, firstMs, stepMs));
  }
}
