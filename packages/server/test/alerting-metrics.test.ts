import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import type { ClusterMember, EscalationStats, HeartbeatStatus } from "@pharos/notify";
import { SimClock } from "@pharos/testing";
import {
  addClusterMetrics,
  addOnCallMetrics,
  addRuleBookMetrics,
} from "../src/alerting/alerting-metrics.ts";
import { addOutboxMetrics } from "../src/alerting/delivery-metrics.ts";
import { OwnMetrics } from "../src/own-metrics.ts";
import { AlertmanagerWorld } from "./alertmanager-world.ts";

const CONFIG = `
route: {receiver: a, group_by: [alertname], group_wait: 1s, group_interval: 1m}
receivers: [{name: a, webhook_configs: [{url: "http://a.test"}]}]
`;

/** The samples of `/metrics` whose lines begin so, but for zeros. */
async function samples(metrics: OwnMetrics, prefix: string): Promise<Record<string, number>> {
  const lines = (await metrics.text()).split("\n").filter((line) => line.startsWith(prefix));
  return Object.fromEntries(
    lines
      .map(
        (line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))] as const,
      )
      .filter(([, value]) => value !== 0),
  );
}

test("each attempt is counted, and each notification once with the reason why it was given up", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const { metrics } = world;
  await world.fire({ alertname: "Delivered" });
  await world.pass(2_000);
  world.refuses = true;
  await world.fire({ alertname: "Refused" });
  await world.pass(10_000);
  deepEqual(await samples(metrics, "alertmanager_notifications_"), {
    'alertmanager_notifications_total{integration="webhook"}': 2,
    'alertmanager_notifications_failed_total{integration="webhook",reason="clientError"}': 1,
  });

  world.refuses = "for now";
  await world.fire({ alertname: "Unheard" });
  await world.pass(30_000);
  deepEqual(await samples(metrics, "alertmanager_notifications_"), {
    'alertmanager_notifications_total{integration="webhook"}': 3,
    'alertmanager_notifications_failed_total{integration="webhook",reason="clientError"}': 1,
    'alertmanager_notifications_failed_total{integration="webhook",reason="serverError"}': 1,
  });
  deepEqual(await samples(metrics, "alertmanager_notification_requests"), {
    'alertmanager_notification_requests_total{integration="webhook"}': 6,
    'alertmanager_notification_requests_failed_total{integration="webhook"}': 5,
  });
  const latency = "alertmanager_notification_latency_seconds";
  deepEqual(await samples(metrics, `${latency}_count`), {
    [`${latency}_count{integration="webhook"}`]: 6,
  });
});

test("every kind of integration is there before its first notification, as with Alertmanager", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const text = await world.metrics.text();
  for (const kind of ["webhook", "email", "slack", "incidentio"])
    for (const reason of ["clientError", "serverError", "contextCanceled"])
      equal(
        text.includes(
          `alertmanager_notifications_failed_total{integration="${kind}",reason="${reason}"} 0\n`,
        ),
        true,
      );
});

test("what waits in the outbox is told with its age and its integration", async () => {
  await using world = await AlertmanagerWorld.open(CONFIG);
  const { dispatcher, http } = world;
  const metrics = new OwnMetrics();
  addOutboxMetrics(metrics, http.clock, dispatcher);
  const up = 'pharos_notification_integration_up{integration="a/webhook[0]"}';
  deepEqual(await samples(metrics, "pharos_notification_"), { [up]: 1 });
  world.refuses = "for now";
  await world.fire({ alertname: "A" });
  await world.pass(4_000);
  deepEqual(await samples(metrics, "pharos_notification_"), {
    pharos_notification_outbox_oldest_seconds: 3,
    'pharos_notification_integration_waiting{integration="a/webhook[0]"}': 1,
    [up]: 1,
  });
  // So many that fail one after another that it is left alone.
  await world.fire({ alertname: "B" }, { alertname: "C" });
  await world.pass(10_000);
  equal((await samples(metrics, up))[up], undefined);
});

test("escalations and heartbeats say how they stand", async () => {
  const clock = new SimClock(1_000_000);
  const metrics = new OwnMetrics();
  let stats: EscalationStats = { moves: 3, pages: 2, failures: 1, oldestDueMs: undefined };
  const heartbeats: HeartbeatStatus[] = [
    { name: "backup", withinMs: 1000, lastSeenMs: 990_000, missingSinceMs: null },
    { name: "never", withinMs: 1000, lastSeenMs: null, missingSinceMs: 995_000 },
  ];
  addOnCallMetrics(metrics, clock, {
    escalationStats: () => stats,
    heartbeats: { list: () => heartbeats, hear: async () => {} },
  });
  deepEqual(await samples(metrics, "pharos_"), {
    ...(await samples(new OwnMetrics(), "pharos_")),
    pharos_escalation_moves_total: 3,
    pharos_escalation_pages_total: 2,
    pharos_escalation_failures_total: 1,
    'pharos_heartbeat_last_seen_timestamp_seconds{heartbeat="backup"}': 990,
    'pharos_heartbeat_missing{heartbeat="never"}': 1,
  });
  stats = { ...stats, oldestDueMs: 700_000 };
  deepEqual(await samples(metrics, "pharos_escalation_overdue"), {
    pharos_escalation_overdue_seconds: 300,
  });
});

test("a cluster is told as Alertmanager tells it, and each peer by its address", async () => {
  const peer: ClusterMember = {
    ...{ name: "b", address: "http://b.test", isUp: true },
    ...{ heardAgoMs: 1500, waiting: 7, sent: 20 },
  };
  const down: ClusterMember = { ...peer, name: "", address: "http://c.test", isUp: false, sent: 1 };
  const metrics = new OwnMetrics();
  addClusterMetrics(metrics, {
    ...{ name: "a", members: () => [peer, down], isSettled: true, receivedCount: 5 },
  });
  deepEqual(await samples(metrics, "alertmanager_cluster_"), {
    alertmanager_cluster_enabled: 1,
    alertmanager_cluster_members: 2,
    alertmanager_cluster_failed_peers: 1,
    'alertmanager_cluster_peer_info{peer="a"}': 1,
    'alertmanager_cluster_messages_received_total{msg_type="update"}': 5,
    'alertmanager_cluster_messages_sent_total{msg_type="update"}': 21,
  });
  deepEqual(await samples(metrics, "pharos_cluster_"), {
    'pharos_cluster_peer_up{address="http://b.test"}': 1,
    'pharos_cluster_peer_heard_seconds{address="http://b.test"}': 1.5,
    'pharos_cluster_peer_heard_seconds{address="http://c.test"}': 1.5,
    'pharos_cluster_peer_waiting_updates{address="http://b.test"}': 7,
    'pharos_cluster_peer_waiting_updates{address="http://c.test"}': 7,
    pharos_cluster_settled: 1,
  });

  const alone = new OwnMetrics();
  addClusterMetrics(alone, undefined);
  const text = await alone.text();
  equal(text.includes("\nalertmanager_cluster_enabled 0\n"), true);
  equal(text.includes("alertmanager_cluster_members"), false);
});

test("rules of the API and what was done to them are counted", async () => {
  const metrics = new OwnMetrics();
  addRuleBookMetrics(metrics, {
    ruleCount: 4,
    changeCounts: new Map([["created", 3] as const, ["rolled back", 1] as const]),
  });
  deepEqual(await samples(metrics, "pharos_api_rule"), {
    pharos_api_rules: 4,
    'pharos_api_rule_changes_total{action="created"}': 3,
    'pharos_api_rule_changes_total{action="rolled back"}': 1,
  });
});
