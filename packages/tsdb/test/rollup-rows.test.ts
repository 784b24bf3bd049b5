import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { Kernels } from "@pharos/kernels";
import fc from "fast-check";
import { counterStep, ROW_COLUMNS, RollupRows } from "../src/rollup/rollup-rows.ts";
import { RollupTools, type SampleColumnsView } from "../src/rollup/rollup-tools.ts";

interface Sample {
  readonly timestampMs: number;
  /** Undefined for a staleness marker. */
  readonly value: number | undefined;
}

const tools = new RollupTools(await Kernels.load());
const { sketch } = tools;
const WINDOW_MS = 60_000;

const value = fc.oneof(
  { weight: 6, arbitrary: fc.nat(1000) },
  { weight: 3, arbitrary: fc.double({ noNaN: true, min: -1e9, max: 1e9 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, 5e-324, -1e308) },
  { weight: 1, arbitrary: fc.constant(undefined) },
);

/** Samples a few seconds to a few hours apart, some of them before 1970. */
const samples: fc.Arbitrary<readonly Sample[]> = fc
  .tuple(
    fc.integer({ min: -1000, max: 1000 }),
    fc.array(fc.tuple(fc.oneof(fc.integer({ min: 1, max: 30 }), fc.nat(9000)), value), {
      maxLength: 60,
    }),
  )
  .map(([startS, steps]) => {
    let timestampMs = startS * 1000;
    return steps.map(([stepS, each]) => {
      timestampMs += (stepS + 1) * 1000;
      return { timestampMs, value: each };
    });
  });

function columns(list: readonly Sample[]): SampleColumnsView {
  return {
    length: list.length,
    timestampsMs: Float64Array.from(list, ({ timestampMs }) => timestampMs),
    values: Float64Array.from(list, (sample) => sample.value ?? Number.NaN),
    stale: list.some((sample) => sample.value === undefined)
      ? Uint8Array.from(list, (sample) => (sample.value === undefined ? 1 : 0))
      : null,
  };
}

function rollUp(list: readonly Sample[], windowMs: number): RollupRows {
  const rows = new RollupRows(windowMs);
  tools.rollUp(columns(list), rows, true);
  return rows;
}

/** The rows as plain numbers, and their sketches' bytes. */
function content(rows: RollupRows): unknown {
  return Array.from(rows.timestampsMs, (timestampMs, row) => ({
    timestampMs,
    numbers: ROW_COLUMNS.map((name) => rows.column(name)[row]),
    sketch: [...rows.sketchOf(row)],
  }));
}

/** The definition, sample by sample, with no thought of speed. */
function naive(list: readonly Sample[], windowMs: number) {
  const windows = new Map<number, number[]>();
  for (const { timestampMs, value } of list) {
    if (value === undefined) continue;
    const start = Math.floor(timestampMs / windowMs) * windowMs;
    windows.set(start, [...(windows.get(start) ?? []), value]);
  }
  return [...windows].map(([timestampMs, values]) => {
    const numbers = values.filter((each) => !Number.isNaN(each));
    return {
      timestampMs,
      count: values.length,
      sum: values.reduce((sum, each) => sum + each, 0),
      magnitude: values.reduce((sum, each) => sum + Math.abs(each), 0),
      min: numbers.length === 0 ? Number.NaN : Math.min(...numbers),
      max: numbers.length === 0 ? Number.NaN : Math.max(...numbers),
      first: values[0] as number,
      last: values.at(-1) as number,
      increase: values.reduce(
        (sum, each, i) => (i === 0 ? 0 : sum + counterStep(values[i - 1] as number, each)),
        0,
      ),
      sorted: numbers.sort((a, b) => a - b),
    };
  });
}

/** Equal up to rounding: the numbers that went into it add up to `magnitude`. */
function near(actual: number, expected: number, magnitude: number): void {
  if (!Number.isFinite(expected) || !Number.isFinite(magnitude)) equal(actual, expected);
  else ok(Math.abs(actual - expected) <= 1e-12 * magnitude, `${actual}, expected ${expected}`);
}

test("a row says of its window what its samples say one by one", () => {
  fc.assert(
    fc.property(samples, fc.constantFrom(WINDOW_MS, WINDOW_MS * 60), (list, windowMs) => {
      const rows = rollUp(list, windowMs);
      const expected = naive(list, windowMs);
      deepEqual(
        [...rows.timestampsMs],
        expected.map(({ timestampMs }) => timestampMs),
      );
      for (const [row, window] of expected.entries()) {
        for (const name of ["count", "min", "max", "first", "last"] as const)
          ok(rows.column(name)[row] === window[name] || Number.isNaN(window[name]), name);
        near(rows.column("sum")[row] as number, window.sum, window.magnitude);
        equal(rows.column("increase")[row], window.increase);
        sketch.clear();
        ok(sketch.addEncoded(rows.sketchOf(row)));
        equal(sketch.count, window.sorted.length);
      }
    }),
  );
});

test("rows of parts put together are the row of the whole, wherever the parts end", () => {
  fc.assert(
    fc.property(samples, fc.array(fc.nat(59), { maxLength: 5 }), (list, cuts) => {
      const whole = rollUp(list, WINDOW_MS * 60);
      const joined = new RollupRows(WINDOW_MS * 60);
      const ends = [...cuts, list.length].sort((a, b) => a - b);
      let from = 0;
      for (const end of ends) {
        joined.append(rollUp(list.slice(from, end), WINDOW_MS * 60), sketch);
        from = Math.min(Math.max(from, end), list.length);
      }
      sameRows(joined, whole, list);
    }),
  );
});

test("rows of a coarser tier follow from those of a finer one", () => {
  fc.assert(
    fc.property(samples, (list) => {
      const coarse = new RollupRows(WINDOW_MS * 60);
      coarse.append(rollUp(list, WINDOW_MS), sketch);
      sameRows(coarse, rollUp(list, WINDOW_MS * 60), list);
    }),
  );
});

/** Equal, but that sums may be rounded in another order. */
function sameRows(actual: RollupRows, expected: RollupRows, list: readonly Sample[]): void {
  equal(actual.length, expected.length);
  const magnitudes = naive(list, expected.windowMs).map(({ magnitude }) => magnitude);
  for (let row = 0; row < expected.length; row++) {
    equal(actual.timestampsMs[row], expected.timestampsMs[row]);
    for (const name of ROW_COLUMNS) {
      const [got, want] = [
        actual.column(name)[row] as number,
        expected.column(name)[row] as number,
      ];
      if (name === "sum" || name === "increase") near(got, want, magnitudes[row] as number);
      else equal(got, want, name);
    }
    deepEqual([...actual.sketchOf(row)], [...expected.sketchOf(row)]);
  }
}

test("rows that come back from a block's columns are those that went there", () => {
  fc.assert(
    fc.property(samples, (list) => {
      const rows = rollUp(list, WINDOW_MS);
      const back = new RollupRows(WINDOW_MS);
      back.appendColumns(structuredClone(rows.columnSet()));
      deepEqual(content(back), content(rows));
    }),
  );
});

test("a window that began before its block's range stands at the start of that range", () => {
  const rows = new RollupRows(86_400_000);
  rows.rangeStartMs = 7_200_000;
  tools.rollUp(columns([{ timestampMs: 7_300_000, value: 1 }]), rows, false);
  deepEqual([...rows.timestampsMs], [7_200_000]);
  equal(rows.windowStartMs(0), 0);
});

test("a window of which one part has no sketch has none", () => {
  const parts = [0, 1].map((at) => {
    const rows = new RollupRows(WINDOW_MS);
    const sample = { timestampMs: at * 1000, value: at };
    tools.rollUp(columns([sample]), rows, at === 0);
    return rows;
  });
  const joined = new RollupRows(WINDOW_MS);
  for (const part of parts) joined.append(part, sketch);
  equal(joined.sketchOf(0).length, 0);
  equal(joined.column("sum")[0], 1);
});
