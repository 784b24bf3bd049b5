import { unreachable } from "@pharos/base";

/**
 * The life of one alert (one rule, one label set), as Prometheus has it. Times are evaluation timestamps, never clock
 * readings, so that the same samples always give the same alerts.
 */
export type AlertState =
  | { readonly phase: "inactive" }
  /** The condition holds, but not yet for the whole `for`. */
  | { readonly phase: "pending"; readonly activeAtMs: number }
  | {
      readonly phase: "firing";
      readonly activeAtMs: number;
      readonly firedAtMs: number;
      /** Since when the condition no longer holds while `keep_firing_for` lasts; null while it holds. */
      readonly falseSinceMs: number | null;
    }
  /** Fired once, and is remembered for a while so that its end is not missed. */
  | {
      readonly phase: "resolved";
      readonly activeAtMs: number;
      readonly firedAtMs: number;
      readonly resolvedAtMs: number;
    };

/** What a step changed: a notification follows from `fired` and `resolved`; nobody hears of the others. */
export type AlertTransition = "none" | "activated" | "fired" | "resolved" | "forgotten";

export interface HoldTimes {
  /** How long the condition must hold before the alert fires. 0 fires at once. */
  readonly forMs: number;
  /** How long a firing alert outlives its condition, against flapping. */
  readonly keepFiringForMs: number;
}

/** How long a resolved alert is remembered, as in Prometheus. */
export const RESOLVED_RETENTION_MS = 15 * 60_000;

export const INACTIVE: AlertState = { phase: "inactive" };

/** One evaluation. The wall clock may have gone back since the last one: then holding times just last longer. */
export function stepAlert(
  state: AlertState,
  holds: boolean,
  nowMs: number,
  times: HoldTimes,
): readonly [next: AlertState, transition: AlertTransition] {
  switch (state.phase) {
    case "inactive":
      return holds ? activate(nowMs, times) : [state, "none"];

    case "pending": {
      if (!holds) return [INACTIVE, "forgotten"]; // Never fired: nothing to resolve.
      const { activeAtMs } = state;
      if (nowMs - activeAtMs < times.forMs) return [state, "none"];
      return [{ phase: "firing", activeAtMs, firedAtMs: nowMs, falseSinceMs: null }, "fired"];
    }

    case "firing": {
      if (holds)
        return [state.falseSinceMs === null ? state : { ...state, falseSinceMs: null }, "none"];
      const falseSinceMs = state.falseSinceMs ?? nowMs;
      if (nowMs - falseSinceMs < times.keepFiringForMs) return [{ ...state, falseSinceMs }, "none"];
      const { activeAtMs, firedAtMs } = state;
      return [{ phase: "resolved", activeAtMs, firedAtMs, resolvedAtMs: nowMs }, "resolved"];
    }

    case "resolved":
      if (holds) return activate(nowMs, times);
      return nowMs - state.resolvedAtMs > RESOLVED_RETENTION_MS
        ? [INACTIVE, "forgotten"]
        : [state, "none"];

    default:
      return unreachable(state);
  }
}

function activate(
  nowMs: number,
  times: HoldTimes,
): readonly [next: AlertState, transition: AlertTransition] {
  if (times.forMs > 0) return [{ phase: "pending", activeAtMs: nowMs }, "activated"];
  return [{ phase: "firing", activeAtMs: nowMs, firedAtMs: nowMs, falseSinceMs: null }, "fired"];
}

/** When Pharos was not running: how far `for` may bridge it. The defaults of the last two are Prometheus's. */
export interface OutageTimes {
  /** Up to here it was a restart: `for` runs on as if a few evaluations had been missed. */
  readonly restartGapMs: number;
  /** Beyond this, pending alerts start anew. */
  readonly outageToleranceMs: number;
  /** After an outage, an alert waits at least so long before it fires, for its data may be incomplete. */
  readonly gracePeriodMs: number;
}

export const DEFAULT_OUTAGE_TIMES: OutageTimes = {
  // The engine's lookback: within it, queries bridge the gap too.
  restartGapMs: 5 * 60_000,
  outageToleranceMs: 60 * 60_000,
  gracePeriodMs: 10 * 60_000,
};

/**
 * The state after Pharos did not run from `downAtMs` to `nowMs`. An alert that fired goes on firing: the first
 * evaluation decides whether it still does. One that was pending continues as in Prometheus (the time down does not
 * count, and what is left is at least the grace period), except that a short gap changes nothing.
 */
export function restoreAlert(
  state: AlertState,
  downAtMs: number,
  nowMs: number,
  { forMs }: HoldTimes,
  outage: OutageTimes,
): AlertState {
  if (state.phase !== "pending") return state;
  const downMs = nowMs - downAtMs;
  if (downMs <= outage.restartGapMs) return state;
  if (downMs > outage.outageToleranceMs || forMs < outage.gracePeriodMs) return INACTIVE;
  const leftMs = forMs - (downAtMs - state.activeAtMs);
  const activeAtMs =
    leftMs < outage.gracePeriodMs
      ? nowMs + outage.gracePeriodMs - forMs
      : state.activeAtMs + downMs;
  return { phase: "pending", activeAtMs };
}
