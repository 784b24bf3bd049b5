import { z } from "zod";

/** Where metrics are pushed as JSON, and asked for by name. */
export const METRICS_PATH = "/api/v1/metrics";
export const METRIC_NAMES_PATH = "/api/v1/metrics/names";
export const METRIC_LABELS_PATH = "/api/v1/metrics/labels";

/** JSON has no number for these. */
const specialValueSchema = z.enum(["NaN", "+Inf", "-Inf"]);

/** One sample as a client pushes it. */
export const pushedMetricSchema = z.strictObject({
  name: z.string().min(1),
  labels: z.record(z.string(), z.string()).optional(),
  /** Unix time in seconds, or in milliseconds from 10^12; now where it is absent. */
  timestamp: z.number().min(0).optional(),
  value: z.union([z.number(), specialValueSchema]),
});

/** The body of `POST /api/v1/metrics`. */
export const pushRequestSchema = z.strictObject({
  metrics: z.array(pushedMetricSchema).min(1).max(10_000),
});

/** What became of the samples of an accepted body (202); each counts once. */
export const pushAnswerSchema = z.object({
  status: z.literal("success"),
  data: z.object({
    appended: z.number(),
    duplicate: z.number(),
    tooOld: z.number(),
    tooNew: z.number(),
    conflicting: z.number(),
  }),
});

/** A refused body (400, 413, 415, 503): one entry in `errors` for each field that is wrong. */
export const pushErrorSchema = z.object({
  status: z.literal("error"),
  errorType: z.enum(["bad_data", "internal", "unavailable"]),
  error: z.string(),
  errors: z.array(z.string()).min(1),
});

/** The answer of `GET /api/v1/metrics/names`. */
export const metricNamesSchema = z.array(z.string());

/** The answer of `GET /api/v1/metrics/labels?metric=…`: values by label. */
export const metricLabelsSchema = z.record(z.string(), z.array(z.string()));
