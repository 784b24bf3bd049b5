import type { CounterReset, NativeHistogram } from "@pharos/base";
import type { HistogramColumn } from "@pharos/ports";
import type { Expr } from "../../syntax/ast.ts";
import { walk } from "../../syntax/walk.ts";
import { detectReset } from "./counter-reset.ts";

// Where a query asks of histograms for counts and sums alone, their buckets need not be added up. Functions that look
// for resets cannot see them then, so that each histogram says itself what its buckets told beside those of the one
// before.

const NEED_COUNTS = new Set(["histogram_avg", "histogram_count", "histogram_sum"]);
const NEED_BUCKETS = new Set(["histogram_fraction", "histogram_quantile", "histogram_quantiles"]);

/** The selectors of which only counts and sums of histograms are needed, as Prometheus decides it. */
export function countsOnlySelectors(expr: Expr): ReadonlySet<Expr> {
  const found = new Set<Expr>();
  walk(expr, (node, path) => {
    if (node.kind === "vector" && needsCountsOnly(path)) found.add(node);
  });
  return found;
}

function needsCountsOnly(path: readonly Expr[]): boolean {
  let needsCounts = false;
  for (const node of path.toReversed()) {
    // What is read at the steps of a subquery is not what was before in the series.
    if (node.kind === "subquery") return false;
    if (node.kind === "binary" && (node.op === "</" || node.op === ">/")) return false;
    if (node.kind !== "call") continue;
    if (NEED_BUCKETS.has(node.func)) return false;
    if (NEED_COUNTS.has(node.func)) needsCounts = true;
  }
  return needsCounts;
}

/** The histograms of a series without buckets; those at or before `afterMs` are not looked at for resets. */
export function countsOnly(column: HistogramColumn, afterMs: number): HistogramColumn {
  const { timestampsMs } = column;
  const resetAt = (at: number, histogram: NativeHistogram): CounterReset => {
    if (histogram.counterReset !== "unknown" || histogram.stale) return histogram.counterReset;
    for (let i = at - 1; i >= 0 && (timestampsMs[i] as number) > afterMs; i--) {
      const previous = column.at(i);
      if (!previous.stale) return detectReset(histogram, previous) ? "reset" : "none";
    }
    return "unknown";
  };
  return {
    ...column,
    at(index) {
      const histogram = column.at(index);
      const { count, sum, stale } = histogram;
      return { ...WITHOUT_BUCKETS, count, sum, stale, counterReset: resetAt(index, histogram) };
    },
  };
}

const WITHOUT_BUCKETS = {
  schema: 0,
  isInteger: false,
  zeroThreshold: 0,
  zeroCount: 0,
  positiveSpans: [],
  negativeSpans: [],
  positiveCounts: [],
  negativeCounts: [],
  customBounds: [],
} as const;
