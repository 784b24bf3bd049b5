import type { Matcher } from "@pharos/base";
import { matcherPart } from "../engine/expr-identity.ts";
import { isMetadataLabel } from "../engine/step-series.ts";
import type { Aggregation, BinaryExpr, Call, Expr, VectorSelector } from "../syntax/ast.ts";
import { valueTypeOf } from "../syntax/value-type.ts";

/** Functions whose series do not have the labels of those that go in, or that look at what is not there. */
const CHANGES_LABELS = new Set([
  "absent",
  "absent_over_time",
  "histogram_quantiles",
  "info",
  "label_join",
  "label_replace",
  "scalar",
  "vector",
]);

/** Functions that take the bucket's bound away. */
const DROPS_BOUND = new Set(["histogram_fraction", "histogram_quantile"]);

/**
 * Adds matchers to selectors where the other side of an operator lets no other series through: in `a{x="1"} * on (x) b`
 * only series of `b` with `x="1"` find a partner, so that the others need not be read. Answers stay what they are, but
 * for a query that fails since series are many to many: it may succeed if those are none that count.
 *
 * @returns the expression, the same one where nothing was to add.
 */
export function inferMatchers(expr: Expr): Expr {
  switch (expr.kind) {
    case "binary":
      return inferBinary(expr);
    case "call":
      return withChildren(expr, expr.args, (args) => ({ ...expr, args }));
    case "aggregation": {
      const inner = inferMatchers(expr.expr);
      return inner === expr.expr ? expr : { ...expr, expr: inner };
    }
    case "subquery":
    case "unary":
    case "paren": {
      const inner = inferMatchers(expr.expr);
      return inner === expr.expr ? expr : { ...expr, expr: inner };
    }
    case "number":
    case "string":
    case "vector":
    case "matrix":
      return expr;
  }
}

function withChildren(
  expr: Expr,
  children: readonly Expr[],
  build: (children: readonly Expr[]) => Expr,
): Expr {
  const inferred = children.map(inferMatchers);
  return inferred.every((one, i) => one === children[i]) ? expr : build(inferred);
}

function inferBinary(expr: BinaryExpr): Expr {
  let left = inferMatchers(expr.left);
  let right = inferMatchers(expr.right);
  const isMatched = matchedLabels(expr);
  if (isMatched !== undefined) {
    const ofLeft = knownMatchers(left).filter(({ name }) => isMatched(name));
    const ofRight = knownMatchers(right).filter(({ name }) => isMatched(name));
    right = restrict(right, ofLeft);
    // What has no partner on the right stays with `unless`.
    if (expr.op !== "unless") left = restrict(left, ofRight);
  }
  return left === expr.left && right === expr.right ? expr : { ...expr, left, right };
}

/**
 * Which labels two series must have in common for the operator to put them together; undefined where a series may go
 * through alone.
 */
function matchedLabels({ op, matching }: BinaryExpr): ((label: string) => boolean) | undefined {
  if (matching === undefined || matching.fill !== undefined || op === "or") return undefined;
  const labels = new Set(matching.labels);
  return matching.on
    ? (label) => labels.has(label) && !isMetadataLabel(label)
    : (label) => !labels.has(label) && !isMetadataLabel(label);
}

/** Matchers that all series of a vector are sure to satisfy. */
function knownMatchers(expr: Expr): readonly Matcher[] {
  switch (expr.kind) {
    case "vector":
      return expr.matchers.filter(({ name }) => !isMetadataLabel(name));
    case "matrix":
      return knownMatchers(expr.selector);
    case "subquery":
    case "unary":
    case "paren":
      return knownMatchers(expr.expr);
    case "call": {
      const arg = vectorArgument(expr);
      return arg === undefined
        ? []
        : knownMatchers(arg).filter(({ name }) => keepsLabel(expr, name));
    }
    case "aggregation":
      return knownMatchers(expr.expr).filter(({ name }) => groupsBy(expr, name));
    case "binary":
      return knownOfBinary(expr);
    case "number":
    case "string":
      return [];
  }
}

