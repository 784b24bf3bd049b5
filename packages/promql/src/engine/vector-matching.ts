import {
  assert,
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
import { GroupIndex } from "./group-index.ts";
import { applyOperator, changesMeaning, type Operand } from "./operators.ts";
import {
  emptySeries,
  FLOAT,
  hasSamples,
  mergeInto,
  mergeSameLabels,
  NONE,
  type StepSeries,
  withoutMetadata,
  workOf,
} from "./step-series.ts";
import { eachInTurns, type Turns } from "./turns.ts";

/** Series with equal matching labels, of both sides. With `group_right` the many are on the right. */
interface MatchGroup {
  readonly many: StepSeries[];
  readonly one: StepSeries[];
}

/** What stands in for a side that is missing. */
interface Fills {
  readonly many: number | undefined;
  readonly one: number | undefined;
}

/**
 * Arithmetic and comparison between two vectors: each series with the one whose matching labels are equal. Where one
 * of them has no sample at a step, a value given by `fill` takes its place.
 *
 * @throws OperatingError `query.failed` where more series match than the cardinality allows.
 */
export async function matchVectors(
  expr: BinaryExpr,
  matching: VectorMatching,
  left: readonly StepSeries[],
  right: readonly StepSeries[],
  context: Turns,
): Promise<StepSeries[]> {
  const swapped = matching.card === "one-to-many";
  const [many, one] = swapped ? [right, left] : [left, right];
  // As in Prometheus, `group_right` swaps the sides, but not what they are filled with.
  const fills: Fills = { many: matching.fill?.left, one: matching.fill?.right };
  const first = many[0] ?? one[0];
  if (first === undefined) return [];
  if (many.length === 0 && fills.many === undefined) return [];
  if (one.length === 0 && fills.one === undefined) return [];
  const groups = await groupByMatch(matching, many, one, context);
  checkOneSide(matching, groups, many, one);
  const combiner = new Combiner(expr, matching, fills, context);
  const results: StepSeries[] = [];
  for (const group of groups) {
    const only = combiner.single(group);
    if (only === undefined) for (const series of await combiner.group(group)) results.push(series);
    else if (hasSamples(only)) results.push(only);
    if (context.tick(only && workOf(only))) await context.pause();
  }
  // One-to-one, the labels of a result follow from its group; `group_left(…)` can make them the same.
  return matching.card === "one-to-one" ? results : mergeSameLabels(results, context);
}

/** The labels that decide which series match each other. */
type MatchingLabels = (labels: Labels) => Labels;

function matchingLabels({ on, labels: names }: VectorMatching): MatchingLabels {
  if (on) {
    const kept = new Set(names);
    return (labels) => onlyLabels(labels, kept);
  }
  const removed = new Set([...names, METRIC_NAME]);
  return (labels) => withoutLabels(labels, removed);
}

/** Groups series that match each other. Each series' labels are looked at once, for all steps together. */
export function matchIndex<Group>({ on, labels }: VectorMatching): GroupIndex<Group> {
  return new GroupIndex({ without: !on, grouping: labels });
}

async function groupByMatch(
  matching: VectorMatching,
  many: readonly StepSeries[],
  one: readonly StepSeries[],
  context: Turns,
): Promise<readonly MatchGroup[]> {
  const index = matchIndex<MatchGroup>(matching);
  const open = (): MatchGroup => ({ many: [], one: [] });
  const groupOf = ({ labels }: StepSeries): MatchGroup => index.of(labels, open);
  await eachInTurns(many, context, (series) => groupOf(series).many.push(series));
  await eachInTurns(one, context, (series) => groupOf(series).one.push(series));
  return index.groups;
}

/** Two series with a sample at the same step that match the same ones. */
interface Duplicate {
  readonly step: number;
  readonly first: StepSeries;
  readonly second: StepSeries;
}

/**
 * Two series of the "one" side with samples at the same step are an error wherever the other side has any sample, or
 * may be filled. The first such pair is reported, by time and then in the order of the series.
 */
function checkOneSide(
  matching: VectorMatching,
  groups: readonly MatchGroup[],
  many: readonly StepSeries[],
  one: readonly StepSeries[],
): void {
  const crowded = groups.filter((group) => group.one.length > 1);
  const count = one[0]?.present.length ?? 0;
  const looked =
    crowded.length === 0 || matching.fill !== undefined ? undefined : presenceOf(many, count);
  const duplicates = crowded.flatMap((group) => firstDuplicate(group.one, looked) ?? []);
  const [first] = duplicates.sort(
    (a, b) => a.step - b.step || one.indexOf(a.second) - one.indexOf(b.second),
  );
  if (first !== undefined) throw duplicateSeries(matching, first.first.labels, first.second.labels);
}

/** The first step among those `looked` at, or of all, at which two of the series have a sample. */
function firstDuplicate(
  list: readonly StepSeries[],
  looked: Uint8Array | undefined,
): Duplicate | undefined {
  const count = list[0]?.present.length ?? 0;
  const seen = new Int32Array(count).fill(-1);
  let found: Duplicate | undefined;
  for (const [index, series] of list.entries())
    for (let step = 0; step < (found?.step ?? count); step++) {
      if (series.present[step] === NONE || looked?.[step] === 0) continue;
      const other = list[seen[step] as number];
      if (other !== undefined) found = { step, first: other, second: series };
      else seen[step] = index;
    }
  return found;
}

/** 1 at the steps at which any of the series has a sample. */
function presenceOf(list: readonly StepSeries[], count: number): Uint8Array {
  const there = new Uint8Array(count);
  for (const { present } of list)
    for (let i = 0; i < count; i++) if (present[i] !== NONE) there[i] = 1;
  return there;
}

function duplicateSeries(matching: VectorMatching, a: Labels, b: Labels): OperatingError {
  const group = matchingLabels(matching)(a);
  const [first, second] = [formatLabelSet(a), formatLabelSet(b)].sort(compareUtf8);
  const side = matching.card === "one-to-many" ? "left" : "right";
  return new OperatingError(
    "query.failed",
    `found duplicate series for the match group ${formatLabelSet(group)} on the ${side} hand-side of the operation: ` +
      `[${first}, ${second}];many-to-many matching not allowed: matching labels must be unique on one side`,
  );
}

/** Computes the results of groups of series that match each other. */
class Combiner {
  readonly #expr: BinaryExpr;
  readonly #matching: VectorMatching;
  readonly #fills: Fills;
  readonly #context: Turns;
  readonly #names: ReadonlySet<string>;
  readonly #matchingLabels: MatchingLabels;

  constructor(expr: BinaryExpr, matching: VectorMatching, fills: Fills, context: Turns) {
    this.#expr = expr;
    this.#matching = matching;
    this.#fills = fills;
    this.#context = context;
    this.#names = new Set(matching.labels);
    this.#matchingLabels = matchingLabels(matching);
  }

  /** The result of a group of one with one, in the columns of the first; undefined for any other. */
  single({ many, one }: MatchGroup): StepSeries | undefined {
    if (many.length !== 1 || one.length !== 1 || this.#isFilled) return undefined;
    const [left, right] = [many[0] as StepSeries, one[0] as StepSeries];
    const only = this.#prepare(left, right, true);
    this.#compute(left, right, only);
    return only;
  }

  /** The results of a group, which may be in the columns of the many side. */
  async group({ many, one }: MatchGroup): Promise<StepSeries[]> {
    const { many: manyFill, one: oneFill } = this.#fills;
    const results = new GroupResults(this.#matching.card === "one-to-one");
    // Where each series is computed with once, its columns have served their purpose.
    const reuse = one.length === 1 && !this.#isFilled;
    for (const manySeries of many)
      for (const oneSeries of one) await this.#addPair(results, manySeries, oneSeries, reuse);
    if (oneFill !== undefined && many.length > 0) {
      const missing = constantWhereAbsent(one, many, oneFill);
      for (const series of hasSamples(missing) ? many : [])
        await this.#addPair(results, series, this.#filling(missing, series));
    }
    if (manyFill !== undefined && one.length > 0) {
      const missing = constantWhereAbsent(many, one, manyFill);
      for (const series of hasSamples(missing) ? one : [])
        await this.#addPair(results, this.#filling(missing, series), series);
    }
    return results.list();
  }

  get #isFilled(): boolean {
    return this.#fills.many !== undefined || this.#fills.one !== undefined;
  }

  /** What stands in for the partner of a series has the labels by which they would match. */
  #filling(missing: StepSeries, { labels }: StepSeries): StepSeries {
    return { ...missing, labels: this.#matchingLabels(labels) };
  }

  /** Answers something to wait for where others are to get their turn. */
  #addPair(
    results: GroupResults,
    many: StepSeries,
    one: StepSeries,
    reuse = false,
  ): Promise<void> | undefined {
    const out = this.#prepare(many, one, reuse);
    // Whatever a comparison filters away later, matching twice is an error.
    results.claim(out);
    this.#compute(many, one, out);
    if (hasSamples(out)) results.add(out);
    return this.#context.tick(workOf(out)) ? this.#context.pause() : undefined;
  }

  /** The result with its labels, present where both sides are. */
  #prepare(many: StepSeries, one: StepSeries, reuse: boolean): StepSeries {
    const { op, bool } = this.#expr;
    const labels = this.#labels(many.labels, one.labels);
    const dropName = bool || (!changesMeaning(op) && many.dropName);
    const count = many.values.length;
    const out =
      reuse && many.histograms === undefined && one.histograms === undefined
        ? { labels, dropName, values: many.values, present: many.present }
        : emptySeries(labels, dropName, count);
    for (let i = 0; i < count; i++)
      out.present[i] = many.present[i] !== NONE && one.present[i] !== NONE ? FLOAT : NONE;
    return out;
  }

  #compute(many: Operand, one: Operand, out: StepSeries): void {
    // With `group_right` the left side is the "one": its value is what a comparison keeps.
    const [left, right] = this.#matching.card === "one-to-many" ? [one, many] : [many, one];
    applyOperator(this.#expr, { left, right, kept: left }, out, this.#context.annotations);
  }

  #labels(many: Labels, one: Labels): Labels {
    const { card, on, include } = this.#matching;
    let labels = many;
    if (changesMeaning(this.#expr.op)) labels = withoutMetadata(labels);
    if (card === "one-to-one")
      labels = on ? onlyLabels(labels, this.#names) : withoutLabels(labels, this.#names);
    for (const name of include) labels = withLabel(labels, name, labelValue(one, name));
    return labels;
  }
}

/** A series of one value at the steps at which none of `list` has a sample; as long as those of `others`. */
function constantWhereAbsent(
  list: readonly StepSeries[],
  others: readonly StepSeries[],
  value: number,
): StepSeries {
  const count = others[0]?.present.length;
  assert(count !== undefined, "there is something to fill for");
  const out = emptySeries([], false, count);
  out.values.fill(value);
  const there = presenceOf(list, count);
  for (let i = 0; i < count; i++) if (there[i] === 0) out.present[i] = FLOAT;
  return out;
}

/** The results of one group, and a watch on that nothing matches twice at a step. */
class GroupResults {
  readonly #oneToOne: boolean;
  /** By labels, 1 at the steps that have a result; for all labels together where one is matched with one. */
  readonly #claimed = new Map<string, Uint8Array>();
  readonly #results = new Map<string, StepSeries>();

  constructor(oneToOne: boolean) {
    this.#oneToOne = oneToOne;
  }

  /**
   * Says that there will be a result with these labels where `present` says so.
   *
   * @throws OperatingError `query.failed` where there is one already.
   */
  claim({ labels, present }: StepSeries): void {
    const claimed = this.#claimed.getOrInsertComputed(
      this.#oneToOne ? "" : labelsKey(labels),
      () => new Uint8Array(present.length),
    );
    for (let i = 0; i < present.length; i++) {
      if (present[i] === NONE) continue;
      if (claimed[i] === 1)
        throw new OperatingError(
          "query.failed",
          this.#oneToOne
            ? "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
            : "multiple matches for labels: grouping labels must ensure unique matches",
        );
      claimed[i] = 1;
    }
  }

  add(result: StepSeries): void {
    const key = (result.dropName ? "-" : "+") + labelsKey(result.labels);
    const known = this.#results.get(key);
    if (known === undefined) this.#results.set(key, result);
    else assert(mergeInto(known, result), "what was claimed once is there once");
  }

  list(): StepSeries[] {
    return [...this.#results.values()];
  }
}
