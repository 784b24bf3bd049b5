// Postings: the numbers of the series that have a label, strictly increasing.

/** Beyond this difference in size, looking up each of the few beats walking past all of the many. */
const GALLOP_RATIO = 32;

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

/** All numbers of lists that have none in common, as those of the values of one label. */
export function mergeDisjoint(lists: readonly Uint32Array[]): Uint32Array {
  if (lists.length === 1) return lists[0] as Uint32Array;
  const out = new Uint32Array(lists.reduce((sum, list) => sum + list.length, 0));
  let at = 0;
  for (const list of lists) {
    out.set(list, at);
    at += list.length;
  }
  return out.sort();
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
