import { randomInt } from "node:crypto";
import { availableParallelism, hostname } from "node:os";
import { setImmediate } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { nodeDisk, nodeHttpClient, systemClock } from "@pharos/adapters/node";
import type { RemoteReadSettings } from "@pharos/adapters/prometheus";
import { DEFAULT_OUTAGE_TIMES } from "@pharos/alert";
import { errorText, formatDuration } from "@pharos/base";
import { IngestQueue, renderHostMetrics, ScrapeCounters, ScrapeManager } from "@pharos/collect";
import { testReceiver } from "@pharos/notify";
import type { DocumentStore, HttpClient } from "@pharos/ports";
import { Alerting, type AlertingOptions } from "./alerting/alerting.ts";
import { addAlertingMetrics } from "./alerting/alerting-metrics.ts";
import { DeliveryMetrics } from "./alerting/delivery-metrics.ts";
import { clusterSettings, shownCluster } from "./alerting/peering.ts";
import { type BlockCacheShares, blockCacheShares } from "./block-cache-shares.ts";
import { BUILD_INFO } from "./build-info.ts";
import { nodeConfigEnvironment } from "./config-files.ts";
import { addDatabaseMetrics, DatabaseWatch } from "./database-watch.ts";
import { hostReader } from "./host-reader.ts";
import { createApi } from "./http/api.ts";
import type { RequestEnvironment } from "./http/client.ts";
import type { ApiDependencies } from "./http/dependencies.ts";
import { jsonMetrics, remoteWrite } from "./http/ingest.ts";
import { Notifications } from "./http/notifications.ts";
import { READ_PATHS } from "./http/read-routes.ts";
import { RequestGate } from "./http/request-gate.ts";
import { answerStarting } from "./http/starting.ts";
import { type Listener, type ListenerRoutes, listen, type Push } from "./listener.ts";
import { type LoadedFiles, loadFiles } from "./load-files.ts";
import type { Logger } from "./log.ts";
import { openDocuments, openLocalDocuments } from "./open-documents.ts";
import {
  formatListenAddress,
  isLoopback,
  type ListenAddress,
  reachedAt,
  type ServeOptions,
  shownOptions,
} from "./options.ts";
import { OwnMetrics } from "./own-metrics.ts";
import { readPageAssets } from "./page-assets.ts";
import { addPartMetrics, type ReloadStatus } from "./part-metrics.ts";
import { ActiveQueries } from "./queries/active-queries.ts";
import { AnswerCache } from "./queries/answer-cache.ts";
import { InProcessCache } from "./queries/in-process-cache.ts";
import { queryCeilings } from "./queries/query-ceilings.ts";
import { QueryLogging } from "./queries/query-log.ts";
import type { QueryParts } from "./queries/query-parts.ts";
import { QueryScheduler } from "./queries/query-scheduler.ts";
import { QueryService } from "./queries/query-service.ts";
import { TopQueries } from "./queries/top-queries.ts";
import { RemoteReads } from "./remote-read/remote-reads.ts";
import { addRemoteWriteMetrics } from "./remote-write-metrics.ts";
import { BodyCollector } from "./request-body.ts";
import { receiverNames, replayRouting, withChannels } from "./rule-book/channel-routing.ts";
import { RuleTester } from "./rule-book/rule-test.ts";
import { changeableSettings, compactionRanges } from "./store-settings.ts";
import { addStoreMetrics } from "./store-status.ts";
import { TargetFileWatcher, targetFiles } from "./target-files.ts";
import type { QuerySettings } from "./threads/query-calls.ts";
import { QueryPool } from "./threads/query-pool.ts";
import type { RemoteWriteStatus } from "./threads/remote-write-calls.ts";
import { RemoteWriteThread } from "./threads/remote-write-thread.ts";
import type { StoreThreadStats } from "./threads/store-calls.ts";
import { StoreThread } from "./threads/store-thread.ts";

const USER_AGENT = `Pharos/${BUILD_INFO.version}`;
/** Seeds are 32 bits. */
const SEEDS = 2 ** 32;
/** As Prometheus says it to its page. */
const RELOAD_FAILED = "Configuration reload has failed.";
const DATABASE_AWAY = "The database does not answer: what changes now cannot be kept.";
/** How long a rule may take, where people's queries have less: nobody waits for it but the next evaluation. */
const RULE_TIMEOUT_MS = 2 * 60_000;
/** How many queries that ended are remembered for what is on top. */
const TOP_QUERIES_MAX = 10_000;
/** How much of the cache is for whole answers; the rest is for results, of which any part can be used. */
const ANSWERS_PART = 1 / 4;
/** Threads that evaluate people's queries. */
const QUERY_THREADS_MAX = availableParallelism();

