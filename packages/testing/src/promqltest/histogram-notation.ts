import {
  type BucketSpan,
  type CounterReset,
  CUSTOM_BOUNDS_SCHEMA,
  exponentialBound,
  formatValue,
  type NativeHistogram,
} from "@pharos/base";
import { parseNumber } from "./number-notation.ts";

/** A native histogram as scripts write it. */
export interface NotedHistogram {
  readonly histogram: NativeHistogram;
  /** Whether `counter_reset_hint` was written: only then it is compared. */
  readonly hasCounterReset: boolean;
}

const NUMBER_KEYS = ["schema", "sum", "count", "z_bucket", "z_bucket_w", "offset", "n_offset"];
const LIST_KEYS = ["buckets", "n_buckets", "custom_values"];
const HINTS: Readonly<Record<string, CounterReset>> = {
  unknown: "unknown",
  reset: "reset",
  not_reset: "none",
  gauge: "gauge",
};
const PART = /\s*([a-z_]+)\s*:\s*(?:\[([^\]]*)\]|([^\s[\]]+))\s*/y;

/**
 * Reads `{{schema:1 sum:3 count:22 z_bucket:1 z_bucket_w:0.001 buckets:[1 2] offset:0 n_buckets:[3] n_offset:1
 * custom_values:[5 10] counter_reset_hint:gauge}}`; what is not there is 0, none, or unknown. Counts are floats.
 *
 * @throws Error that says what is wrong.
 */
export function parseHistogram(text: string): NotedHistogram {
  const parts = readParts(text.slice(2, -2));
  const number = (key: string): number => {
    const value = parts.get(key);
    return typeof value === "string" ? (parseNumber(value) ?? Number.NaN) : 0;
  };
  const list = (key: string): readonly number[] => (parts.get(key) as number[] | undefined) ?? [];
  const hint = parts.get("counter_reset_hint");
  const histogram: NativeHistogram = {
    schema: number("schema"),
    isInteger: false,
    counterReset: typeof hint === "string" ? (HINTS[hint] as CounterReset) : "unknown",
    stale: false,
    zeroThreshold: number("z_bucket_w"),
    zeroCount: number("z_bucket"),
    count: number("count"),
    sum: number("sum"),
    positiveSpans: spansAt(number("offset"), list("buckets")),
    negativeSpans: spansAt(number("n_offset"), list("n_buckets")),
    positiveCounts: list("buckets"),
    negativeCounts: list("n_buckets"),
    customBounds: list("custom_values"),
  };
  return { histogram, hasCounterReset: hint !== undefined };
}

function readParts(text: string): ReadonlyMap<string, string | readonly number[]> {
  const parts = new Map<string, string | readonly number[]>();
  PART.lastIndex = 0;
  while (PART.lastIndex < text.trimEnd().length) {
    const at = PART.lastIndex;
    const match = PART.exec(text);
    if (match === null) throw new Error(`expected key:value, found ${text.slice(at).trim()}`);
    const [, key = "", list, value = ""] = match;
    if (parts.has(key)) throw new Error(`the key ${key} twice`);
    parts.set(key, list === undefined ? checkedValue(key, value) : numbersOf(key, list));
  }
  return parts;
}

function checkedValue(key: string, value: string): string {
  if (key === "counter_reset_hint") {
    if (!Object.hasOwn(HINTS, value))
      throw new Error(`expected ${Object.keys(HINTS).join(", ")}, found ${value}`);
  } else if (!NUMBER_KEYS.includes(key) || parseNumber(value) === undefined)
    throw new Error(`${key}:${value} is not a part of a histogram`);
  return value;
}

function numbersOf(key: string, list: string): readonly number[] {
  if (!LIST_KEYS.includes(key)) throw new Error(`${key} is not a list`);
  return list
    .trim()
    .split(/\s+/)
    .filter((text) => text !== "")
    .map((text) => {
      const value = parseNumber(text);
      if (value === undefined) throw new Error(`${text} is not a number`);
      return value;
    });
}

function spansAt(offset: number, counts: readonly number[]): readonly BucketSpan[] {
  return counts.length === 0 ? [] : [{ offset, length: counts.length }];
}

