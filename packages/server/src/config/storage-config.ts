import { formatDuration } from "@pharos/base";
import { ROLLUP_TIERS } from "@pharos/ports";
import { type MatcherText, ROLLUPS_BY_DEFAULT, STORAGE_TIERS } from "@pharos/tsdb";
import type { z } from "zod";
import type { ArchiveConfig, StorageConfig } from "./config.ts";
import {
  archiveSchema,
  retentionPresetSchema,
  retentionSchema,
  rollupsSchema,
  storageSchema,
} from "./storage-schema.ts";
import type { YamlSource } from "./yaml-source.ts";

/** Reads one section of the file; undefined where something is wrong in it, which is reported. */
type ReadSection = <T extends z.ZodType>(schema: T, name: string) => z.output<T> | undefined;

/** What the file says about storage, retention and rollups. Where something is wrong, the result is of no use. */
export function readStorage(
  source: YamlSource,
  section: ReadSection,
  resolve: (path: string) => string,
): StorageConfig {
  const storage = section(storageSchema, "storage");
  const rules = section(retentionSchema, "retention") ?? [];
  const preset = section(retentionPresetSchema, "retention_preset") ?? "widest";
  const wanted = source.nodeAt(["rollups"]);
  const rollups = wanted === undefined ? undefined : (section(rollupsSchema, "rollups") ?? []);
  const { tsdb } = storage ?? {};
  if (storage?.out_of_order_window !== undefined && tsdb?.out_of_order_time_window !== undefined)
    source.report(
      ["storage", "out_of_order_window"],
      "the same as tsdb.out_of_order_time_window, which is given as well; one of them must go",
    );
  return {
    outOfOrderTimeWindowMs: storage?.out_of_order_window ?? tsdb?.out_of_order_time_window,
    retentionSizeMax: tsdb?.retention?.size,
    retention: {
      preset,
      rawMs: tsdb?.retention?.time,
      rules: rules.map(({ match = [], ...keys }) => ({
        matchers: match.map(plainMatcher),
        keepMs: Object.fromEntries(
          STORAGE_TIERS.flatMap((tier) => {
            const keepMs = keys[tier];
            return keepMs === undefined ? [] : [[tier, keepMs] as const];
          }),
        ),
      })),
    },
    rollups:
      rollups?.map(({ match = [], tiers, quantiles, made }) => ({
        matchers: match.map(plainMatcher),
        tiers: ROLLUP_TIERS.filter((tier) => tiers.includes(tier)),
        quantiles: ROLLUP_TIERS.filter((tier) => quantiles.includes(tier)),
        made: Object.fromEntries(
          ROLLUP_TIERS.flatMap((tier) => {
            const when = made[tier];
            return when === undefined ? [] : [[tier, when] as const];
          }),
        ),
      })) ?? ROLLUPS_BY_DEFAULT,
    archive: readArchive(source, section, resolve, tsdb?.retention?.time),
  };
}

function readArchive(
  source: YamlSource,
  section: ReadSection,
  resolve: (path: string) => string,
  rawMs: number | undefined,
): ArchiveConfig | undefined {
  // A section that is not there has no archive; one that is empty lacks a folder.
  if (source.nodeAt(["archive"]) === undefined) return undefined;
  const archive = section(archiveSchema, "archive");
  if (archive === undefined) return undefined;
  if (rawMs !== undefined && archive.after >= rawMs)
    source.report(
      ["archive", "after"],
      `must be less than storage.tsdb.retention.time, after which blocks are removed: ${formatDuration(rawMs)}`,
    );
  return { directory: resolve(archive.directory), afterMs: archive.after };
}

/** Without its compiled expression, so that it can be sent to another thread. */
function plainMatcher({ type, name, value }: MatcherText): MatcherText {
  return { type, name, value };
}
