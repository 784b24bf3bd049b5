import { assert, type Clock } from "@pharos/base";
import {
  type Attempt,
  type Dispatcher,
  INTEGRATION_KINDS,
  type IntegrationKind,
  kindOfIntegration,
} from "@pharos/notify";
import type { Observe, OwnMetrics } from "../own-metrics.ts";

/**
 * Why a notification was given up, in Alertmanager's words: the receiver refuses it for good, it went on failing, or
 * nobody needs it any more, since somebody is at it or it is over.
 */
const FAILURE_REASONS = ["clientError", "serverError", "contextCanceled"] as const;
type FailureReason = (typeof FAILURE_REASONS)[number];

/** Alertmanager's, and finer ones below: most receivers answer within a second. */
const LATENCY_BOUNDS_SECONDS = [0.05, 0.25, 1, 5, 10, 15, 20];

interface KindCounts {
  delivered: number;
  requests: number;
  requestsFailed: number;
  readonly failed: Record<FailureReason, number>;
}

/** The attempts to notify by kind of integration, such as `webhook`, under Alertmanager's names. */
export class DeliveryMetrics {
  readonly #counts: ReadonlyMap<IntegrationKind, KindCounts> = new Map(
    INTEGRATION_KINDS.map((kind) => [
      kind,
      {
        ...{ delivered: 0, requests: 0, requestsFailed: 0 },
        failed: { clientError: 0, serverError: 0, contextCanceled: 0 },
      },
    ]),
  );
  readonly #observeLatency: Observe;

  constructor(metrics: OwnMetrics) {
    const counts = this.#counts;
    const byKind = (name: string, help: string, count: (counts: KindCounts) => number): void =>
      metrics.counter(
        name,
        help,
        () => [...counts].map(([integration, each]) => [{ integration }, count(each)] as const),
        ["integration"],
      );
    byKind(
      "alertmanager_notifications_total",
      "Notifications that came to an end, delivered or not.",
      ({ delivered, failed }) =>
        FAILURE_REASONS.reduce((sum, reason) => sum + failed[reason], delivered),
    );
    metrics.counter(
      "alertmanager_notifications_failed_total",
      "Notifications that were given up, by reason: clientError (refused), serverError (out of attempts), contextCanceled (nobody needs it any more).",
      () =>
        [...counts].flatMap(([integration, { failed }]) =>
          FAILURE_REASONS.map((reason) => [{ integration, reason }, failed[reason]] as const),
        ),
      ["integration", "reason"],
    );
    byKind(
      "alertmanager_notification_requests_total",
      "Attempts to notify.",
      ({ requests }) => requests,
    );
    byKind(
      "alertmanager_notification_requests_failed_total",
      "Attempts to notify that failed; others may have followed.",
      ({ requestsFailed }) => requestsFailed,
    );
    this.#observeLatency = metrics.histogram(
      "alertmanager_notification_latency_seconds",
      "How long an attempt to notify took.",
      LATENCY_BOUNDS_SECONDS,
      ["integration"],
    );
  }

  /** @param key of the integration that was told. */
  attempted(key: string, { outcome, durationMs }: Attempt): void {
    const integration = kindOfIntegration(key);
    const counts = this.#counts.get(integration);
    assert(counts !== undefined, "every kind is counted");
    if (outcome.kind === "delivered") counts.delivered++;
    else if (outcome.kind === "failed") counts.failed[reasonOf(outcome)]++;
    if (outcome.kind === "failed" && outcome.unsent) return;
    counts.requests++;
    if (outcome.kind !== "delivered") counts.requestsFailed++;
    this.#observeLatency({ integration }, durationMs / 1000);
  }
}

function reasonOf({
  error,
  unsent,
}: Extract<Attempt["outcome"], { kind: "failed" }>): FailureReason {
  if (unsent) return "contextCanceled";
  return error.retryable ? "serverError" : "clientError";
}

/** What waits to be delivered, and for whom. */
export function addOutboxMetrics(
  metrics: OwnMetrics,
  clock: Clock,
  dispatcher: Pick<Dispatcher, "integrations" | "oldestUndeliveredMs">,
): void {
  metrics.gauge(
    "pharos_notification_outbox_oldest_seconds",
    "For how long the oldest notification waits that is not delivered yet; 0 for none.",
    () => {
      const oldestMs = dispatcher.oldestUndeliveredMs();
      return oldestMs === undefined ? 0 : Math.max(0, clock.nowMs() - oldestMs) / 1000;
    },
  );
  metrics.gauge(
    "pharos_notification_integration_waiting",
    "Notifications that are not delivered yet, by integration.",
    () =>
      [...dispatcher.integrations()].map(
        ([integration, { waiting, sending }]) => [{ integration }, waiting + sending] as const,
      ),
    ["integration"],
  );
  metrics.gauge(
    "pharos_notification_integration_up",
    "0 while an integration is left alone since it fails again and again, else 1.",
    () =>
      [...dispatcher.integrations()].map(
        ([integration, { circuit }]) => [{ integration }, Number(circuit === "closed")] as const,
      ),
    ["integration"],
  );
}
