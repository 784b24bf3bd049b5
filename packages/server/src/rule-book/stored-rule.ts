import type { Rule, RuleGroup } from "@pharos/alert";
import { StoredJson } from "@pharos/base";
import type { Json } from "@pharos/ports";
import { reportColumns } from "./rule-columns.ts";

/** On disk since the first version; a change needs a new number and a reader for the old one. */
const FORMAT_VERSION = 1;

/** What rules of the API are filed under where nobody says otherwise. */
export const DEFAULT_NAMESPACE = "rules";

/** A group as somebody has sent it; what it does not say, the configuration says when it is evaluated. */
export interface RuleContent extends Pick<RuleGroup, "name" | "limit" | "labels" | "rules"> {
  readonly intervalMs: number | undefined;
  readonly queryOffsetMs: number | undefined;
  /** The form it was sent in: `prometheus`, `threshold`, `sentence` …; `group` for whole groups. */
  readonly form: string;
  /** The text that was sent, where it was one rule; else "". */
  readonly written: string;
}

/** A group of rules that came by the API; most have one rule, and its name. */
export interface StoredRule {
  readonly id: string;
  /** Groups have names of their own within a namespace. */
  readonly namespace: string;
  readonly content: RuleContent;
  readonly enabled: boolean;
  /** From 1; each change adds one. */
  readonly version: number;
  readonly author: string;
  readonly comment: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export const RULE_ACTIONS = [
  "created",
  "updated",
  "enabled",
  "disabled",
  "rolled back",
  "deleted",
] as const;
export type RuleAction = (typeof RULE_ACTIONS)[number];

/** One change, with what it made; of a deletion, what there was until then. */
export interface RuleVersion {
  readonly action: RuleAction;
  readonly rule: StoredRule;
}

const API_FILE_PREFIX = "api:";

/** What the group is called among all groups, those of files too. */
export function apiFile(namespace: string): string {
  return `${API_FILE_PREFIX}${namespace}`;
}

/** Undefined for a group of a file. */
export function namespaceOfFile(file: string): string | undefined {
  return file.startsWith(API_FILE_PREFIX) ? file.slice(API_FILE_PREFIX.length) : undefined;
}

export function ruleToJson(rule: StoredRule): Json {
  const { content } = rule;
  return {
    version: FORMAT_VERSION,
    namespace: rule.namespace,
    enabled: rule.enabled,
    revision: rule.version,
    author: rule.author,
    comment: rule.comment,
    createdAtMs: rule.createdAtMs,
    updatedAtMs: rule.updatedAtMs,
    form: content.form,
    written: content.written,
    group: {
      name: content.name,
      intervalMs: content.intervalMs ?? null,
      queryOffsetMs: content.queryOffsetMs ?? null,
      limit: content.limit,
      labels: content.labels,
      rules: content.rules.map((rule): Json => ({ ...rule, report: reportColumns(rule, content) })),
    },
  };
}

/** @throws OperatingError `disk.corrupt` where `body` is not what `ruleToJson` wrote. */
export function ruleFromJson(id: string, body: unknown): StoredRule {
  const root = new StoredJson(body, `rule ${id}`);
  root.member("version").version(FORMAT_VERSION);
  const group = root.member("group");
  return {
    id,
    namespace: root.member("namespace").text(),
    enabled: root.member("enabled").boolean(),
    version: root.member("revision").number(),
    author: root.member("author").text(),
    comment: root.member("comment").text(),
    createdAtMs: root.member("createdAtMs").number(),
    updatedAtMs: root.member("updatedAtMs").number(),
    content: {
      form: root.member("form").text(),
      written: root.member("written").text(),
      name: group.member("name").text(),
      intervalMs: optionalNumber(group.member("intervalMs")),
      queryOffsetMs: optionalNumber(group.member("queryOffsetMs")),
      limit: group.member("limit").number(),
      labels: group.member("labels").pairs(),
      rules: group.member("rules").items().map(storedRule),
    },
  };
}

export function versionToJson({ action, rule }: RuleVersion): Json {
  return { version: FORMAT_VERSION, id: rule.id, action, rule: ruleToJson(rule) };
}

/** @throws OperatingError `disk.corrupt`. */
export function versionFromJson(body: unknown): RuleVersion {
  const root = new StoredJson(body, "version of a rule");
  root.member("version").version(FORMAT_VERSION);
  const action = root.member("action").oneOf(RULE_ACTIONS);
  const id = root.member("id").text();
  return { action, rule: ruleFromJson(id, (body as { readonly rule: unknown }).rule) };
}

function storedRule(json: StoredJson): Rule {
  const base = {
    name: json.member("name").text(),
    expr: json.member("expr").text(),
    labels: json.member("labels").pairs(),
  };
  if (json.member("kind").oneOf(["alert", "record"] as const) === "record")
    return { kind: "record", ...base };
  return {
    kind: "alert",
    ...base,
    forMs: json.member("forMs").number(),
    keepFiringForMs: json.member("keepFiringForMs").number(),
    annotations: json.member("annotations").pairs(),
  };
}

function optionalNumber(json: StoredJson): number | undefined {
  return json.isNull() ? undefined : json.number();
}
