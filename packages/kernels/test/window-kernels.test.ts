import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Kernels } from "../src/kernels.ts";
import { type WindowGrid, WindowKernels } from "../src/window-kernels.ts";

const kernels = await Kernels.load();

interface Sample {
  readonly t: number;
  readonly v: number;
}

const timesOf = (list: readonly Sample[]): Float64Array => Float64Array.from(list, ({ t }) => t);
const valuesOf = (list: readonly Sample[]): Float64Array => Float64Array.from(list, ({ v }) => v);

type Compute = (windows: WindowKernels, values: Float64Array) => number;
/** What one window comes to; undefined for nothing. */
type Oracle = (
  window: readonly Sample[],
  grid: { readonly endMs: number; readonly rangeMs: number },
) => number | undefined;

const atLeast =
  (samplesMin: number, compute: (window: readonly Sample[]) => number): Oracle =>
  (window) =>
    window.length < samplesMin ? undefined : compute(window);
const first = (window: readonly Sample[]): Sample => window[0] as Sample;
const last = (window: readonly Sample[]): Sample => window.at(-1) as Sample;
const pairs = (window: readonly Sample[]): (readonly [Sample, Sample])[] =>
  window.slice(1).map((sample, i) => [window[i] as Sample, sample]);

/** As Prometheus's own code does it, window by window. */
function extrapolated(isCounter: boolean, perSecond: boolean): Oracle {
  return (window, { endMs, rangeMs }) => {
    if (window.length < 2) return undefined;
    let change = last(window).v - first(window).v;
    if (isCounter) for (const [a, b] of pairs(window)) if (b.v < a.v) change += a.v;
    const sampled = (last(window).t - first(window).t) / 1000;
    const average = sampled / (window.length - 1);
    let toStart = (first(window).t - (endMs - rangeMs)) / 1000;
    let toEnd = (endMs - last(window).t) / 1000;
    if (toStart >= average * 1.1) toStart = average / 2;
    if (isCounter && change > 0 && first(window).v >= 0)
      toStart = Math.min(toStart, sampled * (first(window).v / change));
    if (toEnd >= average * 1.1) toEnd = average / 2;
    const factor = (sampled + toStart + toEnd) / sampled;
    return change * (perSecond ? factor / (rangeMs / 1000) : factor);
  };
}

function extreme(isMax: boolean, give: "value" | "timestamp"): Oracle {
  return atLeast(1, (window) => {
    let best = first(window);
    for (const sample of window)
      if (Number.isNaN(best.v) || (isMax ? sample.v >= best.v : sample.v <= best.v)) best = sample;
    return give === "value" ? best.v : best.t / 1000;
  });
}

const exact: readonly (readonly [string, Compute, Oracle])[] = [
  [
    "rate",
    (w, values) => w.change(values, { isCounter: true, perSecond: true }),
    extrapolated(true, true),
  ],
  [
    "increase",
    (w, values) => w.change(values, { isCounter: true, perSecond: false }),
    extrapolated(true, false),
  ],
  [
    "delta",
    (w, values) => w.change(values, { isCounter: false, perSecond: false }),
    extrapolated(false, false),
  ],
  [
    "irate",
    (w, values) => w.lastChange(values, { isCounter: true }),
    atLeast(2, (window) => {
      const [a, b] = window.slice(-2) as [Sample, Sample];
      return (b.v < a.v ? b.v : b.v - a.v) / ((b.t - a.t) / 1000);
    }),
  ],
  [
    "idelta",
    (w, values) => w.lastChange(values, { isCounter: false }),
    atLeast(2, (window) => last(window).v - (window.at(-2) as Sample).v),
  ],
  ["min", (w, values) => w.extreme(values, "min", "value"), extreme(false, "value")],
  ["max", (w, values) => w.extreme(values, "max", "value"), extreme(true, "value")],
  ["time of max", (w, values) => w.extreme(values, "max", "timestamp"), extreme(true, "timestamp")],
  ["first", (w, values) => w.earliest(values, "value"), atLeast(1, (window) => first(window).v)],
  ["last", (w, values) => w.latest(values, "value"), atLeast(1, (window) => last(window).v)],
  [
    "time of first",
    (w, values) => w.earliest(values, "timestamp"),
    atLeast(1, (window) => first(window).t / 1000),
  ],
  [
    "time of last",
    (w, values) => w.latest(values, "timestamp"),
    atLeast(1, (window) => last(window).t / 1000),
  ],
  ["count", (w) => w.count(), atLeast(1, (window) => window.length)],
  [
    "changes",
    (w, values) => w.changes(values, "any"),
    atLeast(1, (window) => pairs(window).filter(([a, b]) => !Object.is(a.v + 0, b.v + 0)).length),
  ],
  [
    "resets",
    (w, values) => w.changes(values, "down"),
    atLeast(1, (window) => pairs(window).filter(([a, b]) => b.v < a.v).length),
  ],
];

