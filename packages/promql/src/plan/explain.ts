import { formatMatcher } from "@pharos/base";
import { type RollupTier, type SelectionEstimate, type TimeRange, WINDOW_MS } from "@pharos/ports";
import { matcherPart } from "../engine/expr-identity.ts";
import { isStepInvariant, unwrapParens } from "../engine/expr-properties.ts";
import type { QueryContext } from "../engine/query-context.ts";
import { firstStep, type Grid } from "../engine/step-series.ts";
import { subqueryGrid } from "../engine/subquery.ts";
import type { Aggregation, BinaryExpr, Expr, VectorSelector } from "../syntax/ast.ts";
import { printExpr } from "../syntax/print.ts";
import { childrenOf, walk } from "../syntax/walk.ts";
import { type Leaf, type LeafContext, leafTimes } from "./leaves.ts";
import type { PartProfile, QueryProfile, ReadProfile } from "./query-profile.ts";
import type { TierReason } from "./tier-choice.ts";

/** A part of a query, and the parts that go into it. */
export interface PlanNode {
  /** What it does: `sum by (job)`, `rate`, `* on (job)`, `select` … */
  readonly operation: string;
  /** How many times of evaluation it has. */
  readonly steps: number;
  /** `once`: its value does not depend on the step; `elsewhere`: the same part stands in the query again, and is evaluated there. */
  readonly evaluated: "each step" | "once" | "elsewhere";
  /** Whether the store computes it, with all that goes into it. */
  readonly pushedDown: boolean;
  /** What it reads, where it reads. */
  readonly selection?: PlannedSelection;
  /** What it took, with what is in it; only of what was evaluated by itself. */
  readonly actual?: PartProfile;
  readonly inputs: readonly PlanNode[];
}

/** What a selector reads. */
export interface PlannedSelection {
  /** As it stands in the query. */
  readonly selector: string;
  /** Matchers that the other side of an operator makes sure of. */
  readonly inferredMatchers: readonly string[];
  /** The time that is looked at. */
  readonly range: TimeRange;
  readonly reads: readonly PlannedRead[];
  /** How many other parts are computed in the same pass over the series. */
  readonly sharedWith: number;
  /** Undefined where the store cannot tell. Of rollups the rows. */
  readonly estimate: SelectionEstimate | undefined;
  readonly actual?: ReadProfile;
}

/** The steps that are answered from the same. */
export interface PlannedRead {
  readonly from: "raw" | RollupTier;
  readonly reason: TierReason | undefined;
  /** Of the first step and the last one, Unix epoch, ms. */
  readonly firstStepMs: number;
  readonly lastStepMs: number;
  readonly steps: number;
}

/** A query's plan, from which nothing was evaluated yet, or all. */
export interface QueryPlan {
  readonly root: PlanNode;
  /** All selections together: a series that two of them read counts for each. Undefined where the store cannot tell. */
  readonly estimate: SelectionEstimate | undefined;
}

/** What a plan is told from. */
export interface PlanParts {
  /** The expression that is evaluated, and as it was before matchers were added. */
  readonly expr: Expr;
  readonly written: Expr;
  readonly grid: Grid;
  readonly leaves: readonly Leaf[];
  readonly context: LeafContext & Pick<QueryContext, "store" | "tiers">;
  /** Selectors that are read in one pass, with how many there are in it. */
  readonly shared: ReadonlyMap<VectorSelector, number>;
  /** Whether the store computes a part. */
  readonly isPushed: (part: Expr, grid: Grid) => boolean;
  /** Whether a part is evaluated at another place where it stands too. */
  readonly isElsewhere: (expr: Expr) => boolean;
  readonly profile: QueryProfile | undefined;
}

/** How a query is evaluated. @throws OperatingError of the store. */
export async function planQuery(parts: PlanParts): Promise<QueryPlan> {
  const written = selectorsByPlace(parts.written);
  const selections = new Map<Expr, PlannedSelection>();
  for (const leaf of parts.leaves)
    selections.set(leaf.node, await planSelection(leaf, written, parts));
  const build = (expr: Expr, outer: Grid, isWithinPushed: boolean): PlanNode => {
    const inner = unwrapParens(expr);
    const selection = selections.get(inner);
    const actual = parts.profile?.of(inner);
    const isElsewhere = parts.isElsewhere(inner);
    const isInvariant = outer.count > 1 && isStepInvariant(inner);
    const grid = isInvariant ? firstStep(outer) : outer;
    const pushedDown = isWithinPushed || (!isInvariant && parts.isPushed(inner, grid));
    const points = inner.kind === "subquery" ? subqueryGrid(inner, grid, parts.context) : grid;
    return {
      operation: operationOf(inner),
      steps: grid.count,
      evaluated: isElsewhere ? "elsewhere" : isInvariant ? "once" : "each step",
      pushedDown,
      ...(selection === undefined || isElsewhere ? {} : { selection }),
      ...(actual === undefined ? {} : { actual }),
      inputs: isElsewhere
        ? []
        : childrenOf(inner)
            .filter((child) => isPlanned(child, selection !== undefined))
            .map((child) => build(child, points ?? grid, pushedDown)),
    };
  };
  const root = build(parts.expr, parts.grid, false);
  return { root, estimate: sumOf(selectionsIn(root).map(({ estimate }) => estimate)) };
}

