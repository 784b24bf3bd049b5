import {
  assert,
  type Labels,
  labelsKey,
  METRIC_NAME,
  NO_LABELS,
  onlyLabels,
  withoutLabels,
} from "@pharos/base";
import type { Aggregation } from "../syntax/ast.ts";
import { emptySeries, hasSamples, isMetadataLabel, type StepSeries } from "./step-series.ts";

/** How an aggregation groups: `by` or `without` labels. */
export type Grouping = (labels: Labels) => Labels;

export function groupingOf({ without, grouping }: Aggregation): Grouping {
  if (without) {
    const removed = new Set([...grouping, METRIC_NAME]);
    return (labels) => withoutLabels(labels, removed);
  }
  if (grouping.length === 0) return () => NO_LABELS;
  const kept = new Set(grouping);
  return (labels) => onlyLabels(labels, kept);
}

/** What the samples of one group add up to so far, one place a step. */
interface Group {
  readonly out: StepSeries;
  /** What `out.values` lost to rounding; empty where nothing is summed. */
  readonly lost: Float64Array;
  /** Samples seen; like what follows empty where no mean is needed. */
  readonly counts: Float64Array;
  readonly means: Float64Array;
  readonly meansLost: Float64Array;
  /** 1 where the sum would have overflowed, so that `means` goes on in its place (avg). */
  readonly overflowed: Uint8Array;
  /** Steps at which a series was seen whose metric name goes; null until there is one. */
  dropSteps: Uint8Array | null;
}

type Add = (group: Group, values: Float64Array, present: Uint8Array) => void;
type Finish = (group: Group) => void;

const NOTHING = new Float64Array(0);
const NO_FINISH: Finish = () => {};

/**
 * Aggregates series as they come, without keeping them: for sum, avg, min, max, count, group, stddev and stdvar.
 */
export class Accumulator {
  readonly #grouping: Grouping;
  readonly #count: number;
  readonly #groups = new Map<string, Group>();
  readonly #add: Add;
  readonly #finish: Finish;
  readonly #needs: { lost: boolean; means: boolean };

  /** Undefined for an aggregation that must see all series at once. */
  static create(aggregation: Aggregation, count: number): Accumulator | undefined {
    const kernel = KERNELS.get(aggregation.op);
    return kernel && new Accumulator(groupingOf(aggregation), count, kernel);
  }

