import { type Labels, type NativeHistogram, unreachable } from "@pharos/base";
import type { MatrixSeries, QueryResult } from "@pharos/promql/engine";
import { notesJson } from "./answer.ts";
import { histogramJson } from "./histogram-json.ts";
import { JsonWriter } from "./json-writer.ts";
import type { ResultExtras } from "./query-evaluation.ts";
import { resultNotes, seriesCount } from "./query-result.ts";

/**
 * The answer to a query in Prometheus's JSON, piece by piece. `limit` series at most (0 for all), with a warning where
 * that drops some.
 */
export function* queryResultJson(
  result: QueryResult,
  limit: number,
  extras: ResultExtras,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  const kept = seriesCount(result, limit);
  const json = new JsonWriter();
  json.text(`{"status":"success","data":{"resultType":"${result.type}","result":`);
  switch (result.type) {
    case "scalar":
      writePoint(json, result.timestampMs, result.value);
      break;
    case "string":
      json.text("[");
      json.seconds(result.timestampMs);
      json.text(`,${JSON.stringify(result.value)}]`);
      break;
    case "vector":
      json.text("[");
      for (let i = 0; i < kept; i++) {
        json.text(i > 0 ? ',{"metric":' : '{"metric":');
        json.labels(result.labels[i] as Labels);
        const histogram = result.histograms?.get(i);
        json.text(histogram === undefined ? ',"value":' : ',"histogram":');
        if (histogram === undefined)
          writePoint(json, result.timestampMs, result.values[i] as number);
        else writeHistogramPoint(json, result.timestampMs, histogram);
        json.text("}");
        if (json.isFull) yield json.take();
      }
      json.text("]");
      break;
    case "matrix":
      json.text("[");
      for (let i = 0; i < kept; i++) {
        json.text(i > 0 ? ',{"metric":' : '{"metric":');
        yield* matrixSeriesJson(json, result.series[i] as MatrixSeries);
        json.text("}");
      }
      json.text("]");
      break;
    default:
      unreachable(result);
  }
  for (const [name, value] of Object.entries(extras))
    json.text(`,"${name}":${JSON.stringify(value)}`);
  json.text(`}${notesJson(resultNotes(result, limit))}}`);
  yield json.end();
}

/** The labels and points of a series; what is enough to be handed on is yielded. */
function* matrixSeriesJson(
  json: JsonWriter,
  { labels, timestampsMs, values, histograms = [] }: MatrixSeries,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  json.labels(labels);
  // Either is left out where it is empty.
  if (values.length > 0 || histograms.length === 0) {
    json.text(',"values":[');
    for (let at = 0; at < values.length; at++) {
      if (at > 0) json.text(",");
      writePoint(json, timestampsMs[at] as number, values[at] as number);
      if (json.isFull) yield json.take();
    }
    json.text("]");
  }
  if (histograms.length === 0) return;
  json.text(',"histograms":[');
  for (const [at, { timestampMs, histogram }] of histograms.entries()) {
    if (at > 0) json.text(",");
    writeHistogramPoint(json, timestampMs, histogram);
    if (json.isFull) yield json.take();
  }
  json.text("]");
}

function writePoint(json: JsonWriter, timestampMs: number, value: number): void {
  json.text("[");
  json.seconds(timestampMs);
  json.text(",");
  json.sampleValue(value);
  json.text("]");
}

function writeHistogramPoint(
  json: JsonWriter,
  timestampMs: number,
  histogram: NativeHistogram,
): void {
  json.text("[");
  json.seconds(timestampMs);
  json.text(`,${JSON.stringify(histogramJson(histogram))}]`);
}
