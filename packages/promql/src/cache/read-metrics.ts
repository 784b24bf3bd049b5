import { METRIC_NAME } from "@pharos/base";
import type { Expr } from "../syntax/ast.ts";
import { walk } from "../syntax/walk.ts";

/** The names of the metrics that an expression reads; undefined where a selector does not say one. */
export function readMetrics(expr: Expr): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  let isKnown = true;
  walk(expr, (node) => {
    if (node.kind !== "vector") return;
    const name = node.matchers.find(({ name, type }) => name === METRIC_NAME && type === "=");
    if (name === undefined) isKnown = false;
    else names.add(name.value);
  });
  return isKnown ? names : undefined;
}
