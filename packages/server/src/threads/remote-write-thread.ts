import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";
import { errorText, type Labels, OperatingError } from "@pharos/base";
import { relabelConfigOf, requestHeaders } from "@pharos/collect";
import type { RemoteWriteConfig } from "../config/config.ts";
import type { Logger } from "../log.ts";
import { Caller } from "./calls.ts";
import type {
  RemoteWriteCalls,
  RemoteWriteNotice,
  RemoteWriteStatus,
  SentRemoteWrite,
} from "./remote-write-calls.ts";
import type { StoreThread } from "./store-thread.ts";
import { YOUNG_MIB } from "./young-generation.ts";

const CALLS_MAX = 1000;
/** The labels of millions of series are there, as bytes outside the heap. */
const HEAP_MIB_MAX = 4096;
/** What consumers of remote write are called, with a hash of the entry's name: a name may be anything. */
const CONSUMER_PREFIX = "remote-write-";
const HASH_LENGTH = 16;

export interface RemoteWriteThreadOptions {
  readonly store: StoreThread;
  readonly log: Logger;
  readonly userAgent: string;
  /** Bytes of the log that may wait for a receiver; older samples are dropped. */
  readonly backlogSizeMax: number;
}

/** What sends samples on to other systems: a thread of its own, started when there is one to send to. */
export class RemoteWriteThread implements AsyncDisposable {
  readonly #options: RemoteWriteThreadOptions;
  #running: { readonly worker: Worker; readonly caller: Caller<RemoteWriteCalls> } | undefined;
  #closing = false;

  constructor(options: RemoteWriteThreadOptions) {
    this.#options = options;
  }

  /**
   * Sends to these from now on, and to no others: the log keeps nothing for those that are gone.
   * @throws OperatingError `disk.full`, `disk.failed`.
   */
  async apply(configs: readonly RemoteWriteConfig[], externalLabels: Labels): Promise<void> {
    const { store, backlogSizeMax } = this.#options;
    const list = configs.map((config) => sentRemoteWrite(config, externalLabels, backlogSizeMax));
    const running = this.#running ?? (list.length === 0 ? undefined : await this.#start());
    await running?.caller.call("apply", list);
    // Those of an earlier configuration, also of an earlier start.
    await store.keepConsumers(
      CONSUMER_PREFIX,
      list.map(({ consumer }) => consumer),
    );
  }

  async status(): Promise<readonly RemoteWriteStatus[]> {
    return (await this.#running?.caller.call("status", null)) ?? [];
  }

  async #start() {
    const { store, log, userAgent } = this.#options;
    const port = await store.openLog();
    const worker = new Worker(new URL("./remote-write-worker.ts", import.meta.url), {
      name: "remote-write",
      workerData: { port, userAgent },
      transferList: [port],
      resourceLimits: {
        maxOldGenerationSizeMb: HEAP_MIB_MAX,
        maxYoungGenerationSizeMb: YOUNG_MIB.query,
      },
    });
    const caller = new Caller<RemoteWriteCalls>(worker, CALLS_MAX, (told) => {
      const { message, error } = told as RemoteWriteNotice;
      log.warn({ error }, message);
    });
    let death: unknown = new Error("nobody told it to end");
    worker.on("error", (error) => {
      death = error;
    });
    worker.on("exit", () => {
      const message = `the thread of remote write has ended: ${errorText(death)}`;
      caller.fail(new OperatingError("disk.failed", message));
      this.#running = undefined;
      // The log keeps what was not sent: the next reload or start goes on.
      if (!this.#closing) log.error({ error: errorText(death) }, message);
    });
    this.#running = { worker, caller };
    return this.#running;
  }

  /** Sends what is in its hands, as far as that is quick, and ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    const running = this.#running;
    if (running === undefined) return;
    try {
      await running.caller.call("close", null);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error; // Else it has ended already.
    } finally {
      await running.worker.terminate();
    }
  }
}

function sentRemoteWrite(
  config: RemoteWriteConfig,
  externalLabels: Labels,
  backlogSizeMax: number,
): SentRemoteWrite {
  const { name, url, timeoutMs, tls, protocol, writeRelabelRules, queue, metadata } = config;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, HASH_LENGTH);
  return {
    ...{ name, url, timeoutMs, tls, protocol, queue, metadata, externalLabels, backlogSizeMax },
    consumer: CONSUMER_PREFIX + hash,
    headers: requestHeaders(config),
    writeRelabelConfigs: writeRelabelRules.map(relabelConfigOf),
  };
}
