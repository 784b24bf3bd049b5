import { assert, type NativeHistogram } from "@pharos/base";
import type { BinaryOp, Span } from "../syntax/ast.ts";
import type { Annotations, SampleType } from "./annotations.ts";
import {
  addHistograms,
  compactHistogram,
  divideHistogram,
  type HistogramSum,
  histogramsEqual,
  negateHistogram,
  scaleHistogram,
  subtractHistograms,
} from "./histogram/arithmetic.ts";
import { trimLower, trimUpper } from "./histogram/trim.ts";
import {
  FLOAT,
  HISTOGRAM,
  type HistogramSteps,
  hasSamples,
  histogramAt,
  NONE,
  putHistogram,
  type StepSeries,
  workOf,
} from "./step-series.ts";
import { eachInTurns, mapInTurns, type Turns } from "./turns.ts";

/** What an operator's node says of how it computes. */
export interface OperatorExpr {
  readonly op: BinaryOp;
  /** Whether a comparison gives 1 or 0 instead of keeping what it holds for. */
  readonly bool: boolean;
  readonly span: Span;
}

type Comparison = "==" | "!=" | ">" | "<" | ">=" | "<=";

const COMPARISONS: ReadonlySet<BinaryOp> = new Set<Comparison>(["==", "!=", ">", "<", ">=", "<="]);
const SET_OPERATORS = new Set<BinaryOp>(["and", "or", "unless"]);

export function isComparison(op: BinaryOp): op is Comparison {
  return COMPARISONS.has(op);
}

export function isSetOperator(op: BinaryOp): boolean {
  return SET_OPERATORS.has(op);
}

/** Whether what the operator gives is no longer the metric it was, so that its name goes. */
export function changesMeaning(op: BinaryOp): boolean {
  return !isComparison(op) && !isTrim(op);
}

/** What cuts a histogram off. */
function isTrim(op: BinaryOp): boolean {
  return op === "</" || op === ">/";
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
    case "</":
    case ">/":
    case "and":
    case "or":
    case "unless":
      assert(false, () => `${op} computes nothing`);
  }
}

/** One side of an operator at every step: a series, or a scalar, which is a float everywhere. */
export interface Operand {
  readonly values: Float64Array;
  readonly present?: Uint8Array;
  readonly histograms?: HistogramSteps | undefined;
}

/** Takes out of `present` the steps at which a comparison does not hold. */
function filterColumns(op: BinaryOp, a: Float64Array, b: Float64Array, present: Uint8Array): void {
  assert(isComparison(op), () => `${op} compares nothing`);
  const count = present.length;
  switch (op) {
    case "==":
      for (let i = 0; i < count; i++) if (a[i] !== b[i]) present[i] = NONE;
      return;
    case "!=":
      for (let i = 0; i < count; i++) if (a[i] === b[i]) present[i] = NONE;
      return;
    // NaN compares with nothing, which makes the opposite of `>` something else than `<=`.
    case ">":
      for (let i = 0; i < count; i++) if (!((a[i] as number) > (b[i] as number))) present[i] = NONE;
      return;
    case "<":
      for (let i = 0; i < count; i++) if (!((a[i] as number) < (b[i] as number))) present[i] = NONE;
      return;
    case ">=":
      for (let i = 0; i < count; i++)
        if (!((a[i] as number) >= (b[i] as number))) present[i] = NONE;
      return;
    case "<=":
      for (let i = 0; i < count; i++)
        if (!((a[i] as number) <= (b[i] as number))) present[i] = NONE;
  }
}

/**
 * `left op right` at the steps at which `out.present` is `FLOAT`, which says that both sides have a sample there.
 * Arithmetic and `bool` give the result, a comparison keeps `kept` where it holds: the left side's sample or, where
 * the left side is a scalar, the right one's. Where the operator is not defined for the two samples, there is none.
 * Unless there are histograms on a side, `out` may have the columns of either.
 */
export function applyOperator(
  expr: OperatorExpr,
  { left, right, kept }: { left: Operand; right: Operand; kept: Operand },
  out: StepSeries,
  annotations: Annotations,
): void {
  const { op, bool } = expr;
  if (left.histograms !== undefined || right.histograms !== undefined || isTrim(op))
    applyToSamples(expr, { left, right, kept }, out, annotations);
  else if (isComparison(op) && !bool) {
    filterColumns(op, left.values, right.values, out.present);
    if (out.values !== kept.values) out.values.set(kept.values);
  } else computeColumns(op, left.values, right.values, out.values);
}

