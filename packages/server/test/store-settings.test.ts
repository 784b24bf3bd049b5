import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../src/config/load-config.ts";
import {
  changeableSettings,
  compactionRanges,
  type StorageOptions,
} from "../src/store-settings.ts";

const DAY_MS = 86_400_000;
const NO_FILES = { env: {}, glob: (): string[] => [], readFile: () => "" };

function settingsOf(text: string, options: Partial<StorageOptions> = {}) {
  const { storage } = loadConfig(text, "file", NO_FILES).config;
  const defaults = { outOfOrderWindowMs: 1, retentionMs: undefined, retentionSizeMax: 0 };
  return changeableSettings(storage, { ...defaults, ...options });
}

test("samples are kept as the preset says, unless an option says otherwise, unless the file does", () => {
  equal(settingsOf("").retentionMs, 14 * DAY_MS);
  equal(settingsOf("retention_preset: s4").retentionMs, DAY_MS);
  equal(settingsOf("retention_preset: s4", { retentionMs: 5 }).retentionMs, 5);
  const file = "storage: {tsdb: {retention: {time: 3d}}}";
  equal(settingsOf(file, { retentionMs: 5 }).retentionMs, 3 * DAY_MS);
});

test("size and out-of-order window of the file go before the options", () => {
  const file = "storage: {out_of_order_window: 2s, tsdb: {retention: {size: 1KB}}}";
  const { outOfOrderWindowMs, retentionSizeMax } = settingsOf(file, { retentionSizeMax: 7 });
  deepEqual([outOfOrderWindowMs, retentionSizeMax], [2000, 1024]);
  equal(settingsOf("", { retentionSizeMax: 7 }).retentionSizeMax, 7);
});

test("blocks are merged up to the longest stretch that is asked for", () => {
  const hours = (list: readonly number[]) => list.map((ms) => (ms / DAY_MS) * 24);
  deepEqual(hours(compactionRanges(DAY_MS)), [2, 10, 24]);
  deepEqual(hours(compactionRanges(DAY_MS / 12)), [2]);
  deepEqual(hours(compactionRanges(DAY_MS / 2)), [2, 10, 12]);
  deepEqual(hours(compactionRanges(31 * DAY_MS)), [2, 10, 24, 744]);
});
