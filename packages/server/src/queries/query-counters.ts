import { type ErrorCode, OperatingError } from "@pharos/base";
import type { QueryStats } from "@pharos/promql/engine";
import type { QuerySource } from "./query-scheduler.ts";

/** Rules are counted apart from what the scheduler lets in. */
export type CountedSource = QuerySource | "rule";

export const QUERY_OUTCOMES = [
  "success",
  "limit",
  "timeout",
  "cancelled",
  "refused",
  "error",
] as const;
export type QueryOutcome = (typeof QUERY_OUTCOMES)[number];

const OUTCOMES: Partial<Record<ErrorCode, QueryOutcome>> = {
  "query.cancelled": "cancelled",
  "query.over_limit": "limit",
  "query.timeout": "timeout",
  "query.too_many": "refused",
  "query.too_many_samples": "limit",
};

/** What a failure counts as. */
export function outcomeOf(error: unknown): QueryOutcome {
  if (error instanceof OperatingError) return OUTCOMES[error.code] ?? "error";
  return error instanceof Error && error.name === "AbortError" ? "cancelled" : "error";
}

/** What became of queries since the start, and how long that took. */
export class QueryCounters {
  readonly #counts = new Map<string, number>();
  /** What the cache of results had of range queries: all of their steps, some, none. */
  readonly cache = { hits: 0, partialHits: 0, misses: 0, steps: 0, stepsCached: 0 };
  queuedMs = 0;
  evaluatedMs = 0;
  samplesRead = 0;
  seriesRead = 0;

  count(source: CountedSource, outcome: QueryOutcome): void {
    const key = `${source} ${outcome}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** Notes the steps of a range, and how many of them were cached; undefined where the cache had no part in it. */
  countSteps(steps: QueryStats["steps"]): void {
    if (steps === undefined) return;
    const { cache } = this;
    cache.steps += steps.total;
    cache.stepsCached += steps.cached;
    if (steps.cached === 0) cache.misses++;
    else if (steps.cached === steps.total) cache.hits++;
    else cache.partialHits++;
  }

  /** As own metrics want them. */
  counts(): readonly (readonly [labels: Record<string, string>, count: number])[] {
    return [...this.#counts].map(([key, count]) => {
      const [source = "", outcome = ""] = key.split(" ");
      return [{ source, outcome }, count];
    });
  }
}
