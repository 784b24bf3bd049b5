// The store's thread: owns the head, the log and the blocks, and decodes what goes into them.
import { flushCompileCache } from "node:module";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { type MessagePort, parentPort } from "node:worker_threads";
import { nodeDisk, systemClock } from "@pharos/adapters/node";
import { assert, createMatcher, errorText } from "@pharos/base";
import {
  type ColumnSink,
  createRelabelRule,
  RemoteWriteReceiver,
  receiveJsonMetrics,
  ScrapeReceiver,
} from "@pharos/collect";
import { ExpositionDecoder, Kernels, SampleColumns, SeriesTable } from "@pharos/kernels";
import {
  type ChangeableSettings,
  COLUMNS_MAX,
  type EmbeddedStore,
  headSelectionBuffers,
  type KeptBlock,
  labelListBuffers,
  openStore,
} from "@pharos/tsdb";
import type { StorageChange } from "../http/dependencies.ts";
import { removeUnfinishedSnapshots, snapshotStore } from "../store-snapshot.ts";
import { listedBlocks, storageSize, tsdbStatus } from "../store-status.ts";
import { archiveSettings } from "./archive-settings.ts";
import { SLOTS_SIZE, type SlotPlace } from "./body-slots.ts";
import { answerCalls, Moved } from "./calls.ts";
import { FreedMemory } from "./freed-memory.ts";
import { serveLog } from "./log-service.ts";
import type {
  PreviewedBlock,
  RetentionPreview,
  SentBody,
  SentTarget,
  StoreCalls,
  StoreNotice,
  StoreReaderCalls,
  StoreThreadData,
  StoreThreadStats,
} from "./store-calls.ts";
import { threadMemory } from "./thread-memory.ts";

/** How often the store moves old samples to blocks and deletes expired ones. */
const MAINTENANCE_MS = 60_000;
const DELAY_RESOLUTION_MS = 10;

/** The store and everything that decodes into it. */
class StoreThread {
  readonly slots: SlotPlace;
  readonly #kernels: Kernels;
  readonly #store: EmbeddedStore;
  readonly #dataFolder: string;
  readonly #receiver: RemoteWriteReceiver;
  readonly scrapes: ScrapeReceiver;
  readonly #stop = new AbortController();
  readonly #freed = new FreedMemory();
  readonly #delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });

  private constructor(
    kernels: Kernels,
    table: SeriesTable,
    store: EmbeddedStore,
    dataFolder: string,
  ) {
    this.#kernels = kernels;
    this.#dataFolder = dataFolder;
    this.#store = store;
    this.slots = { memory: kernels.memory, at: kernels.allocate(SLOTS_SIZE) };
    const columns = new SampleColumns(kernels, COLUMNS_MAX);
    const sink: ColumnSink = {
      columns,
      table,
      get seriesEnded() {
        return store.seriesEnded;
      },
      intern: store.intern.bind(store),
      admit: store.admit.bind(store),
      starter: store.starter,
      appendColumns: () => store.appendColumns(columns),
      attachments: store.attachments,
      starts: store.starts,
    };
    this.#receiver = new RemoteWriteReceiver(kernels, sink);
    const decoder = new ExpositionDecoder(kernels, table, columns);
    this.scrapes = new ScrapeReceiver({ clock: systemClock, sink, decoder });
    this.#delays.enable();
    void this.#maintain();
  }

  static async open({
    dataFolder,
    seed,
    settings,
    archive,
  }: StoreThreadData): Promise<StoreThread> {
    const disk = nodeDisk(dataFolder);
    removeUnfinishedSnapshots(dataFolder);
    const kernels = await Kernels.load();
    const table = new SeriesTable(kernels, { seed });
    const store = await openStore({
      ...{ disk, clock: systemClock, kernels, table, ...settings },
      archive: archiveSettings(archive),
    });
    return new StoreThread(kernels, table, store, dataFolder);
  }

