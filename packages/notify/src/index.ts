export { ChangeFollower, type ChangeFollowerOptions } from "./change-follower.ts";
export { Cluster, type ClusterMember, PEER_TIMEOUT_MS } from "./cluster/cluster.ts";
export { dispatchCluster } from "./cluster/cluster-dispatch.ts";
export type { ClusterTransport, ClusterUpdate } from "./cluster/cluster-message.ts";
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
  NotificationProxy,
  OAuth2Config,
} from "./config/integration-base.ts";
export {
  INTEGRATION_KINDS,
  type IntegrationConfig,
  type IntegrationKind,
  integrationKey,
  kindOfIntegration,
} from "./config/integration-config.ts";
export type { JiraConfig, JiraField, JiraLabels } from "./config/jira-config.ts";
export {
  DEFAULT_CHANNEL_REPEAT_MS,
  DEFAULT_INTEGRATION_TIMEOUT_MS,
  DEFAULT_RESOLVE_TIMEOUT_MS,
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
export {
  ATTEMPT_OUTCOMES,
  type AttemptOutcome,
  DELIVERIES_MAX,
  DELIVERY_COLLECTION,
  DELIVERY_PAGE_MAX,
  DELIVERY_RETENTION_MS,
  type Delivery,
  DeliveryLog,
  type DeliveryQuery,
} from "./delivery-log.ts";
export {
  ATTEMPT_MS_MAX,
  type Attempt,
  DELIVERIES_CONCURRENT_MAX,
  type DeliveryStatus,
  RETRY_AFTER_MS_MAX,
} from "./delivery-loop.ts";
export { ALERTS_MAX, RESOLVED_KEPT_MS } from "./dispatch/alert-intake.ts";
export type { AlertStatus, GroupStatus } from "./dispatch/alert-status.ts";
export { type CircuitPolicy, type CircuitState, DEFAULT_CIRCUIT } from "./dispatch/circuit.ts";
export { GROUPS_MAX } from "./dispatch/group-table.ts";
export { groupIdOf } from "./dispatch/idempotency-key.ts";
export { groupIdFor, type LiveGroup } from "./dispatch/live-group.ts";
export type {
  DispatchObserver,
  Enrich,
  GroupIdentity,
  SeenAlert,
  SeenAttempt,
} from "./dispatch/observer.ts";
export type { PageDecision, PageRequest } from "./dispatch/page.ts";
export { acceptPosted, type PostedAlert } from "./dispatch/posted-alert.ts";
export { type AlertSuppression, mutedBy } from "./dispatch/suppression.ts";
export { DEFAULT_RATE_LIMIT, type RateLimit } from "./dispatch/token-bucket.ts";
export type { Write } from "./dispatch/write.ts";
export { Dispatcher, type DispatcherOptions, type DispatcherStats } from "./dispatcher.ts";
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
export type { GroupEvent } from "./incidents/group-event-queue.ts";
export { IncidentArchive } from "./incidents/incident-archive.ts";
export {
  type EscalationEvent,
  type EscalationTaken,
  EVENTS_WAITING_MAX,
  type IncidentAction,
  IncidentBook,
  type IncidentBookOptions,
} from "./incidents/incident-book.ts";
export {
  INCIDENT_COLLECTION,
  INCIDENT_EVENT_COLLECTION,
  type TimelineEntry,
} from "./incidents/incident-documents.ts";
export {
  type FollowedAttempt,
  followIncidents,
  IncidentFollower,
} from "./incidents/incident-follower.ts";
export type { IncidentQuery } from "./incidents/incident-query.ts";
export { INCIDENTS_LIVE_MAX, type IncidentListener } from "./incidents/live-incidents.ts";
export { formatCursor, type Page, type Place, parseCursor } from "./incidents/newest-first.ts";
export {
  EscalationRunner,
  type EscalationRunnerOptions,
  type EscalationStats,
  PAGE_MS_MAX,
} from "./oncall/escalation-runner.ts";
export {
  HeartbeatSender,
  type HeartbeatSenderOptions,
  WATCHDOG,
} from "./oncall/heartbeat-sender.ts";
export {
  HEARTBEAT_COLLECTION,
  HEARTBEAT_MISSING,
  type HeartbeatStatus,
  HeartbeatWatch,
  type HeartbeatWatchOptions,
  type WatchedHeartbeat,
} from "./oncall/heartbeat-watch.ts";
export {
  type KeptOverride,
  OVERRIDE_COLLECTION,
  OverrideBook,
  type OverrideBookOptions,
} from "./oncall/override-book.ts";
export {
  SILENCE_ENDING,
  SilenceReminder,
  type SilenceReminderOptions,
} from "./oncall/silence-reminder.ts";
export { Periodic, type PeriodicOptions } from "./periodic.ts";
export {
  DeliveryError,
  type OutgoingNotification,
  type Receipt,
  type Receiver,
} from "./receiver.ts";
export type { AwsSurroundings } from "./receivers/aws-credentials.ts";
export { createReceiver } from "./receivers/create-receiver.ts";
export type { ReceiverEnvironment } from "./receivers/receiver-environment.ts";
export type { AwsCredentials } from "./receivers/sigv4.ts";
export {
  type TestedIntegration,
  type TestNotificationOptions,
  testReceiver,
} from "./receivers/test-notification.ts";
export { DEFAULT_RETRY, type RetryPolicy, retryDelayMs } from "./retry.ts";
export { SilenceBook, type SilenceBookOptions } from "./silences/silence-book.ts";
export { SILENCE_COLLECTION } from "./silences/silence-documents.ts";
