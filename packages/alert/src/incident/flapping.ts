import { assert } from "@pharos/base";

/** When an alert counts as flapping, and when it no longer does. */
export interface FlapPolicy {
  /** More changes than this between firing and resolved */
  readonly changesMax: number;
  /** within this time are flapping, */
  readonly windowMs: number;
  /** which is over when nothing has changed for so long. Not the same bound as the one that began it. */
  readonly stableMs: number;
}

export const DEFAULT_FLAP_POLICY: FlapPolicy = {
  changesMax: 4,
  windowMs: 3_600_000,
  stableMs: 10 * 60_000,
};

/** How one alert has changed lately. */
export interface FlapState {
  readonly firing: boolean;
  /** When it changed, the oldest first: those of the window, of which only the newest matter. */
  readonly changesMs: readonly number[];
  readonly flapping: boolean;
}

/** An alert that fires for the first time as far as anybody remembers. */
export const FIRST_FIRING: FlapState = { firing: true, changesMs: [], flapping: false };

/** What an alert is after it was found firing, or resolved, at `nowMs`. */
export function noteFlap(
  state: FlapState,
  firing: boolean,
  nowMs: number,
  policy: FlapPolicy,
): FlapState {
  assert(policy.changesMax >= 1, "an alert that fires and resolves is not flapping");
  if (state.firing === firing) return settleFlap(state, nowMs, policy);
  const settled = settleFlap(state, nowMs, policy);
  const changesMs = [...settled.changesMs, nowMs].slice(-(policy.changesMax + 1));
  return { firing, changesMs, flapping: settled.flapping || changesMs.length > policy.changesMax };
}

/** What is left of it as time goes by without a change; the same object where nothing is different. */
export function settleFlap(state: FlapState, nowMs: number, policy: FlapPolicy): FlapState {
  const last = state.changesMs.at(-1);
  // Times of the future are those of a clock that was set back: they must not make it flap for ever.
  const stable =
    last === undefined || nowMs - last >= policy.stableMs || last - nowMs > policy.stableMs;
  const changesMs = state.changesMs.filter((atMs) => Math.abs(nowMs - atMs) < policy.windowMs);
  const flapping = state.flapping && !stable;
  // What was flapping begins anew: else one more change would be enough.
  const kept = state.flapping && stable ? [] : changesMs;
  if (flapping === state.flapping && kept.length === state.changesMs.length) return state;
  return { firing: state.firing, changesMs: kept, flapping };
}

/** When the alert is stable, if nothing changes until then; undefined while it does not flap. */
export function stableAtMs(state: FlapState, policy: FlapPolicy): number | undefined {
  const last = state.changesMs.at(-1);
  return state.flapping && last !== undefined ? last + policy.stableMs : undefined;
}

/** Whether nothing is left to remember. */
export function isForgettable(state: FlapState): boolean {
  return state.changesMs.length === 0 && !state.flapping;
}

export interface HeldAlerts<A> {
  /** As receivers are told of them: a flapping alert goes on firing, whatever it does meanwhile. */
  readonly alerts: ReadonlyMap<string, A>;
  /** Fingerprints of those that have resolved and are told as firing: their true end must be kept. */
  readonly held: readonly string[];
  /** When the first of the held alerts may be stable; undefined where none is held. */
  readonly untilMs: number | undefined;
}

/**
 * What receivers are told of alerts while some of them flap: such an alert was told as firing once, and its going on and
 * off is kept back until it is stable; then what it really is gets told. An alert that fires is never kept back, so
 * that none that stays is hidden.
 */
export function holdForFlapping<A extends { readonly endsAtMs: number | null }>(
  alerts: ReadonlyMap<string, A>,
  flaps: ReadonlyMap<string, FlapState>,
  nowMs: number,
  policy: FlapPolicy,
): HeldAlerts<A> {
  const shown = new Map(alerts);
  const held: string[] = [];
  let untilMs: number | undefined;
  for (const [id, flap] of flaps) {
    const alert = alerts.get(id);
    if (alert === undefined || alert.endsAtMs === null || alert.endsAtMs > nowMs) continue;
    const settled = settleFlap(flap, nowMs, policy);
    const stableMs = stableAtMs(settled, policy);
    if (stableMs === undefined) continue;
    shown.set(id, { ...alert, endsAtMs: null });
    held.push(id);
    untilMs = Math.min(untilMs ?? Number.POSITIVE_INFINITY, stableMs);
  }
  return { alerts: shown, held, untilMs };
}
