import {
  compareUtf8,
  type Labels,
  labelsKey,
  labelValue,
  METRIC_NAME,
  OperatingError,
  onlyLabels,
  withLabel,
  withoutLabels,
} from "@pharos/base";
import type { BinaryExpr, VectorMatching } from "../syntax/ast.ts";
import { formatLabelSet } from "./format-number.ts";
import { applyOperator, isComparison } from "./operators.ts";
import {
  emptySeries,
  hasSamples,
  mergeInto,
  mergeSameLabels,
  type StepSeries,
  withoutMetadata,
} from "./step-series.ts";

/** Series with equal matching labels, of both sides. With `group_right` the many are on the right. */
interface MatchGroup {
  readonly many: StepSeries[];
  readonly one: StepSeries[];
}

/**
 * Arithmetic and comparison between two vectors: each series with the one whose matching labels are equal.
 *
 * @throws OperatingError `query.failed` where more series match than the cardinality allows.
 */
export function matchVectors(
  expr: BinaryExpr,
  matching: VectorMatching,
  left: readonly StepSeries[],
  right: readonly StepSeries[],
): StepSeries[] {
  const swapped = matching.card === "one-to-many";
  const [many, one] = swapped ? [right, left] : [left, right];
  if (many.length === 0 || one.length === 0) return [];
  const groups = groupByMatch(matching, many, one);
  checkOneSide(matching, groups, many);
  const results: StepSeries[] = [];
  const combine = new Combiner(expr, matching, swapped);
  for (const group of groups.values()) {
    const combined = combineGroup(combine, group, matching.card === "one-to-one");
    for (const series of combined) results.push(series);
  }
  // One-to-one, the labels of a result follow from its group; `group_left(…)` can make them the same.
  return matching.card === "one-to-one" ? results : mergeSameLabels(results);
}

/** The key under which series match each other. */
export function matchKey(matching: VectorMatching): (labels: Labels) => string {
  if (matching.on) {
    const kept = new Set(matching.labels);
    return (labels) => labelsKey(onlyLabels(labels, kept));
  }
  const removed = new Set([...matching.labels, METRIC_NAME]);
  return (labels) => labelsKey(withoutLabels(labels, removed));
}

function groupByMatch(
  matching: VectorMatching,
  many: readonly StepSeries[],
  one: readonly StepSeries[],
): Map<string, MatchGroup> {
  const keyOf = matchKey(matching);
  const groups = new Map<string, MatchGroup>();
  const groupOf = ({ labels }: StepSeries): MatchGroup =>
    groups.getOrInsertComputed(keyOf(labels), () => ({ many: [], one: [] }));
  for (const series of one) groupOf(series).one.push(series);
  for (const series of many) groupOf(series).many.push(series);
  return groups;
}

/** Two series of the "one" side with samples at the same step are an error wherever the other side has any sample. */
function checkOneSide(
  matching: VectorMatching,
  groups: ReadonlyMap<string, MatchGroup>,
  many: readonly StepSeries[],
): void {
  let manyPresent: Uint8Array | undefined;
  for (const { one } of groups.values()) {
    if (one.length < 2) continue;
    manyPresent ??= presenceOf(many);
    const first = new Int32Array(manyPresent.length).fill(-1);
    for (const [index, { labels, present }] of one.entries())
      for (let i = 0; i < present.length; i++) {
        if (present[i] === 0 || manyPresent[i] === 0) continue;
        const other = first[i] as number;
        if (other >= 0) throw duplicateSeries(matching, labels, (one[other] as StepSeries).labels);
        first[i] = index;
      }
  }
}

function presenceOf(list: readonly StepSeries[]): Uint8Array {
  const present = new Uint8Array((list[0] as StepSeries).present.length);
  for (const series of list)
    for (let i = 0; i < present.length; i++) if (series.present[i] === 1) present[i] = 1;
  return present;
}

function duplicateSeries(matching: VectorMatching, a: Labels, b: Labels): OperatingError {
  const names = new Set(matching.labels);
  const group = matching.on
    ? onlyLabels(a, names)
    : withoutLabels(a, new Set([...names, METRIC_NAME]));
  const [first, second] = [formatLabelSet(a), formatLabelSet(b)].sort(compareUtf8);
  const side = matching.card === "one-to-many" ? "left" : "right";
  return new OperatingError(
    "query.failed",
    `found duplicate series for the match group ${formatLabelSet(group)} on the ${side} hand-side of the operation: ` +
      `[${first}, ${second}];many-to-many matching not allowed: matching labels must be unique on one side`,
  );
}

