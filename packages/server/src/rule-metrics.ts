import type { RuleGroup } from "@pharos/alert";
import type { AlertSender } from "./alert-sender/alert-sender.ts";
import type { AlertmanagerCounts } from "./alert-sender/alertmanager-client.ts";
import type { OwnMetrics } from "./own-metrics.ts";
import type { RuleGroupCounts } from "./rules/rule-group-runner.ts";
import type { RuleManager } from "./rules/rule-manager.ts";

/**
 * What rules, and the sending of their alerts to Alertmanagers elsewhere, say of themselves at `/metrics`. Under
 * Prometheus's names, so that the dashboards and alerts that people have for it go on working.
 */
export function addRuleMetrics(
  metrics: OwnMetrics,
  { rules, sender }: { readonly rules: RuleManager; readonly sender: AlertSender },
): void {
  const byCounts = (pick: (counts: RuleGroupCounts) => number) => () =>
    [...rules.counts()].map(([group, counts]) => [{ rule_group: group }, pick(counts)] as const);
  const counter = (name: string, help: string, pick: (counts: RuleGroupCounts) => number): void =>
    metrics.counter(`prometheus_${name}`, help, byCounts(pick), ["rule_group"]);
  counter("rule_evaluations_total", "Rules evaluated.", ({ evaluations }) => evaluations);
  counter(
    "rule_evaluation_failures_total",
    "Rules that could not be evaluated.",
    ({ failures }) => failures,
  );
  counter(
    "rule_group_iterations_total",
    "Evaluations of a group that were due.",
    ({ iterations }) => iterations,
  );
  counter(
    "rule_group_iterations_missed_total",
    "Evaluations of a group that did not happen because the one before took too long.",
    ({ missedIterations }) => missedIterations,
  );
  const gauge = (name: string, help: string, pick: (counts: RuleGroupCounts) => number): void =>
    metrics.gauge(`prometheus_rule_group_${name}`, help, byCounts(pick), ["rule_group"]);
  const configured = (name: string, help: string, pick: (group: RuleGroup) => number): void =>
    metrics.gauge(
      `prometheus_rule_group_${name}`,
      help,
      () =>
        [...rules.configured()].map(([key, group]) => [{ rule_group: key }, pick(group)] as const),
      ["rule_group"],
    );
  configured("rules", "Rules of a group.", ({ rules }) => rules.length);
  configured(
    "interval_seconds",
    "How often a group is evaluated.",
    ({ intervalMs }) => intervalMs / 1000,
  );
  gauge(
    "last_duration_seconds",
    "How long the last evaluation of a group took.",
    ({ evaluationTimeMs }) => evaluationTimeMs / 1000,
  );
  gauge(
    "last_evaluation_timestamp_seconds",
    "When a group was evaluated last; 0 for never.",
    ({ lastEvaluationMs }) => (lastEvaluationMs ?? 0) / 1000,
  );
  gauge(
    "last_evaluation_samples",
    "Samples that the last evaluation of a group wrote.",
    ({ lastSamples }) => lastSamples,
  );
  addSenderMetrics(metrics, sender);
}

/** Gives what to tell of each request to an Alertmanager elsewhere. */
export function addSendingLatency(
  metrics: OwnMetrics,
): (alertmanager: string, seconds: number) => void {
  const observe = metrics.summary(
    "prometheus_notifications_latency_seconds",
    "How long requests with alerts to an Alertmanager took.",
    ["alertmanager"],
  );
  return (alertmanager, seconds) => observe({ alertmanager }, seconds);
}

function addSenderMetrics(metrics: OwnMetrics, sender: AlertSender): void {
  const counter = (
    name: string,
    help: string,
    pick: (counts: AlertmanagerCounts) => number,
  ): void =>
    metrics.counter(
      `prometheus_notifications_${name}`,
      help,
      () =>
        [...sender.stats().alertmanagers].map(
          ([alertmanager, counts]) => [{ alertmanager }, pick(counts)] as const,
        ),
      ["alertmanager"],
    );
  counter("sent_total", "Alerts sent on to an Alertmanager.", ({ sent }) => sent);
  counter(
    "errors_total",
    "Alerts in requests to an Alertmanager that failed.",
    ({ errors }) => errors,
  );
  counter(
    "dropped_total",
    "Alerts that were never sent to an Alertmanager, since too many waited.",
    ({ dropped }) => dropped,
  );
  metrics.gauge(
    "prometheus_notifications_queue_length",
    "Alerts that wait to be sent on.",
    () => sender.stats().queued,
  );
  metrics.gauge(
    "prometheus_notifications_queue_capacity",
    "Alerts that may wait for one Alertmanager.",
    () => sender.stats().queueCapacity,
  );
  metrics.gauge(
    "prometheus_notifications_alertmanagers_discovered",
    "Alertmanagers that alerts are sent on to.",
    () => sender.targets().active.length,
  );
}
