export {
  type AlertGroup,
  emptyGroup,
  type GroupAlert,
  type GroupEvent,
  type GroupStep,
  groupKey,
  groupLabels,
  type Integration,
  isResolved,
  type NotificationReason,
  type NotificationRecord,
  needsNotification,
  type PlannedNotification,
  type Route,
  sortAlerts,
  stepGroup,
} from "./alert-group.ts";
export {
  type AlertState,
  type AlertTransition,
  DEFAULT_OUTAGE_TIMES,
  type HoldTimes,
  INACTIVE,
  type OutageTimes,
  RESOLVED_RETENTION_MS,
  restoreAlert,
  stepAlert,
} from "./alert-state.ts";
export { checkRuleGroups, type RuleProblem } from "./check-rules.ts";
export { fingerprint, hashLabels } from "./fingerprint.ts";
export { formatAlertMatcher, formatAlertMatchers } from "./matching/format-alert-matcher.ts";
export { MatcherIndex } from "./matching/matcher-index.ts";
export { MatcherSyntaxError } from "./matching/matcher-syntax-error.ts";
export {
  MATCHERS_COST_MAX,
  MATCHERS_LENGTH_MAX,
  type MatcherMode,
  type ParsedMatchers,
  parseMatcher,
  parseMatchers,
} from "./matching/parse-matchers.ts";
export type {
  Notification,
  NotificationChart,
  NotificationContext,
  NotificationEscalation,
  NotificationIncident,
  NotificationPopulation,
} from "./notification.ts";
export { buildRoute, type RouteParts, TOP_ROUTE, walkRoutes } from "./routing/build-route.ts";
export {
  INHIBITORS_SHOWN_MAX,
  type InhibitingAlert,
  Inhibitor,
  type InhibitRule,
  type InhibitSource,
} from "./routing/inhibition.ts";
export { type ExplainedRoute, explainRoute, matchRoutes } from "./routing/match-routes.ts";
export {
  type InclusiveRange,
  isActiveAt,
  type TimeInterval,
  type TimeRange,
} from "./routing/time-interval.ts";
export {
  type AlertingRule,
  type CompiledAlertingRule,
  type CompiledRecordingRule,
  type CompiledRule,
  compileRule,
  type RecordingRule,
  type Rule,
  type RuleGroup,
  ruleGroupKey,
  ruleKey,
  ruleLabels,
} from "./rule.ts";
export {
  type Alert,
  type AlertChange,
  EMPTY_RULE_STATE,
  endAlerts,
  type RecordingStep,
  type RuleEnvironment,
  type RuleSamples,
  type RuleState,
  type RuleStep,
  type RuleVector,
  restoreRule,
  stepRecordingRule,
  stepRule,
  type WrittenAlert,
  writtenSeries,
} from "./rule-state.ts";
export { type RuleStateJson, ruleStateFromJson, ruleStateToJson } from "./rule-state-json.ts";
export type { Recurrence, Silence, SilenceState } from "./silence/silence.ts";
export { EXPANSION_LENGTH_MAX, EXPANSION_STEPS_MAX } from "./template/expansion.ts";
export {
  expandTemplate,
  parseTemplate,
  renderTemplate,
  type Template,
  type TemplateData,
} from "./template/template.ts";
export { queryEscape } from "./template/template-functions.ts";
export { TEMPLATE_LENGTH_MAX, TemplateSyntaxError } from "./template/template-lexer.ts";
export { type WebhookAlert, type WebhookPayload, webhookPayload } from "./webhook-payload.ts";
