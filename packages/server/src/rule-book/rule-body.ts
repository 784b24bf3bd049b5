import {
  checkRuleGroups,
  compileRuleForm,
  isRuleText,
  type LabelNames,
  type Rule,
  readQuery,
  readRuleText,
} from "@pharos/alert";
import {
  conditionBodySchema,
  prometheusRuleBodySchema,
  structuredRuleBodySchema,
} from "@pharos/api";
import { OperatingError } from "@pharos/base";
import { isMap, isScalar } from "yaml";
import { z } from "zod";
import { formatDiagnosticLine } from "../config/diagnostics.ts";
import { duration } from "../config/field-schemas.ts";
import { readYaml } from "../config/read-yaml.ts";
import {
  type RuleKeys,
  reportRuleProblem,
  ruleFileSchema,
  ruleGroupSchema,
  ruleOf,
} from "../config/rule-file.ts";
import { keyText, type Path, parsePath, YamlSource } from "../config/yaml-source.ts";
import { durationOf, type ReadCondition, readCondition, readSentence } from "./condition-body.ts";
import type { RuleContent } from "./stored-rule.ts";

/** UTF-16 units of the text of one rule that are kept beside it. */
export const WRITTEN_LENGTH_MAX = 64 * 1024;
/** How problems name the place: `rule:3:5`. */
const SOURCE_NAME = "rule";

/** Rules as somebody has sent them. */
export interface RuleBody {
  /** `rule` for one, whose group has its name. */
  readonly shape: "rule" | "group" | "file";
  readonly contents: readonly RuleContent[];
  /** What was read in another way than it may have been meant; a sentence each. */
  readonly remarks: readonly string[];
  readonly enabled: boolean | undefined;
  readonly author: string | undefined;
  readonly comment: string | undefined;
  readonly version: number | undefined;
  /** Over how long it is tested. */
  readonly replayMs: number | undefined;
}

export interface RuleBodyOptions {
  /** The name of a rule that says none. */
  readonly name?: string | undefined;
  readonly labelNames?: LabelNames | undefined;
  /** Text that is no YAML whatever it looks like. */
  readonly isPlainText?: boolean;
}

type About = Pick<RuleBody, "enabled" | "author" | "comment" | "version" | "replayMs">;
const NOTHING_MORE: About = {
  enabled: undefined,
  author: undefined,
  comment: undefined,
  version: undefined,
  replayMs: undefined,
};

/**
 * Reads one rule in any of its forms, a group or the groups of a rule file, in YAML, in JSON, or as plain words.
 *
 * @throws OperatingError `input.invalid` with all that is wrong, a line each with its place.
 */
export function readRuleBody(text: string, options: RuleBodyOptions = {}): RuleBody {
  if (text.trim() === "") throw new OperatingError("input.invalid", "the rule is missing");
  if (isRuleText(text)) {
    const form = readRuleText(text);
    const compiled = compileRuleForm(
      { ...form, name: form.name ?? options.name },
      options.labelNames,
    );
    return single(text, "text", compiled.rule, compiled.remarks, undefined, NOTHING_MORE);
  }
  if (options.isPlainText === true || /^\s*IF\s/i.test(text)) return sentenceBody(text, options);
  const source = new YamlSource(text, SOURCE_NAME);
  failOnProblems(source);
  const root = source.nodeAt([]);
  if (isScalar(root)) return sentenceBody(String(root.value), options);
  if (!isMap(root)) throw new OperatingError("input.invalid", "a rule is a mapping, or a sentence");
  const keys = new Set(root.items.map(keyText));
  if (keys.has("groups")) return fileBody(source);
  if (keys.has("rules")) return groupBody(source);
  if (keys.has("alert") || keys.has("record")) return prometheusBody(source);
  return structuredBody(source, options);
}

