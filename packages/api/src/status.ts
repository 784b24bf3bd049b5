import { z } from "zod";
import { labelsSchema, timeSchema } from "./prometheus.ts";

/** What the status of the server, its targets and its store looks like, in Prometheus's fields; ours are said to be. */

/** `data` of `targets/metadata`. */
export const targetsMetadataDataSchema = z.array(
  z.object({
    target: labelsSchema,
    /** Left out where one metric was asked for. */
    metric: z.string().optional(),
    type: z.string(),
    help: z.string(),
    unit: z.string(),
  }),
);

/** `data` of `targets/relabel_steps`: the labels after each rule. */
export const relabelStepsDataSchema = z.object({
  steps: z.array(
    z.object({
      rule: z.object({
        source_labels: z.array(z.string()).optional(),
        separator: z.string().optional(),
        regex: z.string(),
        modulus: z.int().optional(),
        target_label: z.string().optional(),
        replacement: z.string().optional(),
        action: z.string(),
      }),
      output: labelsSchema,
      keep: z.boolean(),
    }),
  ),
});

/** `data` of `scrape_pools`. */
export const scrapePoolsDataSchema = z.object({ scrapePools: z.array(z.string()) });

/** `data` of `status/config` and `scrape_pools/config`. */
export const configDataSchema = z.object({ yaml: z.string() });

const alertmanagers = z.array(z.object({ url: z.string() }));

/** `data` of `alertmanagers`. */
export const alertmanagersDataSchema = z.object({
  activeAlertmanagers: alertmanagers,
  droppedAlertmanagers: alertmanagers,
});

/** `data` of `status/runtimeinfo`. */
export const runtimeInfoDataSchema = z.object({
  startTime: timeSchema,
  CWD: z.string(),
  hostname: z.string(),
  serverTime: timeSchema,
  reloadConfigSuccess: z.boolean(),
  lastConfigTime: timeSchema,
  corruptionCount: z.int(),
  goroutineCount: z.int(),
  GOMAXPROCS: z.int(),
  GOMEMLIMIT: z.int(),
  GOGC: z.string(),
  GODEBUG: z.string(),
  storageRetention: z.string(),
});

/** `data` of `status/flags`. */
export const flagsDataSchema = z.record(z.string(), z.string());

const cardinality = z.array(z.object({ name: z.string(), value: z.int() }));

/** `data` of `status/tsdb`. */
export const tsdbStatusDataSchema = z.object({
  headStats: z.object({
    numSeries: z.int(),
    numLabelPairs: z.int(),
    chunkCount: z.int(),
    /** Unix epoch, ms; the largest and the smallest 64-bit integer where nothing is in memory. */
    minTime: z.number(),
    maxTime: z.number(),
  }),
  seriesCountByMetricName: cardinality,
  labelValueCountByLabelName: cardinality,
  memoryInBytesByLabelName: cardinality,
  seriesCountByLabelValuePair: cardinality,
});

/** `data` of `status/tsdb/blocks`. Times are in ms. */
export const tsdbBlocksDataSchema = z.object({
  blocks: z.array(
    z.object({
      ulid: z.string(),
      minTime: z.int(),
      maxTime: z.int(),
      stats: z.object({
        numSamples: z.int(),
        numSeries: z.int(),
        numChunks: z.int(),
        /** Ours. */
        numBytes: z.int(),
      }),
      compaction: z.object({ level: z.int(), sources: z.array(z.string()) }),
      version: z.int(),
      /** Ours: `raw`, or a rollup's. */
      tier: z.string(),
    }),
  ),
});

const listedBlocks = z.array(
  z.object({
    tier: z.string(),
    path: z.string(),
    minTime: z.int(),
    maxTime: z.int(),
    numBytes: z.int(),
  }),
);

/** `data` of `status/tsdb/retention`, which is ours: what would go now. */
export const tsdbRetentionDataSchema = z.object({
  numBytes: z.int(),
  expired: z.array(
    z.object({
      tier: z.string(),
      rule: z.int().nullable(),
      numSeries: z.int(),
      numSamples: z.int(),
      numBytes: z.int(),
    }),
  ),
  remove: listedBlocks,
  rewrite: listedBlocks,
});

/** `data` of `status/active_queries`: what runs or waits. Times are in ms. */
export const activeQueriesDataSchema = z.array(
  z.object({
    duration: z.string(),
    id: z.string(),
    remote_addr: z.string(),
    query: z.string(),
    start: z.number(),
    end: z.number(),
    step: z.number(),
    user: z.string(),
    source: z.string(),
    phase: z.string(),
  }),
);

/** `data` of a query that was told to end. */
export const cancelledQueryDataSchema = z.object({ id: z.string() });

const topQueries = z.array(
  z.looseObject({ query: z.string(), timeRangeSeconds: z.number(), count: z.int() }),
);

/** `data` of `status/top_queries`. */
export const topQueriesDataSchema = z.object({
  topN: z.string(),
  maxLifetime: z.string(),
  "search.queryStats.lastQueriesCount": z.int(),
  topByCount: topQueries,
  topByAvgDuration: topQueries,
  topBySumDuration: topQueries,
  topByAvgMemoryUsage: topQueries,
  topBySumSamplesRead: topQueries,
});

const queryCost = z.object({
  seriesTouched: z.number(),
  samplesRead: z.number(),
  bytes: z.number(),
});

/** `data` of `query_cost` and `query_range_cost`. */
export const queryCostDataSchema = z.object({
  estimate: queryCost,
  selectors: z.array(
    queryCost.extend({ selector: z.string(), start: z.number(), end: z.number() }),
  ),
});

/** `data` of `status/walreplay`. */
export const walReplayDataSchema = z.object({
  min: z.int(),
  max: z.int(),
  current: z.int(),
  state: z.enum(["waiting", "in progress", "done"]),
});

/** `data` of `status/self_metrics`: our own metrics by family, numbers as text. */
export const selfMetricsDataSchema = z.array(
  z.object({
    name: z.string(),
    help: z.string(),
    type: z.string(),
    metrics: z.array(
      z.object({
        labels: labelsSchema.optional(),
        value: z.string().optional(),
        quantiles: z.array(z.object({ quantile: z.string(), value: z.string() })).optional(),
        buckets: z
          .array(z.object({ upperBound: z.string(), cumulativeCount: z.string() }))
          .optional(),
        sampleCount: z.string().optional(),
        sampleSum: z.string().optional(),
      }),
    ),
  }),
);

export type SelfMetricsData = z.output<typeof selfMetricsDataSchema>;

/** `data` of `features`: what is on, by part of the system. */
export const featuresDataSchema = z.record(z.string(), z.record(z.string(), z.boolean()));

export const notificationSchema = z.object({
  text: z.string(),
  date: timeSchema,
  active: z.boolean(),
});

/** What the server wants people to know, `data` of `notifications`. */
export const notificationsDataSchema = z.array(notificationSchema);

export type Notification = z.output<typeof notificationSchema>;

/** `data` of `admin/tsdb/snapshot`. */
export const snapshotDataSchema = z.object({ name: z.string() });

const storageSize = z.object({
  blocks: z.int(),
  blockBytes: z.int(),
  rollupBlocks: z.int(),
  rollupBytes: z.int(),
  walBytes: z.int(),
});

/** `data` of `admin/tsdb/flush` and `compact`, which are ours. */
export const storageChangeDataSchema = z.object({ before: storageSize, after: storageSize });
