import { createHash } from "node:crypto";
import type { Clock } from "@pharos/base";
import type { SharedCache, StoreChanges, TimeRange } from "@pharos/ports";
import type { QueryResult } from "@pharos/promql/engine";
import type { Expr } from "@pharos/promql/syntax";
import { type Answer, type Pieces, wholeAnswer } from "../http/answer.ts";
import type { ReadRequest } from "../http/read-request.ts";
import type { QueryRun } from "./query-run.ts";
import type { QueryThreads, SentQuery } from "./query-service.ts";

/** Bytes of an answer; a larger one is not kept. */
const ANSWER_SIZE_MAX = 4 * 1024 * 1024;
const HOUR_MS = 3_600_000;

export interface AnswerCacheOptions {
  readonly clock: Clock;
  readonly cache: SharedCache;
  readonly threads: QueryThreads;
  /** What tells this process from others: they know nothing of its store's changes. */
  readonly process: string;
  /** Of the store; undefined as long as there is none to ask. */
  readonly changes: () => StoreChanges | undefined;
  /** How long answers are kept whose last step is of the last hour, and older ones; ms. */
  readonly recentKeptMs: number;
  readonly olderKeptMs: number;
}

/** A range query as its answer is kept: what tells it from others, and its last step. */
export interface AnswerKey {
  readonly text: string;
  readonly endMs: number;
}

/** What stands before the bytes of an answer. */
interface Preface {
  readonly mark: number;
  readonly ranges: readonly TimeRange[];
  readonly contentType: string;
  readonly steps: number;
}

/**
 * Whole answers, as they are sent: for the same question asked again while no sample comes that it looks at, by everybody who
 * has the same dashboard open. Kept when a thread's cache had all of the steps, which is when it is asked for the second
 * time.
 */
export class AnswerCache implements QueryThreads {
  readonly #options: AnswerCacheOptions;
  #generation = 0;

  constructor(options: AnswerCacheOptions) {
    this.#options = options;
  }

  /** From now on nothing that was kept before is an answer. */
  drop(): void {
    this.#generation++;
  }

  evaluate(expr: Expr, timeMs: number, signal: AbortSignal): Promise<QueryResult> {
    return this.#options.threads.evaluate(expr, timeMs, signal);
  }

  async read(request: ReadRequest, query?: SentQuery): Promise<Answer> {
    const { threads, cache } = this.#options;
    if (query?.answer === undefined) return threads.read(request, query);
    const key = this.#keyOf(query.answer);
    const kept = await cache.get(key);
    const known = kept && this.#answerOf(kept, query);
    if (known !== undefined) return known;
    let run: QueryRun | undefined;
    const observe = (seen: QueryRun): void => {
      run = seen;
      query.observe(seen);
    };
    const answer = await threads.read(request, { ...query, observe });
    return this.#keeping(answer, key, query.answer, run);
  }

  #keyOf({ text }: AnswerKey): string {
    const hash = createHash("sha256").update(text).digest("base64url");
    return `answer:${this.#options.process}:${this.#generation}:${hash}`;
  }

  /** Undefined where samples came or went since. */
  #answerOf(kept: Uint8Array<ArrayBuffer>, query: SentQuery): Answer | undefined {
    const startedMs = this.#options.clock.monotonicMs();
    const changes = this.#options.changes();
    const size = new DataView(kept.buffer).getUint32(0);
    const text = new TextDecoder().decode(kept.subarray(4, 4 + size));
    const { mark, ranges, contentType, steps } = JSON.parse(text) as Preface;
    const holds = ranges.every((range) => changes?.since(mark, range) === undefined);
    if (changes === undefined || !holds) return undefined;
    query.observe({
      evaluatedMs: this.#options.clock.monotonicMs() - startedMs,
      stats: {
        ...{ samplesRead: 0, seriesRead: 0, samplesPeak: 0 },
        steps: { total: steps, cached: steps },
      },
    });
    return wholeAnswer(kept.subarray(4 + size), contentType, 200, { Vary: "Accept" });
  }

  /** The answer, which is kept when it has been read to its end. */
  async #keeping(
    answer: Answer,
    key: string,
    asked: AnswerKey,
    run: QueryRun | undefined,
  ): Promise<Answer> {
    const { clock, cache, recentKeptMs, olderKeptMs } = this.#options;
    const { total, holds } = run?.stats?.steps ?? {};
    const keptMs = clock.nowMs() - asked.endMs < HOUR_MS ? recentKeptMs : olderKeptMs;
    const { body, status, headers } = answer;
    if (
      holds === undefined ||
      total === undefined ||
      body === null ||
      status !== 200 ||
      keptMs <= 0
    )
      return answer;
    const contentType = headers["Content-Type"] ?? "";
    const preface: Preface = { ...holds, contentType, steps: total };
    const text = new TextEncoder().encode(JSON.stringify(preface));
    const parts: Uint8Array[] = [new Uint8Array(4), text];
    new DataView((parts[0] as Uint8Array).buffer).setUint32(0, text.length);
    const keep = async (size: number): Promise<void> => {
      if (size <= ANSWER_SIZE_MAX) await cache.set(key, Buffer.concat(parts), keptMs);
    };
    if (body instanceof Uint8Array) {
      parts.push(body);
      await keep(body.length);
      return answer;
    }
    let size = 0;
    const next: Pieces["next"] = async () => {
      const piece = await body.next();
      if (piece.done === true) await keep(size);
      else {
        size += piece.value.length;
        // A copy, since whoever reads it may do with it as they like.
        if (size <= ANSWER_SIZE_MAX) parts.push(piece.value.slice());
      }
      return piece;
    };
    return { ...answer, body: { next, return: () => body.return() } };
  }
}
