import { assert, type Labels } from "@pharos/base";
import type { AggregationOp } from "../syntax/ast.ts";
import type { HistogramAccumulator } from "./histogram/accumulator.ts";
import { emptySeries, FLOAT, isMetadataLabel, NONE, type StepSeries } from "./step-series.ts";

/** What the samples of one group add up to so far, one place a step. */
export interface Group {
  readonly out: StepSeries;
  /** What `out.values` lost to rounding; empty where nothing is summed. */
  readonly lost: Float64Array;
  /** Samples seen; like what follows empty where no mean is needed. */
  readonly counts: Float64Array;
  readonly means: Float64Array;
  readonly meansLost: Float64Array;
  /** 1 where the sum would have overflowed, so that `means` goes on in its place (avg). */
  readonly overflowed: Uint8Array;
  /** Steps at which a series was seen whose metric name goes; null where the group has no name, type or unit. */
  dropSteps: Uint8Array | null;
  /** Where histograms are added up, by step; null until there is one. */
  histograms: (HistogramAccumulator | undefined)[] | null;
}

/** Takes the floats of one more series; `counted` kernels take histograms like them. */
type Add = (group: Group, values: Float64Array, present: Uint8Array) => void;
/** Makes the result of what was added. */
type Finish = (group: Group) => void;

const NOTHING = new Float64Array(0);
const NO_FINISH: Finish = () => {};

/** How one aggregation adds up. */
export interface Kernel {
  readonly lost: boolean;
  readonly means: boolean;
  /** What becomes of histograms: added up, counted like any sample, or left out with a message. */
  readonly histograms: "sum" | "average" | "counted" | "ignored";
  readonly add: Add;
  readonly finish: Finish;
}

const KERNELS: ReadonlyMap<AggregationOp, Kernel> = new Map<AggregationOp, Kernel>([
  ["sum", { lost: true, means: false, histograms: "sum", add: addSum, finish: finishSum }],
  [
    "avg",
    { lost: true, means: true, histograms: "average", add: addAverage, finish: finishAverage },
  ],
  ["min", { lost: false, means: false, histograms: "ignored", add: addMin, finish: NO_FINISH }],
  ["max", { lost: false, means: false, histograms: "ignored", add: addMax, finish: NO_FINISH }],
  ["count", { lost: false, means: false, histograms: "counted", add: addCount, finish: NO_FINISH }],
  ["group", { lost: false, means: false, histograms: "counted", add: addGroup, finish: NO_FINISH }],
  [
    "stdvar",
    { lost: true, means: true, histograms: "ignored", add: addVariance, finish: finishVariance },
  ],
  [
    "stddev",
    {
      lost: true,
      means: true,
      histograms: "ignored",
      add: addVariance,
      finish(group) {
        finishVariance(group);
        const { values } = group.out;
        for (let i = 0; i < values.length; i++) values[i] = Math.sqrt(values[i] as number);
      },
    },
  ],
]);

/** Undefined for an aggregation that must see all series at once. */
export function kernelOf(op: AggregationOp): Kernel | undefined {
  return KERNELS.get(op);
}

export function openGroup({ lost, means }: Kernel, labels: Labels, count: number): Group {
  const places = (needed: boolean): Float64Array => (needed ? new Float64Array(count) : NOTHING);
  return {
    out: emptySeries(labels, false, count),
    counts: places(means),
    lost: places(lost),
    means: places(means),
    meansLost: places(means),
    overflowed: new Uint8Array(means ? count : 0),
    dropSteps: dropStepsOf(labels, count),
    histograms: null,
  };
}

/** Room for the steps at which a group loses its name, type and unit, where it has any. */
export function dropStepsOf(labels: Labels, count: number): Uint8Array | null {
  return labels.some(([name]) => isMetadataLabel(name)) ? new Uint8Array(count) : null;
}

function addSum({ out, lost }: Group, values: Float64Array, present: Uint8Array): void {
  const sums = out.values;
  for (let i = 0; i < present.length; i++) {
    if (present[i] !== FLOAT) continue;
    const value = values[i] as number;
    if (out.present[i] === NONE) {
      out.present[i] = FLOAT;
      sums[i] = value;
      continue;
    }
    const sum = sums[i] as number;
    const next = sum + value;
    if (Math.abs(next) === Number.POSITIVE_INFINITY) lost[i] = 0;
    else if (Math.abs(sum) >= Math.abs(value)) lost[i] = (lost[i] as number) + (sum - next + value);
    else lost[i] = (lost[i] as number) + (value - next + sum);
    sums[i] = next;
  }
}

function finishSum({ out, lost }: Group): void {
  for (let i = 0; i < lost.length; i++)
    out.values[i] = (out.values[i] as number) + (lost[i] as number);
}

