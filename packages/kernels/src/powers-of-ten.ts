import type { Kernels } from "./kernels.ts";

// The table that as/float.ts describes: 128 bits of each power of ten, rounded down, and the small ones as float64.
const POWER_MIN = -342;
const POWER_MAX = 308;
const EXACT_COUNT = 23;
const COUNT = POWER_MAX - POWER_MIN + 1;

function bitLength(value: bigint): number {
  return value.toString(2).length;
}

/** The top 128 bits of 10^power. */
function mantissaOf(power: number): bigint {
  const ten = 10n ** BigInt(Math.abs(power));
  const length = bitLength(ten);
  if (power < 0) return (1n << BigInt(length + 127)) / ten;
  return length >= 128 ? ten >> BigInt(length - 128) : ten << BigInt(128 - length);
}

/** The address of the table in the kernels' memory. @throws OperatingError `memory.full`. */
export function createPowersOfTen(kernels: Kernels): number {
  const size = COUNT * 16 + EXACT_COUNT * 8;
  const pointer = kernels.allocate(size);
  const view = new DataView(kernels.buffer, pointer, size);
  for (let i = 0; i < COUNT; i++) {
    const mantissa = mantissaOf(POWER_MIN + i);
    view.setBigUint64(i * 16, BigInt.asUintN(64, mantissa), true);
    view.setBigUint64(i * 16 + 8, mantissa >> 64n, true);
  }
  for (let i = 0; i < EXACT_COUNT; i++) view.setFloat64(COUNT * 16 + i * 8, 10 ** i, true);
  return pointer;
}
