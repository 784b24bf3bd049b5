// A failing run names its seed; `SIM_SEED=<seed> node --test <this file>` replays exactly that run, and
// `npm run sim -- --from <seed> --seeds 1` says which of its steps are needed for it to fail.
import { ok } from "node:assert/strict";
import { test } from "node:test";
import { Kernels } from "@pharos/kernels";
import { openStore } from "../src/open-store.ts";
import { simulate, zeroCounts } from "./store-sim.ts";

const { SIM_SEED } = process.env;
const seeds =
  SIM_SEED === undefined ? Array.from({ length: 120 }, (_, i) => i) : [Number(SIM_SEED)];

test("after any number of deaths the store holds what it acknowledged, once, and nothing made up", async () => {
  const kernels = await Kernels.load();
  const counts = zeroCounts();
  for (const seed of seeds)
    try {
      await simulate(openStore, kernels, seed, counts);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  if (SIM_SEED !== undefined) return;
  // The runs were worth something.
  for (const [what, count] of Object.entries(counts)) ok(count > 2, `${what}: ${count}`);
});
