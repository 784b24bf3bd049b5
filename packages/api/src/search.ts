import { z } from "zod";

/** A line of a search's answer with results. */
export const searchBatchSchema = z.object({
  results: z.array(
    z.object({
      name: z.string(),
      /** From 0 to 1; with `include_score`. */
      score: z.number().optional(),
      /** What a target says of a metric; with `include_metadata`. */
      type: z.string().optional(),
      help: z.string().optional(),
      unit: z.string().optional(),
    }),
  ),
});

/** The last line of a search's answer. */
export const searchEndSchema = z.object({ status: z.literal("success"), has_more: z.boolean() });

/** Each line of a search's answer is one of these. */
export const searchLineSchema = z.union([searchBatchSchema, searchEndSchema]);
