import { labelsKey, NO_LABELS } from "@pharos/base";
import { type RollupColumns, type RollupTier, WINDOW_MS } from "@pharos/ports";
import { argument } from "../engine/call-arguments.ts";
import type { Evaluator, Sink } from "../engine/evaluator.ts";
import { RangeCall } from "../engine/range/range-call.ts";
import { RangeNotes } from "../engine/range/range-notes.ts";
import { keepsName } from "../engine/range-functions.ts";
import {
  emptySeries,
  FLOAT,
  type Grid,
  gridTimeMs,
  hasSamples,
  histogramAt,
  NONE,
  putHistogram,
  type StepSeries,
} from "../engine/step-series.ts";
import type { RawSamples } from "../engine/windows.ts";
import type { Call } from "../syntax/ast.ts";
import { valueTypeOf } from "../syntax/value-type.ts";
import type { Leaf } from "./leaves.ts";
import { type RowFunction, rowFunction } from "./row-functions.ts";
import type { TieredLeaf } from "./tier-plan.ts";

/** Gives the series of a leaf from samples, on some of its steps. */
type StreamSamples = (grid: Grid, sink: Sink) => Promise<void>;

/**
 * Gives the series of a leaf that is read from rollups, one by one: from one tier as they come, from several, or from
 * samples too, when all of them are read.
 */
export async function streamTiered(
  { leaf, stretches }: TieredLeaf,
  evaluator: Evaluator,
  samples: StreamSamples,
  sink: Sink,
): Promise<void> {
  const { grid } = leaf;
  const stream = (steps: Grid, tier: RollupTier | undefined, to: Sink): Promise<void> =>
    tier === undefined ? samples(steps, to) : streamRows(leaf, steps, tier, evaluator, to);
  const [first, ...others] = stretches;
  if (first !== undefined && others.length === 0) return stream(grid, first.tier, sink);
  const { context } = evaluator;
  const whole = new Map<string, StepSeries>();
  for (const { from, to, tier } of stretches) {
    const steps = { startMs: gridTimeMs(grid, from), stepMs: grid.stepMs, count: to - from };
    await stream(steps, tier, (part) => {
      const key = labelsKey(part.labels);
      let series = whole.get(key);
      if (series === undefined) {
        context.hold(grid.count);
        series = emptySeries(part.labels, part.dropName, grid.count);
        whole.set(key, series);
      }
      putSteps(part, from, series);
    });
  }
  for (const series of whole.values()) {
    const busy = sink(series);
    if (busy !== undefined) await busy;
  }
  context.release(grid.count * whole.size);
}

function putSteps(part: StepSeries, from: number, into: StepSeries): void {
  for (let step = 0; step < part.present.length; step++) {
    if (part.present[step] === NONE) continue;
    if (part.present[step] !== FLOAT) {
      putHistogram(into, from + step, histogramAt(part, step));
      continue;
    }
    into.present[from + step] = FLOAT;
    into.values[from + step] = part.values[step] as number;
  }
}

/** What takes the rows of one series after the other. */
type TakeRows = (rows: RollupColumns) => Promise<void> | undefined | void;

async function streamRows(
  leaf: Leaf,
  steps: Grid,
  tier: RollupTier,
  evaluator: Evaluator,
  sink: Sink,
): Promise<void> {
  const { context } = evaluator;
  const firstMs = context.shiftedMs(leaf.selector, steps.startMs);
  const windows = new RowWindows(leaf, steps, tier, firstMs, context.lookbackMs);
  const compute = leaf.func === undefined ? undefined : rowFunction(leaf.func);
  using resources = new DisposableStack();
  let take: TakeRows;
  if (leaf.node.kind !== "call") take = takeLast(windows, context.lookbackMs, sink);
  else if (compute !== undefined)
    take = await takeWindows(leaf.node, windows, compute, steps, evaluator, sink);
  else {
    const call = resources.use(await RangeCall.open(leaf.node, steps, evaluator, sink));
    take = (rows) => call.take(rows.labels, false, lastSamples(rows, windows.rowMs));
  }
  const reading = { rows: 0, samples: 0 };
  let read = 0;
  const { selectRollup } = context.store;
  if (selectRollup === undefined) return;
  for await (const rows of selectRollup.call(context.store, windows.range, leaf.selector.matchers, {
    tier,
    quantiles: leaf.func === "quantile_over_time",
    samplesMax: Number.POSITIVE_INFINITY,
    signal: context.signal,
    warn: (warning) => context.annotations.incomplete(warning),
    reading,
  })) {
    context.countSeries(reading.rows + reading.samples - read);
    context.profile?.read(leaf.selector, reading.rows + reading.samples - read);
    read = reading.rows + reading.samples;
    context.hold(rows.windowsMs.length);
    const busy = take(rows);
    if (busy !== undefined) await busy;
    context.release(rows.windowsMs.length);
    if (context.tick()) await context.pause();
  }
}

