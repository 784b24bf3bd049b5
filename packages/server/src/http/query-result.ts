import type { QueryResult, QueryStats } from "@pharos/promql/engine";
import { type Notes, TRUNCATED } from "./answer.ts";

/** How long things took and how much was read, for the parameter `stats`. */
export interface QueryStatistics {
  readonly totalMs: number;
  /** Of waiting for its turn, before that. */
  readonly queuedMs: number;
  readonly stats: QueryStats;
}

/** The times of a query's steps, Unix epoch, ms. */
export interface StepTimes {
  readonly startMs: number;
  readonly stepMs: number;
}

/**
 * In Prometheus's fields, times in seconds. But for the queue, all the time is that of the evaluation. With `steps` the
 * samples of each step, too, if they were counted.
 */
export function statisticsData(
  { totalMs, queuedMs, stats }: QueryStatistics,
  steps?: StepTimes,
): unknown {
  const total = totalMs / 1000;
  const queued = queuedMs / 1000;
  const { samplesRead, samplesPeak, seriesRead, queryable, steps: ofRange } = stats;
  return {
    timings: {
      evalTotalTime: total,
      resultSortTime: 0,
      queryPreparationTime: 0,
      innerEvalTime: total,
      execQueueTime: queued,
      execTotalTime: queued + total,
    },
    samples: {
      ...(queryable !== undefined && steps !== undefined
        ? { totalQueryableSamplesPerStep: samplesPerStep(queryable, steps) }
        : {}),
      totalQueryableSamples: queryable?.reduce((sum, count) => sum + count, 0) ?? samplesRead,
      peakSamples: samplesPeak,
      samplesRead,
      seriesTouched: seriesRead,
    },
    ...(ofRange === undefined
      ? {}
      : { cache: { steps: ofRange.total, stepsFromCache: ofRange.cached } }),
  };
}

/** Each step's time in seconds and how many samples it looked at. */
function samplesPerStep(counts: Float64Array, { startMs, stepMs }: StepTimes): [number, number][] {
  return Array.from(counts, (count, i) => [(startMs + i * stepMs) / 1000, count]);
}

/** How many series of a result are shown: `limit` at most, 0 for all. */
export function seriesCount(result: QueryResult, limit: number): number {
  const count =
    result.type === "vector"
      ? result.values.length
      : result.type === "matrix"
        ? result.series.length
        : 1;
  return limit > 0 ? Math.min(limit, count) : count;
}

/** How many warnings, and how many infos, an answer shows, as Prometheus's do. */
const NOTES_MAX = 10;

/** Warnings and infos, the first of each, with a warning that says so where `limit` drops series. */
export function resultNotes(result: QueryResult, limit: number): Notes {
  const warnings = firstNotes(result.warnings, "warning");
  const infos = firstNotes(result.infos, "info");
  if (seriesCount(result, limit) === seriesCount(result, 0)) return { warnings, infos };
  return { warnings: [...warnings, TRUNCATED], infos };
}

function firstNotes(notes: readonly string[], kind: "warning" | "info"): readonly string[] {
  const omitted = notes.length - NOTES_MAX;
  if (omitted <= 0) return notes;
  return [...notes.slice(0, NOTES_MAX), `${omitted} more ${kind} annotations omitted`];
}
