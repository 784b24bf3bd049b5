export type {
  DiscordConfig,
  MattermostAttachment,
  MattermostConfig,
  MattermostPriority,
  MsTeamsConfig,
  MsTeamsV2Config,
  RocketChatAction,
  RocketChatConfig,
  TelegramConfig,
  WebexConfig,
  WeChatConfig,
} from "./config/chat-configs.ts";
export type { EmailConfig, HostPort, SmtpAuth } from "./config/email-config.ts";
export type {
  HttpIntegrationBase,
  IntegrationBase,
  NamedText,
  NotificationHttpConfig,
} from "./config/integration-base.ts";
export {
  INTEGRATION_KINDS,
  type IntegrationConfig,
  type IntegrationKind,
  integrationKey,
} from "./config/integration-config.ts";
export type { JiraConfig, JiraField, JiraLabels } from "./config/jira-config.ts";
export {
  DEFAULT_INTEGRATION_TIMEOUT_MS,
  DEFAULT_RESOLVE_TIMEOUT_MS,
  DEFAULT_ROUTE_TIMES,
  type NotificationConfig,
  type ReceiverConfig,
  SILENT_NOTIFICATION_CONFIG,
} from "./config/notification-config.ts";
export type {
  IncidentIoConfig,
  OpsgenieConfig,
  OpsgenieResponder,
  PagerDutyConfig,
  PagerDutyImage,
  PagerDutyLink,
  PushoverConfig,
  SigV4Config,
  SnsConfig,
  VictorOpsConfig,
} from "./config/paging-configs.ts";
export type {
  SlackAction,
  SlackConfig,
  SlackConfirmation,
  SlackField,
  SlackThread,
} from "./config/slack-config.ts";
export type { WebhookConfig } from "./config/webhook-config.ts";
export { DELIVERY_LOG_MAX } from "./delivery-log.ts";
export { DELIVERIES_CONCURRENT_MAX, type Delivery } from "./delivery-loop.ts";
export {
  ALERTS_MAX,
  Dispatcher,
  type DispatcherOptions,
  type DispatcherStats,
  GROUPS_MAX,
  OUTBOX_PER_GROUP_MAX,
} from "./dispatcher.ts";
export {
  ALERT_HISTORY_COLLECTION,
  ALERT_PHASES,
  AlertHistory,
  type AlertHistoryQuery,
  type AlertPhase,
  type AlertTransitionRecord,
} from "./incidents/alert-history.ts";
export {
  DEFAULT_HISTORY_RETENTION,
  type HistoryRetention,
  HistorySweeper,
} from "./incidents/counted-history.ts";
export { IncidentArchive } from "./incidents/incident-archive.ts";
export {
  EVENTS_WAITING_MAX,
  type GroupEvent,
  type IncidentAction,
  IncidentBook,
  type IncidentBookOptions,
  type IncidentChange,
} from "./incidents/incident-book.ts";
export {
  INCIDENT_COLLECTION,
  INCIDENT_EVENT_COLLECTION,
  type TimelineEntry,
} from "./incidents/incident-documents.ts";
export { type FollowedAttempt, IncidentFollower } from "./incidents/incident-follower.ts";
export type { IncidentQuery } from "./incidents/incident-query.ts";
export { INCIDENTS_LIVE_MAX, type IncidentListener } from "./incidents/live-incidents.ts";
export { formatCursor, type Page, type Place, parseCursor } from "./incidents/newest-first.ts";
export {
  DeliveryError,
  type OutgoingNotification,
  type Receipt,
  type Receiver,
} from "./receiver.ts";
export { DEFAULT_RETRY, type RetryPolicy, retryDelayMs } from "./retry.ts";
export { WebhookReceiver, type WebhookSender } from "./webhook-receiver.ts";
