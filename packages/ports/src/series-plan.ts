import type { Labels, Matcher } from "@pharos/base";

/** How samples of a window become one value, as PromQL's functions of these names do. */
export const PLAN_FUNCTIONS = [
  "avg_over_time",
  "count_over_time",
  "delta",
  "first_over_time",
  "idelta",
  "increase",
  "irate",
  "last_over_time",
  "max_over_time",
  "min_over_time",
  "present_over_time",
  "rate",
  "stddev_over_time",
  "stdvar_over_time",
  "sum_over_time",
] as const;

export type PlanFunction = (typeof PLAN_FUNCTIONS)[number];

/** How series of a group become one. */
export const PLAN_AGGREGATIONS = ["avg", "count", "group", "max", "min", "sum"] as const;

export type PlanAggregation = (typeof PLAN_AGGREGATIONS)[number];

/**
 * A part of a query that a store may compute where its samples are: groups of the values that a function, or the last
 * sample, gives for each series at some times. Plain data. All of it means what PromQL says.
 */
export interface SeriesPlan {
  readonly matchers: readonly Matcher[];
  /** Where the series are looked at: at `firstMs`, `firstMs + stepMs`, … `count` of them. Unix epoch, ms. */
  readonly firstMs: number;
  /** 0 where all look at the same time. */
  readonly stepMs: number;
  readonly count: number;
  /** Of the samples in the `rangeMs` before each time, that included and the beginning not. */
  readonly func?: PlanFunction | undefined;
  /** How far back each time looks: the range of the function, or how old the last sample may be. */
  readonly rangeMs: number;
  /** Absent where the series stay apart. */
  readonly aggregation?:
    | {
        readonly op: PlanAggregation;
        /** Whether the groups have all labels but those, or those alone. */
        readonly without: boolean;
        readonly grouping: readonly string[];
      }
    | undefined;
}

/** One series of what a store computed; its columns hold until the next one is asked for. */
export interface PlanSeries {
  /** Of a group its own; else all of the series, its metric name included. */
  readonly labels: Labels;
  /** One for each time; without meaning where `present` is 0. */
  readonly values: Float64Array;
  /** 1 where there is a value. */
  readonly present: Uint8Array;
  /** How many samples it was computed from, as far as the store knows. */
  readonly samplesRead?: number;
}

export interface PlanOptions {
  readonly signal: AbortSignal;
  /** As in `SelectOptions`. */
  readonly warn?: (warning: string) => void;
}

/** A store that computes parts of queries. */
export interface PlanEvaluator {
  /**
   * The series of a plan, in any order, each once, without those that have no value. Nothing is computed before they are
   * asked for.
   *
   * @returns undefined for a plan that the store does not compute: the engine asks for less of it, or for the samples.
   * One of series with native histograms is such a plan.
   * @throws OperatingError of the store, or the signal's reason, while the series are read.
   */
  evaluate(plan: SeriesPlan, options: PlanOptions): AsyncIterable<PlanSeries> | undefined;
}
