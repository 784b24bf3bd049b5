import { randomInt } from "node:crypto";
import { availableParallelism, hostname } from "node:os";
import { join } from "node:path";
import { nodeDisk, nodeHttpClient, systemClock } from "@pharos/adapters/node";
import { openSqliteDocumentStore } from "@pharos/adapters/sqlite";
import { errorText, formatDuration, type OperatingError, seededRng } from "@pharos/base";
import {
  type ColumnSink,
  IngestQueue,
  RemoteWriteReceiver,
  renderHostMetrics,
  ScrapeCounters,
  ScrapeManager,
  ScrapeReceiver,
} from "@pharos/collect";
import { ExpositionDecoder, Kernels, SampleColumns, SeriesTable } from "@pharos/kernels";
import { Dispatcher, WebhookReceiver } from "@pharos/notify";
import type { Disk, DocumentStore, HttpClient } from "@pharos/ports";
import { createEngine, type Engine } from "@pharos/promql/engine";
import { COLUMNS_MAX, type EmbeddedStore, openStore } from "@pharos/tsdb";
import { BUILD_INFO } from "./build-info.ts";
import { nodeConfigEnvironment } from "./config-files.ts";
import { hostReader } from "./host-reader.ts";
import { createApi } from "./http/api.ts";
import { jsonMetrics, remoteWrite } from "./http/ingest.ts";
import { createReadRoutes } from "./http/read-routes.ts";
import { answerStarting } from "./http/starting.ts";
import { type Listener, listen, type Push } from "./listener.ts";
import { type LoadedFiles, loadFiles } from "./load-files.ts";
import type { Logger } from "./log.ts";
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
import { RuleManager } from "./rules/rule-manager.ts";
import { addStoreMetrics, tsdbStatus } from "./store-status.ts";
import { TargetFileWatcher, targetFiles } from "./target-files.ts";

const USER_AGENT = `Pharos/${BUILD_INFO.version}`;
/** Seeds are 32 bits. */
const SEEDS = 2 ** 32;
/** How often the store moves old samples to blocks and deletes expired ones. */
const MAINTENANCE_MS = 60_000;

/** The whole system in one process: everything is opened, connected and closed here. */
export class Pharos implements AsyncDisposable {
  readonly #options: ServeOptions;
  readonly #log: Logger;
  readonly #closers = new AsyncDisposableStack();
  readonly #stop = new AbortController();
  readonly #startTimeMs = systemClock.nowMs();
  readonly #metrics = new OwnMetrics();
  #address: ListenAddress;
  #files: LoadedFiles;
  #reloaded: ReloadStatus = { ok: true, atMs: systemClock.nowMs() };
  #reloading: Promise<void> = Promise.resolve();
  #apply: (files: LoadedFiles) => Promise<void> = async () => {};
  /** Answers in place of the API while the log is replayed. */
  #fetch: (request: Request) => Response | Promise<Response> = answerStarting;

  private constructor(options: ServeOptions, log: Logger, files: LoadedFiles) {
    this.#options = options;
    this.#log = log;
    this.#files = files;
    this.#address = options.listen;
  }

