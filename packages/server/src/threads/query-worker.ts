// A thread that evaluates queries: reads the store's memory and files by itself, and renders what it answers.
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { type NodeHttpClient, nodeDisk, nodeHttpClient, systemClock } from "@pharos/adapters/node";
import { RemoteReader, type RemoteReadSettings } from "@pharos/adapters/prometheus";
import { assert } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import { createEngine, ResultCache } from "@pharos/promql/engine";
import { type Expr, parse } from "@pharos/promql/syntax";
import { type AttachedReader, attachReader, type ReaderCalls } from "@pharos/tsdb";
import { BUILD_INFO } from "../build-info.ts";
import type { Pieces } from "../http/answer.ts";
import { ReadRequest } from "../http/read-request.ts";
import { createReadRoutes, READ_PATHS } from "../http/read-routes.ts";
import type { QueryRun } from "../queries/query-run.ts";
import { FanOutReader } from "../remote-read/fan-out-reader.ts";
import { archiveSettings } from "./archive-settings.ts";
import { answerCalls, Caller, Moved } from "./calls.ts";
import { FreedMemory } from "./freed-memory.ts";
import type { QueryCalls, QueryThreadData, SentRequest, SentResponse } from "./query-calls.ts";
import type { StoreReaderCalls } from "./store-calls.ts";
import { threadMemory } from "./thread-memory.ts";

/** A large answer goes in pieces of at least this size: each of them costs two messages. */
const PIECE_SIZE_MIN = 256 * 1024;
/** Expressions of rules that are kept as they were parsed. At some kilobytes each. */
const PARSED_RULES_MAX = 10_000;
/** Selections that a thread may be waiting for. */
const STORE_CALLS_MAX = 10_000;

const main = parentPort;
assert(main !== null, "this is a thread's first file");
const { settings, setup, port } = workerData as QueryThreadData;

// For blocks that are decoded, and for what queries make of them.
const kernels = await Kernels.load();
const store = await attachReader({
  setup,
  calls: storeCalls(port),
  disk: nodeDisk(settings.dataFolder),
  clock: systemClock,
  kernels,
  blockCacheSizeMax: settings.blockCacheSizeMax,
  archive: archiveSettings(settings.archive),
});
const resultCache =
  settings.resultCache && new ResultCache({ clock: systemClock, ...settings.resultCache });
const engine = createEngine({ clock: systemClock, kernels, ...settings, resultCache });
const freed = new FreedMemory();
/** Of rules, by their texts; those that were asked for first go first. */
const parsedRules = new Map<string, Expr>();
/** For other systems that are read from, if there are any. */
let http: NodeHttpClient | undefined;

/** What is left of answers that are being read. */
const rests = new Map<number, Pieces>();
let nextRest = 1;

answerCalls<QueryCalls>(main, {
  read: (sent, signal) => respond(sent, signal).finally(() => freed.workEnded()),
  async next(rest) {
    const pieces = rests.get(rest);
    if (pieces === undefined) return undefined;
    const piece = await nextPiece(pieces);
    if (piece !== undefined) return new Moved(piece, [piece.buffer]);
    rests.delete(rest);
    freed.workEnded();
    return undefined;
  },
  drop(rest) {
    rests.get(rest)?.return();
    rests.delete(rest);
    freed.workEnded();
  },
  ping: () => null,
  cacheStats: () => resultCache?.stats ?? null,
  dropCached: (metrics) => resultCache?.dropMetrics(metrics),
  memory: () => threadMemory(kernels),
  // Rules are about samples: rows stand in only where those are gone.
  evaluate: ({ expr, timeMs, remoteReads }, signal) =>
    engine.instant(readerOf(remoteReads), parsedRule(expr), timeMs, {
      signal,
      tier: "raw_if_kept",
    }),
});

function parsedRule(text: string): Expr {
  const known = parsedRules.get(text);
  if (known !== undefined) return known;
  const expr = parse(text);
  const [oldest] = parsedRules.keys();
  if (oldest !== undefined && parsedRules.size >= PARSED_RULES_MAX) parsedRules.delete(oldest);
  parsedRules.set(text, expr);
  return expr;
}

async function respond(sent: SentRequest, signal: AbortSignal): Promise<Moved<SentResponse>> {
  let run: QueryRun | undefined;
  const request = new ReadRequest({ ...sent, signal });
  const read = createReadRoutes({
    clock: systemClock,
    engine,
    // Who reads from here gets what is here: two that read from each other would never end.
    store: request.path === READ_PATHS.remoteRead ? store : readerOf(sent.remoteReads),
    exemplars: store,
    queryTimeoutMs: settings.timeoutMs,
    lookbackMs: settings.lookbackMs,
    remoteRead: settings.remoteRead,
    externalLabels: () => sent.externalLabels,
    terms: sent.terms,
    observe(seen) {
      run = seen;
    },
  });
  const { status, headers, body } = await read(request);
  const answer = { status, headers, run };
  if (body === null || body instanceof Uint8Array) {
    const whole = body ?? new Uint8Array(0);
    return new Moved({ ...answer, body: whole, rest: undefined }, [whole.buffer]);
  }
  const first = (await nextPiece(body)) ?? new Uint8Array(0);
  if (first.length < PIECE_SIZE_MIN)
    return new Moved({ ...answer, body: first, rest: undefined }, [first.buffer]);
  const rest = nextRest++;
  if (signal.aborted) body.return();
  else rests.set(rest, body);
  return new Moved({ ...answer, body: first, rest }, [first.buffer]);
}

/** The store, and those that are read beside it. */
function readerOf(remotes: readonly RemoteReadSettings[]): AttachedReader | FanOutReader {
  if (remotes.length === 0) return store;
  http ??= nodeHttpClient();
  const client = http;
  const userAgent = `Pharos/${BUILD_INFO.version}`;
  const readers = remotes.map((remote) => new RemoteReader(remote, client, userAgent));
  return new FanOutReader(store, readers);
}

/** The next piece of an answer, large enough to be worth its messages; undefined at the end. */
async function nextPiece(pieces: Pieces): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  while (size < PIECE_SIZE_MIN) {
    const { done, value } = await pieces.next();
    if (done === true) break;
    parts.push(value);
    size += value.length;
  }
  if (size === 0) return undefined;
  const [only] = parts;
  if (only !== undefined && parts.length === 1 && size === only.buffer.byteLength) return only;
  const piece = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    piece.set(part, at);
    at += part.length;
  }
  return piece;
}

function storeCalls(to: MessagePort): ReaderCalls {
  const caller = new Caller<StoreReaderCalls>(to, STORE_CALLS_MAX);
  return {
    select: (range, matchers, wishes) => caller.call("select", { range, matchers, wishes }),
    selectionLabels: (hold) => caller.call("selectionLabels", hold),
    estimate: (range, matchers) => caller.call("estimate", { range, matchers }),
    labels: (range, query) => caller.call("labels", { range, query }),
    exemplars: (range, matcherLists) => caller.call("exemplars", { range, matcherLists }),
    rollups: () => caller.call("rollups", null),
    release: (hold) => caller.tell("release", hold),
    report: (problem) => caller.tell("report", problem),
  };
}
