import { dirname, isAbsolute, join } from "node:path";
import type { RuleGroup } from "@pharos/alert";
import { errorText, type Labels, labelsFrom } from "@pharos/base";
import { parse } from "@pharos/promql/syntax";
import { type NotedSeries, parseSeriesLine } from "@pharos/testing/promqltest";
import { z } from "zod";
import { ConfigError } from "../config/diagnostics.ts";
import { duration, labelMap, positiveDuration } from "../config/field-schemas.ts";
import type { ConfigEnvironment } from "../config/load-config.ts";
import { readYaml } from "../config/read-yaml.ts";
import { loadRuleFiles } from "../config/rule-file.ts";
import { type Path, YamlSource } from "../config/yaml-source.ts";

/** How often the rules of one test may be evaluated: ten days by the minute, and more by slower rules. */
const EVALUATIONS_MAX = 1_000_000;

const DEFAULT_INTERVAL_MS = 60_000;

/** What stands before points that are noted without their series. */
const NO_NAME = "{} ";

/** A time in the test: Unix seconds or RFC 3339. */
const startTime = z.string().transform((text, context) => {
  const seconds = Number(text);
  const ms = text.trim() !== "" && Number.isFinite(seconds) ? seconds * 1000 : Date.parse(text);
  if (Number.isFinite(ms)) return Math.round(ms);
  context.addIssue({ code: "custom", message: "is neither Unix seconds nor a date of RFC 3339" });
  return z.NEVER;
});

const expectedAlertSchema = z.strictObject({
  exp_labels: labelMap.default({}),
  exp_annotations: z.record(z.string(), z.string()).default({}),
});

const alertTestSchema = z.strictObject({
  eval_time: duration,
  alertname: z.string().min(1),
  exp_alerts: z.array(expectedAlertSchema).default([]),
});

const expectedSampleSchema = z.strictObject({
  labels: z.string().default(""),
  value: z.number().default(0),
  histogram: z.string().optional(),
});

const exprTestSchema = z.strictObject({
  expr: z.string(),
  eval_time: duration,
  exp_samples: z.array(expectedSampleSchema).default([]),
});

const testSchema = z.strictObject({
  name: z.string().default(""),
  interval: positiveDuration.optional(),
  start_timestamp: startTime.optional(),
  input_series: z.array(z.strictObject({ series: z.string(), values: z.string() })).default([]),
  alert_rule_test: z.array(alertTestSchema).default([]),
  promql_expr_test: z.array(exprTestSchema).default([]),
  external_labels: labelMap.default({}),
  external_url: z.string().default(""),
});

const fileSchema = z.strictObject({
  rule_files: z.array(z.string()).default([]),
  evaluation_interval: positiveDuration.default(DEFAULT_INTERVAL_MS),
  group_eval_order: z.array(z.string()).default([]),
  fuzzy_compare: z.boolean().default(false),
  start_timestamp: startTime.optional(),
  tests: z.array(testSchema).default([]),
});

/** A file of tests for rules, in the format of `promtool test rules`. */
export interface RuleTestFile {
  readonly groups: readonly RuleGroup[];
  readonly evaluationIntervalMs: number;
  /** Values that differ in the last digits only count as equal. */
  readonly fuzzyCompare: boolean;
  readonly tests: readonly RuleTest[];
}

export interface RuleTest {
  /** May be "". */
  readonly name: string;
  /** Between the values of an input series. */
  readonly intervalMs: number;
  /** Unix epoch: of the first value, of the first evaluation, and what the test's times count from. */
  readonly startMs: number;
  readonly series: readonly NotedSeries[];
  readonly alertTests: readonly AlertTest[];
  readonly exprTests: readonly ExprTest[];
  readonly externalLabels: Labels;
  readonly externalUrl: string;
}

/** Which alerts of a name are firing at a time. */
export interface AlertTest {
  readonly evalTimeMs: number;
  readonly alertName: string;
  readonly alerts: readonly ExpectedAlert[];
}

export interface ExpectedAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
}

/** What an expression gives at a time. */
export interface ExprTest {
  readonly expr: string;
  readonly evalTimeMs: number;
  /** One point each. */
  readonly samples: readonly NotedSeries[];
}

