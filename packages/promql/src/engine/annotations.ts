import { quote } from "@pharos/base";
import type { Span } from "../syntax/ast.ts";
import { lineAndColumn } from "../syntax/syntax-error.ts";
import { formatG } from "./format-number.ts";

const MONOTONICITY =
  "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";

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

/**
 * What a query says besides its result, each thing once, in Prometheus's words, with its place in the text
 * (`line:column`). Without the text the place is left out.
 */
export class Annotations {
  readonly #text: string | undefined;
  readonly #warnings = new Set<string>();
  readonly #infos = new Set<string>();
  readonly #fixes = new Map<string, MonotonicityFix>();

  constructor(text: string | undefined) {
    this.#text = text;
  }

  get warnings(): string[] {
    return [...this.#warnings];
  }

  get infos(): string[] {
    const fixes = [...this.#fixes.values()].map(
      (fix) =>
        `${fix.message}, from buckets ${formatG(fix.boundMin)} to ${formatG(fix.boundMax)}, with a max diff of ${formatG(
          fix.differenceMax,
          2,
        )}, over ${fix.count} samples from ${rfc3339(fix.timeMsMin)} to ${rfc3339(fix.timeMsMax)}${this.#place(fix.span)}`,
    );
    return [...this.#infos, ...fixes];
  }

  /** The store left something out: an archive that cannot be reached, say. */
  incomplete(reason: string): void {
    this.#warnings.add(`the result may be incomplete: ${reason}`);
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

  possibleNonCounter(metricName: string, span: Span): void {
    this.#infos.add(
      `PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quote(metricName)}${this.#place(span)}`,
    );
  }

  /** One step at which bucket counts decreased; all of one histogram and place become one message. */
  forcedMonotonicity(
    metricName: string,
    span: Span,
    fix: { timeMs: number; boundMin: number; boundMax: number; difference: number },
  ): void {
    const message = MONOTONICITY + forMetric(metricName);
    const key = `${message}${span.start}`;
    const known = this.#fixes.get(key);
    if (known === undefined) {
      this.#fixes.set(key, {
        message,
        span,
        timeMsMin: fix.timeMs,
        timeMsMax: fix.timeMs,
        boundMin: fix.boundMin,
        boundMax: fix.boundMax,
        differenceMax: fix.difference,
        count: 1,
      });
      return;
    }
    known.timeMsMin = Math.min(known.timeMsMin, fix.timeMs);
    known.timeMsMax = Math.max(known.timeMsMax, fix.timeMs);
    known.boundMin = Math.min(known.boundMin, fix.boundMin);
    known.boundMax = Math.max(known.boundMax, fix.boundMax);
    known.differenceMax = Math.max(known.differenceMax, fix.difference);
    known.count++;
  }

  #warn(message: string, span: Span): void {
    this.#warnings.add(`PromQL warning: ${message}${this.#place(span)}`);
  }

  #place({ start }: Span): string {
    if (this.#text === undefined) return "";
    const { line, column } = lineAndColumn(this.#text, start);
    return ` (${line}:${column})`;
  }
}

function forMetric(name: string): string {
  return name === "" ? "" : ` for metric name ${quote(name)}`;
}

function rfc3339(timeMs: number): string {
  const date = new Date(Math.trunc(timeMs / 1000) * 1000);
  return Number.isNaN(date.getTime()) ? String(timeMs) : date.toISOString().replace(".000Z", "Z");
}
