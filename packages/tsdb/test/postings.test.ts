import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import {
  compareLabels,
  createMatcher,
  type Labels,
  labelsFrom,
  labelValue,
  type Matcher,
  matchesLabels,
  seededRng,
} from "@pharos/base";
import { encodeLabels, HEAD_NAMESPACE, Kernels, SeriesTable } from "@pharos/kernels";
import { SimDisk } from "@pharos/testing";
import fc from "fast-check";
import { Block } from "../src/block/block.ts";
import { BlockCache } from "../src/block/block-cache.ts";
import { blockName } from "../src/block/block-meta.ts";
import { LabelIndex, selectSeries } from "../src/label-index.ts";
import { intersect, lowerBound, subtract, union } from "../src/postings.ts";
import { BLOCK_START_MS, randomSet, writeBlock } from "./block-builder.ts";

const list = fc
  .uniqueArray(fc.nat(3000), { maxLength: 400 })
  .map((numbers) => Uint32Array.from(numbers).sort());

test("intersections and differences are those of sets", () => {
  fc.assert(
    fc.property(list, list, fc.nat(5), (a, b, few) => {
      for (const [x, y] of [
        [a, b],
        [a.subarray(0, few), b],
        [b, a.subarray(0, few)],
      ] as const) {
        const inY = new Set(y);
        deepEqual(
          [...intersect(x, y)],
          [...x].filter((ref) => inY.has(ref)),
        );
        deepEqual(
          [...subtract(x, y)],
          [...x].filter((ref) => !inY.has(ref)),
        );
      }
    }),
  );
});

test("a union has each number of any list once, in order, near and far", () => {
  fc.assert(
    fc.property(
      fc.array(list, { maxLength: 4 }),
      fc.constantFrom(1, 7, 100_000),
      (lists, apart) => {
        const spread = lists.map((numbers) => numbers.map((number) => number * apart));
        const all = new Set(spread.flatMap((numbers) => [...numbers]));
        deepEqual(union(spread), Uint32Array.from(all).sort());
      },
    ),
  );
});

test("the lower bound is the first number that is not below", () => {
  fc.assert(
    fc.property(list, fc.nat(3100), (numbers, ref) => {
      const at = numbers.findIndex((number) => number >= ref);
      deepEqual(lowerBound(numbers, ref), at < 0 ? numbers.length : at);
    }),
  );
});

const kernels = await Kernels.load();

const labelSets = fc.uniqueArray(
  fc
    .tuple(fc.nat(3), fc.nat(3), fc.nat(9))
    .map(([a, b, c]) =>
      labelsFrom({ a: a === 0 ? "" : `a${a}`, b: b === 0 ? "" : "b", c: `c${c}` }),
    ),
  { selector: (labels) => JSON.stringify(labels), maxLength: 60 },
);
const matcher: fc.Arbitrary<Matcher> = fc
  .tuple(
    fc.constantFrom("=", "!=", "=~", "!~") as fc.Arbitrary<Matcher["type"]>,
    fc.constantFrom("a", "b", "c", "none"),
    fc.constantFrom("", "a1", "b", "c1|c2", "a1|", ".*", ".+", "[ac][123]", "c.*", "nothing"),
  )
  .map(([type, name, value]) => createMatcher(type, name, value));

async function blockOf(sets: readonly Labels[]): Promise<Block> {
  const rng = seededRng(1);
  const disk = new SimDisk(rng);
  const samples = [randomSet(rng, "samples", [BLOCK_START_MS])];
  const series = sets.map((labels) => ({ labels, sets: samples }));
  const meta = await writeBlock(disk, kernels, series);
  return Block.open(disk, `blocks/${blockName(meta)}`, new BlockCache());
}

test("matchers select from the head's index and from a block's what they say of the labels", async () => {
  await fc.assert(
    fc.asyncProperty(labelSets, fc.array(matcher, { maxLength: 4 }), async (sets, matchers) => {
      const table = new SeriesTable(kernels);
      const head = new LabelIndex(kernels, table);
      for (const [ref, labels] of sets.entries()) table.insertSeries(encodeLabels(labels), ref);
      const wanted = [...sets.keys()].filter((ref) => matchesLabels(matchers, sets[ref] as Labels));
      deepEqual([...selectSeries(head, matchers)], wanted);

      if (sets.length > 0) {
        const inOrder = sets.toSorted(compareLabels);
        const block = await blockOf(inOrder);
        deepEqual(
          [...block.select(matchers)],
          [...inOrder.keys()].filter((at) => matchesLabels(matchers, inOrder[at] as Labels)),
        );
        deepEqual(
          inOrder.map((_, series) => block.labelsOf(series)),
          inOrder,
        );
      }

      const gone = [...sets.keys()].filter((ref) => ref % 2 === 0);
      const bytesOf = (ref: number): Uint8Array => encodeLabels(sets[ref] as Labels);
      for (const ref of gone) table.remove(table.find(HEAD_NAMESPACE, bytesOf(ref)));
      const left = wanted.filter((ref) => ref % 2 !== 0);
      deepEqual([...selectSeries(head, matchers)], left);
      deepEqual(
        [...head.valuesOf("c")].sort(),
        [
          ...new Set(sets.filter((_, ref) => ref % 2 !== 0).map((set) => labelValue(set, "c"))),
        ].sort(),
      );
      for (const ref of gone.toReversed()) table.insertSeries(bytesOf(ref), ref);
      deepEqual([...selectSeries(head, matchers)], wanted);
      head.destroy();
      table.destroy();
    }),
  );
});
