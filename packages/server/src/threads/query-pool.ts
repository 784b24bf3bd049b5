import { systemClock } from "@pharos/adapters/node";
import type { RemoteReadSettings } from "@pharos/adapters/prometheus";
import { errorText, type Labels, OperatingError } from "@pharos/base";
import type { StoreChanges } from "@pharos/ports";
import type { QueryResult, ResultCacheStats } from "@pharos/promql/engine";
import { type Expr, formatExpr } from "@pharos/promql/syntax";
import { TimeChanges } from "@pharos/tsdb";
import type { Answer } from "../http/answer.ts";
import type { ReadRequest } from "../http/read-request.ts";
import type { Logger } from "../log.ts";
import type { SentQuery } from "../queries/query-service.ts";
import type { QuerySettings } from "./query-calls.ts";
import { QueryThread, type ThreadKind } from "./query-thread.ts";
import type { StoreThread } from "./store-thread.ts";
import type { ThreadMemory } from "./thread-memory.ts";

/** How long a thread that has nothing to do is kept, */
const IDLE_MS_MAX = 10 * 60_000;
/** and how often that is looked at. */
const SWEEP_MS = 60_000;
const HEAP_MIB_MAX = 4096;
/** How often threads with queries are asked for a sign of life. */
const WATCH_MS = 250;
/** Where a thread does not answer for so long it is not the machine that is busy: another may start in its place. */
const REPLACED_MS = 1000;
/** How many threads may be started so, beyond the usual number. */
const SPARE_THREADS_MAX = 2;
/** Rules have a thread of their own as soon as people keep all others busy. */
const RULE_THREADS_MAX = 1;

/** What the read routes look at. */
const READ_HEADERS = ["accept", "cache-control", "content-type"] as const;
/** Of so many different queries it is remembered which thread answered them, and has what it kept of that. */
const HOMES_MAX = 10_000;

export interface QueryPoolOptions {
  readonly store: StoreThread;
  readonly settings: QuerySettings;
  readonly threadsMax: number;
  /** JavaScript's heap of one thread in MiB; columns lie outside. A query that needs more ends, and its thread with it. */
  readonly heapMibMax?: number;
  readonly log: Logger;
  /** A thread that does not answer for so long is ended and its queries with it: something holds it up for ever. */
  readonly silentMsMax?: number;
  /** A client that takes nothing of its answer for so long gets no more of it. */
  readonly unreadMsMax?: number;
  externalLabels(): Labels;
  /** Who else is asked for samples; nobody unless given. */
  remoteReads?(): readonly RemoteReadSettings[];
}

/** Longer than any step of a query should take: between steps a query looks at its time, and others have their turn. */
const SILENT_MS_MAX = 10_000;
/** What is left of an answer takes memory until it is read. */
const UNREAD_MS_MAX = 5 * 60_000;

/**
 * The threads that evaluate queries. The first starts with the first query, another one when all that there are have
 * been busy for a while; one that has nothing to do for long ends. One that dies is forgotten, and its queries end; so is
 * one that something holds up for ever. Rules never share a thread with people's queries for longer than another thread
 * takes to start.
 */
export class QueryPool implements AsyncDisposable {
  readonly #options: QueryPoolOptions;
  readonly #threads = new Set<QueryThread>();
  /** So that what comes at the same moment does not start a thread each. */
  readonly #starting = new Map<ThreadKind, Promise<QueryThread>>();
  readonly #texts = new WeakMap<Expr, string>();
  /** The threads that evaluated rules last: what these read is known there. */
  readonly #ruleHomes = new WeakMap<Expr, QueryThread>();
  /** The threads that answered queries last, by what tells these apart; the latest last. */
  readonly #homes = new Map<string, QueryThread>();
  readonly #endedCaches = { evictions: 0, invalidations: 0 };
  #changes: StoreChanges | undefined;
  #deaths = 0;
  #stuck = 0;
  #open = true;

  readonly #sweeping: NodeJS.Timeout;
  readonly #watching: NodeJS.Timeout;

