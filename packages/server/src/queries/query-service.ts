import { type Clock, errorText, OperatingError } from "@pharos/base";
import type { QueryResult } from "@pharos/promql/engine";
import { type Expr, formatExpr } from "@pharos/promql/syntax";
import type { Answer } from "../http/answer.ts";
import { type Client, UNKNOWN_CLIENT } from "../http/client.ts";
import { mayUseCache, parseDurationText, parseTime } from "../http/parameters.ts";
import type { ReadRequest } from "../http/read-request.ts";
import { READ_PATHS } from "../http/read-routes.ts";
import type { ActiveQueries, QueryRequest } from "./active-queries.ts";
import type { AnswerKey } from "./answer-cache.ts";
import { type QueryCaller, queryCaller } from "./query-caller.ts";
import { outcomeOf, QueryCounters } from "./query-counters.ts";
import { type QueryLogFile, type QueryTimings, queryLogLine } from "./query-log.ts";
import type { QueryRun } from "./query-run.ts";
import type { Admission, QueryScheduler } from "./query-scheduler.ts";
import { type QueryCeilings, type QueryTerms, queryTerms } from "./query-terms.ts";
import type { TopQueries } from "./top-queries.ts";

/** Bytes of a sample that a query holds. */
const SAMPLE_SIZE = 16;

/** What goes with a query to the threads that evaluate. */
export interface SentQuery {
  readonly terms: QueryTerms;
  /** In place of that of the request. */
  readonly signal: AbortSignal;
  /** Tells queries apart: what is kept of an answer is there for those with the same. */
  readonly home?: string | undefined;
  /** Where its answer may be that of the same question before. */
  readonly answer?: AnswerKey | undefined;
  /** Told how the evaluation went, before the answer is there; not told where there was none. */
  observe(run: QueryRun): void;
}

/** The threads that evaluate. */
export interface QueryThreads {
  read(request: ReadRequest, query?: SentQuery): Promise<Answer>;
  evaluate(expr: Expr, timeMs: number, signal: AbortSignal): Promise<QueryResult>;
}

/** Whose rule is evaluated. */
export interface RuleGroupName {
  readonly file: string;
  readonly name: string;
}

export interface QueryServiceOptions {
  readonly clock: Clock;
  readonly threads: QueryThreads;
  readonly scheduler: QueryScheduler;
  readonly active: ActiveQueries;
  readonly top: TopQueries;
  /** Which header names the user; undefined for none. */
  readonly userHeader: string | undefined;
  /** As they are now: a reload may change them. */
  ceilings(): QueryCeilings;
  /** Where queries are logged now, if anywhere. */
  log(): QueryLogFile | undefined;
}

/** The paths whose requests take their turn, each with how its time is given. */
const QUERY_PATHS: ReadonlyMap<string, "instant" | "range" | "either"> = new Map([
  [READ_PATHS.instantQuery, "instant"],
  [READ_PATHS.rangeQuery, "range"],
  [READ_PATHS.queryCost, "instant"],
  [READ_PATHS.queryRangeCost, "range"],
  [READ_PATHS.queryExplain, "either"],
  [READ_PATHS.dashboardQuery, "instant"],
  [READ_PATHS.dashboardMetrics, "instant"],
]);

/**
 * What stands between the API and the threads that evaluate: gives each query its turn and its terms, knows those that
 * are under way, and keeps count of those that ended. Rules pass by the turns: they never wait for what people ask.
 */
export class QueryService {
  readonly counters = new QueryCounters();
  readonly #options: QueryServiceOptions;

  constructor(options: QueryServiceOptions) {
    this.#options = options;
  }

