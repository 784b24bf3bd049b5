import type { Interval } from "./time-range.ts";

/** About one point for every three or four pixels of a wide chart: more is not seen, only paid for. */
export const POINTS_WANTED = 300;
/** The server refuses more points a series; see its `query_range`. */
export const POINTS_MAX = 11_000;

const STEPS_SEC = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
] as const;

/** The shortest round step that draws an interval in at most `POINTS_WANTED` points, in ms. */
export function autoStepMs(lengthMs: number): number {
  const wantedSec = lengthMs / POINTS_WANTED / 1000;
  const stepSec = STEPS_SEC.find((sec) => sec >= wantedSec);
  if (stepSec !== undefined) return stepSec * 1000;
  return Math.ceil(wantedSec / 86_400) * 86_400_000;
}

/** The step asked for, or a longer one where it would ask for more than `POINTS_MAX` points. */
export function allowedStepMs(stepMs: number | undefined, lengthMs: number): number {
  if (stepMs === undefined) return autoStepMs(lengthMs);
  const shortestMs = Math.ceil(lengthMs / (POINTS_MAX - 1) / 1000) * 1000;
  return Math.max(stepMs, shortestMs);
}

/**
 * Both ends moved down to multiples of the step, so that a chart that is refreshed keeps its sample times (and its
 * shape) and the server can answer from what it has already computed.
 */
export function alignToStep(interval: Interval, stepMs: number): Interval {
  const toMs = Math.floor(interval.toMs / stepMs) * stepMs;
  const fromMs = Math.floor(interval.fromMs / stepMs) * stepMs;
  return { fromMs: Math.min(fromMs, toMs), toMs };
}
