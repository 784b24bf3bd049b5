import { MessageChannel, type MessagePort, type Worker } from "node:worker_threads";
import { errorText, type Matcher, OperatingError } from "@pharos/base";
import {
  type JsonMetricsResult,
  type RemoteWriteResult,
  relabelConfigOf,
  type Scrape,
  type ScrapedTarget,
  type ScrapeOutcome,
  type ScrapeSink,
  type TargetEnd,
} from "@pharos/collect";
import type { AppendResult, MetricMetadata, SampleBatch, TimeRange } from "@pharos/ports";
import type { ChangeableSettings, ReaderSetup, StoreStats } from "@pharos/tsdb";
import type { AdminControl, ListedBlock, StorageChange, TsdbStatus } from "../http/dependencies.ts";
import type { Logger } from "../log.ts";
import { BodySlots } from "./body-slots.ts";
import { Caller } from "./calls.ts";
import type {
  RetentionPreview,
  SentBody,
  StoreCalls,
  StoreNotice,
  StoreThreadData,
  StoreThreadStats,
} from "./store-calls.ts";
import { startStoreWorker } from "./store-worker-start.ts";

/** Calls that may wait for the store at a time: pushes are bounded by their queue, scrapes by their targets. */
const CALLS_MAX = 100_000;
/** An administrator's calls that may wait at a time. They are done one after another, and each may take minutes. */
const ADMIN_CALLS_MAX = 16;

/** The store's thread, as the main one sees it. */
export class StoreThread implements AdminControl, AsyncDisposable {
  readonly #worker: Worker;
  readonly #caller: Caller<StoreCalls>;
  readonly #slots: BodySlots;
  /** As it was when it was opened. */
  readonly opened: StoreStats;
  readonly scrapes: ScrapeSink;
  #closing = false;
  #adminCalls = 0;

  private constructor(
    worker: Worker,
    caller: Caller<StoreCalls>,
    slots: BodySlots,
    opened: StoreStats,
  ) {
    this.#worker = worker;
    this.#caller = caller;
    this.#slots = slots;
    this.opened = opened;
    this.scrapes = new SentScrapes(caller);
  }

