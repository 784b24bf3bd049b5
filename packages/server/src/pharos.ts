import { mkdirSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";
import { join, resolve } from "node:path";
import { nodeDisk, nodeHttpClient, systemClock } from "@pharos/adapters/node";
import { openSqliteDocumentStore } from "@pharos/adapters/sqlite";
import {
  errorText,
  formatDuration,
  type Labels,
  NO_LABELS,
  type OperatingError,
  seededRng,
} from "@pharos/base";
import {
  IngestQueue,
  RemoteWriteReceiver,
  renderHostMetrics,
  ScrapeCounters,
  ScrapeManager,
} from "@pharos/collect";
import { ExpositionDecoder, Kernels, SampleColumns, SeriesTable } from "@pharos/kernels";
import { Dispatcher, WebhookReceiver } from "@pharos/notify";
import type { AppendResult } from "@pharos/ports";
import { createEngine } from "@pharos/promql/engine";
import { COLUMNS_MAX, type EmbeddedStore, openStore } from "@pharos/tsdb";
import { BUILD_INFO } from "./build-info.ts";
import { nodeConfigEnvironment } from "./config-files.ts";
import { hostReader } from "./host-reader.ts";
import { createApi } from "./http/api.ts";
import { jsonMetrics, remoteWrite } from "./http/ingest.ts";
import { type Listener, listen } from "./listener.ts";
import { type LoadedFiles, loadFiles } from "./load-files.ts";
import type { Logger } from "./log.ts";
import { formatListenAddress, isLoopback, type ServeOptions, shownOptions } from "./options.ts";
import { OwnMetrics } from "./own-metrics.ts";
import { readPageAssets } from "./page-assets.ts";
import type { RuleGroupCounts } from "./rules/rule-group-runner.ts";
import { RuleManager } from "./rules/rule-manager.ts";
import { addStoreMetrics, tsdbStatus } from "./store-status.ts";
import { TargetFileWatcher, targetFiles } from "./target-files.ts";

const USER_AGENT = `Pharos/${BUILD_INFO.version}`;
/** How often the store moves old samples to blocks and deletes expired ones. */
const MAINTENANCE_MS = 60_000;

/** The whole system in one process: everything is opened, connected and closed here. */
export class Pharos implements AsyncDisposable {
  readonly #options: ServeOptions;
  readonly #log: Logger;
  readonly #closers: (() => Promise<void> | void)[] = [];
  readonly #stop = new AbortController();
  readonly #startTimeMs = systemClock.nowMs();
  readonly #metrics = new OwnMetrics();
  #files: LoadedFiles;
  #externalLabels: Labels = NO_LABELS;
  #reloaded = { ok: true, atMs: systemClock.nowMs() };
  #reloading: Promise<void> = Promise.resolve();
  #apply: (files: LoadedFiles) => Promise<void> = async () => {};
  #listener: Listener | undefined;
  /** Answers in place of the API while the log is replayed. */
  #fetch: (request: Request) => Response | Promise<Response> = answerStarting;

  private constructor(options: ServeOptions, log: Logger, files: LoadedFiles) {
    this.#options = options;
    this.#log = log;
    this.#files = files;
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
    return this.#options.externalUrl ?? this.#localUrl;
  }

  get #localUrl(): string {
    const { host, port } = this.#listener?.address ?? this.#options.listen;
    const reached = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
    return `http://${formatListenAddress({ host: reached, port })}`;
  }

  get files(): LoadedFiles {
    return this.#files;
  }

  async #open(onQuit: () => void): Promise<void> {
    const { dataFolder } = this.#options;
    mkdirSync(dataFolder, { recursive: true });
    // First, since it holds the lock on the folder.
    const documents = await openSqliteDocumentStore(join(dataFolder, "pharos.db"));
    this.#onClose(() => documents[Symbol.asyncDispose]());
    // Before the log is replayed, so that whoever watches the process sees that it lives.
    const push: Record<string, Parameters<typeof listen>[1]["push"][string]> = {};
    this.#listener = await listen(this.#options.listen, {
      push,
      fetch: (request) => this.#fetch(request),
      observe: (handler, code, seconds) => this.#metrics.observeHttp(handler, code, seconds),
      onBug: (error) => this.#bug(error),
    });
    const listener = this.#listener;
    this.#onClose(() => listener.close());
    if (listener.address.port !== this.#options.listen.port)
      this.#files = loadFiles(this.#options, listener.address, nodeConfigEnvironment());

    const { store, kernels, table } = await this.#openStore();
    const http = nodeHttpClient();
    this.#onClose(() => http.close());
    const engine = createEngine({
      clock: systemClock,
      lookbackMs: this.#options.lookbackMs,
      samplesMax: this.#options.querySamplesMax,
      timeoutMs: this.#options.queryTimeoutMs,
      defaultStepMs: this.#files.config.global.evaluationIntervalMs,
    });

    const columns = new SampleColumns(kernels, COLUMNS_MAX);
    const sink = {
      columns,
      table,
      intern: store.intern.bind(store),
      appendColumns: (): AppendResult | Promise<AppendResult> => store.appendColumns(columns),
    };
    const dispatcher = await Dispatcher.open({
      config: this.#files.notifications,
      store: documents,
      clock: systemClock,
      rng: seededRng(process.pid),
      createReceiver: (config) =>
        new WebhookReceiver(config, { http, externalUrl: this.url, userAgent: USER_AGENT }),
      onProblem: (error, doing) => this.#problem(error, doing),
    });
    this.#onClose(() => dispatcher[Symbol.asyncDispose]());
    const externalLabels = (): Labels => this.#externalLabels;
    const rules = await RuleManager.open({
      clock: systemClock,
      store: documents,
      evaluate: (expr, timeMs, signal) => engine.instant(store, expr, timeMs, { signal }),
      append: (batch) => store.append(batch),
      notify: (alerts) => dispatcher.update(alerts),
      get externalLabels() {
        return externalLabels();
      },
      externalUrl: this.url,
      onProblem: (error, doing) => this.#problem(error, doing),
    });
    this.#onClose(() => rules[Symbol.asyncDispose]());
    const scrapes = new ScrapeManager(
      {
        clock: systemClock,
        http,
        sink,
        decoder: new ExpositionDecoder(kernels, table, columns),
        userAgent: USER_AGENT,
        offsetSeed: hostname(),
        counters: new ScrapeCounters(),
      },
      { files: targetFiles(), externalHost: hostname() },
    );
    this.#onClose(() => scrapes[Symbol.asyncDispose]());
    const watcher = new TargetFileWatcher((path) => scrapes.fileChanged(path));
    this.#onClose(() => watcher.close());
    this.#apply = async ({ config, groups, notifications }) => {
      await dispatcher.apply(notifications);
      this.#externalLabels = config.global.externalLabels;
      await rules.apply(groups);
      scrapes.applyJobs(config.scrapeJobs);
      watcher.apply(config.scrapeJobs);
    };
    await this.#apply(this.#files);

    const ingest = {
      clock: systemClock,
      queue: new IngestQueue(),
      receiver: new RemoteWriteReceiver(kernels, sink),
      append: store.append.bind(store),
    };
    push["/api/v1/write"] = (headers, body) => remoteWrite(headers, body, ingest);
    push["/api/v1/metrics"] = (headers, body) => jsonMetrics(headers, body, ingest);

    addStoreMetrics(this.#metrics, store, kernels);
    this.#addMetrics({ scrapes, rules, dispatcher });
    const api = createApi({
      clock: systemClock,
      engine,
      store,
      queryTimeoutMs: this.#options.queryTimeoutMs,
      lookbackMs: this.#options.lookbackMs,
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
        replaying: () => undefined,
        reload: () => this.reload(),
        quit: this.#mayControl ? onQuit : undefined,
      },
      externalLabels,
      metricsText: () => this.#metrics.text(),
      onBug: (error) => this.#bug(error),
      assets: readPageAssets(),
    });
    // The built-in host agent is scraped like any other target.
    this.#fetch = (request) =>
      new URL(request.url).pathname === "/metrics/node" ? hostMetrics() : api.fetch(request);
    for (const remark of this.#files.remarks) this.#log.warn(remark);
  }

  get #retentionMs(): number {
    return this.#files.config.storage.retentionMs ?? this.#options.retentionMs;
  }

  /** Whether anyone who reaches the address may reload and stop. */
  get #mayControl(): boolean {
    return this.#options.lifecycle || isLoopback(this.#options.listen);
  }

  async #openStore(): Promise<{ store: EmbeddedStore; kernels: Kernels; table: SeriesTable }> {
    const { walSyncMs, outOfOrderWindowMs, repairWal, dataFolder } = this.#options;
    const kernels = await Kernels.load();
    const table = new SeriesTable(kernels);
    const { storage } = this.#files.config;
    const store = await openStore({
      disk: nodeDisk(resolve(dataFolder)),
      clock: systemClock,
      kernels,
      table,
      walSync: walSyncMs === 0 ? "always" : { intervalMs: walSyncMs },
      walRepair: repairWal,
      outOfOrderWindowMs: storage.outOfOrderTimeWindowMs ?? outOfOrderWindowMs,
      retentionMs: this.#retentionMs,
    });
    this.#onClose(() => store[Symbol.asyncDispose]());
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
        const address = this.#listener?.address ?? this.#options.listen;
        const files = loadFiles(this.#options, address, nodeConfigEnvironment());
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

  #addMetrics(parts: { scrapes: ScrapeManager; rules: RuleManager; dispatcher: Dispatcher }): void {
    const { scrapes, rules, dispatcher } = parts;
    const metrics = this.#metrics;
    metrics.gauge(
      "pharos_config_last_reload_successful",
      "Whether the last attempt to load the configuration succeeded.",
      () => Number(this.#reloaded.ok),
    );
    metrics.gauge(
      "pharos_config_last_reload_success_timestamp_seconds",
      "When the configuration was last loaded.",
      () => this.#reloaded.atMs / 1000,
    );
    const { counters } = scrapes;
    metrics.gauge(
      "pharos_targets",
      "Targets that are scraped.",
      () => scrapes.activeTargets().length,
    );
    metrics.counter("pharos_scrapes_total", "Scrapes that were tried.", () => counters.scrapes);
    metrics.counter(
      "pharos_scrape_failures_total",
      "Scrapes that failed.",
      () => counters.failures,
    );
    metrics.counter(
      "pharos_scrapes_missed_total",
      "Scrapes that did not happen because the one before took too long.",
      () => counters.missed,
    );
    metrics.counter(
      "pharos_scraped_samples_total",
      "Samples from scrapes.",
      () => counters.samples,
    );
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
    metrics.gauge(
      "pharos_notification_groups",
      "Groups of alerts.",
      () => dispatcher.stats().groups,
    );
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

  #problem(error: OperatingError, doing: string): void {
    this.#log.warn({ code: error.code, error: errorText(error) }, doing);
  }

  /** A mistake of ours: it is logged with its stack and ends in an answer with status 500, not in the process's death. */
  #bug(error: unknown): void {
    this.#log.error({ error: error instanceof Error ? error.stack : String(error) }, "a bug");
  }

  #onClose(close: () => Promise<void> | void): void {
    this.#closers.push(close);
  }

  /** Ends everything in the reverse order: no new requests, no new samples, then what was accepted is made durable. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}

function hostMetrics(): Response {
  const headers = { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" };
  return new Response(renderHostMetrics(hostReader(systemClock.nowMs())), { headers });
}

function answerStarting(request: Request): Response {
  const { pathname } = new URL(request.url);
  if (pathname === "/-/healthy") return new Response("Pharos is healthy.\n");
  const error = "the log is being read back; try again shortly";
  const headers = { "Retry-After": "1" };
  return pathname.startsWith("/api/")
    ? Response.json({ status: "error", errorType: "unavailable", error }, { status: 503, headers })
    : new Response(`Service Unavailable: ${error}\n`, { status: 503, headers });
}
