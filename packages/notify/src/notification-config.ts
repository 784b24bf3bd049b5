import type { Route } from "@pharos/alert";
import type { Secret } from "@pharos/base";
import type { TlsOptions } from "@pharos/ports";

/** Who is told of alerts and how: the part of an `alertmanager.yml` that is understood. */
export interface NotificationConfig {
  /** After this long an alert from outside that says nothing of its end is over. */
  readonly resolveTimeoutMs: number;
  readonly route: Route;
  readonly receivers: readonly ReceiverConfig[];
}

export interface ReceiverConfig {
  readonly name: string;
  readonly webhookConfigs: readonly WebhookConfig[];
}

export interface WebhookConfig {
  /** Secret, because chat systems put their keys into it. */
  readonly url: Secret;
  readonly sendResolved: boolean;
  /** Alerts in one body at most; 0 for all. */
  readonly alertsMax: number;
  readonly timeoutMs: number;
  readonly http: NotificationHttpConfig;
}

export interface NotificationHttpConfig {
  readonly basicAuth?: { readonly username: string; readonly password: Secret };
  /** `Authorization: <type> <credentials>`. */
  readonly authorization?: { readonly type: string; readonly credentials: Secret };
  readonly headers?: readonly (readonly [name: string, value: Secret])[];
  readonly tls?: TlsOptions;
  readonly followRedirects: boolean;
}

/** Alertmanager's defaults. */
export const DEFAULT_RESOLVE_TIMEOUT_MS = 5 * 60_000;
export const DEFAULT_ROUTE_TIMES = {
  groupWaitMs: 30_000,
  groupIntervalMs: 5 * 60_000,
  repeatIntervalMs: 4 * 3_600_000,
} as const satisfies Partial<Route>;
/** Alertmanager has no limit of its own here; a receiver that does not answer must not hold its place for ever. */
export const DEFAULT_WEBHOOK_TIMEOUT_MS = 30_000;

/** Tells nobody: what holds where nothing is configured. */
export const SILENT_NOTIFICATION_CONFIG: NotificationConfig = {
  resolveTimeoutMs: DEFAULT_RESOLVE_TIMEOUT_MS,
  route: { receiver: "", groupBy: [], ...DEFAULT_ROUTE_TIMES },
  receivers: [],
};

/** The ways in which the route's receiver is told, by key, such as `team/webhook[0]`. */
export function integrationsOf(
  config: NotificationConfig,
): { readonly key: string; readonly config: WebhookConfig }[] {
  const receiver = config.receivers.find(({ name }) => name === config.route.receiver);
  return (receiver?.webhookConfigs ?? []).map((webhook, index) => ({
    key: `${config.route.receiver}/webhook[${index}]`,
    config: webhook,
  }));
}
