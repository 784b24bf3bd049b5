import type { Labels } from "@pharos/base";
import { ALERT_STATES, type AlertState, type Rule, type RuleGroup } from "./rule-state.ts";
import type { SearchParams } from "./search-params.ts";

/** Which rules the Alerts page shows; all of it is in the URL. */
export interface AlertFilter {
  /** Empty: all. Recording rules have no state, so any choice hides them. */
  readonly states: readonly AlertState[];
  /** Only rules whose last evaluation failed. */
  readonly failing: boolean;
  /** Words that must all occur in the name, expression, labels, group or file, in any case. */
  readonly text: string;
}

export function readAlertFilter(params: SearchParams): AlertFilter {
  const wanted = new Set((params["state"] ?? "").split(","));
  return {
    states: ALERT_STATES.filter((state) => wanted.has(state)),
    failing: params["health"] === "err",
    text: params["q"] ?? "",
  };
}

export function writeAlertFilter(filter: AlertFilter): SearchParams {
  return {
    ...(filter.states.length > 0 ? { state: filter.states.join(",") } : {}),
    ...(filter.failing ? { health: "err" } : {}),
    ...(filter.text !== "" ? { q: filter.text } : {}),
  };
}

/** The groups with the rules that pass, those that need eyes first: firing, failing, pending, then the rest. */
export function filterGroups(groups: readonly RuleGroup[], filter: AlertFilter): RuleGroup[] {
  const words = wordsOf(filter.text);
  const passing: { group: RuleGroup; urgency: number }[] = [];
  for (const group of groups) {
    const rules = group.rules
      .filter((rule) => passes(rule, group, filter, words))
      .sort((a, b) => urgencyOf(a) - urgencyOf(b));
    const [first] = rules;
    if (first !== undefined)
      passing.push({ group: { ...group, rules }, urgency: urgencyOf(first) });
  }
  return passing.sort((a, b) => a.urgency - b.urgency).map(({ group }) => group);
}

function passes(
  rule: Rule,
  group: RuleGroup,
  filter: AlertFilter,
  words: readonly string[],
): boolean {
  if (filter.failing && rule.health !== "err") return false;
  if (filter.states.length > 0) {
    if (rule.kind === "recording" || !filter.states.includes(rule.state)) return false;
  }
  if (words.length === 0) return true;
  const texts = [rule.name, rule.expr, group.name, group.file, labelText(rule.labels)];
  if (rule.kind === "alerting")
    for (const alert of rule.alerts) texts.push(labelText(alert.labels));
  return hasWords(texts.join("\n"), words);
}

function urgencyOf(rule: Rule): number {
  if (rule.kind === "alerting" && rule.state === "firing") return 0;
  if (rule.health === "err") return 1;
  if (rule.kind === "alerting" && rule.state === "pending") return 2;
  return rule.kind === "alerting" ? 3 : 4;
}

/** How many rules are in each state, and how many fail, without any filter. */
export function countRules(
  groups: readonly RuleGroup[],
): Record<AlertState | "failing" | "all", number> {
  const counts = { firing: 0, pending: 0, inactive: 0, failing: 0, all: 0 };
  for (const { rules } of groups) {
    for (const rule of rules) {
      counts.all++;
      if (rule.health === "err") counts.failing++;
      if (rule.kind === "alerting") counts[rule.state]++;
    }
  }
  return counts;
}

/** The words of a search, in lower case. */
export function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
}

/** Whether `text` has all the words. */
export function hasWords(text: string, words: readonly string[]): boolean {
  const lower = text.toLowerCase();
  return words.every((word) => lower.includes(word));
}

/** Labels as they are searched: `name=value`, one a line. */
export function labelText(labels: Labels): string {
  return labels.map(([name, value]) => `${name}=${value}`).join("\n");
}
