import type { Sink } from "./evaluator.ts";
import type { QueryContext } from "./query-context.ts";
import { ColumnCopier, type Grid, type StepSeries } from "./step-series.ts";

/** Keeps copies of the series that a stream gives. */
export class Collector {
  readonly series: StepSeries[] = [];
  readonly #copier: ColumnCopier;

  readonly sink: Sink;

  constructor({ count }: Grid, context: QueryContext) {
    this.#copier = new ColumnCopier(count);
    this.sink = (series) => {
      context.hold(count);
      this.series.push(this.#copier.copy(series));
    };
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
