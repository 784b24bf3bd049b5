import { Worker } from "node:worker_threads";
import { systemClock } from "@pharos/adapters/node";
import { errorText, OperatingError } from "@pharos/base";
import type { QueryResult, ResultCacheStats } from "@pharos/promql/engine";
import type { Answer, Pieces } from "../http/answer.ts";
import type { QueryRun } from "../queries/query-run.ts";
import { Caller } from "./calls.ts";
import { Liveness } from "./liveness.ts";
import type { QueryCalls, QueryThreadData, SentRequest, SentResponse } from "./query-calls.ts";
import type { ThreadMemory } from "./thread-memory.ts";
import { YOUNG_MIB } from "./young-generation.ts";

/** Queries that one thread works on or waits with: people's have limits of their own, and where one rule may run four may. */
const CALLS_MAX = 4096;
/** A thread that was never without a query for so long is busy, and another one is worth its memory. */
const BUSY_MS = 100;
/** A thread that does not answer for so long gets no more queries until it does. */
const HELD_UP_MS = 200;

/** Who a thread is for: people's queries, or rules alone. */
export type ThreadKind = "people" | "rules";

/** One thread that evaluates queries, and what is known of how busy it is. */
export class QueryThread {
  readonly kind: ThreadKind;
  readonly #worker: Worker;
  readonly #caller: Caller<QueryCalls>;
  readonly #liveness: Liveness;
  #memory: ThreadMemory | undefined;
  #memoryAsked: Promise<void> | undefined;
  #cache: ResultCacheStats | null = null;
  #cacheAsked: Promise<void> | undefined;
  #load = 0;
  /** Since when there was always something to do, or nothing; on the monotonic clock. */
  sinceMs = systemClock.monotonicMs();
  #ending = false;

  constructor(
    kind: ThreadKind,
    data: QueryThreadData,
    heapMibMax: number,
    onDeath: (error: unknown) => void,
  ) {
    this.kind = kind;
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
    this.#liveness = new Liveness(systemClock, () => this.#caller.call("ping", null));
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

  /** 0 where it is not there yet, or not any more. */
  async memorySize(): Promise<number> {
    try {
      const { used_heap_size, external_memory } = await this.#worker.getHeapStatistics();
      return used_heap_size + external_memory;
    } catch {
      return 0;
    }
  }

  /** Whether it does not answer for so long. One that is still starting may take its time. */
  isSilentFor(ms: number): boolean {
    const silentMs = this.#liveness.check();
    return this.#liveness.hasAnswered && silentMs > ms;
  }

  /** Whether what it works on keeps it from anything else. */
  get isHeldUp(): boolean {
    return this.load > 0 && this.isSilentFor(HELD_UP_MS);
  }

  /** Whether a query would wait here for others that have taken long already. */
  get isFull(): boolean {
    return this.load > 0 && this.isBusy;
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

  /** What it said last of its memory, and asks again; undefined where it has not answered yet. */
  askMemory(): ThreadMemory | undefined {
    this.#memoryAsked ??= this.#caller.call("memory", null).then(
      (memory) => {
        this.#memory = memory;
        this.#memoryAsked = undefined;
      },
      () => {
        this.#memoryAsked = undefined; // It is gone, or has too much to do.
      },
    );
    return this.#memory;
  }

  /** What it said last of its cache, and asks again. */
  askCache(): ResultCacheStats | null {
    this.#cacheAsked ??= this.#caller.call("cacheStats", null).then(
      (stats) => {
        this.#cache = stats;
        this.#cacheAsked = undefined;
      },
      () => {
        this.#cacheAsked = undefined; // It is gone, or has too much to do.
      },
    );
    return this.#cache;
  }

  dropCached(metrics: ReadonlySet<string> | undefined): void {
    this.#caller.tell("dropCached", metrics);
  }

  get utilization(): number {
    return this.#worker.performance.eventLoopUtilization().utilization;
  }

  async read(
    request: SentRequest,
    signal: AbortSignal,
    observe: (run: QueryRun) => void,
    unreadMsMax: number,
  ): Promise<Answer> {
    this.#begin();
    let unfinished = false;
    try {
      const sent = await this.#caller.call("read", request, {
        signal,
        late: ({ rest }) => {
          if (rest !== undefined) this.#caller.tell("drop", rest);
        },
      });
      this.#liveness.heard();
      const { status, headers, body, rest, run } = sent;
      if (run !== undefined) observe(run);
      unfinished = rest !== undefined;
      const pieces = rest === undefined ? body : this.#pieces(body, rest, unreadMsMax);
      return { status, headers, body: pieces };
    } finally {
      if (!unfinished) this.#finish();
    }
  }

  /**
   * The rest comes as fast as the client takes it, which must not stop for longer than `unreadMsMax`: one piece is asked
   * for while the one before is written.
   */
  #pieces(first: SentResponse["body"], rest: number, unreadMsMax: number): Pieces {
    let next: Promise<SentResponse["body"] | undefined> = Promise.resolve(first);
    let open = true;
    let unread: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(unread);
      if (open) this.#finish();
      open = false;
    };
    const drop = (): void => {
      if (open) this.#caller.tell("drop", rest);
      end();
    };
    const letGo = (): void => {
      drop();
      const reason = `nothing of the answer was read for ${unreadMsMax} ms`;
      next = Promise.reject(new OperatingError("query.timeout", reason));
      next.catch(() => {}); // Heard by who reads on after all.
    };
    return {
      next: async () => {
        clearTimeout(unread);
        try {
          const value = await next;
          if (!open || value === undefined) {
            end();
            return { done: true, value: undefined };
          }
          next = this.#caller.call("next", rest);
          next.catch(() => {}); // Heard with the next piece.
          unread = setTimeout(letGo, unreadMsMax).unref();
          return { done: false, value };
        } catch (error) {
          end();
          throw error;
        }
      },
      return: drop,
    };
  }

  async evaluate(
    asked: Parameters<QueryCalls["evaluate"]>[0],
    signal: AbortSignal,
  ): Promise<QueryResult> {
    this.#begin();
    try {
      return await this.#caller.call("evaluate", asked, { signal });
    } finally {
      this.#finish();
    }
  }

  /** @param reason what its queries end with. */
  async end(reason?: OperatingError): Promise<void> {
    this.#ending = true;
    if (reason !== undefined) this.#caller.fail(reason);
    await this.#worker.terminate();
  }
}
