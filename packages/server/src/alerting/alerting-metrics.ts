import type { Clock } from "@pharos/base";
import type { Cluster } from "@pharos/notify";
import type { OwnMetrics } from "../own-metrics.ts";
import type { ReloadStatus } from "../part-metrics.ts";
import type { RuleBook } from "../rule-book/rule-book.ts";
import { RULE_ACTIONS } from "../rule-book/stored-rule.ts";
import { addRuleMetrics } from "../rule-metrics.ts";
import type { Alerting } from "./alerting.ts";
import { addAlertmanagerMetrics } from "./alertmanager-metrics.ts";
import { addOutboxMetrics } from "./delivery-metrics.ts";
import { addIncidentMetrics } from "./incidents.ts";
import type { OnCall } from "./oncall.ts";

export interface AlertingSurroundings {
  readonly clock: Clock;
  reloaded(): ReloadStatus;
}

/** What everything from rules to receivers says of itself at `/metrics`, but for attempts: see `DeliveryMetrics`. */
export function addAlertingMetrics(
  metrics: OwnMetrics,
  alerting: Alerting,
  { clock, reloaded }: AlertingSurroundings,
): void {
  const { dispatcher, silences, counts, incidents, oncall, book, peering } = alerting;
  addRuleMetrics(metrics, alerting);
  addRuleBookMetrics(metrics, book);
  addAlertmanagerMetrics(metrics, { clock, dispatcher, silences, counts, reloaded });
  addOutboxMetrics(metrics, clock, dispatcher);
  addIncidentMetrics(metrics, incidents.book);
  addOnCallMetrics(metrics, clock, oncall);
  addClusterMetrics(metrics, peering?.cluster);
}

/** Of the rules of the API. */
export function addRuleBookMetrics(
  metrics: OwnMetrics,
  book: Pick<RuleBook, "ruleCount" | "changeCounts">,
): void {
  metrics.gauge("pharos_api_rules", "Rules that came by the API.", () => book.ruleCount);
  metrics.counter(
    "pharos_api_rule_changes_total",
    "Changes of groups of rules that were made by the API of this server, by what was done.",
    () => RULE_ACTIONS.map((action) => [{ action }, book.changeCounts.get(action) ?? 0] as const),
    ["action"],
  );
}

/** Of escalations, and of heartbeats that are expected. */
export function addOnCallMetrics(
  metrics: OwnMetrics,
  clock: Clock,
  oncall: Pick<OnCall, "escalationStats" | "heartbeats">,
): void {
  metrics.counter(
    "pharos_escalation_moves_total",
    "Moves of escalations that this server took: begun, a step on, a step that reaches nobody left out.",
    () => oncall.escalationStats().moves,
  );
  metrics.counter(
    "pharos_escalation_pages_total",
    "Moves that paged somebody.",
    () => oncall.escalationStats().pages,
  );
  metrics.counter(
    "pharos_escalation_failures_total",
    "Moves that could not be kept or told; they are tried again.",
    () => oncall.escalationStats().failures,
  );
  metrics.gauge(
    "pharos_escalation_overdue_seconds",
    "For how long the move is due that waits longest; 0 for none.",
    () => {
      const { oldestDueMs } = oncall.escalationStats();
      return oldestDueMs === undefined ? 0 : (clock.nowMs() - oldestDueMs) / 1000;
    },
  );
  metrics.gauge(
    "pharos_heartbeat_last_seen_timestamp_seconds",
    "When a heartbeat was last heard that is expected; 0 for never.",
    () =>
      oncall.heartbeats
        .list()
        .map(({ name, lastSeenMs }) => [{ heartbeat: name }, (lastSeenMs ?? 0) / 1000] as const),
    ["heartbeat"],
  );
  metrics.gauge(
    "pharos_heartbeat_missing",
    "1 for a heartbeat that stays away, else 0.",
    () =>
      oncall.heartbeats
        .list()
        .map(
          ({ name, missingSinceMs }) =>
            [{ heartbeat: name }, Number(missingSinceMs !== null)] as const,
        ),
    ["heartbeat"],
  );
}

/**
 * Of the servers that share no document store with this one, under Alertmanager's names where it has them. As there,
 * only whether there is a cluster where there is none.
 */
export function addClusterMetrics(
  metrics: OwnMetrics,
  cluster: Pick<Cluster, "name" | "members" | "isSettled" | "receivedCount"> | undefined,
): void {
  metrics.gauge(
    "alertmanager_cluster_enabled",
    "Whether this server has peers that it shares no database with.",
    () => Number(cluster !== undefined),
  );
  if (cluster === undefined) return;
  metrics.gauge(
    "alertmanager_cluster_members",
    "Servers of the cluster that are up, this one among them.",
    () => 1 + cluster.members().filter(({ isUp }) => isUp).length,
  );
  metrics.gauge(
    "alertmanager_cluster_failed_peers",
    "Servers of the cluster that are down.",
    () => cluster.members().filter(({ isUp }) => !isUp).length,
  );
  metrics.gauge(
    "alertmanager_cluster_peer_info",
    "The name of this server in the cluster, always 1.",
    () => [[{ peer: cluster.name }, 1]],
    ["peer"],
  );
  metrics.counter(
    "alertmanager_cluster_messages_received_total",
    "What peers have told this server.",
    () => [[{ msg_type: "update" }, cluster.receivedCount]],
    ["msg_type"],
  );
  metrics.counter(
    "alertmanager_cluster_messages_sent_total",
    "What this server has told its peers, each counted.",
    () => [[{ msg_type: "update" }, cluster.members().reduce((sum, { sent }) => sum + sent, 0)]],
    ["msg_type"],
  );
  const ofPeers = (
    name: string,
    help: string,
    value: (member: ReturnType<Cluster["members"]>[number]) => number,
  ): void =>
    metrics.gauge(
      name,
      help,
      () =>
        cluster.members().map((member) => [{ address: member.address }, value(member)] as const),
      ["address"],
    );
  ofPeers("pharos_cluster_peer_up", "Whether a peer is up.", ({ isUp }) => Number(isUp));
  ofPeers(
    "pharos_cluster_peer_heard_seconds",
    "How long ago a peer was last heard of; of one that never was, since this server began to listen.",
    ({ heardAgoMs }) => heardAgoMs / 1000,
  );
  ofPeers(
    "pharos_cluster_peer_waiting_updates",
    "What a peer is still to be told.",
    ({ waiting }) => waiting,
  );
  metrics.gauge(
    "pharos_cluster_settled",
    "Whether this server knows what its peers knew at its start; before that it sends nothing.",
    () => Number(cluster.isSettled),
  );
}
