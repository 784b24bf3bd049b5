// What functions of windows and aggregations cost a step, in TypeScript and in WebAssembly, on columns that are at hand:
// CPU nanoseconds, the least of some repetitions. `npm run bench:windows`.
import { NO_LABELS } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
// How the engine computes is nobody's business but its own, and this file's.
import { KernelGroups } from "../packages/promql/src/engine/aggregate-columns.ts";
import { kernelOf, openGroup } from "../packages/promql/src/engine/aggregate-kernels.ts";
import { Annotations } from "../packages/promql/src/engine/annotations.ts";
import { KernelFunction } from "../packages/promql/src/engine/range/kernel-function.ts";
import { RangeNotes } from "../packages/promql/src/engine/range/range-notes.ts";
import { createRangeKernel } from "../packages/promql/src/engine/range-functions.ts";
import { emptySeries, NONE } from "../packages/promql/src/engine/step-series.ts";
import {
  createWindows,
  moveWindows,
  type RawSamples,
} from "../packages/promql/src/engine/windows.ts";
import { scriptOptions } from "../scripts/script-options.ts";
import { formatRows } from "./comparison.ts";

scriptOptions({});

const REPETITIONS = 15;
const WARM_UPS = 5;
/** How many series a repetition goes through. They are the same two, as a store's buffers are. */
const SERIES = 1000;

const START_MS = 1_700_000_000_000;
const INTERVAL_MS = 15_000;
const MINUTE_MS = 60_000;

/** Of what there is every 15 s, as shapes of `bench:query` ask for it. */
const SHAPES = [
  { title: "1 h step 15 s, [5m]", steps: 241, stepMs: 15_000, rangeMs: 5 * MINUTE_MS },
  { title: "6 h step 60 s, [5m]", steps: 361, stepMs: MINUTE_MS, rangeMs: 5 * MINUTE_MS },
  { title: "6 h step 5 m, [1h]", steps: 73, stepMs: 5 * MINUTE_MS, rangeMs: 60 * MINUTE_MS },
];
const FUNCTIONS = [
  ...["rate", "delta", "irate", "sum_over_time", "avg_over_time", "max_over_time"],
  ...["stddev_over_time", "changes", "last_over_time"],
];
const AGGREGATIONS = ["sum", "avg", "max", "count"] as const;

type Shape = (typeof SHAPES)[number];

const kernels = await Kernels.load();

/** Nanoseconds a step: the least, since what disturbs only adds. */
function measure({ steps }: Shape, work: (series: number) => void): number {
  let leastMicros = Number.POSITIVE_INFINITY;
  for (let repetition = -WARM_UPS; repetition < REPETITIONS; repetition++) {
    const before = process.cpuUsage();
    for (let series = 0; series < SERIES; series++) work(series);
    const { user, system } = process.cpuUsage(before);
    if (repetition >= 0) leastMicros = Math.min(leastMicros, user + system);
  }
  return (leastMicros * 1000) / (SERIES * steps);
}

/** A counter's samples that reach over all windows, each `lateMs` after the full interval. */
function samplesOf({ steps, stepMs, rangeMs }: Shape, lateMs: number): RawSamples {
  const length = Math.floor((steps * stepMs + rangeMs) / INTERVAL_MS);
  const timestampsMs = Float64Array.from(
    { length },
    (_, i) => START_MS - rangeMs + i * INTERVAL_MS + lateMs,
  );
  let total = 1000;
  const values = timestampsMs.map((_, i) => {
    total += (i * 7919) % 20;
    return total;
  });
  return { timestampsMs, values, length, startsMs: undefined, histograms: undefined };
}

function measureFunction(
  shape: Shape,
  func: string,
  list: readonly [RawSamples, RawSamples],
): [typeScript: number, webAssembly: number] {
  const windows = createWindows(shape.steps, shape.rangeMs, START_MS, shape.stepMs);
  const notes = new RangeNotes(new Annotations(undefined), { start: 0, end: 0 });
  const kernel = createRangeKernel(func, { scalars: [], extent: undefined, notes });
  const out = emptySeries(NO_LABELS, false, shape.steps);
  const inTypeScript = measure(shape, (series) => {
    const raw = list[series % 2] as RawSamples;
    moveWindows(windows, raw);
    out.present.fill(NONE);
    kernel(raw, windows, windows.endsMs, out);
  });
  using fast = KernelFunction.open(kernels, func, windows);
  if (fast === undefined) throw new Error(`${func} is not in WebAssembly`);
  return [inTypeScript, measure(shape, (series) => fast.compute(list[series % 2] as RawSamples))];
}

function measureAggregation(
  shape: Shape,
  op: (typeof AGGREGATIONS)[number],
): [typeScript: number, webAssembly: number] {
  const { steps } = shape;
  const at = kernels.allocate(steps * 9);
  const values = new Float64Array(kernels.buffer, at, steps).fill(0.1);
  const present = new Uint8Array(kernels.buffer, at + steps * 8, steps).fill(1);
  const series = { labels: NO_LABELS, dropName: true, values, present };
  const kernel = kernelOf(op);
  using groups = KernelGroups.open(kernels, op, steps);
  const fast = groups?.openGroup(NO_LABELS);
  if (kernel === undefined || groups === undefined || fast === undefined)
    throw new Error(`${op} is not in WebAssembly`);
  const group = openGroup(kernel, NO_LABELS, steps);
  const figures: [number, number] = [
    measure(shape, () => kernel.add(group, values, present)),
    measure(shape, () => groups.add(fast, series)),
  ];
  kernels.release(at, steps * 9);
  return figures;
}

for (const shape of SHAPES) {
  const same = samplesOf(shape, 0);
  const late = samplesOf(shape, 300);
  const rows: [title: string, figures: [number, number]][] = [
    ...FUNCTIONS.map((func): [string, [number, number]] => [
      func,
      measureFunction(shape, func, [same, same]),
    ]),
    ["rate, other times than before", measureFunction(shape, "rate", [same, late])],
    ...AGGREGATIONS.map((op): [string, [number, number]] => [
      `${op} by`,
      measureAggregation(shape, op),
    ]),
  ];
  const table = rows.map(([title, [before, after]]) => [
    title,
    ...[before.toFixed(2), after.toFixed(2), `${(before / after).toFixed(1)}x`],
  ]);
  const header = [`${shape.title}, ns a step`, "TypeScript", "WebAssembly", ""];
  process.stdout.write(`${formatRows([header, ...table])}\n`);
}
