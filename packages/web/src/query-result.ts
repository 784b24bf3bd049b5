import {
  type ColumnsEnd,
  type DecodedColumns,
  decodeQueryColumns,
  valuesOnGrid,
} from "@pharos/api/columns";
import { errorText, type Labels, labelsFrom } from "@pharos/base";
import { ApiError } from "./api-error.ts";
import type { Json } from "./json-reader.ts";

/** A series of a range query. `values[i]` belongs to the i-th time of its result; null where there is no sample. */
export interface RangeSeries {
  readonly labels: Labels;
  readonly values: readonly (number | null)[];
}

/** The answer of a range query as columns: one list of times for all series. */
export interface RangeResult {
  /** Ascending, one step apart, both ends of the interval included. */
  readonly timesSec: readonly number[];
  readonly series: readonly RangeSeries[];
  /** Samples of all series. */
  readonly pointCount: number;
  /** Series that hold native histograms, which a line cannot draw. */
  readonly histogramCount: number;
}

/** A line of an instant query's table. */
export interface InstantRow {
  readonly labels: Labels;
  /** As the server wrote it, with every digit; a histogram in words. */
  readonly value: string;
  readonly timestampMs: number;
}

export interface InstantResult {
  readonly resultType: "vector" | "scalar" | "string" | "matrix";
  readonly rows: readonly InstantRow[];
}

/** Reads a sample value: JavaScript has no `+Inf`. */
export function parseValue(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  if (text === "-Inf") return Number.NEGATIVE_INFINITY;
  return Number(text);
}

/**
 * Reads the answer of query_range, which came as columns.
 *
 * @throws ApiError where it is none.
 */
export function readRangeResult(bytes: Uint8Array): RangeResult & ColumnsEnd {
  const answer = decoded(bytes);
  if (answer.resultType !== "matrix" || answer.grid === undefined)
    throw new ApiError("unexpected", 200, "The server answered no range.");
  const { grid, warnings, infos } = answer;
  const timesSec = Array.from(
    { length: grid.count },
    (_, i) => (grid.startMs + i * grid.stepMs) / 1000,
  );
  const series: RangeSeries[] = [];
  let pointCount = 0;
  let histogramCount = 0;
  for (const one of answer.series) {
    if (one.histograms.length > 0) histogramCount++;
    if (one.values.length === 0) continue;
    pointCount += one.values.length;
    series.push({ labels: one.labels, values: valuesOnGrid(one, grid.count) });
  }
  return { timesSec, series, pointCount, histogramCount, warnings, infos };
}

function decoded(bytes: Uint8Array): DecodedColumns {
  try {
    return decodeQueryColumns(bytes);
  } catch (error) {
    throw new ApiError("unexpected", 200, `The server's answer is broken: ${errorText(error)}`);
  }
}

/** Reads `data` of an instant query. A range vector gives one row for each sample, newest first. */
export function readInstantResult(data: Json): InstantResult {
  const resultType = data.get("resultType").oneOf(["vector", "scalar", "string", "matrix"]);
  const result = data.get("result");
  if (resultType === "scalar" || resultType === "string")
    return { resultType, rows: [rowOf([], result)] };
  const rows: InstantRow[] = [];
  for (const item of result.list()) {
    const labels = labelsFrom(item.get("metric").textEntries());
    if (resultType === "vector") {
      const sample = item.get("value");
      const isHistogram = sample.value === undefined;
      rows.push(isHistogram ? histogramRow(labels, item.get("histogram")) : rowOf(labels, sample));
    } else {
      for (const sample of item.get("values").list().reverse()) rows.push(rowOf(labels, sample));
      for (const sample of item.get("histograms").list().reverse())
        rows.push(histogramRow(labels, sample));
    }
  }
  return { resultType, rows };
}

function rowOf(labels: Labels, sample: Json): InstantRow {
  const [time, value] = sample.list();
  return {
    labels,
    value: value?.text() ?? "",
    timestampMs: (time?.number() ?? Number.NaN) * 1000,
  };
}

function histogramRow(labels: Labels, sample: Json): InstantRow {
  const [time, histogram] = sample.list();
  const count = histogram?.get("count").textOrEmpty() ?? "?";
  const sum = histogram?.get("sum").textOrEmpty() ?? "?";
  return {
    labels,
    value: `histogram: count ${count}, sum ${sum}`,
    timestampMs: (time?.number() ?? Number.NaN) * 1000,
  };
}
