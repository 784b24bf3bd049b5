// Postings: the numbers of the series that have a label, strictly increasing.

/** Beyond this difference in size, looking up each of the few beats walking past all of the many. */
const GALLOP_RATIO = 32;
/** Where the largest number is above so many times the count, sorting the few beats a mark for each number up to it. */
const SPARSE_RATIO = 64;

/** The numbers that are in both. */
export function intersect(a: Uint32Array, b: Uint32Array): Uint32Array {
  const [few, many] = a.length <= b.length ? [a, b] : [b, a];
  const out = new Uint32Array(few.length);
  let length = 0;
  if (many.length > few.length * GALLOP_RATIO) {
    let from = 0;
    for (const ref of few) {
      from = lowerBound(many, ref, from);
      if (many[from] === ref) out[length++] = ref;
    }
    return out.subarray(0, length);
  }
  for (let i = 0, j = 0; i < few.length && j < many.length; ) {
    const x = few[i] as number;
    const y = many[j] as number;
    if (x === y) out[length++] = x;
    if (x <= y) i++;
    if (y <= x) j++;
  }
  return out.subarray(0, length);
}

/** The numbers of `a` that are not in `b`. */
export function subtract(a: Uint32Array, b: Uint32Array): Uint32Array {
  if (b.length === 0) return a;
  const out = new Uint32Array(a.length);
  let length = 0;
  let j = 0;
  for (const ref of a) {
    while (j < b.length && (b[j] as number) < ref) j++;
    if (b[j] !== ref) out[length++] = ref;
  }
  return out.subarray(0, length);
}

/** All numbers that are in any of the lists. */
export function union(lists: readonly Uint32Array[]): Uint32Array {
  if (lists.length <= 1) return lists[0] ?? new Uint32Array(0);
  let total = 0;
  let largest = 0;
  for (const list of lists) {
    total += list.length;
    largest = Math.max(largest, list.at(-1) ?? 0);
  }
  return total * SPARSE_RATIO < largest
    ? sortedUnion(lists, total)
    : markedUnion(lists, total, largest);
}

/** For few numbers that are far apart. */
function sortedUnion(lists: readonly Uint32Array[], total: number): Uint32Array {
  const out = new Uint32Array(total);
  let at = 0;
  for (const list of lists) {
    out.set(list, at);
    at += list.length;
  }
  out.sort();
  let length = 0;
  for (let i = 0; i < total; i++)
    if (i === 0 || out[i] !== out[i - 1]) out[length++] = out[i] as number;
  return out.subarray(0, length);
}

/** One bit a number: no sorting. */
function markedUnion(lists: readonly Uint32Array[], total: number, largest: number): Uint32Array {
  const marks = new Uint32Array((largest >>> 5) + 1);
  for (const list of lists)
    for (const ref of list) marks[ref >>> 5] = (marks[ref >>> 5] as number) | (1 << (ref & 31));
  const out = new Uint32Array(total);
  let length = 0;
  for (let at = 0; at < marks.length; at++)
    for (let left = marks[at] as number; left !== 0; left &= left - 1)
      out[length++] = at * 32 + (31 - Math.clz32(left & -left));
  return out.subarray(0, length);
}

/** The index of the first number from `ref` on, starting to look at `from`. */
export function lowerBound(list: Uint32Array, ref: number, from = 0): number {
  let low = from;
  let step = 1;
  while (low + step < list.length && (list[low + step] as number) < ref) {
    low += step;
    step *= 2;
  }
  let high = Math.min(list.length, low + step + 1);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] as number) < ref) low = middle + 1;
    else high = middle;
  }
  return low;
}
