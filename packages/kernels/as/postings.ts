// Sets of series numbers: as strictly increasing u32s (lists) where they are few, as bits where they are many. Of bits,
// the lowest of the first byte is number 0; they take whole blocks of 16 bytes, and those beyond the last number are 0.
// What is written lies apart from what is read, but for bitmaps, which may be changed in place.

/** Beyond this difference in size, looking up each of the few beats walking past all of the many. */
const GALLOP_RATIO: u32 = 32;

/** The numbers that are in both lists go to `out`, which has room for the shorter one. Answers how many. */
export function listIntersect(a: usize, aCount: u32, b: usize, bCount: u32, out: usize): u32 {
  if (aCount > bCount) return listIntersect(b, bCount, a, aCount, out);
  const start = out;
  const aEnd = a + aCount * 4;
  const bEnd = b + bCount * 4;
  if (bCount / GALLOP_RATIO > aCount) {
    for (; a < aEnd; a += 4) {
      const number = load<u32>(a);
      b = gallop(b, bEnd, number);
      if (b == bEnd) break;
      store<u32>(out, number);
      out += load<u32>(b) == number ? 4 : 0;
    }
  } else {
    // Each is written, and stays where both have it: a branch on that would be guessed wrong every other time.
    while (a < aEnd && b < bEnd) {
      const x = load<u32>(a);
      const y = load<u32>(b);
      store<u32>(out, x);
      out += x == y ? 4 : 0;
      a += x <= y ? 4 : 0;
      b += y <= x ? 4 : 0;
    }
  }
  return ((out - start) >> 2) as u32;
}

/** The numbers of `a` that are not in `b` go to `out`, which has room for all of `a`. Answers how many. */
export function listSubtract(a: usize, aCount: u32, b: usize, bCount: u32, out: usize): u32 {
  const start = out;
  const aEnd = a + aCount * 4;
  const bEnd = b + bCount * 4;
  if (bCount / GALLOP_RATIO > aCount) {
    for (; a < aEnd; a += 4) {
      const number = load<u32>(a);
      b = gallop(b, bEnd, number);
      store<u32>(out, number);
      out += b < bEnd && load<u32>(b) == number ? 0 : 4;
    }
  } else if (aCount / GALLOP_RATIO > bCount) {
    for (; b < bEnd; b += 4) {
      const number = load<u32>(b);
      const next = gallop(a, aEnd, number);
      memory.copy(out, a, next - a);
      out += next - a;
      a = next < aEnd && load<u32>(next) == number ? next + 4 : next;
    }
    memory.copy(out, a, aEnd - a);
    out += aEnd - a;
  } else {
    while (a < aEnd && b < bEnd) {
      const x = load<u32>(a);
      const y = load<u32>(b);
      store<u32>(out, x);
      out += x < y ? 4 : 0;
      a += x <= y ? 4 : 0;
      b += y <= x ? 4 : 0;
    }
    memory.copy(out, a, aEnd - a);
    out += aEnd - a;
  }
  return ((out - start) >> 2) as u32;
}

/** The numbers that are in either list go to `out`, which has room for those of both. Answers how many. */
export function listUnite(a: usize, aCount: u32, b: usize, bCount: u32, out: usize): u32 {
  const start = out;
  const aEnd = a + aCount * 4;
  const bEnd = b + bCount * 4;
  while (a < aEnd && b < bEnd) {
    const x = load<u32>(a);
    const y = load<u32>(b);
    store<u32>(out, min<u32>(x, y));
    out += 4;
    a += x <= y ? 4 : 0;
    b += y <= x ? 4 : 0;
  }
  memory.copy(out, a, aEnd - a);
  out += aEnd - a;
  memory.copy(out, b, bEnd - b);
  out += bEnd - b;
  return ((out - start) >> 2) as u32;
}

/** Where the first number not below `number` is, from `from` on; `end` if there is none. Cheap where it is near. */
function gallop(from: usize, end: usize, number: u32): usize {
  let step: usize = 4;
  let low = from;
  while (low + step < end && load<u32>(low + step) < number) {
    low += step;
    step <<= 1;
  }
  // What is looked for lies in [low, high].
  let high = min<usize>(end, low + step);
  while (low < high) {
    const middle = low + (((high - low) >> 3) << 2);
    if (load<u32>(middle) < number) low = middle + 4;
    else high = middle;
  }
  return low;
}

/** `into` keeps what is in `other` as well. Sizes are in bytes, whole blocks. */
export function bitmapIntersect(into: usize, other: usize, size: u32): void {
  for (const end = into + size; into < end; into += 16, other += 16)
    v128.store(into, v128.and(v128.load(into), v128.load(other)));
}

/** `into` loses what is in `other`. */
export function bitmapSubtract(into: usize, other: usize, size: u32): void {
  for (const end = into + size; into < end; into += 16, other += 16)
    v128.store(into, v128.andnot(v128.load(into), v128.load(other)));
}

/** `into` gets what is in `other`. */
export function bitmapUnite(into: usize, other: usize, size: u32): void {
  for (const end = into + size; into < end; into += 16, other += 16)
    v128.store(into, v128.or(v128.load(into), v128.load(other)));
}

/** `into` gets the numbers of a list. Those that are beyond it are left out. */
export function bitmapAddList(into: usize, size: u32, list: usize, count: u32): void {
  const limit: u64 = (size as u64) << 3;
  for (const end = list + count * 4; list < end; list += 4) {
    const number = load<u32>(list);
    if ((number as u64) >= limit) return;
    const at = into + (number >> 3);
    store<u8>(at, load<u8>(at) | (((1 as u32) << (number & 7)) as u8));
  }
}

/** The numbers of a list that are also among the bits go to `out`, which may be the list. Answers how many. */
export function listWithin(list: usize, count: u32, bitmap: usize, size: u32, out: usize): u32 {
  const start = out;
  const limit: u64 = (size as u64) << 3;
  for (const end = list + count * 4; list < end; list += 4) {
    const number = load<u32>(list);
    if ((number as u64) >= limit) break;
    store<u32>(out, number);
    out += ((load<u8>(bitmap + (number >> 3)) >> (number & 7)) & 1) << 2;
  }
  return ((out - start) >> 2) as u32;
}

/** How many numbers there are. */
export function bitmapCount(bitmap: usize, size: u32): u32 {
  let count: u64 = 0;
  for (const end = bitmap + size; bitmap < end; bitmap += 16)
    count += popcnt<u64>(load<u64>(bitmap)) + popcnt<u64>(load<u64>(bitmap, 8));
  return count as u32;
}

/** All numbers as a list go to `out`, which has room for them. Answers how many. */
export function bitmapToList(bitmap: usize, size: u32, out: usize): u32 {
  const start = out;
  for (let at: u32 = 0; at < size; at += 8) {
    for (let bits = load<u64>(bitmap + at); bits != 0; bits &= bits - 1) {
      store<u32>(out, at * 8 + (ctz<u64>(bits) as u32));
      out += 4;
    }
  }
  return ((out - start) >> 2) as u32;
}
