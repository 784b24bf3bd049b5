import { createMatcher, type Labels, type Matcher, matchesLabels } from "@pharos/base";
import { ROLLUP_TIERS, type RollupTier } from "@pharos/ports";

/** What is made of a series. */
export interface RollupChoice {
  /** The tiers that it gets. */
  readonly tiers: readonly RollupTier[];
  /** Those of them whose rows have a quantile sketch. */
  readonly quantiles: readonly RollupTier[];
}

/**
 * When the rows of samples in blocks are made, soonest first. Until then a tier is answered from samples, or from the
 * rows of a finer tier. `at_once`: with the next round. `daily`: when the day is over to which the samples belong,
 * since rows of a whole day cost a fraction of what they cost two hours at a time. `before_expiry`: when the samples
 * are about to go.
 */
export const MADE_WHEN = ["at_once", "daily", "before_expiry"] as const;

export type MadeWhen = (typeof MADE_WHEN)[number];

/**
 * Unless said otherwise. Long views read hours and little else, and days follow from hours; what the others add can be
 * told by the samples as long as those are kept, so that it need not take space beside them.
 */
const MADE_BY_DEFAULT: Readonly<Record<RollupTier, MadeWhen>> = {
  "1m": "before_expiry",
  "5m": "before_expiry",
  "1h": "at_once",
  "1d": "before_expiry",
};

/** A matcher as plain data, which another thread can be sent. */
export type MatcherText = Pick<Matcher, "type" | "name" | "value">;

/** A choice for the series that match. */
interface Rule<M> extends RollupChoice {
  /** All of them must match; empty for every series. */
  readonly matchers: readonly M[];
  /** When tiers are made. Blocks are made as a whole: of several rules the soonest holds, for all series. */
  readonly made?: Partial<Readonly<Record<RollupTier, MadeWhen>>>;
}

/** What a user says about rollups, as plain data. */
export type RollupWishes = readonly Rule<MatcherText>[];

/** Which series get which tiers: the first rule that matches decides. A series that none matches gets none. */
export type RollupPolicy = readonly Rule<Matcher>[];

/**
 * The tiers with quantiles unless said otherwise: a sketch takes as much as all the numbers of a row. Those of five
 * minutes tell the quantiles of hours as well.
 */
export const QUANTILE_TIERS_BY_DEFAULT = ["5m", "1d"] as const satisfies readonly RollupTier[];

/** Every series gets every tier. */
export const ROLLUPS_BY_DEFAULT: RollupWishes = [
  { matchers: [], tiers: ROLLUP_TIERS, quantiles: QUANTILE_TIERS_BY_DEFAULT },
];

/** @throws OperatingError `input.invalid` for a regular expression that RE2 does not accept. */
export function compileMatchers(matchers: readonly MatcherText[]): readonly Matcher[] {
  return matchers.map(({ type, name, value }) => createMatcher(type, name, value));
}

/** @throws OperatingError `input.invalid`, as `compileMatchers`. */
export function rollupPolicy(wishes: RollupWishes): RollupPolicy {
  return wishes.map((rule) => ({ ...rule, matchers: compileMatchers(rule.matchers) }));
}

const NOTHING: RollupChoice = { tiers: [], quantiles: [] };

/** What a series gets. */
export function rollupChoice(policy: RollupPolicy, labels: Labels): RollupChoice {
  return policy.find(({ matchers }) => matchesLabels(matchers, labels)) ?? NOTHING;
}

/** The tiers that some series may get, finest first. */
export function tiersInUse(policy: RollupPolicy): readonly RollupTier[] {
  return ROLLUP_TIERS.filter((tier) => policy.some(({ tiers }) => tiers.includes(tier)));
}

/** When a tier is made. */
export function madeWhen(policy: RollupPolicy, tier: RollupTier): MadeWhen {
  const wishes = policy
    .filter(({ tiers }) => tiers.includes(tier))
    .map(({ made }) => made?.[tier] ?? MADE_BY_DEFAULT[tier]);
  return MADE_WHEN.find((when) => wishes.includes(when)) ?? MADE_BY_DEFAULT[tier];
}

/** Whether every series that gets a tier gets quantiles with it. */
export function alwaysHasQuantiles(policy: RollupPolicy, tier: RollupTier): boolean {
  return policy.every(({ tiers, quantiles }) => !tiers.includes(tier) || quantiles.includes(tier));
}
