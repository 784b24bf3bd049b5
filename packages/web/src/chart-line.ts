import type { SeriesStyle } from "./series-color.ts";
import { type PlotColumn, plotColumn, stackColumns } from "./series-stack.ts";

/** A series as the chart draws it. */
export interface ChartLine {
  readonly name: string;
  readonly style: SeriesStyle;
  /** One for each time; null where there is no sample. */
  readonly values: readonly (number | null)[];
  readonly shown: boolean;
}

/** What the canvas draws: lines that are not shown leave no gap in a stack, and keep their place in the list. */
export function columnsOf(lines: readonly ChartLine[], stacked: boolean): PlotColumn[] {
  const plain = lines.map(({ values }) => plotColumn(values));
  if (!stacked) return plain;
  const shown = plain.filter((_, index) => lines[index]?.shown === true);
  const sums = stackColumns(shown);
  let at = 0;
  return plain.map((column, index) =>
    lines[index]?.shown === true ? (sums[at++] ?? column) : column,
  );
}
