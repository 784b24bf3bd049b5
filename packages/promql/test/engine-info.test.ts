import { deepEqual, rejects } from "node:assert/strict";
import { test } from "node:test";
import { worldOf } from "./engine-world.ts";

const WORLD = `
  up{instance="a", job="1", own="x"} 1 1 1 1
  up{instance="b", job="1"} 1 1 1 1
  up{zone="z"} 1 1 1 1
  target_info{instance="a", job="1", own="y", version="1"} 1 1 stale _
  target_info{instance="a", job="1", own="y", version="2"} _ _ 1 1
  build_info{instance="a", job="1", commit="c"} 1 1 1 1
`;

test("info adds the labels of target_info, as they are at each step, but none that a series has", async () => {
  const world = await worldOf(WORLD);
  deepEqual(await world.over(0, 3, "info(up)"), [
    'up{instance="a", job="1", own="x", version="1"} 1 1 _ _',
    'up{instance="a", job="1", own="x", version="2"} _ _ 1 1',
    'up{instance="b", job="1"} 1 1 1 1',
    'up{zone="z"} 1 1 1 1',
  ]);
});

test("info's selector picks labels, and leaves out series that lack one which must not be empty", async () => {
  const world = await worldOf(WORLD);
  deepEqual(await world.at(0, 'info(up, {version=~".+"})'), [
    'up{instance="a", job="1", own="x", version="1"} 1',
  ]);
  deepEqual(await world.at(0, 'info(up, {version=~".*"})'), [
    'up{instance="a", job="1", own="x", version="1"} 1',
    'up{instance="b", job="1"} 1',
    'up{zone="z"} 1',
  ]);
  deepEqual(await world.at(0, 'info(up{instance="a"}, {version="2"})'), []);
  deepEqual(await world.at(0, 'info(up{instance="a"}, {own="y"})'), [
    'up{instance="a", job="1", own="x"} 1',
  ]);
});

test("info takes other info metrics by name; those that are only told which not end in _info", async () => {
  const world = await worldOf(WORLD);
  const build = ['up{commit="c", instance="a", job="1", own="x"} 1'];
  deepEqual(await world.at(0, 'info(up{instance="a"}, {__name__="build_info"})'), build);
  deepEqual(await world.at(0, 'info(up{instance="a"}, {__name__!="target_info"})'), build);
  deepEqual(await world.at(0, 'info(up{instance="a"}, {__name__=~".+_info"})'), [
    'up{commit="c", instance="a", job="1", own="x", version="1"} 1',
  ]);
  // Info series are not described by their like.
  deepEqual(await world.at(0, 'info(build_info, {__name__=~".+_info"})'), [
    'build_info{commit="c", instance="a", job="1"} 1',
  ]);
  deepEqual(await world.at(0, "info(build_info)"), [
    'build_info{commit="c", instance="a", job="1", own="y", version="1"} 1',
  ]);
});

test("of two info series of a metric the one with the newest sample counts; equally new ones are an error", async () => {
  const world = await worldOf(`
    up{instance="a"} 1 1 1
    target_info{instance="a", version="1"} 1 _ 1
    target_info{instance="a", version="2"} _ 1 1
  `);
  deepEqual(await world.at(1, "info(up)"), ['up{instance="a", version="2"} 1']);
  await rejects(world.at(2, "info(up)"), {
    code: "query.failed",
    message:
      'found duplicate series for info metric: existing {__name__="target_info", instance="a", version="1"} @ 120000, new {__name__="target_info", instance="a", version="2"} @ 120000',
  });
  // Where there is nothing to describe, it does not matter.
  deepEqual(await world.at(2, "info(up > 1)"), []);
});

test("info metrics that contradict each other or are histograms are an error", async () => {
  const world = await worldOf(`
    up{instance="a"} 1
    up{instance="b", version="own"} 1
    target_info{instance="a", version="1"} 1
    build_info{instance="a", version="2"} 1
    target_info{instance="b", version="1"} 1
    build_info{instance="b", version="2"} 1
    size{instance="a"} {1,2}
  `);
  await rejects(world.at(0, 'info(up{instance="a"}, {__name__=~".+_info"})'), {
    code: "query.failed",
    message: "conflicting label: version",
  });
  deepEqual(await world.at(0, 'info(up{instance="b"}, {__name__=~".+_info"})'), [
    'up{instance="b", version="own"} 1',
  ]);
  await rejects(world.at(0, 'info(up{instance="a"}, {__name__="size"})'), {
    code: "query.failed",
    message: 'this should be an info metric, with float samples: {__name__="size", instance="a"}',
  });
});

test("info looks where the selectors of its argument look, if that is one place", async () => {
  const world = await worldOf(`
    up{instance="a"} 1 2 3 4
    other{instance="a"} 1 2 3 4
    target_info{instance="a", version="1"} 1 1 stale _
    target_info{instance="a", version="2"} _ _ 1 1
  `);
  const [old, now] = ["1", "2"].map((version) => `{instance="a", version="${version}"}`);
  deepEqual(await world.at(3, "info(up)"), [`up${now} 4`]);
  deepEqual(await world.at(3, "info(up offset 2m)"), [`up${old} 2`]);
  deepEqual(await world.at(3, "info(up @ 60)"), [`up${old} 2`]);
  deepEqual(await world.over(0, 3, "info(up @ 60)"), [`up${old} 2 2 2 2`]);
  deepEqual(await world.at(3, "info(up @ 120 offset 1m + on(instance) other @ 60)"), [`${old} 4`]);
  deepEqual(await world.at(3, "info(max_over_time((up offset 1m)[1m:1m] offset 1m))"), [
    `${old} 2`,
  ]);
  deepEqual(await world.at(30, "info(max_over_time((up offset 1m)[1m:1m] @ 120))"), [`${old} 2`]);
  // Only what the series come from counts.
  deepEqual(await world.at(3, "info(up @ 60 * scalar(other))"), [`${old} 8`]);
  // Two places, or none: the time of evaluation.
  deepEqual(await world.over(2, 3, "info(up @ 60 or on(__name__) other @ 180)"), [
    `other${now} 4 4`,
    `up${now} 2 2`,
  ]);
});

test("info keeps in mind that a metric name is to go, and takes histograms along", async () => {
  const world = await worldOf(`
    up{instance="a"} 1
    size{instance="a"} {1,2}
    target_info{instance="a", version="1"} 1
  `);
  deepEqual(await world.at(0, "info(abs(up))"), ['{instance="a", version="1"} 1']);
  deepEqual(await world.at(0, "info(size)"), [
    'size{instance="a", version="1"} {count:3,sum:5,(0.5,1]:1,(1,2]:2}',
  ]);
});

test("info asks by a pattern for the instances it needs, whatever is in their names, and for all of too many", async () => {
  const names = ["a.b", "a+b", "[::1]:80", "x|y", "(z)"];
  const lines = names.flatMap((name) => [
    `up{instance="${name}"} 1`,
    `target_info{instance="${name}", of="${name}"} 1`,
  ]);
  const few = await worldOf([...lines, 'target_info{instance="axb", of="nobody"} 1'].join("\n"));
  deepEqual(
    await few.at(0, "count by (of) (info(up))"),
    names.toSorted().map((name) => `{of="${name}"} 1`),
  );
  const many = Array.from({ length: 600 }, (_, i) => [
    `up{instance="${i}"} 1`,
    `target_info{instance="${i}", of="${i}"} 1`,
  ]);
  const all = await worldOf(many.flat().join("\n"));
  deepEqual(await all.at(0, 'count(info(up, {of=~".+"}))'), ["{} 600"]);
});
