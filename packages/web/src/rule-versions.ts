import { type Labels, labelsFrom } from "@pharos/base";
import { durationText, type RuleEdit, rulePath } from "./alert-rules.ts";
import type { ApiTransport } from "./api-transport.ts";
import type { Json } from "./json-reader.ts";

const ACTIONS = ["created", "updated", "enabled", "disabled", "rolled back", "deleted"] as const;

/** A rule as it was. */
export interface VersionedRule {
  readonly name: string;
  readonly kind: "alerting" | "recording";
  readonly expr: string;
  /** "" where it does not wait. */
  readonly forText: string;
  /** "" where it ends at once. */
  readonly keepFiringForText: string;
  readonly labels: Labels;
  readonly annotations: readonly (readonly [string, string])[];
}

/** One change of a rule of the API, and what it was from then on. */
export interface RuleVersion {
  /** From 1; each change adds one. */
  readonly version: number;
  readonly action: (typeof ACTIONS)[number];
  readonly atMs: number;
  readonly author: string;
  readonly comment: string;
  readonly enabled: boolean;
  /** One, but for groups that were sent as such. */
  readonly rules: readonly VersionedRule[];
}

/** The newest first. */
export async function listRuleVersions(
  transport: ApiTransport,
  id: string,
  signal: AbortSignal,
): Promise<RuleVersion[]> {
  return readRuleVersions(await transport.get(`${rulePath(id)}/versions`, signal));
}

/** Makes the rule what it was in a version, which is a new version; a deleted rule is there again. */
export async function restoreRuleVersion(
  transport: ApiTransport,
  id: string,
  version: number,
  edit: RuleEdit,
  signal: AbortSignal,
): Promise<void> {
  const json = { version, author: edit.author, comment: edit.comment };
  await transport.change("POST", `${rulePath(id)}/rollback`, { json }, signal);
}

export function readRuleVersions(answer: Json): RuleVersion[] {
  return answer.list().map((version) => ({
    version: version.get("version").number(),
    action: version.get("action").oneOf(ACTIONS),
    atMs: version.get("at").timestampMs() ?? Number.NaN,
    author: version.get("author").textOrEmpty(),
    comment: version.get("comment").textOrEmpty(),
    enabled: version.get("enabled").value === true,
    rules: version.get("rules").list().map(readRule),
  }));
}

function readRule(rule: Json): VersionedRule {
  return {
    name: rule.get("name").text(),
    kind: rule.get("type").oneOf(["alerting", "recording"]),
    expr: rule.get("expr").text(),
    forText: durationText(rule.get("for").textOrEmpty()),
    keepFiringForText: durationText(rule.get("keep_firing_for").textOrEmpty()),
    labels: labelsFrom(rule.get("labels").textEntries()),
    annotations: rule.get("annotations").textEntries(),
  };
}

/** A version as people read rules: as in a rule file, with a line that says so where it was not evaluated. */
export function versionText({ action, enabled, rules }: RuleVersion): string {
  const state = action === "deleted" ? ["# deleted"] : enabled ? [] : ["# switched off"];
  return [...state, ...rules.map(ruleText)].join("\n");
}

/** A rule as in a rule file. */
export function ruleText(rule: VersionedRule): string {
  return [
    `${rule.kind === "alerting" ? "alert" : "record"}: ${rule.name}`,
    ...textLines("expr", rule.expr, ""),
    ...(rule.forText === "" ? [] : [`for: ${rule.forText}`]),
    ...(rule.keepFiringForText === "" ? [] : [`keep_firing_for: ${rule.keepFiringForText}`]),
    ...pairLines("labels", rule.labels),
    ...pairLines("annotations", rule.annotations),
  ].join("\n");
}

function pairLines(name: string, pairs: Iterable<readonly [string, string]>): string[] {
  const lines = Array.from(pairs, ([key, value]) => textLines(key, value, "  ")).flat();
  return lines.length === 0 ? [] : [`${name}:`, ...lines];
}

/** A text of several lines stands below its name, so that a change in one is a change of that line. */
function textLines(name: string, text: string, indent: string): string[] {
  const lines = text.trimEnd().split("\n");
  if (lines.length === 1) return [`${indent}${name}: ${text.trimEnd()}`];
  return [`${indent}${name}: |`, ...lines.map((one) => `${indent}  ${one}`)];
}
