import { z } from "zod";
import { graphDataSchema, metricQuerySchema } from "./graph-data.ts";
import {
  alertSchema,
  alertsDataSchema,
  buildInfoDataSchema,
  exemplarsDataSchema,
  metadataDataSchema,
  namesDataSchema,
  queryDataSchema,
  rulesDataSchema,
  seriesDataSchema,
  targetsDataSchema,
} from "./prometheus.ts";
import {
  METRIC_LABELS_PATH,
  METRIC_NAMES_PATH,
  METRICS_PATH,
  metricLabelsSchema,
  metricNamesSchema,
  pushAnswerSchema,
  pushRequestSchema,
} from "./pushed-metrics.ts";
import { queryExplainDataSchema } from "./query-plan.ts";
import { searchLineSchema } from "./search.ts";
import {
  activeQueriesDataSchema,
  alertmanagersDataSchema,
  cancelledQueryDataSchema,
  configDataSchema,
  featuresDataSchema,
  flagsDataSchema,
  notificationSchema,
  notificationsDataSchema,
  queryCostDataSchema,
  relabelStepsDataSchema,
  runtimeInfoDataSchema,
  scrapePoolsDataSchema,
  selfMetricsDataSchema,
  snapshotDataSchema,
  storageChangeDataSchema,
  targetsMetadataDataSchema,
  topQueriesDataSchema,
  tsdbBlocksDataSchema,
  tsdbRetentionDataSchema,
  tsdbStatusDataSchema,
  walReplayDataSchema,
} from "./status.ts";

export type Method = "get" | "post" | "put";

export interface Parameter {
  readonly name: string;
  readonly description: string;
  readonly required?: boolean;
  /** One of these, where only they are taken. */
  readonly values?: readonly string[];
  /** May be given more than once. */
  readonly repeated?: boolean;
  readonly in?: "path";
}

/** What a successful answer holds. */
export type Answer =
  /** In Prometheus's envelope. */
  | { readonly kind: "data"; readonly schema: z.ZodType }
  /** JSON without the envelope. */
  | { readonly kind: "json"; readonly schema: z.ZodType; readonly status?: number }
  /** JSON, a value a line. */
  | { readonly kind: "lines"; readonly schema: z.ZodType }
  /** Events for a browser, each with JSON. */
  | { readonly kind: "events"; readonly schema: z.ZodType }
  /** Something else than JSON. */
  | { readonly kind: "other"; readonly contentType: string }
  /** Nothing: 204. */
  | { readonly kind: "none" };

export interface Endpoint {
  /** Below the root of the server; `{name}` is a parameter. */
  readonly path: string;
  readonly methods: readonly Method[];
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  readonly answer: Answer;
  /** A body that is no form. */
  readonly body?: { readonly contentType: string; readonly schema?: z.ZodType };
}

const GET = ["get"] as const;
/** Parameters may also come as a form, since long queries do not fit into a URL. */
const GET_OR_FORM = ["get", "post"] as const;
const CHANGE = ["post", "put"] as const;

const data = (schema: z.ZodType): Answer => ({ kind: "data", schema });
const json = (schema: z.ZodType, status = 200): Answer => ({ kind: "json", schema, status });

