import { buildInfoDataSchema } from "../prometheus.ts";
import {
  activeQueriesDataSchema,
  cancelledQueryDataSchema,
  configDataSchema,
  featuresDataSchema,
  flagsDataSchema,
  notificationSchema,
  notificationsDataSchema,
  runtimeInfoDataSchema,
  selfMetricsDataSchema,
  topQueriesDataSchema,
  tsdbBlocksDataSchema,
  tsdbRetentionDataSchema,
  tsdbStatusDataSchema,
  walReplayDataSchema,
} from "../status.ts";
import { CHANGE, data, type Endpoint, GET, GET_OR_FORM, v1 } from "./endpoint.ts";

/** The server itself. */
export const STATUS_ENDPOINTS: readonly Endpoint[] = [
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
];