function combineGroup(
  combine: Combiner,
  { many, one }: MatchGroup,
  oneToOne: boolean,
): readonly StepSeries[] {
  if (one.length === 0 || many.length === 0) return [];
  if (one.length === 1 && many.length === 1) {
    const only = combine.pair(many[0] as StepSeries, one[0] as StepSeries);
    return hasSamples(only) ? [only] : [];
  }
  const matched = oneToOne ? new Uint8Array((many[0] as StepSeries).present.length) : undefined;
  const byLabels = new Map<string, StepSeries>();
  for (const manySeries of many)
    for (const oneSeries of one) {
      // Whatever a comparison filters away later, matching twice is an error.
      if (matched !== undefined) markMatched(matched, manySeries.present, oneSeries.present);
      const series = combine.pair(manySeries, oneSeries);
      if (!hasSamples(series)) continue;
      const key = (series.dropName ? "-" : "+") + labelsKey(series.labels);
      const known = byLabels.get(key);
      if (known === undefined) byLabels.set(key, series);
      else if (!mergeInto(known, series))
        throw new OperatingError(
          "query.failed",
          "multiple matches for labels: grouping labels must ensure unique matches",
        );
    }
  return [...byLabels.values()];
}

function markMatched(matched: Uint8Array, many: Uint8Array, one: Uint8Array): void {
  for (let i = 0; i < matched.length; i++) {
    if (many[i] === 0 || one[i] === 0) continue;
    if (matched[i] === 1)
      throw new OperatingError(
        "query.failed",
        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
      );
    matched[i] = 1;
  }
}

/** Computes the result of one series of the "many" side with one of the "one" side. */
class Combiner {
  readonly #expr: BinaryExpr;
  readonly #matching: VectorMatching;
  readonly #swapped: boolean;
  readonly #names: ReadonlySet<string>;

  constructor(expr: BinaryExpr, matching: VectorMatching, swapped: boolean) {
    this.#expr = expr;
    this.#matching = matching;
    this.#swapped = swapped;
    this.#names = new Set(matching.labels);
  }

  pair(many: StepSeries, one: StepSeries): StepSeries {
    const { op, bool } = this.#expr;
    const compares = isComparison(op);
    const out = emptySeries(
      this.#labels(many.labels, one.labels),
      bool || (compares && many.dropName),
      many.values.length,
    );
    for (let i = 0; i < out.present.length; i++)
      out.present[i] = (many.present[i] as number) & (one.present[i] as number);
    // With `group_right` the left side is the "one": its value is what a comparison keeps.
    const [left, right] = this.#swapped ? [one, many] : [many, one];
    applyOperator(op, bool, left.values, right.values, left.values, out);
    return out;
  }

  #labels(many: Labels, one: Labels): Labels {
    const { card, on, include } = this.#matching;
    let labels = many;
    if (!isComparison(this.#expr.op)) labels = withoutMetadata(labels);
    if (card === "one-to-one")
      labels = on ? onlyLabels(labels, this.#names) : withoutLabels(labels, this.#names);
    for (const name of include) labels = withLabel(labels, name, labelValue(one, name));
    return labels;
  }
}

/** and, or, unless: series of one side by whether the other has a match at the same step. */
export function setOperation(
  op: "and" | "or" | "unless",
  matching: VectorMatching,
  left: readonly StepSeries[],
  right: readonly StepSeries[],
): StepSeries[] {
  const keyOf = matchKey(matching);
  switch (op) {
    case "and": {
      const there = presenceByKey(right, keyOf);
      return left.filter((series) => {
        const other = there.get(keyOf(series.labels));
        if (other === undefined) return false;
        for (let i = 0; i < other.length; i++) if (other[i] === 0) series.present[i] = 0;
        return hasSamples(series);
      });
    }
    case "unless":
      return without(left, presenceByKey(right, keyOf), keyOf);
    case "or": {
      const there = presenceByKey(left, keyOf);
      // A series may come from the left at some steps and from the right at others.
      return mergeSameLabels([...left, ...without(right, there, keyOf)]);
    }
  }
}

function without(
  list: readonly StepSeries[],
  there: ReadonlyMap<string, Uint8Array>,
  keyOf: (labels: Labels) => string,
): StepSeries[] {
  return list.filter((series) => {
    const other = there.get(keyOf(series.labels));
    if (other === undefined) return true;
    for (let i = 0; i < other.length; i++) if (other[i] === 1) series.present[i] = 0;
    return hasSamples(series);
  });
}

function presenceByKey(
  list: readonly StepSeries[],
  keyOf: (labels: Labels) => string,
): Map<string, Uint8Array> {
  const there = new Map<string, Uint8Array>();
  for (const { labels, present } of list) {
    const key = keyOf(labels);
    const known = there.get(key);
    if (known === undefined) there.set(key, present.slice());
    else for (let i = 0; i < present.length; i++) if (present[i] === 1) known[i] = 1;
  }
  return there;
}
