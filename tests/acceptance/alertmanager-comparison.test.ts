// The same alerts and the same alertmanager.yml into Debian's Alertmanager and into the real server, at once and in real
// time: the scenarios that tests/alertmanager.test.ts plays on a simulated clock, some of each kind.

import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { play } from "../alertmanager/play.ts";
import { LivePlayer } from "../alertmanager/programs.ts";
import { type Scenario, slug } from "../alertmanager/scenario.ts";
import { SCENARIOS } from "../alertmanager/scenarios.ts";
import { toldOf, withinSlack } from "../alertmanager/told.ts";
import { skipWithout } from "../harness/child.ts";
import { temporaryFolder } from "../harness/pharos-process.ts";

const NAMES = [
  "what several senders say of one alert with ends is merged",
  "routes inherit what they do not set",
  "a silenced source inhibits all the same, and so does an inhibited one",
  "a webhook that fails for a while is told as soon as it works, and others only once",
  "after a reload another receiver is told",
];
/** So many programs on one machine are late at times. */
const LATE_SECONDS = 0.75;

const skip = skipWithout("prometheus-alertmanager");

test("the real server tells what Alertmanager tells, when it tells it", { skip }, async (t) => {
  await using folder = await temporaryFolder();
  await using players = new AsyncDisposableStack();
  const start = async (
    kind: "alertmanager" | "pharos",
    scenario: Scenario,
  ): Promise<LivePlayer> => {
    const own = join(folder.path, `${kind}-${slug(scenario)}`);
    await mkdir(own);
    return players.use(await LivePlayer.start(kind, own, scenario.config(0)));
  };
  const scenarios = SCENARIOS.filter(({ name }) => NAMES.includes(name));
  equal(scenarios.length, NAMES.length);
  const starting = scenarios.map((scenario) => ({
    scenario,
    theirs: start("alertmanager", scenario),
    ours: start("pharos", scenario),
  }));
  // All of them, for those that start to be stopped where another does not.
  await Promise.allSettled(starting.flatMap(({ theirs, ours }) => [theirs, ours]));
  const pairs = await Promise.all(
    starting.map(async ({ scenario, theirs, ours }) => ({
      scenario,
      theirs: await theirs,
      ours: await ours,
    })),
  );
  const startMs = Math.ceil(Date.now() / 1000) * 1000;
  await Promise.all(
    pairs.flatMap(({ scenario, theirs, ours }) =>
      [theirs, ours].map((player) => {
        player.startMs = startMs;
        return play(scenario, player);
      }),
    ),
  );
  for (const { scenario, theirs, ours } of pairs)
    await t.test(scenario.name, () => {
      const expected = toldOf(theirs.accepted, startMs, scenario);
      ok(expected.length > 0);
      const seconds = (scenario.slack?.seconds ?? 0) + LATE_SECONDS;
      const slack = { seconds, because: "both run in real time" };
      deepEqual(
        withinSlack(toldOf(ours.accepted, startMs, scenario), expected, { slack }),
        expected,
      );
    });
});
