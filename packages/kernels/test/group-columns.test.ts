import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GroupColumns } from "../src/group-columns.ts";
import { Kernels } from "../src/kernels.ts";

const kernels = await Kernels.load();
const SIZE_MAX = 1 << 20;

/** A series: a number or nothing at each step. */
type Steps = readonly (number | undefined)[];

function columnsOf(steps: Steps): [values: Float64Array, present: Uint8Array] {
  return [
    Float64Array.from(steps, (value) => value ?? Number.NaN),
    Uint8Array.from(steps, (value) => (value === undefined ? 0 : 1)),
  ];
}

type Add = (groups: GroupColumns, group: number, ...columns: ReturnType<typeof columnsOf>) => void;

/** What a group of the series comes to, and what its sums lost to rounding. */
function aggregate(
  list: readonly Steps[],
  count: number,
  add: Add,
): { values: Steps; lost: Steps } {
  using groups = new GroupColumns(kernels, count, SIZE_MAX);
  const group = groups.open() as number;
  for (const steps of list) add(groups, group, ...columnsOf(steps));
  const { values, lost, present } = groups.columnOf(group);
  const there = (column: Float64Array): Steps =>
    Array.from(column, (value, i) => (present[i] === 0 ? undefined : value));
  return { values: there(values), lost: there(lost) };
}

const addToSum: Add = (groups, ...series) => groups.addToSum(...series);

/** Step by step, as it is told. */
function fold(
  list: readonly Steps[],
  count: number,
  combine: (before: number, value: number) => number,
): Steps {
  return Array.from({ length: count }, (_, i) =>
    list
      .map((steps) => steps[i])
      .filter((value) => value !== undefined)
      .reduce<number | undefined>(
        (before, value) => (before === undefined ? value : combine(before, value)),
        undefined,
      ),
  );
}

const lists = fc.integer({ min: 1, max: 40 }).chain((count) => {
  const value = fc.oneof(
    { arbitrary: fc.integer({ min: -4000, max: 4000 }).map((v) => v / 4 + 0), weight: 20 },
    { arbitrary: fc.double(), weight: 3 },
    { arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity, 1e308, -1e308), weight: 1 },
  );
  const dense = fc.array(value, { minLength: count, maxLength: count });
  const sparse = fc.array(fc.option(value, { nil: undefined }), {
    ...{ minLength: count, maxLength: count },
  });
  return fc.tuple(fc.constant(count), fc.array(fc.oneof(dense, sparse), { maxLength: 12 }));
});

test("sums are step by step those of the values, and so is what they lose", () => {
  fc.assert(
    fc.property(lists, ([count, list]) => {
      const { values, lost } = aggregate(list, count, addToSum);
      deepEqual(
        values,
        fold(list, count, (sum, value) => sum + value),
      );
      const errors = Array.from({ length: count }, (_, i) => {
        let [sum, error, seen] = [0, 0, false];
        for (const value of list.map((steps) => steps[i])) {
          if (value === undefined) continue;
          if (seen) {
            const next = sum + value;
            const larger = Math.abs(sum) >= Math.abs(value);
            error += larger ? sum - next + value : value - next + sum;
            if (Math.abs(next) === Infinity) error = 0;
            sum = next;
          } else sum = value;
          seen = true;
        }
        return seen ? error : undefined;
      });
      deepEqual(lost, errors);
    }),
    { numRuns: 2000 },
  );
});

test("extremes leave NaN to groups that have nothing else", () => {
  fc.assert(
    fc.property(lists, fc.constantFrom("min", "max"), ([count, list], which) => {
      const { values } = aggregate(list, count, (groups, ...series) =>
        groups.addToExtreme(...series, which),
      );
      const better = (a: number, b: number): boolean => (which === "max" ? b > a : b < a);
      deepEqual(
        values,
        fold(list, count, (best, value) =>
          Number.isNaN(best) || better(best, value) ? value : best,
        ),
      );
    }),
    { numRuns: 1000 },
  );
});

test("counts are of the series that have a value", () => {
  fc.assert(
    fc.property(lists, ([count, list]) => {
      const { values } = aggregate(list, count, (groups, group, _, present) =>
        groups.addToCount(group, present),
      );
      const ones = list.map((steps) => steps.map((value) => (value === undefined ? value : 1)));
      deepEqual(
        values,
        fold(ones, count, (sum, value) => sum + value),
      );
    }),
    { numRuns: 500 },
  );
});

test("an average refuses a series that would make a sum infinite, and changes nothing then", () => {
  using groups = new GroupColumns(kernels, 10, SIZE_MAX);
  const group = groups.open() as number;
  const add = (value: number): boolean =>
    groups.addToAverage(group, ...columnsOf(Array(10).fill(value)));
  equal(add(1e308), true);
  equal(add(5), true);
  const before = structuredClone(groups.columnOf(group).counts);
  equal(add(1e308), false);
  deepEqual(structuredClone(groups.columnOf(group).counts), before);
  equal(groups.columnOf(group).values[9], 1e308);
  equal(groups.columnOf(group).counts[9], 2);
  equal(add(-1e308), true);
  equal(groups.columnOf(group).counts[9], 3);
});

test("what is not there may be infinite", () => {
  using groups = new GroupColumns(kernels, 1, SIZE_MAX);
  const group = groups.open() as number;
  const [values] = columnsOf([1e308]);
  equal(groups.addToAverage(group, values, Uint8Array.of(1)), true);
  equal(groups.addToAverage(group, values, Uint8Array.of(0)), true);
  equal(groups.columnOf(group).counts[0], 1);
});

test("there are as many groups as fit, each with columns of its own", () => {
  const before = kernels.memoryUse().usedSize;
  {
    using groups = new GroupColumns(kernels, 100, 100_000);
    const numbers: number[] = [];
    for (let group = groups.open(); group !== undefined; group = groups.open()) numbers.push(group);
    ok(numbers.length >= 10);
    ok(kernels.memoryUse().usedSize - before <= 100_000);
    for (const group of numbers) groups.addToSum(group, ...columnsOf(Array(100).fill(group)));
    for (const group of numbers) equal(groups.columnOf(group).values[99], group);
  }
  equal(kernels.memoryUse().usedSize, before);
});
