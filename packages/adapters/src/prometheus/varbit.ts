// Numbers of the chunks of histograms, short where they are small: a prefix of ones, ended by a zero unless there are
// eight, says how many bits follow.
import type { BitReader } from "./bit-reader.ts";
import type { BitWriter } from "./bit-writer.ts";

/** How many bits follow so many ones. */
const SIZES = [0, 3, 6, 9, 12, 18, 25, 56, 64] as const;
const ONES_MAX = 8;

/** A whole number of either sign within 2^53. */
export function putVarbitInt(bits: BitWriter, value: number): void {
  let ones = value === 0 ? 0 : 1;
  // The highest number above zero takes the place of the lowest below.
  while (ones > 0 && ones < ONES_MAX) {
    const half = 2 ** ((SIZES[ones] as number) - 1);
    if (value > -half && value <= half) break;
    ones++;
  }
  putSized(bits, ones, value);
}

/** A whole number from 0 to 2^53. */
export function putVarbitUint(bits: BitWriter, value: number): void {
  let ones = value === 0 ? 0 : 1;
  while (ones > 0 && ones < ONES_MAX && value >= 2 ** (SIZES[ones] as number)) ones++;
  putSized(bits, ones, value);
}

function putSized(bits: BitWriter, ones: number, value: number): void {
  if (ones === ONES_MAX) bits.put(0xff, 8);
  else bits.put((2 ** ones - 1) * 2, ones + 1);
  const size = SIZES[ones] as number;
  if (size > 32) bits.put(Math.floor(value / 2 ** 32) | 0, size - 32);
  if (size > 0) bits.put(value | 0, Math.min(size, 32));
}

/** Exact within 2^53. */
export function takeVarbitInt(bits: BitReader): number {
  const size = takeSize(bits);
  if (size > 32) {
    // The sign is in the upper half, which alone is small enough to be exact.
    const upper = size - 32;
    return ((bits.take(upper) << (32 - upper)) >> (32 - upper)) * 2 ** 32 + bits.take(32);
  }
  const value = bits.take(size);
  return size > 0 && value > 2 ** (size - 1) ? value - 2 ** size : value;
}

/** Exact up to 2^53. */
export function takeVarbitUint(bits: BitReader): number {
  return takeBits(bits, takeSize(bits));
}

function takeSize(bits: BitReader): number {
  let ones = 0;
  while (ones < ONES_MAX && bits.take(1) === 1) ones++;
  return SIZES[ones] as number;
}

function takeBits(bits: BitReader, size: number): number {
  if (size <= 32) return bits.take(size);
  const high = bits.take(size - 32);
  return high * 2 ** 32 + bits.take(32);
}
