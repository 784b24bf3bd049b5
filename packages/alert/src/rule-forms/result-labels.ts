import { METRIC_NAME } from "@pharos/base";
import type { BinaryOp, Expr, VectorMatching } from "@pharos/promql/syntax";

/** The names of labels that series of a metric have; undefined where nobody knows, as for one without series. */
export type LabelNames = (metric: string) => ReadonlySet<string> | undefined;

const KEEPS_LEFT: ReadonlySet<BinaryOp> = new Set(["and", "unless", "or"]);

/** The names of labels that the series of a result may have, but for the metric's name; undefined where it is not known. */
export function resultLabels(expr: Expr, labelNames: LabelNames): ReadonlySet<string> | undefined {
  const within = (inner: Expr): ReadonlySet<string> | undefined => resultLabels(inner, labelNames);
  switch (expr.kind) {
    case "number":
    case "string":
      return new Set();
    case "vector": {
      const metric = expr.matchers.find(
        ({ name, type }) => name === METRIC_NAME && type === "=",
      )?.value;
      return metric === undefined ? undefined : without(labelNames(metric), [METRIC_NAME]);
    }
    case "matrix":
      return within(expr.selector);
    case "subquery":
    case "unary":
    case "paren":
      return within(expr.expr);
    case "aggregation":
      if (expr.op === "count_values") return undefined;
      if (["topk", "bottomk", "limitk", "limit_ratio"].includes(expr.op)) return within(expr.expr);
      return expr.without ? without(within(expr.expr), expr.grouping) : new Set(expr.grouping);
    case "call":
      return calledLabels(expr.func, expr.args.map(within), expr.args);
    case "binary":
      return joinedLabels(expr.op, expr.matching, within(expr.left), within(expr.right), expr);
  }
}

function calledLabels(
  func: string,
  labels: readonly (ReadonlySet<string> | undefined)[],
  args: readonly Expr[],
): ReadonlySet<string> | undefined {
  // These make labels, or take them from elsewhere.
  if (["label_replace", "label_join", "absent", "absent_over_time", "info"].includes(func))
    return undefined;
  if (["scalar", "time", "pi", "vector"].includes(func)) return new Set();
  if (func === "histogram_quantile") return without(labels[1], ["le"]);
  const series = args.findIndex(({ kind }) => kind !== "number" && kind !== "string");
  return series < 0 ? new Set() : labels[series];
}

function joinedLabels(
  op: BinaryOp,
  matching: VectorMatching | undefined,
  left: ReadonlySet<string> | undefined,
  right: ReadonlySet<string> | undefined,
  { left: leftExpr, right: rightExpr }: { readonly left: Expr; readonly right: Expr },
): ReadonlySet<string> | undefined {
  if (leftExpr.kind === "number") return right;
  if (rightExpr.kind === "number" || KEEPS_LEFT.has(op)) return op === "or" ? undefined : left;
  // Arithmetic between series keeps what they are matched by.
  if (matching === undefined || matching.card !== "one-to-one") return undefined;
  if (matching.on) return new Set(matching.labels);
  return left === undefined ? undefined : without(left, matching.labels);
}

function without(
  names: ReadonlySet<string> | undefined,
  left: readonly string[],
): ReadonlySet<string> | undefined {
  return names?.difference(new Set(left));
}
