import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Kernels } from "../src/kernels.ts";
import { QuantileSketch } from "../src/quantile-sketch.ts";
import { type RolledRows, SampleRollup } from "../src/sample-rollup.ts";

const kernels = await Kernels.load();
const rollup = new SampleRollup(kernels);
const sketch = new QuantileSketch(kernels);

interface Sample {
  readonly t: number;
  readonly v: number;
  readonly stale: boolean;
}

interface Row {
  readonly windowStartMs: number;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly first: number;
  readonly last: number;
  readonly increase: number;
}

function roll(samples: readonly Sample[], windowMs: number, withSketches = false): RolledRows {
  return rollup.roll(
    {
      length: samples.length,
      timestampsMs: Float64Array.from(samples, ({ t }) => t),
      values: Float64Array.from(samples, ({ v, stale }) => (stale ? Number.NaN : v)),
      stale: samples.some(({ stale }) => stale)
        ? Uint8Array.from(samples, ({ stale }) => (stale ? 1 : 0))
        : null,
    },
    windowMs,
    withSketches,
  );
}

function rowsOf(rolled: RolledRows): Row[] {
  return Array.from({ length: rolled.length }, (_, i) => ({
    windowStartMs: rolled.windowStartsMs[i] as number,
    count: rolled.count[i] as number,
    sum: rolled.sum[i] as number,
    min: rolled.min[i] as number,
    max: rolled.max[i] as number,
    first: rolled.first[i] as number,
    last: rolled.last[i] as number,
    increase: rolled.increase[i] as number,
  }));
}

/** Window by window, as it is told. */
function naive(samples: readonly Sample[], windowMs: number): Row[] {
  const windows = Map.groupBy(
    samples.filter(({ stale }) => !stale),
    ({ t }) => Math.floor(t / windowMs) * windowMs,
  );
  return [...windows].map(([windowStartMs, list]) => {
    const values = list.map(({ v }) => v);
    const numbers = values.filter((value) => !Number.isNaN(value));
    return {
      windowStartMs,
      count: values.length,
      sum: exactSum(values),
      min: numbers.length === 0 ? Number.NaN : Math.min(...numbers),
      max: numbers.length === 0 ? Number.NaN : Math.max(...numbers),
      first: values[0] as number,
      last: values.at(-1) as number,
      increase: values.slice(1).reduce((sum, value, i) => {
        const before = values[i] as number;
        return sum + (value < before ? value : value - before);
      }, 0),
    };
  });
}

/** Of whole numbers of quarters, which the tests use where sums must be exact. */
function exactSum(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

const value = fc.oneof(
  {
    arbitrary: fc.integer({ min: -4000, max: 4000 }).map((quarters) => quarters / 4 + 0),
    weight: 20,
  },
  {
    arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0),
    weight: 1,
  },
);
const samples = fc
  .tuple(
    fc.integer({ min: -100_000, max: 2_000_000_000_000 }),
    fc.array(fc.tuple(fc.integer({ min: 1, max: 40_000 }), value, fc.nat(9)), { maxLength: 120 }),
  )
  .map(([start, list]) => {
    let t = start;
    return list.map(([by, v, chance]): Sample => {
      t += by;
      return { t, v, stale: chance === 0 };
    });
  });

test("rows are what each window's samples make", () => {
  fc.assert(
    fc.property(samples, fc.constantFrom(1000, 60_000, 300_000, 3_600_000), (list, windowMs) => {
      deepEqual(rowsOf(roll(list, windowMs)), naive(list, windowMs));
    }),
    { numRuns: 1500 },
  );
});

test("each row's sketch is that of its window's values", () => {
  fc.assert(
    fc.property(samples, fc.constantFrom(60_000, 300_000), (list, windowMs) => {
      const rolled = roll(list, windowMs, true);
      const windows = Map.groupBy(
        list.filter(({ stale }) => !stale),
        ({ t }) => Math.floor(t / windowMs) * windowMs,
      );
      let from = 0;
      for (const [row, window] of [...windows.values()].entries()) {
        const end = rolled.sketchEnds[row] as number;
        sketch.clear();
        sketch.addValues(Float64Array.from(window, ({ v }) => v));
        deepEqual(rolled.sketches.slice(from, end), sketch.encode().slice());
        from = end;
      }
      equal(rolled.sketches.length, from);
    }),
    { numRuns: 500 },
  );
});

test("a counter that begins again grows by what it has since", () => {
  const list = [10, 15, 3, 4, 0, 2].map((v, i) => ({ t: i * 1000, v, stale: false }));
  equal(roll(list, 60_000).increase[0], 5 + 3 + 1 + 0 + 2);
});

test("a staleness marker neither counts nor resets", () => {
  const list = [10, 0, 12].map((v, i) => ({ t: i * 1000, v, stale: i === 1 }));
  deepEqual(rowsOf(roll(list, 60_000)), [
    { windowStartMs: 0, count: 2, sum: 22, min: 10, max: 12, first: 10, last: 12, increase: 2 },
  ]);
  equal(roll([{ t: 1, v: 0, stale: true }], 60_000).length, 0);
});

test("sums keep what addition one by one would lose", () => {
  const list = [1e16, 1, 1, 1, 1, -1e16].map((v, i) => ({ t: i, v, stale: false }));
  equal(roll(list, 60_000).sum[0], 4);
  const tenths = Array.from({ length: 10_000 }, (_, i) => ({ t: i, v: 0.1, stale: false }));
  ok(Math.abs((roll(tenths, 60_000).sum[0] as number) - 1000) < 1e-12);
});

test("no samples make no rows", () => {
  equal(roll([], 60_000).length, 0);
});
