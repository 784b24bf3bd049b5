// Floats as whole numbers of one power of ten: 12.5 and 3.25 are 1250 and 325 hundredths. What is no such number, or
// only nearly, is corrected afterwards.
import { numberSize, widthOf, zigzag } from "./bits";
import { EXPONENT_MAX, MANTISSA_LIMIT, powerOfTen } from "./column-format";

/** So many values are looked at to find the exponent. */
const PROBES: u32 = 16;
/** So many of them may be no decimals before looking ends: what costs is to try all exponents on one. */
const MISSES_MAX: u32 = 4;
/** A value so near to a decimal of so few digits came from it by arithmetic, and is worth a correction. */
const NEAR_FLOATS: i64 = 32;
const NEAR_LIMIT: f64 = 274877906944.0; // 2^38
/** One digit more for all, to correct fewer. */
const DIGIT_BITS: u32 = 4;

/** Answer of findDecimals: how many values need a correction, whose indices (u16) were written. */
export let correctionCount: u32 = 0;

/**
 * The exponent that makes most values whole; i64s of them go to `numbers`. -1 where hardly any value is a decimal.
 */
export function findDecimals(values: usize, count: u32, numbers: usize, corrections: usize): i32 {
  const exponent = commonExponent(values, count);
  if (exponent < 0) return -1;
  toDecimals(values, count, exponent, numbers, corrections);
  if (correctionCount == 0) return exponent;

  // Either the probes missed values with more digits, or these are no decimals.
  let larger = exponent;
  for (let i: u32 = 0; i < correctionCount && i < MISSES_MAX; i++) {
    const value = load<f64>(values + (load<u16>(corrections + i * 2) as usize) * 8);
    larger = max<i32>(larger, exponentOf(value, exponent + 1));
  }
  if (larger == exponent) return exponent;
  const before = correctionBits(values, numbers, corrections, exponent);
  toDecimals(values, count, larger, numbers, corrections);
  const after = correctionBits(values, numbers, corrections, larger);
  if (after + count * DIGIT_BITS * (larger - exponent) < before) return larger;
  toDecimals(values, count, exponent, numbers, corrections);
  return exponent;
}

/** What the corrections take, in bits at most. */
export function correctionBits(values: usize, numbers: usize, corrections: usize, exponent: i32): u32 {
  const power = powerOfTen(exponent);
  let size: u32 = 0;
  for (let i: u32 = 0; i < correctionCount; i++) {
    const at = (load<u16>(corrections + i * 2) as usize) * 8;
    const decoded = reinterpret<u64>((load<i64>(numbers + at) as f64) / power);
    size += 2 + numberSize(widthOf(zigzag(load<u64>(values + at) - decoded)));
  }
  return size * 8;
}

/** The least exponent, not below `from`, that makes a value whole or nearly; -1 if there is none. */
export function exponentOf(value: f64, from: i32): i32 {
  if (from > (EXPONENT_MAX as i32)) return -1;
  let power = powerOfTen(from);
  for (let exponent = from; exponent <= (EXPONENT_MAX as i32); exponent++, power *= 10) {
    const scaled = value * power;
    if (!(abs<f64>(scaled) < MANTISSA_LIMIT)) return -1;
    const whole = nearest<f64>(scaled);
    const decoded = whole / power;
    if (decoded == value) return exponent;
    if (whole == 0 || abs<f64>(whole) > NEAR_LIMIT) continue;
    const floats = (reinterpret<u64>(decoded) - reinterpret<u64>(value)) as i64;
    if (floats >= -NEAR_FLOATS && floats <= NEAR_FLOATS) return exponent;
  }
  return -1;
}

function commonExponent(values: usize, count: u32): i32 {
  const stride = count <= PROBES ? 1 : count / PROBES;
  let common: i32 = 0;
  let hits: u32 = 0;
  let misses: u32 = 0;
  for (let i: u32 = 0; i < count && misses < MISSES_MAX; i += stride) {
    const exponent = exponentOf(load<f64>(values + i * 8), common);
    if (exponent < 0) misses++;
    else {
      common = exponent;
      hits++;
    }
  }
  return hits > 0 ? common : -1;
}

/** Where a value is out of reach, the number before it stands in: that disturbs no predictor. */
function toDecimals(values: usize, count: u32, exponent: i32, numbers: usize, corrections: usize): void {
  const power = powerOfTen(exponent);
  let number: f64 = 0;
  let corrected: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const value = load<f64>(values + i * 8);
    const scaled = value * power;
    if (abs<f64>(scaled) < MANTISSA_LIMIT) number = nearest<f64>(scaled);
    store<u16>(corrections + corrected * 2, i as u16);
    // The zero with a sign becomes the other one on its way through a whole number.
    if (reinterpret<u64>((number + 0.0) / power) != reinterpret<u64>(value)) corrected++;
    store<i64>(numbers + i * 8, number as i64);
  }
  correctionCount = corrected;
}