  private constructor(grouping: Grouping, count: number, kernel: Kernel) {
    this.#grouping = grouping;
    this.#count = count;
    this.#add = kernel.add;
    this.#finish = kernel.finish;
    this.#needs = kernel;
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  /** Takes one more series; does not keep its columns. */
  add({ labels, dropName, values, present }: StepSeries): void {
    const groupLabels = this.#grouping(labels);
    const group = this.#groups.getOrInsertComputed(labelsKey(groupLabels), () =>
      this.#open(groupLabels),
    );
    if (dropName) {
      group.dropSteps ??= new Uint8Array(this.#count);
      markSteps(group.dropSteps, present);
    }
    this.#add(group, values, present);
  }

  finish(): StepSeries[] {
    const results: StepSeries[] = [];
    for (const group of this.#groups.values()) {
      this.#finish(group);
      results.push(
        ...(group.dropSteps === null ? [group.out] : splitAt(group.out, group.dropSteps)),
      );
    }
    return results;
  }

  #open(labels: Labels): Group {
    const { lost, means } = this.#needs;
    const places = (needed: boolean): Float64Array =>
      needed ? new Float64Array(this.#count) : NOTHING;
    return {
      out: emptySeries(labels, false, this.#count),
      counts: places(means),
      lost: places(lost),
      means: places(means),
      meansLost: places(means),
      overflowed: new Uint8Array(means ? this.#count : 0),
      dropSteps: null,
    };
  }
}

/**
 * A group by `__name__` loses its name at those steps where any of its members does. Where that differs from step to
 * step, the group becomes two series.
 */
export function splitByName(out: StepSeries, members: readonly StepSeries[]): StepSeries[] {
  if (!members.some(({ dropName }) => dropName)) return [out];
  const dropSteps = new Uint8Array(out.present.length);
  for (const { dropName, present } of members) if (dropName) markSteps(dropSteps, present);
  return splitAt(out, dropSteps);
}

function splitAt(out: StepSeries, dropSteps: Uint8Array): StepSeries[] {
  if (!out.labels.some(([name]) => isMetadataLabel(name))) return [out];
  const dropped = { ...out, dropName: true, present: out.present.slice() };
  for (let i = 0; i < dropSteps.length; i++) (dropSteps[i] === 1 ? out : dropped).present[i] = 0;
  return [out, dropped].filter(hasSamples);
}

function markSteps(steps: Uint8Array, present: Uint8Array): void {
  for (let i = 0; i < present.length; i++) if (present[i] === 1) steps[i] = 1;
}

interface Kernel {
  readonly lost: boolean;
  readonly means: boolean;
  readonly add: Add;
  readonly finish: Finish;
}

const KERNELS: ReadonlyMap<string, Kernel> = new Map<string, Kernel>([
  ["sum", { lost: true, means: false, add: addSum, finish: finishSum }],
  ["avg", { lost: true, means: true, add: addAverage, finish: finishAverage }],
  ["min", { lost: false, means: false, add: addMin, finish: NO_FINISH }],
  ["max", { lost: false, means: false, add: addMax, finish: NO_FINISH }],
  ["count", { lost: false, means: false, add: addCount, finish: NO_FINISH }],
  ["group", { lost: false, means: false, add: addGroup, finish: NO_FINISH }],
  ["stdvar", { lost: true, means: true, add: addVariance, finish: finishVariance }],
  [
    "stddev",
    {
      lost: true,
      means: true,
      add: addVariance,
      finish(group) {
        finishVariance(group);
        const { values } = group.out;
        for (let i = 0; i < values.length; i++) values[i] = Math.sqrt(values[i] as number);
      },
    },
  ],
]);

function addSum({ out, lost }: Group, values: Float64Array, present: Uint8Array): void {
  const sums = out.values;
  for (let i = 0; i < present.length; i++) {
    if (present[i] === 0) continue;
    const value = values[i] as number;
    if (out.present[i] === 0) {
      out.present[i] = 1;
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
    if (present[i] === 0) continue;
    const value = values[i] as number;
    const seen = (counts[i] as number) + 1;
    counts[i] = seen;
    if (seen === 1) {
      out.present[i] = 1;
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
    if (present[i] === 0) continue;
    const value = values[i] as number;
    const best = out.values[i] as number;
    if (out.present[i] === 0 || best > value || Number.isNaN(best)) out.values[i] = value;
    out.present[i] = 1;
  }
}

function addMax({ out }: Group, values: Float64Array, present: Uint8Array): void {
  for (let i = 0; i < present.length; i++) {
    if (present[i] === 0) continue;
    const value = values[i] as number;
    const best = out.values[i] as number;
    if (out.present[i] === 0 || best < value || Number.isNaN(best)) out.values[i] = value;
    out.present[i] = 1;
  }
}

function addCount({ out }: Group, _: Float64Array, present: Uint8Array): void {
  for (let i = 0; i < present.length; i++) {
    if (present[i] === 0) continue;
    out.present[i] = 1;
    out.values[i] = (out.values[i] as number) + 1;
  }
}

function addGroup({ out }: Group, _: Float64Array, present: Uint8Array): void {
  for (let i = 0; i < present.length; i++) {
    if (present[i] === 0) continue;
    out.present[i] = 1;
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
    if (present[i] === 0) continue;
    const value = values[i] as number;
    const seen = (counts[i] as number) + 1;
    counts[i] = seen;
    out.present[i] = 1;
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
    assert(counts[i] !== 0 || out.present[i] === 0, "a present step has counted samples");
    out.values[i] = ((out.values[i] as number) + (lost[i] as number)) / (counts[i] as number);
  }
}
