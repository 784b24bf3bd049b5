import { incidentId } from "@pharos/alert";
import { labelsFrom } from "@pharos/base";
import type { Delivery } from "@pharos/notify";
import { loadNotificationConfig } from "../src/config/alertmanager/load-notification-config.ts";
import { HttpWorld, NOW_MS } from "./http-world.ts";
import { addOnCall } from "./oncall-world.ts";

/** Its incidents, one of each status. */
export const [FIRING, ACKNOWLEDGED, RESOLVED] = [
  incidentId("firing", NOW_MS),
  incidentId("acknowledged", NOW_MS),
  incidentId("resolved", NOW_MS),
] as const;

/** A world in which every answer has something in it. */
export async function filledWorld(): Promise<HttpWorld> {
  const world = new HttpWorld();
  await world.write({ __name__: "up", job: "api" }, 5, () => 1);
  const exemplars = [{ labels: labelsFrom({ trace_id: "x" }), timestampMs: NOW_MS, value: 1 }];
  world.exemplars = async () => [{ labels: labelsFrom({ __name__: "up" }), exemplars }];
  world.metadata = [{ metric: "up", type: "gauge", help: "Up.", unit: "", target: [] }];
  world.active = [
    {
      scrapePool: "node",
      scrapeUrl: "http://a:1/metrics",
      globalUrl: "http://a:1/metrics",
      discoveredLabels: [["__address__", "a:1"]],
      labels: [["job", "node"]],
      lastError: "",
      lastScrapeMs: undefined,
      lastScrapeDurationMs: 0,
      health: "unknown",
      scrapeIntervalMs: 15_000,
      scrapeTimeoutMs: 10_000,
    },
  ];
  world.dropped = [{ scrapePool: "node", discoveredLabels: [] }];
  const evaluated = {
    health: "ok",
    lastError: "",
    evaluationTimeMs: 1,
    lastEvaluationMs: NOW_MS,
  } as const;
  world.groups = [
    {
      name: "g",
      file: "r.yml",
      intervalMs: 1000,
      limit: 0,
      evaluationTimeMs: 1,
      lastEvaluationMs: undefined,
      rules: [
        { kind: "record", name: "a:b", query: "up", labels: [], ...evaluated },
        {
          kind: "alert",
          name: "A",
          query: "up",
          labels: [],
          ...evaluated,
          state: "firing",
          forMs: 0,
          keepFiringForMs: 0,
          annotations: [],
          alerts: [
            {
              labels: [["alertname", "A"]],
              annotations: [],
              state: "firing",
              activeAtMs: NOW_MS,
              keepFiringSinceMs: NOW_MS,
              value: 1,
            },
          ],
        },
      ],
    },
  ];
  await addRules(world);
  await addIncidents(world);
  addReceivers(world);
  const { oncall } = await addOnCall(world);
  const override = { schedule: "primary", contact: "bob", createdBy: "ann", comment: "" };
  const endsAtMs = NOW_MS + 3_600_000;
  await oncall.addOverride({ ...override, startsAtMs: NOW_MS, endsAtMs });
  world.notifications.begin("Something has happened.");
  return world;
}

/** A rule of a file, and one of the API with two versions in the namespace of such rules. */
async function addRules(world: HttpWorld): Promise<void> {
  const rule = {
    kind: "alert",
    forMs: 0,
    keepFiringForMs: 0,
    labels: [],
    annotations: [],
  } as const;
  await world.openRules([
    {
      ...{ name: "g", file: "rules.yml", intervalMs: 15_000, limit: 0, queryOffsetMs: 0 },
      ...{ labels: [], rules: [{ ...rule, name: "FileRule", expr: "up == 0" }] },
    },
  ]);
  const body = JSON.stringify({ alert: "Down", expr: "up == 1", labels: { channels: "email" } });
  for (const [method, path] of [
    ["POST", ""],
    ["PUT", "/Down"],
  ] as const)
    await world.app.request(`/api/v1/alerts/rules${path}`, { method, body });
}

/** A receiver that takes everything, and a notification that it got. */
function addReceivers(world: HttpWorld): void {
  const text = `route: {receiver: team}
receivers: [{name: team, webhook_configs: [{url: "http://hook.test/"}]}]`;
  const files = { readFile: () => "", glob: () => [] };
  world.notificationConfig = loadNotificationConfig(text, "alertmanager.yml", files).config;
  world.network.host("http://hook.test", () => ({ kind: "answer" }));
  const delivery: Delivery = {
    ...{ id: "d1", key: "k1", integration: "team/webhook[0]", receiver: "team" },
    ...{ groupId: "g1", groupKey: "{}:{}", followedGroups: ["g1"], incident: undefined },
    ...{ reason: "first notification", firing: 2, resolved: 0, outcome: "delivered", error: "" },
    ...{ attempt: 1, durationMs: 12, atMs: NOW_MS, server: "server-1" },
  };
  world.deliveries = { query: async ({ limit }) => new Array<Delivery>(limit).fill(delivery) };
}

async function addIncidents({ incidents }: HttpWorld): Promise<void> {
  const labels = { alertname: "Down", severity: "critical", instance: "a" };
  await incidents.see("firing", labels);
  await incidents.see("acknowledged", labels);
  await incidents.act(ACKNOWLEDGED, { kind: "acknowledge", by: "ann", comment: "", untilMs: null });
  await incidents.see("resolved", labels);
  await incidents.see("resolved", labels, NOW_MS);
  incidents.delivered = [
    {
      ...{ key: "k1", integration: "team/webhook[0]", receiver: "team", attempt: 1, error: "" },
      ...{ reason: "first notification", outcome: "delivered", atMs: NOW_MS },
    },
  ];
  const record = { rule: "Down", ruleGroup: "rules.yml;g", labels: labelsFrom(labels), value: 0 };
  await incidents.remember(
    { ...record, from: "inactive", to: "pending", atMs: NOW_MS - 1000 },
    { ...record, from: "pending", to: "firing", atMs: NOW_MS },
  );
}
