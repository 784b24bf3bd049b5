import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { compareLabels, type Labels, labelsFrom, METRIC_NAME } from "@pharos/base";
import { encodeLabels, Kernels } from "@pharos/kernels";
import {
  type LabelList,
  LabelListBuilder,
  LabelsCache,
  type SortedSeries,
} from "../src/label-list.ts";
import { LabelsInterner } from "../src/labels-interner.ts";

const kernels = await Kernels.load();
const noPause = () => Promise.resolve();

function listOf(sets: readonly Labels[]): LabelList {
  const builder = new LabelListBuilder(sets.length);
  for (const labels of sets) builder.add(encodeLabels(labels));
  return builder.list();
}

function manySets(count: number, job = "a"): Labels[] {
  return Array.from({ length: count }, (_, i) =>
    labelsFrom({ [METRIC_NAME]: `m${i % 7}`, job, pod: `p${(i * 7919) % count}é` }),
  );
}

function labelsInOrder({ order, labelsOf }: SortedSeries): Labels[] {
  return Array.from(order, labelsOf);
}

test("the series of a selection come in the order of their labels, the first time and later", async () => {
  const cache = new LabelsCache(kernels, new LabelsInterner());
  const sets = manySets(5000);
  const refs = Uint32Array.from(sets.keys());
  const expected = sets.toSorted(compareLabels);
  for (let i = 0; i < 2; i++)
    deepEqual(
      labelsInOrder(await cache.sorted(refs, 0, async () => listOf(sets), noPause)),
      expected,
    );
});

test("references that mean other series since are told apart, for who began before and after", async () => {
  const cache = new LabelsCache(kernels, new LabelsInterner());
  const refs = Uint32Array.from({ length: 100 }, (_, i) => i);
  const [before, after] = [manySets(100, "before"), manySets(100, "after")];
  const first = await cache.sorted(refs, 0, async () => listOf(before), noPause);
  const second = await cache.sorted(refs, 1, async () => listOf(after), noPause);
  const late = await cache.sorted(refs, 0, async () => listOf(before), noPause);
  const again = await cache.sorted(refs, 1, async () => listOf(after), noPause);
  deepEqual(labelsInOrder(first), before.toSorted(compareLabels));
  deepEqual(labelsInOrder(second), after.toSorted(compareLabels));
  deepEqual(labelsInOrder(late), before.toSorted(compareLabels));
  deepEqual(labelsInOrder(again), after.toSorted(compareLabels));
});

test("others get their turn while many series are put in order, and whoever asked may give up", async () => {
  const sets = manySets(10_000);
  const refs = Uint32Array.from(sets.keys());
  let steps = 0;
  const counting = async (done = 1): Promise<void> => {
    steps += done;
  };
  await new LabelsCache(kernels, new LabelsInterner()).sorted(
    refs,
    0,
    async () => listOf(sets),
    counting,
  );
  ok(steps >= 2 * sets.length, `${steps} steps`);
  const givenUp = async (): Promise<void> => {
    throw new Error("given up");
  };
  const { usedSize } = kernels.memoryUse();
  await rejects(
    new LabelsCache(kernels, new LabelsInterner()).sorted(
      refs,
      0,
      async () => listOf(sets),
      givenUp,
    ),
    /given up/,
  );
  equal(kernels.memoryUse().usedSize, usedSize);
});

test("thousands of selections, as rules make them, are asked for their labels once", async () => {
  const cache = new LabelsCache(kernels, new LabelsInterner());
  const sets = manySets(2000);
  let asked = 0;
  const round = async (): Promise<void> => {
    for (let at = 0; at < 2000; at++) {
      const refs = Uint32Array.from([at, (at + 1) % 2000]);
      const mine = Array.from(refs, (ref) => sets[ref] as Labels);
      const sorted = await cache.sorted(
        refs,
        0,
        async () => {
          asked++;
          return listOf(mine);
        },
        noPause,
      );
      deepEqual(labelsInOrder(sorted), mine.toSorted(compareLabels));
    }
  };
  await round();
  equal(asked, 2000);
  await round();
  equal(asked, 2000);
});

test("selections that nobody decodes are forgotten, the oldest first, where their labels take too much memory", async () => {
  const cache = new LabelsCache(kernels, new LabelsInterner());
  const list = listOf(
    Array.from({ length: 150 }, (_, i) => labelsFrom({ big: `${i}${"x".repeat(30_000)}` })),
  );
  const asked: number[] = [];
  const sorted = (ref: number): Promise<SortedSeries> =>
    cache.sorted(
      Uint32Array.from({ length: 150 }, (_, i) => 150 * ref + i),
      0,
      async () => {
        asked.push(ref);
        return list;
      },
      noPause,
    );
  for (const ref of [1, 2, 3, 4, 5, 6, 7]) await sorted(ref);
  await sorted(1);
  deepEqual(asked, [1, 2, 3, 4, 5, 6, 7], "seven of 4.5 MB are kept");
  for (const ref of [8, 1, 2]) await sorted(ref);
  deepEqual(asked, [1, 2, 3, 4, 5, 6, 7, 8, 2], "the first was used since, the second was not");
});
