import type { Label } from "@pharos/base";
import { type Expr, parse } from "@pharos/promql/syntax";
import { parseTemplate, type Template } from "./template/template.ts";

/** Rules that are evaluated together, in order, at the same timestamps; a `groups:` entry of a rule file. */
export interface RuleGroup {
  readonly name: string;
  /** The rule file; with the name it identifies the group. */
  readonly file: string;
  readonly intervalMs: number;
  /** More series or alerts than this fail the rule; 0 for no limit. */
  readonly limit: number;
  /** The rules look at the state of so long ago, for samples that arrive late. */
  readonly queryOffsetMs: number;
  /** Added to all rules; a rule's own label of the same name stands. */
  readonly labels: readonly Label[];
  readonly rules: readonly Rule[];
}

export type Rule = AlertingRule | RecordingRule;

/** As written in the rule file; durations are in ms. */
export interface AlertingRule {
  readonly kind: "alert";
  readonly name: string;
  readonly expr: string;
  readonly forMs: number;
  readonly keepFiringForMs: number;
  /** Name and template. */
  readonly labels: readonly Label[];
  /** Name and template. */
  readonly annotations: readonly Label[];
}

export interface RecordingRule {
  readonly kind: "record";
  /** The metric name of the result. */
  readonly name: string;
  readonly expr: string;
  readonly labels: readonly Label[];
}

/** A rule ready to be evaluated: expression and templates read, the group's labels merged in. */
export type CompiledRule = CompiledAlertingRule | CompiledRecordingRule;

export interface CompiledAlertingRule {
  readonly kind: "alert";
  readonly rule: AlertingRule;
  readonly expr: Expr;
  readonly labels: readonly (readonly [name: string, template: Template])[];
  readonly annotations: readonly (readonly [name: string, template: Template])[];
}

export interface CompiledRecordingRule {
  readonly kind: "record";
  readonly rule: RecordingRule;
  readonly expr: Expr;
  /** An empty value takes the label away. */
  readonly labels: readonly Label[];
}

/** @throws OperatingError `query.invalid`, `input.invalid` where `checkRuleGroups` would have complained. */
export function compileRule(rule: Rule, group: Pick<RuleGroup, "labels">): CompiledRule {
  const expr = parse(rule.expr);
  const labels = ruleLabels(rule, group);
  if (rule.kind === "record") return { kind: "record", rule, expr, labels };
  return {
    kind: "alert",
    rule,
    expr,
    labels: templates(labels),
    annotations: templates(rule.annotations),
  };
}

/** The labels a rule adds, as written: its own over its group's. */
export function ruleLabels(rule: Rule, group: Pick<RuleGroup, "labels">): readonly Label[] {
  return [...new Map([...group.labels, ...rule.labels])];
}

/** Identifies a rule within its group, but for exact doubles: what must be equal for state to outlive a reload. */
export function ruleKey(rule: Rule, group: Pick<RuleGroup, "labels">): string {
  return JSON.stringify([rule.kind, rule.name, ruleLabels(rule, group)]);
}

/** Identifies a group. */
export function ruleGroupKey(group: Pick<RuleGroup, "file" | "name">): string {
  return `${group.file};${group.name}`;
}

function templates(pairs: readonly Label[]): (readonly [string, Template])[] {
  return pairs.map(([name, text]) => [name, parseTemplate(text)] as const);
}
