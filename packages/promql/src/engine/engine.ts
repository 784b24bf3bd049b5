import { assert, type Clock, NO_LABELS, OperatingError } from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import { CachedRange } from "../cache/cached-range.ts";
import type { ResultCache } from "../cache/result-cache.ts";
import { planQuery, type QueryPlan } from "../plan/explain.ts";
import { planText } from "../plan/explain-text.ts";
import { inferMatchers } from "../plan/infer-matchers.ts";
import { leavesOf } from "../plan/leaves.ts";
import { pushDown } from "../plan/pushdown.ts";
import { QueryProfile } from "../plan/query-profile.ts";
import { AUTO_SPAN_MS_MIN, type TierWish } from "../plan/tier-choice.ts";
import { planTiers, type TierPlan } from "../plan/tier-plan.ts";
import type { Expr } from "../syntax/ast.ts";
import { resolveDurations } from "../syntax/durations.ts";
import { parse } from "../syntax/parse.ts";
import { describeType, valueTypeOf } from "../syntax/value-type.ts";
import { walk } from "../syntax/walk.ts";
import { Annotations } from "./annotations.ts";
import { TreeEvaluator } from "./evaluate.ts";
import type { Evaluator } from "./evaluator.ts";
import { unwrapParens } from "./expr-properties.ts";
import { countsOnlySelectors } from "./histogram/counts-only.ts";
import { QueryContext, type QueryStore } from "./query-context.ts";
import { type QueryLimits, SAMPLE_SIZE } from "./query-limits.ts";
import { evaluateMatrix } from "./range/range-vector.ts";
import {
  matrixResult,
  type QueryResult,
  type QueryStats,
  type QueryValue,
  runsResult,
  vectorResult,
} from "./result.ts";
import { SampleCounts } from "./sample-counts.ts";
import type { Grid } from "./step-series.ts";

export interface EngineOptions {
  readonly clock: Clock;
  /**
   * Where to compute range functions and aggregations in WebAssembly: a memory in which this thread may allocate. Without
   * it answers are the same, to the last bit, but take longer.
   */
  readonly kernels?: Kernels | undefined;
  /** How old the sample that stands for a series may be, in ms; 5 minutes. */
  readonly lookbackMs?: number;
  /** How many samples a query may hold in memory at once; 50 million. */
  readonly samplesMax?: number;
  /** How long a query may take, in ms; 2 minutes. */
  readonly timeoutMs?: number;
  /** The step of subqueries that name none, in ms: the global evaluation interval; 1 minute. */
  readonly defaultStepMs?: number;
  /** Where results of ranges are kept, if anywhere: of one store, asked by this engine alone. */
  readonly resultCache?: ResultCache | undefined;
}

export interface QueryOptions {
  readonly signal: AbortSignal;
  readonly lookbackMs?: number;
  readonly timeoutMs?: number;
  readonly limits?: QueryLimits;
  /** Whether to count the samples that each step looks at, for `QueryStats.queryable`. */
  readonly countsSamples?: boolean;
  /** What to answer from, where the store has rollups; `raw` unless given. */
  readonly tier?: TierWish;
  /** Whether selectors get the matchers that the other side of an operator makes sure of; true unless given. */
  readonly infersMatchers?: boolean;
  /** Whether a range may be answered from the engine's cache, where the store tells of changes; false unless given. */
  readonly cached?: boolean;
  /** What `expr` was parsed from, for places in warnings; not needed where `expr` is the text itself. */
  readonly text?: string;
}

export interface ExplainOptions extends QueryOptions {
  /** Whether the query is evaluated, too, to say what it takes. */
  readonly analyzes?: boolean;
}

/** How a query is evaluated, and, where it was, what that took. */
export interface Explanation extends QueryPlan {
  /** The plan for people: some lines for each part. */
  readonly text: string;
  readonly warnings: readonly string[];
  readonly stats?: QueryStats;
}

export interface QueryRange {
  /** Unix epoch, ms, integers; both ends included. */
  readonly startMs: number;
  readonly endMs: number;
  /** Above 0. */
  readonly stepMs: number;
}

