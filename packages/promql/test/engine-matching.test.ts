import { deepEqual, rejects } from "node:assert/strict";
import { test } from "node:test";
import { worldOf } from "./engine-world.ts";

test("fill puts a value where the other side has no sample, step by step", async () => {
  const world = await worldOf(`
    a{x="1"} 1 2 stale
    a{x="2"} 10 20 30
    b{x="1"} _ 5 6
    b{x="3"} 7 8 9
  `);
  deepEqual(await world.over(0, 2, "a + fill(0) b"), [
    '{x="1"} 1 7 6',
    '{x="2"} 10 20 30',
    '{x="3"} 7 8 9',
  ]);
  deepEqual(await world.over(0, 2, "a + fill_left(100) b"), [
    '{x="1"} _ 7 106',
    '{x="3"} 107 108 109',
  ]);
  deepEqual(await world.over(0, 2, "a + fill_right(100) b"), [
    '{x="1"} 101 7 _',
    '{x="2"} 110 120 130',
  ]);
  deepEqual(await world.over(0, 2, "a - fill_left(1) fill_right(2) b"), [
    '{x="1"} -1 -3 -5',
    '{x="2"} 8 18 28',
    '{x="3"} -6 -7 -8',
  ]);
});

test("a filled comparison keeps the left side, which may be the filling", async () => {
  const world = await worldOf('a{x="1"} 1\nb{x="2"} 5');
  deepEqual(await world.at(0, "a > fill(0) b"), ['a{x="1"} 1']);
  deepEqual(await world.at(0, "a < fill(0) b"), ['{x="2"} 0']);
  deepEqual(await world.at(0, "a < bool fill(0) b"), ['{x="1"} 0', '{x="2"} 1']);
});

test("what is filled has the labels that match, as on() and ignoring() say", async () => {
  const world = await worldOf('a{x="1", y="p"} 1\nb{x="2", y="q"} 5');
  deepEqual(await world.at(0, "a + on(x) fill(0) b"), ['{x="1"} 1', '{x="2"} 5']);
  deepEqual(await world.at(0, "a + ignoring(y) fill(0) b"), ['{x="1"} 1', '{x="2"} 5']);
  deepEqual(await world.at(0, "a + fill(0) missing"), ['{x="1", y="p"} 1']);
  deepEqual(await world.at(0, "missing + fill_right(0) b"), []);
  deepEqual(await world.at(0, "missing + fill_left(0) b"), ['{x="2", y="q"} 5']);
  deepEqual(await world.at(0, "missing + fill(0) missing"), []);
});

test("with group_left the one side is filled by fill_right and a missing many side by fill_left", async () => {
  const world = await worldOf(`
    many{x="1", n="1"} 1
    many{x="1", n="2"} 2
    many{x="2", n="1"} 3
    one{x="1", team="red"} 10
    one{x="3", team="blue"} 20
  `);
  deepEqual(await world.at(0, "many + on(x) group_left(team) fill_right(100) one"), [
    '{n="1", team="red", x="1"} 11',
    '{n="2", team="red", x="1"} 12',
    // Nobody knows the team of what is missing.
    '{n="1", x="2"} 103',
  ]);
  deepEqual(await world.at(0, "many + on(x) group_left fill_left(100) one"), [
    '{n="1", x="1"} 11',
    '{n="2", x="1"} 12',
    '{x="3"} 120',
  ]);
  // As Prometheus has it, group_right swaps the sides, but not what they are filled with.
  deepEqual(await world.at(0, "one + on(x) group_right fill_right(100) many"), [
    '{n="1", x="1"} 11',
    '{n="2", x="1"} 12',
    '{n="1", x="2"} 103',
  ]);
});

test("two series of the one side are an error even where the other side is only filled", async () => {
  const world = await worldOf('a{x="1"} _ 1\nb{x="1", y="1"} 1 1\nb{x="1", y="2"} 2 2');
  const duplicate = {
    code: "query.failed",
    message: /^found duplicate series for the match group \{x="1"\} on the right hand-side/,
  };
  await rejects(world.at(1, "a + on(x) b"), duplicate);
  deepEqual(await world.at(0, "a + on(x) b"), []);
  await rejects(world.at(0, "a + on(x) fill_left(0) b"), duplicate);
});

test("a result that two pairs claim is an error, also where a comparison leaves both out", async () => {
  const world = await worldOf('a{x="1", y="1"} 1\na{x="1", y="2"} 2\nb{x="1"} 5');
  await rejects(world.at(0, "a > on(x) b"), {
    code: "query.failed",
    message:
      "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
  });
  await rejects(world.at(0, "a > on(x) group_left(y) b"), {
    code: "query.failed",
    message: "multiple matches for labels: grouping labels must ensure unique matches",
  });
  deepEqual(await world.at(0, "a > on(x) group_left() b"), []);
});

test("a label that is missing matches one that is empty, and set operators match by it, too", async () => {
  const world = await worldOf(
    'a{x="1"} 1 stale 3\na{x="2"} 4 5 6\nb{x="1"} 1 1 stale\nb 7 7 7\nc 1 stale 1',
  );
  deepEqual(await world.over(0, 2, "a and on(x) b"), ['a{x="1"} 1 _ _']);
  deepEqual(await world.over(0, 2, "a unless on(x) b"), ['a{x="1"} _ _ 3', 'a{x="2"} 4 5 6']);
  deepEqual(await world.over(0, 2, 'b{x=""} * on(x) c'), ["{} 7 _ 7"]);
  deepEqual(await world.over(0, 2, "c or on(x) a"), [
    'a{x="1"} 1 _ 3',
    'a{x="2"} 4 5 6',
    "c 1 _ 1",
  ]);
});

test("a group by name that is two series from step to step computes each of them once", async () => {
  const world = await worldOf('m{x="1"} 16 81');
  // At the second step the name is to go.
  const grouped = "sum by (__name__, x) (m < 50 or abs(m))";
  deepEqual(await world.over(0, 1, grouped), ['m{x="1"} 16 _', '{x="1"} _ 81']);
  deepEqual(await world.over(0, 1, `sqrt(${grouped})`), ['{x="1"} 4 9']);
});

test("of several duplicates the first is reported, by time and then in the order of the series", async () => {
  const world = await worldOf(`
    a{x="1"} 1 1
    a{x="2"} 1 1
    b{x="1", y="1"} 1 1
    b{x="1", y="2"} _ 1
    b{x="2", y="1"} 1 1
    b{x="2", y="2"} 1 1
  `);
  const message = (x: string): RegExp =>
    new RegExp(
      `match group {x="${x}"} on the right hand-side of the operation: \\[{.*y="1"}, {.*y="2"}\\];`,
    );
  await rejects(world.range(0, 1, "a + on(x) b"), { message: message("2") });
  await rejects(world.range(1, 1, "a + on(x) b"), { message: message("1") });
});
