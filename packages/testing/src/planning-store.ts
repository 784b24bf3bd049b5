import { type Labels, labelsKey, type Matcher, METRIC_NAME } from "@pharos/base";
import type {
  PlanAggregation,
  PlanEvaluator,
  PlanFunction,
  PlanOptions,
  PlanSeries,
  SelectOptions,
  SeriesColumns,
  SeriesPlan,
  SeriesReader,
  TimeRange,
} from "@pharos/ports";

/**
 * A store that computes the plans it takes, one sample at a time: the model that others are compared with. Of functions
 * it knows those that need no more than the values of a window.
 */
export class PlanningStore implements PlanEvaluator, Pick<SeriesReader, "select"> {
  /** What was asked for and taken, and how many samples were given away. */
  readonly taken: SeriesPlan[] = [];
  samplesGiven = 0;
  readonly #samples: Pick<SeriesReader, "select">;
  readonly #takes: (plan: SeriesPlan) => boolean;

  constructor(samples: Pick<SeriesReader, "select">, takes: (plan: SeriesPlan) => boolean) {
    this.#samples = samples;
    this.#takes = takes;
  }

  async *select(
    range: TimeRange,
    matchers: readonly Matcher[],
    options: SelectOptions,
  ): AsyncGenerator<SeriesColumns, void, undefined> {
    for await (const columns of this.#samples.select(range, matchers, options)) {
      this.samplesGiven += columns.timestampsMs.length;
      yield columns;
    }
  }

  evaluate(plan: SeriesPlan, options: PlanOptions): AsyncIterable<PlanSeries> | undefined {
    const isKnown = plan.func === undefined || plan.func in FUNCTIONS;
    if (!isKnown || !this.#takes(plan)) return undefined;
    return this.#compute(plan, options);
  }

  async *#compute(plan: SeriesPlan, options: PlanOptions): AsyncGenerator<PlanSeries> {
    this.taken.push(plan);
    const { firstMs, stepMs, count, rangeMs, aggregation } = plan;
    const range = { minMs: firstMs - rangeMs + 1, maxMs: firstMs + stepMs * (count - 1) };
    const limits = { samplesMax: Number.POSITIVE_INFINITY, signal: options.signal };
    const groups = new Map<string, { labels: Labels; steps: number[][] }>();
    for await (const columns of this.#samples.select(range, plan.matchers, limits)) {
      const series = valuesOf(columns, plan);
      if (aggregation === undefined) {
        if (series.present.includes(1)) yield { labels: columns.labels, ...series };
        continue;
      }
      const labels = columns.labels.filter(([name]) =>
        aggregation.without
          ? name !== METRIC_NAME && !aggregation.grouping.includes(name)
          : aggregation.grouping.includes(name),
      );
      const group = groups.getOrInsertComputed(labelsKey(labels), () => ({
        labels,
        steps: Array.from({ length: count }, () => []),
      }));
      for (let step = 0; step < count; step++)
        if (series.present[step] === 1) group.steps[step]?.push(series.values[step] as number);
    }
    if (aggregation === undefined) return;
    for (const { labels, steps } of groups.values()) {
      const present = Uint8Array.from(steps, (list) => (list.length > 0 ? 1 : 0));
      if (!present.includes(1)) continue;
      const values = Float64Array.from(steps, (list) => AGGREGATIONS[aggregation.op](list));
      yield { labels, values, present };
    }
  }
}

function valuesOf(
  { timestampsMs, values, stale }: SeriesColumns,
  { firstMs, stepMs, count, rangeMs, func }: SeriesPlan,
): { values: Float64Array; present: Uint8Array } {
  const out = { values: new Float64Array(count), present: new Uint8Array(count) };
  for (let step = 0; step < count; step++) {
    const endMs = firstMs + step * stepMs;
    const window: number[] = [];
    let isStale = false;
    for (let i = 0; i < timestampsMs.length; i++) {
      const timeMs = timestampsMs[i] as number;
      if (timeMs <= endMs - rangeMs || timeMs > endMs) continue;
      isStale = stale?.[i] === 1;
      if (!isStale) window.push(values[i] as number);
    }
    // A function of a range looks past markers; a series that ended has no value.
    if (window.length === 0 || (func === undefined && isStale)) continue;
    const compute = func === undefined ? undefined : FUNCTIONS[func];
    out.values[step] = compute === undefined ? (window.at(-1) as number) : compute(window);
    out.present[step] = 1;
  }
  return out;
}

const sum = (list: readonly number[]): number => list.reduce((total, one) => total + one, 0);

const FUNCTIONS: Partial<Readonly<Record<PlanFunction, (window: readonly number[]) => number>>> = {
  avg_over_time: (window) => sum(window) / window.length,
  count_over_time: (window) => window.length,
  first_over_time: (window) => window[0] as number,
  last_over_time: (window) => window.at(-1) as number,
  max_over_time: (window) => Math.max(...window),
  min_over_time: (window) => Math.min(...window),
  present_over_time: () => 1,
  sum_over_time: sum,
};

const AGGREGATIONS: Readonly<Record<PlanAggregation, (list: readonly number[]) => number>> = {
  avg: (list) => sum(list) / list.length,
  count: (list) => list.length,
  group: () => 1,
  max: (list) => Math.max(...list),
  min: (list) => Math.min(...list),
  sum,
};
