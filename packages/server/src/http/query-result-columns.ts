import { type ColumnsAnswer, type ColumnsGrid, encodeQueryColumns } from "@pharos/api/columns";
import { formatSampleValue, type NativeHistogram, unreachable } from "@pharos/base";
import type { MatrixSeries, QueryResult } from "@pharos/promql/engine";
import { histogramJson } from "./histogram-json.ts";
import type { ResultExtras } from "./query-evaluation.ts";
import { resultNotes, seriesCount } from "./query-result.ts";

/**
 * The answer to a query as columns, piece by piece. `limit` series at most (0 for all), with a warning where that drops
 * some.
 */
export function queryResultColumns(
  result: QueryResult,
  limit: number,
  extras: ResultExtras,
  grid: ColumnsGrid | undefined,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  const { warnings = [], infos = [] } = resultNotes(result, limit);
  return encodeQueryColumns(columnsOf(result, limit, grid), { warnings, infos, ...extras });
}

function columnsOf(
  result: QueryResult,
  limit: number,
  grid: ColumnsGrid | undefined,
): ColumnsAnswer {
  const kept = seriesCount(result, limit);
  switch (result.type) {
    case "scalar":
    case "string": {
      const { timestampMs, type, value } = result;
      const text = typeof value === "string" ? value : formatSampleValue(value);
      return { resultType: type, timestampMs, value: text };
    }
    case "vector":
      return {
        resultType: "vector",
        timestampMs: result.timestampMs,
        labels: result.labels.slice(0, kept),
        values: result.values.subarray(0, kept),
        histograms: result.histograms === undefined ? undefined : texts(result.histograms),
      };
    case "matrix":
      return { resultType: "matrix", grid, series: result.series.values().take(kept).map(textual) };
    default:
      return unreachable(result);
  }
}

function texts(
  histograms: ReadonlyMap<number, NativeHistogram>,
): ReadonlyMap<number, ReturnType<typeof histogramJson>> {
  return new Map(histograms.entries().map(([i, histogram]) => [i, histogramJson(histogram)]));
}

function textual({ histograms = [], ...series }: MatrixSeries) {
  return {
    ...series,
    histograms: histograms.map(({ timestampMs, histogram }) => ({
      timestampMs,
      histogram: histogramJson(histogram),
    })),
  };
}
