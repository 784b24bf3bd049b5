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

/** More alerts than this that go on and off are not watched for flapping; those that changed first are forgotten. */
const FLAPS_MAX = 1000;

/** How one alert has changed lately. */
export interface FlapState {
  readonly firing: boolean;
  /** When it changed, the oldest first: those of the window, of which only the newest matter. */
  readonly changesMs: readonly number[];
  /** Null where it does not flap. */
  readonly flappingSinceMs: number | null;
}

/** An alert that fires for the first time as far as anybody remembers. */
export const FIRST_FIRING: FlapState = { firing: true, changesMs: [], flappingSinceMs: null };

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
  const begins = settled.flappingSinceMs === null && changesMs.length > policy.changesMax;
  return { firing, changesMs, flappingSinceMs: begins ? nowMs : settled.flappingSinceMs };
}

/** What is left of it as time goes by without a change; the same object where nothing is different. */
export function settleFlap(state: FlapState, nowMs: number, policy: FlapPolicy): FlapState {
  const last = state.changesMs.at(-1);
  // Times of the future are those of a clock that was set back: they must not make it flap for ever.
  const stable =
    last === undefined || nowMs - last >= policy.stableMs || last - nowMs > policy.stableMs;
  const changesMs = state.changesMs.filter((atMs) => Math.abs(nowMs - atMs) < policy.windowMs);
  const ends = state.flappingSinceMs !== null && stable;
  if (!ends && changesMs.length === state.changesMs.length) return state;
  // What was flapping begins anew: else one more change would be enough.
  if (ends) return { firing: state.firing, changesMs: [], flappingSinceMs: null };
  return { ...state, changesMs };
}

/** When the alert is stable, if nothing changes until then; undefined while it does not flap. */
export function stableAtMs(state: FlapState, policy: FlapPolicy): number | undefined {
  const last = state.changesMs.at(-1);
  return state.flappingSinceMs !== null && last !== undefined ? last + policy.stableMs : undefined;
}

/** Whether nothing is left to remember. */
export function isForgettable(state: FlapState): boolean {
  return state.changesMs.length === 0 && state.flappingSinceMs === null;
}

/** While an alert flaps it is told for so long, */
const TOLD_MS = 5 * 60_000;
/** once in this time. */
const TOLD_EVERY_MS = 3_600_000;

/**
 * Whether a flapping alert that fires is not told of now, for those who want it so: it is told when it begins to flap
 * and for a while in every hour, and what it really is once it is stable.
 */
export function isHeldForFlapping(
  state: FlapState | undefined,
  nowMs: number,
  policy: FlapPolicy = DEFAULT_FLAP_POLICY,
): boolean {
  if (state === undefined) return false;
  const { flappingSinceMs } = settleFlap(state, nowMs, policy);
  if (flappingSinceMs === null || nowMs < flappingSinceMs) return false;
  return (nowMs - flappingSinceMs) % TOLD_EVERY_MS >= TOLD_MS;
}

/** Has not changed yet. */
export function quiet(firing: boolean): FlapState {
  return { firing, changesMs: [], flappingSinceMs: null };
}

/** Each settled, without those that nobody needs. The same map as before where nothing is different. */
export function settledFlaps(
  before: ReadonlyMap<string, FlapState>,
  flaps: ReadonlyMap<string, FlapState>,
  nowMs: number,
  policy: FlapPolicy,
): ReadonlyMap<string, FlapState> {
  const next = new Map<string, FlapState>();
  let same = flaps.size === before.size;
  for (const [id, flap] of flaps) {
    const settled = settleFlap(flap, nowMs, policy);
    if (settled !== before.get(id)) same = false;
    if (!isForgettable(settled)) next.set(id, settled);
  }
  if (next.size > FLAPS_MAX) {
    const oldest = [...next].sort(
      ([, a], [, b]) => (a.changesMs.at(-1) ?? 0) - (b.changesMs.at(-1) ?? 0),
    );
    for (const [id] of oldest.slice(0, next.size - FLAPS_MAX)) next.delete(id);
  }
  return same && next.size === before.size ? before : next;
}
