import { test } from "node:test";
import { oncallOptionsOf, simulateOnCall } from "./oncall-world.ts";

// A failing run names its seed; `SIM_SEED=<seed> node --test <this file>` replays exactly that run.
// `npm run sim -- --oncall --seeds 5000` runs many.
const { SIM_SEED } = process.env;
const seeds = SIM_SEED === undefined ? Array.from({ length: 5 }, (_, i) => i) : [Number(SIM_SEED)];

async function lived(seed: number, options = oncallOptionsOf(seed)): Promise<void> {
  try {
    await simulateOnCall(seed, options);
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  }
}

test("whatever dies, fails or jumps: nothing that is over or acknowledged calls anybody, and nothing else is left at any step", async () => {
  for (const seed of seeds) await lived(seed);
});

test("where nothing goes wrong, two servers on one store call everybody once", async () => {
  const calm = {
    ...{ crashes: false, trouble: false, storeFails: false, clockJumps: false },
    servers: 2,
  } as const;
  for (const seed of seeds.slice(0, 2)) await lived(seed, calm);
});
