import { type Labels, quote } from "@pharos/base";
import type { ExemplarReader } from "@pharos/ports";
import { failure, failureOf } from "./answer.ts";
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
import { parametersOf } from "./parameters.ts";
import {
  instantQuery,
  type QueryDependencies,
  queryCost,
  queryExemplars,
  queryRangeCost,
  rangeQuery,
} from "./query-routes.ts";
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
export type ReadRoutes = (request: Request) => Promise<Response>;

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
async function query(request: Request, dependencies: ReadDependencies): Promise<Response> {
  const asks = asksByMetric(await parametersOf(request));
  return asks ? queryByMetric(request, dependencies) : instantQuery(request, dependencies);
}

const LABEL_VALUES = /^\/api\/v1\/label\/([^/]*)\/values$/;

/**
 * The routes that may take long, apart from the others so that they can run on a thread of their own. Methods are
 * checked before.
 */
export function createReadRoutes(dependencies: ReadDependencies): ReadRoutes {
  return async (request) => {
    try {
      return await answer(request, dependencies);
    } catch (error) {
      const response = failureOf(error);
      if (response === undefined) throw error;
      return response;
    }
  };
}

function answer(request: Request, dependencies: ReadDependencies): Promise<Response> | Response {
  const { pathname } = new URL(request.url);
  switch (pathname) {
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
  const name = LABEL_VALUES.exec(pathname)?.[1];
  if (name !== undefined) return labelValues(request, unescaped(name), dependencies);
  return failure(404, "not_found", `there is no ${pathname} in this API`);
}

/** @throws OperatingError `input.invalid` for escapes that are none, or bytes that are no UTF-8. */
function unescaped(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    throw badData(`invalid label name: ${quote(part)}`, error);
  }
}
