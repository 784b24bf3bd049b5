import { type Labels, labelsKey, METRIC_NAME, OperatingError, withoutLabels } from "@pharos/base";

/** The times at which an expression is evaluated: `startMs`, `startMs + stepMs`, … `count` of them. */
export interface Grid {
  readonly startMs: number;
  /** Above 0, also where `count` is 1. */
  readonly stepMs: number;
  /** At least 1. */
  readonly count: number;
}

/** What one series is at each step of a grid. Whoever gets one from an operator owns its columns and may overwrite them. */
export interface StepSeries {
  readonly labels: Labels;
  /**
   * Whether the metric name goes when the query ends (and the metric's type and unit with it). Until then operators
   * still see it, so that `label_replace` can save it.
   */
  readonly dropName: boolean;
  /** One a step; without meaning where `present` is 0. */
  readonly values: Float64Array;
  /** One a step: 1 where the series has a sample, else 0. */
  readonly present: Uint8Array;
}

/** How many samples a slab of columns holds: a quarter of a megabyte. */
const SLAB_SAMPLES = 32_768;

export function gridTimeMs(grid: Grid, step: number): number {
  return grid.startMs + step * grid.stepMs;
}

export function gridEndMs(grid: Grid): number {
  return gridTimeMs(grid, grid.count - 1);
}

export function timesOf(grid: Grid): Float64Array {
  const times = new Float64Array(grid.count);
  for (let i = 0; i < grid.count; i++) times[i] = gridTimeMs(grid, i);
  return times;
}

/** The first step of a grid as a grid of its own. */
export function firstStep(grid: Grid): Grid {
  return { startMs: grid.startMs, stepMs: grid.stepMs, count: 1 };
}

export function emptySeries(labels: Labels, dropName: boolean, count: number): StepSeries {
  return {
    labels,
    dropName,
    values: new Float64Array(count),
    present: new Uint8Array(count),
  };
}

/**
 * Makes copies of columns in slabs of many, since a typed array of its own costs more than to fill a short one. A slab
 * lives as long as any of its columns.
 */
export class ColumnCopier {
  readonly #count: number;
  /** Columns in the present slab: few at first, for queries of few series. */
  #perSlab = 4;
  #values = new Float64Array(0);
  #present = new Uint8Array(0);
  #used = 0;

  constructor(count: number) {
    this.#count = count;
    this.#used = this.#perSlab;
  }

  copy({ labels, dropName, values, present }: StepSeries): StepSeries {
    if (this.#used === this.#perSlab) {
      if (this.#perSlab * this.#count < SLAB_SAMPLES) this.#perSlab *= 2;
      this.#values = new Float64Array(this.#perSlab * this.#count);
      this.#present = new Uint8Array(this.#perSlab * this.#count);
      this.#used = 0;
    }
    const start = this.#used++ * this.#count;
    const end = start + this.#count;
    const copied = {
      labels,
      dropName,
      values: this.#values.subarray(start, end),
      present: this.#present.subarray(start, end),
    };
    copied.values.set(values);
    copied.present.set(present);
    return copied;
  }
}

export function constantSeries(
  labels: Labels,
  dropName: boolean,
  value: number,
  count: number,
): StepSeries {
  return {
    labels,
    dropName,
    values: new Float64Array(count).fill(value),
    present: new Uint8Array(count).fill(1),
  };
}

export function hasSamples(series: StepSeries): boolean {
  return series.present.includes(1);
}

/** What says what a metric is, and no longer holds once it was computed with: its name, type and unit. */
const METADATA_LABELS = new Set([METRIC_NAME, "__type__", "__unit__"]);

export function isMetadataLabel(name: string): boolean {
  return METADATA_LABELS.has(name);
}

export function withoutMetadata(labels: Labels): Labels {
  return withoutLabels(labels, METADATA_LABELS);
}

/** The labels a series has once the query has ended. */
export function finalLabels({ labels, dropName }: StepSeries): Labels {
  return dropName ? withoutMetadata(labels) : labels;
}

/**
 * Makes one series of those with the same labels, in the order of their first.
 *
 * @throws OperatingError `query.failed` where two of them have a sample at the same step.
 */
export function mergeSameLabels(list: readonly StepSeries[]): StepSeries[] {
  const merged = new Map<string, StepSeries>();
  for (const series of list) {
    const key = (series.dropName ? "-" : "+") + labelsKey(series.labels);
    const first = merged.get(key);
    if (first === undefined) merged.set(key, series);
    else if (!mergeInto(first, series)) throw sameLabelset();
  }
  return merged.size === list.length ? [...list] : [...merged.values()];
}

/** Adds the samples of `from` to those of `into`; false, and half done, if both have one at the same step. */
export function mergeInto(into: StepSeries, from: StepSeries): boolean {
  for (let i = 0; i < from.present.length; i++) {
    if (from.present[i] === 0) continue;
    if (into.present[i] === 1) return false;
    into.present[i] = 1;
    into.values[i] = from.values[i] as number;
  }
  return true;
}

export function sameLabelset(): OperatingError {
  return new OperatingError("query.failed", "vector cannot contain metrics with the same labelset");
}
