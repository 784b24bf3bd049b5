import { quote } from "@pharos/base";
import type { RollupTier } from "@pharos/ports";
import type { TierReason } from "../plan/tier-choice.ts";
import { describeTier } from "../plan/tier-words.ts";
import type { Span } from "../syntax/ast.ts";
import { lineAndColumn } from "../syntax/syntax-error.ts";
import { formatG } from "./format-number.ts";

const MONOTONICITY =
  "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";

/** How many different warnings (and infos) of a query are kept: a selector may match very many metric names. */
const MESSAGES_MAX = 10_000;

/** What a sample is, as messages name it. */
export type SampleType = "float" | "histogram";

interface MonotonicityFix {
  readonly message: string;
  readonly span: Span;
  timeMsMin: number;
  timeMsMax: number;
  boundMin: number;
  boundMax: number;
  differenceMax: number;
  count: number;
}

interface RollupPart {
  readonly tier: RollupTier;
  readonly reason: TierReason;
  readonly afterMs: number;
  readonly endMs: number;
}

/** Warnings and infos that stand for themselves, each with its place in a text. */
export interface Notes {
  readonly text: string | undefined;
  readonly warnings: ReadonlyMap<string, Span>;
  readonly infos: ReadonlyMap<string, Span>;
}

/** What computes with several histograms at once, as messages name it. */
export type HistogramOperation = "addition" | "subtraction" | "aggregation";

/**
 * What a query says besides its result, in Prometheus's words, with its place in the text (`line:column`). The same
 * message counts once, with the place it was last seen at. Without the text the place is left out. Of more than
 * `MESSAGES_MAX` the first are kept.
 */
export class Annotations {
  readonly #text: string | undefined;
  /** What the store left out: it has no place in the text. */
  readonly #incomplete = new Set<string>();
  /** What was read from rollups: the time, by tier and reason. */
  readonly #rollups = new Map<string, RollupPart>();
  readonly #warnings = new Map<string, Span>();
  readonly #infos = new Map<string, Span>();
  readonly #fixes = new Map<string, MonotonicityFix>();

  constructor(text: string | undefined) {
    this.#text = text;
  }

