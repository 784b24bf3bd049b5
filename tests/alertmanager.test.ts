// The same alerts and the same alertmanager.yml into Debian's Alertmanager, recorded by scripts/record-alertmanager.ts,
// and into our API, dispatcher and webhook receivers on a simulated clock: who is told what, and when.

import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { fingerprint } from "@pharos/alert";
import { labelsFrom } from "@pharos/base";
import { play } from "./alertmanager/play.ts";
import { readRecording } from "./alertmanager/recording.ts";
import {
  alert,
  EXTERNAL_URL,
  GRID_SECONDS,
  post,
  type Scenario,
  scenario,
  slug,
} from "./alertmanager/scenario.ts";
import { SCENARIOS } from "./alertmanager/scenarios.ts";
import { SimulatedPlayer } from "./alertmanager/simulated-player.ts";
import { toldOf, withinSlack } from "./alertmanager/told.ts";

for (const each of SCENARIOS)
  test(`as with Alertmanager, ${each.name}`, async () => {
    const { startMs, told: theirs } = await readRecording(each);
    await using player = await SimulatedPlayer.start(each.config(startMs), startMs);
    await play(each, player);
    const ours = toldOf(player.accepted, startMs, each);
    deepEqual(withinSlack(ours, theirs, each), theirs);
  });

test("as with later Alertmanagers, alerts with any names in UTF-8 are routed by them", async () => {
  const utf8 = utf8Scenario();
  await using player = await SimulatedPlayer.start(utf8.config(0), 0);
  await play(utf8, player);
  const labels = { "foo\u{1f642}": "bar" };
  deepEqual(toldOf(player.accepted, 0, utf8), [
    {
      hook: "/webhook",
      at: 2,
      body: {
        version: "4",
        groupKey: '{}/{foo\u{1f642}="bar"}:{foo\u{1f642}="bar"}',
        truncatedAlerts: 0,
        status: "firing",
        receiver: "webhook",
        ...{ groupLabels: labels, commonLabels: labels, commonAnnotations: {} },
        externalURL: EXTERNAL_URL,
        alerts: [
          {
            ...{ status: "firing", labels, annotations: {}, startsAt: 1, endsAt: null },
            ...{ generatorURL: "", fingerprint: fingerprint(labelsFrom(labels)) },
          },
        ],
      },
    },
  ]);
});

/** Debian's Alertmanager refuses such names. */
function utf8Scenario(): Scenario {
  const config = `
route:
  receiver: default
  routes: [{ receiver: webhook, matchers: ['foo\u{1f642}=bar'], group_by: ['foo\u{1f642}'], group_wait: 1s }]
receivers:
- name: default
- { name: webhook, webhook_configs: [{ url: 'http://hooks/webhook' }] }
`;
  const name = "alerts with names in UTF-8";
  return scenario(name, config, [post(1, alert({ "foo\u{1f642}": "bar" }, { startsAt: 1 }))], {
    until: 2.75,
  });
}

test("each scenario has a name of its own, and times on the grid", () => {
  equal(new Set(SCENARIOS.map(slug)).size, SCENARIOS.length);
  for (const { name, steps } of SCENARIOS)
    for (const step of steps) {
      const alerts = step.kind === "post" ? step.alerts : [];
      const times = [step.at, ...alerts.flatMap((each) => [each.startsAt ?? 0, each.endsAt ?? 0])];
      for (const time of times) ok(Number.isInteger(time / GRID_SECONDS), `${name}: ${time}`);
    }
});
