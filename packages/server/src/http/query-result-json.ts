import { formatSampleValue, type Labels, unreachable } from "@pharos/base";
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
        const value = point(result.timestampMs, formatSampleValue(result.values[i] as number));
        piece += `${i > 0 ? "," : ""}{"metric":${labelsJson(result.labels[i] as Labels)},"value":${value}}`;
        if (piece.length < PIECE_LENGTH) continue;
        yield piece;
        piece = "";
      }
      piece += "]";
      break;
    case "matrix":
      piece += "[";
      for (let i = 0; i < kept; i++) {
        const { labels, timestampsMs, values } = result.series[i] as (typeof result.series)[number];
        piece += `${i > 0 ? "," : ""}{"metric":${labelsJson(labels)},"values":[`;
        for (let at = 0; at < values.length; at++) {
          if (at > 0) piece += ",";
          piece += point(timestampsMs[at] as number, formatSampleValue(values[at] as number));
          if (piece.length < PIECE_LENGTH) continue;
          yield piece;
          piece = "";
        }
        piece += "]}";
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