  /** Answers one of the read routes. @throws OperatingError where it does not begin; the signal's reason. */
  async read(request: ReadRequest, client: Client = UNKNOWN_CLIENT): Promise<Answer> {
    const { method, path } = request;
    const kind = QUERY_PATHS.get(path);
    if (kind === undefined) return this.#options.threads.read(request);
    const { userHeader, ceilings } = this.#options;
    const { parameters } = request;
    const terms = queryTerms(parameters, ceilings());
    const asker = queryCaller(request, client, userHeader);
    const isDashboard = path === READ_PATHS.dashboardQuery;
    const caller: QueryCaller = isDashboard ? { ...asker, source: "dashboard" } : asker;
    const times = this.#times(parameters, kind);
    const query: QueryRequest = {
      // A dashboard may ask by the name of a metric alone.
      query: parameters.get("query") ?? parameters.get("metric") ?? "",
      ...{ ...times, ...caller },
      ...{ clientAddress: client.address, method, path },
    };
    const answer = kind === "range" ? answerKey(request, times.endMs) : undefined;
    return this.#run(query, caller, terms, request, answer);
  }

  async #run(
    query: QueryRequest,
    caller: QueryCaller,
    terms: QueryTerms,
    request: ReadRequest,
    answer: AnswerKey | undefined,
  ): Promise<Answer> {
    const { signal: clientSignal } = request;
    const { clock, threads, scheduler, active } = this.#options;
    const beganMs = clock.monotonicMs();
    // Not `AbortSignal.any`, which takes longer than all else here.
    const ending = new AbortController();
    const { signal } = ending;
    const giveUp = (): void => ending.abort(clientSignal.reason);
    if (clientSignal.aborted) giveUp();
    else clientSignal.addEventListener("abort", giveUp, { once: true });
    const id = active.add(query, beganMs, () =>
      ending.abort(new OperatingError("query.cancelled", "the query was cancelled by request")),
    );
    let admission: Admission | undefined;
    let run: QueryRun | undefined;
    let failure: unknown;
    try {
      admission = await scheduler.enter({ ...caller, waitMsMax: terms.timeoutMs, signal });
      const { waitedMs } = admission;
      active.begin(id);
      const timeoutMs = Math.max(0, terms.timeoutMs - waitedMs);
      return await threads.read(request, {
        terms: { ...terms, timeoutMs, waitedMs },
        signal,
        answer,
        home: query.stepMs > 0 ? `${query.stepMs} ${query.query}` : undefined,
        observe: (seen) => {
          run = seen;
        },
      });
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      clientSignal.removeEventListener("abort", giveUp);
      admission?.release();
      active.remove(id);
      const waitedMs = admission?.waitedMs ?? clock.monotonicMs() - beganMs;
      this.#ended(query, waitedMs, run, failure);
    }
  }

  /** Notes what became of a query. One whose text is wrong counts nowhere. */
  #ended(query: QueryRequest, waitedMs: number, run: QueryRun | undefined, failure: unknown): void {
    const { clock, top, log } = this.#options;
    const { counters } = this;
    if (run === undefined && failure === undefined) return;
    const error = run?.error;
    const cause =
      failure ?? (error === undefined ? undefined : new OperatingError(error.code, error.message));
    counters.count(query.source, cause === undefined ? "success" : outcomeOf(cause));
    counters.queuedMs += waitedMs;
    const { evaluatedMs = 0, stats } = run ?? {};
    counters.evaluatedMs += evaluatedMs;
    counters.countSteps(stats?.steps);
    counters.samplesRead += stats?.samplesRead ?? 0;
    counters.seriesRead += stats?.seriesRead ?? 0;
    if (run !== undefined)
      top.add({
        query: query.query,
        rangeMs: query.endMs - query.startMs,
        durationMs: evaluatedMs,
        samplesRead: stats?.samplesRead ?? 0,
        memorySize: (stats?.samplesPeak ?? 0) * SAMPLE_SIZE,
        endedMonotonicMs: clock.monotonicMs(),
      });
    log()?.append(
      queryLogLine(
        {
          params: query,
          timings: timings(waitedMs, evaluatedMs),
          samplesRead: stats?.samplesRead ?? 0,
          samplesPeak: stats?.samplesPeak ?? 0,
          ...(cause === undefined ? {} : { error: errorText(cause) }),
          httpRequest: { clientIP: query.clientAddress, method: query.method, path: query.path },
        },
        clock.nowMs(),
      ),
    );
  }

  /** An instant query of a rule. @throws OperatingError as `Engine.instant`. */
  async evaluate(
    expr: Expr,
    timeMs: number,
    signal: AbortSignal,
    ruleGroup: RuleGroupName,
  ): Promise<QueryResult> {
    const { clock, threads } = this.#options;
    const startedMs = clock.monotonicMs();
    let result: QueryResult | undefined;
    let failure: unknown;
    try {
      result = await threads.evaluate(expr, timeMs, signal);
      return result;
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      const evaluatedMs = clock.monotonicMs() - startedMs;
      this.#ruleEnded(expr, timeMs, ruleGroup, evaluatedMs, result, failure);
    }
  }

  #ruleEnded(
    expr: Expr,
    timeMs: number,
    ruleGroup: RuleGroupName,
    evaluatedMs: number,
    result: QueryResult | undefined,
    failure: unknown,
  ): void {
    const { counters } = this;
    counters.count("rule", result === undefined ? outcomeOf(failure) : "success");
    counters.evaluatedMs += evaluatedMs;
    counters.samplesRead += result?.stats.samplesRead ?? 0;
    counters.seriesRead += result?.stats.seriesRead ?? 0;
    const file = this.#options.log();
    if (file === undefined) return;
    const params = { query: formatExpr(expr), startMs: timeMs, endMs: timeMs, stepMs: 0 };
    const { file: ruleFile, name } = ruleGroup;
    const logged = {
      ...{ params, timings: timings(0, evaluatedMs), ruleGroup: { file: ruleFile, name } },
      samplesRead: result?.stats.samplesRead ?? 0,
      samplesPeak: result?.stats.samplesPeak ?? 0,
      ...(result === undefined ? { error: errorText(failure) } : {}),
    };
    file.append(queryLogLine(logged, this.#options.clock.nowMs()));
  }

  /** The times of a query, for people: what is wrong with them is said by the route. */
  #times(
    parameters: URLSearchParams,
    kind: "instant" | "range" | "either",
  ): Pick<QueryRequest, "startMs" | "endMs" | "stepMs"> {
    const nowMs = this.#options.clock.nowMs();
    const at = (name: string): number => parseTime(parameters.get(name) ?? "") ?? nowMs;
    const isInstant = kind === "instant" || (kind === "either" && !parameters.has("step"));
    if (isInstant) return { startMs: at("time"), endMs: at("time"), stepMs: 0 };
    return { startMs: at("start"), endMs: at("end"), stepMs: stepOf(parameters) };
  }
}

/** What tells the answer to a range query from others; undefined for one that is not to be kept, or tells of its making. */
function answerKey(request: ReadRequest, endMs: number): AnswerKey | undefined {
  const { path, parameters } = request;
  if (!mayUseCache(request.header("cache-control"), parameters)) return undefined;
  if (parameters.has("stats") || parameters.has("cost")) return undefined;
  const accept = request.header("accept");
  return { text: JSON.stringify([path, accept, [...parameters].sort()]), endMs };
}

function stepOf(parameters: URLSearchParams): number {
  try {
    return parseDurationText(parameters.get("step") ?? "");
  } catch {
    return 0; // The route refuses it.
  }
}

/** Which phases take no time of their own here are 0. */
function timings(waitedMs: number, evaluatedMs: number): QueryTimings {
  const [queued, evaluated] = [waitedMs / 1000, evaluatedMs / 1000];
  return {
    evalTotalTime: evaluated,
    resultSortTime: 0,
    queryPreparationTime: 0,
    innerEvalTime: evaluated,
    execQueueTime: queued,
    execTotalTime: queued + evaluated,
  };
}
