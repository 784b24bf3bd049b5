import { fingerprint, type Notification } from "@pharos/alert";
import { errorText, labelsFrom, OperatingError } from "@pharos/base";
import type { Json } from "@pharos/ports";
import type { IntegrationConfig, IntegrationKind } from "../config/integration-config.ts";
import { integrationKey } from "../config/integration-config.ts";
import type { ReceiverConfig } from "../config/notification-config.ts";
import type { Receiver } from "../receiver.ts";
import { createReceiver } from "./create-receiver.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";

/** What became of the test of one integration. */
export interface TestedIntegration {
  /** `team/webhook[0]`. */
  readonly integration: string;
  readonly status: "delivered" | "failed";
  /** Why it failed, without secrets. */
  readonly error?: string;
  /** Whether another attempt may go better: the other side was not there, or had too much to do. */
  readonly transient?: boolean;
  readonly durationMs: number;
}

export interface TestNotificationOptions {
  /** Labels and annotations beside the usual ones, which they replace: to see what a template makes of them. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What somebody would have to close by hand if it were only opened. */
const KEEPS_SOMETHING_OPEN: ReadonlySet<IntegrationKind> = new Set([
  ...(["pagerduty", "opsgenie", "victorops", "jira", "incidentio"] as const),
]);

/**
 * Sends a notification that says it is a test, once, to each of a receiver's integrations, all at the same time. Where
 * that opens an incident or an issue, a second one resolves it again.
 *
 * @throws the signal's reason. That an integration does not work is its result.
 */
export function testReceiver(
  { name, integrations }: Pick<ReceiverConfig, "name" | "integrations">,
  environment: ReceiverEnvironment,
  signal: AbortSignal,
  options: TestNotificationOptions = {},
): Promise<readonly TestedIntegration[]> {
  const nowMs = environment.clock.nowMs();
  const firing = testNotification(name, nowMs, environment.externalUrl, options);
  return Promise.all(
    integrations.map((config) => testIntegration(config, firing, environment, signal)),
  );
}

async function testIntegration(
  config: IntegrationConfig,
  firing: Notification,
  environment: ReceiverEnvironment,
  signal: AbortSignal,
): Promise<TestedIntegration> {
  const { clock } = environment;
  const integration = integrationKey(firing.receiver, config);
  const startMs = clock.monotonicMs();
  try {
    const receiver = createReceiver(config, environment);
    const state = await told(receiver, firing, undefined, signal);
    if (KEEPS_SOMETHING_OPEN.has(config.kind))
      await told(receiver, resolved(firing, clock.nowMs()), state, signal);
    return { integration, status: "delivered", durationMs: clock.monotonicMs() - startMs };
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return {
      ...{ integration, status: "failed", error: errorText(error) },
      transient: error.code !== "notify.rejected",
      durationMs: clock.monotonicMs() - startMs,
    };
  }
}

async function told(
  receiver: Receiver,
  notification: Notification,
  state: Json | undefined,
  signal: AbortSignal,
): Promise<Json | undefined> {
  const idempotencyKey = `${notification.groupKey} ${notification.reason}`;
  return (await receiver.send({ idempotencyKey, notification, state }, signal)).state;
}

function testNotification(
  receiver: string,
  nowMs: number,
  externalUrl: string,
  { labels = {}, annotations = {} }: TestNotificationOptions,
): Notification {
  const all = labelsFrom({
    alertname: "TestNotification",
    instance: "pharos",
    severity: "none",
    ...labels,
  });
  const texts = {
    summary: "This is a test: nothing is wrong.",
    description: `Sent to try out the receiver ${receiver}.`,
    ...annotations,
  };
  return {
    receiver,
    // Each test is a group of its own: systems elsewhere must not take it for one that they know.
    groupKey: `{}/{test="${fingerprint(all)}-${nowMs}"}:{alertname="TestNotification"}`,
    groupLabels: all.filter(([name]) => name === "alertname"),
    routeLabels: [],
    reason: "first notification",
    alerts: [
      {
        labels: all,
        annotations: Object.entries(texts),
        ...{ startsAtMs: nowMs, endsAtMs: null, generatorUrl: externalUrl },
      },
    ],
  };
}

function resolved(firing: Notification, endsAtMs: number): Notification {
  const alerts = firing.alerts.map((alert) => ({ ...alert, endsAtMs }));
  return { ...firing, reason: "all alerts resolved", alerts };
}