  /**
   * Starts everything; when it resolves, the server is ready.
   *
   * @param onQuit called when somebody asks over HTTP that the process ends.
   * @throws OperatingError `config.invalid` (all that is wrong in the files, or an address that is taken), `disk.failed`
   *   (another process uses the data folder), `disk.corrupt`.
   */
  static async start(options: ServeOptions, log: Logger, onQuit: () => void): Promise<Pharos> {
    const files = loadFiles(options, options.listen, nodeConfigEnvironment());
    const pharos = new Pharos(options, log, files);
    try {
      await pharos.#open(onQuit);
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

  async #open(onQuit: () => void): Promise<void> {
    const { dataFolder } = this.#options;
    const disk = nodeDisk(dataFolder);
    // First, since it holds the lock on the folder.
    const documents = await openSqliteDocumentStore(join(dataFolder, "pharos.db"));
    this.#closers.use(documents);
    // Before the log is replayed, so that whoever watches the process sees that it lives.
    const push: Record<string, Push> = {};
    const listener = await this.#listen(push);

    const embedded = await this.#openStore(disk);
    const { store, kernels } = embedded;
    const http = nodeHttpClient();
    this.#closers.defer(() => http.close());
    const engine = createEngine({
      clock: systemClock,
      lookbackMs: this.#options.lookbackMs,
      samplesMax: this.#options.querySamplesMax,
      timeoutMs: this.#options.queryTimeoutMs,
      defaultStepMs: this.#files.config.global.evaluationIntervalMs,
    });
    const alerting = await this.#openAlerting(documents, http, engine, store);
    // Again, so that the last request is answered before anything that it needs is closed.
    this.#closers.defer(() => listener.close());
    const sink = sinkOf(embedded);
    const { scrapes, watcher } = this.#openScraping(http, sink, embedded);
    this.#apply = async ({ config, groups, notifications }) => {
      await alerting.dispatcher.apply(notifications);
      await alerting.rules.apply(groups);
      scrapes.applyJobs(config.scrapeJobs);
      watcher.apply(config.scrapeJobs);
    };
    await this.#apply(this.#files);

    const queue = new IngestQueue();
    const ingest = {
      clock: systemClock,
      queue,
      receiver: new RemoteWriteReceiver(kernels, sink),
      append: store.append.bind(store),
    };
    push["/api/v1/write"] = (headers, body) => remoteWrite(headers, body, ingest);
    push["/api/v1/metrics"] = (headers, body) => jsonMetrics(headers, body, ingest);

    addStoreMetrics(this.#metrics, store, kernels);
    const reloaded = (): ReloadStatus => this.#reloaded;
    addPartMetrics(this.#metrics, { scrapes, queue, ...alerting, reloaded });
    const api = this.#createApi(store, engine, scrapes, alerting.rules, onQuit);
    // The built-in host agent is scraped like any other target.
    this.#fetch = (request) =>
      new URL(request.url).pathname === "/metrics/node" ? hostMetrics() : api.fetch(request);
    for (const remark of this.#files.remarks) this.#log.warn(remark);
  }

  async #listen(push: Readonly<Record<string, Push>>): Promise<Listener> {
    const listener = await listen(this.#options.listen, {
      pathPrefix: this.#pathPrefix,
      push,
      fetch: (request) => this.#fetch(request),
      observe: (handler, code, seconds) => this.#metrics.observeHttp(handler, code, seconds),
      onBug: (error) => this.#bug(error),
    });
    this.#closers.defer(() => listener.close());
    this.#address = listener.address;
    // The configuration that watches this machine names the port, which the system may have chosen.
    if (listener.address.port !== this.#options.listen.port) this.#files = this.#loadFiles();
    return listener;
  }

  async #openAlerting(
    documents: DocumentStore,
    http: HttpClient,
    engine: Engine,
    store: EmbeddedStore,
  ): Promise<{ dispatcher: Dispatcher; rules: RuleManager }> {
    const onProblem = (error: OperatingError, doing: string): void =>
      this.#log.warn({ code: error.code, error: errorText(error) }, doing);
    const dispatcher = await Dispatcher.open({
      config: this.#files.notifications,
      store: documents,
      clock: systemClock,
      rng: seededRng(randomInt(SEEDS)),
      createReceiver: (config) =>
        new WebhookReceiver(config, { http, externalUrl: this.url, userAgent: USER_AGENT }),
      onProblem,
    });
    this.#closers.use(dispatcher);
    const rules = await RuleManager.open({
      clock: systemClock,
      store: documents,
      evaluate: (expr, timeMs, signal) => engine.instant(store, expr, timeMs, { signal }),
      append: (batch) => store.append(batch),
      notify: (alerts) => dispatcher.update(alerts),
      externalLabels: () => this.#files.config.global.externalLabels,
      externalUrl: this.url,
      onProblem,
    });
    this.#closers.use(rules);
    return { dispatcher, rules };
  }

  #openScraping(
    http: HttpClient,
    sink: ColumnSink,
    { kernels, table }: OpenedStore,
  ): { scrapes: ScrapeManager; watcher: TargetFileWatcher } {
    const scrapes = new ScrapeManager(
      {
        clock: systemClock,
        http,
        sink: new ScrapeReceiver({
          clock: systemClock,
          sink,
          decoder: new ExpositionDecoder(kernels, table, sink.columns),
        }),
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

  #createApi(
    store: EmbeddedStore,
    engine: Engine,
    scrapes: ScrapeManager,
    rules: RuleManager,
    onQuit: () => void,
  ): { fetch(request: Request): Response | Promise<Response> } {
    return createApi({
      clock: systemClock,
      read: createReadRoutes({
        clock: systemClock,
        engine,
        store,
        queryTimeoutMs: this.#options.queryTimeoutMs,
        lookbackMs: this.#options.lookbackMs,
        externalLabels: () => this.#files.config.global.externalLabels,
      }),
      targets: {
        scrapePools: () => this.#files.config.scrapeJobs.map(({ jobName }) => jobName),
        activeTargets: () => scrapes.activeTargets(),
        droppedTargets: () => scrapes.droppedTargets(),
      },
      rules: { groups: () => rules.groups() },
      metadata: {
        *metadata(metric) {
          for (const { family, type, help, unit, targetLabels } of scrapes.families())
            if (metric === undefined || metric === family)
              yield { metric: family, type, help, unit, target: targetLabels };
        },
      },
      status: {
        build: BUILD_INFO,
        runtime: () => ({
          startTimeMs: this.#startTimeMs,
          workingDirectory: process.cwd(),
          hostname: hostname(),
          reloadConfigSuccess: this.#reloaded.ok,
          lastConfigTimeMs: this.#reloaded.atMs,
          corruptionCount: store.stats().problems.length,
          processors: availableParallelism(),
          storageRetention: formatDuration(this.#retentionMs),
        }),
        configText: () => this.#files.text,
        flags: () => shownOptions(this.#options),
        tsdb: (limit) => tsdbStatus(store, limit),
      },
      lifecycle: {
        control: this.#mayControl ? { reload: () => this.reload(), quit: onQuit } : undefined,
      },
      metricsText: () => this.#metrics.text(),
      onBug: (error) => this.#bug(error),
      assets: readPageAssets(),
      pathPrefix: this.#pathPrefix,
    });
  }

  get #retentionMs(): number {
    return this.#files.config.storage.retention.rawMs ?? this.#options.retentionMs;
  }

  /** Whether anyone who reaches the address may reload and stop. */
  get #mayControl(): boolean {
    return this.#options.lifecycle || isLoopback(this.#options.listen);
  }

  async #openStore(disk: Disk): Promise<OpenedStore> {
    const { walSyncMs, outOfOrderWindowMs, repairWal, headSeriesMax } = this.#options;
    const kernels = await Kernels.load();
    // A seed that nobody outside knows: else a sender could choose series that all collide.
    const table = new SeriesTable(kernels, { seed: randomInt(SEEDS) });
    const { storage } = this.#files.config;
    const store = await openStore({
      disk,
      clock: systemClock,
      kernels,
      table,
      walSync: walSyncMs === 0 ? "always" : { intervalMs: walSyncMs },
      walRepair: repairWal,
      headSeriesMax,
      outOfOrderWindowMs: storage.outOfOrderTimeWindowMs ?? outOfOrderWindowMs,
      retentionMs: this.#retentionMs,
    });
    this.#closers.use(store);
    const { replayedSamples, replayMs, problems } = store.stats();
    if (replayedSamples > 0)
      this.#log.info({ samples: replayedSamples, ms: Math.round(replayMs) }, "read the log back");
    for (const problem of problems) this.#log.error(problem);
    void this.#maintain(store);
    return { store, kernels, table };
  }

  async #maintain(store: EmbeddedStore): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await store.maintain(systemClock.nowMs()).catch((error: unknown) => {
        if (!signal.aborted) this.#log.error({ error: errorText(error) }, "maintaining the store");
      });
      await systemClock.sleep(MAINTENANCE_MS, signal).catch(() => {}); // Only the signal ends it.
    }
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
        this.#log.info("configuration reloaded");
        for (const remark of files.remarks) this.#log.warn(remark);
      } catch (error) {
        this.#reloaded = { ...this.#reloaded, ok: false };
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
    this.#stop.abort();
    await this.#closers.disposeAsync();
  }
}

interface OpenedStore {
  readonly store: EmbeddedStore;
  readonly kernels: Kernels;
  readonly table: SeriesTable;
}

/** Where scrapes and remote writes put their samples: decoded into the store's own memory, and appended from there. */
function sinkOf({ store, kernels, table }: OpenedStore): ColumnSink {
  const columns = new SampleColumns(kernels, COLUMNS_MAX);
  return {
    columns,
    table,
    get seriesEnded() {
      return store.seriesEnded;
    },
    intern: store.intern.bind(store),
    appendColumns: () => store.appendColumns(columns),
  };
}

function hostMetrics(): Response {
  const headers = { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" };
  return new Response(renderHostMetrics(hostReader(systemClock.nowMs())), { headers });
}