const query: Parameter = { name: "query", description: "An expression in PromQL.", required: true };
const start: Parameter = { name: "start", description: "Unix seconds or RFC 3339." };
const end: Parameter = { name: "end", description: "Unix seconds or RFC 3339." };
const limit: Parameter = { name: "limit", description: "How many results at most; 0 for all." };
const match: Parameter = {
  name: "match[]",
  description: "A selector of series. Of several, what any of them selects.",
  repeated: true,
};
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
const metricParameters: readonly Parameter[] = [
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
const searchParameters: readonly Parameter[] = [
  match,
  { name: "search[]", description: "What names are searched for; any of them.", repeated: true },
  { name: "fuzz_threshold", description: "From 0 to 100: how well a name must answer." },
  {
    name: "fuzz_alg",
    description: "How that is measured.",
    values: ["subsequence", "jarowinkler"],
  },
  { name: "case_sensitive", description: "true unless given." },
  { name: "sort_by", description: "The order of results.", values: ["alpha", "score"] },
  { name: "sort_dir", description: "With sort_by=alpha.", values: ["asc", "dsc"] },
  { name: "include_score", description: "Whether each result says how well it answers." },
  start,
  end,
  limit,
  { name: "batch_size", description: "Results of a line." },
];
const inRange: readonly Parameter[] = [match, start, end, limit];

const v1 = (
  path: string,
  methods: readonly Method[],
  summary: string,
  answer: Answer,
  parameters: readonly Parameter[] = [],
): Endpoint => ({ path: `/api/v1/${path}`, methods, summary, parameters, answer });

/** All that the server answers to programs. */
export const ENDPOINTS: readonly Endpoint[] = [
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
  v1("series", GET_OR_FORM, "Label sets of series.", data(seriesDataSchema), [
    { ...match, required: true },
    start,
    end,
    limit,
  ]),
  v1("labels", GET_OR_FORM, "Names of labels.", data(namesDataSchema), inRange),
  v1("label/{name}/values", GET, "Values of a label.", data(namesDataSchema), [
    {
      name: "name",
      description: "As it is, or escaped as U__cpu_2e_load.",
      required: true,
      in: "path",
    },
    ...inRange,
  ]),
  v1(
    "search/metric_names",
    GET_OR_FORM,
    "Searches the names of metrics.",
    { kind: "lines", schema: searchLineSchema },
    [
      ...searchParameters,
      { name: "include_metadata", description: "Whether results have type, help and unit." },
    ],
  ),
  v1(
    "search/label_names",
    GET_OR_FORM,
    "Searches the names of labels.",
    { kind: "lines", schema: searchLineSchema },
    searchParameters,
  ),
  v1(
    "search/label_values",
    GET_OR_FORM,
    "Searches the values of a label.",
    { kind: "lines", schema: searchLineSchema },
    [{ name: "label", description: "The name of the label.", required: true }, ...searchParameters],
  ),
  v1("metadata", GET, "Type, help and unit of metrics.", data(metadataDataSchema), [
    limit,
    { name: "limit_per_metric", description: "How many entries of a metric at most." },
    { name: "metric", description: "Only this metric." },
  ]),
  v1("targets", GET, "Targets, and how their last scrape went.", data(targetsDataSchema), [
    { name: "state", description: "active, dropped or any." },
    { name: "scrapePool", description: "Only the targets of this job." },
  ]),
  v1(
    "targets/metadata",
    GET,
    "What targets say of their metrics.",
    data(targetsMetadataDataSchema),
    [
      { name: "match_target", description: "A selector of targets by their labels." },
      { name: "metric", description: "Only this metric." },
      limit,
    ],
  ),
  v1(
    "targets/relabel_steps",
    GET,
    "What each relabelling rule of a job makes of labels.",
    data(relabelStepsDataSchema),
    [
      { name: "scrapePool", description: "The name of the job.", required: true },
      { name: "labels", description: "The labels before, as a JSON object.", required: true },
    ],
  ),
  v1("scrape_pools", GET, "The names of scrape jobs.", data(scrapePoolsDataSchema)),
  v1("scrape_pools/config", GET, "The configuration of a job.", data(configDataSchema), [
    { name: "scrapePool", description: "The name of the job.", required: true },
  ]),
  v1("rules", GET, "Rules with their state.", data(rulesDataSchema), [
    { name: "type", description: "Only rules of this kind.", values: ["alert", "record"] },
    { name: "rule_name[]", description: "Only rules of this name.", repeated: true },
    { name: "rule_group[]", description: "Only groups of this name.", repeated: true },
    { name: "file[]", description: "Only rules of this file.", repeated: true },
    match,
    { name: "exclude_alerts", description: "Leaves out the alerts of the rules." },
    { name: "group_limit", description: "How many groups a page has." },
    { name: "group_next_token", description: "Where the page begins, from the one before." },
  ]),
  v1("alerts", GET, "What is pending or firing.", data(alertsDataSchema)),
  v1("alertmanagers", GET, "None: Pharos notifies by itself.", data(alertmanagersDataSchema)),
  v1("status/config", GET, "The configuration, secrets masked.", data(configDataSchema)),
  v1("status/flags", GET, "The options of the command line.", data(flagsDataSchema)),
  v1("status/runtimeinfo", GET, "The running process.", data(runtimeInfoDataSchema)),
  v1("status/buildinfo", GET, "The version.", data(buildInfoDataSchema)),
  v1("status/walreplay", GET, "How far the log has been read.", data(walReplayDataSchema)),
  v1(
    "status/tsdb",
    GET,
    "What is in memory, and what makes the most series.",
    data(tsdbStatusDataSchema),
    [{ name: "limit", description: "Entries of a list, 10 unless given." }],
  ),
  v1("status/tsdb/blocks", GET, "The blocks on disk.", data(tsdbBlocksDataSchema)),
  v1("status/tsdb/retention", GET, "What would be removed now.", data(tsdbRetentionDataSchema)),
  v1(
    "status/active_queries",
    GET,
    "Queries that run or wait, the oldest first.",
    data(activeQueriesDataSchema),
  ),
  v1("status/active_queries/{id}/cancel", CHANGE, "Ends a query.", data(cancelledQueryDataSchema), [
    { name: "id", description: "As active_queries names it.", required: true, in: "path" },
  ]),
  v1(
    "status/top_queries",
    GET_OR_FORM,
    "Queries that came most often, took longest or read most.",
    data(topQueriesDataSchema),
    [
      { name: "topN", description: "Entries of a list, 20 unless given." },
      { name: "maxLifetime", description: "How far back: 10m unless given." },
    ],
  ),
  v1("status/self_metrics", GET, "Pharos's own metrics.", data(selfMetricsDataSchema), [
    { name: "metric_name_pattern", description: "Only metrics whose whole name matches." },
  ]),
  v1("features", GET, "What this server can do.", data(featuresDataSchema)),
  v1("notifications", GET, "What the server wants people to know.", data(notificationsDataSchema)),
  v1("notifications/live", GET, "The same, and what comes later.", {
    kind: "events",
    schema: notificationSchema,
  }),
  v1("openapi.yaml", GET, "This document.", { kind: "other", contentType: "application/yaml" }, [
    { name: "openapi_version", description: "3.1 unless given.", values: ["3.1", "3.2"] },
  ]),
  v1(
    "admin/tsdb/snapshot",
    CHANGE,
    "Copies what is stored to a folder.",
    data(snapshotDataSchema),
    [{ name: "skip_head", description: "Leaves out what is in memory only." }],
  ),
  v1("admin/tsdb/delete_series", CHANGE, "Deletes samples.", { kind: "none" }, [
    { ...match, required: true },
    start,
    end,
  ]),
  v1("admin/tsdb/clean_tombstones", CHANGE, "Frees what was deleted.", { kind: "none" }),
  v1("admin/tsdb/flush", CHANGE, "Moves memory to blocks.", data(storageChangeDataSchema)),
  v1("admin/tsdb/compact", CHANGE, "Merges blocks.", data(storageChangeDataSchema)),
  {
    ...v1("write", ["post"], "Takes samples by remote write.", { kind: "none" }),
    body: { contentType: "application/x-protobuf" },
  },
  {
    ...v1("read", ["post"], "Gives samples by remote read.", {
      kind: "other",
      contentType: "application/x-protobuf",
    }),
    body: { contentType: "application/x-protobuf" },
  },
  {
    path: METRICS_PATH,
    methods: ["post"],
    summary: "Takes samples as JSON.",
    parameters: [],
    body: { contentType: "application/json", schema: pushRequestSchema },
    answer: json(pushAnswerSchema, 202),
  },
  {
    path: METRIC_NAMES_PATH,
    methods: GET,
    summary: "The names of all metrics.",
    parameters: [start, end],
    answer: json(metricNamesSchema),
  },
  {
    path: METRIC_LABELS_PATH,
    methods: GET,
    summary: "The labels of a metric with their values.",
    parameters: [
      { name: "metric", description: "The name of the metric.", required: true },
      start,
      end,
    ],
    answer: json(metricLabelsSchema),
  },
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
  v1("dashboard/alerts", GET, "Alerts that fire.", json(z.array(alertSchema))),
  {
    path: "/federate",
    methods: GET,
    summary: "The latest samples, for another server to scrape.",
    parameters: [{ ...match, required: true }],
    answer: { kind: "other", contentType: "text/plain" },
  },
];
