import {
  compareLabels,
  compileRegex,
  labelValue,
  METRIC_NAME,
  OperatingError,
  type Regex,
  withLabel,
} from "@pharos/base";
import type { QueryContext } from "./query-context.ts";
import {
  finalLabels,
  hasSamples,
  mergeSameLabels,
  onlyFloats,
  type StepSeries,
} from "./step-series.ts";
import { type Breaks, filterInTurns, mapInTurns, sortInTurns } from "./turns.ts";

/** How long a label value may be that a query makes, in UTF-16 units: nested calls can double it each time. */
export const LABEL_VALUE_LENGTH_MAX = 64 * 1024;
/** Bytes of a UTF-16 unit. */
const UNIT_SIZE = 2;

/** Notes what labels take, beside giving others their turn. */
type Labelling = Breaks & Pick<QueryContext, "reserve">;

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
  context: Labelling,
): Promise<StepSeries[]> {
  const regex = patternOf(pattern);
  if (!isLabelName(target)) throw invalidLabelName("destination", "label_replace", target);
  const replaced = await mapInTurns(list, context, (series) => {
    const value = expand(regex, labelValue(series.labels, source), replacement);
    return value === undefined ? series : relabelled(series, target, value, context);
  });
  return mergeSameLabels(replaced, context);
}

/** label_join: sets `target` to the values of `sources` with `separator` between them. */
export async function joinLabels(
  list: readonly StepSeries[],
  { target, separator, sources }: { target: string; separator: string; sources: readonly string[] },
  context: Labelling,
): Promise<StepSeries[]> {
  for (const source of sources)
    if (!isLabelName(source)) throw invalidLabelName("source", "label_join", source);
  if (!isLabelName(target)) throw invalidLabelName("destination", "label_join", target);
  const joined = await mapInTurns(list, context, (series) => {
    const values = sources.map((name) => labelValue(series.labels, name));
    const separators = separator.length * Math.max(0, values.length - 1);
    if (
      values.reduce((length, value) => length + value.length, separators) > LABEL_VALUE_LENGTH_MAX
    )
      throw tooLong("label_join");
    return relabelled(series, target, values.join(separator), context);
  });
  return mergeSameLabels(joined, context);
}

/** A metric name that was set on purpose stays. What labels take is given back when the query ends. */
function relabelled(
  series: StepSeries,
  target: string,
  value: string,
  context: Labelling,
): StepSeries {
  context.reserve(value.length * UNIT_SIZE);
  return {
    ...series,
    labels: withLabel(series.labels, target, value),
    dropName: target === METRIC_NAME ? false : series.dropName,
  };
}

function expand(regex: Regex, text: string, replacement: string): string | undefined {
  let value: string | undefined;
  try {
    value = regex.expand(text, replacement, LABEL_VALUE_LENGTH_MAX);
  } catch (cause) {
    if (cause instanceof OperatingError) throw tooLong("label_replace", cause);
    throw cause;
  }
  if (value !== undefined && value.length > LABEL_VALUE_LENGTH_MAX) throw tooLong("label_replace");
  return value;
}

function tooLong(func: string, cause?: Error): OperatingError {
  return new OperatingError(
    "query.failed",
    `${func}() makes a label value of more than ${LABEL_VALUE_LENGTH_MAX} characters`,
    { cause },
  );
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
