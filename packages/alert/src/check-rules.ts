import { isLegacyMetricName, type Label, METRIC_NAME, OperatingError } from "@pharos/base";
import { describeType, parse, valueTypeOf } from "@pharos/promql/syntax";
import { type Rule, type RuleGroup, ruleKey } from "./rule.ts";
import { parseTemplate, unsupportedCalls } from "./template/template.ts";

/** What is wrong with a rule file that is well-formed, and where: `groups[0].rules[2].annotations.summary`. */
export interface RuleProblem {
  readonly path: string;
  readonly message: string;
  /** An error keeps the file from being loaded, a warning does not. */
  readonly level: "error" | "warning";
}

/** Checks the groups of one rule file: names, expressions, templates, doubles. */
export function checkRuleGroups(groups: readonly RuleGroup[]): RuleProblem[] {
  const problems: RuleProblem[] = [];
  const names = new Set<string>();
  for (const [index, group] of groups.entries()) {
    const path = `groups[${index}]`;
    const error = (at: string, message: string): void => {
      problems.push({ path: `${path}${at}`, message, level: "error" });
    };
    if (group.name === "") error(".name", "Groupname must not be empty");
    else if (names.has(group.name))
      error(".name", `groupname: ${JSON.stringify(group.name)} is repeated in the same file`);
    names.add(group.name);
    checkLabels(group.labels, (name, message) => error(`.labels${member(name)}`, message));
    const seen = new Map<string, number>();
    for (const [at, rule] of group.rules.entries()) {
      const rulePath = `.rules[${at}]`;
      checkRule(rule, (member, message, level = "error") =>
        problems.push({ path: `${path}${rulePath}${member}`, message, level }),
      );
      const key = `${ruleKey(rule, group)} ${rule.expr}`;
      const first = seen.get(key);
      if (first !== undefined)
        problems.push({
          path: `${path}${rulePath}`,
          message: `same name, labels and expression as rules[${first}]`,
          level: "warning",
        });
      else seen.set(key, at);
    }
  }
  return problems;
}

type Report = (member: string, message: string, level?: RuleProblem["level"]) => void;

function checkRule(rule: Rule, report: Report): void {
  const nameField = rule.kind === "alert" ? ".alert" : ".record";
  if (rule.name === "") report(nameField, "one of 'record' or 'alert' must be set");
  else if (!rule.name.isWellFormed())
    report(
      nameField,
      `invalid ${rule.kind === "alert" ? "alert" : "recording rule"} name: not UTF-8`,
    );
  else if (rule.kind === "record" && /[{}]/.test(rule.name) && !isLegacyMetricName(rule.name))
    report(
      nameField,
      `braces present in the recording rule name; should it be in expr?: ${rule.name}`,
    );
  checkExpr(rule.expr, report);
  checkLabels(rule.labels, (name, message) => report(`.labels${member(name)}`, message));
  if (rule.kind === "record") return;
  for (const [name, template] of rule.labels)
    checkTemplate(`.labels${member(name)}`, template, report);
  for (const [name, template] of rule.annotations) {
    const path = `.annotations${member(name)}`;
    if (name === "" || !name.isWellFormed()) report(path, `invalid annotation name: ${name}`);
    checkTemplate(path, template, report);
  }
}

function checkExpr(expr: string, report: Report): void {
  if (expr.trim() === "") {
    report(".expr", "field 'expr' must be set in rule");
    return;
  }
  try {
    const type = valueTypeOf(parse(expr));
    if (type === "matrix" || type === "string")
      report(
        ".expr",
        `this is a ${describeType(type)}: the rule fails, which needs an instant vector or a scalar`,
        "warning",
      );
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    report(".expr", `could not parse expression: ${error.message}`);
  }
}

function checkLabels(labels: readonly Label[], report: Report): void {
  for (const [name, value] of labels) {
    if (name === "" || name === METRIC_NAME || !name.isWellFormed())
      report(name, `invalid label name: ${name}`);
    if (!value.isWellFormed()) report(name, "invalid label value: not UTF-8");
  }
}

function checkTemplate(path: string, template: string, report: Report): void {
  try {
    // The alert matters more than this part of its text, which says so in its place.
    for (const message of unsupportedCalls(parseTemplate(template)))
      report(path, message, "warning");
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    report(path, `could not parse template: ${error.message}`);
  }
}

/** `.name`, or `["na.me"]` where a dot would mislead. */
function member(name: string): string {
  return /^\w+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}
