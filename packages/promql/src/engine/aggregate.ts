import {
  type Labels,
  labelValue,
  METRIC_NAME,
  NO_LABELS,
  onlyLabels,
  withoutLabels,
} from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import type { Aggregation } from "../syntax/ast.ts";
import { KernelGroups } from "./aggregate-columns.ts";
import { type Group, type Kernel, kernelOf, openGroup } from "./aggregate-kernels.ts";
import type { Annotations } from "./annotations.ts";
import { GroupIndex } from "./group-index.ts";
import { HistogramAccumulator } from "./histogram/accumulator.ts";
import { compactHistogram } from "./histogram/arithmetic.ts";
import {
  FLOAT,
  HISTOGRAM,
  hasSamples,
  histogramAt,
  isMetadataLabel,
  NONE,
  putHistogram,
  type StepSeries,
} from "./step-series.ts";
import { type Breaks, eachInTurns } from "./turns.ts";

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

export interface AccumulatorOptions {
  /** How many steps there are. */
  readonly count: number;
  readonly annotations: Annotations;
  /** Where groups of floats are added up in WebAssembly, if anywhere. */
  readonly kernels: Kernels | undefined;
}

/**
 * Aggregates series as they come, without keeping them: for sum, avg, min, max, count, group, stddev and stdvar.
 */
export class Accumulator implements Disposable {
  readonly #aggregation: Aggregation;
  readonly #grouping: Grouping;
  readonly #count: number;
  readonly #annotations: Annotations;
  readonly #groups: GroupIndex<Group>;
  readonly #kernel: Kernel;
  /** Groups whose columns are in the kernels' memory. */
  readonly #kernelGroups: KernelGroups | undefined;

  /** Undefined for an aggregation that must see all series at once. */
  static create(aggregation: Aggregation, options: AccumulatorOptions): Accumulator | undefined {
    const kernel = kernelOf(aggregation.op);
    return kernel && new Accumulator(aggregation, options, kernel);
  }

  private constructor(
    aggregation: Aggregation,
    { count, annotations, kernels }: AccumulatorOptions,
    kernel: Kernel,
  ) {
    this.#aggregation = aggregation;
    this.#grouping = groupingOf(aggregation);
    this.#count = count;
    this.#annotations = annotations;
    this.#groups = new GroupIndex(aggregation);
    this.#kernel = kernel;
    this.#kernelGroups = kernels && KernelGroups.open(kernels, aggregation.op, count);
  }

  get groupCount(): number {
    return this.#groups.groups.length;
  }

  /** Takes one more series; does not keep its columns. */
  add(series: StepSeries): void {
    const { labels, dropName, values, present } = series;
    const group = this.#groups.of(labels, () => this.#open(labels));
    if (dropName && group.dropSteps !== null) markSteps(group.dropSteps, present);
    if (this.#kernelGroups?.add(group, series) !== true) this.#kernel.add(group, values, present);
    if (series.histograms !== undefined && present.includes(HISTOGRAM))
      this.#addHistograms(group, series);
  }

  async finish(context: Breaks): Promise<StepSeries[]> {
    const results: StepSeries[] = [];
    await eachInTurns(this.#groups.groups, context, (each) => {
      const group = this.#kernelGroups?.take(each) ?? each;
      const { out, dropSteps } = group;
      this.#kernel.finish(group);
      this.#finishHistograms(group);
      if (dropSteps !== null) results.push(...splitAt(out, dropSteps));
      else if (hasSamples(out)) results.push(out);
    });
    return results;
  }

  /** Gives the groups' memory back. Results that were made before stay. */
  [Symbol.dispose](): void {
    this.#kernelGroups?.[Symbol.dispose]();
  }

  #open(labels: Labels): Group {
    const groupLabels = this.#grouping(labels);
    const open = (): Group => openGroup(this.#kernel, groupLabels, this.#count);
    return this.#kernelGroups?.openGroup(groupLabels) ?? open();
  }

  #addHistograms(group: Group, series: StepSeries): void {
    const { op, expr } = this.#aggregation;
    const { histograms } = this.#kernel;
    if (histograms === "counted") return;
    if (histograms === "ignored") {
      this.#annotations.histogramIgnored(op, expr.span);
      return;
    }
    group.histograms ??= Array(this.#count).fill(undefined);
    for (let i = 0; i < this.#count; i++) {
      if (series.present[i] !== HISTOGRAM) continue;
      const added = group.histograms[i] ?? new HistogramAccumulator(histograms);
      group.histograms[i] = added;
      if (added.isIncompatible) continue;
      added.add(histogramAt(series, i));
      if (added.isIncompatible)
        this.#annotations.mixedSchemas(labelValue(series.labels, METRIC_NAME), expr.span);
    }
  }

  /** Where a group has floats and histograms at a step, it has no result there. */
  #finishHistograms({ out, histograms }: Group): void {
    if (histograms === null) return;
    const { span } = this.#aggregation.expr;
    for (const [step, added] of histograms.entries()) {
      if (added === undefined) continue;
      if (out.present[step] === FLOAT) {
        this.#annotations.mixedAggregation(span);
        out.present[step] = NONE;
        continue;
      }
      const result = added.result();
      if (result === undefined) continue;
      if (added.counterResetCollision) this.#annotations.counterResetCollision("aggregation", span);
      if (added.nhcbBoundsReconciled) this.#annotations.customBoundsReconciled("aggregation", span);
      putHistogram(out, step, compactHistogram(result));
    }
  }
}

/**
 * A group by `__name__` loses its name at those steps where any of its members does. Where that differs from step to
 * step, the group becomes two series.
 */
export function splitByName(out: StepSeries, members: readonly StepSeries[]): StepSeries[] {
  if (!members.some(({ dropName }) => dropName)) return [out].filter(hasSamples);
  const dropSteps = new Uint8Array(out.present.length);
  for (const { dropName, present } of members) if (dropName) markSteps(dropSteps, present);
  return splitAt(out, dropSteps);
}

function splitAt(out: StepSeries, dropSteps: Uint8Array): StepSeries[] {
  if (!out.labels.some(([name]) => isMetadataLabel(name))) return [out].filter(hasSamples);
  const dropped: StepSeries = {
    labels: out.labels,
    dropName: true,
    values: out.values.slice(),
    present: out.present.slice(),
    histograms: out.histograms?.slice(),
  };
  for (let i = 0; i < dropSteps.length; i++) (dropSteps[i] === 1 ? out : dropped).present[i] = NONE;
  return [out, dropped].filter(hasSamples);
}

function markSteps(steps: Uint8Array, present: Uint8Array): void {
  for (let i = 0; i < present.length; i++) if (present[i] !== NONE) steps[i] = 1;
}
