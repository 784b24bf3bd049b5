import type { Labels } from "@pharos/base";
import type { QueryResult } from "@pharos/promql/engine";

/** A time and a value in JSON, about: `[1767225600.123,"0.1234567890123"],`. */
const POINT_SIZE = 32;
/** A native histogram in JSON, with some ten buckets. */
const HISTOGRAM_SIZE = 640;
/** What stands around a label and a series. */
const LABEL_OVERHEAD = 6;
const SERIES_OVERHEAD = 32;

/** About how many bytes of JSON a result makes: a bound for what an answer may be, known before it is begun. */
export function answerSize(result: QueryResult): number {
  if (result.type === "vector") {
    const histograms = result.histograms?.size ?? 0;
    let size = (result.values.length - histograms) * POINT_SIZE + histograms * HISTOGRAM_SIZE;
    for (const labels of result.labels) size += labelsSize(labels);
    return size;
  }
  if (result.type !== "matrix") return POINT_SIZE;
  let size = 0;
  for (const { labels, values, histograms = [] } of result.series)
    size += labelsSize(labels) + values.length * POINT_SIZE + histograms.length * HISTOGRAM_SIZE;
  return size;
}

function labelsSize(labels: Labels): number {
  let size = SERIES_OVERHEAD;
  for (const [name, value] of labels) size += name.length + value.length + LABEL_OVERHEAD;
  return size;
}
