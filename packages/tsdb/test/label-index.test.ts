// Finding series while others get their turn.
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, labelsFrom, type Matcher, matchesValue, seededRng } from "@pharos/base";
import { encodeLabels, HEAD_NAMESPACE, Kernels, SeriesTable } from "@pharos/kernels";
import { Head } from "../src/head.ts";
import { useMatching } from "../src/head-selection.ts";
import { LabelIndex, selectSeriesInSlices } from "../src/label-index.ts";

const kernels = await Kernels.load();
const NO_PAUSE = (): Promise<void> => Promise.resolve();

const bytesOf = (value: number): Uint8Array =>
  encodeLabels(labelsFrom({ a: `v${value}`, b: `${value % 2}` }));

/** A table of series, each with a value of its own for `a`. */
function indexOf(count: number) {
  const table = new SeriesTable(kernels);
  const index = new LabelIndex(kernels, table);
  for (let ref = 0; ref < count; ref++) table.insertSeries(bytesOf(ref), ref);
  const close = (): void => {
    index.destroy();
    table.destroy();
  };
  return { table, index, close };
}

test("others get their turn every 64 of 200,000 values, whichever way they are asked for", async () => {
  const count = 200_000;
  const { index, close } = indexOf(count);
  for (const [matchers, found] of [
    [[createMatcher("=~", "a", "v[0-9]*7")], count / 10],
    [[createMatcher("!~", "a", "v[0-9]*7")], (count * 9) / 10],
    [[createMatcher("=", "b", "1"), createMatcher("!=", "a", "v1")], count / 2 - 1],
  ] as const) {
    let pauses = 0;
    let stepsMost = 0;
    const list = await selectSeriesInSlices(index, matchers, async (steps = 1) => {
      pauses++;
      stepsMost = Math.max(stepsMost, steps);
    });
    equal(list.length, found);
    ok(pauses > (count * 0.95) / 64, `${pauses} pauses`);
    equal(stepsMost, 64);
  }
  close();
});

test("what little work finds is found before the first wait", () => {
  const { index, close } = indexOf(1000);
  const all = selectSeriesInSlices(index, [createMatcher("=~", "a", "v.+")], NO_PAUSE);
  ok(all instanceof Uint32Array);
  equal(all.length, 1000);
  close();
});

test("series that begin and end between two turns do not hide those that stay, nor come in wrongly", async () => {
  const rng = seededRng(7);
  const cases: readonly (readonly Matcher[])[] = [
    [createMatcher("=~", "a", "v[0-9]*[1-6]")],
    [createMatcher("!~", "a", "v[0-9]*[1-6]")],
    [
      createMatcher("=~", "a", "v.*3.*"),
      createMatcher("!~", "a", ".*5"),
      createMatcher("=", "b", "1"),
    ],
  ];
  // In one turn of the last, more go than the table remembers, so that the values are read anew.
  for (const [count, changes, turnMin, turnMax] of [
    [6000, 20, 0, 1000],
    [6000, 300, 0, 10],
    [60_000, 90_000, 20, 20],
  ] as const)
    for (const matchers of cases) {
      const { table, index, close } = indexOf(count);
      const alive = new Map(Array.from({ length: count }, (_, ref) => [ref, ref]));
      const stayed = new Set(alive.keys());
      let next = count;
      let turn = 0;
      const found = await selectSeriesInSlices(index, matchers, async () => {
        turn++;
        for (let i = 0; i < changes && turn >= turnMin && turn <= turnMax; i++) {
          const ref = rng.below(next);
          const value = alive.get(ref);
          if (value === undefined) continue;
          table.remove(table.find(HEAD_NAMESPACE, bytesOf(value)));
          alive.delete(ref);
          stayed.delete(ref);
          // Half of those that go come again as another series, with a number of its own.
          if (i % 2 === 0) continue;
          table.insertSeries(bytesOf(next), next);
          alive.set(next, next);
          next++;
        }
        while (!table.sweepEnded(1_000_000));
      });
      const matches = (ref: number): boolean =>
        matchers.every((one) => matchesValue(one, one.name === "a" ? `v${ref}` : `${ref % 2}`));
      const wanted = [...stayed].filter(matches).sort((x, y) => x - y);
      ok(stayed.size < count && wanted.length > 0);
      deepEqual(
        [...found].filter((ref) => stayed.has(ref)),
        wanted,
      );
      ok(found.filter((ref) => alive.has(ref)).every(matches));
      // Later questions see all there is now.
      deepEqual(
        [...index.valuesOf("a")].sort(),
        Array.from(alive.values(), (value) => `v${value}`).sort(),
      );
      close();
    }
});

test("a reference that comes to mean another series while the first is looked for does not bring it in", async () => {
  const table = new SeriesTable(kernels);
  const limits = { seriesMax: 1e6, seriesMemoryMax: 2 ** 30 };
  const head = new Head(kernels, table, { ...limits, outOfOrderWindowMs: 0, lateSamplesMax: 1000 });
  for (let value = 0; value < 5000; value++) head.intern(bytesOf(value));
  let turns = 0;
  const first = head.intern(bytesOf(4999));
  const ended = head.intern(bytesOf(4998));
  let other: number | undefined;
  const pause = async (): Promise<void> => {
    if (++turns !== 40) return;
    // By now, the newest values have been looked at.
    equal(head.endIdleSeries(Uint32Array.of(first, ended), Number.POSITIVE_INFINITY, 0), 2);
    while (!head.sweepEnded());
    head.forgetBelow(1, head.freedCount);
    other = head.intern(labelsFrom({ c: "other" }));
  };
  const matchers = [createMatcher("=~", "a", "v.*")];
  const found = await useMatching(head, [matchers], pause, ([list]) => [...(list as Uint32Array)]);
  equal(other, Math.min(first, ended), "the reference is used again");
  deepEqual(
    found,
    Array.from({ length: 4998 }, (_, ref) => ref),
  );
  head.destroy();
  table.destroy();
});