/** Sums as long as that does not overflow, and goes on with the mean from there. */
function addAverage(
  { out, counts, lost, means, overflowed }: Group,
  values: Float64Array,
  present: Uint8Array,
): void {
  const sums = out.values;
  for (let i = 0; i < present.length; i++) {
    if (present[i] !== FLOAT) continue;
    const value = values[i] as number;
    const seen = (counts[i] as number) + 1;
    counts[i] = seen;
    if (seen === 1) {
      out.present[i] = FLOAT;
      sums[i] = value;
      continue;
    }
    if (overflowed[i] === 0) {
      const sum = sums[i] as number;
      const next = sum + value;
      if (Math.abs(next) !== Number.POSITIVE_INFINITY) {
        lost[i] =
          (lost[i] as number) +
          (Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum);
        sums[i] = next;
        continue;
      }
      overflowed[i] = 1;
      means[i] = sum / (seen - 1);
      lost[i] = (lost[i] as number) / (seen - 1);
    }
    const share = (seen - 1) / seen;
    const mean = share * (means[i] as number);
    const addend = value / seen;
    const next = mean + addend;
    lost[i] = share * (lost[i] as number);
    if (Math.abs(next) === Number.POSITIVE_INFINITY) lost[i] = 0;
    else
      lost[i] =
        (lost[i] as number) +
        (Math.abs(mean) >= Math.abs(addend) ? mean - next + addend : addend - next + mean);
    means[i] = next;
  }
}

function finishAverage({ out, counts, lost, means, overflowed }: Group): void {
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i] as number;
    out.values[i] =
      overflowed[i] === 1
        ? (means[i] as number) + (lost[i] as number)
        : (out.values[i] as number) / count + (lost[i] as number) / count;
  }
}

function addMin({ out }: Group, values: Float64Array, present: Uint8Array): void {
  for (let i = 0; i < present.length; i++) {
    if (present[i] !== FLOAT) continue;
    const value = values[i] as number;
    const best = out.values[i] as number;
    if (out.present[i] === NONE || best > value || Number.isNaN(best)) out.values[i] = value;
    out.present[i] = FLOAT;
  }
}

function addMax({ out }: Group, values: Float64Array, present: Uint8Array): void {
  for (let i = 0; i < present.length; i++) {
    if (present[i] !== FLOAT) continue;
    const value = values[i] as number;
    const best = out.values[i] as number;
    if (out.present[i] === NONE || best < value || Number.isNaN(best)) out.values[i] = value;
    out.present[i] = FLOAT;
  }
}

function addCount({ out }: Group, _: Float64Array, present: Uint8Array): void {
  for (let i = 0; i < present.length; i++) {
    if (present[i] === NONE) continue;
    out.present[i] = FLOAT;
    out.values[i] = (out.values[i] as number) + 1;
  }
}

function addGroup({ out }: Group, _: Float64Array, present: Uint8Array): void {
  for (let i = 0; i < present.length; i++) {
    if (present[i] === NONE) continue;
    out.present[i] = FLOAT;
    out.values[i] = 1;
  }
}

/** Welford's method with compensated sums; `out.values` and `lost` hold the sum of squares. */
function addVariance(
  { out, counts, lost, means, meansLost }: Group,
  values: Float64Array,
  present: Uint8Array,
): void {
  const squares = out.values;
  for (let i = 0; i < present.length; i++) {
    if (present[i] !== FLOAT) continue;
    const value = values[i] as number;
    const seen = (counts[i] as number) + 1;
    counts[i] = seen;
    out.present[i] = FLOAT;
    if (seen === 1) {
      means[i] = value;
      squares[i] = Number.isFinite(value) ? 0 : Number.NaN;
      continue;
    }
    const mean = means[i] as number;
    const delta = value - (mean + (meansLost[i] as number));
    const meanStep = delta / seen;
    const nextMean = mean + meanStep;
    if (Math.abs(nextMean) === Number.POSITIVE_INFINITY) meansLost[i] = 0;
    else
      meansLost[i] =
        (meansLost[i] as number) +
        (Math.abs(mean) >= Math.abs(meanStep)
          ? mean - nextMean + meanStep
          : meanStep - nextMean + mean);
    means[i] = nextMean;
    const square = delta * (value - (nextMean + (meansLost[i] as number)));
    const sum = squares[i] as number;
    const nextSum = sum + square;
    if (Math.abs(nextSum) === Number.POSITIVE_INFINITY) lost[i] = 0;
    else
      lost[i] =
        (lost[i] as number) +
        (Math.abs(sum) >= Math.abs(square) ? sum - nextSum + square : square - nextSum + sum);
    squares[i] = nextSum;
  }
}

function finishVariance({ out, counts, lost }: Group): void {
  for (let i = 0; i < counts.length; i++) {
    assert(counts[i] !== 0 || out.present[i] === NONE, "a present step has counted samples");
    out.values[i] = ((out.values[i] as number) + (lost[i] as number)) / (counts[i] as number);
  }
}
