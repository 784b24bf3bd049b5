import { test } from "node:test";
import { simulateDispatch } from "./dispatch-world.ts";
import { eachSeed, simSeeds } from "./sim-seeds.ts";

// `npm run sim -- --dispatch --seeds 5000` runs many.
const seeds = simSeeds(20);

test("through deaths, full disks, clocks that jump, silences and unreliable receivers, people end up knowing what fires", async () => {
  await eachSeed(seeds, simulateDispatch);
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
  await eachSeed(seeds.slice(0, 8), (seed) => simulateDispatch(seed, calm));
});
