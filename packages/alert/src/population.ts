import { type Labels, labelValue, METRIC_NAME } from "@pharos/base";
import type { BinaryOp, Expr } from "@pharos/promql/syntax";

/** What a condition is about: everything that it looks at, and what it compares that with. */
export interface Population {
  /** The condition without its comparison: an element for each thing that could be affected. */
  readonly expr: Expr;
  /** Undefined where it compares with another vector. */
  readonly threshold: number | undefined;
}

const COMPARISONS: ReadonlySet<BinaryOp> = new Set(["==", "!=", "<", ">", "<=", ">="]);

/** What chooses among the elements of its left side. */
const ASIDE: ReadonlySet<BinaryOp> = new Set(["and", "unless"]);

/**
 * What a condition such as `up == 0` or `rate(errors[5m]) > 3 and on (job) up == 1` chooses from; undefined where it is no
 * comparison that filters. Of nested ones (`(x > 1) < 5`) it is what the innermost looks at.
 */
export function populationOf(expr: Expr): Population | undefined {
  if (expr.kind === "paren") return populationOf(expr.expr);
  if (expr.kind !== "binary") return undefined;
  if (ASIDE.has(expr.op)) return populationOf(expr.left);
  if (!COMPARISONS.has(expr.op) || expr.bool) return undefined;
  const right = numberOf(expr.right);
  const left = numberOf(expr.left);
  if (left !== undefined && right !== undefined) return undefined;
  const chosen = left === undefined ? expr.left : expr.right;
  const threshold = left ?? right;
  return populationOf(chosen) ?? { expr: chosen, threshold };
}

function numberOf(expr: Expr): number | undefined {
  if (expr.kind === "number") return expr.value;
  if (expr.kind === "paren") return numberOf(expr.expr);
  if (expr.kind !== "unary") return undefined;
  const value = numberOf(expr.expr);
  return value === undefined || expr.op === "+" ? value : -value;
}

/** Labels that tell one thing from another, with what such things are called; the first that does is it. */
const THINGS: readonly (readonly [label: string, plural: string])[] = [
  ["instance", "instances"],
  ["host", "hosts"],
  ["hostname", "hosts"],
  ["nodename", "hosts"],
  ["node", "nodes"],
  ["pod", "pods"],
  ["container", "containers"],
  ["device", "devices"],
  ["service", "services"],
  ["job", "jobs"],
];

/** How many things a set of elements is, by the label that tells things apart where most elements have it. */
export interface CountedThings {
  readonly affected: number;
  readonly total: number;
  /** In the plural: `hosts`. */
  readonly label: string;
}

/** Counts the things that are affected among all. Where no label tells things apart, elements are counted as series. */
export function countThings(
  affected: readonly Labels[],
  all: readonly Labels[],
): CountedThings | undefined {
  if (all.length === 0 || affected.length === 0) return undefined;
  for (const [label, plural] of THINGS) {
    const values = valuesOf(label, all);
    if (values === undefined || (values.size === 1 && all.length > 1)) continue;
    const hit = valuesOf(label, affected);
    if (hit === undefined) continue;
    for (const value of hit) values.add(value);
    return { affected: hit.size, total: values.size, label: plural };
  }
  return {
    affected: affected.length,
    total: Math.max(all.length, affected.length),
    label: "series",
  };
}

/** Undefined where an element is without the label. */
function valuesOf(label: string, sets: readonly Labels[]): Set<string> | undefined {
  const values = new Set<string>();
  for (const labels of sets) {
    const value = labelValue(labels, label);
    if (value === "") return undefined;
    values.add(value);
  }
  return values;
}

/** Whether an alert can come from an element: it has all labels of that, but for those that its rule sets itself. */
export function mayComeFrom(alert: Labels, element: Labels, set: ReadonlySet<string>): boolean {
  return element.every(
    ([name, value]) => name === METRIC_NAME || set.has(name) || labelValue(alert, name) === value,
  );
}