/**
 * Evaluates PromQL on what a store holds. Queries run side by side; each gives others a turn on the thread every few
 * milliseconds.
 *
 * @throws OperatingError `query.invalid` for an expression that is wrong in itself; `query.failed` for one that fails
 * on the data (many-to-many matching …); `query.too_many_samples`, `query.over_limit`, `query.timeout`; `query.cancelled` where the signal
 * aborts; and whatever the store throws.
 */
export interface Engine {
  /** Any expression at one time (Unix epoch, ms, an integer). */
  instant(
    store: QueryStore,
    expr: Expr | string,
    timeMs: number,
    options: QueryOptions,
  ): Promise<QueryResult>;
  /** A scalar or vector at each step of a range: always a matrix. */
  range(
    store: QueryStore,
    expr: Expr | string,
    range: QueryRange,
    options: QueryOptions,
  ): Promise<QueryResult>;
  /** How a query is evaluated: an instant query where the step is 0. Nothing is read unless it is analyzed. */
  explain(
    store: QueryStore,
    expr: Expr | string,
    range: QueryRange,
    options: ExplainOptions,
  ): Promise<Explanation>;
}

const MINUTE_MS = 60_000;

export function createEngine({
  clock,
  kernels,
  lookbackMs = 5 * MINUTE_MS,
  samplesMax = 50_000_000,
  timeoutMs = 2 * MINUTE_MS,
  defaultStepMs = MINUTE_MS,
  resultCache,
}: EngineOptions): Engine {
  /** Of expressions that are evaluated again and again, as those of rules are. */
  const inferred = new WeakMap<Expr, Expr>();
  /** Has a query evaluated, or whatever, with what belongs to it. */
  const open = <T>(
    store: QueryStore,
    query: Expr | string,
    range: QueryRange,
    options: QueryOptions,
    work: (running: RunningQuery) => Promise<T>,
  ): Promise<T> => {
    const text = typeof query === "string" ? query : options.text;
    const written = resolveDurations(typeof query === "string" ? parse(query) : query, range, text);
    const expr =
      options.infersMatchers === false
        ? written
        : inferred.getOrInsertComputed(written, inferMatchers);
    return withTimeout(clock, options.timeoutMs ?? timeoutMs, options.signal, async (signal) => {
      const grid = gridOf(range);
      const context = new QueryContext({
        store,
        clock,
        kernels,
        signal,
        startMs: range.startMs,
        endMs: range.endMs,
        stepMs: range.stepMs,
        lookbackMs: options.lookbackMs ?? lookbackMs,
        defaultStepMs,
        samplesMax,
        ...(options.limits === undefined ? {} : { limits: options.limits }),
        annotations: new Annotations(text),
        countsOnly: countsOnlySelectors(expr),
        sampleCounts: options.countsSamples === true ? new SampleCounts(grid) : undefined,
      });
      const { tier = "raw" } = options;
      if (tier !== "raw")
        context.tiers = await planTiers(
          ...([leavesOf(expr, grid, context), tier, clock.nowMs(), context] as const),
        );
      const evaluator = new TreeEvaluator(expr, grid, context);
      return work({ written, expr, grid, context, evaluator });
    });
  };
  const run = (
    store: QueryStore,
    query: Expr | string,
    range: QueryRange,
    options: QueryOptions,
    evaluate: Evaluate,
  ): Promise<QueryResult> =>
    open(store, query, range, options, (running) => finish(running, evaluate));
  /** A range as far as it is cached, with the rest evaluated; undefined where the cache has no part in it. */
  const runCached = async (
    store: QueryStore,
    query: Expr | string,
    range: QueryRange,
    options: QueryOptions,
  ): Promise<QueryResult | undefined> => {
    const { changes } = store;
    if (resultCache === undefined || options.cached !== true || changes === undefined)
      return undefined;
    const text = typeof query === "string" ? query : options.text;
    const expr = resolveDurations(typeof query === "string" ? parse(query) : query, range, text);
    const { samples, memorySize } = options.limits ?? {};
    const pieces = CachedRange.of(resultCache, clock, {
      ...range,
      ...{ expr, text, changes, countsSamples: options.countsSamples === true },
      lookbackMs: options.lookbackMs ?? lookbackMs,
      pointsMax: Math.min(
        samples?.max ?? samplesMax,
        (memorySize?.max ?? Number.POSITIVE_INFINITY) / SAMPLE_SIZE,
      ),
    });
    const { tier = "raw" } = options;
    const mayReadRollups =
      tier !== "raw" && pieces !== undefined && clock.nowMs() - pieces.sinceMs >= AUTO_SPAN_MS_MIN;
    const planned = async ({ context }: RunningQuery): Promise<TierPlan> => context.tiers;
    if (
      pieces === undefined ||
      (mayReadRollups && !(await open(store, expr, range, options, planned)).isEmpty)
    ) {
      resultCache.countBypass();
      return undefined;
    }
    const deadlineMs = clock.monotonicMs() + (options.timeoutMs ?? timeoutMs);
    return pieces.answer(async (startMs, endMs) => {
      const leftMs = Math.max(0, deadlineMs - clock.monotonicMs());
      const own = { ...options, ...(text === undefined ? {} : { text }), timeoutMs: leftMs };
      const steps = { startMs, endMs, stepMs: range.stepMs };
      return open(store, expr, steps, { ...own, tier: "raw" }, async (running) => ({
        startMs,
        annotations: running.context.annotations,
        result: await finish(running, evaluateRange),
      }));
    });
  };
  return {
    async instant(store, expr, timeMs, options) {
      const range = { startMs: timeMs, endMs: timeMs, stepMs: 0 };
      return run(store, expr, range, options, evaluateInstant);
    },
    async range(store, expr, range, options) {
      checkRange(range);
      const cached = await runCached(store, expr, range, options);
      return cached ?? run(store, expr, range, options, evaluateRange);
    },
    async explain(store, query, range, options) {
      if (range.stepMs !== 0) checkRange(range);
      const evaluate = range.stepMs === 0 ? evaluateInstant : evaluateRange;
      return open(store, query, range, options, async (running) => {
        const { expr, grid, context, evaluator } = running;
        const plan = {
          ...running,
          leaves: leavesOf(expr, grid, context),
          shared: evaluator.sharedSelectors,
          isElsewhere: ownSet(expr, (part) => evaluator.isElsewhere(part)),
          isPushed: (part: Expr, steps: Grid) => pushDown(part, steps, context) !== undefined,
        };
        const profile = options.analyzes === true ? new QueryProfile(clock) : undefined;
        context.profile = profile;
        if (profile !== undefined) await evaluate(expr, grid, evaluator);
        const { root, estimate } = await planQuery({ ...plan, profile });
        const { annotations, samplesRead, seriesRead, samplesPeak } = context;
        return {
          root,
          estimate,
          text: planText({ root, estimate }, range),
          warnings: annotations.warnings,
          ...(profile === undefined ? {} : { stats: { samplesRead, seriesRead, samplesPeak } }),
        };
      });
    },
  };
}

