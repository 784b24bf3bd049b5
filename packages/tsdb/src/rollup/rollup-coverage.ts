import { type Matcher, matchesValue } from "@pharos/base";
import type { RollupCoverage, RollupTier, TierCoverage } from "@pharos/ports";
import { type KeepMs, type RetentionPolicy, STORAGE_TIERS } from "../retention/retention-policy.ts";
import { alwaysHasQuantiles, tiersInUse } from "./rollup-policy.ts";
import { madeRanges, type RollupView } from "./rollup-sources.ts";
import type { RollupMoment } from "./sent-rollups.ts";

/** How far back samples and rows of the series go that matchers may find. */
export function rollupCoverage(
  { view, samplesFromMs }: RollupMoment,
  matchers: readonly Matcher[],
  nowMs: number,
): RollupCoverage {
  const keepMs = keepOfAll(view.retention, matchers);
  const wanted = firstRules(view.rollups, matchers);
  const tiers: TierCoverage[] = [];
  for (const tier of tiersInUse(view.rollups)) {
    const isForAll = wanted.rules.every((rule) => rule.tiers.includes(tier)) && !wanted.isOpen;
    if (!isForAll || keepMs[tier] === 0) continue;
    const made = madeRanges(view, tier);
    const sinceMs = Math.min(firstRowMs(view, tier), samplesFromMs);
    const hasQuantiles = alwaysHasQuantiles(view.rollups, tier);
    tiers.push({ tier, sinceMs: since(sinceMs, keepMs, tier, nowMs), made, hasQuantiles });
  }
  return { samplesSinceMs: since(samplesFromMs, keepMs, "raw", nowMs), tiers };
}

/** The start of the first window with a row; a block's range begins before it. */
function firstRowMs({ tiers }: RollupView, tier: RollupTier): number {
  return (tiers.get(tier)?.all ?? []).reduce(
    (least, { meta }) => Math.min(least, meta.minTimeMs),
    Number.POSITIVE_INFINITY,
  );
}

function since(fromMs: number, keepMs: KeepMs, tier: RollupTier | "raw", nowMs: number): number {
  return Math.max(fromMs, nowMs - keepMs[tier]);
}

/** The shortest that any series which may match is kept. */
function keepOfAll(policy: RetentionPolicy, matchers: readonly Matcher[]): KeepMs {
  const { rules, isOpen } = firstRules(policy.rules, matchers);
  const keeps = rules.map(({ keepMs }) => keepMs);
  if (isOpen) keeps.push(policy.fallback);
  const least = { ...policy.fallback };
  for (const tier of STORAGE_TIERS) least[tier] = Math.min(...keeps.map((one) => one[tier]));
  return least;
}

/**
 * The rules that may be the first to match a series of a selection, as far as its equality matchers tell, and whether
 * there may be one that none matches.
 */
function firstRules<R extends { readonly matchers: readonly Matcher[] }>(
  list: readonly R[],
  selection: readonly Matcher[],
): { readonly rules: readonly R[]; readonly isOpen: boolean } {
  const fixed = selection.filter(({ type }) => type === "=");
  const values = new Map(fixed.map(({ name, value }) => [name, value]));
  const rules: R[] = [];
  for (const rule of list) {
    const told = rule.matchers.filter(({ name }) => values.has(name));
    if (!told.every((one) => matchesValue(one, values.get(one.name) ?? ""))) continue;
    rules.push(rule);
    if (told.length === rule.matchers.length) return { rules, isOpen: false };
  }
  return { rules, isOpen: true };
}