  async #maintain(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#store.maintain(systemClock.nowMs()).catch((error: unknown) => {
        if (signal.aborted) return;
        notice({ level: "error", message: "maintaining the store", error: errorText(error) });
      });
      this.#freed.workEnded();
      await systemClock.sleep(MAINTENANCE_MS, signal).catch(() => {}); // Only the signal ends it.
    }
  }

  get store(): EmbeddedStore {
    return this.#store;
  }

  receive(body: SentBody) {
    return this.#receiver.receive(this.#bytesOf(body));
  }

  receiveJson(body: SentBody) {
    const append = this.#store.append.bind(this.#store);
    return receiveJsonMetrics(this.#bytesOf(body), systemClock.nowMs(), append);
  }

  #bytesOf(body: SentBody): Uint8Array {
    if (body instanceof Uint8Array) return body;
    return this.#kernels.bytes.subarray(body.at, body.at + body.size);
  }

  stats(): StoreThreadStats {
    const delayMs = this.#delays.percentile(100) / 1e6 - DELAY_RESOLUTION_MS;
    this.#delays.reset();
    return {
      ...this.#store.stats(),
      memoryUsedSize: this.#kernels.memoryUse().usedSize,
      memory: threadMemory(this.#kernels),
      delaySecondsMax: Math.max(0, delayMs / 1000),
    };
  }

  openReader(port: MessagePort) {
    const session = this.#store.openReader();
    answerCalls<StoreReaderCalls>(port, {
      async select({ range, matchers, wishes }) {
        const answer = await session.select(range, matchers, wishes);
        return new Moved(answer, headSelectionBuffers(answer.head));
      },
      estimate: ({ range, matchers }) => session.estimate(range, matchers),
      async selectionLabels(hold) {
        const labels = await session.selectionLabels(hold);
        return new Moved(labels, labelListBuffers(labels));
      },
      labels: ({ range, query }) => session.labels(range, query),
      exemplars: ({ range, matcherLists }) => session.exemplars(range, matcherLists),
      rollups: () => session.rollups(),
      release: (hold) => session.release(hold),
      report(problem) {
        session.report(problem);
        notice({ level: "error", message: "damage found by a query", error: problem });
      },
    });
    port.once("close", () => session.close());
    return session.setup;
  }

  async planRetention(changes: Partial<ChangeableSettings>): Promise<RetentionPreview> {
    const plan = await this.#store.planRetention(systemClock.nowMs(), changes);
    return {
      remove: plan.remove.map(previewed),
      rewrite: plan.rewrite.map(previewed),
      expired: plan.expired,
    };
  }

  /** Does something to the store, and answers how its size on disk changed. */
  async changed(work: (store: EmbeddedStore) => Promise<void>): Promise<StorageChange> {
    const before = storageSize(this.#store.stats());
    await work(this.#store);
    this.#freed.workEnded();
    return { before, after: storageSize(this.#store.stats()) };
  }

  snapshot(skipHead: boolean): Promise<string> {
    return snapshotStore(this.#store, this.#dataFolder, skipHead);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#store[Symbol.asyncDispose]();
  }
}

const main = parentPort;
assert(main !== null, "this is a thread's first file");

let opened: StoreThread | undefined;

function thread(): StoreThread {
  assert(opened !== undefined, "the store is open");
  return opened;
}

const notice: (what: StoreNotice) => void = answerCalls<StoreCalls>(main, {
  async open(data) {
    opened = await StoreThread.open(data);
    // When this is answered: a process that is killed keeps nothing for the next start.
    setTimeout(flushCompileCache).unref();
    return { stats: opened.store.stats(), slots: opened.slots };
  },
  remoteWrite: (body) => thread().receive(body),
  jsonMetrics: (body) => thread().receiveJson(body),
  append: (batch) => thread().store.append(batch),
  metadata: ({ metric }) => thread().store.metadata(metric),
  openTarget: ({ target, settings }) => thread().scrapes.open(target, received(settings)),
  scrape: ({ target, scrape }) => thread().scrapes.write(target, scrape),
  markGone: ({ target, end }) => thread().scrapes.markGone(target, end),
  closeTarget: (target) => thread().scrapes.close(target),
  stats: () => thread().stats(),
  oldestMs() {
    const { store } = thread();
    const times = store.stats().blocks.map(({ minTimeMs }) => minTimeMs);
    const oldestMs = Math.min(store.headTimeRange()?.minMs ?? Number.POSITIVE_INFINITY, ...times);
    return Number.isFinite(oldestMs) ? oldestMs : undefined;
  },
  tsdbStatus: ({ limit }) => tsdbStatus(thread().store, limit),
  blocks: () => listedBlocks(thread().store.stats()),
  applySettings: (settings) => thread().store.applySettings(settings),
  planRetention: (changes) => thread().planRetention(changes),
  flush: () => thread().changed((store) => store.flush()),
  compact: () => thread().changed((store) => store.compact()),
  deleteSeries: ({ matchers, range }) =>
    thread().store.deleteSeries(
      matchers.map(({ type, name, value }) => createMatcher(type, name, value)),
      range,
    ),
  cleanTombstones: () => thread().store.cleanTombstones(),
  snapshot: ({ skipHead }) => thread().snapshot(skipHead),
  openReader: (port) => thread().openReader(port),
  openLog(port) {
    serveLog(thread().store, port);
    return null;
  },
  async keepConsumers({ prefix, names }) {
    const { log } = thread().store;
    for (const { name } of log.consumers())
      if (name.startsWith(prefix) && !names.includes(name)) await log.dropConsumer(name);
  },
  close: () => thread().close(),
});

function previewed({ tier, path, rangeStartMs, rangeEndMs, size }: KeptBlock): PreviewedBlock {
  return { tier, path, rangeStartMs, rangeEndMs, size };
}

function received({ labels, rules, startedMonotonicMs }: SentTarget) {
  const { metricRelabelConfigs, ...others } = rules;
  const metricRelabelRules = metricRelabelConfigs.map(createRelabelRule);
  return { labels, rules: { ...others, metricRelabelRules }, startedMonotonicMs };
}
