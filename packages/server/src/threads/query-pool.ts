import { Worker } from "node:worker_threads";
import { systemClock } from "@pharos/adapters/node";
import { errorText, type Labels, OperatingError } from "@pharos/base";
import type { QueryResult } from "@pharos/promql/engine";
import { type Expr, formatExpr } from "@pharos/promql/syntax";
import { formChunks } from "../http/parameters.ts";
import type { ReadRoutes } from "../http/read-routes.ts";
import type { Logger } from "../log.ts";
import { Caller } from "./calls.ts";
import type {
  QueryCalls,
  QuerySettings,
  QueryThreadData,
  SentRequest,
  SentResponse,
} from "./query-calls.ts";
import type { StoreThread } from "./store-thread.ts";
import { YOUNG_MIB } from "./young-generation.ts";

/** Queries that one thread works on or waits with. */
const CALLS_MAX = 256;
/** A thread that was never without a query for so long is busy, and another one is worth its memory. */
const BUSY_MS = 100;
/** How long a thread that has nothing to do is kept, */
const IDLE_MS_MAX = 10 * 60_000;
/** and how often that is looked at. */
const SWEEP_MS = 60_000;
const HEAP_MIB_MAX = 4096;
/** What the read routes look at. */
const READ_HEADERS = ["Accept", "Content-Type"] as const;

export interface QueryPoolOptions {
  readonly store: StoreThread;
  readonly settings: QuerySettings;
  readonly threadsMax: number;
  /** JavaScript's heap of one thread in MiB; columns lie outside. A query that needs more ends, and its thread with it. */
  readonly heapMibMax?: number;
  readonly log: Logger;
  externalLabels(): Labels;
}

/**
 * The threads that evaluate queries. The first starts with the first query, another one when all that there are have
 * been busy for a while; one that has nothing to do for long ends. One that dies is forgotten, and its queries end.
 */
export class QueryPool implements AsyncDisposable {
  readonly #options: QueryPoolOptions;
  readonly #threads = new Set<QueryThread>();
  /** So that what comes at the same moment does not start a thread each. */
  #starting: Promise<QueryThread> | undefined;
  readonly #texts = new WeakMap<Expr, string>();
  #deaths = 0;
  #open = true;

  readonly #sweeping: NodeJS.Timeout;

  constructor(options: QueryPoolOptions) {
    this.#options = options;
    this.#sweeping = setInterval(() => this.#endIdle(), SWEEP_MS).unref();
  }