/** What the server tells whoever started it. */
export interface PharosEvents {
  /** Somebody asks over HTTP that the process ends. */
  onQuit(): void;
  /** Nothing can be stored any more: the process must end, so that it is started again. */
  onDeath(error: unknown): void;
}

/** The whole system in one process: everything is opened, connected and closed here. */
export class Pharos implements AsyncDisposable {
  readonly #options: ServeOptions;
  readonly #log: Logger;
  readonly #events: PharosEvents;
  readonly #closers = new AsyncDisposableStack();
  readonly #bodies = new BodyCollector();
  readonly #startTimeMs = systemClock.nowMs();
  readonly #metrics = new OwnMetrics();
  #address: ListenAddress;
  #files: LoadedFiles;
  #reloaded: ReloadStatus = { ok: true, atMs: systemClock.nowMs() };
  readonly #notifications = new Notifications(systemClock);
  #reloading: Promise<void> = Promise.resolve();
  #apply: (files: LoadedFiles) => Promise<void> = async () => {};
  #remoteReads: () => readonly RemoteReadSettings[] = () => [];
  /** Answers in place of the API while the log is replayed. */
  #fetch: ListenerRoutes["fetch"] = answerStarting;
  /** Undefined until there is something to read. */
  #read: ListenerRoutes["read"];

  private constructor(
    options: ServeOptions,
    log: Logger,
    events: PharosEvents,
    files: LoadedFiles,
  ) {
    this.#options = options;
    this.#log = log;
    this.#events = events;
    this.#files = files;
    this.#address = options.listen;
  }

  /**
   * Starts everything; when it resolves, the server is ready.
   *
   * @param storeWorker the store's thread, which does nothing yet.
   * @throws OperatingError `config.invalid` (all that is wrong in the files, or an address that is taken), `disk.failed`
   *   (another process uses the data folder), `disk.corrupt`.
   */
  static async start(
    options: ServeOptions,
    log: Logger,
    events: PharosEvents,
    storeWorker: Worker,
  ): Promise<Pharos> {
    const files = loadFiles(options, options.listen, nodeConfigEnvironment());
    const pharos = new Pharos(options, log, events, files);
    try {
      await pharos.#open(storeWorker);
    } catch (error) {
      await pharos[Symbol.asyncDispose]();
      throw error;
    }
    return pharos;
  }

  /** Where the page is. */
  get url(): string {
    return this.#options.externalUrl ?? `http://${formatListenAddress(reachedAt(this.#address))}`;
  }

