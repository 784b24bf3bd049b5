import type { IngestQueue, ScrapeManager } from "@pharos/collect";
import type { Dispatcher } from "@pharos/notify";
import type { OwnMetrics } from "./own-metrics.ts";
import type { QueryParts } from "./queries/query-parts.ts";
import { QUERY_SOURCES, type SchedulerStats } from "./queries/query-scheduler.ts";
import type { RuleGroupCounts } from "./rules/rule-group-runner.ts";
import type { RuleManager } from "./rules/rule-manager.ts";
import type { QueryPool } from "./threads/query-pool.ts";
import type { StoreThread } from "./threads/store-thread.ts";
import { type ThreadMemory, threadMemory } from "./threads/thread-memory.ts";

/** The outcome of the last reload; a failed one leaves the time of the last good one. */
export interface ReloadStatus {
  readonly ok: boolean;
  readonly atMs: number;
}

export interface MeasuredParts {
  readonly store: StoreThread;
  storeMemory(): ThreadMemory;
  readonly threads: QueryPool;
  readonly queries: QueryParts;
  readonly scrapes: ScrapeManager;
  readonly queue: IngestQueue;
  readonly rules: RuleManager;
  readonly dispatcher: Dispatcher;
  reloaded(): ReloadStatus;
}

/** What the parts between the network and the store say of themselves at `/metrics`. */
export function addPartMetrics(metrics: OwnMetrics, parts: MeasuredParts): void {
  const { scrapes, queue, rules, dispatcher } = parts;
  addThreadMetrics(metrics, parts);
  addMemoryMetrics(metrics, parts);
  addQueryMetrics(metrics, parts.queries);
  addCacheMetrics(metrics, parts);
  // Under Prometheus's name as well, since everybody who has one watches it.
  for (const prefix of ["pharos", "prometheus"]) {
    metrics.gauge(
      `${prefix}_config_last_reload_successful`,
      "Whether the last attempt to load the configuration succeeded.",
      () => Number(parts.reloaded().ok),
    );
    metrics.gauge(
      `${prefix}_config_last_reload_success_timestamp_seconds`,
      "When the configuration was last loaded.",
      () => parts.reloaded().atMs / 1000,
    );
  }
  metrics.gauge(
    "pharos_ingest_queue_requests",
    "Pushes that were admitted and are not answered yet.",
    () => queue.stats().requests,
  );
  metrics.gauge(
    "pharos_ingest_queue_bytes",
    "Size of the bodies of these pushes.",
    () => queue.stats().bytes,
  );
  metrics.counter(
    "pharos_ingest_refused_total",
    "Pushes that were refused because the queue was full.",
    () => queue.stats().refusedTotal,
  );
  metrics.counter(
    "pharos_ingest_samples_refused_total",
    "Pushed samples that were left out since their series breaks a limit of labels, or no more series may begin.",
    () => queue.stats().samplesRefusedTotal,
  );
  const { counters } = scrapes;
  metrics.gauge(
    "pharos_targets",
    "Targets that are scraped.",
    () => scrapes.activeTargets().length,
  );
  metrics.counter("pharos_scrapes_total", "Scrapes that were tried.", () => counters.scrapes);
  metrics.counter("pharos_scrape_failures_total", "Scrapes that failed.", () => counters.failures);
  metrics.counter(
    "pharos_scrapes_missed_total",
    "Scrapes that did not happen because the one before took too long.",
    () => counters.missed,
  );
  metrics.counter("pharos_scraped_samples_total", "Samples from scrapes.", () => counters.samples);
  const byGroup = (pick: (counts: RuleGroupCounts) => number) => () =>
    [...rules.counts()].map(([group, counts]) => [{ group }, pick(counts)] as const);
  metrics.counter(
    "pharos_rule_evaluations_total",
    "Rules evaluated.",
    byGroup(({ evaluations }) => evaluations),
    ["group"],
  );
  metrics.counter(
    "pharos_rule_evaluation_failures_total",
    "Rules that could not be evaluated.",
    byGroup(({ failures }) => failures),
    ["group"],
  );
  metrics.counter(
    "pharos_rule_group_iterations_missed_total",
    "Evaluations of a group that did not happen because the one before took too long.",
    byGroup(({ missedIterations }) => missedIterations),
    ["group"],
  );
  metrics.gauge("pharos_notification_groups", "Groups of alerts.", () => dispatcher.stats().groups);
  metrics.gauge(
    "pharos_notification_outbox",
    "Notifications that are not delivered yet.",
    () => dispatcher.stats().outbox,
  );
  metrics.counter(
    "pharos_notifications_total",
    "Notifications delivered.",
    () => dispatcher.stats().delivered,
  );
  metrics.counter(
    "pharos_notifications_failed_total",
    "Notifications given up.",
    () => dispatcher.stats().failed,
  );
}

