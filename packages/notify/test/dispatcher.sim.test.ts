import { test } from "node:test";
import { simulateDispatch } from "./dispatch-world.ts";
import { eachSeed, simSeeds } from "./sim-seeds.ts";
import { NO_TROUBLE } from "./sim-trouble.ts";

// `npm run sim -- --dispatch --seeds 5000` runs many.
const seeds = simSeeds(20);

test("through deaths, full disks, clocks that jump, silences and unreliable receivers, people end up knowing what fires", async () => {
  await eachSeed(seeds, simulateDispatch);
});

test("where nothing goes wrong, two servers on one store tell everything once", async () => {
  const calm = { ...NO_TROUBLE, suppression: false, reloads: false };
  await eachSeed(seeds.slice(0, 8), (seed) => simulateDispatch(seed, calm));
});
