import { randomInt } from "node:crypto";
import type { Worker } from "node:worker_threads";
import { blockCacheShares } from "./block-cache-shares.ts";
import type { StorageConfig } from "./config/config.ts";
import type { Logger } from "./log.ts";
import type { ServeOptions } from "./options.ts";
import { QUERY_THREADS_MAX } from "./queries/open-queries.ts";
import { changeableSettings, compactionRanges } from "./store-settings.ts";
import { StoreThread } from "./threads/store-thread.ts";

/** Seeds are 32 bits. */
const SEEDS = 2 ** 32;

/**
 * Opens the store on its thread and reads the log back; says what it found.
 *
 * @param worker the thread, which does nothing yet.
 * @param onDeath told when nothing can be stored any more.
 * @throws OperatingError `disk.failed`, `disk.corrupt`.
 */
export async function openStore(
  options: ServeOptions,
  storage: StorageConfig,
  log: Logger,
  onDeath: (error: unknown) => void,
  worker: Worker,
): Promise<StoreThread> {
  const { dataFolder, walSyncMs, repairWal, headSeriesMax } = options;
  const { logRetentionMs, logSizeMax, diskKeepFree } = options;
  const changeable = changeableSettings(storage, options);
  const store = await StoreThread.open(
    {
      dataFolder,
      // One that nobody outside knows: else a sender could choose series that all collide.
      seed: randomInt(SEEDS),
      archive: storage.archive,
      settings: {
        walSync: walSyncMs === 0 ? "always" : { intervalMs: walSyncMs },
        walRepair: repairWal,
        logRetentionMs,
        logSizeMax,
        diskKeepFree,
        blockCacheSizeMax: blockCacheShares(options.blockCacheSizeMax, QUERY_THREADS_MAX).store,
        compactionRangesMs: compactionRanges(options.blockRangeMsMax),
        headSeriesMax,
        ...changeable,
      },
    },
    log,
    onDeath,
    worker,
  );
  const { replayedSamples, replayMs, problems, remarks } = store.opened;
  if (replayedSamples > 0)
    log.info({ samples: replayedSamples, ms: Math.round(replayMs) }, "read the log back");
  for (const problem of problems) log.error(problem);
  for (const remark of remarks) log.warn(remark);
  if (storage.archive !== undefined && storage.archive.afterMs >= changeable.retentionMs)
    log.warn(
      "nothing is archived: blocks are removed before they are as old as archive.after says",
    );
  return store;
}
