import { assert } from "@pharos/base";
import { type Kernels, kernelOf } from "./kernels.ts";
import { ScratchBlock } from "./scratch-block.ts";

/**
 * Longer series and more windows are for whoever has other means: the kernels' memory never shrinks, and 15 MB are enough
 * for one query. They are 45 days at 15 s, and six times what a range query may ask for.
 */
export const WINDOW_SAMPLES_MAX = 2 ** 18;
export const WINDOWS_MAX = 2 ** 16;

/** The windows of a query, one a step: (end - `rangeMs`, end]. */
export interface WindowGrid {
  readonly rangeMs: number;
  /** At least one, at most WINDOWS_MAX; never decreasing. */
  readonly endsMs: Float64Array;
}

/** What of a sample: its value, or its time in seconds (Unix epoch). */
export type SampleAspect = "value" | "timestamp";

/** Where in their description (see as/windows.ts) the kernels find what changes from series to series, as words. */
const SAMPLES = 6;
const TIMES = 7;
const SCRATCH = 8;
/** Bytes of the description, with room so that what follows is aligned. */
const DESCRIPTION_SIZE = 40;
/** Bytes a step: end, result, from, to, present. */
const STEP_SIZE = 8 + 8 + 4 + 4 + 1;
/** Bytes of scratch space a sample. */
const SCRATCH_SIZE = 16;
/** Samples that a column has room for at first. */
const COLUMN_MIN = 512;

type Kernel = (...args: number[]) => number;

/**
 * What functions of PromQL make of the windows over one series after another, in the kernels' memory: first `find` is
 * told the times of a series' samples, then functions get its values. Windows are found once for series in a row that
 * have the same times, as those of one target have.
 *
 * A function writes one place a step to `values` and `present`, for windows with enough samples (2 for changes between
 * samples, else 1), and answers for how many that is. Both hold until the next function.
 *
 * Columns that lie in the kernels' memory are read there; others are copied first. No value is a staleness marker, but
 * where `latest` is told so.
 */
export class WindowKernels implements Disposable {
  /** One a step; undefined where `present` is 0. */
  readonly values: Float64Array;
  /** One a step: 1 where there is a result, else 0. */
  readonly present: Uint8Array;

  readonly #kernels: Kernels;
  readonly #count: number;
  readonly #rangeMs: number;
  /** The description, and behind it the columns with a place a step. */
  readonly #windows: number;
  readonly #size: number;
  readonly #description: Uint32Array;
  /** The times that the windows were found for, and the column for the next ones. */
  #times: Column;
  #nextTimes: Column;
  /** How many samples these have; below 0 before the first series. */
  #length = -1;
  #samplesInWindows = 0;
  readonly #samples: Column;
  readonly #stale: ScratchBlock;
  readonly #scratch: ScratchBlock;
  readonly #plan: ScratchBlock;
  #planAt = 0;
  /** What the plan divides by; undefined where it is not that of these windows. */
  #plannedSeconds: number | undefined;

  readonly #find: Kernel;
  readonly #equal: Kernel;
  readonly #ratePlan: Kernel;
  readonly #rateOfCounter: Kernel;
  readonly #rateOfGauge: Kernel;
  readonly #rateOfLastTwo: Kernel;
  readonly #sum: Kernel;
  readonly #extreme: Kernel;
  readonly #earliest: Kernel;
  readonly #latest: Kernel;
  readonly #countSamples: Kernel;
  readonly #variance: Kernel;
  readonly #changes: Kernel;

