import { checkRuleGroups, type Rule, type RuleGroup } from "@pharos/alert";
import { errorText, OperatingError } from "@pharos/base";
import { isScalar } from "yaml";
import { z } from "zod";
import { ConfigError, type Diagnostic } from "./diagnostics.ts";
import { duration, labelMap, limit } from "./field-schemas.ts";
import type { ConfigEnvironment } from "./load-config.ts";
import { readYaml } from "./read-yaml.ts";
import { type Path, parsePath, YamlSource } from "./yaml-source.ts";

const ruleSchema = z.strictObject({
  record: z.string().optional(),
  alert: z.string().optional(),
  expr: z.string(),
  for: duration.optional(),
  keep_firing_for: duration.optional(),
  labels: labelMap.default({}),
  annotations: z.record(z.string(), z.string()).optional(),
});

export type RuleKeys = z.output<typeof ruleSchema>;

/** A group of a rule file. */
export const ruleGroupSchema = z.strictObject({
  name: z.string(),
  interval: duration.default(0),
  limit: limit.default(0),
  query_offset: duration.optional(),
  labels: labelMap.default({}),
  rules: z.array(ruleSchema).default([]),
});

/** A file of `rule_files`. */
export const ruleFileSchema = z.strictObject({ groups: z.array(ruleGroupSchema).default([]) });

/** What a group has that does not say otherwise. */
export interface RuleDefaults {
  readonly evaluationIntervalMs: number;
  readonly ruleQueryOffsetMs: number;
}

export interface LoadedRules {
  readonly groups: readonly RuleGroup[];
  /** What looks like a mistake and does no harm. */
  readonly warnings: readonly Diagnostic[];
}

/**
 * Reads a rule file in Prometheus's format. Expressions and templates are checked; what is wrong in them is reported at
 * its place in the file, as far as the YAML notation allows.
 *
 * @throws ConfigError with all that is wrong.
 */
export function loadRuleFile(text: string, fileName: string, defaults: RuleDefaults): LoadedRules {
  const source = new YamlSource(text, fileName);
  const loaded = readRules(source, defaults);
  if (source.diagnostics.length > 0) throw new ConfigError(source.diagnostics);
  return loaded;
}

/**
 * Reads all rule files that the patterns name, each once. A pattern without a match is no mistake, as in Prometheus.
 *
 * @throws ConfigError with all that is wrong in all of them.
 */
export function loadRuleFiles(
  patterns: readonly string[],
  defaults: RuleDefaults,
  environment: Pick<ConfigEnvironment, "glob" | "readFile">,
): LoadedRules {
  const groups: RuleGroup[] = [];
  const warnings: Diagnostic[] = [];
  const errors: Diagnostic[] = [];
  for (const fileName of new Set(patterns.flatMap((pattern) => environment.glob(pattern)))) {
    const source = readSource(fileName, environment);
    const loaded = readRules(source, defaults);
    groups.push(...loaded.groups);
    warnings.push(...loaded.warnings);
    errors.push(...source.diagnostics);
  }
  if (errors.length > 0) throw new ConfigError(errors);
  return { groups, warnings };
}

function readSource(
  fileName: string,
  { readFile }: Pick<ConfigEnvironment, "readFile">,
): YamlSource {
  try {
    return new YamlSource(readFile(fileName), fileName);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    const source = new YamlSource("", fileName);
    source.report([], `cannot be read: ${errorText(error)}`);
    return source;
  }
}

function readRules(source: YamlSource, defaults: RuleDefaults): LoadedRules {
  const keys = source.diagnostics.length > 0 ? undefined : readYaml(source, ruleFileSchema, [], []);
  if (keys === undefined) return { groups: [], warnings: [] };
  const groups = keys.groups.map((group, index): RuleGroup => {
    const path = ["groups", index, "rules"];
    return {
      name: group.name,
      file: source.fileName,
      intervalMs: group.interval === 0 ? defaults.evaluationIntervalMs : group.interval,
      limit: group.limit,
      queryOffsetMs: group.query_offset ?? defaults.ruleQueryOffsetMs,
      labels: Object.entries(group.labels),
      rules: group.rules.map((rule, at) => ruleOf(rule, [...path, at], source)),
    };
  });
  const warnings: Diagnostic[] = [];
  for (const { path, message, level } of checkRuleGroups(groups)) {
    reportRuleProblem(source, parsePath(path), message);
    const diagnostic = source.diagnostics.at(-1);
    if (level === "warning" && diagnostic !== undefined) {
      source.diagnostics.pop();
      warnings.push(diagnostic);
    }
  }
  return { groups, warnings };
}

/** The rule that the keys at `path` are; what is wrong is reported there. */
export function ruleOf(keys: RuleKeys, path: Path, source: YamlSource): Rule {
  const { record, alert, expr } = keys;
  const labels = Object.entries(keys.labels);
  if (record !== undefined && alert !== undefined)
    source.reportKey([...path, "alert"], "only one of 'record' and 'alert' must be set");
  if (record === undefined)
    return {
      kind: "alert",
      name: alert ?? "",
      expr,
      forMs: keys.for ?? 0,
      keepFiringForMs: keys.keep_firing_for ?? 0,
      labels,
      annotations: Object.entries(keys.annotations ?? {}),
    };
  for (const key of ["for", "keep_firing_for", "annotations"] as const)
    if (keys[key] !== undefined && alert === undefined)
      source.reportKey([...path, key], `invalid field '${key}' in recording rule`);
  return { kind: "record", name: record, expr, labels };
}

const WITH_PLACE = /^(could not parse (?:expression|template): )?(\d+):(\d+): ([\s\S]*)$/;

/** Where the message names a line and column of a text in the file, the place in the file takes their stead. */
export function reportRuleProblem(source: YamlSource, path: Path, message: string): void {
  const match = WITH_PLACE.exec(message);
  const node = source.nodeAt(path);
  const [, what = "", line, column, reason = ""] = match ?? [];
  const offset =
    match !== null && isScalar(node)
      ? source.offsetInScalar(node, indexOf(String(node.value), Number(line), Number(column)))
      : undefined;
  if (offset === undefined) source.report(path, message);
  else source.reportAt(offset, path, what + reason);
}

/** The index of a line and column (in characters), both from 1. */
function indexOf(text: string, line: number, column: number): number {
  const lines = text.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const characters = [...(lines[line - 1] ?? "")].slice(0, column - 1);
  return before + characters.join("").length;
}