  constructor(options: QueryPoolOptions) {
    this.#options = options;
    this.#sweeping = setInterval(() => this.#endIdle(), SWEEP_MS).unref();
    const silentMsMax = options.silentMsMax ?? SILENT_MS_MAX;
    const watchMs = Math.min(WATCH_MS, silentMsMax);
    this.#watching = setInterval(() => this.#endStuck(silentMsMax), watchMs).unref();
  }

  #endStuck(silentMsMax: number): void {
    for (const thread of this.#threads) {
      if (thread.load === 0 || !thread.isSilentFor(silentMsMax)) continue;
      this.#forget(thread);
      this.#stuck++;
      this.#options.log.error(
        { queries: thread.load },
        `a query thread did not answer for ${silentMsMax} ms and is ended`,
      );
      const reason = `a query held up its thread for more than ${silentMsMax} ms, which was ended with its queries`;
      void thread.end(new OperatingError("query.timeout", reason));
    }
  }

  #endIdle(): void {
    const nowMs = systemClock.monotonicMs();
    for (const thread of this.#threads) {
      if (thread.load > 0 || nowMs - thread.sinceMs < IDLE_MS_MAX) continue;
      this.#forget(thread);
      void thread.end();
    }
  }

  #forget(thread: QueryThread): void {
    if (this.#threads.delete(thread)) addStats(this.#endedCaches, thread.askCache());
  }

  /** Of the store; undefined before the first thread. */
  get changes(): StoreChanges | undefined {
    return this.#changes;
  }

  stats(): QueryPoolStats {
    let queries = 0;
    for (const { load } of this.#threads) queries += load;
    return {
      threads: this.#threads.size,
      queries,
      deaths: this.#deaths,
      stuck: this.#stuck,
    };
  }

  /** Bytes that the threads have in use: JavaScript's heaps, and columns. */
  async memorySize(): Promise<number> {
    const sizes = await Promise.all([...this.#threads].map((thread) => thread.memorySize()));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** What each thread said last of its memory; asks again. Not waited for: one may be held up. */
  get memories(): readonly ThreadMemory[] {
    return [...this.#threads].flatMap((thread) => thread.askMemory() ?? []);
  }

  /** The share of time that each thread was busy since it began. */
  get utilizations(): readonly number[] {
    return [...this.#threads].map(({ utilization }) => utilization);
  }

  /** Answers a request for one of the read routes. */
  readonly read = async (request: ReadRequest, query?: SentQuery): Promise<Answer> => {
    const { method, target, body } = request;
    const headers: Record<string, string> = {};
    for (const name of READ_HEADERS) {
      const value = request.header(name);
      if (value !== "") headers[name] = value;
    }
    const externalLabels = this.#options.externalLabels();
    const remoteReads = this.#options.remoteReads?.() ?? [];
    const sent = {
      method,
      target,
      headers,
      body,
      externalLabels,
      remoteReads,
      terms: query?.terms,
    };
    const thread = await this.#homeOf(query?.home);
    const signal = query?.signal ?? request.signal;
    const { unreadMsMax = UNREAD_MS_MAX } = this.#options;
    return thread.read(sent, signal, (run) => query?.observe(run), unreadMsMax);
  };

  /** What the threads said last of their caches of results, together; asks them again. */
  get cacheStats(): CacheTotals {
    const totals = { ...this.#endedCaches, queries: 0, size: 0 };
    for (const thread of this.#threads) addStats(totals, thread.askCache());
    return totals;
  }

  /** Drops what is kept of the results of queries that read any of these metrics; undefined for all. */
  dropCached(metrics: ReadonlySet<string> | undefined): void {
    for (const thread of this.#threads) thread.dropCached(metrics);
  }

  /** An instant query, for rules. @throws OperatingError as `Engine.instant`. */
  async evaluate(expr: Expr, timeMs: number, signal: AbortSignal): Promise<QueryResult> {
    const text = this.#texts.getOrInsertComputed(expr, formatExpr);
    const asked = { expr: text, timeMs, remoteReads: this.#options.remoteReads?.() ?? [] };
    const last = this.#ruleHomes.get(expr);
    const thread = last !== undefined && this.#isFree(last) ? last : await this.#freest("rules");
    this.#ruleHomes.set(expr, thread);
    return thread.evaluate(asked, signal);
  }

  #isFree(thread: QueryThread): boolean {
    return this.#threads.has(thread) && !thread.isHeldUp && !thread.isFull;
  }

  /** The thread with the least to do, or the one that answered the same query before, if that is free soon. */
  async #homeOf(home: string | undefined): Promise<QueryThread> {
    if (home === undefined) return this.#freest("people");
    const last = this.#homes.get(home);
    const thread = last !== undefined && this.#isFree(last) ? last : await this.#freest("people");
    this.#homes.delete(home);
    this.#homes.set(home, thread);
    for (const oldest of this.#homes.keys()) {
      if (this.#homes.size <= HOMES_MAX) break;
      this.#homes.delete(oldest);
    }
    return thread;
  }

  async #freest(kind: ThreadKind): Promise<QueryThread> {
    if (!this.#open) throw new OperatingError("query.cancelled", "the server shuts down");
    let best: QueryThread | undefined;
    let ofPeople = 0;
    let replaced = 0;
    for (const thread of this.#threads) {
      if (thread.kind === "people") ofPeople++;
      else if (kind === "people") continue;
      if (thread.load > 0 && thread.isSilentFor(REPLACED_MS)) replaced++;
      if (best === undefined || isBetter(thread, best)) best = thread;
    }
    const isBusy = best === undefined || (best.load > 0 && best.isBusy);
    if (!isBusy) return best as QueryThread;
    const threadsMax = this.#options.threadsMax + Math.min(replaced, SPARE_THREADS_MAX);
    const started: ThreadKind | undefined =
      ofPeople < threadsMax
        ? "people"
        : kind === "rules" && this.#threads.size - ofPeople < RULE_THREADS_MAX
          ? "rules"
          : undefined;
    if (started === undefined) return best as QueryThread;
    const starting = this.#starting.getOrInsertComputed(started, () =>
      this.#start(started).finally(() => this.#starting.delete(started)),
    );
    // Where one is there that answers nobody waits for the next.
    if (best === undefined || best.isSilentFor(REPLACED_MS)) return starting;
    starting.catch((error: unknown) => {
      this.#options.log.error({ error: errorText(error) }, "starting a query thread");
    });
    return best;
  }

  async #start(kind: ThreadKind): Promise<QueryThread> {
    const { store, settings, log, heapMibMax = HEAP_MIB_MAX } = this.#options;
    const { setup, port } = await store.openReader();
    this.#changes ??= new TimeChanges(setup.changes);
    const data = { settings, setup, port };
    const thread: QueryThread = new QueryThread(kind, data, heapMibMax, (death) => {
      this.#forget(thread);
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
    clearInterval(this.#watching);
    // Whoever waits for one hears of it.
    await Promise.allSettled(this.#starting.values());
    await Promise.all([...this.#threads].map((thread) => thread.end()));
  }
}

/** One that answers is better than one that does not, then the one with less to do. */
function isBetter(thread: QueryThread, than: QueryThread): boolean {
  if (thread.isHeldUp !== than.isHeldUp) return than.isHeldUp;
  return thread.load < than.load;
}

/** Of all threads; counts since the start, of threads that have ended too. */
export interface CacheTotals {
  readonly evictions: number;
  readonly invalidations: number;
  /** Kept now, and their bytes. */
  readonly queries: number;
  readonly size: number;
}

function addStats(
  totals: { -readonly [key in keyof CacheTotals]?: number },
  stats: ResultCacheStats | null,
): void {
  for (const key of ["evictions", "invalidations", "queries", "size"] as const)
    if (totals[key] !== undefined) totals[key] += stats?.[key] ?? 0;
}

export interface QueryPoolStats {
  readonly threads: number;
  readonly queries: number;
  /** Since the start: threads that ended by themselves, and those that were ended since they did not answer. */
  readonly deaths: number;
  readonly stuck: number;
}
