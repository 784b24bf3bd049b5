import type { QueryData } from "@pharos/api";
import { METRIC_NAME } from "@pharos/base";

type Metric = Readonly<Record<string, string>>;

/** A series with its points; a histogram stands as its count and sum. */
export interface ShownSeries {
  readonly metric: Metric;
  readonly points: readonly (readonly [seconds: number, value: string])[];
}

/** All kinds of results as series with points. */
export function shownSeries(data: QueryData): readonly ShownSeries[] {
  switch (data.resultType) {
    case "scalar":
    case "string":
      return [{ metric: {}, points: [data.result] }];
    case "vector":
      return data.result.map((one) => ({
        metric: one.metric,
        points: ["value" in one ? one.value : histogramPoint(one.histogram)],
      }));
    case "matrix":
      return data.result.map(({ metric, values = [], histograms = [] }) => ({
        metric,
        points: [...values, ...histograms.map(histogramPoint)].toSorted(([a], [b]) => a - b),
      }));
  }
}

function histogramPoint([seconds, { count, sum }]: readonly [
  number,
  { readonly count: string; readonly sum: string },
]): readonly [number, string] {
  return [seconds, `count ${count}, sum ${sum}`];
}

/**
 * The result as lines for people: one for each series, its labels in columns. What all series have in common stands above
 * them, once. Of a series with several points the columns say how they are spread.
 */
export function resultTable(data: QueryData): string {
  const series = shownSeries(data);
  if (data.resultType === "scalar" || data.resultType === "string")
    return `${series[0]?.points[0]?.[1] ?? ""}\n`;
  if (series.length === 0) return "no series\n";
  const names = labelNames(series);
  const common = series.length === 1 ? [] : names.filter((name) => isCommon(series, name));
  const shown = names.filter((name) => !common.includes(name));
  const isSpread = data.resultType === "matrix";
  const head = [...shown.map(headOf), ...(isSpread ? SPREAD : ["value"])];
  const rows = series.map(({ metric, points }) => [
    ...shown.map((name) => metric[name] ?? ""),
    ...(isSpread ? spread(points.map(([, value]) => value)) : [points[0]?.[1] ?? ""]),
  ]);
  const above = common.map((name) => `${headOf(name)}=${series[0]?.metric[name] ?? ""}`);
  return (above.length > 0 ? `${above.join("  ")}\n` : "") + table(head, rows, shown.length);
}

const SPREAD = ["points", "min", "avg", "max", "last"];

function spread(texts: readonly string[]): string[] {
  const values = texts.map(Number);
  // Histograms have no least and no greatest.
  if (values.some((value, i) => Number.isNaN(value) && texts[i] !== "NaN"))
    return [String(texts.length), "", "", "", texts.at(-1) ?? ""];
  const sum = values.reduce((total, value) => total + value, 0);
  const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const greatest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return [
    String(values.length),
    ...[least, sum / values.length, greatest, values.at(-1) ?? 0].map(shortNumber),
  ];
}

/** Six digits, which are enough to compare by eye. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  return String(Number(value.toPrecision(6)));
}

/** The metric's name first, then the labels by name. */
export function labelNames(series: readonly ShownSeries[]): readonly string[] {
  const names = new Set(series.flatMap(({ metric }) => Object.keys(metric)));
  const rest = [...names].filter((name) => name !== METRIC_NAME).sort();
  return names.has(METRIC_NAME) ? [METRIC_NAME, ...rest] : rest;
}

function isCommon(series: readonly ShownSeries[], name: string): boolean {
  return series.every(({ metric }) => metric[name] === series[0]?.metric[name]);
}

function headOf(name: string): string {
  return name === METRIC_NAME ? "metric" : name;
}

/** Columns from `textColumns` on are numbers and stand to the right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  textColumns: number,
): string {
  const widths = head.map((title, i) =>
    rows.reduce((width, row) => Math.max(width, row[i]?.length ?? 0), title.length),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) =>
        i < textColumns ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [head, ...rows].map((cells) => `${line(cells)}\n`).join("");
}
