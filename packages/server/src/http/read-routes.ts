import { type Labels, quote } from "@pharos/base";
import type { ExemplarReader } from "@pharos/ports";
import { type Answer, failure, failureOf } from "./answer.ts";
import { badData } from "./errors.ts";
import { queryExplain } from "./explain-route.ts";
import { federate } from "./federate.ts";
import { asksByMetric } from "./metric-query.ts";
import {
  dashboardLabels,
  dashboardMetrics,
  dashboardQuery,
  queryByMetric,
} from "./metric-query-routes.ts";
import {
  instantQuery,
  type QueryDependencies,
  queryCost,
  queryExemplars,
  queryRangeCost,
  rangeQuery,
} from "./query-routes.ts";
import type { ReadRequest } from "./read-request.ts";
import { type RemoteReadLimits, remoteRead } from "./remote-read.ts";
import { search } from "./search-routes.ts";
import { labelNames, labelValues, metricLabels, metricNames, series } from "./series-routes.ts";

/** All that the routes which read samples ask of the rest of the program. */
export interface ReadDependencies extends QueryDependencies {
  readonly exemplars: ExemplarReader;
  /** Labels that stand on everything that leaves this server. */
  externalLabels(): Labels;
  /** Of remote reads; Prometheus's own unless given. */
  readonly remoteRead?: RemoteReadLimits | undefined;
}

/** Answers one of `READ_PATHS`. Rejects only on a bug. */
export type ReadRoutes = (request: ReadRequest) => Promise<Answer>;

/** What is answered from samples and series, in the notation of the router. */
export const READ_PATHS = {
  instantQuery: "/api/v1/query",
  rangeQuery: "/api/v1/query_range",
  queryCost: "/api/v1/query_cost",
  queryRangeCost: "/api/v1/query_range_cost",
  queryExplain: "/api/v1/query_explain",
  exemplars: "/api/v1/query_exemplars",
  series: "/api/v1/series",
  labelNames: "/api/v1/labels",
  labelValues: "/api/v1/label/:name/values",
  metricNames: "/api/v1/metrics/names",
  metricLabels: "/api/v1/metrics/labels",
  searchMetricNames: "/api/v1/search/metric_names",
  searchLabelNames: "/api/v1/search/label_names",
  searchLabelValues: "/api/v1/search/label_values",
  dashboardQuery: "/api/v1/dashboard/query",
  dashboardMetrics: "/api/v1/dashboard/metrics",
  dashboardLabels: "/api/v1/dashboard/labels",
  federate: "/federate",
  remoteRead: "/api/v1/read",
} as const;

/** In PromQL, or of a metric by its name. */
async function query(request: ReadRequest, dependencies: ReadDependencies): Promise<Answer> {
  const asks = asksByMetric(request.parameters);
  return asks ? queryByMetric(request, dependencies) : instantQuery(request, dependencies);
}

/** How each may be asked. Long queries do not fit into a URL: most also take a form. */
export const READ_METHODS: Readonly<Record<keyof typeof READ_PATHS, readonly string[]>> = {
  instantQuery: ["GET", "POST"],
  rangeQuery: ["GET", "POST"],
  queryCost: ["GET", "POST"],
  queryRangeCost: ["GET", "POST"],
  queryExplain: ["GET", "POST"],
  exemplars: ["GET", "POST"],
  series: ["GET", "POST"],
  labelNames: ["GET", "POST"],
  labelValues: ["GET"],
  metricNames: ["GET"],
  metricLabels: ["GET"],
  searchMetricNames: ["GET", "POST"],
  searchLabelNames: ["GET", "POST"],
  searchLabelValues: ["GET", "POST"],
  dashboardQuery: ["GET"],
  dashboardMetrics: ["GET"],
  dashboardLabels: ["GET"],
  federate: ["GET"],
  remoteRead: ["POST"],
};

/** Of which `searchMetricNames` is answered with what targets say, too. */
const PLAIN_READS: ReadonlyMap<string, readonly string[]> = new Map(
  (Object.keys(READ_PATHS) as (keyof typeof READ_PATHS)[])
    .filter((name) => name !== "searchMetricNames")
    .map((name) => [READ_PATHS[name], READ_METHODS[name]]),
);

/** Whether a request is one for `ReadRoutes` alone. Whatever is unusual about it is left to the router. */
export function isPlainRead(method: string, path: string, target: string): boolean {
  const methods =
    PLAIN_READS.get(path) ?? (LABEL_VALUES.test(path) ? READ_METHODS.labelValues : undefined);
  if (methods === undefined || UNUSUAL.test(target)) return false;
  return methods.includes(method === "HEAD" ? "GET" : method);
}

/** What `URL` would write in another way, or leave out. */
const UNUSUAL = /[^!-~]|#/;
const LABEL_VALUES = /^\/api\/v1\/label\/([^/]+)\/values$/;

/**
 * The routes that may take long, apart from the others so that they can run on a thread of their own. Methods are
 * checked before.
 */
export function createReadRoutes(dependencies: ReadDependencies): ReadRoutes {
  return async (request) => {
    try {
      return await answer(request, dependencies);
    } catch (error) {
      const failed = failureOf(error);
      if (failed === undefined) throw error;
      return failed;
    }
  };
}

function answer(request: ReadRequest, dependencies: ReadDependencies): Promise<Answer> | Answer {
  const { path } = request;
  switch (path) {
    case READ_PATHS.instantQuery:
      return query(request, dependencies);
    case READ_PATHS.rangeQuery:
      return rangeQuery(request, dependencies);
    case READ_PATHS.queryCost:
      return queryCost(request, dependencies);
    case READ_PATHS.queryRangeCost:
      return queryRangeCost(request, dependencies);
    case READ_PATHS.queryExplain:
      return queryExplain(request, dependencies);
    case READ_PATHS.exemplars:
      return queryExemplars(request, dependencies);
    case READ_PATHS.series:
      return series(request, dependencies);
    case READ_PATHS.labelNames:
      return labelNames(request, dependencies);
    case READ_PATHS.metricNames:
      return metricNames(request, dependencies);
    case READ_PATHS.metricLabels:
      return metricLabels(request, dependencies);
    case READ_PATHS.searchMetricNames:
      return search(request, "metric_names", dependencies);
    case READ_PATHS.searchLabelNames:
      return search(request, "label_names", dependencies);
    case READ_PATHS.searchLabelValues:
      return search(request, "label_values", dependencies);
    case READ_PATHS.dashboardQuery:
      return dashboardQuery(request, dependencies);
    case READ_PATHS.dashboardMetrics:
      return dashboardMetrics(request, dependencies);
    case READ_PATHS.dashboardLabels:
      return dashboardLabels(request, dependencies);
    case READ_PATHS.federate:
      return federate(request, dependencies);
    case READ_PATHS.remoteRead:
      return remoteRead(request, dependencies);
  }
  const name = LABEL_VALUES.exec(path)?.[1];
  if (name !== undefined) return labelValues(request, unescaped(name), dependencies);
  return failure(404, "not_found", `there is no ${path} in this API`);
}

/** @throws OperatingError `input.invalid` for escapes that are none, or bytes that are no UTF-8. */
function unescaped(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    throw badData(`invalid label name: ${quote(part)}`, error);
  }
}
