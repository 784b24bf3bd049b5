import { labelsFrom } from "@pharos/base";
import fc from "fast-check";
import { expect, test } from "vitest";
import { clickColumn, DEFAULT_SORT, orderLegend } from "../src/legend-order.ts";
import { styleSeries } from "../src/series-color.ts";
import { shortNames } from "../src/series-name.ts";
import { plotColumn, stackColumns } from "../src/series-stack.ts";
import { statsOf } from "../src/series-stats.ts";

const sets = (...modes: string[]) => modes.map((mode) => labelsFrom({ job: "node", mode }));

test("a series keeps its colour when others come or go, unless they want the same", () => {
  const [alone] = styleSeries(sets("user"));
  const many = styleSeries(sets("user", "system", "idle"));
  expect(many[0]).toEqual(alone);
});

test("no two of ten series share a colour, and no two of forty a look", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 40, maxLength: 40 }),
      (modes) => {
        const styles = styleSeries(sets(...modes));
        expect(new Set(styles.slice(0, 10).map(({ slot }) => slot)).size).toBe(10);
        expect(new Set(styles.map((style) => JSON.stringify(style))).size).toBe(40);
      },
    ),
  );
});

test("names are what tells the series apart", () => {
  expect(shortNames(sets("user", "idle"))).toEqual(["user", "idle"]);
  const two = [labelsFrom({ a: "1", b: "x" }), labelsFrom({ a: "2", b: "y" })];
  const cpus = ["0", "1"].map((cpu) => labelsFrom({ cpu, mode: "user" }));
  expect(shortNames(cpus)).toEqual(['{cpu="0"}', '{cpu="1"}']);
  expect(shortNames(two)).toEqual(['{a="1", b="x"}', '{a="2", b="y"}']);
  expect(shortNames([labelsFrom({ __name__: "up", job: "a" })])).toEqual(['up{job="a"}']);
  const loads = ["node_load1", "node_load5"].map((__name__) => labelsFrom({ __name__, job: "n" }));
  expect(shortNames(loads)).toEqual(["node_load1", "node_load5"]);
});

test("a label that only some of the series have tells them apart too", () => {
  expect(shortNames([labelsFrom({ job: "a" }), labelsFrom({ job: "a", env: "prod" })])).toEqual([
    '{job="a"}',
    "prod",
  ]);
});

test("figures leave out gaps, and what is not finite counts as the last value alone", () => {
  expect(statsOf([null, 2, null, 4, null])).toEqual({ last: 4, min: 2, max: 4, avg: 3 });
  expect(statsOf([1, Number.POSITIVE_INFINITY])).toEqual({
    last: Number.POSITIVE_INFINITY,
    min: 1,
    max: 1,
    avg: 1,
  });
  expect(statsOf([null])).toEqual({
    last: undefined,
    min: undefined,
    max: undefined,
    avg: undefined,
  });
});

test("lines break where there is nothing to draw", () => {
  expect(plotColumn([1, Number.NaN, null, Number.NEGATIVE_INFINITY])).toEqual([
    1,
    null,
    null,
    null,
  ]);
});

test("a stack adds what is above zero upwards and what is below downwards", () => {
  expect(
    stackColumns([
      [1, 2, null],
      [3, null, 5],
      [-1, -2, -3],
    ]),
  ).toEqual([
    [1, 2, null],
    [4, null, 5],
    [-1, -2, -3],
  ]);
});

test("the legend sorts by a figure, with missing ones last either way", () => {
  const stats = [[1], [null], [3], [Number.NaN]].map(statsOf);
  const names = ["a", "b", "c", "d"];
  expect(orderLegend(names, stats, DEFAULT_SORT)).toEqual([2, 0, 1, 3]);
  expect(orderLegend(names, stats, { by: "last", descending: false })).toEqual([0, 2, 1, 3]);
});

test("names sort as people count", () => {
  const names = ["cpu10", "cpu9"];
  const stats = [statsOf([1]), statsOf([2])];
  expect(orderLegend(names, stats, clickColumn(DEFAULT_SORT, "name"))).toEqual([1, 0]);
  expect(clickColumn({ by: "max", descending: true }, "max")).toEqual({
    by: "max",
    descending: false,
  });
});