/** Reads the file and the rule files that it names, relative to its own folder. @throws ConfigError with all that is wrong. */
export function loadRuleTestFile(fileName: string, environment: ConfigEnvironment): RuleTestFile {
  const source = new YamlSource(environment.readFile(fileName), fileName);
  const keys = source.diagnostics.length > 0 ? undefined : readYaml(source, fileSchema, [], []);
  if (keys === undefined) throw new ConfigError(source.diagnostics);
  const evaluationIntervalMs = keys.evaluation_interval;
  const tests = keys.tests.map((test, at) => ruleTest(test, ["tests", at], keys, source));
  const folder = dirname(fileName);
  const patterns = keys.rule_files.map((path) => (isAbsolute(path) ? path : join(folder, path)));
  if (source.diagnostics.length > 0) throw new ConfigError(source.diagnostics);
  const defaults = { evaluationIntervalMs, ruleQueryOffsetMs: 0 };
  const { groups } = loadRuleFiles(patterns, defaults, environment);
  for (const [at, name] of keys.group_eval_order.entries())
    if (!groups.some((group) => group.name === name))
      source.report(["group_eval_order", at], "no rule file has a group of this name");
  if (source.diagnostics.length > 0) throw new ConfigError(source.diagnostics);
  return {
    groups: inOrder(groups, keys.group_eval_order),
    evaluationIntervalMs,
    fuzzyCompare: keys.fuzzy_compare,
    tests,
  };
}

/** Those that are named first, as they are named; then the others. */
function inOrder(groups: readonly RuleGroup[], names: readonly string[]): readonly RuleGroup[] {
  const places = new Map(names.map((name, at) => [name, at]));
  const placeOf = ({ name }: RuleGroup): number => places.get(name) ?? names.length;
  return [...groups].sort((a, b) => placeOf(a) - placeOf(b));
}

function ruleTest(
  keys: z.output<typeof testSchema>,
  path: Path,
  file: z.output<typeof fileSchema>,
  source: YamlSource,
): RuleTest {
  const noted = (text: string, at: Path): NotedSeries => {
    try {
      return parseSeriesLine(text);
    } catch (error) {
      source.report(at, errorText(error));
      return { labels: [], points: [] };
    }
  };
  const notedPoints = (text: string, at: Path): NotedSeries["points"] => {
    try {
      return parseSeriesLine(NO_NAME + text).points;
    } catch (error) {
      const shifted = (column: string): string => `column ${Number(column) - NO_NAME.length}`;
      const message = errorText(error).replace(/^column (\d+)/, (_, column) => shifted(column));
      source.report(at, message);
      return [];
    }
  };
  const evalTimesMs = [...keys.alert_rule_test, ...keys.promql_expr_test].map(
    ({ eval_time }) => eval_time,
  );
  const evaluations = Math.max(0, ...evalTimesMs) / file.evaluation_interval;
  if (evaluations > EVALUATIONS_MAX)
    source.report(path, `needs more than ${EVALUATIONS_MAX} evaluations of the rules`);
  return {
    name: keys.name,
    intervalMs: keys.interval ?? file.evaluation_interval,
    startMs: keys.start_timestamp ?? file.start_timestamp ?? 0,
    series: keys.input_series.map(({ series, values }, at) => {
      const place = [...path, "input_series", at];
      const { labels, points } = noted(series, [...place, "series"]);
      if (points.length > 0) source.report([...place, "series"], "holds more than a series");
      return { labels, points: notedPoints(values, [...place, "values"]) };
    }),
    alertTests: keys.alert_rule_test.map(({ eval_time, alertname, exp_alerts }) => ({
      evalTimeMs: eval_time,
      alertName: alertname,
      alerts: exp_alerts.map(({ exp_labels, exp_annotations }) => ({
        labels: labelsFrom({ ...exp_labels, alertname }),
        annotations: Object.entries(exp_annotations),
      })),
    })),
    exprTests: keys.promql_expr_test.map(({ expr, eval_time, exp_samples }, at) => {
      const place = [...path, "promql_expr_test", at];
      checkExpr(expr, [...place, "expr"], source);
      return {
        expr,
        evalTimeMs: eval_time,
        samples: exp_samples.map(({ labels, value, histogram }, index) => {
          const sample = [...place, "exp_samples", index];
          const name = labels.trim() === "" ? NO_NAME : labels;
          const points =
            histogram === undefined
              ? [{ kind: "value", value } as const]
              : notedPoints(histogram, [...sample, "histogram"]);
          if (points.length !== 1) source.report(sample, "is not one value");
          return { labels: noted(name, [...sample, "labels"]).labels, points };
        }),
      };
    }),
    externalLabels: labelsFrom(keys.external_labels),
    externalUrl: keys.external_url,
  };
}

function checkExpr(expr: string, path: Path, source: YamlSource): void {
  try {
    parse(expr);
  } catch (error) {
    source.report(path, errorText(error));
  }
}
