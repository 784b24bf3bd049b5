import {
  buildRoute,
  type InhibitRule,
  type Route,
  type TemplateFile,
  type TimeInterval,
} from "@pharos/alert";
import type { NamedText } from "./integration-base.ts";
import { type IntegrationConfig, integrationKey } from "./integration-config.ts";
import type { WebhookConfig } from "./webhook-config.ts";

/** Who is told of alerts, when and how: an `alertmanager.yml`, checked, with all defaults and globals filled in. */
export interface NotificationConfig {
  /** After this long an alert from outside that says nothing of its end is over. */
  readonly resolveTimeoutMs: number;
  readonly route: Route;
  readonly receivers: readonly ReceiverConfig[];
  /** What the names in routes mean. */
  readonly timeIntervals: ReadonlyMap<string, readonly TimeInterval[]>;
  readonly inhibitRules: readonly InhibitRule[];
  /** Files that define what the templates in fields of integrations name. */
  readonly templates: readonly TemplateFile[];
}

export interface ReceiverConfig {
  readonly name: string;
  /** For finding receivers by the API. */
  readonly labels: readonly NamedText[];
  /** By kind in the order of `INTEGRATION_KINDS`, within a kind in that of the file. */
  readonly integrations: readonly IntegrationConfig[];
}

/** Alertmanager's defaults. */
export const DEFAULT_RESOLVE_TIMEOUT_MS = 5 * 60_000;
export const DEFAULT_ROUTE_TIMES = {
  groupWaitMs: 30_000,
  groupIntervalMs: 5 * 60_000,
  repeatIntervalMs: 4 * 3_600_000,
} as const satisfies Partial<Route>;
/** Alertmanager has no limit of its own here; a receiver that does not answer must not hold its place for ever. */
export const DEFAULT_INTEGRATION_TIMEOUT_MS = 30_000;

/** Tells nobody: what holds where nothing is configured. */
export const SILENT_NOTIFICATION_CONFIG: NotificationConfig = {
  resolveTimeoutMs: DEFAULT_RESOLVE_TIMEOUT_MS,
  route: buildRoute({}),
  receivers: [],
  timeIntervals: new Map(),
  inhibitRules: [],
  templates: [],
};

/** The webhooks of the top route's receiver, by key, such as `team/webhook[0]`. */
export function integrationsOf(
  config: NotificationConfig,
): { readonly key: string; readonly config: WebhookConfig }[] {
  const receiver = config.receivers.find(({ name }) => name === config.route.receiver);
  return (receiver?.integrations ?? [])
    .filter((integration) => integration.kind === "webhook")
    .map((webhook) => ({ key: integrationKey(config.route.receiver, webhook), config: webhook }));
}
