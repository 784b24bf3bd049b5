import {
  type Bucket,
  bucketsOf,
  formatSampleValue,
  type Labels,
  type NativeHistogram,
  unreachable,
} from "@pharos/base";
import type { QueryResult } from "@pharos/promql/engine";
import { jsonResponse, notesJson, TRUNCATED } from "./answer.ts";

/** Text is handed on in pieces of about so many characters, so that a large answer is never one string. */
const PIECE_LENGTH = 64 * 1024;

/** How long things took and how much was read, for the parameter `stats`. */
export interface QueryStatistics {
  readonly totalMs: number;
  readonly samplesRead: number;
}

/**
 * The answer to a query in Prometheus's JSON, piece by piece. `limit` series at most (0 for all), with a warning where
 * that drops some.
 */
export function* queryResultJson(
  result: QueryResult,
  limit: number,
  statistics: QueryStatistics | undefined,
): Generator<string, void, undefined> {
  const kept = limit > 0 && seriesCount(result) > limit ? limit : seriesCount(result);
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
  if (statistics !== undefined) piece += `,"stats":${statisticsJson(statistics)}`;
  const truncated = kept < seriesCount(result) ? [TRUNCATED] : [];
  const { infos } = result;
  yield `${piece}}${notesJson({ warnings: [...result.warnings, ...truncated], infos })}}`;
}

function seriesCount(result: QueryResult): number {
  if (result.type === "vector") return result.values.length;
  return result.type === "matrix" ? result.series.length : 1;
}

function point(timestampMs: number, value: string): string {
  return `[${seconds(timestampMs)},"${value}"]`;
}

/** Which of a bucket's bounds belong to it, as Prometheus numbers it. */
function boundaryRule({ lowerInclusive, upperInclusive }: Bucket): number {
  if (lowerInclusive) return upperInclusive ? 3 : 1;
  return upperInclusive ? 0 : 2;
}

function histogramPoint(timestampMs: number, histogram: NativeHistogram): string {
  const text = (value: number): string => `"${formatSampleValue(value)}"`;
  const buckets = bucketsOf(histogram).map((bucket) => {
    const { lower, upper, count } = bucket;
    return `[${boundaryRule(bucket)},${text(lower)},${text(upper)},${text(count)}]`;
  });
  const list = buckets.length === 0 ? "" : `,"buckets":[${buckets.join(",")}]`;
  const { count, sum } = histogram;
  return `[${seconds(timestampMs)},{"count":${text(count)},"sum":${text(sum)}${list}}]`;
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

/** In Prometheus's fields. The phases are not told apart: all the time is that of the evaluation. */
function statisticsJson({ totalMs, samplesRead }: QueryStatistics): string {
  const total = totalMs / 1000;
  return JSON.stringify({
    timings: {
      evalTotalTime: total,
      resultSortTime: 0,
      queryPreparationTime: 0,
      innerEvalTime: total,
      execQueueTime: 0,
      execTotalTime: total,
    },
    samples: { totalQueryableSamples: samplesRead, peakSamples: samplesRead },
  });
}

/** Small answers as one text with a length, large ones as a stream that waits for its reader. */
export function streamedJson(pieces: Generator<string, void, undefined>): Response {
  const first = pieces.next().value ?? "";
  if (first.length < PIECE_LENGTH) {
    let rest = first;
    for (const piece of pieces) rest += piece;
    return jsonResponse(rest);
  }
  const encoder = new TextEncoder();
  let next: string | undefined = first;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (next === undefined) return controller.close();
      controller.enqueue(encoder.encode(next));
      next = pieces.next().value ?? undefined;
    },
  });
  return new Response(stream, { headers: { "Content-Type": "application/json" } });
}
