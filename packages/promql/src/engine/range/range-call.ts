import { assert, labelValue, METRIC_NAME, NO_LABELS } from "@pharos/base";
import type { Call, Expr } from "../../syntax/ast.ts";
import { valueTypeOf } from "../../syntax/value-type.ts";
import { absentWhere } from "../absent.ts";
import { argument, rangeArgument, shiftOf } from "../call-arguments.ts";
import type { Evaluator, Sink } from "../evaluator.ts";
import { addPresence } from "../instant-functions.ts";
import type { QueryContext } from "../query-context.ts";
import { createRangeKernel, keepsName } from "../range-functions.ts";
import { collect } from "../selector.ts";
import {
  emptySeries,
  type Grid,
  hasSamples,
  NONE,
  type StepSeries,
  timesOf,
} from "../step-series.ts";
import { createWindows, moveWindows } from "../windows.ts";
import { streamRange } from "./range-vector.ts";

/** Gives the series of a function of a range vector, one by one. */
export async function streamRangeFunction(
  call: Call,
  grid: Grid,
  evaluator: Evaluator,
  sink: Sink,
): Promise<void> {
  const { context } = evaluator;
  const range = rangeArgument(call);
  assert(range !== undefined, () => `${call.func} has a range vector`);
  const scalars: Float64Array[] = [];
  for (const arg of call.args)
    if (valueTypeOf(arg) === "scalar") scalars.push(await evaluator.scalar(arg, grid));
  const { func } = call;
  const kernel = createRangeKernel(func, scalars);
  const shift = shiftOf(range);
  const windows = createWindows(
    grid.count,
    range.rangeMs,
    context.shiftedMs(shift, grid.startMs),
    shift.at === undefined ? grid.stepMs : 0,
  );
  const timesMs = timesOf(grid);
  const out = emptySeries(NO_LABELS, false, grid.count);
  const counter = func === "rate" || func === "increase";
  let any = false;
  let lastName = "";
  await streamRange(range, grid, evaluator, (labels, dropName, raw) => {
    moveWindows(windows, raw);
    out.present.fill(NONE);
    out.histograms = undefined;
    kernel(raw, windows, timesMs, out);
    if (!hasSamples(out)) return;
    any = true;
    if (counter) {
      const metricName = labelValue(labels, METRIC_NAME);
      // Neighbours mostly have the same name: one look is enough.
      if (metricName !== lastName) informOfNonCounter(metricName, argument(call, 0), context);
      lastName = metricName;
    }
    sink({ ...out, labels, dropName: dropName || !keepsName(func) });
  });
  const quantiles = scalars[0];
  if (any && func === "quantile_over_time" && quantiles !== undefined)
    for (const q of quantiles)
      if (!(q >= 0 && q <= 1)) context.annotations.invalidQuantile(q, argument(call, 0).span);
}

function informOfNonCounter(metricName: string, expr: Expr, context: QueryContext): void {
  if (metricName === "" || /_(?:total|sum|count|bucket)$/.test(metricName)) return;
  context.annotations.possibleNonCounter(metricName, expr.span);
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