  #endIdle(): void {
    const nowMs = systemClock.monotonicMs();
    for (const thread of this.#threads) {
      if (thread.load > 0 || nowMs - thread.sinceMs < IDLE_MS_MAX) continue;
      this.#threads.delete(thread);
      void thread.end();
    }
  }

  stats(): { readonly threads: number; readonly queries: number; readonly deaths: number } {
    let queries = 0;
    for (const { load } of this.#threads) queries += load;
    return { threads: this.#threads.size, queries, deaths: this.#deaths };
  }

  /** The share of time that each thread was busy since it began. */
  get utilizations(): readonly number[] {
    return [...this.#threads].map(({ utilization }) => utilization);
  }

  /** Answers a request for one of the read routes. */
  readonly read: ReadRoutes = async (request) => {
    const { method, url, signal } = request;
    const headers: [string, string][] = [];
    for (const name of READ_HEADERS) {
      const value = request.headers.get(name);
      if (value !== null) headers.push([name, value]);
    }
    const body = await formOf(request);
    const externalLabels = this.#options.externalLabels();
    return (await this.#thread()).read({ method, url, headers, body, externalLabels }, signal);
  };

  /** An instant query, for rules. @throws OperatingError as `Engine.instant`. */
  async evaluate(expr: Expr, timeMs: number, signal: AbortSignal): Promise<QueryResult> {
    const text = this.#texts.getOrInsertComputed(expr, formatExpr);
    return (await this.#thread()).evaluate(text, timeMs, signal);
  }

  /** The thread with the least to do. */
  async #thread(): Promise<QueryThread> {
    if (!this.#open) throw new OperatingError("query.cancelled", "the server shuts down");
    let best: QueryThread | undefined;
    for (const thread of this.#threads)
      if (best === undefined || thread.load < best.load) best = thread;
    const isBusy = best === undefined || (best.load > 0 && best.isBusy);
    if (isBusy && this.#threads.size < this.#options.threadsMax) {
      this.#starting ??= this.#start().finally(() => {
        this.#starting = undefined;
      });
      // Where one is there already nobody waits for the next.
      if (best === undefined) return this.#starting;
      this.#starting.catch((error: unknown) => {
        this.#options.log.error({ error: errorText(error) }, "starting a query thread");
      });
    }
    return best as QueryThread;
  }

  async #start(): Promise<QueryThread> {
    const { store, settings, log, heapMibMax = HEAP_MIB_MAX } = this.#options;
    const { setup, port } = await store.openReader();
    const thread: QueryThread = new QueryThread({ settings, setup, port }, heapMibMax, (death) => {
      this.#threads.delete(thread);
      if (!this.#open) return;
      this.#deaths++;
      log.error({ error: errorText(death) }, "a query thread has ended");
    });
    if (this.#open) this.#threads.add(thread);
    else await thread.end();
    return thread;
  }

  /** Ends all queries. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#open = false;
    clearInterval(this.#sweeping);
    await this.#starting?.catch(() => {}); // Whoever waits for it hears of it.
    await Promise.all([...this.#threads].map((thread) => thread.end()));
  }
}

class QueryThread {
  readonly #worker: Worker;
  readonly #caller: Caller<QueryCalls>;
  #load = 0;
  /** Since when there was always something to do, or nothing; on the monotonic clock. */
  sinceMs = systemClock.monotonicMs();
  #ending = false;

  constructor(data: QueryThreadData, heapMibMax: number, onDeath: (error: unknown) => void) {
    this.#worker = new Worker(new URL("./query-worker.ts", import.meta.url), {
      name: "query",
      workerData: data,
      transferList: [data.port],
      resourceLimits: {
        maxOldGenerationSizeMb: heapMibMax,
        maxYoungGenerationSizeMb: YOUNG_MIB.query,
      },
    });
    this.#caller = new Caller(this.#worker, CALLS_MAX);
    let death: unknown = new Error("it was told to");
    this.#worker.on("error", (error) => {
      death = error;
    });
    this.#worker.on("exit", () => {
      this.#caller.fail(
        new OperatingError("query.failed", `the query's thread has ended: ${errorText(death)}`),
      );
      if (!this.#ending) onDeath(death);
    });
  }

  /** Queries that are evaluated, and those whose answer is still being read. */
  get load(): number {
    return this.#load;
  }

  get isBusy(): boolean {
    return systemClock.monotonicMs() - this.sinceMs >= BUSY_MS;
  }

  #begin(): void {
    if (this.#load++ === 0) this.sinceMs = systemClock.monotonicMs();
  }

  #finish(): void {
    if (--this.#load === 0) this.sinceMs = systemClock.monotonicMs();
  }

  get utilization(): number {
    return this.#worker.performance.eventLoopUtilization().utilization;
  }

  async read(request: SentRequest, signal: AbortSignal): Promise<Response> {
    this.#begin();
    let unfinished = false;
    try {
      const sent = await this.#caller.call("read", request, { signal });
      const { status, body, rest } = sent;
      const headers = sent.headers.map(([name, value]): [string, string] => [name, value]);
      unfinished = rest !== undefined;
      if (rest !== undefined) return new Response(this.#stream(body, rest), { status, headers });
      return new Response(body as Uint8Array<ArrayBuffer>, { status, headers });
    } finally {
      if (!unfinished) this.#finish();
    }
  }

  /** The rest comes as fast as the client takes it. */
  #stream(first: SentResponse["body"], rest: number): ReadableStream<Uint8Array> {
    let next: Promise<Uint8Array | undefined> = Promise.resolve(first);
    let open = true;
    const end = (): void => {
      if (open) this.#finish();
      open = false;
    };
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          const piece = await next;
          if (piece === undefined) {
            end();
            return controller.close();
          }
          controller.enqueue(piece);
          next = this.#caller.call("next", rest);
          next.catch(() => {}); // Heard with the next pull.
        } catch (error) {
          end();
          throw error;
        }
      },
      cancel: () => {
        end();
        this.#caller.tell("drop", rest);
      },
    });
  }

  async evaluate(expr: string, timeMs: number, signal: AbortSignal): Promise<QueryResult> {
    this.#begin();
    try {
      return await this.#caller.call("evaluate", { expr, timeMs }, { signal });
    } finally {
      this.#finish();
    }
  }

  async end(): Promise<void> {
    this.#ending = true;
    await this.#worker.terminate();
  }
}

/** Undefined where there is none. @throws OperatingError `input.too_large`. */
async function formOf(request: Request): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (request.body === null) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of formChunks(request)) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}