function knownOfBinary(expr: BinaryExpr): readonly Matcher[] {
  const { left, right, op } = expr;
  if (valueTypeOf(left) !== "vector") return knownMatchers(right);
  if (valueTypeOf(right) !== "vector") return knownMatchers(left);
  if (op === "and" || op === "unless") return knownMatchers(left);
  const isMatched = matchedLabels(expr);
  if (isMatched === undefined) return [];
  const all = [...knownMatchers(left), ...knownMatchers(right)];
  const include = expr.matching?.include ?? [];
  return all.filter(({ name }) => isMatched(name) && !include.includes(name));
}

/** Adds matchers on labels to all selectors below that give series with these labels. */
function restrict(expr: Expr, matchers: readonly Matcher[]): Expr {
  if (matchers.length === 0) return expr;
  switch (expr.kind) {
    case "vector":
      return withMatchers(expr, matchers);
    case "matrix": {
      const selector = withMatchers(expr.selector, matchers);
      return selector === expr.selector ? expr : { ...expr, selector };
    }
    case "subquery":
    case "unary":
    case "paren": {
      const inner = restrict(expr.expr, matchers);
      return inner === expr.expr ? expr : { ...expr, expr: inner };
    }
    case "call": {
      const arg = vectorArgument(expr);
      if (arg === undefined) return expr;
      const kept = matchers.filter(({ name }) => keepsLabel(expr, name));
      const inner = restrict(arg, kept);
      if (inner === arg) return expr;
      return { ...expr, args: expr.args.map((one) => (one === arg ? inner : one)) };
    }
    case "aggregation": {
      const kept = matchers.filter(({ name }) => groupsBy(expr, name));
      const inner = restrict(expr.expr, kept);
      return inner === expr.expr ? expr : { ...expr, expr: inner };
    }
    case "binary":
      return restrictBinary(expr, matchers);
    case "number":
    case "string":
      return expr;
  }
}

function restrictBinary(expr: BinaryExpr, matchers: readonly Matcher[]): Expr {
  const sides = { left: matchers, right: matchers };
  if (expr.matching !== undefined) {
    const isMatched = matchedLabels(expr);
    if (isMatched === undefined) return expr;
    const include = expr.matching.include;
    const both = matchers.filter(({ name }) => isMatched(name) && !include.includes(name));
    sides.right = both;
    // Set operators answer the series of the left side as they are.
    if (expr.op !== "and" && expr.op !== "unless") sides.left = both;
  }
  const left = valueTypeOf(expr.left) === "vector" ? restrict(expr.left, sides.left) : expr.left;
  const right =
    valueTypeOf(expr.right) === "vector" ? restrict(expr.right, sides.right) : expr.right;
  return left === expr.left && right === expr.right ? expr : { ...expr, left, right };
}

/** The one argument whose series a function gives, each with its labels; undefined where it does more than that. */
function vectorArgument({ func, args }: Call): Expr | undefined {
  if (CHANGES_LABELS.has(func)) return undefined;
  return args.find((arg) => {
    const type = valueTypeOf(arg);
    return type === "vector" || type === "matrix";
  });
}

function keepsLabel({ func }: Call, label: string): boolean {
  return !(DROPS_BOUND.has(func) && label === "le");
}

/** Whether all series of a group have the same value of a label, which is the group's. */
function groupsBy({ op, param, without, grouping }: Aggregation, label: string): boolean {
  // The label that it makes says something else.
  if (op === "count_values" && (param?.kind !== "string" || param.value === label)) return false;
  return grouping.includes(label) !== without;
}

function withMatchers(selector: VectorSelector, matchers: readonly Matcher[]): VectorSelector {
  const there = new Set(selector.matchers.map((one) => matcherPart([one])));
  const added: Matcher[] = [];
  for (const matcher of matchers) {
    const part = matcherPart([matcher]);
    if (there.has(part)) continue;
    there.add(part);
    added.push(matcher);
  }
  if (added.length === 0) return selector;
  return { ...selector, matchers: [...selector.matchers, ...added] };
}