/** A query with what belongs to its evaluation. */
interface RunningQuery {
  /** As it was before matchers were added. */
  readonly written: Expr;
  readonly expr: Expr;
  readonly grid: Grid;
  readonly context: QueryContext;
  readonly evaluator: TreeEvaluator;
}

type Evaluate = (expr: Expr, grid: Grid, evaluator: Evaluator) => Promise<QueryValue>;

async function finish(
  { expr, grid, context, evaluator }: RunningQuery,
  evaluate: Evaluate,
): Promise<QueryResult> {
  const value = await evaluate(expr, grid, evaluator);
  const { annotations, samplesRead, seriesRead, samplesPeak, sampleCounts } = context;
  return {
    ...value,
    warnings: annotations.warnings,
    infos: annotations.infos,
    stats: {
      samplesRead,
      seriesRead,
      samplesPeak,
      ...(sampleCounts === undefined ? {} : { queryable: sampleCounts.of(grid) }),
    },
  };
}

/** Which parts of an expression something holds for now: evaluating it may change that. */
function ownSet(expr: Expr, holds: (part: Expr) => boolean): (part: Expr) => boolean {
  const parts = new Set<Expr>();
  walk(expr, (part) => {
    if (holds(part)) parts.add(part);
  });
  return (part) => parts.has(part);
}

