import type { Sink } from "./evaluator.ts";
import type { QueryContext } from "./query-context.ts";
import { ColumnCopier, type Grid, type StepSeries } from "./step-series.ts";

/** Keeps copies of the series that a stream gives. */
export class Collector {
  readonly series: StepSeries[] = [];
  readonly #count: number;
  readonly #hold: (samples: number, series: number) => void;
  #copier: ColumnCopier;

  /** `hold` is told how many samples and series are kept more, or, negative, less. */
  constructor({ count }: Grid, hold: (samples: number, series: number) => void) {
    this.#count = count;
    this.#hold = hold;
    this.#copier = new ColumnCopier(count);
  }

  readonly sink = (series: StepSeries): void => {
    this.#hold(this.#count, 1);
    this.series.push(this.#copier.copy(series));
  };

  /** Forgets them all. */
  clear(): void {
    this.#hold(-this.#count * this.series.length, -this.series.length);
    this.series.length = 0;
    this.#copier = new ColumnCopier(this.#count);
  }
}

/** Runs a stream and keeps a copy of all it gives. */
export async function collect(
  grid: Grid,
  context: QueryContext,
  stream: (sink: Sink) => Promise<void>,
): Promise<StepSeries[]> {
  const { series, sink } = new Collector(grid, (samples, one) => context.hold(samples, one));
  await stream(sink);
  return series;
}