/** As `applyOperator`, where histograms are on a side, or would have to be. */
function applyToSamples(
  expr: OperatorExpr,
  { left, right, kept }: { left: Operand; right: Operand; kept: Operand },
  out: StepSeries,
  annotations: Annotations,
): void {
  const { op, bool } = expr;
  const floats = new Uint8Array(out.present.length);
  for (let i = 0; i < floats.length; i++) {
    if (out.present[i] === NONE) continue;
    const a = sampleAt(left, i);
    const b = sampleAt(right, i);
    if (typeof a === "number" && typeof b === "number" && !isTrim(op)) {
      floats[i] = FLOAT;
      continue;
    }
    const result = combineSamples(expr, a, b, annotations);
    if (result === undefined) out.present[i] = NONE;
    else if (typeof result !== "number") putHistogram(out, i, result);
    else {
      out.present[i] = FLOAT;
      out.values[i] = result;
    }
  }
  if (!floats.includes(FLOAT)) return;
  const filters = isComparison(op) && !bool;
  const results = filters ? kept.values : new Float64Array(floats.length);
  const holds = floats.slice();
  if (filters) filterColumns(op, left.values, right.values, holds);
  else computeColumns(op, left.values, right.values, results);
  for (let i = 0; i < floats.length; i++) {
    if (floats[i] === NONE) continue;
    if (holds[i] === NONE) out.present[i] = NONE;
    else out.values[i] = results[i] as number;
  }
}

function sampleAt(
  { values, present, histograms }: Operand,
  step: number,
): number | NativeHistogram {
  if (present?.[step] !== HISTOGRAM) return values[step] as number;
  const histogram = histograms?.[step];
  assert(histogram !== undefined, () => `a histogram at step ${step}`);
  return histogram;
}

/** An operator with a histogram on at least one side, or one that is for histograms only. */
function combineSamples(
  { op, bool, span }: OperatorExpr,
  left: number | NativeHistogram,
  right: number | NativeHistogram,
  annotations: Annotations,
): number | NativeHistogram | undefined {
  if (typeof left !== "number" && typeof right !== "number") {
    if (op === "+") return sumOf(op, addHistograms(left, right), span, annotations);
    if (op === "-") {
      const difference = sumOf(op, subtractHistograms(left, right), span, annotations);
      // It may go up and down whatever the two were.
      return difference && { ...difference, counterReset: "gauge" };
    }
    if (op === "==" || op === "!=") {
      const holds = histogramsEqual(left, right) === (op === "==");
      if (bool) return holds ? 1 : 0;
      return holds ? left : undefined;
    }
  } else if (typeof left !== "number" && typeof right === "number") {
    if (op === "*") return compactHistogram(scaleHistogram(left, right));
    if (op === "/") return compactHistogram(divideHistogram(left, right));
    if (op === "</") return trimUpper(left, right);
    if (op === ">/") return trimLower(left, right);
  } else if (typeof left === "number" && typeof right !== "number" && op === "*")
    return compactHistogram(scaleHistogram(right, left));
  annotations.incompatibleTypes(typeName(left), op, typeName(right), span);
  return undefined;
}

function typeName(sample: number | NativeHistogram): SampleType {
  return typeof sample === "number" ? "float" : "histogram";
}

function sumOf(
  op: "+" | "-",
  sum: HistogramSum,
  span: Span,
  annotations: Annotations,
): NativeHistogram | undefined {
  if (sum.error !== undefined) {
    annotations.incompatibleBucketLayout(op, span);
    return undefined;
  }
  const operation = op === "+" ? "addition" : "subtraction";
  if (sum.counterResetCollision) annotations.counterResetCollision(operation, span);
  if (sum.nhcbBoundsReconciled) annotations.customBoundsReconciled(operation, span);
  return compactHistogram(sum.histogram);
}

/**
 * A vector with a scalar, on either side, in the vector's columns. A comparison keeps the vector's samples, and there is
 * no series where it keeps none.
 */
export async function vectorWithScalar(
  expr: OperatorExpr,
  list: readonly StepSeries[],
  scalar: Float64Array,
  scalarIsLeft: boolean,
  context: Turns,
): Promise<StepSeries[]> {
  const dropsName = expr.bool || changesMeaning(expr.op);
  const fixed: Operand = { values: scalar };
  const results: StepSeries[] = [];
  const visit = (series: StepSeries): void => {
    const { values } = series;
    const out: StepSeries = {
      labels: series.labels,
      dropName: series.dropName || dropsName,
      values: series.histograms === undefined ? values : new Float64Array(values.length),
      present: series.present,
    };
    const [left, right] = scalarIsLeft ? [fixed, series] : [series, fixed];
    applyOperator(expr, { left, right, kept: series }, out, context.annotations);
    if (hasSamples(out)) results.push(out);
  };
  await eachInTurns(list, context, visit, workOf);
  return results;
}

/** Unary minus: of a float, or of all counts of a histogram. In place; the metric name goes. */
export function negate(list: readonly StepSeries[], context: Turns): Promise<StepSeries[]> {
  const negated = (series: StepSeries): StepSeries => {
    const { values, present, histograms } = series;
    for (let i = 0; i < values.length; i++) values[i] = -(values[i] as number);
    if (histograms !== undefined)
      for (let i = 0; i < present.length; i++)
        if (present[i] === HISTOGRAM) histograms[i] = negateHistogram(histogramAt(series, i));
    return { ...series, dropName: true };
  };
  return mapInTurns(list, context, negated, workOf);
}