  /** @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels, { rangeMs, endsMs }: WindowGrid) {
    const count = endsMs.length;
    assert(count >= 1 && count <= WINDOWS_MAX, () => `${count} windows`);
    this.#kernels = kernels;
    this.#count = count;
    this.#rangeMs = rangeMs;
    this.#size = DESCRIPTION_SIZE + count * STEP_SIZE;
    this.#windows = kernels.allocate(this.#size);
    const endsAt = this.#windows + DESCRIPTION_SIZE;
    const outAt = endsAt + count * 8;
    const fromAt = outAt + count * 8;
    const toAt = fromAt + count * 4;
    const presentAt = toAt + count * 4;
    const { buffer } = kernels;
    this.#description = new Uint32Array(buffer, this.#windows, DESCRIPTION_SIZE / 4);
    this.#description.set([count, endsAt, fromAt, toAt, outAt, presentAt]);
    this.values = new Float64Array(buffer, outAt, count);
    this.present = new Uint8Array(buffer, presentAt, count);
    new Float64Array(buffer, endsAt, count).set(endsMs);
    this.#times = new Column(kernels);
    this.#nextTimes = new Column(kernels);
    this.#samples = new Column(kernels);
    this.#stale = new ScratchBlock(kernels);
    this.#scratch = new ScratchBlock(kernels);
    this.#plan = new ScratchBlock(kernels);
    this.#find = kernelOf(kernels, "windowsFind");
    this.#equal = kernelOf(kernels, "columnsEqual");
    this.#ratePlan = kernelOf(kernels, "ratePlan");
    this.#rateOfCounter = kernelOf(kernels, "rateOfCounter");
    this.#rateOfGauge = kernelOf(kernels, "rateOfGauge");
    this.#rateOfLastTwo = kernelOf(kernels, "rateOfLastTwo");
    this.#sum = kernelOf(kernels, "windowsSum");
    this.#extreme = kernelOf(kernels, "windowsExtreme");
    this.#earliest = kernelOf(kernels, "windowsEarliest");
    this.#latest = kernelOf(kernels, "windowsLatest");
    this.#countSamples = kernelOf(kernels, "windowsCount");
    this.#variance = kernelOf(kernels, "windowsVariance");
    this.#changes = kernelOf(kernels, "windowsChanges");
  }

  /**
   * Finds the windows of a series with samples at these times: the first `length`, at most WINDOW_SAMPLES_MAX, which
   * strictly increase. The functions take as many values.
   *
   * @throws OperatingError `memory.full`, as the functions do.
   */
  find(timestampsMs: Float64Array, length: number): void {
    assert(length <= WINDOW_SAMPLES_MAX, () => `${length} samples`);
    const isInPlace = timestampsMs.buffer === this.#kernels.buffer;
    const given = isInPlace ? timestampsMs.byteOffset : this.#nextTimes.copy(timestampsMs, length);
    if (length === this.#length && this.#equal(given, this.#times.pointer, length) === 1) return;
    // They are kept for the functions, and to compare the next ones with.
    const times = isInPlace ? this.#nextTimes.copy(timestampsMs, length) : given;
    [this.#times, this.#nextTimes] = [this.#nextTimes, this.#times];
    this.#length = length;
    this.#plannedSeconds = undefined;
    this.#description[SAMPLES] = length;
    this.#description[TIMES] = times;
    this.#description[SCRATCH] = this.#scratch.reserve((length + 1) * SCRATCH_SIZE);
    this.#samplesInWindows = this.#find(this.#windows, this.#rangeMs);
  }

  /** How many samples the windows that were found have together: what functions have to do that walk each of them. */
  get samplesInWindows(): number {
    return this.#samplesInWindows;
  }

  /**
   * What a counter grew by (from 0 again where it is lower than before), or with `isCounter` false a gauge changed by,
   * extrapolated to the windows' ends as Prometheus does it; per second or as it is. Below 0, and nothing is done, for a
   * counter that begins again so often that it may take long.
   */
  change(
    values: Float64Array,
    { isCounter, perSecond }: { readonly isCounter: boolean; readonly perSecond: boolean },
  ): number {
    const seconds = perSecond ? this.#rangeMs / 1000 : 0;
    if (this.#plannedSeconds !== seconds) {
      this.#planAt = this.#plan.reserve(this.#kernels.call("ratePlanSize", this.#count));
      this.#ratePlan(this.#windows, this.#rangeMs, seconds, this.#planAt);
      this.#plannedSeconds = seconds;
    }
    const samples = this.#place(values);
    return isCounter
      ? this.#rateOfCounter(this.#windows, samples, seconds, this.#planAt)
      : this.#rateOfGauge(this.#windows, samples, this.#planAt);
  }

  /** The change between each window's last two samples; of a counter per second, and from 0 where it fell. */
  lastChange(values: Float64Array, { isCounter }: { readonly isCounter: boolean }): number {
    return this.#rateOfLastTwo(this.#windows, this.#place(values), isCounter ? 1 : 0);
  }

  /** With what rounding loses made up for. */
  sum(values: Float64Array): number {
    return this.#sum(this.#windows, this.#place(values), 0);
  }

  /** As `sum`; right also where the sum would be too large to be a number. */
  average(values: Float64Array): number {
    return this.#sum(this.#windows, this.#place(values), 1);
  }

  /** The least or greatest sample, a NaN only where there is nothing else; of several such the last one's time. */
  extreme(values: Float64Array, which: "min" | "max", give: SampleAspect): number {
    const isMax = which === "max" ? 1 : 0;
    return this.#extreme(this.#windows, this.#place(values), isMax, give === "timestamp" ? 1 : 0);
  }

  /** The first sample of each window. */
  earliest(values: Float64Array, give: SampleAspect): number {
    return give === "value"
      ? this.#earliest(this.#windows, this.#place(values), 0)
      : this.#earliest(this.#windows, this.#times.pointer, 1);
  }

  /** The last sample of each window; nothing where that is marked in `stale`, which has a byte a sample. */
  latest(values: Float64Array, give: SampleAspect, stale: Uint8Array | null = null): number {
    const marks = stale === null ? 0 : this.#stale.place(stale.subarray(0, this.#length));
    return give === "value"
      ? this.#latest(this.#windows, this.#place(values), 0, marks)
      : this.#latest(this.#windows, this.#times.pointer, 1, marks);
  }

  /** How many samples each window has. */
  count(): number {
    return this.#countSamples(this.#windows);
  }

  /** The variance, or its root, of each window as a whole population. */
  variance(values: Float64Array, give: "variance" | "deviation"): number {
    return this.#variance(this.#windows, this.#place(values), give === "deviation" ? 1 : 0);
  }

  /** How often the value changes within each window, or how often it falls. From NaN to NaN is no change. */
  changes(values: Float64Array, which: "any" | "down"): number {
    return this.#changes(this.#windows, this.#place(values), which === "down" ? 1 : 0);
  }

  /** Gives its memory back. No call may follow. */
  [Symbol.dispose](): void {
    this.#kernels.release(this.#windows, this.#size);
    for (const column of [this.#times, this.#nextTimes, this.#samples]) column.release();
    for (const block of [this.#stale, this.#scratch, this.#plan]) block.release();
  }

  #place(values: Float64Array): number {
    if (values.buffer === this.#kernels.buffer) return values.byteOffset;
    return this.#samples.copy(values, this.#length);
  }
}

/** A column of f64s in the kernels' memory that grows. */
class Column {
  readonly #kernels: Kernels;
  #view: Float64Array = new Float64Array(0);
  pointer = 0;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  /** Copies the first `length`; what was there is gone. Answers the address. @throws OperatingError `memory.full`. */
  copy(from: Float64Array, length: number): number {
    if (this.#view.length < length) {
      this.release();
      const capacity = Math.max(COLUMN_MIN, 2 ** Math.ceil(Math.log2(length)));
      this.pointer = this.#kernels.allocate(capacity * 8);
      this.#view = new Float64Array(this.#kernels.buffer, this.pointer, capacity);
    }
    this.#view.set(from.length === length ? from : from.subarray(0, length));
    return this.pointer;
  }

  release(): void {
    if (this.#view.length > 0) this.#kernels.release(this.pointer, this.#view.byteLength);
    this.#view = new Float64Array(0);
  }
}
