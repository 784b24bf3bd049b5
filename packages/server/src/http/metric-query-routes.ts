import { type Labels, labelValue, METRIC_NAME } from "@pharos/base";
import type { QueryOptions, QueryResult } from "@pharos/promql/engine";
import { parse } from "@pharos/promql/syntax";
import { type Answer, encoded, labelsObject, streamed } from "./answer.ts";
import { badData } from "./errors.ts";
import { asksByMetric, metricQuery } from "./metric-query.ts";
import { evaluateAsked } from "./query-evaluation.ts";
import { POINTS_MAX, type QueryDependencies, queryOptions } from "./query-routes.ts";
import type { ReadRequest } from "./read-request.ts";
import { metricLabels, metricNames } from "./series-routes.ts";

/** Text goes on in pieces of about so many characters. */
const PIECE_LENGTH = 64 * 1024;

/**
 * `/api/v1/query?metric=cpu.load&range=1h`: a metric by its name, without PromQL (`metricQuery` has the parameters).
 * `{"results": [{metric, labels, datapoints: [[value, ms], …]}]}`.
 */
export async function queryByMetric(
  request: ReadRequest,
  dependencies: QueryDependencies,
): Promise<Answer> {
  const { metric, result } = await evaluate(request, dependencies);
  return streamed(encoded(graphData(metric, result, `{"results":[`, "]}")), "application/json");
}

/** `/api/v1/dashboard/query`: the same as a plain list. */
export async function dashboardQuery(
  request: ReadRequest,
  dependencies: QueryDependencies,
): Promise<Answer> {
  const { metric, result } = await evaluate(request, dependencies);
  return streamed(encoded(graphData(metric, result, "[", "]")), "application/json");
}

/** `/api/v1/dashboard/metrics`: the names of all metrics; with a metric, its series as `dashboardQuery`. */
export async function dashboardMetrics(
  request: ReadRequest,
  dependencies: QueryDependencies,
): Promise<Answer> {
  const asks = asksByMetric(request.parameters);
  return asks ? dashboardQuery(request, dependencies) : metricNames(request, dependencies);
}

/** `/api/v1/dashboard/labels`: the labels of a metric with their values; without one, of all series. */
export async function dashboardLabels(
  request: ReadRequest,
  dependencies: QueryDependencies,
): Promise<Answer> {
  return metricLabels(request, dependencies, { optional: true });
}

async function evaluate(
  request: ReadRequest,
  dependencies: QueryDependencies,
): Promise<{ readonly metric: string; readonly result: QueryResult }> {
  const { engine, store, clock } = dependencies;
  const parameters = request.parameters;
  const nowMs = clock.nowMs();
  const { metric, expr, range, stepMs } = metricQuery(parameters, nowMs);
  const options = { ...queryOptions(request, parameters, dependencies), text: expr };
  const { startMs, endMs } = range ?? { startMs: nowMs, endMs: nowMs };
  if (range !== undefined && stepMs !== undefined) {
    if (Math.floor((endMs - startMs) / stepMs) > POINTS_MAX)
      throw badData(`more than ${POINTS_MAX} points a series: use a longer step`);
    const steps = { startMs, endMs, stepMs };
    const asked = { ...askedOf(expr, options, nowMs), ...steps };
    const run = () => engine.range(store, asked.expr, steps, options);
    return { metric, ...(await evaluateAsked(asked, dependencies, run)) };
  }
  // A range selector leaves its start out, and here it belongs to the range.
  const text = range === undefined ? expr : `${expr}[${endMs - startMs + 1}ms]`;
  const asked = { ...askedOf(text, options, nowMs), startMs: endMs, endMs, stepMs: 0 };
  const run = () => engine.instant(store, asked.expr, endMs, options);
  return { metric, ...(await evaluateAsked(asked, dependencies, run)) };
}

function askedOf(
  text: string,
  { lookbackMs = 0, tier: wish = "raw" }: QueryOptions,
  nowMs: number,
) {
  const tier = { wish, nowMs };
  return { expr: parse(text), lookbackMs, tier, wantsStatistics: false, wantsCost: false };
}

function* graphData(
  metric: string,
  result: QueryResult,
  begin: string,
  end: string,
): Generator<string, void, undefined> {
  let piece = begin;
  let first = true;
  for (const { labels, times, values } of seriesOf(result)) {
    const others = labelsObject(labels.filter(([name]) => name !== METRIC_NAME));
    const name = labelValue(labels, METRIC_NAME) || metric;
    const shown = { metric: name, labels: others };
    piece += `${first ? "" : ","}${JSON.stringify(shown).slice(0, -1)},"datapoints":[`;
    first = false;
    for (let i = 0; i < values.length; i++) {
      piece += `${i > 0 ? "," : ""}[${numberJson(values[i] as number)},${times(i)}]`;
      if (piece.length < PIECE_LENGTH) continue;
      yield piece;
      piece = "";
    }
    piece += "]}";
  }
  yield piece + end;
}

interface GraphSeries {
  readonly labels: Labels;
  readonly values: Float64Array;
  /** The time of a value, in ms. */
  times(index: number): number;
}

/** A metric by its name gives a vector or a matrix. Native histograms are no points of a line. */
function* seriesOf(result: QueryResult): Generator<GraphSeries, void, undefined> {
  if (result.type === "vector") {
    const { labels, values, timestampMs, histograms } = result;
    for (const [i, set] of labels.entries())
      if (histograms?.has(i) !== true)
        yield { labels: set, values: values.subarray(i, i + 1), times: () => timestampMs };
  } else if (result.type === "matrix")
    for (const { labels, values, timestampsMs } of result.series)
      if (values.length > 0) yield { labels, values, times: (i) => timestampsMs[i] as number };
}

/** JSON has no number for NaN and the infinities. */
function numberJson(value: number): string {
  return Number.isFinite(value) ? String(value) : "null";
}
