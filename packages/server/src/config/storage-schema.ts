import type { Matcher } from "@pharos/base";
import { ROLLUP_TIERS } from "@pharos/ports";
import { PromqlSyntaxError, parseMetricSelector } from "@pharos/promql/syntax";
import {
  DEFAULT_RETENTION_PRESET,
  MADE_WHEN,
  QUANTILE_TIERS_BY_DEFAULT,
  RETENTION_PRESETS,
  type RetentionPreset,
} from "@pharos/tsdb";
import { z } from "zod";
import { byteSize, duration, positiveDuration } from "./field-schemas.ts";
import { notYet } from "./read-yaml.ts";

export const storageSchema = z.strictObject({
  /** Prometheus's `tsdb.out_of_order_time_window` by a shorter name. */
  out_of_order_window: duration.optional(),
  tsdb: z
    .strictObject({
      out_of_order_time_window: duration.optional(),
      retention: z
        .strictObject({
          time: positiveDuration.optional(),
          size: byteSize.optional(),
          percentage: notYet("blocks are removed by their age and size only"),
        })
        .optional(),
      stale_series_compaction_threshold: notYet(),
      chunk_encoding: notYet(),
    })
    .optional(),
  exemplars: notYet("exemplars are not stored"),
});

/** Where blocks go when they are old; nowhere unless given. */
export const archiveSchema = z.strictObject({
  /** A folder, perhaps a mount of another machine; relative to the configuration file's. */
  directory: z.string().min(1),
  /** How old a block must be. */
  after: positiveDuration.default(30 * 86_400_000),
});

/** A selector of series, as matchers; every series where there is none. */
const selector = z
  .string()
  .transform((text, context): readonly Matcher[] => {
    try {
      return parseMetricSelector(text);
    } catch (error) {
      if (!(error instanceof PromqlSyntaxError)) throw error;
      const everything = error.reason.startsWith("match[] must contain");
      const message = everything
        ? "the selector must contain at least one non-empty matcher; leave match out for every series"
        : error.message;
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    }
  })
  .optional();

/** How long, in ms; `0s` for not at all. */
const keep = z
  .string()
  .transform((text, context) => {
    if (text === "forever") return Number.POSITIVE_INFINITY;
    const read = duration.safeParse(text);
    if (read.success) return read.data;
    const message = `${read.error.issues[0]?.message ?? "not a duration"}, or forever`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  })
  .optional();

/** How long the series that match are kept; the first entry that matches a series decides. */
export const retentionSchema = z.array(
  z.strictObject({ match: selector, raw: keep, "1m": keep, "5m": keep, "1h": keep, "1d": keep }),
);

const PRESET_NAMES = Object.keys(RETENTION_PRESETS) as [RetentionPreset, ...RetentionPreset[]];

export const retentionPresetSchema = z.enum(PRESET_NAMES).default(DEFAULT_RETENTION_PRESET);

const tiers = z.array(z.enum(ROLLUP_TIERS));

const madeWhen = z.enum(MADE_WHEN).optional();

/** Which tiers the series that match get; the first entry that matches a series decides, and none means no tiers. */
export const rollupsSchema = z.array(
  z.strictObject({
    match: selector,
    tiers: tiers.default([...ROLLUP_TIERS]),
    /** Which of them keep quantiles. */
    quantiles: tiers.default([...QUANTILE_TIERS_BY_DEFAULT]),
    /** When they are made, as soon as any entry asks for. */
    made: z
      .strictObject({ "1m": madeWhen, "5m": madeWhen, "1h": madeWhen, "1d": madeWhen })
      .default({}),
  }),
);
