import { hostname } from "node:os";
import type { Worker } from "node:worker_threads";
import { nodeDisk, nodeHttpClient, systemClock } from "@pharos/adapters/node";
import type { RemoteReadSettings } from "@pharos/adapters/prometheus";
import { IngestQueue, renderHostMetrics, ScrapeCounters, ScrapeManager } from "@pharos/collect";
import type { DocumentStore, HttpClient } from "@pharos/ports";
import { Alerting, type AlertingOptions } from "./alerting/alerting.ts";
import { addAlertingMetrics } from "./alerting/alerting-metrics.ts";
import { alertingSettings } from "./alerting/alerting-settings.ts";
import { DeliveryMetrics } from "./alerting/delivery-metrics.ts";
import { apiDependencies } from "./api-dependencies.ts";
import { BUILD_INFO } from "./build-info.ts";
import { addDatabaseMetrics, DatabaseWatch } from "./database-watch.ts";
import { hostReader } from "./host-reader.ts";
import { createApi } from "./http/api.ts";
import type { ApiDependencies } from "./http/dependencies.ts";
import { jsonMetrics, remoteWrite } from "./http/ingest.ts";
import { Notifications } from "./http/notifications.ts";
import { READ_PATHS } from "./http/read-routes.ts";
import { RequestGate } from "./http/request-gate.ts";
import { answerStarting } from "./http/starting.ts";
import { type Listener, type ListenerRoutes, listen, type Push } from "./listener.ts";
import type { LoadedFiles } from "./load-files.ts";
import type { Logger } from "./log.ts";
import { openDocuments, openLocalDocuments } from "./open-documents.ts";
import { openStore } from "./open-store.ts";
import {
  formatListenAddress,
  type ListenAddress,
  reachedAt,
  type ServeOptions,
} from "./options.ts";
import { OwnMetrics } from "./own-metrics.ts";
import { addPartMetrics, type ReloadStatus } from "./part-metrics.ts";
import { openQueries, openQueryThreads } from "./queries/open-queries.ts";
import type { QueryParts } from "./queries/query-parts.ts";
import type { QueryService } from "./queries/query-service.ts";
import { RemoteReads } from "./remote-read/remote-reads.ts";
import { addRemoteWriteMetrics } from "./remote-write-metrics.ts";
import { BodyCollector } from "./request-body.ts";
import { addSendingLatency } from "./rule-metrics.ts";
import { RunningFiles } from "./running-files.ts";
import { changeableSettings } from "./store-settings.ts";
import { addStoreMetrics } from "./store-status.ts";
import { TargetFileWatcher, targetFiles } from "./target-files.ts";
import type { QueryPool } from "./threads/query-pool.ts";
import type { RemoteWriteStatus } from "./threads/remote-write-calls.ts";
import { RemoteWriteThread } from "./threads/remote-write-thread.ts";
import type { StoreThreadStats } from "./threads/store-calls.ts";
import type { StoreThread } from "./threads/store-thread.ts";
import type { ThreadMemory } from "./threads/thread-memory.ts";

