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
  DEFAULT_RESOLVE_TIMEOUT_MS,
  DEFAULT_ROUTE_TIMES,
  DEFAULT_WEBHOOK_TIMEOUT_MS,
  type NotificationConfig,
  type NotificationHttpConfig,
  type ReceiverConfig,
  SILENT_NOTIFICATION_CONFIG,
  type WebhookConfig,
} from "./notification-config.ts";
export {
  DeliveryError,
  type OutgoingNotification,
  type Receipt,
  type Receiver,
} from "./receiver.ts";
export { DEFAULT_RETRY, type RetryPolicy, retryDelayMs } from "./retry.ts";
export { WebhookReceiver, type WebhookSender } from "./webhook-receiver.ts";
