export {
  ALERT_RULES_PATH,
  type AlertRuleJson,
  alertRuleSchema,
  conditionBodySchema,
  prometheusRuleBodySchema,
  queryConditionSchema,
  type RuleReplayJson,
  type RuleTestJson,
  type RuleVersionJson,
  rollbackBodySchema,
  ruleBodySchema,
  ruleEditBodySchema,
  ruleTestSchema,
  ruleVersionSchema,
  structuredRuleBodySchema,
} from "./alert-rules.ts";
export {
  ALERTMANAGER_PATHS,
  ALERTMANAGER_PREFIX,
  ALERTMANAGER_VERSION,
  alertGroupSchema,
  alertmanagerStatusSchema,
  gettableAlertSchema,
  gettableSilenceSchema,
  type PostableAlert,
  type PostableSilence,
  postableAlertsSchema,
  postableSilenceSchema,
  receiversSchema,
} from "./alertmanager.ts";
export {
  DELIVERIES_PATH,
  type DeliveryJson,
  deliveryListSchema,
  RECEIVER_TEST_PATH,
  receiverTestBodySchema,
  receiverTestSchema,
  TEMPLATE_PREVIEW_PATH,
  templatePreviewBodySchema,
  templatePreviewSchema,
} from "./deliveries.ts";
export type { Answer, Endpoint, Method, Parameter } from "./endpoints/endpoint.ts";
export { ENDPOINTS } from "./endpoints.ts";
export { graphDataSchema, graphSeriesSchema, metricQuerySchema } from "./graph-data.ts";
export {
  ALERT_HISTORY_PATH,
  type AlertTransitionJson,
  AUTHOR_LENGTH_MAX,
  acknowledgeSchema,
  alertHistorySchema,
  COMMENT_LENGTH_MAX,
  commentSchema,
  INCIDENTS_PATH,
  type IncidentAlertJson,
  type IncidentDetailJson,
  type IncidentJson,
  incidentActionSchema,
  incidentDetailSchema,
  incidentListSchema,
  incidentSchema,
} from "./incidents.ts";
export { OPENAPI_VERSIONS, type OpenApiVersion, openApiDocument } from "./openapi.ts";
export {
  alertsDataSchema,
  buildInfoDataSchema,
  ERROR_TYPES,
  type ErrorAnswer,
  errorAnswerSchema,
  exemplarsDataSchema,
  labelsSchema,
  metadataDataSchema,
  namesDataSchema,
  pointSchema,
  type QueryData,
  queryDataSchema,
  type RulesData,
  rulesDataSchema,
  seriesDataSchema,
  successAnswerSchema,
  type TargetsData,
  targetsDataSchema,
} from "./prometheus.ts";
export {
  METRIC_LABELS_PATH,
  METRIC_NAMES_PATH,
  METRICS_PATH,
  metricLabelsSchema,
  metricNamesSchema,
  type PushRequest,
  pushAnswerSchema,
  pushErrorSchema,
  pushedMetricSchema,
  pushRequestSchema,
} from "./pushed-metrics.ts";
export { type PlanPart, planPartSchema, queryExplainDataSchema } from "./query-plan.ts";
export {
  ROUTING_PATH,
  type RouteJson,
  type RoutingJson,
  routeSchema,
  routingSchema,
} from "./routing.ts";
export { searchBatchSchema, searchEndSchema, searchLineSchema } from "./search.ts";
export { type Notification, notificationsDataSchema, type SelfMetricsData } from "./status.ts";
