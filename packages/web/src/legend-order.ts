import type { SeriesStats, StatName } from "./series-stats.ts";

export interface LegendSort {
  readonly by: "name" | StatName;
  readonly descending: boolean;
}

export const DEFAULT_SORT: LegendSort = { by: "last", descending: true };

/** The order in which the legend shows its rows, as indexes. Missing values and NaN come last either way. */
export function orderLegend(
  names: readonly string[],
  stats: readonly SeriesStats[],
  sort: LegendSort,
): number[] {
  const order = names.map((_, index) => index);
  const sign = sort.descending ? -1 : 1;
  const { by } = sort;
  if (by === "name") {
    const collator = new Intl.Collator("en", { numeric: true });
    return order.sort((a, b) => sign * collator.compare(names[a] ?? "", names[b] ?? ""));
  }
  return order.sort((a, b) => {
    const x = stats[a]?.[by] ?? Number.NaN;
    const y = stats[b]?.[by] ?? Number.NaN;
    if (Number.isNaN(x) || Number.isNaN(y))
      return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return sign * (x - y);
  });
}

/** A click on a column: a new column starts with the largest (names with the first), the same one turns around. */
export function clickColumn(sort: LegendSort, by: LegendSort["by"]): LegendSort {
  if (sort.by === by) return { by, descending: !sort.descending };
  return { by, descending: by !== "name" };
}
