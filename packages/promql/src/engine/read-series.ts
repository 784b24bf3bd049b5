import type { SeriesColumns } from "@pharos/ports";
import type { VectorSelector } from "../syntax/ast.ts";
import type { QueryContext } from "./query-context.ts";
import { type Grid, gridEndMs } from "./step-series.ts";

/** Which samples of a selector are needed: those in (`afterMs`, `maxMs`]. */
export interface NeededSamples {
  readonly afterMs: number;
  readonly maxMs: number;
  /** Whether when their counters began, too. */
  readonly starts?: boolean;
}

/**
 * Shows the selector's series with the samples needed; also one at `afterMs` may be among them. Counts what is read,
 * takes turns with others, and keeps nothing.
 */
export async function readSeries(
  context: QueryContext,
  selector: VectorSelector,
  { afterMs, maxMs, starts = false }: NeededSamples,
  show: (columns: SeriesColumns) => Promise<void> | undefined | void,
): Promise<void> {
  const selection = context.store.select({ minMs: afterMs, maxMs }, selector.matchers, {
    // The limit is on what a query holds at once, not on what passes through it.
    samplesMax: Number.POSITIVE_INFINITY,
    signal: context.signal,
    warn: (warning) => context.annotations.incomplete(warning),
    histograms: true,
    starts,
  });
  for await (const columns of selection) {
    const length = columns.timestampsMs.length + (columns.histograms?.timestampsMs.length ?? 0);
    context.countSeries(length);
    context.hold(length);
    const busy = show(columns);
    if (busy !== undefined) await busy;
    context.release(length);
    if (context.tick()) await context.pause();
  }
}

/** The first and last times that a vector selector looks at on a grid, before lookback. */
export function shiftedRange(
  context: QueryContext,
  selector: VectorSelector,
  grid: Grid,
): { firstMs: number; lastMs: number } {
  return {
    firstMs: context.shiftedMs(selector, grid.startMs),
    lastMs: context.shiftedMs(selector, gridEndMs(grid)),
  };
}
