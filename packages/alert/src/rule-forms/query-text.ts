import { METRIC_NAME } from "@pharos/base";
import { type Expr, parse, printExpr, walk } from "@pharos/promql/syntax";

/** A query in PromQL as people write it, read. */
export interface ReadQuery {
  readonly expr: Expr;
  readonly text: string;
  /** Said to whoever wrote it, where it is not what Prometheus would read; a sentence each. */
  readonly remarks: readonly string[];
}

/**
 * Reads PromQL, and says of names with dots what they are elsewhere: `cpu.load > 0.8` is `{"cpu.load"} > 0.8`.
 *
 * @throws OperatingError `query.invalid`.
 */
export function readQuery(text: string): ReadQuery {
  const expr = parse(text);
  const remarks = new Set<string>();
  walk(expr, (node) => {
    if (node.kind !== "vector" || node.metricName !== undefined) return;
    if (text.charAt(node.span.start) === "{") return;
    const name = nameOf(node.matchers);
    if (name !== "") remarks.add(`${name} is read as {${JSON.stringify(name)}}`);
  });
  return { expr, text, remarks: [...remarks] };
}

/** The text of an expression, with names that need quotes where names stand: `{"cpu.load"} > 0.8`. */
export function printQuery(expr: Expr): string {
  // Within a string the quote would have a backslash before it.
  return printExpr(expr).replaceAll(/\{__name__=("(?:[^"\\]|\\.)*")/g, "{$1");
}

/** The name of the first metric in an expression, or "". */
export function firstMetric(expr: Expr): string {
  let found = "";
  walk(expr, (node) => {
    if (found === "" && node.kind === "vector") found = nameOf(node.matchers);
  });
  return found;
}

function nameOf(matchers: readonly { readonly name: string; readonly value: string }[]): string {
  return matchers.find(({ name }) => name === METRIC_NAME)?.value ?? "";
}
