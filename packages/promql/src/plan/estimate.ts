import type {
  RollupReader,
  RollupTier,
  SelectionEstimate,
  SeriesReader,
  TimeRange,
} from "@pharos/ports";
import { Annotations } from "../engine/annotations.ts";
import type {
  AtModifier,
  Expr,
  MatrixSelector,
  Subquery,
  TimeShift,
  VectorSelector,
} from "../syntax/ast.ts";
import { type QueryTimes, resolveDurations } from "../syntax/durations.ts";
import { formatExpr } from "../syntax/print.ts";
import { walk } from "../syntax/walk.ts";
import { rowsOf } from "./explain.ts";
import { inferMatchers } from "./infer-matchers.ts";
import { leavesOf } from "./leaves.ts";
import type { TierWish } from "./tier-choice.ts";
import { planTiers } from "./tier-plan.ts";

const MINUTE_MS = 60_000;

/** A store that can tell what it would read, and perhaps has rollups. */
type EstimatingStore = Partial<Pick<SeriesReader, "estimate"> & RollupReader>;

/** What a query will read, as far as it can be told without evaluating it: approximate, too high or too low. */
export interface QueryEstimate extends SelectionEstimate {
  /** In the order of the text. */
  readonly selectors: readonly SelectorEstimate[];
  /** Whether the query may read what cannot be known before, such as what `info()` looks up. */
  readonly isOpen: boolean;
}

/** The part of one selector. A series that two selectors read counts for each. */
export interface SelectorEstimate extends SelectionEstimate {
  readonly selector: string;
  readonly range: TimeRange;
}

/** The times of a query, and how far back a selector without a range looks. Unix epoch and ms. */
export interface EstimateOptions extends QueryTimes {
  readonly lookbackMs: number;
  /** What it is to be answered from, and the present time: `raw` unless given. */
  readonly tier?: { readonly wish: TierWish; readonly nowMs: number } | undefined;
}

/**
 * Estimates what a query reads from a store that can tell; undefined for one that cannot.
 *
 * @throws OperatingError of the store; `query.invalid` for a duration that makes no sense.
 */
export async function estimateQuery(
  store: EstimatingStore,
  expr: Expr,
  options: EstimateOptions,
): Promise<QueryEstimate | undefined> {
  if (store.estimate === undefined) return undefined;
  const selectors: SelectorEstimate[] = [];
  const resolved = inferMatchers(resolveDurations(expr, options));
  const tiers = await tiersOf(store, resolved, options);
  for (const { node, selector, range } of selectionsOf(resolved, options)) {
    const found = await store.estimate(range, selector.matchers);
    const tier = tiers.get(selector);
    const rows = tier && rowsOf(found, tier, range.maxMs - range.minMs);
    const { series, samples, size, isPartial } = rows ?? found;
    selectors.push({ selector: formatExpr(node), range, series, samples, size, isPartial });
  }
  const sum = (pick: (one: SelectorEstimate) => number): number =>
    selectors.reduce((total, one) => total + pick(one), 0);
  let isOpen = false;
  walk(expr, (node) => {
    if (node.kind === "call" && node.func === "info") isOpen = true;
  });
  return {
    series: sum(({ series }) => series),
    samples: sum(({ samples }) => samples),
    size: sum(({ size }) => size),
    isPartial: selectors.some(({ isPartial }) => isPartial),
    selectors,
    isOpen,
  };
}

/** What selectors are read from, first of all, where that is not samples. */
async function tiersOf(
  store: EstimatingStore,
  expr: Expr,
  { tier, startMs, endMs, stepMs, lookbackMs }: EstimateOptions,
): Promise<ReadonlyMap<VectorSelector, RollupTier>> {
  const found = new Map<VectorSelector, RollupTier>();
  if (tier === undefined) return found;
  const isInstant = startMs === endMs;
  const count = isInstant ? 1 : Math.floor((endMs - startMs) / stepMs) + 1;
  const grid = { startMs, stepMs: isInstant ? MINUTE_MS : stepMs, count };
  const context = {
    ...{ store, lookbackMs, defaultStepMs: MINUTE_MS, annotations: new Annotations(undefined) },
    shiftedMs: ({ at, offsetMs }: TimeShift, timeMs: number) =>
      (at === undefined ? timeMs : timeOf(at, { startMs, endMs })) - offsetMs,
    hold: () => {}, // Nothing is computed.
    release: () => {},
  };
  const leaves = leavesOf(expr, grid, context);
  const plan = await planTiers(leaves, tier.wish, tier.nowMs, context);
  for (const { node, selector } of leaves) {
    const first = plan.of(node)?.stretches.find((stretch) => stretch.tier !== undefined)?.tier;
    if (first !== undefined) found.set(selector, first);
  }
  return found;
}

function timeOf(at: AtModifier, { startMs, endMs }: Pick<QueryTimes, "startMs" | "endMs">): number {
  if (at.kind === "time") return at.timestampMs;
  return at.kind === "start" ? startMs : endMs;
}

/** What a query selects from the store. */
interface Selection {
  /** The selector, with its range where it has one. */
  readonly node: VectorSelector | MatrixSelector;
  readonly selector: VectorSelector;
  readonly range: TimeRange;
}

/** The selectors of an expression, each with the stretch of time that its samples come from: both ends included. */
export function selectionsOf(expr: Expr, options: EstimateOptions): readonly Selection[] {
  const found: Selection[] = [];
  walk(expr, (node, path) => {
    if (node.kind !== "vector") return;
    const parent = path.at(-1);
    const matrix = parent?.kind === "matrix" ? parent : undefined;
    const spanMs = matrix?.rangeMs ?? options.lookbackMs;
    const outer = path.filter((one) => one.kind === "subquery");
    const range = selectedRange(node, spanMs, outer, options);
    found.push({ node: matrix ?? node, selector: node, range });
  });
  return found;
}

function selectedRange(
  selector: VectorSelector,
  spanMs: number,
  subqueries: readonly Subquery[],
  { startMs, endMs }: EstimateOptions,
): TimeRange {
  const atMs = (at: AtModifier): number => timeOf(at, { startMs, endMs });
  let [firstMs, lastMs] = [startMs, endMs];
  for (const { at, offsetMs, rangeMs } of subqueries) {
    // A fixed time forgets what is around it.
    if (at !== undefined) firstMs = lastMs = atMs(at);
    firstMs -= offsetMs + rangeMs;
    lastMs -= offsetMs;
  }
  if (selector.at !== undefined) firstMs = lastMs = atMs(selector.at);
  // The window is open at its beginning.
  return { minMs: firstMs - selector.offsetMs - spanMs + 1, maxMs: lastMs - selector.offsetMs };
}