/**
 * Which rows each step looks at. A step's end is that of the last whole window before it, and its range as many whole
 * windows as come closest, but one at least.
 */
class RowWindows {
  readonly count: number;
  readonly rowMs: number;
  /** A multiple of `rowMs`. */
  readonly rangeMs: number;
  /** When the steps look, before that is rounded. */
  readonly endsMs: Float64Array;
  readonly range: { readonly minMs: number; readonly maxMs: number };

  constructor(
    { range, selector }: Leaf,
    steps: Grid,
    tier: RollupTier,
    firstMs: number,
    lookbackMs: number,
  ) {
    const rowMs = WINDOW_MS[tier];
    const stepMs = selector.at === undefined ? steps.stepMs : 0;
    this.count = steps.count;
    this.rowMs = rowMs;
    this.rangeMs = Math.max(1, Math.round((range?.rangeMs ?? 0) / rowMs)) * rowMs;
    this.endsMs = Float64Array.from({ length: steps.count }, (_, i) => firstMs + i * stepMs);
    const lastMs = this.endsMs.at(-1) ?? firstMs;
    // One window more, since a counter's first step comes from it; the last value may be as old as the lookback.
    const reachMs = range === undefined ? lookbackMs : this.rangeMs;
    const minMs = this.roundedMs(firstMs - reachMs) - rowMs;
    this.range = { minMs, maxMs: this.roundedMs(lastMs) - 1 };
  }

  roundedMs(timeMs: number): number {
    return Math.floor(timeMs / this.rowMs) * this.rowMs;
  }
}

/** A value from the rows of each step's window. */
async function takeWindows(
  call: Call,
  windows: RowWindows,
  compute: RowFunction,
  steps: Grid,
  evaluator: Evaluator,
  sink: Sink,
): Promise<TakeRows> {
  const scalar = call.args.find((arg) => valueTypeOf(arg) === "scalar");
  const scalars = scalar === undefined ? undefined : await evaluator.scalar(scalar, steps);
  const { annotations } = evaluator.context;
  const notes = new RangeNotes(annotations, argument(call, 0).span);
  const isCounter = call.func === "rate" || call.func === "increase";
  const out = emptySeries(NO_LABELS, !keepsName(call.func), steps.count);
  const { rowMs, rangeMs, endsMs, count } = windows;
  return (rows) => {
    const { windowsMs, labels } = rows;
    let from = 0;
    let to = 0;
    out.present.fill(NONE);
    for (let step = 0; step < count; step++) {
      const endMs = windows.roundedMs(endsMs[step] as number);
      while (to < windowsMs.length && (windowsMs[to] as number) < endMs) to++;
      while (from < to && (windowsMs[from] as number) < endMs - rangeMs) from++;
      if (from === to) continue;
      const value = compute({ rows, from, to, rowMs, rangeMs }, scalars?.[step] ?? Number.NaN);
      if (value === undefined) continue;
      out.values[step] = value;
      out.present[step] = FLOAT;
    }
    if (!hasSamples(out)) return undefined;
    notes.about(labels);
    if (isCounter) notes.possibleNonCounter();
    for (let step = 0; step < count && scalars !== undefined; step++) {
      const q = scalars[step] as number;
      if (out.present[step] === FLOAT && !(q >= 0 && q <= 1)) notes.invalidQuantile(q);
    }
    return sink({ ...out, labels });
  };
}

/** The last value before each step, if the window it is of has not been over for longer than the lookback. */
function takeLast(windows: RowWindows, lookbackMs: number, sink: Sink): TakeRows {
  const { rowMs, endsMs, count } = windows;
  const ageMsMax = Math.max(lookbackMs, rowMs);
  const out = emptySeries(NO_LABELS, false, count);
  return ({ labels, windowsMs, last }) => {
    let to = 0;
    out.present.fill(NONE);
    for (let step = 0; step < count; step++) {
      const timeMs = endsMs[step] as number;
      const endMs = windows.roundedMs(timeMs);
      while (to < windowsMs.length && (windowsMs[to] as number) < endMs) to++;
      if (to === 0 || timeMs - ((windowsMs[to - 1] as number) + rowMs) >= ageMsMax) continue;
      out.values[step] = last[to - 1] as number;
      out.present[step] = FLOAT;
    }
    return hasSamples(out) ? sink({ ...out, labels }) : undefined;
  };
}

/** Rows as samples: the last value of each window, at its end. For functions that rows cannot tell. */
function lastSamples({ windowsMs, last }: RollupColumns, rowMs: number): RawSamples {
  return {
    timestampsMs: windowsMs.map((startMs) => startMs + rowMs - 1),
    values: last,
    length: windowsMs.length,
    startsMs: undefined,
    histograms: undefined,
  };
}