function addThreadMetrics(metrics: OwnMetrics, { store, threads }: MeasuredParts): void {
  metrics.gauge(
    "pharos_thread_utilization_ratio",
    "Share of time that a thread's event loop was busy since the thread began.",
    () => [
      [{ thread: "store" }, store.utilization],
      ...threads.utilizations.map((ratio, i) => [{ thread: `query-${i}` }, ratio] as const),
    ],
    ["thread"],
  );
  metrics.gauge(
    "pharos_query_threads",
    "Threads that evaluate queries; the first starts with the first query.",
    () => threads.stats().threads,
  );
  metrics.gauge(
    "pharos_queries",
    "Queries that are evaluated, or whose answer is still being read.",
    () => threads.stats().queries,
  );
  let memorySize = 0;
  metrics.gauge(
    "pharos_query_memory_bytes",
    "Memory that query threads had in use at the scrape before: JavaScript's heaps, and columns.",
    () => {
      // Not waited for: a thread that is held up must not hold up this.
      void threads.memorySize().then((size) => {
        memorySize = size;
      });
      return memorySize;
    },
  );
  metrics.counter(
    "pharos_query_thread_deaths_total",
    "Query threads that ended by themselves, and their queries with them.",
    () => threads.stats().deaths,
  );
  metrics.counter(
    "pharos_query_threads_stuck_total",
    "Query threads that were ended since they did not answer any more, and their queries with them.",
    () => threads.stats().stuck,
  );
}

const MEMORY_KINDS: readonly (readonly [kind: string, pick: (memory: ThreadMemory) => number])[] = [
  ["heap_used", ({ heapUsed }) => heapUsed],
  ["heap", ({ heap }) => heap],
  ["buffers", ({ buffers }) => buffers],
  ["kernels_used", ({ kernelsUsed }) => kernelsUsed],
  ["kernels", ({ kernels }) => kernels],
];

function addCacheMetrics(metrics: OwnMetrics, { threads, queries }: MeasuredParts): void {
  const { cache } = queries.service.counters;
  metrics.counter(
    "pharos_query_cache_requests_total",
    "Range queries by what the cache of results had of them: hit (all steps), partial, miss.",
    () => [
      [{ outcome: "hit" }, cache.hits],
      [{ outcome: "partial" }, cache.partialHits],
      [{ outcome: "miss" }, cache.misses],
    ],
    ["outcome"],
  );
  metrics.counter(
    "pharos_query_cache_steps_total",
    "Steps of these queries by where they came from: cache, evaluation.",
    () => [
      [{ source: "cache" }, cache.stepsCached],
      [{ source: "evaluation" }, cache.steps - cache.stepsCached],
    ],
    ["source"],
  );
  metrics.gauge(
    "pharos_query_cache_hit_rate_pct",
    "Share of these steps that came from the cache since the start, in percent; 100 before the first.",
    () => (cache.steps === 0 ? 100 : (cache.stepsCached / cache.steps) * 100),
  );
  metrics.counter(
    "pharos_query_cache_evictions_total",
    "Queries whose kept results made room for others; as of the scrape before, as the following.",
    () => threads.cacheStats.evictions,
  );
  metrics.counter(
    "pharos_query_cache_invalidations_total",
    "Queries whose kept results were dropped since an alert changed its state.",
    () => threads.cacheStats.invalidations,
  );
  metrics.gauge(
    "pharos_query_cache_queries",
    "Queries of which results are kept.",
    () => threads.cacheStats.queries,
  );
  metrics.gauge(
    "pharos_query_cache_bytes",
    "Size of what is kept, by kind: results, of which any part can be used, and whole answers.",
    () => [
      [{ kind: "results" }, threads.cacheStats.size],
      [{ kind: "answers" }, queries.answers?.kept.size ?? 0],
    ],
    ["kind"],
  );
}

function addMemoryMetrics(metrics: OwnMetrics, { storeMemory, threads }: MeasuredParts): void {
  metrics.gauge(
    "pharos_thread_memory_bytes",
    "Memory by thread and kind; that of query threads as it was at the scrape before.",
    () => {
      const memories: readonly (readonly [thread: string, memory: ThreadMemory])[] = [
        ["main", threadMemory()],
        ["store", storeMemory()],
        ...threads.memories.map((memory, i) => [`query-${i}`, memory] as const),
      ];
      return memories.flatMap(([thread, memory]) =>
        MEMORY_KINDS.map(([kind, pick]) => [{ thread, kind }, pick(memory)] as const),
      );
    },
    ["thread", "kind"],
  );
}

function addQueryMetrics(metrics: OwnMetrics, { service, scheduler, logging }: QueryParts): void {
  const { counters } = service;
  const bySource = (pick: (stats: SchedulerStats) => number) => () =>
    QUERY_SOURCES.map((source) => [{ source }, pick(scheduler.stats(source))] as const);
  metrics.gauge(
    "pharos_queries_running",
    "Queries that have their turn.",
    bySource(({ running }) => running),
    ["source"],
  );
  metrics.gauge(
    "pharos_queries_waiting",
    "Queries that wait for their turn.",
    bySource(({ waiting }) => waiting),
    ["source"],
  );
  metrics.gauge(
    "pharos_queries_concurrent_max",
    "How many queries of a source run at once.",
    () => scheduler.limits.concurrentMax,
  );
  metrics.counter("pharos_queries_total", "Queries that ended, and how.", () => counters.counts(), [
    "source",
    "outcome",
  ]);
  metrics.counter(
    "pharos_query_duration_seconds_total",
    "Time that queries took, by phase: queue_time, inner_eval.",
    () => [
      [{ slice: "queue_time" }, counters.queuedMs / 1000],
      [{ slice: "inner_eval" }, counters.evaluatedMs / 1000],
    ],
    ["slice"],
  );
  metrics.counter(
    "pharos_query_samples_read_total",
    "Samples that queries and rules read.",
    () => counters.samplesRead,
  );
  metrics.counter(
    "pharos_query_series_read_total",
    "Series that queries and rules read.",
    () => counters.seriesRead,
  );
  metrics.counter(
    "pharos_query_log_lines_dropped_total",
    "Lines left out of the query log since its disk could not keep up or failed.",
    () => logging.dropped,
  );
}
