import { assert, type Labels } from "@pharos/base";
import type { Expr, MatrixSelector } from "../../syntax/ast.ts";
import { type RangeArgument, shiftOf } from "../call-arguments.ts";
import type { Evaluator } from "../evaluator.ts";
import { unwrapParens } from "../expr-properties.ts";
import type { QueryContext } from "../query-context.ts";
import { createScratch, withoutStale } from "../raw-samples.ts";
import { type Reading, readSeries, shiftedRange } from "../read-series.ts";
import type { HistogramRun, SampleRun } from "../result.ts";
import type { Grid } from "../step-series.ts";
import {
  createWindows,
  moveWindows,
  type RawHistograms,
  type RawSamples,
  sameWindows,
  type Windows,
} from "../windows.ts";
import { streamSubquery } from "./subquery-stream.ts";
import { WindowCounts } from "./window-counts.ts";

/**
 * Takes one series of a range vector; its samples are overwritten when the next one comes. That waits for the promise, if
 * there is one.
 */
export type RawSink = (
  labels: Labels,
  dropName: boolean,
  raw: RawSamples,
) => Promise<void> | undefined | void;

/** What is wanted of a range vector beside the samples in its windows. */
export interface RangeWishes {
  /** Samples so far before a window's start and behind its end. */
  readonly beforeMs: number;
  readonly afterMs: number;
  /** When counters began. */
  readonly starts: boolean;
}

const NO_WISHES: RangeWishes = { beforeMs: 0, afterMs: 0, starts: false };

/** Gives, one by one, the series of a range vector with the samples that any step's window may need. */
export async function streamRange(
  range: RangeArgument,
  grid: Grid,
  evaluator: Evaluator,
  wishes: RangeWishes,
  sink: RawSink,
): Promise<void> {
  const { context } = evaluator;
  if (range.kind === "matrix")
    return readSeries(context, [openMatrixSelector(range, grid, context, wishes, sink)]);
  return streamSubquery(range, grid, evaluator, sink);
}

/** What `streamRange` does with the series that it reads for a matrix selector. */
export function openMatrixSelector(
  { selector, rangeMs }: MatrixSelector,
  grid: Grid,
  context: QueryContext,
  { beforeMs, afterMs, starts }: RangeWishes,
  sink: RawSink,
): Reading {
  const scratch = createScratch();
  const { firstMs, lastMs } = shiftedRange(context, selector, grid);
  return {
    selector,
    needed: { afterMs: firstMs - rangeMs - beforeMs, maxMs: lastMs + afterMs, starts },
    take: (columns) => sink(columns.labels, false, withoutStale(columns, scratch)),
  };
}

/** A range vector at the one time of `grid`, as an instant query of it answers: copies of the samples. */
export async function evaluateMatrix(
  expr: Expr,
  grid: Grid,
  evaluator: Evaluator,
): Promise<SampleRun[]> {
  const { context } = evaluator;
  const range = unwrapParens(expr);
  assert(range.kind === "matrix" || range.kind === "subquery", "a range vector");
  const endMs = context.shiftedMs(shiftOf(range), grid.startMs);
  const windows = createWindows(1, range.rangeMs, endMs, 0);
  const counts = context.sampleCounts?.of(grid);
  const windowCounts = counts && new WindowCounts(windows, counts);
  const histogramWindows = sameWindows(windows);
  const runs: SampleRun[] = [];
  await streamRange(range, grid, evaluator, NO_WISHES, (labels, dropName, raw) => {
    windowCounts?.add(raw);
    moveWindows(windows, raw);
    const from = windows.from[0] as number;
    const to = windows.to[0] as number;
    const histograms = raw.histograms && histogramsIn(raw.histograms, histogramWindows);
    const count = to - from + (histograms?.length ?? 0);
    if (count === 0) return;
    context.hold(count, 1);
    runs.push({
      labels,
      dropName,
      timestampsMs: raw.timestampsMs.slice(from, to),
      values: raw.values.slice(from, to),
      ...(histograms && { histograms }),
    });
  });
  return runs;
}

/** The histograms of the first window. */
function histogramsIn(raw: RawHistograms, windows: Windows): HistogramRun[] {
  moveWindows(windows, raw);
  const [from = 0] = windows.from;
  return raw.histograms.slice(from, windows.to[0]).map((histogram, i) => ({
    timestampMs: raw.timestampsMs[from + i] as number,
    histogram,
  }));
}
