import type { MessagePort } from "node:worker_threads";
import type { RemoteReadSettings } from "@pharos/adapters/prometheus";
import type { Labels } from "@pharos/base";
import type { QueryResult, ResultCacheOptions, ResultCacheStats } from "@pharos/promql/engine";
import type { ReaderSetup } from "@pharos/tsdb";
import type { ArchiveConfig } from "../config/config.ts";
import type { Answer } from "../http/answer.ts";
import type { RequestHeaders } from "../http/read-request.ts";
import type { RemoteReadLimits } from "../http/remote-read.ts";
import type { QueryRun } from "../queries/query-run.ts";
import type { QueryTerms } from "../queries/query-terms.ts";
import type { ThreadMemory } from "./thread-memory.ts";

/** How queries are evaluated; the same for all threads. */
export interface QuerySettings {
  readonly dataFolder: string;
  /** Bytes of blocks that are kept in memory; the default of tsdb unless given. */
  readonly blockCacheSizeMax?: number | undefined;
  readonly archive?: ArchiveConfig | undefined;
  readonly lookbackMs: number;
  readonly samplesMax: number;
  /** Of rules, and of what comes without terms of its own. */
  readonly timeoutMs: number;
  readonly defaultStepMs: number;
  /** The cache of results that each thread has; undefined for none. */
  readonly resultCache?: Omit<ResultCacheOptions, "clock"> | undefined;
  /** What remote reads may take; Prometheus's limits unless given. */
  readonly remoteRead?: RemoteReadLimits | undefined;
}

/** What a query thread is started with. */
export interface QueryThreadData {
  readonly settings: QuerySettings;
  readonly setup: ReaderSetup;
  /** To the store's thread. */
  readonly port: MessagePort;
}

/** A request for one of the read routes. */
export interface SentRequest {
  readonly method: string;
  readonly target: string;
  /** Only what those routes look at. */
  readonly headers: RequestHeaders;
  readonly body: Uint8Array | undefined;
  readonly externalLabels: Labels;
  /** Who else is asked for samples. */
  readonly remoteReads: readonly RemoteReadSettings[];
  /** Of a query. */
  readonly terms?: QueryTerms | undefined;
}

export interface SentResponse {
  readonly status: number;
  readonly headers: Answer["headers"];
  /** The body, or its beginning. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** Where the rest is asked for; undefined if there is none. */
  readonly rest: number | undefined;
  /** How the evaluation went, where there was one. */
  readonly run: QueryRun | undefined;
}

/** What the main thread asks of a query thread. */
export interface QueryCalls {
  read(ask: SentRequest): SentResponse;
  /** The next piece of an answer; undefined at its end. */
  next(ask: number): Uint8Array<ArrayBuffer> | undefined;
  /** Nobody wants the rest of an answer. */
  drop(ask: number): void;
  /** An instant query. */
  evaluate(ask: {
    readonly expr: string;
    readonly timeMs: number;
    readonly remoteReads: readonly RemoteReadSettings[];
  }): QueryResult;
  /** Of its cache of results; null where it has none. */
  cacheStats(ask: null): ResultCacheStats | null;
  /** Drops the cached results that read any of these metrics. */
  dropCached(ask: ReadonlySet<string> | undefined): void;
  /** Answers as soon as it gets its turn. */
  ping(ask: null): null;
  memory(ask: null): ThreadMemory;
}
