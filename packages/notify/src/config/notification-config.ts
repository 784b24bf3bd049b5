import {
  buildRoute,
  type InhibitRule,
  type Route,
  type TemplateFile,
  type TimeInterval,
} from "@pharos/alert";
import type { NamedText } from "./integration-base.ts";
import type { IntegrationConfig } from "./integration-config.ts";

/** Who is told of alerts, when and how: an `alertmanager.yml`, checked, with all defaults and globals filled in. */
export interface NotificationConfig {
  /** After this long an alert from outside that says nothing of its end is over. */
  readonly resolveTimeoutMs: number;
  readonly route: Route;
  /**
   * After so long without a change, alerts that go by the channels of their rules are told again: as the top route says,
   * or `DEFAULT_CHANNEL_REPEAT_MS` where it says nothing.
   */
  readonly channelRepeatIntervalMs?: number;
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
/** Of routes that no file has: sooner than Alertmanager's, whose routes are for many alerts at once. */
export const DEFAULT_CHANNEL_REPEAT_MS = 15 * 60_000;
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