function sentenceBody(text: string, options: RuleBodyOptions): RuleBody {
  const read = readSentence(text);
  const plain = { keepFiringForMs: 0, labels: [], annotations: [], channels: [] };
  const { rule, remarks } = compileRuleForm(
    {
      ...{ ...plain, severity: undefined, forMs: read.forMs ?? 0 },
      ...{ name: read.name ?? options.name, condition: read.condition, text: read.text },
    },
    options.labelNames,
  );
  return single(text, "sentence", rule, remarks, undefined, NOTHING_MORE);
}

function fileBody(source: YamlSource): RuleBody {
  const keys = readYaml(source, ruleFileSchema, [], []);
  failOnProblems(source);
  const contents = (keys?.groups ?? []).map((group, at) =>
    contentOf(group, ["groups", at], source),
  );
  if (contents.length === 0) throw new OperatingError("input.invalid", "there are no groups");
  const remarks = checkContents(contents, source, "");
  return { shape: "file", contents, remarks, ...NOTHING_MORE };
}

/** A group as clients of Mimir's ruler send it. */
const groupBodySchema = ruleGroupSchema.extend({
  /** What `query_offset` was called. */
  evaluation_delay: duration.optional(),
  align_evaluation_time_on_interval: z.boolean().default(false),
  source_tenants: z
    .array(z.string())
    .refine((list) => list.length === 0, "there is one tenant: a group reads of no others")
    .optional(),
});

function groupBody(source: YamlSource): RuleBody {
  const keys = readYaml(source, groupBodySchema, [], []);
  failOnProblems(source);
  if (keys === undefined) throw new OperatingError("input.invalid", "the group is missing");
  const { evaluation_delay, align_evaluation_time_on_interval: isAligned, ...group } = keys;
  const offset = group.query_offset ?? evaluation_delay;
  const contents = [contentOf({ ...group, query_offset: offset }, [], source)];
  const remarks = checkContents(contents, source, "groups[0]");
  const spread =
    "align_evaluation_time_on_interval is not looked at: groups are spread over their interval, each always at the same place";
  return {
    ...{ shape: "group", contents, remarks: isAligned ? [spread, ...remarks] : remarks },
    ...NOTHING_MORE,
  };
}

function contentOf(
  group: z.output<typeof ruleGroupSchema>,
  path: Path,
  source: YamlSource,
): RuleContent {
  const remarkless = group.rules.map((rule, at) => ruleOf(rule, [...path, "rules", at], source));
  return {
    ...{ form: "group", written: "", name: group.name, limit: group.limit },
    intervalMs: group.interval === 0 ? undefined : group.interval,
    queryOffsetMs: group.query_offset,
    labels: Object.entries(group.labels),
    rules: remarkless,
  };
}

function prometheusBody(source: YamlSource): RuleBody {
  const keys = readYaml(source, prometheusRuleBodySchema, [], []);
  failOnProblems(source);
  if (keys === undefined) throw new OperatingError("input.invalid", "the rule is missing");
  const { enabled, interval, author, comment, version, replay, ...rest } = keys;
  const ruleKeys: RuleKeys = {
    ...rest,
    for: rest.for === undefined ? undefined : durationOf("for", rest.for),
    keep_firing_for:
      rest.keep_firing_for === undefined
        ? undefined
        : durationOf("keep_firing_for", rest.keep_firing_for),
    labels: rest.labels ?? {},
  };
  const rule = ruleOf(ruleKeys, [], source);
  const about = { enabled, author, comment, version, replayMs: replayOf(replay) };
  const body = single(source.text, "prometheus", rule, [], interval, about);
  const remarks = checkContents(body.contents, source, "groups[0].rules[0]");
  return { ...body, remarks };
}

