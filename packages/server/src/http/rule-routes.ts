import { formatValue, type Labels, type Matcher, matchesLabels } from "@pharos/base";
import { type Answer, formatTime, jsonAnswer, labelsObject, success } from "./answer.ts";
import type {
  ActiveAlert,
  AlertingRuleStatus,
  ApiDependencies,
  RecordingRuleStatus,
  RuleGroupStatus,
  RulesProvider,
} from "./dependencies.ts";
import { invalidParameter } from "./errors.ts";
import { matchParameters } from "./match-parameter.ts";
import { parametersOf } from "./parameters.ts";

type RuleStatus = AlertingRuleStatus | RecordingRuleStatus;

/** What a request wants to see of the rules. An empty set or list means all. */
interface RuleFilter {
  readonly kind: RuleStatus["kind"] | undefined;
  readonly names: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  readonly files: ReadonlySet<string>;
  readonly matcherLists: readonly (readonly Matcher[])[];
  readonly excludeAlerts: boolean;
}

/**
 * `/api/v1/rules?type&rule_name[]&rule_group[]&file[]&match[]&exclude_alerts&group_limit&group_next_token`: the rule
 * groups with the state of every rule.
 */
export async function rules(
  request: Request,
  { rules: provider }: { readonly rules: Pick<RulesProvider, "groups"> },
): Promise<Answer> {
  const parameters = await parametersOf(request);
  const filter = ruleFilter(parameters);
  const page = groupPage(parameters);
  const shown: unknown[] = [];
  let started = page.from === "";
  let groupNextToken: string | undefined;
  for (const group of provider.groups()) {
    const token = groupToken(group);
    if (!started && token !== page.from) continue;
    started = true;
    const json = groupJson(group, filter);
    if (json === undefined) continue;
    if (page.limit > 0 && shown.length === page.limit) {
      groupNextToken = token;
      break;
    }
    shown.push(json);
  }
  if (!started)
    throw invalidParameter("group_next_token", "there is no such group any more; start again");
  return success({ groups: shown, ...(groupNextToken === undefined ? {} : { groupNextToken }) });
}

/** Names a group among all, in a form that says nothing to the client. */
function groupToken({ file, name }: RuleGroupStatus): string {
  return Buffer.from(`${file};${name}`).toString("base64url");
}

function groupPage(parameters: URLSearchParams): { limit: number; from: string } {
  const text = parameters.get("group_limit") ?? "";
  const from = parameters.get("group_next_token") ?? "";
  if (text === "") {
    if (from !== "")
      throw invalidParameter(
        "group_limit",
        "group_limit needs to be set in order to paginate over the groups",
      );
    return { limit: 0, from };
  }
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0)
    throw invalidParameter("group_limit", "group_limit must be a number of 1 or more");
  return { limit: Number(text), from };
}

function ruleFilter(parameters: URLSearchParams): RuleFilter {
  const type = (parameters.get("type") ?? "").toLowerCase();
  if (!["", "alert", "record"].includes(type))
    throw invalidParameter("type", `not supported value "${type}"`);
  const exclude = parameters.get("exclude_alerts") ?? "";
  if (!["", "1", "t", "true", "0", "f", "false"].includes(exclude.toLowerCase()))
    throw invalidParameter("exclude_alerts", "error converting exclude_alerts: not true or false");
  return {
    kind: type === "" ? undefined : (type as RuleStatus["kind"]),
    names: new Set(parameters.getAll("rule_name[]")),
    groups: new Set(parameters.getAll("rule_group[]")),
    files: new Set(parameters.getAll("file[]")),
    matcherLists: matchParameters(parameters, { named: false }),
    excludeAlerts: ["1", "t", "true"].includes(exclude.toLowerCase()),
  };
}

