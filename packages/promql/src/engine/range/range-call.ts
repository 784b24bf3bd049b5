import { assert, type Labels, NO_LABELS } from "@pharos/base";
import type { Call } from "../../syntax/ast.ts";
import { valueTypeOf } from "../../syntax/value-type.ts";
import { absentWhere } from "../absent.ts";
import { argument, type RangeArgument, rangeArgument, shiftOf } from "../call-arguments.ts";
import type { Evaluator, Sink } from "../evaluator.ts";
import { addPresence } from "../instant-functions.ts";
import type { QueryContext } from "../query-context.ts";
import { createRangeKernel, keepsName, walksWindows } from "../range-functions.ts";
import {
  emptySeries,
  FLOAT,
  type Grid,
  hasSamples,
  type StepSeries,
  timesOf,
  workOf,
} from "../step-series.ts";
import { createWindows, type RawSamples } from "../windows.ts";
import { checkExtent, reachOf } from "./extent.ts";
import { KernelFunction } from "./kernel-function.ts";
import { createMixedFunction } from "./mixed-functions.ts";
import { RangeNotes } from "./range-notes.ts";
import { type RangeWishes, streamRange } from "./range-vector.ts";
import { SeriesWindows } from "./series-windows.ts";
import { WindowCounts } from "./window-counts.ts";

/** Functions for which it matters when a counter began. */
const USES_STARTS = new Set(["increase", "irate", "rate", "resets"]);

/** Bytes a step of what such a call keeps: three times where the windows are, their ends, the times, the result. */
const STEP_SIZE = 3 * 8 + 8 + 8 + 9;

/** A call of a function of a range vector that is being computed, one series after the other. */
export class RangeCall implements Disposable {
  readonly range: RangeArgument;
  readonly wishes: RangeWishes;
  readonly #func: string;
  readonly #sink: Sink;
  readonly #notes: RangeNotes;
  readonly #fast: KernelFunction | undefined;
  readonly #windows: SeriesWindows;
  readonly #out: StepSeries;
  readonly #counts: WindowCounts | undefined;
  readonly #context: QueryContext;
  readonly #reserved: Disposable;
  /** The first argument of `quantile_over_time`. */
  readonly #quantiles: Float64Array | undefined;

  /** @throws OperatingError `query.failed` where the function cannot take the range vector. */
  static async open(call: Call, grid: Grid, evaluator: Evaluator, sink: Sink): Promise<RangeCall> {
    const range = rangeArgument(call);
    assert(range !== undefined, () => `${call.func} has a range vector`);
    const extent = range.kind === "matrix" ? range.selector.extent : undefined;
    if (extent !== undefined) checkExtent(call.func, extent);
    const scalars: Float64Array[] = [];
    for (const arg of call.args)
      if (valueTypeOf(arg) === "scalar") scalars.push(await evaluator.scalar(arg, grid));
    return new RangeCall(call, range, scalars, grid, evaluator, sink);
  }

  private constructor(
    call: Call,
    range: RangeArgument,
    scalars: readonly Float64Array[],
    grid: Grid,
    { context }: Evaluator,
    sink: Sink,
  ) {
    const { func } = call;
    const extent = range.kind === "matrix" ? range.selector.extent : undefined;
    const shift = shiftOf(range);
    const reach = reachOf(extent, context.lookbackMs);
    const firstEndMs = context.shiftedMs(shift, grid.startMs);
    const stepMs = shift.at === undefined ? grid.stepMs : 0;
    this.#context = context;
    this.#reserved = context.reserve(grid.count * STEP_SIZE);
    const windows = createWindows(grid.count, range.rangeMs, firstEndMs, stepMs, reach);
    const notes = new RangeNotes(context.annotations, argument(call, 0).span);
    this.range = range;
    this.wishes = { ...reach, starts: USES_STARTS.has(func) };
    this.#func = func;
    this.#sink = sink;
    this.#notes = notes;
    this.#quantiles = func === "quantile_over_time" ? scalars[0] : undefined;
    const counts = context.sampleCounts?.of(grid);
    this.#counts = counts && new WindowCounts(windows, counts);
    this.#fast = KernelFunction.open(context.kernels, func, windows);
    this.#out = this.#fast?.series() ?? emptySeries(NO_LABELS, false, grid.count);
    this.#windows = new SeriesWindows({
      fast: this.#fast,
      kernel: createRangeKernel(func, { scalars, extent, notes }),
      mixed: createMixedFunction(func, extent, notes),
      walks: walksWindows(func) || extent !== undefined,
      windows,
      timesMs: timesOf(grid),
      out: this.#out,
      context,
    });
  }

  /** Takes one series of the range vector: a `RawSink`. */
  readonly take = (
    labels: Labels,
    dropName: boolean,
    raw: RawSamples,
  ): Promise<void> | undefined | void => {
    this.#counts?.add(raw);
    this.#notes.about(labels);
    this.#out.histograms = undefined;
    const busy = this.#windows.compute(raw);
    if (busy === undefined) return this.#give(labels, dropName);
    return busy.then(() => this.#give(labels, dropName));
  };

  #give(labels: Labels, dropName: boolean): ReturnType<Sink> {
    const out = this.#out;
    this.#context.worked(workOf(out));
    if (!hasSamples(out)) return undefined;
    const isCounter = this.#func === "rate" || this.#func === "increase";
    if (isCounter && out.present.includes(FLOAT)) this.#notes.possibleNonCounter();
    if (this.#quantiles !== undefined) this.#warnOfQuantiles(this.#quantiles);
    return this.#sink({ ...out, labels, dropName: dropName || !keepsName(this.#func) });
  }

  #warnOfQuantiles(quantiles: Float64Array): void {
    for (let i = 0; i < quantiles.length; i++) {
      const q = quantiles[i] as number;
      if (this.#out.present[i] === FLOAT && !(q >= 0 && q <= 1)) this.#notes.invalidQuantile(q);
    }
  }

  [Symbol.dispose](): void {
    this.#fast?.[Symbol.dispose]();
    this.#reserved[Symbol.dispose]();
  }
}

/** Gives the series of a function of a range vector, one by one. */
export async function streamRangeFunction(
  call: Call,
  grid: Grid,
  evaluator: Evaluator,
  sink: Sink,
): Promise<void> {
  using running = await RangeCall.open(call, grid, evaluator, sink);
  await streamRange(running.range, grid, evaluator, running.wishes, running.take);
}

/** absent_over_time: 1 where no series has a sample in its window. `stream` gives those that have. */
export async function absentOverTime(
  call: Call,
  grid: Grid,
  stream: (sink: Sink) => Promise<void>,
): Promise<StepSeries[]> {
  const there = new Uint8Array(grid.count);
  await stream((series) => addPresence(there, [series]));
  return absentWhere(there, argument(call, 0));
}
