import { type RollupCoverage, type RollupTier, type TierCoverage, WINDOW_MS } from "@pharos/ports";
import { answersFromRows } from "./row-functions.ts";

/**
 * What a query is to be answered from. `raw`: samples and nothing else. `raw_if_kept`: samples, or where they are gone
 * rollups. `auto`: the same, but rollups also where they say what many samples would, see `chooseTiers`. A tier: that.
 */
export const TIER_WISHES = ["auto", "raw", "raw_if_kept", "1m", "5m", "1h", "1d"] as const;

export type TierWish = (typeof TIER_WISHES)[number];

/** Reading less than so much time costs little, whatever the step. */
export const AUTO_SPAN_MS_MIN = 86_400_000;
/** Where windows do not fit steps and ranges, the step has at least so many of them, */
const WINDOWS_PER_STEP_MIN = 5;
/** and the range so many: an edge that is off by one of them changes little. */
const WINDOWS_PER_RANGE_MIN = 12;
/** The part of the time, at least, that has rows already. */
const MADE_PART_MIN = 0.9;

/** What is asked of series: a function of a range, or the value at each step. */
export interface TierUse {
  /** Undefined for the value at each step. */
  readonly func: string | undefined;
  /** How far back each step looks: the range, or the lookback. */
  readonly reachMs: number;
  /** Whether it looks beyond its windows, as `anchored` and `smoothed` do: rows cannot say that. */
  readonly extends: boolean;
  readonly count: number;
  /** Where the first step looks, and by how much later each of the others: 0 where all look at the same. */
  readonly firstMs: number;
  readonly stepMs: number;
}

/** Why rows are read. */
export type TierReason = "chosen" | "gone" | "asked";

/** Steps that are answered from the same: `from` included, `to` not. */
export interface TierStretch {
  readonly from: number;
  readonly to: number;
  /** Undefined for samples. */
  readonly tier: RollupTier | undefined;
  readonly reason: TierReason | undefined;
}

/**
 * What each step of a selection is answered from.
 *
 * By choice (`auto`) that is the coarsest tier whose rows give what samples would: of at least a day, nearly all of
 * which has rows, and with windows that make up the range of a function exactly, at each step; or, where steps lie
 * between windows, that are short beside both. The value at a step comes from windows that are no longer than the
 * lookback. Of time whose samples are gone it is the coarsest tier that is fine enough, or the finest there is.
 */
export function chooseTiers(
  use: TierUse,
  wish: TierWish,
  coverage: RollupCoverage,
): readonly TierStretch[] {
  const all = (tier: RollupTier | undefined, reason: TierReason | undefined) => [
    { from: 0, to: use.count, tier, reason },
  ];
  if (wish === "raw") return all(undefined, undefined);
  if (wish !== "auto" && wish !== "raw_if_kept") {
    const isKept = coverage.tiers.some(({ tier }) => tier === wish);
    return isKept ? all(wish, "asked") : all(undefined, undefined);
  }
  const chosen = wish === "auto" ? chosenTier(use, coverage) : undefined;
  const stretches: TierStretch[] = [];
  for (let step = 0; step < use.count; step++) {
    const gone = tierForGone(use, use.firstMs + step * use.stepMs, coverage, chosen);
    const tier = gone ?? chosen;
    const reason = gone !== undefined ? "gone" : chosen === undefined ? undefined : "chosen";
    const last = stretches.at(-1);
    if (last !== undefined && last.tier === tier && last.reason === reason)
      stretches[stretches.length - 1] = { ...last, to: step + 1 };
    else stretches.push({ from: step, to: step + 1, tier, reason });
  }
  return stretches;
}

function chosenTier(use: TierUse, coverage: RollupCoverage): RollupTier | undefined {
  const { func, reachMs, firstMs, stepMs, count } = use;
  const endMs = firstMs + (count - 1) * stepMs;
  const afterMs = firstMs - reachMs;
  if (endMs - afterMs < AUTO_SPAN_MS_MIN) return undefined;
  if (use.extends || (func !== undefined && !answersFromRows(func))) return undefined;
  return coverage.tiers.findLast(
    (one) =>
      fits(use, one) &&
      (func !== undefined || WINDOW_MS[one.tier] <= reachMs) &&
      madePart(one, afterMs, endMs) >= MADE_PART_MIN,
  )?.tier;
}

/** Whether the windows of a tier make up what each step looks at, or nearly. */
function fits(use: TierUse, { tier, hasQuantiles }: TierCoverage): boolean {
  const { func, reachMs, firstMs, stepMs, count } = use;
  const windowMs = WINDOW_MS[tier];
  if (func === "quantile_over_time" && !hasQuantiles) return false;
  const isAligned = firstMs % windowMs === 0 && (count === 1 || stepMs % windowMs === 0);
  if (func === undefined && isAligned) return true;
  if (isAligned && reachMs % windowMs === 0) return true;
  const isFineForSteps = count === 1 || stepMs === 0 || windowMs * WINDOWS_PER_STEP_MIN <= stepMs;
  return isFineForSteps && (func === undefined || windowMs * WINDOWS_PER_RANGE_MIN <= reachMs);
}

function madePart({ made }: TierCoverage, afterMs: number, endMs: number): number {
  let madeMs = 0;
  for (const [startMs, stopMs] of made)
    madeMs += Math.max(0, Math.min(stopMs, endMs) - Math.max(startMs, afterMs));
  return madeMs / (endMs - afterMs);
}

/** The tier for a step that looks at what is gone; undefined where nothing is, or nothing else is there. */
function tierForGone(
  use: TierUse,
  endMs: number,
  { samplesSinceMs, tiers }: RollupCoverage,
  chosen: RollupTier | undefined,
): RollupTier | undefined {
  const afterMs = endMs - use.reachMs;
  if (afterMs >= samplesSinceMs) return undefined;
  // A window's row is there from the window's start on, and tells of no more than the samples where these begin in it.
  const older = tiers.filter(
    ({ tier, sinceMs }) => sinceMs + WINDOW_MS[tier] <= samplesSinceMs && sinceMs < endMs,
  );
  const whole = older.filter(({ sinceMs }) => sinceMs <= afterMs);
  if (whole.length > 0) {
    if (whole.some(({ tier }) => tier === chosen)) return chosen;
    return (whole.findLast((one) => fits(use, one)) ?? whole[0])?.tier;
  }
  const sinceMs = Math.min(...older.map((one) => one.sinceMs));
  return older.find((one) => one.sinceMs === sinceMs)?.tier;
}
