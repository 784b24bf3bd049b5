import type { Sink } from "./evaluator.ts";
import type { QueryContext } from "./query-context.ts";
import { ColumnCopier, type Grid, type StepSeries } from "./step-series.ts";

/** Keeps copies of the series that a stream gives. */
export class Collector {
  readonly series: StepSeries[] = [];
  readonly #count: number;
  readonly #context: QueryContext;
  #copier: ColumnCopier;

  constructor({ count }: Grid, context: QueryContext) {
    this.#count = count;
    this.#context = context;
    this.#copier = new ColumnCopier(count);
  }

  readonly sink = (series: StepSeries): void => {
    this.#context.hold(this.#count);
    this.series.push(this.#copier.copy(series));
  };

  /** Forgets them all. */
  clear(): void {
    this.#context.release(this.#count * this.series.length);
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
  const { series, sink } = new Collector(grid, context);
  await stream(sink);
  return series;
}
