import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { systemClock } from "@pharos/adapters/node";
import type { RemoteReadSettings } from "@pharos/adapters/prometheus";
import { errorText } from "@pharos/base";
import { blockCacheShares } from "../block-cache-shares.ts";
import type { Config } from "../config/config.ts";
import type { Logger } from "../log.ts";
import type { ServeOptions } from "../options.ts";
import type { QuerySettings } from "../threads/query-calls.ts";
import { QueryPool } from "../threads/query-pool.ts";
import type { StoreThread } from "../threads/store-thread.ts";
import { ActiveQueries } from "./active-queries.ts";
import { AnswerCache } from "./answer-cache.ts";
import { InProcessCache } from "./in-process-cache.ts";
import { queryCeilings } from "./query-ceilings.ts";
import { QueryLogging } from "./query-log.ts";
import type { QueryParts } from "./query-parts.ts";
import { QueryScheduler } from "./query-scheduler.ts";
import { QueryService } from "./query-service.ts";
import { TopQueries } from "./top-queries.ts";

/** Seeds are 32 bits. */
const SEEDS = 2 ** 32;
/** How long a rule may take, where people's queries have less: nobody waits for it but the next evaluation. */
const RULE_TIMEOUT_MS = 2 * 60_000;
/** How many queries that ended are remembered for what is on top. */
const TOP_QUERIES_MAX = 10_000;
/** How much of the cache is for whole answers; the rest is for results, of which any part can be used. */
const ANSWERS_PART = 1 / 4;
/** Threads that evaluate people's queries. */
export const QUERY_THREADS_MAX = availableParallelism();

export interface QuerySurroundings {
  readonly options: ServeOptions;
  readonly log: Logger;
  /** As it is now: a reload changes it. */
  readonly config: () => Config;
}

/** The threads that evaluate queries, of people and of rules. They begin with the first query. */
export function openQueryThreads(
  { options, log, config }: QuerySurroundings,
  store: StoreThread,
  remoteReads: () => readonly RemoteReadSettings[],
): QueryPool {
  const { dataFolder, lookbackMs, querySamplesMax, queryTimeoutMs } = options;
  const { global, storage } = config();
  return new QueryPool({
    store,
    settings: {
      dataFolder,
      archive: storage.archive,
      blockCacheSizeMax: blockCacheShares(options.blockCacheSizeMax, QUERY_THREADS_MAX).query,
      lookbackMs,
      samplesMax: querySamplesMax,
      timeoutMs: Math.max(RULE_TIMEOUT_MS, queryTimeoutMs),
      defaultStepMs: global.evaluationIntervalMs,
      resultCache: resultCache(options),
      remoteRead: {
        samplesMax: options.remoteReadSamplesMax,
        frameSizeMax: options.remoteReadFrameSizeMax,
      },
    },
    threadsMax: QUERY_THREADS_MAX,
    log,
    externalLabels: () => config().global.externalLabels,
    remoteReads,
  });
}

/** What stands between the API and those threads: turns, limits, caches, logs. Its `logging` is to be closed. */
export function openQueries(
  { options, log, config }: QuerySurroundings,
  threads: QueryPool,
): QueryParts {
  const scheduler = new QueryScheduler(systemClock, {
    concurrentMax: options.queryConcurrentMax,
    concurrentPerUserMax: options.queryConcurrentPerUserMax,
    queuedMax: options.queryQueuedMax,
  });
  const logging = new QueryLogging((error) =>
    log.warn({ code: error.code, error: errorText(error) }, "writing the query log"),
  );
  const active = new ActiveQueries(randomInt(SEEDS));
  const top = new TopQueries(TOP_QUERIES_MAX);
  const answers = openAnswerCache(options, threads);
  const service = new QueryService({
    ...{ clock: systemClock, scheduler, active, top },
    threads: answers?.cache ?? threads,
    userHeader: options.queryUserHeader,
    ceilings: () => queryCeilings(options, config().global.queries),
    log: () => logging.file,
  });
  return { service, scheduler, active, top, logging, answers };
}

/** Its part of the cache is for whole answers. */
function openAnswerCache(options: ServeOptions, threads: QueryPool): QueryParts["answers"] {
  const { queryCacheSizeMax, queryCacheRecentMs, queryCacheOlderMs } = options;
  if (queryCacheSizeMax === 0) return undefined;
  const kept = new InProcessCache(systemClock, queryCacheSizeMax * ANSWERS_PART);
  const cache = new AnswerCache({
    ...{ clock: systemClock, cache: kept, threads },
    process: randomInt(SEEDS).toString(36),
    changes: () => threads.changes,
    recentKeptMs: queryCacheRecentMs,
    olderKeptMs: queryCacheOlderMs,
  });
  return { cache, kept };
}

/** Each thread has its part. */
function resultCache(options: ServeOptions): QuerySettings["resultCache"] {
  const { queryCacheSizeMax, queryCacheRecentMs, queryCacheOlderMs } = options;
  if (queryCacheSizeMax === 0) return undefined;
  return {
    sizeMax: (queryCacheSizeMax * (1 - ANSWERS_PART)) / QUERY_THREADS_MAX,
    recentKeptMs: queryCacheRecentMs,
    olderKeptMs: queryCacheOlderMs,
  };
}
