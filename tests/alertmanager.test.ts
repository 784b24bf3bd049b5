// The same alerts and the same alertmanager.yml into Debian's Alertmanager, recorded by scripts/record-alertmanager.ts,
// and into our API, dispatcher and webhook receivers on a simulated clock: who is told what, and when.

import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { play } from "./alertmanager/play.ts";
import { readRecording } from "./alertmanager/recording.ts";
import { GRID_SECONDS, slug } from "./alertmanager/scenario.ts";
import { SCENARIOS } from "./alertmanager/scenarios.ts";
import { SimulatedPlayer } from "./alertmanager/simulated-player.ts";
import { toldOf, withinSlack } from "./alertmanager/told.ts";

for (const scenario of SCENARIOS)
  test(`as with Alertmanager, ${scenario.name}`, async () => {
    const { startMs, told: theirs } = await readRecording(scenario);
    await using player = await SimulatedPlayer.start(scenario.config(startMs), startMs);
    await play(scenario, player);
    const ours = toldOf(player.accepted, startMs);
    deepEqual(withinSlack(ours, theirs, scenario), theirs);
  });

test("each scenario has a name of its own, and times on the grid", () => {
  equal(new Set(SCENARIOS.map(slug)).size, SCENARIOS.length);
  for (const { name, steps } of SCENARIOS)
    for (const step of steps) {
      const alerts = step.kind === "post" ? step.alerts : [];
      const times = [step.at, ...alerts.flatMap((each) => [each.startsAt ?? 0, each.endsAt ?? 0])];
      for (const time of times) ok(Number.isInteger(time / GRID_SECONDS), `${name}: ${time}`);
    }
});
