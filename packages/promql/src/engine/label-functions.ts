import {
  compareLabels,
  compileRegex,
  labelValue,
  METRIC_NAME,
  OperatingError,
  type Regex,
  withLabel,
} from "@pharos/base";
import {
  finalLabels,
  hasSamples,
  mergeSameLabels,
  onlyFloats,
  type StepSeries,
} from "./step-series.ts";
import { type Breaks, filterInTurns, mapInTurns, sortInTurns } from "./turns.ts";

/**
 * label_replace: sets `target` to `replacement`, with `$1` and the like from matching `pattern` against the whole of
 * `source`; series that do not match stay as they are.
 *
 * @throws OperatingError `query.failed` for a bad pattern or label name, or where series become the same.
 */
export async function replaceLabel(
  list: readonly StepSeries[],
  {
    target,
    replacement,
    source,
    pattern,
  }: { target: string; replacement: string; source: string; pattern: string },
  context: Breaks,
): Promise<StepSeries[]> {
  const regex = patternOf(pattern);
  if (!isLabelName(target)) throw invalidLabelName("destination", "label_replace", target);
  const replaced = await mapInTurns(list, context, (series) => {
    const value = regex.expand(labelValue(series.labels, source), replacement);
    return value === undefined ? series : relabelled(series, target, value);
  });
  return mergeSameLabels(replaced, context);
}

/** label_join: sets `target` to the values of `sources` with `separator` between them. */
export async function joinLabels(
  list: readonly StepSeries[],
  { target, separator, sources }: { target: string; separator: string; sources: readonly string[] },
  context: Breaks,
): Promise<StepSeries[]> {
  for (const source of sources)
    if (!isLabelName(source)) throw invalidLabelName("source", "label_join", source);
  if (!isLabelName(target)) throw invalidLabelName("destination", "label_join", target);
  const joined = await mapInTurns(list, context, (series) => {
    const value = sources.map((name) => labelValue(series.labels, name)).join(separator);
    return relabelled(series, target, value);
  });
  return mergeSameLabels(joined, context);
}

/** A metric name that was set on purpose stays. */
function relabelled(series: StepSeries, target: string, value: string): StepSeries {
  return {
    ...series,
    labels: withLabel(series.labels, target, value),
    dropName: target === METRIC_NAME ? false : series.dropName,
  };
}

function patternOf(pattern: string): Regex {
  try {
    return compileRegex(pattern);
  } catch (cause) {
    throw new OperatingError(
      "query.failed",
      `invalid regular expression in label_replace(): ${pattern}`,
      { cause },
    );
  }
}

/** Any text but none; bytes that are no UTF-8 have become U+FFFD when the query was read. */
export function isLabelName(name: string): boolean {
  return name !== "" && !name.includes("\ufffd");
}

function invalidLabelName(role: string, func: string, name: string): OperatingError {
  return new OperatingError("query.failed", `invalid ${role} label name in ${func}(): ${name}`);
}

/** Floats only, by value at the first step, NaN last either way. */
export async function sortByValue(
  list: readonly StepSeries[],
  descending: boolean,
  context: Breaks,
): Promise<StepSeries[]> {
  const floats = await filterInTurns(list, context, (series) => hasSamples(onlyFloats(series)));
  return sortInTurns(floats, context, (a, b) => {
    const x = a.values[0] as number;
    const y = b.values[0] as number;
    if (Number.isNaN(x) || Number.isNaN(y))
      return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return descending ? y - x || 0 : x - y || 0;
  });
}

/** By the values of labels in turn, numbers in them by size; then by all labels. */
export async function sortByLabels(
  list: readonly StepSeries[],
  names: readonly string[],
  descending: boolean,
  context: Breaks,
): Promise<StepSeries[]> {
  const sign = descending ? -1 : 1;
  const keyed = await mapInTurns(list, context, (series) => ({
    series,
    labels: finalLabels(series),
    keys: names.map((name) => naturalKey(labelValue(series.labels, name))),
  }));
  const sorted = await sortInTurns(keyed, context, (a, b) => {
    for (const [i, x] of a.keys.entries()) {
      const y = b.keys[i] as NaturalKey;
      if (x.text !== y.text) return sign * (naturallyBefore(x, y) ? -1 : 1);
    }
    return sign * compareLabels(a.labels, b.labels);
  });
  return sorted.map(({ series }) => series);
}

/** A text cut into runs of digits, as numbers, and what is between them. */
interface NaturalKey {
  readonly text: string;
  readonly chunks: readonly (number | string)[];
}

function naturalKey(text: string): NaturalKey {
  const chunks = text.match(/\d+|\D+/g) ?? [];
  return { text, chunks: chunks.map((chunk) => (/^\d/.test(chunk) ? Number(chunk) : chunk)) };
}

/** Whether `a` comes before a different `b` when runs of digits compare as numbers: `node2` before `node10`. */
function naturallyBefore(a: NaturalKey, b: NaturalKey): boolean {
  for (const [i, x] of a.chunks.entries()) {
    const y = b.chunks[i];
    if (y === undefined) return false;
    if (x === y) continue;
    return typeof x === typeof y ? x < y : String(x) < String(y);
  }
  return a.chunks.length <= b.chunks.length;
}