const USER_AGENT = `Pharos/${BUILD_INFO.version}`;
const DATABASE_AWAY = "The database does not answer: what changes now cannot be kept.";

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
  readonly #notifications = new Notifications(systemClock);
  readonly #files: RunningFiles;
  #apply: (files: LoadedFiles) => Promise<void> = async () => {};
  #remoteReads: () => readonly RemoteReadSettings[] = () => [];
  /** Answers in place of the API while the log is replayed. */
  #fetch: ListenerRoutes["fetch"] = answerStarting;
  /** Undefined until there is something to read. */
  #read: ListenerRoutes["read"];

  private constructor(options: ServeOptions, log: Logger, events: PharosEvents) {
    this.#options = options;
    this.#log = log;
    this.#events = events;
    this.#address = options.listen;
    this.#files = new RunningFiles(options, log, this.#notifications);
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
    const pharos = new Pharos(options, log, events);
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
    return this.#files.current;
  }

  /** This server's name among those that share its work. */
  get #replicaName(): string {
    return this.#options.replicaName ?? `${hostname()}:${this.#address.port}`;
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
    const { threads, queries } = this.#openQueries(store);
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
    await this.#apply(this.files);

    const queue = new IngestQueue();
    const ingest = { queue, receiver: store };
    push["/api/v1/write"] = (headers, body) => remoteWrite(headers, body, ingest);
    push["/api/v1/metrics"] = (headers, body) => jsonMetrics(headers, body, ingest);

    const metricsText = await this.#addMetrics({
      ...{ store, threads, queries, alerting, scrapes, queue, remoteWrites, database },
    });
    const read = this.#createRead(queries.service);
    const api = createApi(
      apiDependencies({
        ...{ store, queries, scrapes, alerting, database, read, metricsText },
        ...{ options: this.#options, files: this.#files, notifications: this.#notifications },
        ...{ url: this.url, pathPrefix: this.#pathPrefix, replicaName: this.#replicaName },
        startTimeMs: this.#startTimeMs,
        reload: () => this.reload(),
        quit: () => this.#events.onQuit(),
        onBug: (error) => this.#bug(error),
      }),
    );
    this.#read = read;
    // The built-in host agent is scraped like any other target.
    this.#fetch = (request, client) =>
      new URL(request.url).pathname === "/metrics/node"
        ? hostMetrics()
        : api.fetch(request, { client });
    for (const remark of this.files.remarks) this.#log.warn(remark);
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
    this.#files.listensAt(listener.address);
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

  async #openStore(worker: Worker): Promise<StoreThread> {
    const { storage } = this.files.config;
    const onDeath = (error: unknown): void => this.#events.onDeath(error);
    const store = await openStore(this.#options, storage, this.#log, onDeath, worker);
    this.#closers.use(store);
    this.#bodies.joiner = store.slots;
    return store;
  }

  #openQueries(store: StoreThread): { threads: QueryPool; queries: QueryParts } {
    const surroundings = {
      ...{ options: this.#options, log: this.#log },
      config: () => this.files.config,
    };
    const threads = openQueryThreads(surroundings, store, () => this.#remoteReads());
    this.#closers.use(threads);
    const queries = openQueries(surroundings, threads);
    this.#closers.use(queries.logging);
    return { threads, queries };
  }

  async #openAlerting(
    parts: Pick<AlertingOptions, "documents" | "http" | "queries" | "store" | "threads">,
  ): Promise<Alerting> {
    const attempts = new DeliveryMetrics(this.#metrics);
    const alerting = await Alerting.open({
      ...parts,
      ...alertingSettings(this.#options, this.#replicaName),
      ...{ log: this.#log, files: this.files, externalUrl: this.url },
      externalLabels: () => this.files.config.global.externalLabels,
      onAttempt: (integration, attempt) => attempts.attempted(integration, attempt),
      onAlertsSent: addSendingLatency(this.#metrics),
    });
    this.#closers.use(alerting);
    return alerting;
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

  #openRemoteWrites(store: StoreThread): RemoteWriteThread {
    const remoteWrites = new RemoteWriteThread({
      ...{ store, log: this.#log, userAgent: USER_AGENT },
      // The rest is for what comes in meanwhile.
      backlogSizeMax: this.#options.logSizeMax / 2,
    });
    this.#closers.use(remoteWrites);
    return remoteWrites;
  }

  #createRead(service: QueryService): ApiDependencies["read"] {
    const remoteReads = new RequestGate(this.#options.remoteReadConcurrentMax);
    return (request, client) =>
      request.path === READ_PATHS.remoteRead
        ? remoteReads.run(request.signal, () => service.read(request, client))
        : service.read(request, client);
  }

  /** What this server says of itself at `/metrics`; gives what writes it. */
  async #addMetrics(parts: MeasuredServer): Promise<() => Promise<string>> {
    const { store, alerting, remoteWrites, database } = parts;
    const { dispatcher, rules } = alerting;
    const reloaded = (): ReloadStatus => this.#files.status;
    let stats: StoreThreadStats = await store.stats();
    let sentOn: readonly RemoteWriteStatus[] = [];
    addStoreMetrics(this.#metrics, () => stats);
    const storeMemory = (): ThreadMemory => stats.memory;
    addPartMetrics(this.#metrics, { ...parts, dispatcher, rules, reloaded, storeMemory });
    addAlertingMetrics(this.#metrics, alerting, { clock: systemClock, reloaded });
    addDatabaseMetrics(this.#metrics, database);
    addRemoteWriteMetrics(this.#metrics, () => sentOn);
    return async () => {
      [stats, sentOn] = await Promise.all([store.stats(), remoteWrites.status()]);
      return this.#metrics.text();
    };
  }

  /**
   * Reads all files again and goes on with what they say; reloads run one after another.
   *
   * @throws OperatingError `config.invalid` and others: the configuration from before goes on.
   */
  reload(): Promise<void> {
    return this.#files.reload((files) => this.#apply(files));
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

/** The parts that have something to say at `/metrics`. */
interface MeasuredServer {
  readonly store: StoreThread;
  readonly threads: QueryPool;
  readonly queries: QueryParts;
  readonly alerting: Alerting;
  readonly scrapes: ScrapeManager;
  readonly queue: IngestQueue;
  readonly remoteWrites: RemoteWriteThread;
  readonly database: DatabaseWatch | undefined;
}

function hostMetrics(): Response {
  const headers = { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" };
  return new Response(renderHostMetrics(hostReader(systemClock.nowMs())), { headers });
}
