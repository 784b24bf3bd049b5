import type { QueryData } from "@pharos/api";
import { METRIC_NAME } from "@pharos/base";
import { labelNames, shownSeries } from "./result-table.ts";

/**
 * The result as RFC 4180 has it: a line for each point, with a column for each label, `timestamp` (Unix seconds) and
 * `value`.
 */
export function* resultCsv(data: QueryData): Generator<string, void, undefined> {
  const series = shownSeries(data);
  const names = labelNames(series);
  yield row([...names, "timestamp", "value"]);
  for (const { metric, points } of series) {
    const labels = names.map((name) => metric[name] ?? "");
    for (const [seconds, value] of points) yield row([...labels, String(seconds), value]);
  }
}

function row(cells: readonly string[]): string {
  return `${cells.map(cell).join(",")}\r\n`;
}

function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A series as PromQL writes it. */
export function seriesText(metric: Readonly<Record<string, string>>): string {
  const labels = Object.entries(metric)
    .filter(([name]) => name !== METRIC_NAME)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const name = metric[METRIC_NAME] ?? "";
  return labels.length === 0 && name !== "" ? name : `${name}{${labels.join(", ")}}`;
}