/** A histogram and the one that is added to it (`sign` 1) or taken away (-1), as in `{{…}}+{{…}}x5`. */
export function stepHistogram(
  { histogram, hasCounterReset }: NotedHistogram,
  step: NotedHistogram,
  sign: 1 | -1,
): NotedHistogram {
  const other = step.histogram;
  const hasSameBounds =
    histogram.customBounds.length === other.customBounds.length &&
    histogram.customBounds.every((bound, i) => bound === other.customBounds[i]) &&
    (histogram.schema === CUSTOM_BOUNDS_SCHEMA) === (other.schema === CUSTOM_BOUNDS_SCHEMA);
  if (!hasSameBounds || histogram.schema > other.schema)
    throw new Error("a step must have the same custom bounds, and no smaller schema");
  const zeroThreshold = Math.max(histogram.zeroThreshold, other.zeroThreshold);
  const base = widened(histogram, zeroThreshold);
  const added = widened(other, zeroThreshold);
  const merged = 2 ** (other.schema - histogram.schema);
  for (const side of ["positive", "negative"] as const)
    for (const [index, count] of added[side]) {
      const at = merged === 1 ? index : Math.floor((index - 1) / merged) + 1;
      base[side].set(at, (base[side].get(at) ?? 0) + sign * count);
    }
  const isGauge = [histogram, other].some(({ counterReset }) => counterReset === "gauge");
  return {
    hasCounterReset: hasCounterReset || step.hasCounterReset,
    histogram: {
      ...histogram,
      counterReset: isGauge
        ? "gauge"
        : histogram.counterReset === other.counterReset
          ? histogram.counterReset
          : "unknown",
      zeroThreshold,
      zeroCount: base.zeroCount + sign * added.zeroCount,
      count: histogram.count + sign * other.count,
      sum: histogram.sum + sign * other.sum,
      ...packed("positive", base.positive),
      ...packed("negative", base.negative),
    },
  };
}

/** The counts of a histogram with a wider zero bucket, which takes the buckets that begin inside it. */
function widened(
  histogram: NativeHistogram,
  zeroThreshold: number,
): { zeroCount: number; positive: Map<number, number>; negative: Map<number, number> } {
  const { schema, positiveSpans, positiveCounts, negativeSpans, negativeCounts } = histogram;
  const sides = {
    positive: countsByIndex(positiveSpans, positiveCounts),
    negative: countsByIndex(negativeSpans, negativeCounts),
  };
  let { zeroCount } = histogram;
  if (zeroThreshold > histogram.zeroThreshold)
    for (const side of [sides.positive, sides.negative])
      for (const [index, count] of side) {
        if (exponentialBound(schema, index - 1) >= zeroThreshold) break;
        if (count !== 0 && exponentialBound(schema, index) > zeroThreshold)
          throw new Error("a step's zero bucket must end where a bucket ends");
        zeroCount += count;
        side.delete(index);
      }
  return { zeroCount, ...sides };
}

/** The count of each bucket by its index. */
export function countsByIndex(
  spans: readonly BucketSpan[],
  counts: readonly number[],
): Map<number, number> {
  const byIndex = new Map<number, number>();
  let index = 0;
  let at = 0;
  for (const { offset, length } of spans) {
    index += offset;
    for (let i = 0; i < length; i++) byIndex.set(index++, counts[at++] as number);
  }
  return byIndex;
}

function packed(
  sign: "positive" | "negative",
  byIndex: ReadonlyMap<number, number>,
): Partial<NativeHistogram> {
  const entries = [...byIndex].sort(([a], [b]) => a - b);
  const spans: { offset: number; length: number }[] = [];
  let end = 0;
  for (const [index] of entries) {
    const last = spans.at(-1);
    if (last !== undefined && index === end) last.length++;
    else spans.push({ offset: index - end, length: 1 });
    end = index + 1;
  }
  const counts = entries.map(([, count]) => count);
  return sign === "positive"
    ? { positiveSpans: spans, positiveCounts: counts }
    : { negativeSpans: spans, negativeCounts: counts };
}

/** A histogram as scripts write it, without its empty buckets at both ends. */
export function formatHistogram(histogram: NativeHistogram): string {
  const { schema, count, sum, zeroCount, zeroThreshold, customBounds, counterReset } = histogram;
  const parts: string[] = [];
  for (const [key, value] of Object.entries({
    schema,
    count,
    sum,
    z_bucket: zeroCount,
    z_bucket_w: zeroThreshold,
  }))
    if (value !== 0) parts.push(`${key}:${formatValue(value)}`);
  if (schema === CUSTOM_BOUNDS_SCHEMA)
    parts.push(`custom_values:[${customBounds.map(formatValue).join(" ")}]`);
  const hint = Object.entries(HINTS).find(([, reset]) => reset === counterReset)?.[0];
  if (counterReset !== "unknown") parts.push(`counter_reset_hint:${hint}`);
  parts.push(
    ...formatSide("", histogram.positiveSpans, histogram.positiveCounts),
    ...formatSide("n_", histogram.negativeSpans, histogram.negativeCounts),
  );
  return `{{${parts.join(" ")}}}`;
}

/** Buckets between the first and the last that one line of a report shows. */
const SHOWN_MAX = 200;

function formatSide(
  prefix: string,
  spans: readonly BucketSpan[],
  counts: readonly number[],
): string[] {
  const filled = [...countsByIndex(spans, counts)].filter(([, count]) => count !== 0);
  const [first, last] = [filled[0]?.[0], filled.at(-1)?.[0]];
  if (first === undefined || last === undefined) return [];
  const byIndex = new Map(filled);
  const shown: string[] = [];
  for (let index = first; index <= last && shown.length < SHOWN_MAX; index++)
    shown.push(formatValue(byIndex.get(index) ?? 0));
  if (last - first >= SHOWN_MAX) shown.push("…");
  const offset = first === 0 ? [] : [`${prefix}offset:${first}`];
  return [...offset, `${prefix}buckets:[${shown.join(" ")}]`];
}
