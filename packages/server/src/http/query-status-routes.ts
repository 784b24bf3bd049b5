import { formatDuration } from "@pharos/base";
import type { ActiveQuery } from "../queries/active-queries.ts";
import type { QueryTotals } from "../queries/top-queries.ts";
import { type Answer, failure, success } from "./answer.ts";
import { badData, invalidParameter } from "./errors.ts";
import { durationParameter, parametersOf } from "./parameters.ts";
import { isFromAnotherSite } from "./same-site.ts";

/** What the routes ask of whoever runs queries. */
export interface QueryStatusProvider {
  nowMonotonicMs(): number;
  active(): readonly ActiveQuery[];
  /** Answers whether there is such a query. */
  cancel(id: string): boolean;
  /** How many queries that ended are remembered. */
  readonly remembered: number;
  /** Queries that ended since a time on the monotonic clock, summed up. */
  totals(sinceMonotonicMs: number): readonly QueryTotals[];
}

const TOP_DEFAULT = 20;
const TOP_MAX = 1000;
const LIFETIME_MS_DEFAULT = 10 * 60_000;

/** `/api/v1/status/active_queries`, with VictoriaMetrics's fields and some of ours; the oldest first. */
export function activeQueries(queries: QueryStatusProvider): Answer {
  const nowMs = queries.nowMonotonicMs();
  return success(
    queries.active().map((query) => ({
      duration: `${((nowMs - query.beganMonotonicMs) / 1000).toFixed(3)}s`,
      id: query.id,
      remote_addr: query.clientAddress,
      query: query.query,
      start: query.startMs,
      end: query.endMs,
      step: query.stepMs,
      user: query.user,
      source: query.source,
      phase: query.phase,
    })),
  );
}

/** `POST /api/v1/status/active_queries/<id>/cancel`: the query ends with `canceled`. */
export function cancelQuery(request: Request, id: string, queries: QueryStatusProvider): Answer {
  if (isFromAnotherSite(request))
    return failure(403, "bad_data", "not from a page of another site");
  if (queries.cancel(id)) return success({ id });
  return failure(404, "not_found", `no query with the id ${id} runs or waits`);
}

/**
 * `/api/v1/status/top_queries?topN&maxLifetime`, as VictoriaMetrics has it: of the queries that ended lately, those that
 * came most often, took longest, held most memory and, ours, read the most samples.
 */
export async function topQueries(request: Request, queries: QueryStatusProvider): Promise<Answer> {
  const parameters = await parametersOf(request);
  const text = parameters.get("topN") ?? "";
  const count = text === "" ? TOP_DEFAULT : Number(text);
  if (!/^\d*$/.test(text) || count < 1 || count > TOP_MAX)
    throw invalidParameter("topN", `want a whole number from 1 to ${TOP_MAX}`);
  const lifetimeMs = durationParameter(parameters, "maxLifetime") ?? LIFETIME_MS_DEFAULT;
  if (!(lifetimeMs > 0)) throw badData('invalid parameter "maxLifetime": want more than 0');
  const totals = queries.totals(queries.nowMonotonicMs() - lifetimeMs);
  const top = (
    rank: (sums: QueryTotals) => number,
    shown: (sums: QueryTotals) => Readonly<Record<string, number>>,
  ): readonly unknown[] =>
    totals
      .toSorted((a, b) => rank(b) - rank(a))
      .slice(0, count)
      .map((sums) => ({
        query: sums.query,
        timeRangeSeconds: sums.rangeMs / 1000,
        ...shown(sums),
        count: sums.count,
      }));
  const averageSeconds = ({ durationMs, count: times }: QueryTotals) => durationMs / times / 1000;
  const averageMemory = ({ memorySize, count: times }: QueryTotals) => memorySize / times;
  return success({
    topN: String(count),
    maxLifetime: formatDuration(Math.round(lifetimeMs)),
    "search.queryStats.lastQueriesCount": queries.remembered,
    topByCount: top(
      ({ count: times }) => times,
      () => ({}),
    ),
    topByAvgDuration: top(averageSeconds, (sums) => ({
      avgDurationSeconds: averageSeconds(sums),
    })),
    topBySumDuration: top(
      ({ durationMs }) => durationMs,
      ({ durationMs }) => ({ sumDurationSeconds: durationMs / 1000 }),
    ),
    topByAvgMemoryUsage: top(averageMemory, (sums) => ({
      avgMemoryBytes: Math.round(averageMemory(sums)),
    })),
    topBySumSamplesRead: top(
      ({ samplesRead }) => samplesRead,
      ({ samplesRead }) => ({ sumSamplesRead: samplesRead }),
    ),
  });
}
