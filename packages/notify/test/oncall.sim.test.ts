import { test } from "node:test";
import { simulateOnCall } from "./oncall-world.ts";
import { eachSeed, simSeeds } from "./sim-seeds.ts";
import { NO_TROUBLE } from "./sim-trouble.ts";

// `npm run sim -- --oncall --seeds 5000` runs many.
const seeds = simSeeds(5);

test("whatever dies, fails or jumps: nothing that is over or acknowledged calls anybody, and nothing else is left at any step", async () => {
  await eachSeed(seeds, simulateOnCall);
});

test("where nothing goes wrong, two servers on one store call everybody once", async () => {
  await eachSeed(seeds.slice(0, 2), (seed) => simulateOnCall(seed, NO_TROUBLE));
});
