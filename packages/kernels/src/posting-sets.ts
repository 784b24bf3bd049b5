import { type Kernels, kernelOf } from "./kernels.ts";

/** Bits come in whole blocks of so many bytes. */
const BITMAP_BLOCK_SIZE = 16;

/** The bytes of a bitmap for the numbers below `limit`. */
export function bitmapSize(limit: number): number {
  return Math.ceil(limit / (BITMAP_BLOCK_SIZE * 8)) * BITMAP_BLOCK_SIZE;
}

/** Strictly increasing u32s in the kernels' memory. */
export interface List {
  readonly pointer: number;
  readonly count: number;
}

/**
 * Sets of series numbers in the kernels' memory, the postings of a label and what matchers make of them. A list is right
 * for few, a bitmap (`bitmapSize` bytes, cleared before it is first used) for many: two bitmaps are intersected a hundred
 * times as fast as two lists of a tenth of all numbers. Of lists of very different lengths, the longer is searched
 * rather than read.
 *
 * All pointers are addresses. What lists go to lies apart from the lists they are made of. Nothing is allocated.
 */
export class PostingSets {
  readonly #listIntersect: (...args: number[]) => number;
  readonly #listSubtract: (...args: number[]) => number;
  readonly #listUnite: (...args: number[]) => number;
  readonly #listWithin: (...args: number[]) => number;
  readonly #bitmapIntersect: (...args: number[]) => number;
  readonly #bitmapSubtract: (...args: number[]) => number;
  readonly #bitmapUnite: (...args: number[]) => number;
  readonly #bitmapAddList: (...args: number[]) => number;
  readonly #bitmapCount: (...args: number[]) => number;
  readonly #bitmapToList: (...args: number[]) => number;

  constructor(kernels: Kernels) {
    this.#listIntersect = kernelOf(kernels, "listIntersect");
    this.#listSubtract = kernelOf(kernels, "listSubtract");
    this.#listUnite = kernelOf(kernels, "listUnite");
    this.#listWithin = kernelOf(kernels, "listWithin");
    this.#bitmapIntersect = kernelOf(kernels, "bitmapIntersect");
    this.#bitmapSubtract = kernelOf(kernels, "bitmapSubtract");
    this.#bitmapUnite = kernelOf(kernels, "bitmapUnite");
    this.#bitmapAddList = kernelOf(kernels, "bitmapAddList");
    this.#bitmapCount = kernelOf(kernels, "bitmapCount");
    this.#bitmapToList = kernelOf(kernels, "bitmapToList");
  }

  /** The numbers in both lists, to `out`, which has room for the shorter one. */
  intersect(a: List, b: List, out: number): List {
    return list(out, this.#listIntersect(a.pointer, a.count, b.pointer, b.count, out));
  }

  /** The numbers of `a` that are not in `b`, to `out`, which has room for `a`. */
  subtract(a: List, b: List, out: number): List {
    return list(out, this.#listSubtract(a.pointer, a.count, b.pointer, b.count, out));
  }

  /** The numbers in either list, to `out`, which has room for both. */
  unite(a: List, b: List, out: number): List {
    return list(out, this.#listUnite(a.pointer, a.count, b.pointer, b.count, out));
  }

  /** The numbers of `a` that are in a bitmap of `size` bytes, to `out`, which may be `a` itself. */
  within(a: List, bitmap: number, size: number, out: number): List {
    return list(out, this.#listWithin(a.pointer, a.count, bitmap, size, out));
  }

  /** Leaves in `into` what `other` has as well. Both have `size` bytes. */
  bitmapIntersect(into: number, other: number, size: number): void {
    this.#bitmapIntersect(into, other, size);
  }

  /** Takes out of `into` what `other` has. Both have `size` bytes. */
  bitmapSubtract(into: number, other: number, size: number): void {
    this.#bitmapSubtract(into, other, size);
  }

  /** Adds to `into` what `other` has. Both have `size` bytes. */
  bitmapUnite(into: number, other: number, size: number): void {
    this.#bitmapUnite(into, other, size);
  }

  /** Adds the numbers of a list to a bitmap of `size` bytes. Numbers that have no bit there are left out. */
  bitmapAdd(into: number, size: number, { pointer, count }: List): void {
    this.#bitmapAddList(into, size, pointer, count);
  }

  /** How many numbers a bitmap of `size` bytes has. */
  bitmapCount(bitmap: number, size: number): number {
    return this.#bitmapCount(bitmap, size) >>> 0;
  }

  /** The numbers of a bitmap of `size` bytes, to `out`, which has room for `bitmapCount` of them. */
  bitmapToList(bitmap: number, size: number, out: number): List {
    return list(out, this.#bitmapToList(bitmap, size, out));
  }
}

function list(pointer: number, count: number): List {
  return { pointer, count: count >>> 0 };
}
