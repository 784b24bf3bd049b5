import { labelsFrom } from "@pharos/base";
import { HttpWorld, NOW_MS } from "./http-world.ts";

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
