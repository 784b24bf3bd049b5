import { assert } from "@pharos/base";
import type { BinaryOp } from "../syntax/ast.ts";
import type { StepSeries } from "./step-series.ts";
import type { StepColumn } from "./windows.ts";

const COMPARISONS = new Set<BinaryOp>(["==", "!=", ">", "<", ">=", "<="]);
const SET_OPERATORS = new Set<BinaryOp>(["and", "or", "unless"]);

export function isComparison(op: BinaryOp): boolean {
  return COMPARISONS.has(op);
}

export function isSetOperator(op: BinaryOp): boolean {
  return SET_OPERATORS.has(op);
}

/** Go's `math.Pow`, which differs from `**` in 1^NaN and in (-1)^±Inf: both are 1. */
function power(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && Math.abs(exponent) === Number.POSITIVE_INFINITY) return 1;
  return base ** exponent;
}

/**
 * `a op b` for whole columns, into `out`, which may be `a`. For a comparison: 1 or 0.
 */
export function computeColumns(
  op: BinaryOp,
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
): void {
  const count = out.length;
  switch (op) {
    case "+":
      for (let i = 0; i < count; i++) out[i] = (a[i] as number) + (b[i] as number);
      return;
    case "-":
      for (let i = 0; i < count; i++) out[i] = (a[i] as number) - (b[i] as number);
      return;
    case "*":
      for (let i = 0; i < count; i++) out[i] = (a[i] as number) * (b[i] as number);
      return;
    case "/":
      for (let i = 0; i < count; i++) out[i] = (a[i] as number) / (b[i] as number);
      return;
    case "%":
      for (let i = 0; i < count; i++) out[i] = (a[i] as number) % (b[i] as number);
      return;
    case "^":
      for (let i = 0; i < count; i++) out[i] = power(a[i] as number, b[i] as number);
      return;
    case "atan2":
      for (let i = 0; i < count; i++) out[i] = Math.atan2(a[i] as number, b[i] as number);
      return;
    case "==":
      for (let i = 0; i < count; i++) out[i] = a[i] === b[i] ? 1 : 0;
      return;
    case "!=":
      for (let i = 0; i < count; i++) out[i] = a[i] !== b[i] ? 1 : 0;
      return;
    case ">":
      for (let i = 0; i < count; i++) out[i] = (a[i] as number) > (b[i] as number) ? 1 : 0;
      return;
    case "<":
      for (let i = 0; i < count; i++) out[i] = (a[i] as number) < (b[i] as number) ? 1 : 0;
      return;
    case ">=":
      for (let i = 0; i < count; i++) out[i] = (a[i] as number) >= (b[i] as number) ? 1 : 0;
      return;
    case "<=":
      for (let i = 0; i < count; i++) out[i] = (a[i] as number) <= (b[i] as number) ? 1 : 0;
      return;
    case "and":
    case "or":
    case "unless":
      assert(false, () => `${op} computes nothing`);
  }
}

/**
 * `left op right` with the samples of `left`, where `present` says that both sides have one: arithmetic and `bool`
 * give the result, a comparison keeps the sample where it holds. `kept` is what a comparison gives, the left side's
 * values or, where the sides are swapped, the right one's.
 */
export function applyOperator(
  op: BinaryOp,
  bool: boolean,
  left: Float64Array,
  right: Float64Array,
  kept: Float64Array,
  out: StepColumn,
): void {
  computeColumns(op, left, right, out.values);
  if (bool || !isComparison(op)) return;
  for (let i = 0; i < out.values.length; i++) {
    if (out.values[i] === 0) out.present[i] = 0;
    else out.values[i] = kept[i] as number;
  }
}

/** A vector with a scalar, on either side. A comparison keeps the vector's samples. */
export function vectorWithScalar(
  { op, bool }: { op: BinaryOp; bool: boolean },
  list: readonly StepSeries[],
  scalar: Float64Array,
  scalarIsLeft: boolean,
): StepSeries[] {
  const dropsName = bool || !isComparison(op);
  return list.map((series) => {
    const { values, present } = series;
    const out = { ...series, values: new Float64Array(values.length), present };
    if (scalarIsLeft) applyOperator(op, bool, scalar, values, values, out);
    else applyOperator(op, bool, values, scalar, values, out);
    return dropsName ? { ...out, dropName: true } : out;
  });
}
