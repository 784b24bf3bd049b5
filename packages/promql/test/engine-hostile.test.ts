// Queries that make much out of little: each ends with what it made too much of, before memory does.
import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { worldOf } from "./engine-world.ts";

const TWO_SERIES = `
  x{n="1",text="abc"} 1 2 3 4 5 6 7 8 9
  x{n="2",text="abd"} 2 3 4 5 6 7 8 9 10`;

/** A call put around itself again and again. */
function nested(times: number, wrap: (inner: string) => string): string {
  return Array.from({ length: times }).reduce<string>(wrap, "x");
}

test("labels that a query doubles again and again end it when one of them is too long", async () => {
  const world = await worldOf(TWO_SERIES);
  const doubled = (times: number): string =>
    nested(times, (inner) => `label_join(${inner}, "text", "", "text", "text")`);
  equal((await world.at(2, doubled(14))).length, 2);
  await rejects(world.at(2, doubled(40)), {
    code: "query.failed",
    message: "label_join() makes a label value of more than 65536 characters",
  });
  const tooLong = {
    code: "query.failed",
    message: "label_replace() makes a label value of more than 65536 characters",
  };
  const replace = (replacement: string, inner = "x"): string =>
    `label_replace(${inner}, "text", "${replacement}", "text", "(.*)")`;
  await rejects(
    world.at(
      2,
      nested(40, (inner) => replace("$1$1", inner)),
    ),
    tooLong,
  );
  await rejects(world.at(2, replace("$1".repeat(200_000))), tooLong);
  await rejects(world.at(2, replace("a".repeat(65_537))), tooLong);
  equal((await world.at(2, replace("$1".repeat(20_000)))).length, 2);
  // What does not match is not made longer.
  deepEqual(
    await world.at(2, `label_replace(x, "n", "${"$1".repeat(200_000)}", "text", "no(.*)") == 3`),
    ['x{n="1", text="abc"} 3'],
  );
});

test("labels that a query makes count as memory that it takes", async () => {
  const memorySize = { max: 100_000, setting: "--query-max-memory" };
  const world = await worldOf(TWO_SERIES);
  const { signal } = new AbortController();
  const run = (times: number) => {
    const text = nested(times, (inner) => `label_join(${inner}, "text", "", "text", "text")`);
    return world.engine.instant(world.store, text, 120_000, { signal, limits: { memorySize } });
  };
  equal((await run(10)).type, "vector");
  await rejects(run(14), {
    code: "query.over_limit",
    message: /needs more than \d+ bytes of memory, the limit is 100,000 \(--query-max-memory\)/,
  });
});

test("count_values of as many values as samples holds no more than it may", async () => {
  const world = await worldOf(TWO_SERIES, { samplesMax: 100 });
  // Two series of nine samples, and one for each of ten values.
  await rejects(world.over(0, 8, 'count_values("v", x)'), { code: "query.too_many_samples" });
  const roomier = await worldOf(TWO_SERIES, { samplesMax: 200 });
  equal((await roomier.over(0, 8, 'count_values("v", x)')).length, 10);
});