/** Undefined where the filter leaves no rule of the group, or it has none. */
function groupJson(group: RuleGroupStatus, filter: RuleFilter): unknown {
  if (filter.groups.size > 0 && !filter.groups.has(group.name)) return undefined;
  if (filter.files.size > 0 && !filter.files.has(group.file)) return undefined;
  const kept = group.rules.filter(
    (rule) =>
      (filter.kind === undefined || rule.kind === filter.kind) &&
      (filter.names.size === 0 || filter.names.has(rule.name)) &&
      matchesAny(filter.matcherLists, rule.labels),
  );
  if (kept.length === 0) return undefined;
  return {
    name: group.name,
    file: group.file,
    rules: kept.map((rule) => ruleJson(rule, filter.excludeAlerts)),
    interval: group.intervalMs / 1000,
    limit: group.limit,
    evaluationTime: group.evaluationTimeMs / 1000,
    lastEvaluation: formatTime(group.lastEvaluationMs),
  };
}

function matchesAny(lists: readonly (readonly Matcher[])[], labels: Labels): boolean {
  return lists.length === 0 || lists.some((matchers) => matchesLabels(matchers, labels));
}

function ruleJson(rule: RuleStatus, excludeAlerts: boolean): unknown {
  const evaluation = {
    health: rule.health,
    ...(rule.lastError === "" ? {} : { lastError: rule.lastError }),
    evaluationTime: rule.evaluationTimeMs / 1000,
    lastEvaluation: formatTime(rule.lastEvaluationMs),
  };
  const labels = labelsObject(rule.labels);
  if (rule.kind === "record")
    return { name: rule.name, query: rule.query, labels, ...evaluation, type: "recording" };
  return {
    state: rule.state,
    name: rule.name,
    query: rule.query,
    duration: rule.forMs / 1000,
    keepFiringFor: rule.keepFiringForMs / 1000,
    labels,
    annotations: labelsObject(rule.annotations),
    alerts: excludeAlerts ? [] : rule.alerts.map(alertJson),
    ...evaluation,
    type: "alerting",
  };
}

/** `/api/v1/alerts`: what is pending or firing. */
export function alerts({ rules: provider }: Pick<ApiDependencies, "rules">): Answer {
  return success({ alerts: activeAlerts(provider).map(alertJson) });
}

/** `/api/v1/dashboard/alerts`: what is firing, as a plain list. */
export function dashboardAlerts({ rules: provider }: Pick<ApiDependencies, "rules">): Answer {
  const firing = activeAlerts(provider).filter(({ state }) => state === "firing");
  return jsonAnswer(JSON.stringify(firing.map(alertJson)));
}

function activeAlerts(provider: ApiDependencies["rules"]): readonly ActiveAlert[] {
  return provider
    .groups()
    .flatMap((group) => group.rules)
    .flatMap((rule) => (rule.kind === "alert" ? rule.alerts : []));
}

function alertJson(alert: ActiveAlert): unknown {
  const { keepFiringSinceMs } = alert;
  return {
    labels: labelsObject(alert.labels),
    annotations: labelsObject(alert.annotations),
    state: alert.state,
    activeAt: formatTime(alert.activeAtMs),
    ...(keepFiringSinceMs === undefined ? {} : { keepFiringSince: formatTime(keepFiringSinceMs) }),
    value: exponentText(alert.value),
  };
}

/** As Prometheus writes the value of an alert: `1.5e+00`. */
export function exponentText(value: number): string {
  if (!Number.isFinite(value)) return formatValue(value);
  const [digits = "", exponent = ""] = value.toExponential().split("e");
  const sign = Object.is(value, -0) ? "-" : "";
  return `${sign}${digits}e${exponent.slice(0, 1)}${exponent.slice(1).padStart(2, "0")}`;
}

/** `/api/v1/alertmanagers`: where alerts are sent on to, beside what is notified from here. */
export function alertmanagers(
  _request: Request,
  { alertmanagers: provider }: Pick<ApiDependencies, "alertmanagers">,
): Answer {
  const { active, dropped } = provider.targets();
  const listed = (urls: readonly string[]): { url: string }[] => urls.map((url) => ({ url }));
  return success({ activeAlertmanagers: listed(active), droppedAlertmanagers: listed(dropped) });
}
