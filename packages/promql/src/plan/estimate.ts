import type { SelectionEstimate, SeriesReader, TimeRange } from "@pharos/ports";
import type { AtModifier, Expr, MatrixSelector, Subquery, VectorSelector } from "../syntax/ast.ts";
import { type QueryTimes, resolveDurations } from "../syntax/durations.ts";
import { formatExpr } from "../syntax/print.ts";
import { walk } from "../syntax/walk.ts";

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
}

/**
 * Estimates what a query reads from a store that can tell; undefined for one that cannot.
 *
 * @throws OperatingError of the store; `query.invalid` for a duration that makes no sense.
 */
export async function estimateQuery(
  store: Pick<SeriesReader, "estimate">,
  expr: Expr,
  options: EstimateOptions,
): Promise<QueryEstimate | undefined> {
  if (store.estimate === undefined) return undefined;
  const selectors: SelectorEstimate[] = [];
  const resolved = resolveDurations(expr, options);
  for (const { node, selector, range } of selectionsOf(resolved, options)) {
    const { series, samples, size, isPartial } = await store.estimate(range, selector.matchers);
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
  const atMs = (at: AtModifier): number => {
    if (at.kind === "time") return at.timestampMs;
    return at.kind === "start" ? startMs : endMs;
  };
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
