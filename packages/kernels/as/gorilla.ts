// Gorilla: timestamps as the change of their step, values as XOR with the one before, in a stream of bits.
//
//   sample 0         timestamp i64 | value u64                                   (big-endian, as the whole stream)
//   sample 1, 2, …   change of step: 0                       0
//                                    -64 .. 63               10   + 7 bits
//                                    -8192 .. 8191           110  + 14 bits
//                                    -2^19 .. 2^19 - 1       1110 + 20 bits
//                                    any                     1111 + 64 bits
//                    value XOR:      0                       0
//                                    fits the last window    10 + the window's bits
//                                    any                     11 + leading zeros 5 bits + length - 1 6 bits + bits
//
// The step before sample 1 is 0. Bits are written by loading 8 bytes around the position, so a buffer needs SLACK
// bytes after its end, and all bits after the position must be 0. Bits that are there never change: a reader that
// knows how many samples are complete may decode them while more are appended.
import { allocate, release } from "./memory";

export const SLACK: u32 = 16;
/** An upper bound of the bytes one more sample takes: 68 bits of timestamp, 77 of value. */
export const SAMPLE_SIZE_MAX: u32 = 19;
export const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;
const NO_WINDOW: u32 = 0xff;

// The encoder's state, 40 bytes, in the series header of the head (see head.ts) or in a scratch block.
export const LAST_T: usize = 0; // i64
export const LAST_V: usize = 8; // u64
export const STEP: usize = 16; // i64
export const CHUNK: usize = 24; // u32 address of the stream
export const LEADING: usize = 28; // u8, NO_WINDOW if there is none
export const TRAILING: usize = 29; // u8
export const CAPACITY: usize = 30; // u16, bytes; the slack comes on top
export const BITS: usize = 32; // u32 length of the stream
export const STATE_SIZE: u32 = 40;

/** Writes the low `count` bits (1 to 56) of `bits`; the rest of `bits` must be 0. Answers the new position. */
function put(chunk: usize, at: u32, bits: u64, count: u32): u32 {
  const address = chunk + (at >> 3);
  store<u64>(address, bswap<u64>(bswap<u64>(load<u64>(address)) | (bits << (64 - count - (at & 7)))));
  return at + count;
}

function putLong(chunk: usize, at: u32, bits: u64): u32 {
  return put(chunk, put(chunk, at, bits >> 32, 32), bits & 0xffff_ffff, 32);
}

/** Reads `count` bits, 1 to 56. */
function get(chunk: usize, at: u32, count: u32): u64 {
  return (bswap<u64>(load<u64>(chunk + (at >> 3))) << (at & 7)) >> (64 - count);
}

function getLong(chunk: usize, at: u32): u64 {
  return (get(chunk, at, 32) << 32) | get(chunk, at + 32, 32);
}

/** Starts the stream in `state` with its first sample. The buffer is clear and has room. */
export function gorillaStart(state: usize, t: i64, v: u64): void {
  const chunk: usize = load<u32>(state, CHUNK);
  store<u32>(state, putLong(chunk, putLong(chunk, 0, t as u64), v), BITS);
  store<i64>(state, t, LAST_T);
  store<u64>(state, v, LAST_V);
  store<i64>(state, 0, STEP);
  store<u8>(state, NO_WINDOW, LEADING);
}

/** How many bits one more sample takes. */
export function gorillaSize(state: usize, t: i64, v: u64): u32 {
  const change = t - load<i64>(state, LAST_T) - load<i64>(state, STEP);
  let size: u32 = 68;
  if (change == 0) size = 1;
  else if (change >= -64 && change < 64) size = 9;
  else if (change >= -8192 && change < 8192) size = 17;
  else if (change >= -524288 && change < 524288) size = 24;
  const xor = v ^ load<u64>(state, LAST_V);
  if (xor == 0) return size + 1;
  const leading = min<u32>(clz<u64>(xor) as u32, 31);
  const trailing = ctz<u64>(xor) as u32;
  const windowLeading = load<u8>(state, LEADING) as u32;
  const windowTrailing = load<u8>(state, TRAILING) as u32;
  if (windowLeading != NO_WINDOW && leading >= windowLeading && trailing >= windowTrailing)
    return size + 2 + 64 - windowLeading - windowTrailing;
  return size + 13 + 64 - leading - trailing;
}