  get warnings(): string[] {
    const rollups = Array.from(this.#rollups.values(), ({ tier, reason, afterMs, endMs }) =>
      describeTier(tier, reason, afterMs, endMs),
    );
    return [...this.#incomplete, ...rollups, ...this.#placed("PromQL warning", this.#warnings)];
  }

  get infos(): string[] {
    const fixes = [...this.#fixes.values()].map(
      (fix) =>
        `${fix.message}, from buckets ${formatG(fix.boundMin)} to ${formatG(fix.boundMax)}, with a max diff of ${formatG(
          fix.differenceMax,
          2,
        )}, over ${fix.count} samples from ${rfc3339(fix.timeMsMin)} to ${rfc3339(fix.timeMsMax)}${this.#place(fix.span)}`,
    );
    return [...this.#placed("PromQL info", this.#infos), ...fixes];
  }

  /**
   * What is said, to be said again of the same result: undefined for nothing. Not all can be: see `isRepeatable`.
   */
  get notes(): Notes | undefined {
    if (this.#warnings.size === 0 && this.#infos.size === 0) return undefined;
    return { text: this.#text, warnings: new Map(this.#warnings), infos: new Map(this.#infos) };
  }

  /** Whether `notes` is all: nothing was left out, read from rollups, or counted over steps. */
  get isRepeatable(): boolean {
    return this.#incomplete.size === 0 && this.#rollups.size === 0 && this.#fixes.size === 0;
  }

  /** Says all that is said of another part of the result. */
  absorb(other: Annotations): void {
    for (const reason of other.#incomplete) this.#incomplete.add(reason);
    for (const { tier, reason, afterMs, endMs } of other.#rollups.values())
      this.readFromRollups(tier, reason, afterMs, endMs);
    this.repeat({ text: this.#text, warnings: other.#warnings, infos: other.#infos });
    for (const [message, fix] of other.#fixes) this.#fix(message, fix);
  }

  /** Says again what was said of a part of the result, by the same text. */
  repeat({ warnings, infos }: Notes): void {
    for (const [message, span] of warnings) this.#warn(message, span);
    for (const [message, span] of infos) this.#inform(message, span);
  }

  /** The store left something out: an archive that cannot be reached, say. */
  incomplete(reason: string): void {
    this.#incomplete.add(`the result may be incomplete: ${reason}`);
  }

  /** Some time of what a selector selects is answered from rollups. Times of several are put together. */
  readFromRollups(tier: RollupTier, reason: TierReason, afterMs: number, endMs: number): void {
    const known = this.#rollups.get(tier + reason) ?? { tier, reason, afterMs, endMs };
    this.#rollups.set(tier + reason, {
      ...known,
      afterMs: Math.min(known.afterMs, afterMs),
      endMs: Math.max(known.endMs, endMs),
    });
  }

  /** A tier was asked for that is not kept, of all the series of a selector. */
  tierMissing(tier: string): void {
    this.#incomplete.add(
      `there are no ${tier} rollups of all the series: answered from samples instead`,
    );
  }

  invalidQuantile(quantile: number, span: Span): void {
    this.#warn(`quantile value should be between 0 and 1, got ${formatG(quantile)}`, span);
  }

  invalidRatio(ratio: number, used: number, span: Span): void {
    this.#warn(
      `ratio value should be between -1 and 1, got ${formatG(ratio)}, capping to ${formatG(used)}`,
      span,
    );
  }

  badBucketLabel(metricName: string, le: string, span: Span): void {
    this.#warn(
      `bucket label "le" is missing or has a malformed value of ${quote(le)}${forMetric(metricName)}`,
      span,
    );
  }

  sortInRangeQuery(span: Span): void {
    this.#warn(
      "sort is ineffective for range queries since results are always ordered by labels",
      span,
    );
  }

  /** Floats and histograms in one window of a function that cannot take both. */
  mixedFloatsAndHistograms(metricName: string, span: Span): void {
    this.#warn(
      `encountered a mix of histograms and floats for metric name ${quote(metricName)}`,
      span,
    );
  }

  /** Floats and histograms in one group of an aggregation, which has no result for that. */
  mixedAggregation(span: Span): void {
    this.#warn("encountered a mix of histograms and floats for aggregation", span);
  }

  /** A native histogram, and buckets of a classic one with the same labels, at the same step. */
  mixedClassicAndNative(metricName: string, span: Span): void {
    this.#warn(
      `vector contains a mix of classic and native histograms${forMetric(metricName)}`,
      span,
    );
  }

  /** Histograms that cannot be added up: some have custom bounds, some exponential ones. */
  mixedSchemas(metricName: string, span: Span): void {
    this.#warn(
      `vector contains a mix of histograms with exponential and custom buckets schemas for metric name ${quote(metricName)}`,
      span,
    );
  }

  incompatibleBucketLayout(operator: string, span: Span): void {
    this.#warn(`incompatible bucket layout encountered for binary operator ${operator}`, span);
  }

  histogramNotCounter(metricName: string, span: Span): void {
    this.#warn(`this native histogram metric is not a counter: ${quote(metricName)}`, span);
  }

  histogramNotGauge(metricName: string, span: Span): void {
    this.#warn(`this native histogram metric is not a gauge: ${quote(metricName)}`, span);
  }

  /** One histogram says that there was a counter reset, another that there was none. */
  counterResetCollision(operation: HistogramOperation, span: Span): void {
    this.#warn(`conflicting counter resets during histogram ${operation}`, span);
  }

