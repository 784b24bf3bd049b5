import { z } from "zod";

const cost = z.object({
  seriesTouched: z.number(),
  samplesRead: z.number(),
  bytes: z.number(),
});

const selectionSchema = z.object({
  selector: z.string(),
  inferredMatchers: z.array(z.string()),
  /** Unix seconds, as all times here. */
  start: z.number(),
  end: z.number(),
  reads: z.array(
    z.object({
      from: z.enum(["raw", "1m", "5m", "1h", "1d"]),
      reason: z.enum(["chosen", "gone", "asked"]).optional(),
      start: z.number(),
      end: z.number(),
      steps: z.number(),
    }),
  ),
  sharedWith: z.number(),
  estimate: cost.optional(),
  actual: cost.omit({ bytes: true }).optional(),
});

const partSchema = z.object({
  operation: z.string(),
  steps: z.number(),
  evaluated: z.enum(["each step", "once", "elsewhere"]),
  pushedDown: z.boolean(),
  selection: selectionSchema.optional(),
  actual: z.object({ elapsedSeconds: z.number(), series: z.number() }).optional(),
});

/** A part of a query, with the parts that go into it. */
export type PlanPart = z.output<typeof partSchema> & { inputs: PlanPart[] };

/** One part; what goes into it has the same form, which is not written out, since a document would have no end. */
export const planPartSchema = partSchema.extend({
  inputs: z.array(z.looseObject({ operation: z.string() })),
});

/** `data` of `query_explain`. */
export const queryExplainDataSchema = z.object({
  /** The plan for people. */
  text: z.string(),
  plan: planPartSchema,
  estimate: cost.optional(),
  /** Of a query that was analyzed. */
  actual: cost.omit({ bytes: true }).extend({ peakSamples: z.number() }).optional(),
});
