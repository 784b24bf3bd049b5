import { expect, test } from "vitest";
import { type ChartLine, columnsOf } from "../src/chart-line.ts";

const style = { slot: 0, dash: [] };
const line = (values: (number | null)[], shown = true): ChartLine => ({
  name: "",
  style,
  values,
  shown,
});

test("a hidden line takes no room in a stack and keeps its place in the list", () => {
  const lines = [line([1, 1]), line([10, 10], false), line([2, 2])];
  expect(columnsOf(lines, true)).toEqual([
    [1, 1],
    [10, 10],
    [3, 3],
  ]);
});

test("without stacking each line is drawn at its own values", () => {
  expect(columnsOf([line([1, null]), line([2, Number.NaN])], false)).toEqual([
    [1, null],
    [2, null],
  ]);
});