const START_MS = 1_700_000_000_000;
const value = fc.oneof(
  { arbitrary: fc.nat(50), weight: 10 },
  { arbitrary: fc.double(), weight: 3 },
  { arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 5e-324, 1e308), weight: 1 },
);
const series = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 40_000 }), value), { maxLength: 120 })
  .map((list) => {
    let t = START_MS;
    return list.map(([by, v]): Sample => {
      t += by;
      return { t, v };
    });
  });
function gridOf(count: number, rangeMs: number, firstEndMs: number, stepMs: number): WindowGrid {
  return {
    rangeMs,
    endsMs: Float64Array.from({ length: count }, (_, i) => firstEndMs + i * stepMs),
  };
}

const grid: fc.Arbitrary<WindowGrid> = fc
  .tuple(
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 600_000 }),
    fc.integer({ min: START_MS - 100_000, max: START_MS + 2_000_000 }),
    fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 100_000 })),
  )
  .map((shape) => gridOf(...shape));

function windowsOf(list: readonly Sample[], { rangeMs, endsMs }: WindowGrid) {
  return Array.from(endsMs, (endMs) => {
    const samples = list.filter(({ t }) => t > endMs - rangeMs && t <= endMs);
    return { samples, endMs, rangeMs };
  });
}

function results(windows: WindowKernels): (number | undefined)[] {
  return Array.from(windows.values, (result, i) => (windows.present[i] === 1 ? result : undefined));
}

test("each function is to the last bit what it is window by window", () => {
  fc.assert(
    fc.property(series, grid, (list, shape) => {
      using windows = new WindowKernels(kernels, shape);
      windows.find(timesOf(list), list.length);
      const expected = windowsOf(list, shape);
      const sizes = expected.map(({ samples }) => samples.length);
      equal(
        windows.samplesInWindows,
        sizes.reduce((total, size) => total + size, 0),
      );
      for (const [name, compute, oracle] of exact) {
        const found = compute(windows, valuesOf(list));
        const wanted = expected.map((window) => oracle(window.samples, window));
        deepEqual(results(windows), wanted, name);
        equal(found, wanted.filter((result) => result !== undefined).length, name);
      }
    }),
    { numRuns: 1000 },
  );
});

/** Whole numbers of quarters, so that sums have no rounding. */
const quarters = series.map((list) =>
  list.map(({ t }, i): Sample => ({ t, v: ((i * 7919) % 4001) / 4 - 500 })),
);

test("sums, averages and variances of whole quarters are exact", () => {
  fc.assert(
    fc.property(quarters, grid, (list, shape) => {
      using windows = new WindowKernels(kernels, shape);
      windows.find(timesOf(list), list.length);
      const expected = windowsOf(list, shape).map(({ samples }) => samples.map(({ v }) => v));
      const sums = expected.map((values) =>
        values.length === 0 ? undefined : values.reduce((total, v) => total + v, 0),
      );
      windows.sum(valuesOf(list));
      deepEqual(results(windows), sums);
      windows.average(valuesOf(list));
      deepEqual(
        results(windows),
        sums.map((sum, i) => sum && sum / (expected[i] as number[]).length),
      );
      windows.variance(valuesOf(list), "variance");
      for (const [i, variance] of results(windows).entries()) {
        const values = expected[i] as number[];
        equal(variance === undefined, values.length === 0);
        if (variance === undefined) continue;
        const mean = (sums[i] as number) / values.length;
        const squares = values.reduce((total, v) => total + (v - mean) ** 2, 0);
        ok(Math.abs(variance - squares / values.length) < 1e-6);
      }
    }),
    { numRuns: 500 },
  );
});

const HOUR = gridOf(3, 3_600_000, START_MS + 3_600_000, 60_000);
const everySecond = (values: readonly number[]): readonly Sample[] =>
  values.map((v, i) => ({ t: START_MS + (i + 1) * 1000, v }));

function sumOf(values: readonly number[], average = false): number {
  using windows = new WindowKernels(kernels, HOUR);
  const list = everySecond(values);
  windows.find(timesOf(list), list.length);
  if (average) windows.average(valuesOf(list));
  else windows.sum(valuesOf(list));
  return windows.values[0] as number;
}

test("sums keep what addition one by one would lose", () => {
  equal(sumOf([1e16, 1, 1, 1, 1, -1e16]), 4);
  ok(Math.abs(sumOf(Array(2000).fill(0.1)) - 200) < 1e-12);
  // Long windows are differences of running sums, where what cancelled out must not show.
  equal(sumOf([1e16, ...Array(100).fill(1), -1e16]), 100);
});

