import {
  compareLabels,
  compareUtf8,
  formatDuration,
  formatLabels,
  formatSampleValue,
  type Label,
  type Labels,
  labelsFrom,
  type NativeHistogram,
} from "@pharos/base";
import {
  almostEqualHistograms,
  formatHistogram,
  type NotedSeries,
} from "@pharos/testing/promqltest";
import type { AlertTest, ExprTest } from "./rule-test-file.ts";

/** What is wrong, at a time that counts from the test's start. */
export type RuleTestFailure =
  | {
      readonly kind: "alerts";
      readonly alertName: string;
      readonly atMs: number;
      readonly difference: Difference;
    }
  | {
      readonly kind: "samples";
      readonly expr: string;
      readonly atMs: number;
      readonly difference: Difference;
    }
  /** A rule, or an expression, could not be evaluated. */
  | {
      readonly kind: "rule";
      readonly rule: string;
      readonly atMs: number;
      readonly lastError: string;
    }
  | {
      readonly kind: "expr-error";
      readonly expr: string;
      readonly atMs: number;
      readonly lastError: string;
    };

/** A line for each alert or sample, sorted by labels. */
export interface Difference {
  readonly expected: readonly string[];
  readonly got: readonly string[];
}

export interface FiringAlert {
  readonly labels: Labels;
  readonly annotations: readonly Label[];
}

export interface GotSample {
  readonly labels: Labels;
  readonly value: number;
  readonly histogram: NativeHistogram | undefined;
}

/** Whether exactly the expected alerts are firing, with their labels and annotations. */
export function checkAlerts(
  { alertName, evalTimeMs, alerts }: AlertTest,
  firing: readonly FiringAlert[],
): readonly RuleTestFailure[] {
  const difference = { expected: alertLines(alerts), got: alertLines(firing) };
  if (sameLines(difference)) return [];
  return [{ kind: "alerts", alertName, atMs: evalTimeMs, difference }];
}

function alertLines(alerts: readonly FiringAlert[]): readonly string[] {
  return alerts
    .map(
      ({ labels, annotations }) =>
        `labels: ${formatLabels(labels)}, annotations: ${formatLabels(labelsFrom(annotations))}`,
    )
    .sort(compareUtf8);
}

function sameLines({ expected, got }: Difference): boolean {
  return expected.length === got.length && expected.every((line, at) => line === got[at]);
}

/** Whether an expression gave exactly the expected samples; `got` is sorted by labels. */
export function checkSamples(
  { expr, evalTimeMs, samples }: ExprTest,
  got: readonly GotSample[],
  fuzzyCompare: boolean,
): readonly RuleTestFailure[] {
  const expected = [...samples].sort((a, b) => compareLabels(a.labels, b.labels));
  const isSame =
    expected.length === got.length &&
    expected.every((sample, at) => isSampleAs(sample, got[at] as GotSample, fuzzyCompare));
  if (isSame) return [];
  const difference = { expected: expected.map(expectedLine), got: got.map(gotLine) };
  return [{ kind: "samples", expr, atMs: evalTimeMs, difference }];
}

function isSampleAs(
  { labels, points: [point] }: NotedSeries,
  got: GotSample,
  fuzzyCompare: boolean,
): boolean {
  if (compareLabels(labels, got.labels) !== 0) return false;
  if (point?.kind === "histogram")
    return got.histogram !== undefined && almostEqualHistograms(point, got.histogram);
  return (
    point?.kind === "value" &&
    got.histogram === undefined &&
    (Object.is(point.value, got.value) ||
      point.value === got.value ||
      (fuzzyCompare && areNeighbours(point.value, got.value)))
  );
}

const BITS = new BigInt64Array(1);
const FLOAT = new Float64Array(BITS.buffer);

/** Whether there is no other number between the two. */
function areNeighbours(a: number, b: number): boolean {
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  const distance = rankOf(a) - rankOf(b);
  return distance >= -1n && distance <= 1n;
}

/** The place of a number among all, in their order. */
function rankOf(value: number): bigint {
  FLOAT[0] = value;
  const bits = BITS[0] as bigint;
  return bits >= 0n ? bits : -(bits & 0x7fff_ffff_ffff_ffffn);
}

function expectedLine({ labels, points: [point] }: NotedSeries): string {
  const name = formatLabels(labels);
  if (point?.kind === "value") return `${name} ${formatSampleValue(point.value)}`;
  if (point?.kind === "histogram") return `${name} ${formatHistogram(point.histogram)}`;
  return `${name} nothing`;
}

function gotLine({ labels, value, histogram }: GotSample): string {
  const text = histogram === undefined ? formatSampleValue(value) : formatHistogram(histogram);
  return `${formatLabels(labels)} ${text}`;
}

/** For a terminal: a failure in lines, as `promtool` orders them. With `onlyDifferences` what is right is left out. */
export function failureLines(
  failure: RuleTestFailure,
  onlyDifferences: boolean,
): readonly string[] {
  const time = `time: ${formatDuration(failure.atMs)}`;
  switch (failure.kind) {
    case "rule":
      return [`rule: ${failure.rule}, ${time}, err: ${failure.lastError}`];
    case "expr-error":
      return [`expr: ${JSON.stringify(failure.expr)}, ${time}, err: ${failure.lastError}`];
    case "alerts":
      return [
        `alertname: ${failure.alertName}, ${time},`,
        ...differenceLines(failure.difference, onlyDifferences),
      ];
    case "samples":
      return [
        `expr: ${JSON.stringify(failure.expr)}, ${time},`,
        ...differenceLines(failure.difference, onlyDifferences),
      ];
  }
}

function differenceLines(
  { expected, got }: Difference,
  onlyDifferences: boolean,
): readonly string[] {
  if (!onlyDifferences) return [...listLines("exp", expected), ...listLines("got", got)];
  const missing = expected.filter((line) => !got.includes(line));
  const unexpected = got.filter((line) => !expected.includes(line));
  return [...missing.map((line) => `    -${line}`), ...unexpected.map((line) => `    +${line}`)];
}

function listLines(name: string, lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return [`    ${name}: nothing`];
  return [`    ${name}:`, ...lines.map((line) => `      ${line}`)];
}
