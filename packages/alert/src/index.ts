export {
  compareLabelSets,
  type GroupAlert,
  groupKey,
  groupLabels,
  type HeardAlert,
  isResolved,
  mergeAlerts,
  sortAlerts,
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
export { fingerprint, hashLabels, rememberFingerprint } from "./fingerprint.ts";
export {
  DEFAULT_FLAP_POLICY,
  type FlapPolicy,
  type FlapState,
  isHeldForFlapping,
} from "./incident/flapping.ts";
export {
  type Acknowledgement,
  type AlertKind,
  firingAlerts,
  type HoldReason,
  heldBecause,
  INCIDENT_STATUSES,
  type Incident,
  type IncidentAlert,
  type IncidentEscalation,
  type IncidentGroup,
  type IncidentStatus,
  incidentId,
  isCovered,
  isLive,
  kindOf,
  mayEscalate,
} from "./incident/incident.ts";
export type { ObservedAlert } from "./incident/incident-alerts.ts";
export { incidentFromJson, incidentToJson } from "./incident/incident-json.ts";
export {
  type IncidentEvent,
  type IncidentStep,
  needsKeeping,
  nextStepMs,
  stepIncident,
} from "./incident/incident-step.ts";
export type {
  EscalationResult,
  IncidentTransition,
  NamedAlerts,
  NotificationResult,
  ResolutionCause,
  TransitionDetail,
  TransitionKind,
} from "./incident/incident-transition.ts";
export {
  comparePriorities,
  PRIORITIES,
  type Priority,
  priorityOf,
  severityOf,
} from "./incident/severity.ts";
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
export {
  NO_RECORD,
  NOTIFICATION_REASONS,
  type NotifiableAlerts,
  type NotificationReason,
  type NotificationRecord,
  needsNotification,
  type PlannedNotification,
  type PlanOptions,
  planNotification,
  recordAfterFailure,
  recordBesides,
  recordWithout,
} from "./notification-plan.ts";
export {
  type Contact,
  type EscalationPolicy,
  type EscalationStep,
  type EscalationTarget,
  NO_ONCALL_PLAN,
  type OnCallPlan,
  type ResolvedTargets,
  resolveTargets,
} from "./oncall/oncall-plan.ts";
export {
  type Handover,
  type OnDuty,
  onCallAt,
  type Schedule,
  type ScheduleLayer,
  type ScheduleOverride,
  SHIFTS_RANGE_MS_MAX,
  type Shift,
  shifts,
} from "./oncall/schedule.ts";
export {
  type EscalationMove,
  type EscalationPage,
  isFor,
  LATE_MS_MAX,
  needyAlerts,
  nextEscalationMs,
  type PlannedStep,
  planEscalation,
  policyOf,
  stepEscalation,
} from "./oncall/step-escalation.ts";
export {
  type CountedThings,
  countThings,
  mayComeFrom,
  type Population,
  populationOf,
} from "./population.ts";
export { NotificationReplay, type ReplayRouting } from "./replay/notification-replay.ts";
export { type FiringInterval, RuleReplay, type RuleReplayOptions } from "./replay/rule-replay.ts";
export {
  buildRoute,
  ROUTE_DEPTH_MAX,
  ROUTES_MAX,
  type RouteParts,
  TOP_ROUTE,
  walkRoutes,
} from "./routing/build-route.ts";
export { channelReceiver, withChannelRoutes } from "./routing/channel-routes.ts";
export {
  INHIBITORS_SHOWN_MAX,
  type InhibitingAlert,
  Inhibitor,
  type InhibitRule,
  type InhibitSource,
} from "./routing/inhibition.ts";
export { matchRoutes } from "./routing/match-routes.ts";
export {
  parseTimeInterval,
  type ReportProblem,
  type WrittenTimeInterval,
  type WrittenTimeRange,
} from "./routing/parse-time-interval.ts";
export type { Route } from "./routing/route.ts";
export {
  type InclusiveRange,
  isActiveAt,
  type TimeInterval,
  type TimeRange,
} from "./routing/time-interval.ts";
export { isTimeZone, TIME_ZONE_HINT } from "./routing/time-zone.ts";
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
  CHANNELS_LABEL,
  type CompiledForm,
  channelsOf,
  compileRuleForm,
  type SimpleCondition,
  simpleCondition,
} from "./rule-forms/compile-rule-form.ts";
export { readQuery } from "./rule-forms/query-text.ts";
export type { LabelNames } from "./rule-forms/result-labels.ts";
export {
  COMPARISONS,
  CONDITION_DEPTH_MAX,
  CONDITIONS_MAX,
  type Comparison,
  type RuleCondition,
  type RuleForm,
} from "./rule-forms/rule-form.ts";
export { type RuleSentence, readRuleSentence } from "./rule-forms/rule-sentence.ts";
export { channelOf, isRuleText, readRuleText } from "./rule-forms/rule-text.ts";
export { parseSpokenDuration, SPOKEN_DURATION_HINT } from "./rule-forms/spoken-duration.ts";
export {
  type Alert,
  type AlertChange,
  alertTexts,
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
export { ruleWaves } from "./rule-waves.ts";
export {
  checkSilenceCount,
  expireSilence,
  SILENCE_LENGTH_MAX,
  SILENCE_MATCHERS_MAX,
  SILENCES_MAX,
  type SilenceDraft,
  type SilenceEdit,
  setSilence,
  validateSilence,
} from "./silence/edit-silence.ts";
export {
  activeWindow,
  RECURRENCE_DURATION_MS_MAX,
  RECURRENCE_DURATION_MS_MIN,
  type Recurrence,
  RRULE_LENGTH_MAX,
  recurrenceProblem,
  type TimeWindow,
} from "./silence/recurrence.ts";
export {
  isSilenceForgotten,
  SILENCE_RETENTION_MS,
  type Silence,
  type SilenceState,
  silenceState,
} from "./silence/silence.ts";
export { previewSilence, SilenceIndex } from "./silence/silence-index.ts";
export {
  type MatcherJson,
  matcherFromJson,
  matcherToJson,
  silenceFromJson,
  silenceToJson,
} from "./silence/silence-json.ts";
export { EXPANSION_LENGTH_MAX, EXPANSION_STEPS_MAX } from "./template/expansion.ts";
export {
  CHART_CONTENT_ID,
  commonPairs,
  type NotificationData,
  type NotificationEnvironment,
  notificationData,
} from "./template/notification-data.ts";
export {
  NOTIFICATION_LIMITS,
  NotificationTemplates,
  type TemplateFile,
} from "./template/notification-template.ts";
export {
  expandTemplate,
  parseTemplate,
  renderTemplate,
  type Template,
  type TemplateData,
} from "./template/template.ts";
export { queryEscape } from "./template/template-functions.ts";
export { TEMPLATE_LENGTH_MAX, TemplateSyntaxError } from "./template/template-lexer.ts";
export {
  TEMPLATE_QUERIES_MAX,
  TEMPLATE_QUERY_SERIES_MAX,
  TemplateQueries,
  type TemplateQuery,
} from "./template/template-queries.ts";
export { type WebhookAlert, type WebhookPayload, webhookPayload } from "./webhook-payload.ts";
