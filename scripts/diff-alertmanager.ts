// Plays chance scenarios on Debian's Alertmanager in real time, and on ours on a simulated clock, and says where they
// tell something else: `npm run diff:alertmanager -- --count 48 --seed 1`. Ends with status 1 where they do.
import { deepEqual } from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { play } from "../tests/alertmanager/play.ts";
import { LivePlayer } from "../tests/alertmanager/programs.ts";
import { randomScenario } from "../tests/alertmanager/random-scenario.ts";
import { SimulatedPlayer } from "../tests/alertmanager/simulated-player.ts";
import { toldOf, withinSlack } from "../tests/alertmanager/told.ts";
import { skipWithout } from "../tests/harness/child.ts";
import { temporaryFolder } from "../tests/harness/pharos-process.ts";
import { scriptOptions } from "./script-options.ts";

/** How many Alertmanagers run at once. */
const AT_ONCE_MAX = 12;
/** A difference that does not come back was Alertmanager being late. */
const TRIES_MAX = 3;
/** How long Alertmanager is given to start. */
const LEAD_MS = 2000;
/** Alertmanager may be late where the machine is busy; what is told of a group is at least a second apart. */
const SLACK = { seconds: 0.5, because: "Alertmanager runs in real time" };

const { values } = scriptOptions({
  options: { count: { type: "string", default: "48" }, seed: { type: "string", default: "1" } },
});
const count = Number(values.count);
const firstSeed = Number(values.seed);
if (!Number.isSafeInteger(count) || !Number.isSafeInteger(firstSeed))
  throw new Error("--count and --seed are whole numbers");
const missing = skipWithout("prometheus-alertmanager");
if (missing !== false) throw new Error(missing);

await using folder = await temporaryFolder();
const seeds = Array.from({ length: count }, (_, i) => firstSeed + i);
let told = 0;
let differences = 0;
await Promise.all(
  Array.from({ length: AT_ONCE_MAX }, async () => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) await compare(seed);
  }),
);
console.log(`${count} scenarios, ${told} notifications, ${differences} scenarios that differ`);
process.exitCode = differences > 0 ? 1 : 0;

async function compare(seed: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const difference = await differenceAt(seed, attempt);
    if (difference === undefined) return;
    if (attempt < TRIES_MAX) continue;
    differences++;
    console.log(difference);
    return;
  }
}

async function differenceAt(seed: number, attempt: number): Promise<string | undefined> {
  const scenario = randomScenario(seed);
  const own = join(folder.path, `${seed}-${attempt}`);
  await mkdir(own);
  const startMs = Math.ceil((Date.now() + LEAD_MS) / 1000) * 1000;
  const config = scenario.config(startMs);
  await using theirs = await LivePlayer.start("alertmanager", own, config);
  theirs.startMs = startMs;
  await play(scenario, theirs);
  await using ours = await SimulatedPlayer.start(config, startMs);
  await play(scenario, ours);
  const expected = toldOf(theirs.accepted, startMs, scenario);
  told += expected.length;
  const actual = toldOf(ours.accepted, startMs, scenario);
  try {
    deepEqual(withinSlack(actual, expected, { slack: SLACK }), expected);
    return undefined;
  } catch (error) {
    return `seed ${seed}:${config}${error instanceof Error ? error.message : String(error)}`;
  }
}
