import { type Labels, labelsFrom, type Matcher, METRIC_NAME, NO_LABELS } from "@pharos/base";
import type { Expr } from "../syntax/ast.ts";
import { unwrapParens } from "./expr-properties.ts";
import { constantSeries, hasSamples, type StepSeries } from "./step-series.ts";

/** absent and absent_over_time: 1 at the steps at which nothing is `there`; no series where something always is. */
export function absentWhere(there: Uint8Array, argument: Expr): StepSeries[] {
  const out = constantSeries(absentLabels(argument), false, 1, there.length);
  for (let i = 0; i < there.length; i++) out.present[i] = there[i] === 1 ? 0 : 1;
  return hasSamples(out) ? [out] : [];
}

/** The labels of what is absent: those that the selector asks for by `=`, once each. */
function absentLabels(argument: Expr): Labels {
  const expr = unwrapParens(argument);
  const matchers: readonly Matcher[] =
    expr.kind === "vector" ? expr.matchers : expr.kind === "matrix" ? expr.selector.matchers : [];
  if (matchers.length === 0) return NO_LABELS;
  const labels = new Map<string, string>();
  const seen = new Set<string>();
  for (const { type, name, value } of matchers) {
    if (name === METRIC_NAME) continue;
    if (type === "=" && !seen.has(name)) {
      labels.set(name, value);
      seen.add(name);
    } else labels.delete(name);
  }
  return labelsFrom(labels);
}
