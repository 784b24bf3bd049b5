import { z } from "zod";
import { graphDataSchema } from "../graph-data.ts";
import { metricLabelsSchema, metricNamesSchema } from "../pushed-metrics.ts";
import { type Endpoint, end, GET, json, start, v1 } from "./endpoint.ts";
import { metricParameters } from "./queries.ts";

/** What a dashboard asks for. */
export const DASHBOARD_ENDPOINTS: readonly Endpoint[] = [
  v1(
    "dashboard/metrics",
    GET,
    "The names of all metrics; with a metric, its series.",
    json(z.union([metricNamesSchema, graphDataSchema])),
    metricParameters,
  ),
  v1("dashboard/query", GET, "Series of a metric.", json(graphDataSchema), metricParameters),
  v1(
    "dashboard/labels",
    GET,
    "Labels with their values, of a metric or of all.",
    json(metricLabelsSchema),
    [{ name: "metric", description: "Only the labels of this metric." }, start, end],
  ),
];