function structuredBody(source: YamlSource, options: RuleBodyOptions): RuleBody {
  const keys = readYaml(source, structuredRuleBodySchema, [], []);
  failOnProblems(source);
  if (keys === undefined) throw new OperatingError("input.invalid", "the rule is missing");
  const read = readCondition(keys, nestedCondition);
  const written = keys.duration ?? keys.for;
  if (keys.duration !== undefined && keys.for !== undefined)
    throw new OperatingError("input.invalid", "duration and for are the same; give one of them");
  const forMs = written === undefined ? (read.forMs ?? 0) : durationOf("duration", written);
  const keep = keys.keep_firing_for;
  const { rule, remarks } = compileRuleForm(
    {
      name: keys.name ?? read.name ?? options.name,
      ...{ condition: read.condition, text: read.text, forMs },
      keepFiringForMs: keep === undefined ? 0 : durationOf("keep_firing_for", keep),
      labels: Object.entries(keys.labels ?? {}),
      annotations: Object.entries(keys.annotations ?? {}),
      severity: keys.severity,
      channels: [...(keys.channels ?? []), ...(keys.notification_channels ?? [])],
    },
    options.labelNames,
  );
  const { enabled, author, comment, version, interval } = keys;
  const about = { enabled, author, comment, version, replayMs: replayOf(keys.replay) };
  const body = single(source.text, read.form, rule, remarks, interval, about);
  const problems = checkRuleGroups([{ ...body.contents[0], ...NO_GROUP, rules: [rule] }]);
  const errors = problems.filter(({ level }) => level === "error");
  if (errors.length > 0)
    throw new OperatingError(
      "input.invalid",
      errors
        .map(({ path, message }) => `${path.replace("groups[0].rules[0].", "")}: ${message}`)
        .join("\n"),
    );
  return body;
}

function replayOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : durationOf("replay", text);
}

const NO_GROUP = { name: "rule", file: "", intervalMs: 0, limit: 0, queryOffsetMs: 0, labels: [] };

/** An entry of `all` or `any`: a sentence, or a condition with keys of its own. */
function nestedCondition(entry: unknown, path: readonly (string | number)[]): ReadCondition {
  const at = path.join(".");
  if (typeof entry === "string") return within(at, () => readSentence(entry));
  const parsed = conditionBodySchema.safeParse(entry);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = [at, ...(issue?.path ?? [])].join(".");
    throw new OperatingError("input.invalid", `${place}: ${issue?.message ?? "is no condition"}`);
  }
  return within(at, () =>
    readCondition(parsed.data, (inner, below) => nestedCondition(inner, [...path, ...below])),
  );
}

function within<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof OperatingError) || error.message.startsWith(`${path}.`)) throw error;
    throw new OperatingError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

function single(
  text: string,
  form: string,
  rule: Rule,
  remarks: readonly string[],
  interval: string | undefined,
  about: About,
): RuleBody {
  const intervalMs = interval === undefined ? 0 : durationOf("interval", interval);
  const content: RuleContent = {
    ...{ form, name: rule.name, limit: 0, labels: [], rules: [rule], queryOffsetMs: undefined },
    written: text.length <= WRITTEN_LENGTH_MAX ? text : "",
    intervalMs: intervalMs === 0 ? undefined : intervalMs,
  };
  return { shape: "rule", contents: [content], remarks, ...about };
}

/** What is wrong is thrown with its place in the text, warnings are given back. */
function checkContents(
  contents: readonly RuleContent[],
  source: YamlSource,
  above: string,
): readonly string[] {
  const groups = contents.map((content) => ({
    ...content,
    ...{ file: "", intervalMs: 0, queryOffsetMs: 0 },
  }));
  const remarks: string[] = [];
  for (const { path, message, level } of checkRuleGroups(groups)) {
    // A rule by itself has no group of its own that anything could be wrong with.
    if (!path.startsWith(above)) continue;
    if (level === "warning") remarks.push(`${path}: ${message}`);
    else reportRuleProblem(source, parsePath(path.slice(above.length)), message);
  }
  failOnProblems(source);
  for (const { rules } of contents)
    for (const { expr } of rules) remarks.push(...readQuery(expr).remarks);
  return [...new Set(remarks)];
}

/** @throws OperatingError `input.invalid`. */
function failOnProblems({ diagnostics }: YamlSource): void {
  if (diagnostics.length === 0) return;
  throw new OperatingError("input.invalid", diagnostics.map(formatDiagnosticLine).join("\n"));
}
