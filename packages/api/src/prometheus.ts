import { z } from "zod";

/**
 * What Prometheus's HTTP API answers, as far as the page reads it. Objects may have more fields than are named here:
 * a client must not fail on what a later version adds.
 */

/** Label sets of a JSON answer. */
export const labelsSchema = z.record(z.string(), z.string());

/** Unix seconds with decimals, and the value as text: `NaN`, `+Inf`, `-Inf` have no JSON number. */
export const pointSchema = z.tuple([z.number(), z.string()]);

/** Why a request failed. */
export const ERROR_TYPES = [
  "bad_data",
  "canceled",
  "execution",
  "internal",
  "not_acceptable",
  "not_found",
  "timeout",
  "unavailable",
] as const;

export const errorAnswerSchema = z.object({
  status: z.literal("error"),
  errorType: z.enum(ERROR_TYPES),
  error: z.string(),
});

export type ErrorAnswer = z.output<typeof errorAnswerSchema>;

/** The envelope around the data of a successful answer. */
export function successAnswerSchema<T extends z.ZodType>(
  data: T,
): z.ZodObject<{
  status: z.ZodLiteral<"success">;
  data: T;
  warnings: z.ZodOptional<z.ZodArray<z.ZodString>>;
  infos: z.ZodOptional<z.ZodArray<z.ZodString>>;
}> {
  return z.object({
    status: z.literal("success"),
    data,
    warnings: z.array(z.string()).optional(),
    infos: z.array(z.string()).optional(),
  });
}

const statisticsSchema = z.object({
  timings: z.record(z.string(), z.number()),
  samples: z.object({
    totalQueryableSamples: z.int(),
    peakSamples: z.int(),
    /** With `stats=all`: Unix seconds, and how many at that step. */
    totalQueryableSamplesPerStep: z.array(z.tuple([z.number(), z.int()])).optional(),
    /** Those that came from the store. */
    samplesRead: z.int(),
    /** Series that came from the store; ours. */
    seriesTouched: z.int(),
  }),
  /** Of a range that the cache of results had a part in; samples are those that were read beside. Ours. */
  cache: z.object({ steps: z.int(), stepsFromCache: z.int() }).optional(),
});

/** What a query was estimated to read and what it did, with `cost=true`; ours. */
const costSchema = z.object({
  estimated: z.object({ seriesTouched: z.number(), samplesRead: z.number(), bytes: z.number() }),
  actual: z.object({ seriesTouched: z.int(), samplesRead: z.int(), peakSamples: z.int() }),
});

const beside = { stats: statisticsSchema.optional(), cost: costSchema.optional() };

/**
 * A native histogram at its time. A bucket is which of its bounds belong to it (0 the upper, 1 the lower, 2 none, 3 both),
 * the bounds, and what it holds.
 */
const histogramPointSchema = z.tuple([
  z.number(),
  z.object({
    count: z.string(),
    sum: z.string(),
    buckets: z
      .array(z.tuple([z.literal([0, 1, 2, 3]), z.string(), z.string(), z.string()]))
      .optional(),
  }),
]);

/** `data` of `query_exemplars`. */
export const exemplarsDataSchema = z.array(
  z.object({
    seriesLabels: labelsSchema,
    exemplars: z.array(
      z.object({ labels: labelsSchema, value: z.string(), timestamp: z.number() }),
    ),
  }),
);

/** `data` of `query` and `query_range`. */
export const queryDataSchema = z.discriminatedUnion("resultType", [
  z.object({ resultType: z.literal("scalar"), result: pointSchema, ...beside }),
  z.object({ resultType: z.literal("string"), result: pointSchema, ...beside }),
  z.object({
    resultType: z.literal("vector"),
    result: z.array(
      z.union([
        z.object({ metric: labelsSchema, value: pointSchema }),
        z.object({ metric: labelsSchema, histogram: histogramPointSchema }),
      ]),
    ),
    ...beside,
  }),
  z.object({
    resultType: z.literal("matrix"),
    result: z.array(
      z.object({
        metric: labelsSchema,
        /** Left out where all samples are histograms. */
        values: z.array(pointSchema).optional(),
        histograms: z.array(histogramPointSchema).optional(),
      }),
    ),
    ...beside,
  }),
]);

export type QueryData = z.output<typeof queryDataSchema>;

/** `data` of `series`. */
export const seriesDataSchema = z.array(labelsSchema);

/** `data` of `labels` and `label/<name>/values`. */
export const namesDataSchema = z.array(z.string());

/** `data` of `metadata`, by metric. */
export const metadataDataSchema = z.record(
  z.string(),
  z.array(z.object({ type: z.string(), help: z.string(), unit: z.string() })),
);

/** RFC 3339; Go's zero time, `0001-01-01T00:00:00Z`, stands for never. */
export const timeSchema = z.iso.datetime({ offset: true });

/** `data` of `targets`. Durations in seconds. */
export const targetsDataSchema = z.object({
  activeTargets: z.array(
    z.object({
      discoveredLabels: labelsSchema,
      labels: labelsSchema,
      scrapePool: z.string(),
      scrapeUrl: z.string(),
      globalUrl: z.string(),
      lastError: z.string(),
      lastScrape: timeSchema,
      lastScrapeDuration: z.number(),
      health: z.enum(["up", "down", "unknown"]),
      scrapeInterval: z.string(),
      scrapeTimeout: z.string(),
    }),
  ),
  droppedTargets: z.array(z.object({ discoveredLabels: labelsSchema, scrapePool: z.string() })),
  droppedTargetCounts: z.record(z.string(), z.number()),
});

export const alertSchema = z.object({
  labels: labelsSchema,
  annotations: labelsSchema,
  state: z.enum(["pending", "firing"]),
  activeAt: timeSchema,
  keepFiringSince: timeSchema.optional(),
  value: z.string(),
});

/** `data` of `alerts`. */
export const alertsDataSchema = z.object({ alerts: z.array(alertSchema) });

const ruleFields = {
  name: z.string(),
  query: z.string(),
  labels: labelsSchema,
  health: z.enum(["ok", "err", "unknown"]),
  lastError: z.string().optional(),
  evaluationTime: z.number(),
  lastEvaluation: timeSchema,
};

/** `data` of `rules`. Durations in seconds. */
export const rulesDataSchema = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      file: z.string(),
      interval: z.number(),
      limit: z.number(),
      evaluationTime: z.number(),
      lastEvaluation: timeSchema,
      rules: z.array(
        z.discriminatedUnion("type", [
          z.object({
            ...ruleFields,
            type: z.literal("alerting"),
            state: z.enum(["inactive", "pending", "firing", "unknown"]),
            duration: z.number(),
            keepFiringFor: z.number(),
            annotations: labelsSchema,
            alerts: z.array(alertSchema),
          }),
          z.object({ ...ruleFields, type: z.literal("recording") }),
        ]),
      ),
    }),
  ),
  groupNextToken: z.string().optional(),
});

/** `data` of `status/buildinfo`. */
export const buildInfoDataSchema = z.object({
  version: z.string(),
  revision: z.string(),
  branch: z.string(),
  buildUser: z.string(),
  buildDate: z.string(),
  goVersion: z.string(),
});
