// XXH64, as its specification gives it: fast without SIMD and good enough in all 64 bits to take slots from the low
// ones and fingerprints from the high ones.
const P1: u64 = 0x9e3779b185ebca87;
const P2: u64 = 0xc2b2ae3d27d4eb4f;
const P3: u64 = 0x165667b19e3779f9;
const P4: u64 = 0x85ebca77c2b2ae63;
const P5: u64 = 0x27d4eb2f165667c5;

function round(lane: u64, input: u64): u64 {
  return rotl<u64>(lane + input * P2, 31) * P1;
}

function mergeRound(hash: u64, lane: u64): u64 {
  return (hash ^ round(0, lane)) * P1 + P4;
}

/** The hash of `length` bytes at `pointer`. Reads nothing outside them. */
export function hashBytes(pointer: u32, length: u32, seed: u64): u64 {
  let p = pointer;
  const end = pointer + length;
  let hash: u64;
  if (length >= 32) {
    let a = seed + P1 + P2;
    let b = seed + P2;
    let c = seed;
    let d = seed - P1;
    const last = end - 32;
    do {
      a = round(a, load<u64>(p));
      b = round(b, load<u64>(p, 8));
      c = round(c, load<u64>(p, 16));
      d = round(d, load<u64>(p, 24));
      p += 32;
    } while (p <= last);
    hash = rotl<u64>(a, 1) + rotl<u64>(b, 7) + rotl<u64>(c, 12) + rotl<u64>(d, 18);
    hash = mergeRound(hash, a);
    hash = mergeRound(hash, b);
    hash = mergeRound(hash, c);
    hash = mergeRound(hash, d);
  } else {
    hash = seed + P5;
  }
  hash += length as u64;
  while (p + 8 <= end) {
    hash = rotl<u64>(hash ^ round(0, load<u64>(p)), 27) * P1 + P4;
    p += 8;
  }
  if (p + 4 <= end) {
    hash = rotl<u64>(hash ^ ((load<u32>(p) as u64) * P1), 23) * P2 + P3;
    p += 4;
  }
  while (p < end) {
    hash = rotl<u64>(hash ^ ((load<u8>(p) as u64) * P5), 11) * P1;
    p++;
  }
  hash = (hash ^ (hash >> 33)) * P2;
  hash = (hash ^ (hash >> 29)) * P3;
  return hash ^ (hash >> 32);
}

/** For tests: hashes into 8 bytes at `out`. */
export function hashInto(pointer: u32, length: u32, seed: f64, out: u32): void {
  store<u64>(out, hashBytes(pointer, length, seed as u64));
}

function differ16(a: u32, b: u32): bool {
  return v128.any_true(v128.xor(v128.load(a), v128.load(b)));
}

/** Whether `length` bytes are the same. Both are readable for 15 bytes beyond their end, as all that is in the heap. */
export function equalBytes(a: u32, b: u32, length: u32): bool {
  if (length < 16) {
    const same = i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b))) as u32;
    const wanted: u32 = ((1 as u32) << length) - 1;
    return (same & wanted) == wanted;
  }
  const last = length - 16;
  for (let at: u32 = 0; at < last; at += 16) if (differ16(a + at, b + at)) return false;
  return !differ16(a + last, b + last);
}
