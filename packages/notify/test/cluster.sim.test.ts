import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { simulateCalmCluster, simulateCluster, startedCluster } from "./cluster-world.ts";
import { ms } from "./scenario.ts";
import { eachSeed, simSeeds } from "./sim-seeds.ts";

// `npm run sim -- --cluster --seeds 1000` runs many.
const seeds = simSeeds(10);

test("where nothing goes wrong, servers that evaluate the same rules tell everything once", async () => {
  await eachSeed(seeds, simulateCalmCluster);
});

test("what fires at one server only is told once, also beside what all know", async () => {
  const world = await startedCluster(3, 1);
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
  const world = await startedCluster(2, 2);
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

test("what began and was told while a server was away, it leaves to the one that knows to say when it is over", async () => {
  const world = await startedCluster(2, 4);
  await world.kill("b");
  for (const server of world.names)
    for (const name of ["Down/x", "Down/y"]) await world.rule(server, name, true);
  await world.pass(ms("1m"));
  for (const server of world.names) await world.rule(server, "Down/x", false);
  await world.start("b");
  await world.pass(ms("1m"));
  await world.kill("a");
  for (const server of world.names) await world.rule(server, "Down/y", false);
  await world.pass(ms("10m"));
  await world.start("a");
  await world.pass(ms("10m"));
  deepEqual(
    world.told.map(({ server, said }) => `${server} ${said}`),
    ["a +Down/x +Down/y", "b -Down/y", "a -Down/x -Down/y"],
  );
  deepEqual([...world.believed], []);
  await world.end();
});

test("in two parts that do not hear of each other both tell, and afterwards one does again", async () => {
  const world = await startedCluster(2, 3);
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

test("what one part told while the network was cut is not forgotten for what the other told later", async () => {
  const world = await startedCluster(2, 5);
  world.cut("a", "b");
  await world.rule("a", "Down/y", true);
  await world.rule("b", "Down/x", true);
  await world.pass(ms("1m"));
  await world.rule("b", "Down/z", true);
  await world.pass(ms("6m"));
  await world.kill("b");
  for (const name of ["Down/x", "Down/z"]) await world.rule("b", name, false);
  await world.rule("a", "Down/y", false);
  await world.pass(ms("6m"));
  world.heal();
  await world.start("b");
  await world.pass(ms("12m"));
  deepEqual(
    world.told.map(({ server, said }) => `${server} ${said}`),
    ["a +Down/y", "b +Down/x", "b +Down/x +Down/z", "a -Down/y", "b -Down/x -Down/z"],
  );
  await world.end();
});

test("what is in doubt after a cut stays so when the other part tells its next without knowing of it", async () => {
  const world = await startedCluster(2, 6);
  world.cut("a", "b");
  await world.rule("b", "Down/x", true);
  await world.pass(ms("10s"));
  await world.rule("a", "Down/y", true);
  await world.pass(ms("1m"));
  world.heal();
  await world.pass(ms("1m"));
  await world.rule("a", "Down/y", false);
  await world.rule("b", "Down/x", false);
  await world.pass(ms("20m"));
  deepEqual(
    world.told.map(({ server, said }) => `${server} ${said}`),
    ["b +Down/x", "a +Down/y", "a -Down/y", "b -Down/x"],
  );
  await world.end();
});

test("through deaths and cuts of the network, people end up knowing what fires", async () => {
  await eachSeed(seeds, simulateCluster);
});