  /** The path of the external URL: a proxy in front may leave it in what it passes on, or take it away. */
  get #pathPrefix(): string {
    return new URL(this.url).pathname.replace(/\/+$/, "");
  }

  get files(): LoadedFiles {
    return this.#files;
  }

  async #open(storeWorker: Worker): Promise<void> {
    const { dataFolder } = this.#options;
    nodeDisk(dataFolder); // Makes it, where it is not there yet.
    // First, since it holds the lock on the folder.
    const local = await openLocalDocuments(dataFolder);
    this.#closers.use(local);
    // Before the log is replayed, so that whoever watches the process sees that it lives.
    const push: Record<string, Push> = {};
    const listener = await this.#listen(push);
    const documents = await openDocuments(local, this.#options, this.#log);
    const database = documents === local ? undefined : this.#watchDatabase(documents);

    const store = await this.#openStore(storeWorker);
    const threads = this.#openQueryThreads(store);
    const queries = this.#openQueries(threads);
    const http = nodeHttpClient();
    this.#closers.defer(() => http.close());
    const alerting = await this.#openAlerting({ documents, http, queries, store, threads });
    // Again, so that the last request is answered before anything that it needs is closed.
    this.#closers.defer(() => listener.close());
    const { scrapes, watcher } = this.#openScraping(http, store);
    const remoteWrites = this.#openRemoteWrites(store);
    const remoteReads = new RemoteReads(() => store.oldestMs());
    this.#closers.use(remoteReads);
    this.#remoteReads = () => remoteReads.settings;
    this.#apply = async (files) => {
      const { config } = files;
      await alerting.apply(files);
      await store.applySettings(changeableSettings(config.storage, this.#options));
      scrapes.applyJobs(config.scrapeJobs);
      watcher.apply(config.scrapeJobs);
      await queries.logging.apply(config.global.queries.logFile);
      await remoteWrites.apply(config.remoteWrites, config.global.externalLabels);
      await remoteReads.apply(config.remoteReads, config.global.externalLabels);
    };
    await this.#apply(this.#files);

    const queue = new IngestQueue();
    const ingest = { queue, receiver: store };
    push["/api/v1/write"] = (headers, body) => remoteWrite(headers, body, ingest);
    push["/api/v1/metrics"] = (headers, body) => jsonMetrics(headers, body, ingest);

    let stats: StoreThreadStats = await store.stats();
    addStoreMetrics(this.#metrics, () => stats);
    const reloaded = (): ReloadStatus => this.#reloaded;
    addPartMetrics(this.#metrics, {
      ...{ store, threads, queries, scrapes, queue, reloaded },
      ...{ dispatcher: alerting.dispatcher, rules: alerting.rules },
      storeMemory: () => stats.memory,
    });
    addAlertingMetrics(this.#metrics, alerting, { clock: systemClock, reloaded });
    addDatabaseMetrics(this.#metrics, database);
    let sentOn: readonly RemoteWriteStatus[] = [];
    addRemoteWriteMetrics(this.#metrics, () => sentOn);
    const metricsText = async (): Promise<string> => {
      [stats, sentOn] = await Promise.all([store.stats(), remoteWrites.status()]);
      return this.#metrics.text();
    };
    const read = this.#createRead(queries.service);
    const parts = { store, queries, scrapes, alerting, read, metricsText, database };
    const api = this.#createApi(parts);
    this.#read = read;
    // The built-in host agent is scraped like any other target.
    this.#fetch = (request, client) =>
      new URL(request.url).pathname === "/metrics/node"
        ? hostMetrics()
        : api.fetch(request, { client });
    for (const remark of this.#files.remarks) this.#log.warn(remark);
  }

  async #listen(push: Readonly<Record<string, Push>>): Promise<Listener> {
    const pharos = this;
    const listener = await listen(this.#options.listen, {
      get read() {
        return pharos.#read;
      },
      pathPrefix: this.#pathPrefix,
      bodies: this.#bodies,
      push,
      fetch: (request, client) => this.#fetch(request, client),
      observe: (handler, code, seconds) => this.#metrics.observeHttp(handler, code, seconds),
      onBug: (error) => this.#bug(error),
    });
    this.#closers.defer(() => listener.close());
    this.#address = listener.address;
    // The configuration that watches this machine names the port, which the system may have chosen.
    if (listener.address.port !== this.#options.listen.port) this.#files = this.#loadFiles();
    return listener;
  }

  #watchDatabase(documents: DocumentStore): DatabaseWatch {
    this.#closers.use(documents);
    const watch = new DatabaseWatch({
      ...{ documents, clock: systemClock, log: this.#log },
      onChange: (isAway) =>
        isAway ? this.#notifications.begin(DATABASE_AWAY) : this.#notifications.end(DATABASE_AWAY),
    });
    this.#closers.use(watch);
    return watch;
  }

  async #openAlerting(
    parts: Pick<AlertingOptions, "documents" | "http" | "queries" | "store" | "threads">,
  ): Promise<Alerting> {
    const attempts = new DeliveryMetrics(this.#metrics);
    const alerting = await Alerting.open({
      ...parts,
      ...{ log: this.#log, files: this.#files, externalUrl: this.url },
      externalLabels: () => this.#files.config.global.externalLabels,
      rules: this.#ruleOptions(),
      cluster: clusterSettings(this.#options, this.#replicaName),
      retention: this.#alertingRetention,
      onAttempt: (integration, attempt) => attempts.attempted(integration, attempt),
      ...this.#alertLimits(),
    });
    this.#closers.use(alerting);
    return alerting;
  }

  get #alertingRetention(): AlertingOptions["retention"] {
    const { silenceRetentionMs, incidentRetentionMs, deliveryRetentionMs } = this.#options;
    return {
      silenceMs: silenceRetentionMs,
      incidentMs: incidentRetentionMs,
      deliveryMs: deliveryRetentionMs,
    };
  }

  #alertLimits(): Pick<
    AlertingOptions,
    "holdFlapping" | "alertsPerNameMax" | "notificationRateMax"
  > {
    const { alertHoldFlapping, alertsPerNameMax, notificationRateMax } = this.#options;
    return { holdFlapping: alertHoldFlapping, alertsPerNameMax, notificationRateMax };
  }

  /** This server's name among those that share its work. */
  get #replicaName(): string {
    return this.#options.replicaName ?? `${hostname()}:${this.#address.port}`;
  }

  #ruleOptions(): AlertingOptions["rules"] {
    const { rulesConcurrentMax, alertResendDelayMs } = this.#options;
    const { alertOutageToleranceMs, alertGracePeriodMs } = this.#options;
    return {
      rulesConcurrentMax,
      resendDelayMs: alertResendDelayMs,
      outage: {
        ...DEFAULT_OUTAGE_TIMES,
        outageToleranceMs: alertOutageToleranceMs,
        gracePeriodMs: alertGracePeriodMs,
      },
      replicaName: this.#replicaName,
    };
  }

  #alertRules(alerting: Alerting, read: ApiDependencies["read"]): ApiDependencies["alertRules"] {
    const { book, feed } = alerting;
    return {
      ...{ book, feed, userHeader: this.#options.queryUserHeader },
      receivers: () => receiverNames(alerting.notifications),
      tester: new RuleTester({
        ...{ clock: systemClock, read, turn: () => setImmediate(), externalUrl: this.url },
        externalLabels: () => this.#files.config.global.externalLabels,
        routing: (channels) => replayRouting(withChannels(alerting.notifications, channels)),
      }),
    };
  }

  #receivers({ dispatcher, receivers }: Alerting): ApiDependencies["receivers"] {
    const { environment } = receivers;
    return {
      config: () => dispatcher.config,
      groups: () => dispatcher.groups(),
      integrations: () => dispatcher.integrations(),
      test: (receiver, signal, labels) => testReceiver(receiver, environment, signal, labels),
      templates: (definitions) => receivers.templatesWith(definitions),
      externalUrl: this.url,
      timeZone: environment.timeZone ?? "UTC",
      mayTestOthers: this.#mayAdminister,
    };
  }

  #openScraping(
    http: HttpClient,
    store: StoreThread,
  ): { scrapes: ScrapeManager; watcher: TargetFileWatcher } {
    const scrapes = new ScrapeManager(
      {
        clock: systemClock,
        http,
        sink: store.scrapes,
        userAgent: USER_AGENT,
        offsetSeed: hostname(),
        counters: new ScrapeCounters(),
      },
      { files: targetFiles(), externalHost: hostname() },
    );
    this.#closers.use(scrapes);
    const watcher = new TargetFileWatcher((path) => scrapes.fileChanged(path));
    this.#closers.defer(() => watcher.close());
    return { scrapes, watcher };
  }

  #createRead(service: QueryService): ApiDependencies["read"] {
    const remoteReads = new RequestGate(this.#options.remoteReadConcurrentMax);
    return (request, client) =>
      request.path === READ_PATHS.remoteRead
        ? remoteReads.run(request.signal, () => service.read(request, client))
        : service.read(request, client);
  }

  #createApi({ store, queries, scrapes, alerting, read, metricsText, database }: ApiParts): {
    fetch(request: Request, environment: RequestEnvironment): Response | Promise<Response>;
  } {
    return createApi({
      clock: systemClock,
      read,
      queries: {
        nowMonotonicMs: () => systemClock.monotonicMs(),
        active: () => queries.active.list(),
        cancel: (id) => queries.active.cancel(id),
        remembered: queries.top.sizeMax,
        totals: (sinceMs) => queries.top.totals(sinceMs),
      },
      targets: {
        scrapePools: () => this.#files.config.scrapeJobs.map(({ jobName }) => jobName),
        activeTargets: () => scrapes.activeTargets(),
        droppedTargets: () => scrapes.droppedTargets(),
      },
      rules: alerting.rules,
      incidents: alerting.incidents,
      oncall: alerting.oncall,
      incidentLinks: alerting.incidents.links,
      alertRules: this.#alertRules(alerting, read),
      alertmanagers: { targets: () => alerting.sender.targets() },
      deliveries: alerting.dispatcher.log,
      cluster: alerting.peering,
      receivers: this.#receivers(alerting),
      alertmanager: {
        dispatcher: alerting.dispatcher,
        silences: alerting.silences,
        counts: alerting.counts,
        configText: () => this.#files.notificationsText,
        cluster: () =>
          shownCluster(alerting.peering, {
            ...{ name: this.#replicaName, address: this.url },
            isShared: this.#options.databaseUrl !== undefined,
          }),
      },
      metadata: {
        *metadata(metric) {
          for (const { family, type, help, unit, targetLabels } of scrapes.families())
            if (metric === undefined || metric === family)
              yield { metric: family, type, help, unit, target: targetLabels };
        },
        stored: (metric) => store.metadata(metric),
      },
      status: {
        build: BUILD_INFO,
        runtime: async () => ({
          startTimeMs: this.#startTimeMs,
          workingDirectory: process.cwd(),
          hostname: hostname(),
          reloadConfigSuccess: this.#reloaded.ok,
          lastConfigTimeMs: this.#reloaded.atMs,
          corruptionCount: (await store.stats()).problems.length,
          processors: availableParallelism(),
          storageRetention: formatDuration(this.#retentionMs),
        }),
        configText: () => this.#files.text,
        flags: () => shownOptions(this.#options),
        tsdb: (limit) => store.tsdbStatus(limit),
        blocks: () => store.blocks(),
        retention: () => {
          // As the files are now: what a reload would do can be seen before it is done.
          const { storage } = this.#loadFiles().config;
          return store.planRetention(changeableSettings(storage, this.#options));
        },
      },
      notifications: this.#notifications,
      lifecycle: {
        problem: () => database && databaseProblem(database),
        control: this.#mayControl
          ? { reload: () => this.reload(), quit: () => this.#events.onQuit() }
          : undefined,
      },
      admin: { control: this.#mayAdminister ? store : undefined },
      metricsText,
      onBug: (error) => this.#bug(error),
      assets: readPageAssets(),
      pathPrefix: this.#pathPrefix,
    });
  }

  get #retentionMs(): number {
    return changeableSettings(this.#files.config.storage, this.#options).retentionMs;
  }

  /** Whether anyone who reaches the address may reload and stop. */
  get #mayControl(): boolean {
    return this.#options.lifecycle || isLoopback(this.#options.listen);
  }

  /** Whether anyone who reaches the address may copy and delete what is stored. */
  get #mayAdminister(): boolean {
    return this.#options.adminApi || isLoopback(this.#options.listen);
  }

  get #blockCaches(): BlockCacheShares {
    return blockCacheShares(this.#options.blockCacheSizeMax, QUERY_THREADS_MAX);
  }

  async #openStore(worker: Worker): Promise<StoreThread> {
    const { dataFolder, walSyncMs, repairWal, headSeriesMax } = this.#options;
    const { logRetentionMs, logSizeMax, diskKeepFree } = this.#options;
    const { storage } = this.#files.config;
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
          blockCacheSizeMax: this.#blockCaches.store,
          compactionRangesMs: compactionRanges(this.#options.blockRangeMsMax),
          headSeriesMax,
          ...changeableSettings(storage, this.#options),
        },
      },
      this.#log,
      (error) => this.#events.onDeath(error),
      worker,
    );
    this.#closers.use(store);
    this.#bodies.joiner = store.slots;
    const { replayedSamples, replayMs, problems, remarks } = store.opened;
    if (replayedSamples > 0)
      this.#log.info({ samples: replayedSamples, ms: Math.round(replayMs) }, "read the log back");
    for (const problem of problems) this.#log.error(problem);
    for (const remark of remarks) this.#log.warn(remark);
    if (storage.archive !== undefined && storage.archive.afterMs >= this.#retentionMs)
      this.#log.warn(
        "nothing is archived: blocks are removed before they are as old as archive.after says",
      );
    return store;
  }

  #openRemoteWrites(store: StoreThread): RemoteWriteThread {
    const remoteWrites = new RemoteWriteThread({
      ...{ store, log: this.#log, userAgent: USER_AGENT },
      // The rest is for what comes in meanwhile.
      backlogSizeMax: this.#options.logSizeMax / 2,
    });
    this.#closers.use(remoteWrites);
    return remoteWrites;
  }

  #openQueries(threads: QueryPool): QueryParts {
    const { queryConcurrentMax, queryConcurrentPerUserMax, queryQueuedMax } = this.#options;
    const scheduler = new QueryScheduler(systemClock, {
      concurrentMax: queryConcurrentMax,
      concurrentPerUserMax: queryConcurrentPerUserMax,
      queuedMax: queryQueuedMax,
    });
    const logging = new QueryLogging((error) =>
      this.#log.warn({ code: error.code, error: errorText(error) }, "writing the query log"),
    );
    this.#closers.use(logging);
    const active = new ActiveQueries(randomInt(SEEDS));
    const top = new TopQueries(TOP_QUERIES_MAX);
    const answers = this.#openAnswerCache(threads);
    const service = new QueryService({
      ...{ clock: systemClock, scheduler, active, top },
      threads: answers?.cache ?? threads,
      userHeader: this.#options.queryUserHeader,
      ceilings: () => queryCeilings(this.#options, this.#files.config.global.queries),
      log: () => logging.file,
    });
    return { service, scheduler, active, top, logging, answers };
  }

  #openQueryThreads(store: StoreThread): QueryPool {
    const { dataFolder, lookbackMs, querySamplesMax, queryTimeoutMs } = this.#options;
    const { global, storage } = this.#files.config;
    const queries = new QueryPool({
      store,
      settings: {
        dataFolder,
        archive: storage.archive,
        blockCacheSizeMax: this.#blockCaches.query,
        lookbackMs,
        samplesMax: querySamplesMax,
        timeoutMs: Math.max(RULE_TIMEOUT_MS, queryTimeoutMs),
        defaultStepMs: global.evaluationIntervalMs,
        resultCache: this.#resultCache(),
        remoteRead: {
          samplesMax: this.#options.remoteReadSamplesMax,
          frameSizeMax: this.#options.remoteReadFrameSizeMax,
        },
      },
      threadsMax: QUERY_THREADS_MAX,
      log: this.#log,
      externalLabels: () => this.#files.config.global.externalLabels,
      remoteReads: () => this.#remoteReads(),
    });
    this.#closers.use(queries);
    return queries;
  }

  /** Its part of the cache is for whole answers. */
  #openAnswerCache(threads: QueryPool): QueryParts["answers"] {
    const { queryCacheSizeMax, queryCacheRecentMs, queryCacheOlderMs } = this.#options;
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
  #resultCache(): QuerySettings["resultCache"] {
    const { queryCacheSizeMax, queryCacheRecentMs, queryCacheOlderMs } = this.#options;
    if (queryCacheSizeMax === 0) return undefined;
    return {
      sizeMax: (queryCacheSizeMax * (1 - ANSWERS_PART)) / QUERY_THREADS_MAX,
      recentKeptMs: queryCacheRecentMs,
      olderKeptMs: queryCacheOlderMs,
    };
  }

  /**
   * Reads all files again and goes on with what they say; reloads run one after another.
   *
   * @throws OperatingError `config.invalid` and others: the configuration from before goes on.
   */
  reload(): Promise<void> {
    const turn = this.#reloading.then(async () => {
      try {
        const files = this.#loadFiles();
        await this.#apply(files);
        this.#files = files;
        this.#reloaded = { ok: true, atMs: systemClock.nowMs() };
        this.#notifications.end(RELOAD_FAILED);
        this.#log.info("configuration reloaded");
        for (const remark of files.remarks) this.#log.warn(remark);
      } catch (error) {
        this.#reloaded = { ...this.#reloaded, ok: false };
        this.#notifications.begin(RELOAD_FAILED);
        this.#log.error({ error: errorText(error) }, "the configuration was not reloaded");
        throw error;
      }
    });
    this.#reloading = turn.catch(() => {}); // Whoever asked for it hears of it.
    return turn;
  }

  #loadFiles(): LoadedFiles {
    return loadFiles(this.#options, this.#address, nodeConfigEnvironment());
  }

  /** A mistake of ours: it is logged with its stack and ends in an answer with status 500, not in the process's death. */
  #bug(error: unknown): void {
    this.#log.error({ error: error instanceof Error ? error.stack : String(error) }, "a bug");
  }

  /** Ends everything in the reverse order: no new samples, no new requests, then what was accepted is made durable. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closers.disposeAsync();
  }
}

interface ApiParts {
  readonly store: StoreThread;
  readonly queries: QueryParts;
  readonly scrapes: ScrapeManager;
  readonly alerting: Alerting;
  /** Undefined where documents are in the data folder. */
  readonly database: DatabaseWatch | undefined;
  metricsText(): Promise<string>;
  readonly read: ApiDependencies["read"];
}

function databaseProblem({ problem }: DatabaseWatch): string | undefined {
  return problem === undefined ? undefined : `the database does not answer: ${problem}`;
}

function hostMetrics(): Response {
  const headers = { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" };
  return new Response(renderHostMetrics(hostReader(systemClock.nowMs())), { headers });
}
