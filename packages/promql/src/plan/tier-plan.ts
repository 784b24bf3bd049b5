import type { RollupCoverage } from "@pharos/ports";
import { matcherPart } from "../engine/expr-identity.ts";
import type { QueryContext } from "../engine/query-context.ts";
import type { Grid } from "../engine/step-series.ts";
import type { Expr } from "../syntax/ast.ts";
import { type Leaf, leafTimes } from "./leaves.ts";
import {
  AUTO_SPAN_MS_MIN,
  chooseTiers,
  type TierStretch,
  type TierUse,
  type TierWish,
} from "./tier-choice.ts";

/** What of a query's context the choice follows from. */
export type TierContext = Pick<QueryContext, "annotations" | "lookbackMs"> & {
  readonly store: Partial<Pick<QueryContext["store"], "estimate" | "rollupCoverage">>;
};

/** What a leaf is read from, where that is not samples alone. */
export interface TieredLeaf {
  readonly leaf: Leaf;
  readonly stretches: readonly TierStretch[];
}

/** What is read from rollups. */
export class TierPlan {
  readonly #leaves: ReadonlyMap<Expr, TieredLeaf>;

  constructor(leaves: ReadonlyMap<Expr, TieredLeaf> = new Map()) {
    this.#leaves = leaves;
  }

  /** Whether all is read from samples. */
  get isEmpty(): boolean {
    return this.#leaves.size === 0;
  }

  /** Undefined for what is read from samples. */
  of(node: Expr): TieredLeaf | undefined {
    return this.#leaves.get(node);
  }

  /** As `of`, for an evaluation on the steps that were planned. */
  at(node: Expr, grid: Grid): TieredLeaf | undefined {
    const tiered = this.of(node);
    if (tiered === undefined) return undefined;
    const planned = tiered.leaf.grid;
    const isSame = planned.startMs === grid.startMs && planned.count === grid.count;
    return isSame && (planned.stepMs === grid.stepMs || grid.count === 1) ? tiered : undefined;
  }
}

/**
 * Decides what each leaf of a query is read from, and says so in warnings. Asks the store nothing for queries that
 * only look at recent time.
 *
 * @throws OperatingError of the store.
 */
export async function planTiers(
  leaves: readonly Leaf[],
  wish: TierWish,
  nowMs: number,
  context: TierContext,
): Promise<TierPlan> {
  const { store, annotations } = context;
  if (wish === "raw") return new TierPlan();
  const coverages = new Map<string, RollupCoverage | undefined>();
  const tiered = new Map<Expr, TieredLeaf>();
  for (const leaf of leaves) {
    const { matchers } = leaf.selector;
    const { afterMs, endMs } = leafTimes(leaf, context);
    const isRecent = nowMs - afterMs < AUTO_SPAN_MS_MIN;
    if (!leaf.asksValues || (isRecent && (wish === "auto" || wish === "raw_if_kept"))) continue;
    const key = matcherPart(matchers);
    if (!coverages.has(key)) coverages.set(key, await store.rollupCoverage?.(matchers, nowMs));
    const coverage = coverages.get(key) ?? NOTHING_ROLLED_UP;
    const use = tierUse(leaf, endMs - afterMs - leaf.stepMs * (leaf.grid.count - 1));
    let stretches = chooseTiers(use, wish, coverage);
    if (stretches.some(({ reason }) => reason === "chosen") && (await hasHistograms(leaf, context)))
      stretches = chooseTiers(use, "raw_if_kept", coverage);
    if (stretches.every(({ tier }) => tier === undefined)) {
      if (wish !== "auto" && wish !== "raw_if_kept") annotations.tierMissing(wish);
      continue;
    }
    tiered.set(leaf.node, { leaf, stretches });
    for (const { from, to, tier, reason } of stretches)
      if (tier !== undefined && reason !== undefined) {
        const startMs = leaf.firstMs + from * leaf.stepMs - use.reachMs;
        const stopMs = leaf.firstMs + (to - 1) * leaf.stepMs;
        annotations.readFromRollups(tier, reason, startMs, stopMs);
      }
  }
  return new TierPlan(tiered);
}

const NOTHING_ROLLED_UP: RollupCoverage = {
  samplesSinceMs: Number.NEGATIVE_INFINITY,
  tiers: [],
};

function tierUse({ func, selector, grid, firstMs, stepMs }: Leaf, reachMs: number): TierUse {
  return {
    ...{ func, reachMs, firstMs, stepMs },
    extends: selector.extent !== undefined,
    count: grid.count,
  };
}

/** Native histograms have no rows: nobody chooses to lose them. */
async function hasHistograms(leaf: Leaf, context: TierContext): Promise<boolean> {
  const { afterMs, endMs } = leafTimes(leaf, context);
  const range = { minMs: afterMs + 1, maxMs: endMs };
  const estimate = await context.store.estimate?.(range, leaf.selector.matchers);
  return (estimate?.histograms ?? 0) > 0;
}
