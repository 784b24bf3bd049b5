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
  const reader = new TestReader(keys, source);
  const tests = keys.tests.map((test, at) => reader.test(test, ["tests", at]));
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

/** Makes tests of what the schema has read. What cannot be one is reported with its place, and the rest read on. */
class TestReader {
  readonly #file: z.output<typeof fileSchema>;
  readonly #source: YamlSource;

  constructor(file: z.output<typeof fileSchema>, source: YamlSource) {
    this.#file = file;
    this.#source = source;
  }

  test(keys: z.output<typeof testSchema>, path: Path): RuleTest {
    this.#checkEvaluations(keys, path);
    return {
      name: keys.name,
      intervalMs: keys.interval ?? this.#file.evaluation_interval,
      startMs: keys.start_timestamp ?? this.#file.start_timestamp ?? 0,
      series: keys.input_series.map(({ series, values }, at) =>
        this.#inputSeries(series, values, [...path, "input_series", at]),
      ),
      alertTests: keys.alert_rule_test.map(alertTest),
      exprTests: keys.promql_expr_test.map((test, at) =>
        this.#exprTest(test, [...path, "promql_expr_test", at]),
      ),
      externalLabels: labelsFrom(keys.external_labels),
      externalUrl: keys.external_url,
    };
  }

  #checkEvaluations(keys: z.output<typeof testSchema>, path: Path): void {
    const times = [...keys.alert_rule_test, ...keys.promql_expr_test];
    const lastMs = Math.max(0, ...times.map(({ eval_time }) => eval_time));
    if (lastMs / this.#file.evaluation_interval > EVALUATIONS_MAX)
      this.#source.report(path, `needs more than ${EVALUATIONS_MAX} evaluations of the rules`);
  }

  #inputSeries(series: string, values: string, path: Path): NotedSeries {
    const { labels, points } = this.#series(series, [...path, "series"]);
    if (points.length > 0) this.#source.report([...path, "series"], "holds more than a series");
    return { labels, points: this.#points(values, [...path, "values"]) };
  }

  #exprTest(
    { expr, eval_time, exp_samples }: z.output<typeof exprTestSchema>,
    path: Path,
  ): ExprTest {
    this.#checkExpr(expr, [...path, "expr"]);
    const samples = exp_samples.map((sample, at) =>
      this.#expectedSample(sample, [...path, "exp_samples", at]),
    );
    return { expr, evalTimeMs: eval_time, samples };
  }

  #expectedSample(
    { labels, value, histogram }: z.output<typeof expectedSampleSchema>,
    path: Path,
  ): NotedSeries {
    const name = labels.trim() === "" ? NO_NAME : labels;
    const points =
      histogram === undefined
        ? [{ kind: "value", value } as const]
        : this.#points(histogram, [...path, "histogram"]);
    if (points.length !== 1) this.#source.report(path, "is not one value");
    return { labels: this.#series(name, [...path, "labels"]).labels, points };
  }

  #series(text: string, path: Path): NotedSeries {
    try {
      return parseSeriesLine(text);
    } catch (error) {
      this.#source.report(path, errorText(error));
      return { labels: [], points: [] };
    }
  }

  /** Points without their series. */
  #points(text: string, path: Path): NotedSeries["points"] {
    try {
      return parseSeriesLine(NO_NAME + text).points;
    } catch (error) {
      const shifted = (column: string): string => `column ${Number(column) - NO_NAME.length}`;
      const message = errorText(error).replace(/^column (\d+)/, (_, column) => shifted(column));
      this.#source.report(path, message);
      return [];
    }
  }

  #checkExpr(expr: string, path: Path): void {
    try {
      parse(expr);
    } catch (error) {
      this.#source.report(path, errorText(error));
    }
  }
}

function alertTest({
  eval_time,
  alertname,
  exp_alerts,
}: z.output<typeof alertTestSchema>): AlertTest {
  return {
    evalTimeMs: eval_time,
    alertName: alertname,
    alerts: exp_alerts.map(({ exp_labels, exp_annotations }) => ({
      labels: labelsFrom({ ...exp_labels, alertname }),
      annotations: Object.entries(exp_annotations),
    })),
  };
}
