import { assert, NO_LABELS } from "@pharos/base";
import type { Call } from "../../syntax/ast.ts";
import { valueTypeOf } from "../../syntax/value-type.ts";
import { absentWhere } from "../absent.ts";
import { argument, rangeArgument, shiftOf } from "../call-arguments.ts";
import type { Evaluator, Sink } from "../evaluator.ts";
import { addPresence } from "../instant-functions.ts";
import { createRangeKernel, keepsName, walksWindows } from "../range-functions.ts";
import { collect } from "../selector.ts";
import {
  emptySeries,
  FLOAT,
  type Grid,
  hasSamples,
  type StepSeries,
  timesOf,
} from "../step-series.ts";
import { createWindows } from "../windows.ts";
import { checkExtent, reachOf } from "./extent.ts";
import { KernelFunction } from "./kernel-function.ts";
import { createMixedFunction } from "./mixed-functions.ts";
import { RangeNotes } from "./range-notes.ts";
import { streamRange } from "./range-vector.ts";
import { SeriesWindows } from "./series-windows.ts";

/** Functions for which it matters when a counter began. */
const USES_STARTS = new Set(["increase", "irate", "rate", "resets"]);

/** Gives the series of a function of a range vector, one by one. */
export async function streamRangeFunction(
  call: Call,
  grid: Grid,
  evaluator: Evaluator,
  sink: Sink,
): Promise<void> {
  const { context } = evaluator;
  const { func } = call;
  const range = rangeArgument(call);
  assert(range !== undefined, () => `${func} has a range vector`);
  const extent = range.kind === "matrix" ? range.selector.extent : undefined;
  if (extent !== undefined) checkExtent(func, extent);
  const scalars: Float64Array[] = [];
  for (const arg of call.args)
    if (valueTypeOf(arg) === "scalar") scalars.push(await evaluator.scalar(arg, grid));
  const shift = shiftOf(range);
  const windows = createWindows(
    grid.count,
    range.rangeMs,
    context.shiftedMs(shift, grid.startMs),
    shift.at === undefined ? grid.stepMs : 0,
    reachOf(extent, context.lookbackMs),
  );
  const notes = new RangeNotes(context.annotations, argument(call, 0).span);
  using fast = KernelFunction.open(context.kernels, func, windows);
  const out: StepSeries = fast?.series() ?? emptySeries(NO_LABELS, false, grid.count);
  const series = new SeriesWindows({
    fast,
    kernel: createRangeKernel(func, { scalars, extent, notes }),
    mixed: createMixedFunction(func, extent, notes),
    walks: walksWindows(func) || extent !== undefined,
    windows,
    timesMs: timesOf(grid),
    out,
    context,
  });
  const isCounter = func === "rate" || func === "increase";
  const quantiles = func === "quantile_over_time" ? scalars[0] : undefined;
  await streamRange(
    range,
    grid,
    evaluator,
    { ...reachOf(extent, context.lookbackMs), starts: USES_STARTS.has(func) },
    (labels, dropName, raw) => {
      const give = (): void => {
        if (!hasSamples(out)) return;
        if (isCounter && out.present.includes(FLOAT)) notes.possibleNonCounter();
        if (quantiles !== undefined) warnOfQuantiles(quantiles, out.present, notes);
        sink({ ...out, labels, dropName: dropName || !keepsName(func) });
      };
      notes.about(labels);
      out.histograms = undefined;
      return series.compute(raw)?.then(give) ?? give();
    },
  );
}

function warnOfQuantiles(quantiles: Float64Array, present: Uint8Array, notes: RangeNotes): void {
  for (let i = 0; i < quantiles.length; i++) {
    const q = quantiles[i] as number;
    if (present[i] === FLOAT && !(q >= 0 && q <= 1)) notes.invalidQuantile(q);
  }
}

/** As `streamRangeFunction`, but keeps them all. */
export function collectRangeFunction(
  call: Call,
  grid: Grid,
  evaluator: Evaluator,
): Promise<StepSeries[]> {
  return collect(grid, evaluator.context, (sink) =>
    streamRangeFunction(call, grid, evaluator, sink),
  );
}

/** absent_over_time: 1 where no series has a sample in its window. */
export async function absentOverTime(
  call: Call,
  grid: Grid,
  evaluator: Evaluator,
): Promise<StepSeries[]> {
  const there = new Uint8Array(grid.count);
  await streamRangeFunction(call, grid, evaluator, (series) => addPresence(there, [series]));
  return absentWhere(there, argument(call, 0));
}
