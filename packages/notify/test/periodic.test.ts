import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { SimClock } from "@pharos/testing";
import { Periodic, type PeriodicOptions } from "../src/periodic.ts";

/** When turns came, in ms after the start, in so many ms. */
async function turnsIn(
  ms: number,
  options: Pick<PeriodicOptions, "startsWith" | "waitMs"> & {
    readonly failing?: readonly number[];
  },
): Promise<{ readonly turns: readonly number[]; readonly problems: readonly string[] }> {
  const clock = new SimClock();
  const startMs = clock.monotonicMs();
  const turns: number[] = [];
  const problems: string[] = [];
  const periodic = new Periodic({
    ...{ ...options, clock },
    turn: async () => {
      turns.push(clock.monotonicMs() - startMs);
      if (options.failing?.includes(turns.length))
        throw new OperatingError("disk.failed", `turn ${turns.length}`);
    },
    onProblem: ({ message }) => problems.push(message),
  });
  await clock.run(clock.sleep(ms, AbortSignal.any([])));
  await clock.run(periodic[Symbol.asyncDispose]());
  return { turns, problems };
}

test("the first turn comes at once or after a wait, as is asked for", async () => {
  const waitMs = () => 100;
  const { turns: atOnce } = await turnsIn(250, { startsWith: "turn", waitMs });
  deepEqual(atOnce, [0, 100, 200]);
  const { turns: later } = await turnsIn(250, { startsWith: "wait", waitMs });
  deepEqual(later, [100, 200]);
});

test("how long is waited is asked anew each time", async () => {
  const waits = [10, 20, 30, 1000];
  const { turns } = await turnsIn(100, { startsWith: "turn", waitMs: () => waits.shift() ?? 0 });
  deepEqual(turns, [0, 10, 30, 60]);
});

test("a turn that fails is told, and the next one comes as always", async () => {
  const options = { startsWith: "turn", waitMs: () => 100, failing: [1, 3] } as const;
  const { turns, problems } = await turnsIn(350, options);
  deepEqual(turns, [0, 100, 200, 300]);
  deepEqual(problems, ["turn 1", "turn 3"]);
});

test("closing ends what a turn waits for, which is no problem, and no turn comes after it", async () => {
  const clock = new SimClock();
  const problems: string[] = [];
  let turns = 0;
  const periodic = new Periodic({
    ...{ clock, startsWith: "turn", waitMs: () => 100 },
    turn: async (signal) => {
      turns++;
      await clock.sleep(1000, signal);
    },
    onProblem: ({ message }) => problems.push(message),
  });
  await clock.run(clock.sleep(500, AbortSignal.any([])));
  await clock.run(periodic[Symbol.asyncDispose]());
  await clock.run(clock.sleep(5000, AbortSignal.any([])));
  equal(turns, 1);
  deepEqual(problems, []);
});