function selectionsIn({ selection, inputs }: PlanNode): readonly PlannedSelection[] {
  const within = inputs.flatMap(selectionsIn);
  return selection === undefined ? within : [selection, ...within];
}

/** Constants say nothing by themselves, nor does the range vector of a function that is read with it. */
function isPlanned(child: Expr, isRead: boolean): boolean {
  const { kind } = unwrapParens(child);
  if (kind === "number" || kind === "string") return false;
  return !(isRead && (kind === "matrix" || kind === "vector"));
}

async function planSelection(
  leaf: Leaf,
  written: ReadonlyMap<number, VectorSelector>,
  { context, shared, profile }: PlanParts,
): Promise<PlannedSelection> {
  const { selector, grid } = leaf;
  const { afterMs, endMs } = leafTimes(leaf, context);
  const range = { minMs: afterMs + 1, maxMs: endMs };
  const original = written.get(selector.span.start) ?? selector;
  const known = new Set(original.matchers.map((matcher) => matcherPart([matcher])));
  const stretches = context.tiers.of(leaf.node)?.stretches ?? [
    { from: 0, to: grid.count, tier: undefined, reason: undefined },
  ];
  const stepMs = (step: number): number => grid.startMs + step * grid.stepMs;
  const estimate = await context.store.estimate?.(range, selector.matchers);
  const tier = stretches[0]?.tier;
  const actual = profile?.readOf(selector);
  return {
    selector: printExpr(
      leaf.range === undefined ? original : { ...leaf.range, selector: original },
    ),
    inferredMatchers: selector.matchers
      .filter((matcher) => !known.has(matcherPart([matcher])))
      .map(formatMatcher),
    range,
    reads: stretches.map(({ from, to, tier: source, reason }) => ({
      from: source ?? "raw",
      reason,
      firstStepMs: stepMs(from),
      lastStepMs: stepMs(to - 1),
      steps: to - from,
    })),
    sharedWith: (shared.get(selector) ?? 1) - 1,
    estimate: tier === undefined ? estimate : rowsOf(estimate, tier, endMs - afterMs),
    ...(actual === undefined ? {} : { actual }),
  };
}

/** Bytes of a row in a block, about. */
const ROW_SIZE = 16;

/** What is read of rows where samples would be estimated so. */
export function rowsOf(
  estimate: SelectionEstimate | undefined,
  tier: RollupTier,
  spanMs: number,
): SelectionEstimate | undefined {
  if (estimate === undefined) return undefined;
  const samples = estimate.series * Math.ceil(spanMs / WINDOW_MS[tier]);
  return { ...estimate, samples, size: samples * ROW_SIZE };
}

function sumOf(list: readonly (SelectionEstimate | undefined)[]): SelectionEstimate | undefined {
  const total = { series: 0, samples: 0, size: 0, isPartial: false };
  for (const one of list) {
    if (one === undefined) return undefined;
    total.series += one.series;
    total.samples += one.samples;
    total.size += one.size;
    total.isPartial ||= one.isPartial;
  }
  return total;
}

function selectorsByPlace(expr: Expr): ReadonlyMap<number, VectorSelector> {
  const found = new Map<number, VectorSelector>();
  walk(expr, (node) => {
    if (node.kind === "vector") found.set(node.span.start, node);
  });
  return found;
}

function operationOf(expr: ReturnType<typeof unwrapParens>): string {
  switch (expr.kind) {
    case "number":
    case "string":
      return printExpr(expr);
    case "vector":
    case "matrix":
      return "select";
    case "subquery":
      return "subquery";
    case "call":
      return expr.func;
    case "aggregation":
      return aggregationText(expr);
    case "unary":
      return expr.op;
    case "binary":
      return operatorText(expr);
  }
}

function aggregationText({ op, param, grouping, without }: Aggregation): string {
  const inner = param === undefined ? undefined : unwrapParens(param);
  const isLiteral = inner?.kind === "number" || inner?.kind === "string";
  const parameter = isLiteral && inner !== undefined ? `(${printExpr(inner)})` : "";
  if (grouping.length === 0 && !without) return op + parameter;
  return `${op}${parameter} ${without ? "without" : "by"} (${grouping.join(", ")})`;
}

function operatorText({ op, bool, matching }: BinaryExpr): string {
  const words = [bool ? `${op} bool` : op];
  if (matching !== undefined && (matching.on || matching.labels.length > 0))
    words.push(`${matching.on ? "on" : "ignoring"} (${matching.labels.join(", ")})`);
  if (matching?.card === "many-to-one") words.push(`group_left (${matching.include.join(", ")})`);
  if (matching?.card === "one-to-many") words.push(`group_right (${matching.include.join(", ")})`);
  return words.join(" ");
}