  /**
   * Opens the store in its thread.
   *
   * @param worker the thread, where it was started before there was anything to tell it.
   * @param onDeath told when the thread ends by itself: nothing can be stored any more.
   * @throws OperatingError as `openStore`.
   */
  static async open(
    data: StoreThreadData,
    log: Logger,
    onDeath: (error: unknown) => void,
    worker: Worker = startStoreWorker(),
  ): Promise<StoreThread> {
    worker.ref();
    const caller = new Caller<StoreCalls>(worker, CALLS_MAX, (notice) =>
      logNotice(log, notice as StoreNotice),
    );
    let thread: StoreThread | undefined;
    let death: unknown = new Error("nobody told it to end");
    worker.on("error", (error) => {
      death = error;
    });
    worker.on("exit", () => {
      const message = `the store's thread has ended: ${errorText(death)}`;
      caller.fail(new OperatingError("disk.failed", message));
      if (thread !== undefined && !thread.#closing) onDeath(death);
    });
    try {
      const { stats, slots } = await caller.call("open", data);
      thread = new StoreThread(worker, caller, new BodySlots(slots), stats);
      return thread;
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  /** Where pushed bodies are best put together. */
  get slots(): BodySlots {
    return this.#slots;
  }

  /** As `RemoteWriteReceiver.receive`; the body may be moved. */
  receive(body: Uint8Array): Promise<RemoteWriteResult> {
    const { sent, moved } = this.#sent(body);
    return this.#caller.call("remoteWrite", sent, { moved });
  }

  /** Takes a body of JSON metrics; the body may be moved. */
  receiveJson(body: Uint8Array): Promise<JsonMetricsResult> {
    const { sent, moved } = this.#sent(body);
    return this.#caller.call("jsonMetrics", sent, { moved });
  }

  #sent(body: Uint8Array): { readonly sent: SentBody; readonly moved: readonly ArrayBuffer[] } {
    if (this.#slots.has(body))
      return { sent: { at: body.byteOffset, size: body.length }, moved: [] };
    const own = movable(body);
    return { sent: own, moved: [own.buffer] };
  }

  append(batch: SampleBatch): Promise<AppendResult> {
    return this.#caller.call("append", batch);
  }

  /** What was said last of each metric, or of one. */
  async metadata(metric: string | undefined): Promise<readonly MetricMetadata[]> {
    return this.#caller.call("metadata", { metric });
  }

  /** Goes on with other settings. @throws OperatingError `input.invalid`: nothing is changed. */
  async applySettings(settings: ChangeableSettings): Promise<void> {
    await this.#caller.call("applySettings", settings);
  }

  /** What would go by retention now, under the settings in force or with some of them changed. Changes nothing. */
  async planRetention(changes: Partial<ChangeableSettings> = {}): Promise<RetentionPreview> {
    return this.#caller.call("planRetention", changes);
  }

  flush(): Promise<StorageChange> {
    return this.#administer(() => this.#caller.call("flush", null));
  }

  compact(): Promise<StorageChange> {
    return this.#administer(() => this.#caller.call("compact", null));
  }

  deleteSeries(matchers: readonly Matcher[], range: TimeRange): Promise<void> {
    const plain = matchers.map(({ type, name, value }) => ({ type, name, value }));
    return this.#administer(() => this.#caller.call("deleteSeries", { matchers: plain, range }));
  }

  cleanTombstones(): Promise<void> {
    return this.#administer(() => this.#caller.call("cleanTombstones", null));
  }

  snapshot(skipHead: boolean): Promise<string> {
    return this.#administer(() => this.#caller.call("snapshot", { skipHead }));
  }

  async #administer<T>(work: () => Promise<T>): Promise<T> {
    if (this.#adminCalls >= ADMIN_CALLS_MAX)
      throw new OperatingError(
        "queue.full",
        `${ADMIN_CALLS_MAX} requests to change the store wait already; try again when they are done`,
      );
    this.#adminCalls++;
    try {
      return await work();
    } finally {
      this.#adminCalls--;
    }
  }

  async stats(): Promise<StoreThreadStats> {
    return this.#caller.call("stats", null);
  }

  /** The time of the first sample; undefined if there is none. */
  async oldestMs(): Promise<number | undefined> {
    return this.#caller.call("oldestMs", null);
  }

  /** The share of time that the thread was busy since it began. */
  get utilization(): number {
    return this.#worker.performance.eventLoopUtilization().utilization;
  }

  tsdbStatus(limit: number): Promise<TsdbStatus> {
    return this.#caller.call("tsdbStatus", { limit });
  }

  blocks(): Promise<readonly ListedBlock[]> {
    return this.#caller.call("blocks", null);
  }

  /** Makes a reader on yet another thread possible: what it begins with, and the port that it asks over. */
  async openReader(): Promise<{ readonly setup: ReaderSetup; readonly port: MessagePort }> {
    const { port1, port2 } = new MessageChannel();
    const setup = await this.#caller.call("openReader", port1, { moved: [port1] });
    return { setup, port: port2 };
  }

  /** The port over which consumers of the log on another thread ask. */
  async openLog(): Promise<MessagePort> {
    const { port1, port2 } = new MessageChannel();
    await this.#caller.call("openLog", port1, { moved: [port1] });
    return port2;
  }

  /** Drops the consumers of the log whose names begin so, but these. @throws OperatingError `disk.failed`. */
  async keepConsumers(prefix: string, names: readonly string[]): Promise<void> {
    await this.#caller.call("keepConsumers", { prefix, names });
  }

  /** Ends it when everything accepted is durable. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    try {
      await this.#caller.call("close", null);
    } finally {
      await this.#worker.terminate();
    }
  }
}

/** Scrapes that are decoded and stored there. */
class SentScrapes implements ScrapeSink {
  readonly #caller: Caller<StoreCalls>;

  constructor(caller: Caller<StoreCalls>) {
    this.#caller = caller;
  }

  open(target: number, { labels, rules, startedMonotonicMs }: ScrapedTarget): void {
    const sent = {
      honorLabels: rules.honorLabels,
      honorTimestamps: rules.honorTimestamps,
      trackTimestampsStaleness: rules.trackTimestampsStaleness,
      useCreatedTimestamps: rules.useCreatedTimestamps,
      sampleLimit: rules.sampleLimit,
      labelLimit: rules.labelLimit,
      labelNameLengthLimit: rules.labelNameLengthLimit,
      labelValueLengthLimit: rules.labelValueLengthLimit,
      metricRelabelConfigs: rules.metricRelabelRules.map(relabelConfigOf),
    };
    const settings = { labels, rules: sent, startedMonotonicMs };
    this.#caller.tell("openTarget", { target, settings });
  }

  write(target: number, scrape: Scrape): Promise<ScrapeOutcome> {
    const { fetched } = scrape;
    if ("problem" in fetched) return this.#caller.call("scrape", { target, scrape });
    const body = movable(fetched.body);
    const sent = { ...scrape, fetched: { ...fetched, body } };
    return this.#caller.call("scrape", { target, scrape: sent }, { moved: [body.buffer] });
  }

  markGone(target: number, end: TargetEnd): Promise<AppendResult> {
    return this.#caller.call("markGone", { target, end });
  }

  close(target: number): void {
    this.#caller.tell("closeTarget", target);
  }
}

/** Bytes that lie alone in their buffer: these, or a copy. */
function movable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const alone = bytes.buffer instanceof ArrayBuffer && bytes.length === bytes.buffer.byteLength;
  return alone ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

function logNotice(log: Logger, { level, message, error }: StoreNotice): void {
  log[level](error === undefined ? {} : { error }, message);
}