  overlappingStartTime(metricName: string, span: Span): void {
    this.#warn(
      `sample has start time that overlaps with previous sample timestamp for metric ${quote(metricName)}`,
      span,
    );
  }

  possibleNonCounter(metricName: string, span: Span): void {
    this.#inform(
      `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quote(metricName)}`,
      span,
    );
  }

  /** As `possibleNonCounter`, for a series that says by a label what it is. */
  nonCounterType(metricName: string, type: string, span: Span): void {
    this.#inform(
      `metric might not be a counter, __type__ label is not set to "counter" or "histogram", got ${quote(type)}: ${quote(metricName)}`,
      span,
    );
  }

  /** A binary operator that is not defined for a float and a histogram, or two of a kind: there is no result. */
  incompatibleTypes(left: SampleType, operator: string, right: SampleType, span: Span): void {
    this.#inform(
      `incompatible sample types encountered for binary operator ${quote(operator)}: ${left} ${operator} ${right}`,
      span,
    );
  }

  histogramIgnored(aggregation: string, span: Span): void {
    this.#inform(`ignored histogram in ${aggregation} aggregation`, span);
  }

  histogramIgnoredInRange(metricName: string, span: Span): void {
    this.#inform(
      `ignored histograms in a range containing both floats and histograms for metric name ${quote(metricName)}`,
      span,
    );
  }

  /** histogram_quantile: the quantile is among observations that are NaN, which no bucket holds. */
  quantileIsNaN(metricName: string, span: Span): void {
    this.#inform(
      `input to histogram_quantile has NaN observations, result is NaN${forMetric(metricName)}`,
      span,
    );
  }

  quantileIsSkewed(metricName: string, span: Span): void {
    this.#inform(
      `input to histogram_quantile has NaN observations, result is skewed higher${forMetric(metricName)}`,
      span,
    );
  }

  fractionWithoutNaN(metricName: string, span: Span): void {
    this.#inform(
      `input to histogram_fraction has NaN observations, which are excluded from all fractions${forMetric(metricName)}`,
      span,
    );
  }

  /** Histograms whose custom bounds differ were computed with on the bounds that they share. */
  customBoundsReconciled(operation: HistogramOperation, span: Span): void {
    this.#inform(`mismatched custom buckets were reconciled during ${operation}`, span);
  }

  /** One step at which bucket counts decreased; all of one metric become one message. */
  forcedMonotonicity(
    metricName: string,
    span: Span,
    fix: { timeMs: number; boundMin: number; boundMax: number; difference: number },
  ): void {
    const message = MONOTONICITY + forMetric(metricName);
    const { timeMs, boundMin, boundMax, difference } = fix;
    const times = { timeMsMin: timeMs, timeMsMax: timeMs };
    this.#fix(message, {
      ...{ message, span, ...times, boundMin, boundMax, differenceMax: difference, count: 1 },
    });
  }

  #fix(message: string, fix: Readonly<MonotonicityFix>): void {
    const known = this.#fixes.get(message);
    if (known === undefined) {
      if (this.#fixes.size < MESSAGES_MAX) this.#fixes.set(message, { ...fix });
      return;
    }
    known.timeMsMin = Math.min(known.timeMsMin, fix.timeMsMin);
    known.timeMsMax = Math.max(known.timeMsMax, fix.timeMsMax);
    known.boundMin = Math.min(known.boundMin, fix.boundMin);
    known.boundMax = Math.max(known.boundMax, fix.boundMax);
    known.differenceMax = Math.max(known.differenceMax, fix.differenceMax);
    known.count += fix.count;
  }

  #warn(message: string, span: Span): void {
    note(this.#warnings, message, span);
  }

  #inform(message: string, span: Span): void {
    note(this.#infos, message, span);
  }

  #placed(kind: string, messages: ReadonlyMap<string, Span>): string[] {
    return Array.from(messages, ([message, span]) => `${kind}: ${message}${this.#place(span)}`);
  }

  #place({ start }: Span): string {
    if (this.#text === undefined) return "";
    const { line, column } = lineAndColumn(this.#text, start);
    return ` (${line}:${column})`;
  }
}

function note(messages: Map<string, Span>, message: string, span: Span): void {
  if (messages.size < MESSAGES_MAX || messages.has(message)) messages.set(message, span);
}

function forMetric(name: string): string {
  return name === "" ? "" : ` for metric name ${quote(name)}`;
}

function rfc3339(timeMs: number): string {
  const date = new Date(Math.trunc(timeMs / 1000) * 1000);
  return Number.isNaN(date.getTime()) ? String(timeMs) : date.toISOString().replace(".000Z", "Z");
}
