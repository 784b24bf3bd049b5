import type { NativeHistogram } from "@pharos/base";
import type { Sink } from "./evaluator.ts";
import { FLOAT, type Grid, HISTOGRAM, histogramAt, type StepSeries } from "./step-series.ts";

/** Bytes of a histogram without its spans, buckets and bounds, and of the time beside it. */
const HISTOGRAM_SIZE = 168 + 8;
/** Bytes of a float with its time. */
const SAMPLE_SIZE = 16;

/** As how many floats a histogram counts: by its size, as Prometheus reckons it. */
export function samplesOfHistogram(histogram: NativeHistogram): number {
  const { positiveSpans, negativeSpans, positiveCounts, negativeCounts, customBounds } = histogram;
  const parts =
    positiveSpans.length +
    negativeSpans.length +
    positiveCounts.length +
    negativeCounts.length +
    customBounds.length;
  return Math.floor((HISTOGRAM_SIZE + 8 * parts) / SAMPLE_SIZE);
}

/**
 * How many samples each step of a query looks at, as Prometheus counts them: those that selectors find and those in the
 * windows of range functions, however often they were read for that; of a subquery its points, not what these were
 * computed from.
 */
export class SampleCounts {
  readonly #byGrid = new Map<Grid, Float64Array>();

  constructor(grid: Grid) {
    this.#byGrid.set(grid, new Float64Array(grid.count));
  }

  /** The counts of a grid's steps, to be added to; undefined for a grid that does not count. */
  of(grid: Grid): Float64Array | undefined {
    return this.#byGrid.get(grid);
  }

  /** A sink that notes what a selector gives on a grid, and hands it on. */
  counting(grid: Grid, sink: Sink): Sink {
    const counts = this.#byGrid.get(grid);
    if (counts === undefined) return sink;
    return (series) => {
      addSteps(counts, series);
      return sink(series);
    };
  }

  /** Lets the steps of `inner` count for each step of `grid`, if that counts, in what `work` evaluates. */
  async within<T>(inner: Grid, grid: Grid, work: () => Promise<T>): Promise<T> {
    const counts = this.#byGrid.get(grid);
    if (counts === undefined) return work();
    const innerCounts = new Float64Array(inner.count);
    this.#byGrid.set(inner, innerCounts);
    const result = await work();
    this.#byGrid.delete(inner);
    const total = innerCounts.reduce((sum, one) => sum + one, 0);
    for (let i = 0; i < counts.length; i++) counts[i] = (counts[i] as number) + total;
    return result;
  }
}

function addSteps(counts: Float64Array, series: StepSeries): void {
  const { present } = series;
  for (let i = 0; i < counts.length; i++)
    if (present[i] === FLOAT) counts[i] = (counts[i] as number) + 1;
    else if (present[i] === HISTOGRAM)
      counts[i] = (counts[i] as number) + samplesOfHistogram(histogramAt(series, i));
}
