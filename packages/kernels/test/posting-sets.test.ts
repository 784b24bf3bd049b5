import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Kernels } from "../src/kernels.ts";
import { bitmapSize, type List, PostingSets } from "../src/posting-sets.ts";

const kernels = await Kernels.load();
const sets = new PostingSets(kernels);
const COUNT_MAX = 6000;
const LIMIT = 100_000;
const SIZE = bitmapSize(LIMIT);
const GUARD = 0xeeee_eeee;
const lists = [kernels.allocate(COUNT_MAX * 4), kernels.allocate(COUNT_MAX * 4)] as const;
const bitmaps = [kernels.allocate(SIZE), kernels.allocate(SIZE)] as const;
const out = kernels.allocate((COUNT_MAX * 2 + 1) * 4);

function place(numbers: readonly number[], at: 0 | 1): List {
  const pointer = lists[at];
  kernels.words.set(numbers, pointer / 4);
  kernels.words[pointer / 4 + numbers.length] = 0; // What is behind a list is not of it.
  return { pointer, count: numbers.length };
}

function read({ pointer, count }: List): number[] {
  return [...kernels.words.subarray(pointer / 4, pointer / 4 + count)];
}

function bitmapOf(numbers: readonly number[], at: 0 | 1): number {
  const bitmap = bitmaps[at];
  kernels.bytes.fill(0, bitmap, bitmap + SIZE);
  sets.bitmapAdd(bitmap, SIZE, place(numbers, at));
  return bitmap;
}

/** Lists of very different lengths and densities, so that each way of walking them is taken. */
const numbers = fc
  .tuple(fc.constantFrom(3, 40, 400, 5000), fc.constantFrom(6000, LIMIT), fc.integer())
  .map(([most, below, seed]) => {
    let state = seed;
    const length = (Math.imul(seed, 0x2c1b3c6d) >>> 8) % (most + 1);
    const found = new Set<number>();
    for (let i = 0; i < length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      found.add((state >>> 7) % below);
    }
    return [...found].sort((a, b) => a - b);
  });

/** Runs a list operation that may write `room` numbers, and sees that it writes no more. */
function check(operation: () => List, room: number, expected: readonly number[]): void {
  kernels.words.fill(GUARD, out / 4, out / 4 + COUNT_MAX * 2 + 1);
  deepEqual(read(operation()), expected);
  ok(kernels.words.subarray(out / 4 + room, out / 4 + COUNT_MAX * 2 + 1).every((w) => w === GUARD));
}

test("lists and bitmaps intersect, subtract and unite as sets do", () => {
  fc.assert(
    fc.property(numbers, numbers, (a, b) => {
      const [inA, inB] = [new Set(a), new Set(b)];
      const both = a.filter((number) => inB.has(number));
      const onlyA = a.filter((number) => !inB.has(number));
      const either = [...inA.union(inB)].sort((x, y) => x - y);
      const [listA, listB] = [place(a, 0), place(b, 1)];
      check(() => sets.intersect(listA, listB, out), Math.min(a.length, b.length), both);
      check(() => sets.subtract(listA, listB, out), a.length, onlyA);
      check(() => sets.unite(listA, listB, out), a.length + b.length, either);
      deepEqual([read(listA), read(listB)], [a, b]);

      for (const [operation, expected] of [
        ["bitmapIntersect", both],
        ["bitmapSubtract", onlyA],
        ["bitmapUnite", either],
      ] as const) {
        const into = bitmapOf(a, 0);
        sets[operation](into, bitmapOf(b, 1), SIZE);
        equal(sets.bitmapCount(into, SIZE), expected.length);
        check(() => sets.bitmapToList(into, SIZE, out), expected.length, expected);
      }
      const bitmap = bitmapOf(b, 1);
      check(() => sets.within(listA, bitmap, SIZE, out), a.length, both);
      deepEqual(read(sets.within(listA, bitmap, SIZE, listA.pointer)), both);
    }),
    { numRuns: 300 },
  );
});

test("numbers beyond a bitmap are not in it", () => {
  const small = bitmapSize(100);
  equal(small, 16);
  const bitmap = bitmaps[0];
  kernels.bytes.fill(0, bitmap, bitmap + SIZE);
  const list = place([5, 127, 128, 70_000, 0xffff_ffff], 0);
  sets.bitmapAdd(bitmap, small, list);
  deepEqual(read(sets.bitmapToList(bitmap, SIZE, out)), [5, 127]);
  deepEqual(read(sets.within(list, bitmap, small, out)), [5, 127]);
});

test("the largest numbers are as good as others", () => {
  const a = place([1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff], 0);
  const b = place([0x8000_0000, 0xffff_fffe, 0xffff_ffff], 1);
  deepEqual(read(sets.intersect(a, b, out)), [0x8000_0000, 0xffff_ffff]);
  deepEqual(read(sets.subtract(a, b, out)), [1, 0x7fff_ffff]);
  deepEqual(read(sets.unite(a, b, out)), [1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff]);
});
