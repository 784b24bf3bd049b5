// Plays all scenarios on Debian's Alertmanager, at once and in real time, and keeps what it told:
// `npm run record:alertmanager`; with words, only scenarios whose names contain them all. With --check nothing is
// written: it ends with status 1 where this time something else was told than is kept.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { play } from "../tests/alertmanager/play.ts";
import { LivePlayer } from "../tests/alertmanager/programs.ts";
import { readRecording, writeRecording } from "../tests/alertmanager/recording.ts";
import { type Scenario, slug } from "../tests/alertmanager/scenario.ts";
import { SCENARIOS } from "../tests/alertmanager/scenarios.ts";
import { toldOf, withinSlack } from "../tests/alertmanager/told.ts";
import { skipWithout } from "../tests/harness/child.ts";
import { temporaryFolder } from "../tests/harness/pharos-process.ts";
import { scriptOptions } from "./script-options.ts";

/** How many Alertmanagers run at once: more, and they start to be late. */
const AT_ONCE_MAX = 12;
/** How long Alertmanager is given to start. */
const LEAD_MS = 2000;

const { values, positionals } = scriptOptions({
  options: { check: { type: "boolean", default: false } },
  allowPositionals: true,
});
const missing = skipWithout("prometheus-alertmanager");
if (missing !== false) throw new Error(missing);
const chosen = SCENARIOS.filter(({ name }) => positionals.every((word) => name.includes(word)));

await using folder = await temporaryFolder();
const waiting = [...chosen];
let problems = 0;
await Promise.all(
  Array.from({ length: AT_ONCE_MAX }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const scenario = next;
      await record(scenario).catch((error: unknown) => {
        problems++;
        console.error(`${scenario.name}: ${String(error)}`);
      });
    }
  }),
);
console.log(`${chosen.length} scenarios, ${problems} problems`);
process.exitCode = problems > 0 ? 1 : 0;

async function record(scenario: Scenario): Promise<void> {
  const startMs = startOf(scenario);
  const own = join(folder.path, slug(scenario));
  await mkdir(own);
  const config = scenario.config(startMs);
  await using player = await LivePlayer.start("alertmanager", own, config);
  player.startMs = startMs;
  if (Date.now() > startMs) throw new Error("it took too long to start");
  await play(scenario, player);
  const told = toldOf(player.accepted, startMs, scenario);
  if (!values.check) {
    await writeRecording(scenario, { startMs, told });
    console.log(`${scenario.name}: ${told.length}`);
    return;
  }
  const kept = await readRecording(scenario);
  if (!isDeepStrictEqual(withinSlack(told, kept.told, scenario), kept.told))
    throw new Error(`told ${JSON.stringify(told)}`);
}

function startOf({ startSecond }: Scenario): number {
  const soonestMs = Math.ceil((Date.now() + LEAD_MS) / 1000) * 1000;
  if (startSecond === undefined) return soonestMs;
  const waitSeconds = (startSecond - ((soonestMs / 1000) % 60) + 60) % 60;
  return soonestMs + waitSeconds * 1000;
}
