import type { Labels } from "@pharos/base";

const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;
const PRIME_5 = 0x27d4eb2f165667c5n;
const MASK = 0xffff_ffff_ffff_ffffn;

/**
 * Where a label set stands between 0 and 1, as Prometheus's `limit_ratio` has it: xxHash64 of the labels as its
 * default build keeps them in memory, over 2^64. The same series are sampled here and there.
 */
export function labelSetOffset(labels: Labels): number {
  return Number(xxHash64(labelBytes(labels))) / 2 ** 64;
}

/** Name, value, name, value …: each its length and its UTF-8 bytes. A length from 255 on is 0xff and three bytes. */
function labelBytes(labels: Labels): Uint8Array {
  const encoder = new TextEncoder();
  const parts = labels.flat().map((text) => encoder.encode(text));
  const size = parts.reduce((sum, { length }) => sum + length + (length < 255 ? 1 : 4), 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    const { length } = part;
    if (length < 255) bytes[at++] = length;
    else {
      bytes.set([255, length & 255, (length >>> 8) & 255, length >>> 16], at);
      at += 4;
    }
    bytes.set(part, at);
    at += length;
  }
  return bytes;
}

/** xxHash64 with seed 0. */
export function xxHash64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let hash: bigint;
  if (bytes.length >= 32) {
    let a = (PRIME_1 + PRIME_2) & MASK;
    let b = PRIME_2;
    let c = 0n;
    let d = -PRIME_1 & MASK;
    for (; at + 32 <= bytes.length; at += 32) {
      a = round(a, view.getBigUint64(at, true));
      b = round(b, view.getBigUint64(at + 8, true));
      c = round(c, view.getBigUint64(at + 16, true));
      d = round(d, view.getBigUint64(at + 24, true));
    }
    hash = (rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n)) & MASK;
    for (const lane of [a, b, c, d]) hash = ((hash ^ round(0n, lane)) * PRIME_1 + PRIME_4) & MASK;
  } else hash = PRIME_5;
  hash = (hash + BigInt(bytes.length)) & MASK;
  for (; at + 8 <= bytes.length; at += 8)
    hash = (rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * PRIME_1 + PRIME_4) & MASK;
  if (at + 4 <= bytes.length) {
    const word = (BigInt(view.getUint32(at, true)) * PRIME_1) & MASK;
    hash = (rotate(hash ^ word, 23n) * PRIME_2 + PRIME_3) & MASK;
    at += 4;
  }
  for (; at < bytes.length; at++)
    hash = (rotate(hash ^ ((BigInt(bytes[at] as number) * PRIME_5) & MASK), 11n) * PRIME_1) & MASK;
  hash = ((hash ^ (hash >> 33n)) * PRIME_2) & MASK;
  hash = ((hash ^ (hash >> 29n)) * PRIME_3) & MASK;
  return hash ^ (hash >> 32n);
}

function round(lane: bigint, input: bigint): bigint {
  return (rotate((lane + input * PRIME_2) & MASK, 31n) * PRIME_1) & MASK;
}

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}
