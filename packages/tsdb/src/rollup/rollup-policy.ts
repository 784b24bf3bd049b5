import { createMatcher, type Labels, type Matcher, matchesLabels } from "@pharos/base";
import { ROLLUP_TIERS, type RollupTier } from "@pharos/ports";

/** What is made of a series. */
export interface RollupChoice {
  /** The tiers that it gets. */
  readonly tiers: readonly RollupTier[];
  /** Those of them whose rows have a quantile sketch. */
  readonly quantiles: readonly RollupTier[];
}

/** A matcher as plain data, which another thread can be sent. */
export type MatcherText = Pick<Matcher, "type" | "name" | "value">;

/** A choice for the series that match. */
interface Rule<M> extends RollupChoice {
  /** All of them must match; empty for every series. */
  readonly matchers: readonly M[];
}

/** What a user says about rollups, as plain data. */
export type RollupWishes = readonly Rule<MatcherText>[];

/** Which series get which tiers: the first rule that matches decides. A series that none matches gets none. */
export type RollupPolicy = readonly Rule<Matcher>[];

/** Every series gets every tier, with quantiles. */
export const ROLLUP_EVERYTHING: RollupWishes = [
  { matchers: [], tiers: ROLLUP_TIERS, quantiles: ROLLUP_TIERS },
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
