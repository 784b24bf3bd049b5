import { z } from "zod";
import { metricQuerySchema } from "../graph-data.ts";
import { exemplarsDataSchema, queryDataSchema } from "../prometheus.ts";
import { queryExplainDataSchema } from "../query-plan.ts";
import { queryCostDataSchema } from "../status.ts";
import {
  data,
  type Endpoint,
  end,
  GET_OR_FORM,
  json,
  limit,
  type Parameter,
  query,
  start,
  v1,
} from "./endpoint.ts";

export const metricParameters: readonly Parameter[] = [
  { name: "metric", description: "The name of a metric, such as cpu.load." },
  { name: "metric_name", description: "The same." },
  { name: "labels", description: 'Labels to match: {"host":"web-01"}, or a selector.' },
  { name: "range", description: "How long the range is, such as 1h; it ends now." },
  { name: "start_time", description: "Where the range begins: Unix seconds, ms, or RFC 3339." },
  { name: "end_time", description: "Where the range ends." },
  {
    name: "aggregation",
    description: "How series are put together.",
    values: ["avg", "sum", "max", "min", "count", "percentile"],
  },
  { name: "percentile", description: "From 0 to 100; 95 unless given." },
  { name: "group_by", description: 'Labels that stay apart: ["host"], or host,region.' },
  { name: "step", description: "The time between points." },
  { name: "points", description: "How many points a series has, about." },
];

const evaluation: readonly Parameter[] = [
  { name: "timeout", description: "How long the evaluation may take: 30s, or seconds." },
  limit,
  { name: "lookback_delta", description: "How old the sample that stands for a series may be." },
  {
    name: "cost",
    description: "Whether the answer says what was estimated and what it was.",
    values: ["true", "false"],
  },
  { name: "stats", description: "Anything for statistics of the evaluation." },
  {
    name: "nocache",
    description: "Whether a range is evaluated as a whole, also what is known of it.",
    values: ["true", "false", "1", "0"],
  },
  {
    name: "tier",
    description:
      "What to answer from: samples, rollups of a tier, or what is best; auto unless given.",
    values: ["auto", "raw", "1m", "5m", "1h", "1d"],
  },
  {
    name: "max_source_resolution",
    description:
      "The same as clients of Thanos say it: auto, or the coarsest resolution, such as 5m.",
  },
];

/** Expressions: evaluated, explained, tidied up. */
export const QUERY_ENDPOINTS: readonly Endpoint[] = [
  v1(
    "query",
    GET_OR_FORM,
    "Evaluates an expression at one time. Without a query, a metric is asked for by its name.",
    json(
      z.union([
        z.object({
          status: z.literal("success"),
          data: queryDataSchema,
          warnings: z.array(z.string()).optional(),
          infos: z.array(z.string()).optional(),
        }),
        metricQuerySchema,
      ]),
    ),
    [
      { ...query, required: false },
      { name: "time", description: "Unix seconds or RFC 3339; now unless given." },
      ...evaluation,
      ...metricParameters,
    ],
  ),
  v1("query_range", GET_OR_FORM, "Evaluates an expression over a range.", data(queryDataSchema), [
    query,
    { ...start, required: true },
    { ...end, required: true },
    { name: "step", description: "The time between points: 15s, or seconds.", required: true },
    ...evaluation,
  ]),
  v1("query_cost", GET_OR_FORM, "What a query would read.", data(queryCostDataSchema), [
    query,
    { name: "time", description: "Unix seconds or RFC 3339; now unless given." },
    ...evaluation,
  ]),
  v1("query_range_cost", GET_OR_FORM, "What a range query would read.", data(queryCostDataSchema), [
    query,
    { ...start, required: true },
    { ...end, required: true },
    { name: "step", description: "The time between points.", required: true },
    ...evaluation,
  ]),
  v1(
    "query_explain",
    GET_OR_FORM,
    "How a query is evaluated: an instant query, or with a step one over a range.",
    data(queryExplainDataSchema),
    [
      query,
      { name: "time", description: "Unix seconds or RFC 3339; now unless given." },
      start,
      end,
      { name: "step", description: "The time between points." },
      {
        name: "analyze",
        description: "Whether the query is evaluated, to say what it takes.",
        values: ["true", "false"],
      },
      ...evaluation,
    ],
  ),
  v1(
    "query_exemplars",
    GET_OR_FORM,
    "The exemplars of the series that an expression selects.",
    data(exemplarsDataSchema),
    [query, start, end],
  ),
  v1("format_query", GET_OR_FORM, "An expression tidied up.", data(z.string()), [query]),
  v1(
    "parse_query",
    GET_OR_FORM,
    "The tree that an expression is.",
    data(z.looseObject({ type: z.string() })),
    [query],
  ),
];
