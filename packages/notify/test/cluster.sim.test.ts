import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { ClusterWorld } from "./cluster-world.ts";
import { ms } from "./scenario.ts";

// A failing run names its seed; `SIM_SEED=<seed> node --test <this file>` replays exactly that run.
const { SIM_SEED } = process.env;
const seeds = SIM_SEED === undefined ? Array.from({ length: 10 }, (_, i) => i) : [Number(SIM_SEED)];

async function eachSeed(run: (seed: number) => Promise<void>): Promise<void> {
  for (const seed of seeds) {
    try {
      await run(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}

async function started(count: number, seed: number): Promise<ClusterWorld> {
  const world = new ClusterWorld(count, seed);
  for (const name of world.names) await world.start(name);
  await world.pass(ms("5s"));
  return world;
}

test("where nothing goes wrong, servers that evaluate the same rules tell everything once", async () => {
  await eachSeed(async (seed) => {
    const world = await started(2 + (seed % 2), seed);
    for (const name of ["Down/x", "Full/x", "Slow/x"]) {
      for (const isFiring of [true, false]) {
        for (const server of world.names) {
          await world.rule(server, name, isFiring);
          await world.pass(world.rng.below(3000));
        }
        await world.pass(ms("7m") + world.rng.below(60_000));
      }
    }
    deepEqual(
      world.told.map(({ said }) => said),
      ["Down/x", "Full/x", "Slow/x"].flatMap((name) => [`+${name}`, `-${name}`]),
    );
    deepEqual(world.problems, []);
    await world.end();
  });
});

test("what fires at one server only is told once, also beside what all know", async () => {
  const world = await started(3, 1);
  for (const server of world.names) await world.rule(server, "Down/x", true);
  await world.pass(ms("1m"));
  await world.rule("c", "Down/y", true);
  await world.pass(ms("12m"));
  await world.rule("c", "Down/y", false);
  await world.pass(ms("12m"));
  const told = world.told.map(({ said }) => said);
  equal(told[0], "+Down/x");
  ok(told.slice(1).some((line) => line.includes("+Down/y")));
  equal(world.believed.has("Down/x"), true);
  await world.end();
});

test("an alert that is posted to one server is known to all, and told when that one dies", async () => {
  const world = await started(2, 2);
  await world.post("a", "Down/x", world.clock.nowMs() + ms("1h"));
  await world.pass(ms("2s"));
  equal(world.alerts("b"), 1);
  await world.kill("a");
  await world.pass(ms("1m"));
  deepEqual(
    world.told.map(({ server, said }) => `${server} ${said}`),
    ["b +Down/x"],
  );
  await world.start("a");
  await world.pass(ms("30m"));
  equal(world.told.length, 1, "it hears at its start what was told meanwhile");
  await world.end();
});

test("in two parts that do not hear of each other both tell, and afterwards one does again", async () => {
  const world = await started(2, 3);
  world.cut("a", "b");
  for (const server of world.names) await world.rule(server, "Down/x", true);
  await world.pass(ms("2m"));
  deepEqual(new Set(world.told.map(({ server }) => server)), new Set(["a", "b"]));
  deepEqual(
    world
      .cluster("a")
      .members()
      .map(({ isUp }) => isUp),
    [false],
  );
  world.heal();
  await world.pass(ms("2m"));
  for (const server of world.names) await world.rule(server, "Full/x", true);
  await world.pass(ms("2m"));
  equal(world.told.filter(({ said }) => said === "+Full/x").length, 1);
  await world.end();
});

test("through deaths and cuts of the network, people end up knowing what fires", async () => {
  const names = ["Down/x", "Down/y", "Full/x", "Slow/x"];
  await eachSeed(async (seed) => {
    const world = await started(2 + (seed % 2), seed);
    const { rng } = world;
    const pick = <T>(of: readonly T[]): T => of[rng.below(of.length)] as T;
    for (let step = 0; step < 40; step++) {
      const server = pick(world.names);
      const happens = rng.below(100);
      if (happens < 50) {
        const name = pick(names);
        const isFiring = rng.chance(50);
        for (const each of world.names) {
          await world.rule(each, name, isFiring);
          await world.pass(rng.below(3000));
        }
      } else if (happens < 65) await world.kill(server);
      else if (happens < 85) {
        if (!world.isRunning(server)) await world.start(server);
      } else if (happens < 93) world.cut(server, pick(world.names));
      else world.heal();
      await world.pass(rng.below(120_000));
      await world.repeat(names);
    }
    world.heal();
    for (const name of world.names) if (!world.isRunning(name)) await world.start(name);
    for (let i = 0; i < 6; i++) {
      await world.repeat(names);
      await world.pass(ms("5m"));
    }
    deepEqual([...world.believed].sort(), [...world.firing].sort(), world.lines().join("\n"));
    await world.end();
  });
});
