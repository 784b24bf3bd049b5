import {
  createMatcher,
  type Labels,
  labelsKey,
  labelValue,
  type Matcher,
  METRIC_NAME,
  matchesValue,
  OperatingError,
  onlyLabels,
  withLabel,
} from "@pharos/base";
import type { Call, VectorSelector } from "../syntax/ast.ts";
import { argument } from "./call-arguments.ts";
import type { Evaluator } from "./evaluator.ts";
import { unwrapParens } from "./expr-properties.ts";
import { formatLabelSet } from "./format-number.ts";
import { referenceOf } from "./info-reference.ts";
import { addPresence } from "./instant-functions.ts";
import type { QueryContext } from "./query-context.ts";
import { collectSelector, streamSelector } from "./selector.ts";
import { type Grid, HISTOGRAM, mergeSameLabels, NONE, type StepSeries } from "./step-series.ts";

/** The info metric that is meant where none is named. */
const TARGET_INFO = "target_info";
/** The labels that say which info series belongs to a series. */
const IDENTIFYING_LABELS = new Set(["instance", "job"]);
/**
 * How many different values of an identifying label are asked for by name. Beyond that all info series are read: they
 * are few, beside the series that they describe, and a pattern of that many names costs more than it saves.
 */
const IDENTITIES_MAX = 500;

/** What the second argument of `info` says. */
interface InfoSelection {
  /** On the names of info metrics. */
  readonly names: readonly Matcher[];
  /** On the labels to add, by name; if there are any, only these labels are added. */
  readonly data: ReadonlyMap<string, readonly Matcher[]>;
}

/**
 * info: adds to each series the labels of the info series with the same `instance` and `job`, as they are at each step.
 * A series without one stays as it is, unless a label is asked for that must not be empty. Of several info series of
 * one metric the one with the newest sample counts.
 *
 * @throws OperatingError `query.failed` where info series contradict each other or are no floats.
 */
export async function evaluateInfo(
  call: Call,
  grid: Grid,
  evaluator: Evaluator,
): Promise<StepSeries[]> {
  const list = await evaluator.vector(argument(call, 0), grid);
  const selection = selectionOf(call);
  // An info series is not described by others of its kind, nor by itself.
  const { names } = selection;
  const isInfo = ({ labels }: StepSeries): boolean =>
    names.every((one) => matchesValue(one, labelValue(labels, METRIC_NAME)));
  const [described, others] = [list.filter((series) => !isInfo(series)), list.filter(isInfo)];
  const matchers = infoMatchers(described, selection);
  const infos =
    matchers === undefined
      ? new Map()
      : await readInfos(call, matchers, presenceOf(list, grid), grid, evaluator.context);
  const needsInfo = [...selection.data.values()].some((list) =>
    list.some((one) => !matchesValue(one, "")),
  );
  const results = [...others];
  const { context } = evaluator;
  for (const series of described) {
    results.push(...describe(series, infos.get(identityOf(series.labels)), selection, needsInfo));
    if (context.tick()) await context.pause();
  }
  return mergeSameLabels(results, context);
}

function selectionOf(call: Call): InfoSelection {
  const selector = call.args[1] === undefined ? undefined : unwrapParens(call.args[1]);
  const names: Matcher[] = [];
  const data = new Map<string, Matcher[]>();
  for (const matcher of selector?.kind === "vector" ? selector.matchers : [])
    if (matcher.name === METRIC_NAME) names.push(matcher);
    else data.getOrInsertComputed(matcher.name, () => []).push(matcher);
  return { names: infoNames(names), data };
}

/** Which metrics are info metrics: where it is only said which are not, those whose names end as such names do. */
function infoNames(names: readonly Matcher[]): readonly Matcher[] {
  if (names.length === 0) return [createMatcher("=", METRIC_NAME, TARGET_INFO)];
  if (names.some(({ type }) => type === "=" || type === "=~")) return names;
  return [createMatcher("=~", METRIC_NAME, ".+_info"), ...names];
}

/** What finds the info series that may belong to the series; undefined if none can. */
function infoMatchers(
  list: readonly StepSeries[],
  { names, data }: InfoSelection,
): Matcher[] | undefined {
  const matchers: Matcher[] = [];
  for (const name of IDENTIFYING_LABELS) {
    const values = new Set(list.map(({ labels }) => labelValue(labels, name)));
    values.delete("");
    if (values.size === 0) continue;
    const [value = ""] = values;
    if (values.size === 1) matchers.push(createMatcher("=", name, value));
    else if (values.size > IDENTITIES_MAX) matchers.push(createMatcher("!=", name, ""));
    else matchers.push(createMatcher("=~", name, [...values].map(escapePattern).join("|")));
  }
  if (matchers.length === 0) return undefined;
  return [...matchers, ...[...data.values()].flat(), ...names];
}

function escapePattern(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
}

/** 1 at the steps at which any of the series has a sample. */
function presenceOf(list: readonly StepSeries[], grid: Grid): Uint8Array {
  const there = new Uint8Array(grid.count);
  addPresence(there, list);
  return there;
}

