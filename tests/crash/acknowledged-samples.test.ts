import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { seededRng } from "@pharos/base";
import { PharosProcess, scalarOf, temporaryFolder } from "../harness/pharos-process.ts";

const LIVES = 20;
const SAMPLES_MIN = 1_000_000;
const SERIES_PER_REQUEST = 1000;
const STEP_MS = 1000;

/** A seed of its own for each run, printed, so that a failing run can be looked at again. */
const seed = Number(process.env["CRASH_SEED"] ?? Date.now() % 1_000_000);

/** What was acknowledged: the number of rounds of each lane. Lane and series make the labels, the round the time. */
const LANES = 4;

test("kill -9 at random moments loses no acknowledged sample", async (t) => {
  t.diagnostic(`CRASH_SEED=${seed}`);
  const rng = seededRng(seed);
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({ folder: folder.path, config: "global: {}\n" });
  const startMs = Math.floor(Date.now() / STEP_MS) * STEP_MS - 40 * 60_000;
  const acknowledged = Array.from({ length: LANES }, () => 0);
  // A little more than the share of each life, since a life ends up to two rounds early.
  const perLife = Math.ceil(SAMPLES_MIN / LIVES / LANES / SERIES_PER_REQUEST) + 2;

  for (let life = 1; life <= LIVES; life++) {
    const target = (acknowledged[0] ?? 0) + perLife;
    // The process dies while requests are under way: after a random number of acknowledgements, and a random bit later.
    let left = LANES * perLife - rng.below(LANES * 2);
    let died: Promise<unknown> | undefined;
    const lane = async (at: number): Promise<void> => {
      while ((acknowledged[at] ?? 0) < target + 5 && died === undefined) {
        const round = acknowledged[at] ?? 0;
        const answered = await push(pharos.url, at, startMs + round * STEP_MS, round);
        if (!answered) return;
        acknowledged[at] = round + 1;
        if (--left <= 0) died ??= dieSoon();
      }
    };
    const dieSoon = async (): Promise<void> => {
      for (let turns = rng.below(50); turns > 0; turns--) await new Promise(setImmediate);
      await pharos.stop("SIGKILL");
    };
    await Promise.all(Array.from({ length: LANES }, (_, at) => lane(at)));
    await died;
    await pharos.restart();

    const endSeconds = (startMs + (Math.max(...acknowledged) + 10) * STEP_MS) / 1000;
    for (const [at, rounds] of acknowledged.entries()) {
      if (rounds === 0) continue; // The first life may end before this lane heard of its first round.
      const query = `count(count_over_time(pushed{lane="${at}"}[2h]) >= ${rounds})`;
      const complete = await scalarOf(pharos.url, query, endSeconds);
      equal(complete, SERIES_PER_REQUEST, `life ${life}, lane ${at}: all series are whole`);
      const highest = await scalarOf(
        pharos.url,
        `max(count_over_time(pushed{lane="${at}"}[2h]))`,
        endSeconds,
      );
      ok((highest ?? 0) <= rounds + 1, `life ${life}: at most the request under way is there too`);
    }
  }

  const total = acknowledged.reduce((sum, rounds) => sum + rounds * SERIES_PER_REQUEST, 0);
  ok(total >= SAMPLES_MIN, `${total} samples were acknowledged`);
  // The values are the rounds, 0 + 1 + 2 …: their sum follows from their number if each is there once, with its own value.
  const endSeconds = (startMs + (Math.max(...acknowledged) + 10) * STEP_MS) / 1000;
  const right =
    "count(sum_over_time(pushed[2h]) == count_over_time(pushed[2h]) * (count_over_time(pushed[2h]) - 1) / 2)";
  const series = LANES * SERIES_PER_REQUEST;
  equal(await scalarOf(pharos.url, right, endSeconds), series, "every value is its own");
});

/** Pushes one round of one lane as JSON; answers whether it was acknowledged. */
async function push(
  url: string,
  lane: number,
  timestampMs: number,
  value: number,
): Promise<boolean> {
  const metrics = Array.from({ length: SERIES_PER_REQUEST }, (_, series) => ({
    name: "pushed",
    labels: { lane: String(lane), series: String(series) },
    timestamp: timestampMs,
    value,
  }));
  try {
    const response = await fetch(`${url}/api/v1/metrics`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ metrics }),
    });
    await response.arrayBuffer();
    return response.status === 202;
  } catch {
    return false; // The process died under the request; whether it is there is open.
  }
}
