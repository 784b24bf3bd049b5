import { type ChangeableSettings, COMPACTION_RANGES_MS, RETENTION_PRESETS } from "@pharos/tsdb";
import type { StorageConfig } from "./config/config.ts";
import type { ServeOptions } from "./options.ts";

/** What the options say of what the configuration file may say as well, and change while the server runs. */
export type StorageOptions = Pick<
  ServeOptions,
  "outOfOrderWindowMs" | "retentionMs" | "retentionSizeMax"
>;

/** The stretches of time that blocks are merged to, up to a longest. */
export function compactionRanges(rangeMsMax: number): readonly number[] {
  return [...COMPACTION_RANGES_MS.filter((rangeMs) => rangeMs < rangeMsMax), rangeMsMax];
}

/** The store's settings that a reload changes. The file goes before the options, and both before the preset. */
export function changeableSettings(
  storage: StorageConfig,
  options: StorageOptions,
): ChangeableSettings {
  const { preset, rawMs, rules } = storage.retention;
  return {
    outOfOrderWindowMs: storage.outOfOrderTimeWindowMs ?? options.outOfOrderWindowMs,
    retentionMs: rawMs ?? options.retentionMs ?? RETENTION_PRESETS[preset].raw,
    retention: { preset, rules },
    retentionSizeMax: storage.retentionSizeMax ?? options.retentionSizeMax,
    rollups: storage.rollups,
  };
}
