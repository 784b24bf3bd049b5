import { z } from "zod";
import { labelsSchema } from "./prometheus.ts";

/** A series for a chart. */
export const graphSeriesSchema = z.object({
  metric: z.string(),
  labels: labelsSchema,
  /** Each value with its time in ms; null for what JSON has no number for. */
  datapoints: z.array(z.tuple([z.number().nullable(), z.number()])),
});

/** The answer of `query?metric=…`. */
export const metricQuerySchema = z.object({ results: z.array(graphSeriesSchema) });

/** The answer of `dashboard/query`, and of `dashboard/metrics` with a metric. */
export const graphDataSchema = z.array(graphSeriesSchema);
