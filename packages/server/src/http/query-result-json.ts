import { formatSampleValue, type Labels, type NativeHistogram, unreachable } from "@pharos/base";
import type { QueryResult } from "@pharos/promql/engine";
import { notesJson } from "./answer.ts";
import { histogramJson } from "./histogram-json.ts";
import type { ResultExtras } from "./query-evaluation.ts";
import { resultNotes, seriesCount } from "./query-result.ts";

/** Text is handed on in pieces of about so many characters, so that a large answer is never one string. */
const PIECE_LENGTH = 64 * 1024;

/**
 * The answer to a query in Prometheus's JSON, piece by piece. `limit` series at most (0 for all), with a warning where
 * that drops some.
 */
export function* queryResultJson(
  result: QueryResult,
  limit: number,
  extras: ResultExtras,
): Generator<string, void, undefined> {
  const kept = seriesCount(result, limit);
  let piece = `{"status":"success","data":{"resultType":"${result.type}","result":`;
  switch (result.type) {
    case "scalar":
      piece += point(result.timestampMs, formatSampleValue(result.value));
      break;
    case "string":
      piece += `[${seconds(result.timestampMs)},${JSON.stringify(result.value)}]`;
      break;
    case "vector":
      piece += "[";
      for (let i = 0; i < kept; i++) {
        const histogram = result.histograms?.get(i);
        const value =
          histogram === undefined
            ? `"value":${point(result.timestampMs, formatSampleValue(result.values[i] as number))}`
            : `"histogram":${histogramPoint(result.timestampMs, histogram)}`;
        piece += `${i > 0 ? "," : ""}{"metric":${labelsJson(result.labels[i] as Labels)},${value}}`;
        if (piece.length < PIECE_LENGTH) continue;
        yield piece;
        piece = "";
      }
      piece += "]";
      break;
    case "matrix":
      piece += "[";
      for (let i = 0; i < kept; i++) {
        const series = result.series[i] as (typeof result.series)[number];
        const { labels, timestampsMs, values, histograms = [] } = series;
        piece += `${i > 0 ? "," : ""}{"metric":${labelsJson(labels)}`;
        // Either is left out where it is empty.
        if (values.length > 0 || histograms.length === 0) piece += `,"values":[`;
        for (let at = 0; at < values.length; at++) {
          if (at > 0) piece += ",";
          piece += point(timestampsMs[at] as number, formatSampleValue(values[at] as number));
          if (piece.length < PIECE_LENGTH) continue;
          yield piece;
          piece = "";
        }
        if (values.length > 0 || histograms.length === 0) piece += "]";
        if (histograms.length > 0) piece += `,"histograms":[`;
        for (const [at, { timestampMs, histogram }] of histograms.entries()) {
          piece += `${at > 0 ? "," : ""}${histogramPoint(timestampMs, histogram)}`;
          if (piece.length < PIECE_LENGTH) continue;
          yield piece;
          piece = "";
        }
        piece += histograms.length > 0 ? "]}" : "}";
      }
      piece += "]";
      break;
    default:
      unreachable(result);
  }
  for (const [name, value] of Object.entries(extras))
    piece += `,"${name}":${JSON.stringify(value)}`;
  yield `${piece}}${notesJson(resultNotes(result, limit))}}`;
}

function point(timestampMs: number, value: string): string {
  return `[${seconds(timestampMs)},"${value}"]`;
}

function histogramPoint(timestampMs: number, histogram: NativeHistogram): string {
  return `[${seconds(timestampMs)},${JSON.stringify(histogramJson(histogram))}]`;
}

/** Unix seconds with up to three decimals. */
function seconds(timestampMs: number): string {
  const whole = timestampMs % 1000 === 0;
  return whole ? String(timestampMs / 1000) : (timestampMs / 1000).toFixed(3);
}

function labelsJson(labels: Labels): string {
  let out = "{";
  for (const [name, value] of labels)
    out += `${out === "{" ? "" : ","}${JSON.stringify(name)}:${JSON.stringify(value)}`;
  return `${out}}`;
}