function checkRange({ startMs, endMs, stepMs }: QueryRange): void {
  assert(stepMs > 0, () => `step of ${stepMs} ms`);
  assert(endMs >= startMs, "a range ends after its start");
}

function gridOf({ startMs, endMs, stepMs }: QueryRange): Grid {
  assert(Number.isInteger(startMs), () => `time ${startMs}`);
  if (startMs === endMs) return { startMs, stepMs: MINUTE_MS, count: 1 };
  return { startMs, stepMs, count: Math.floor((endMs - startMs) / stepMs) + 1 };
}

async function evaluateInstant(expr: Expr, grid: Grid, evaluator: Evaluator): Promise<QueryValue> {
  const timestampMs = grid.startMs;
  switch (valueTypeOf(expr)) {
    case "scalar": {
      const [value = Number.NaN] = await evaluator.scalar(expr, grid);
      return { type: "scalar", timestampMs, value };
    }
    case "string": {
      const literal = unwrapParens(expr);
      assert(literal.kind === "string", "only literals are strings");
      return { type: "string", timestampMs, value: literal.value };
    }
    case "vector":
      return vectorResult(await evaluator.vector(expr, grid), timestampMs, evaluator.context);
    case "matrix": {
      const runs = await evaluateMatrix(expr, grid, evaluator);
      return { type: "matrix", series: await runsResult(runs, evaluator.context) };
    }
  }
}

async function evaluateRange(expr: Expr, grid: Grid, evaluator: Evaluator): Promise<QueryValue> {
  evaluator.context.hold(grid.count); // The times themselves, and a bound on the number of steps.
  const type = valueTypeOf(expr);
  switch (type) {
    case "scalar": {
      const values = await evaluator.scalar(expr, grid);
      const present = new Uint8Array(grid.count).fill(1);
      const series = { labels: NO_LABELS, dropName: false, values, present };
      return { type: "matrix", series: await matrixResult([series], grid, evaluator.context) };
    }
    case "vector":
      return {
        type: "matrix",
        series: await matrixResult(await evaluator.vector(expr, grid), grid, evaluator.context),
      };
    case "string":
    case "matrix":
      throw new OperatingError(
        "query.invalid",
        `invalid expression type "${describeType(type)}" for range query, must be Scalar or instant Vector`,
      );
  }
}

/** Made once: an abort without a reason makes an exception with its stack. */
const ENDED = new Error("the query has ended");

/** Runs a query with a signal that aborts when the caller's does or the time is up, and says which it was. */
async function withTimeout<T>(
  clock: Clock,
  timeoutMs: number,
  callerSignal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // Not `AbortSignal.any`, which takes longer than many a query.
  const ending = new AbortController();
  const finished = new AbortController();
  let isTimeUp = false;
  const giveUp = (): void => ending.abort(callerSignal.reason);
  if (callerSignal.aborted) giveUp();
  else callerSignal.addEventListener("abort", giveUp, { once: true });
  clock.sleep(timeoutMs, finished.signal).then(
    () => {
      isTimeUp = true;
      ending.abort(new Error("the query's time is up"));
    },
    () => {}, // The query ended first.
  );
  const { signal } = ending;
  try {
    signal.throwIfAborted();
    return await work(signal);
  } catch (error) {
    if (callerSignal.aborted)
      throw new OperatingError("query.cancelled", "query was canceled in expression evaluation");
    if (isTimeUp)
      throw new OperatingError("query.timeout", "query timed out in expression evaluation");
    throw error;
  } finally {
    callerSignal.removeEventListener("abort", giveUp);
    finished.abort(ENDED);
  }
}
