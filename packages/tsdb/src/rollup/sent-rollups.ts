import { createMatcher, type Matcher } from "@pharos/base";
import { ROLLUP_TIERS, type RollupTier } from "@pharos/ports";
import type { Blocks } from "../block/blocks.ts";
import { type Deletion, plainDeletions } from "../block/deletions.ts";
import { type KeepMs, seriesRetention } from "../retention/retention-policy.ts";
import { type RollupPolicy, rollupChoice } from "./rollup-policy.ts";
import type { RollupView } from "./rollup-sources.ts";
import type { TimeRanges } from "./time-ranges.ts";

/** A tier, as a reader on another thread is told of it. */
interface SentTier {
  /** The names of its blocks, by rank. */
  readonly blocks: readonly string[];
  readonly deletions: readonly Deletion[];
  readonly pending: TimeRanges;
}

/** The rollup tiers of a store as plain data, which another thread can be sent: matchers are without their compiled expressions. */
export interface SentRollups {
  readonly tiers: ReadonlyMap<RollupTier, SentTier>;
  readonly retention: {
    readonly rules: readonly { readonly matchers: readonly Matcher[]; readonly keepMs: KeepMs }[];
    readonly fallback: KeepMs;
  };
  readonly rollups: RollupPolicy;
  readonly flushedBeforeMs: number;
  readonly samplesFromMs: number;
}

/** The tiers of a store at one moment, and where samples begin and end beside them. */
export interface RollupMoment {
  readonly view: RollupView;
  /** Later samples are in no raw block. */
  readonly flushedBeforeMs: number;
  /** Where the samples begin that are in raw blocks and in memory. */
  readonly samplesFromMs: number;
}

export function sentRollups(
  { view, flushedBeforeMs, samplesFromMs }: RollupMoment,
  tiers: ReadonlyMap<RollupTier, Blocks>,
): SentRollups {
  const { retention } = view;
  return {
    tiers: new Map(
      Array.from(tiers, ([tier, { names, deletions }]) => [
        tier,
        { blocks: names, deletions: plainDeletions(deletions), pending: view.pendingIn(tier) },
      ]),
    ),
    retention: { rules: retention.rules.map(plain), fallback: retention.fallback },
    rollups: view.rollups.map(plain),
    flushedBeforeMs,
    samplesFromMs,
  };
}

/** What was sent, as it was before. @param tiers the reader's own lists of blocks, which follow those of the store. */
export function receivedRollups(
  sent: SentRollups,
  tiers: ReadonlyMap<RollupTier, Blocks>,
): RollupMoment {
  const retention = {
    rules: sent.retention.rules.map(compiled),
    fallback: sent.retention.fallback,
  };
  const rollups = sent.rollups.map(compiled);
  // The lists as they are now: they change when the next answer comes.
  const blocks = new Map(ROLLUP_TIERS.map((tier) => [tier, { all: tiers.get(tier)?.all ?? [] }]));
  return {
    view: {
      tiers: blocks,
      retention,
      rollups,
      pendingIn: (tier) => sent.tiers.get(tier)?.pending ?? [],
      choose(labels) {
        const choice = rollupChoice(rollups, labels);
        const keepMs = seriesRetention(retention, labels);
        return { ...choice, tiers: choice.tiers.filter((tier) => keepMs[tier] > 0) };
      },
    },
    flushedBeforeMs: sent.flushedBeforeMs,
    samplesFromMs: sent.samplesFromMs,
  };
}

interface WithMatchers {
  readonly matchers: readonly Matcher[];
}

function plain<T extends WithMatchers>(rule: T): T {
  const matchers = rule.matchers.map(({ type, name, value }) => ({ type, name, value }));
  return { ...rule, matchers };
}

function compiled<T extends WithMatchers>(rule: T): T {
  const matchers = rule.matchers.map(({ type, name, value }) => createMatcher(type, name, value));
  return { ...rule, matchers };
}