function identityOf(labels: Labels): string {
  return labelsKey(onlyLabels(labels, IDENTIFYING_LABELS));
}

/**
 * The info series of one identity: at each step the number of a set of those that count there, one a metric. 0 is the
 * empty set.
 */
interface InfoSteps {
  readonly sets: (readonly Labels[])[];
  readonly setAt: Uint32Array;
}

/** The info series by identity, as of the time that the first argument looks at; only those at `steps` are looked at. */
async function readInfos(
  call: Call,
  matchers: readonly Matcher[],
  steps: Uint8Array,
  grid: Grid,
  context: QueryContext,
): Promise<Map<string, InfoSteps>> {
  const described = argument(call, 0);
  const selector: VectorSelector = {
    kind: "vector",
    span: call.span,
    metricName: undefined,
    matchers,
    ...referenceOf(described, context),
  };
  await streamSelector(selector, grid, context, "value", ({ labels, present }) => {
    if (present.includes(HISTOGRAM))
      throw new OperatingError(
        "query.failed",
        `this should be an info metric, with float samples: ${formatLabelSet(labels)}`,
      );
  });
  const byIdentity = new Map<string, StepSeries[]>();
  for (const series of await collectSelector(selector, grid, context, "timestamp"))
    byIdentity.getOrInsertComputed(identityOf(series.labels), () => []).push(series);
  return new Map(Array.from(byIdentity, ([identity, list]) => [identity, newestOf(list, steps)]));
}

/** `list` are series of one identity with the times of their samples as values. */
function newestOf(list: readonly StepSeries[], steps: Uint8Array): InfoSteps {
  const byName = Map.groupBy(list.keys(), (at) =>
    labelValue((list[at] as StepSeries).labels, METRIC_NAME),
  );
  const sets: (readonly Labels[])[] = [[]];
  const setAt = new Uint32Array(steps.length);
  const numbers = new Map<string, number>([["", 0]]);
  for (let step = 0; step < steps.length; step++) {
    if (steps[step] === 0) continue;
    const chosen: number[] = [];
    for (const candidates of byName.values()) {
      const newest = newestAt(list, candidates, step);
      if (newest >= 0) chosen.push(newest);
    }
    setAt[step] = numbers.getOrInsertComputed(chosen.join(), () => {
      sets.push(chosen.map((at) => (list[at] as StepSeries).labels));
      return sets.length - 1;
    });
  }
  return { sets, setAt };
}

/** Which of the candidates has the newest sample at a step; -1 if none has one. */
function newestAt(
  list: readonly StepSeries[],
  candidates: readonly number[],
  step: number,
): number {
  let newest = -1;
  for (const at of candidates) {
    const series = list[at] as StepSeries;
    if (series.present[step] === NONE) continue;
    const best = list[newest];
    const seconds = series.values[step] as number;
    const bestSeconds = best?.values[step] ?? Number.NEGATIVE_INFINITY;
    if (best !== undefined && seconds === bestSeconds) throw duplicateInfo(best, series, seconds);
    if (seconds > bestSeconds) newest = at;
  }
  return newest;
}

function duplicateInfo(a: StepSeries, b: StepSeries, seconds: number): OperatingError {
  const timeMs = Math.round(seconds * 1000);
  return new OperatingError(
    "query.failed",
    `found duplicate series for info metric: existing ${formatLabelSet(a.labels)} @ ${timeMs}, new ${formatLabelSet(b.labels)} @ ${timeMs}`,
  );
}

/** The series with the labels that belong to it: one for each set of info series that it has over time. */
function describe(
  series: StepSeries,
  infos: InfoSteps | undefined,
  { data }: InfoSelection,
  needsInfo: boolean,
): StepSeries[] {
  if (infos === undefined) return needsInfo ? [] : [series];
  const { sets, setAt } = infos;
  const used = new Set<number>();
  for (let i = 0; i < setAt.length; i++)
    if (series.present[i] !== NONE) used.add(setAt[i] as number);
  const labelsWith = (set: number): Labels =>
    withInfo(series.labels, sets[set] as readonly Labels[], data);
  const isOne = used.size === 1;
  if (needsInfo) used.delete(0);
  return Array.from(used, (set) => {
    const labels = labelsWith(set);
    // Mostly there is one set all the time.
    if (isOne) return { ...series, labels };
    return {
      ...series,
      labels,
      values: series.values.slice(),
      present: series.present.map((there, i) => (setAt[i] === set ? there : NONE)),
      histograms: series.histograms?.slice(),
    };
  });
}

function withInfo(labels: Labels, infos: readonly Labels[], data: InfoSelection["data"]): Labels {
  const added = new Map<string, string>();
  for (const [name, value] of infos.flat()) {
    if (name === METRIC_NAME || (data.size > 0 && !data.has(name))) continue;
    const before = added.get(name);
    if (before !== undefined && before !== value)
      throw new OperatingError("query.failed", `conflicting label: ${name}`);
    if (labelValue(labels, name) === "") added.set(name, value);
  }
  let described = labels;
  for (const [name, value] of added) described = withLabel(described, name, value);
  return described;
}