test("what is not finite costs long windows without it nothing, and zeros are zeros", () => {
  const windows = new WindowKernels(kernels, gridOf(4, 50_000, START_MS + 50_000, 50_000));
  const list = everySecond([
    ...[...Array(49).fill(1e15), Infinity, ...Array(50).fill(0.25)],
    ...[...Array(50).fill(0), ...Array(50).fill(-0)],
  ]);
  windows.find(timesOf(list), list.length);
  windows.sum(valuesOf(list));
  deepEqual(results(windows), [Infinity, 12.5, 0, 0]);
  windows.average(valuesOf(list));
  deepEqual(results(windows), [Infinity, 0.25, 0, 0]);
  windows[Symbol.dispose]();
});

test("an average is a number where the sum is not", () => {
  equal(sumOf([1e308, 1e308, 1e308], true), 1e308);
  equal(sumOf([1e308, 1e308, 1e308]), Infinity);
  equal(sumOf([Infinity, ...Array(100).fill(1)]), Infinity);
  equal(sumOf([Infinity, ...Array(100).fill(1), -Infinity]), Number.NaN);
  equal(sumOf([...Array(100).fill(1), Number.NaN]), Number.NaN);
});

test("the last sample is none where it is a staleness marker", () => {
  const list = everySecond([1, 2, 3]);
  using windows = new WindowKernels(kernels, gridOf(4, 1000, START_MS + 1000, 1000));
  windows.find(timesOf(list), list.length);
  equal(windows.latest(valuesOf(list), "value", Uint8Array.of(0, 1, 0)), 2);
  deepEqual(results(windows), [1, undefined, 3, undefined]);
});

test("series in a row may have the same times or others", () => {
  using windows = new WindowKernels(kernels, HOUR);
  const lists = [
    ...[everySecond([1, 2]), everySecond([3, 5]), everySecond([7])],
    ...[everySecond([]), everySecond([9, 11])],
    [{ t: START_MS + 5000, v: 13 }],
  ];
  const sums = lists.map((list) => {
    windows.find(timesOf(list), list.length);
    windows.sum(valuesOf(list));
    return results(windows)[0];
  });
  deepEqual(sums, [3, 8, 7, undefined, 20, 13]);
});

test("one function after another on the same windows gives each its own", () => {
  using windows = new WindowKernels(kernels, HOUR);
  const list = everySecond([10, 20, 5]);
  windows.find(timesOf(list), list.length);
  windows.change(valuesOf(list), { isCounter: true, perSecond: false });
  const [increase = 0] = windows.values;
  windows.change(valuesOf(list), { isCounter: true, perSecond: true });
  ok(increase >= 15);
  equal(windows.values[0], increase / 3600);
});

test("only the first samples count where a column is longer", () => {
  using windows = new WindowKernels(kernels, HOUR);
  const list = everySecond([1, 2, 4, 8]);
  windows.find(timesOf(list), 3);
  windows.sum(valuesOf(list));
  equal(windows.values[0], 7);
});

test("columns in the kernels' memory are read where they are, and may change from series to series", () => {
  const at = kernels.allocate(48);
  const times = new Float64Array(kernels.buffer, at, 3);
  const values = new Float64Array(kernels.buffer, at + 24, 3);
  using windows = new WindowKernels(kernels, HOUR);
  const sums = [everySecond([1, 2, 4]), everySecond([8, 16, 32])].map((list) => {
    times.set(timesOf(list));
    values.set(valuesOf(list));
    windows.find(times, 3);
    windows.sum(values);
    return windows.values[0];
  });
  deepEqual(sums, [7, 56]);
  // Only the last one is still within the hour.
  times.set([START_MS - 9_000_000, START_MS - 8_000_000, START_MS + 1000]);
  windows.find(times, 3);
  windows.sum(values);
  equal(windows.values[0], 32);
  kernels.release(at, 48);
});

test("a counter that begins again with every sample is refused where windows are many and long", () => {
  const length = 50_000;
  const times = Float64Array.from({ length }, (_, i) => START_MS + i * 1000);
  const falling = times.map((_, i) => length - i);
  const rising = times.map((_, i) => i);
  const how = { isCounter: true, perSecond: true };
  using windows = new WindowKernels(kernels, gridOf(500, length * 1000, START_MS + 1000, 100_000));
  windows.find(times, length);
  ok(windows.change(falling, how) < 0);
  equal(windows.change(rising, how), 500);
  equal(windows.change(falling, { ...how, isCounter: false }), 500);
});

test("all memory is given back", () => {
  const before = kernels.memoryUse().usedSize;
  {
    using windows = new WindowKernels(kernels, HOUR);
    const list = everySecond(Array(5000).fill(1));
    windows.find(timesOf(list), list.length);
    windows.change(valuesOf(list), { isCounter: true, perSecond: true });
    windows.latest(valuesOf(list), "value", new Uint8Array(5000));
    ok(kernels.memoryUse().usedSize > before);
  }
  equal(kernels.memoryUse().usedSize, before);
});
