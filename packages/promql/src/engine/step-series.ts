import {
  assert,
  type Labels,
  labelsKey,
  METRIC_NAME,
  type NativeHistogram,
  OperatingError,
  withoutLabels,
} from "@pharos/base";
import { type Breaks, eachInTurns } from "./turns.ts";

/** The times at which an expression is evaluated: `startMs`, `startMs + stepMs`, … `count` of them. */
export interface Grid {
  readonly startMs: number;
  /** Above 0, also where `count` is 1. */
  readonly stepMs: number;
  /** At least 1. */
  readonly count: number;
}

/** What a series has at a step, as `StepSeries.present` says it. */
export const NONE = 0;
export const FLOAT = 1;
export const HISTOGRAM = 2;

/**
 * The native histograms of a series, one place a step, with something only where `present` is `HISTOGRAM`. The
 * histograms themselves are never changed: whoever computes with one makes another.
 */
export type HistogramSteps = (NativeHistogram | undefined)[];

/**
 * What one series is at each step of a grid: a float, a native histogram, or nothing, and that may differ from step to
 * step. Whoever gets one from an operator owns its columns and may overwrite them.
 */
export interface StepSeries {
  readonly labels: Labels;
  /**
   * Whether the metric name goes when the query ends (and the metric's type and unit with it). Until then operators
   * still see it, so that `label_replace` can save it.
   */
  readonly dropName: boolean;
  /** One a step; without meaning where `present` is not `FLOAT`. */
  readonly values: Float64Array;
  /** One a step: `NONE` (0), `FLOAT` (1) or `HISTOGRAM` (2). */
  readonly present: Uint8Array;
  /** Absent from a series of floats; one that has it need not hold any histogram. */
  histograms?: HistogramSteps | undefined;
}

/** As how many floats a histogram counts by the time it takes to compute with it. */
export const HISTOGRAM_WORK = 100;

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

  copy({ labels, dropName, values, present, histograms }: StepSeries): StepSeries {
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
      histograms: histograms?.slice(),
    };
    copied.values.set(values);
    copied.present.set(present);
    return copied;
  }
}

/** A series with columns of its own. */
export function copySeries({ values, present, histograms, ...series }: StepSeries): StepSeries {
  return {
    ...series,
    values: values.slice(),
    present: present.slice(),
    histograms: histograms?.slice(),
  };
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

/** A series of one step as it is at every step of a longer grid. */
export function repeatFirst(series: StepSeries, count: number): StepSeries {
  const { labels, dropName, values, present, histograms } = series;
  const repeated = constantSeries(labels, dropName, values[0] as number, count);
  repeated.present.fill(present[0] as number);
  if (histograms?.[0] !== undefined) repeated.histograms = Array(count).fill(histograms[0]);
  return repeated;
}

/** As how many floats a series counts by the time it takes to compute with it. */
export function workOf({ present, histograms }: StepSeries): number {
  return present.length * (histograms === undefined ? 1 : HISTOGRAM_WORK);
}

/** Whether the series has a sample at any step, a float or a histogram. */
export function hasSamples({ present }: StepSeries): boolean {
  return hasAny(present);
}

export function hasAny(present: Uint8Array): boolean {
  for (let i = 0; i < present.length; i++) if (present[i] !== NONE) return true;
  return false;
}

/** The histogram at a step at which `present` is `HISTOGRAM`. */
export function histogramAt({ histograms }: StepSeries, step: number): NativeHistogram {
  const histogram = histograms?.[step];
  assert(histogram !== undefined, () => `a histogram at step ${step}`);
  return histogram;
}

/** Makes the sample at a step a histogram. */
export function putHistogram(series: StepSeries, step: number, histogram: NativeHistogram): void {
  series.histograms ??= Array(series.present.length).fill(undefined);
  series.histograms[step] = histogram;
  series.present[step] = HISTOGRAM;
}

/** The samples of a series that are floats; histograms are taken out, in place. */
export function onlyFloats(series: StepSeries): StepSeries {
  if (series.histograms === undefined) return series;
  const { present } = series;
  for (let i = 0; i < present.length; i++) if (present[i] === HISTOGRAM) present[i] = NONE;
  series.histograms = undefined;
  return series;
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
export async function mergeSameLabels(
  list: readonly StepSeries[],
  context: Breaks,
): Promise<StepSeries[]> {
  const merged = new Map<string, StepSeries>();
  await eachInTurns(list, context, (series) => {
    const key = (series.dropName ? "-" : "+") + labelsKey(series.labels);
    const first = merged.get(key);
    if (first === undefined) merged.set(key, series);
    else if (!mergeInto(first, series)) throw sameLabelset();
  });
  return merged.size === list.length ? [...list] : [...merged.values()];
}

/** Adds the samples of `from` to those of `into`; false, and half done, if both have one at the same step. */
export function mergeInto(into: StepSeries, from: StepSeries): boolean {
  for (let i = 0; i < from.present.length; i++) {
    if (from.present[i] === NONE) continue;
    if (into.present[i] !== NONE) return false;
    if (from.present[i] === HISTOGRAM) putHistogram(into, i, histogramAt(from, i));
    else {
      into.present[i] = FLOAT;
      into.values[i] = from.values[i] as number;
    }
  }
  return true;
}

export function sameLabelset(): OperatingError {
  return new OperatingError("query.failed", "vector cannot contain metrics with the same labelset");
}