/** Appends one more sample. The buffer has room for what `gorillaSize` says, which is SAMPLE_SIZE_MAX bytes at most. */
export function gorillaAppend(state: usize, t: i64, v: u64): void {
  const chunk: usize = load<u32>(state, CHUNK);
  let at = load<u32>(state, BITS);
  const step = t - load<i64>(state, LAST_T);
  const change = step - load<i64>(state, STEP);
  if (change == 0) at += 1; // A 0 bit: it is there already.
  else if (change >= -64 && change < 64) at = put(chunk, at, (2 << 7) | ((change as u64) & 0x7f), 9);
  else if (change >= -8192 && change < 8192) at = put(chunk, at, (6 << 14) | ((change as u64) & 0x3fff), 17);
  else if (change >= -524288 && change < 524288) at = put(chunk, at, (14 << 20) | ((change as u64) & 0xfffff), 24);
  else at = putLong(chunk, put(chunk, at, 15, 4), change as u64);

  const xor = v ^ load<u64>(state, LAST_V);
  if (xor == 0) at += 1;
  else {
    let leading = clz<u64>(xor) as u32;
    const trailing = ctz<u64>(xor) as u32;
    if (leading > 31) leading = 31;
    const windowLeading = load<u8>(state, LEADING) as u32;
    const windowTrailing = load<u8>(state, TRAILING) as u32;
    let length: u32;
    let bits: u64;
    if (windowLeading != NO_WINDOW && leading >= windowLeading && trailing >= windowTrailing) {
      at = put(chunk, at, 2, 2);
      length = 64 - windowLeading - windowTrailing;
      bits = xor >> windowTrailing;
    } else {
      store<u8>(state, leading, LEADING);
      store<u8>(state, trailing, TRAILING);
      length = 64 - leading - trailing;
      bits = xor >> trailing;
      at = put(chunk, at, ((((3 << 5) | leading) << 6) | (length - 1)) as u64, 13);
    }
    if (length <= 56) at = put(chunk, at, bits, length);
    else at = put(chunk, put(chunk, at, bits >> 32, length - 32), bits & 0xffff_ffff, 32);
  }
  store<u32>(state, at, BITS);
  store<i64>(state, t, LAST_T);
  store<u64>(state, v, LAST_V);
  store<i64>(state, step, STEP);
}

/**
 * Encodes columns as one stream at `out`, which holds 16 + count * SAMPLE_SIZE_MAX + SLACK bytes. Timestamps strictly
 * increase, count is at least 1. Answers the size in bytes; 0 when the memory is full.
 */
export function gorillaEncode(timestamps: usize, values: usize, count: u32, out: usize): u32 {
  const state = allocate(STATE_SIZE);
  if (state == 0) return 0;
  memory.fill(out, 0, 16 + count * SAMPLE_SIZE_MAX + SLACK);
  store<u32>(state, out as u32, CHUNK);
  gorillaStart(state, load<f64>(timestamps) as i64, load<u64>(values));
  for (let i: u32 = 1; i < count; i++)
    gorillaAppend(state, load<f64>(timestamps + i * 8) as i64, load<u64>(values + i * 8));
  const size = (load<u32>(state, BITS) + 7) >> 3;
  release(state, STATE_SIZE);
  return size;
}

/**
 * Decodes the samples with index in [from, count) and minT <= timestamp <= maxT. `size` bounds what is read (SLACK
 * bytes after it are addressable). Answers how many were written, or -1 where the stream is longer than `size`: damage.
 */
export function gorillaDecode(
  chunk: usize, size: u32, count: u32, from: u32, minT: f64, maxT: f64, outT: usize, outV: usize, outStale: usize,
): i32 {
  if (count == 0) return 0;
  if (size < 16) return -1;
  const end = size * 8;
  let t = getLong(chunk, 0) as i64;
  let v = getLong(chunk, 64);
  let at: u32 = 128;
  let step: i64 = 0;
  let windowTrailing: u32 = 0;
  let windowLength: u32 = 0;
  let written: u32 = 0;
  for (let i: u32 = 0; ; ) {
    const time = t as f64;
    if (time > maxT) break;
    if (i >= from && time >= minT) {
      store<f64>(outT + written * 8, time);
      store<u64>(outV + written * 8, v);
      store<u8>(outStale + written, v == STALE_BITS ? 1 : 0);
      written++;
    }
    if (++i == count) break;
    if (at >= end) return -1;

    // Enough for the longest prefix and the shorter changes at once.
    const head = get(chunk, at, 24) as u32;
    if (head < 0x80_0000) at += 1;
    else {
      let change: i64;
      if (head < 0xc0_0000) {
        change = (((head as i64) << 42) >> 57) as i64;
        at += 9;
      } else if (head < 0xe0_0000) {
        change = ((head as i64) << 43) >> 50;
        at += 17;
      } else if (head < 0xf0_0000) {
        change = ((head as i64) << 44) >> 44;
        at += 24;
      } else {
        if (at + 68 > end) return -1;
        change = getLong(chunk, at + 4) as i64;
        at += 68;
      }
      step += change;
    }
    t += step;

    if (at >= end) return -1;
    const mark = get(chunk, at, 13) as u32;
    if (mark < 0x1000) at += 1;
    else {
      if (mark < 0x1800) at += 2;
      else {
        windowLength = (mark & 63) + 1;
        const used = ((mark >> 6) & 31) + windowLength;
        if (used > 64) return -1;
        windowTrailing = 64 - used;
        at += 13;
      }
      if (windowLength == 0 || at + windowLength > end) return -1;
      const bits: u64 =
        windowLength <= 56
          ? get(chunk, at, windowLength)
          : (get(chunk, at, windowLength - 32) << 32) | get(chunk, at + windowLength - 32, 32);
      v ^= bits << windowTrailing;
      at += windowLength;
    }
    if (at > end) return -1;
  }
  return written;
}
