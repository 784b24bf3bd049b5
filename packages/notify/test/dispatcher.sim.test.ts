import { test } from "node:test";
import { simulateDispatch } from "./dispatch-world.ts";

// A failing run names its seed; `SIM_SEED=<seed> node --test <this file>` replays exactly that run.
// `npm run sim -- --dispatch --seeds 5000` runs many.
const { SIM_SEED } = process.env;
const seeds = SIM_SEED === undefined ? Array.from({ length: 20 }, (_, i) => i) : [Number(SIM_SEED)];

test("through deaths, full disks, clocks that jump, silences and unreliable receivers, people end up knowing what fires", async () => {
  for (const seed of seeds) {
    try {
      await simulateDispatch(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});

test("where nothing goes wrong, two servers on one store tell everything once", async () => {
  const calm = {
    servers: 2,
    crashes: false,
    trouble: false,
    storeFails: false,
    clockJumps: false,
    suppression: false,
    reloads: false,
  } as const;
  for (const seed of seeds.slice(0, 8)) {
    try {
      await simulateDispatch(seed, calm);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
