// Decimal numbers to the nearest float64. Up to 19 significant digits and a power of ten in the table go through
// Eisel and Lemire's multiplication (https://arxiv.org/abs/2101.11408); what that cannot decide (some subnormals, half-way cases, more digits)
// is left to JavaScript, which rounds as well but needs a string.
//
// The table that the facade makes: 128 bits of 10^q, rounded down, low half first, for q from -342 to 308; then 10^0 to 10^22 as float64.
const POWER_MIN: i32 = -342;
const POWER_MAX: i32 = 308;
const EXACT_POWERS: u32 = 651 * 16;
const EXACT_POWER_MAX: i32 = 22;
const EXACT_MANTISSA_MAX: u64 = 9007199254740992;

/** The token's bits are stored. */
export const FLOAT_OK: i32 = 0;
/** It is no number. */
export const FLOAT_INVALID: i32 = 1;
/** It is a number, and JavaScript must read it. */
export const FLOAT_HARD: i32 = 2;

/** Prometheus's ordinary NaN, whatever NaN was written. */
const NORMAL_NAN: u64 = 0x7ff8000000000001;

/** Where the last token ended, whether it was a number or not. */
export let floatEnd: u32 = 0;

function isDigit(byte: u32): bool {
  return byte - 48 < 10;
}

/** Whether the letters at `p`, in either case, are the `length` letters of `word` (lower case, first letter lowest). */
function isWord(p: u32, word: u64, length: u32): bool {
  const mask: u64 = length == 8 ? ~(0 as u64) : ((1 as u64) << (8 * length)) - 1;
  return ((load<u64>(p) | 0x2020202020202020) & mask) == word;
}

/** Go's `inf`, `infinity` and `nan`, from behind the sign. */
function readWord(p: u32, negative: bool, signed: bool, out: u32): i32 {
  let size: u32 = 3;
  if (isWord(p, 0x666e69, 3)) {
    if (isWord(p, 0x7974696e69666e69, 8)) size = 8;
    store<u64>(out, negative ? 0xfff0000000000000 : 0x7ff0000000000000);
  } else if (!signed && isWord(p, 0x6e616e, 3)) {
    store<u64>(out, NORMAL_NAN);
  } else {
    floatEnd = p;
    return FLOAT_INVALID;
  }
  floatEnd = p + size;
  return FLOAT_OK;
}

function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffff_ffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffff_ffff;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  const other = aLow * bHigh + (middle & 0xffff_ffff);
  return aHigh * bHigh + (middle >> 32) + (other >> 32);
}

/** The bits of mantissa × 10^power (mantissa not 0, without sign), or all ones where it cannot tell. */
function scale(mantissa: u64, power: i32, powers: u32): u64 {
  const undecided: u64 = ~(0 as u64);
  if (power < POWER_MIN || power > POWER_MAX) return undecided;
  const entry = powers + ((power - POWER_MIN) as u32) * 16;
  const shift = clz<u64>(mantissa);
  const m = mantissa << shift;
  const ten = load<u64>(entry, 8);
  let high = multiplyHigh(m, ten);
  let low = m * ten;
  if ((high & 0x1ff) == 0x1ff && low + m < m) {
    const ten2 = load<u64>(entry);
    const high2 = multiplyHigh(m, ten2);
    const low2 = m * ten2;
    const merged = low + high2;
    if (merged < low) high++;
    if ((high & 0x1ff) == 0x1ff && merged + 1 == 0 && low2 + m < m) return undecided;
    low = merged;
  }
  const top = high >> 63;
  let result = high >> (top + 9);
  let exponent = (((217706 * power) >> 16) as i64) + 64 + 1023 - (shift as i64) - ((1 ^ top) as i64);
  if (low == 0 && (high & 0x1ff) == 0 && (result & 3) == 1) return undecided;
  result = (result + (result & 1)) >> 1;
  if (result >> 53 != 0) {
    result >>= 1;
    exponent++;
  }
  if (exponent < 1 || exponent >= 0x7ff) return undecided;
  return ((exponent as u64) << 52) | (result & 0xf_ffff_ffff_ffff);
}

/**
 * Reads the number at `p` as Go's ParseFloat would, decimal forms only, and stores its bits at `out`. The bytes end with
 * one that cannot belong to a number. Sets `floatEnd`; the caller checks what stands there.
 */
export function readFloat(p: u32, powers: u32, out: u32): i32 {
  let c = load<u8>(p) as u32;
  const negative = c == 0x2d;
  const signed = negative || c == 0x2b;
  if (signed) c = load<u8>(++p) as u32;
  if (c > 0x39) return readWord(p, negative, signed, out);

  const start = p;
  let mantissa: u64 = 0;
  while (isDigit(c)) {
    mantissa = mantissa * 10 + ((c - 48) as u64);
    c = load<u8>(++p) as u32;
  }
  let digits = p - start;
  let fraction: u32 = 0;
  if (c == 0x2e) {
    c = load<u8>(++p) as u32;
    const point = p;
    while (isDigit(c)) {
      mantissa = mantissa * 10 + ((c - 48) as u64);
      c = load<u8>(++p) as u32;
    }
    fraction = p - point;
    digits += fraction;
  }
  floatEnd = p;
  if (digits == 0) return FLOAT_INVALID;
  let power: i32 = 0;
  if ((c | 0x20) == 0x65) {
    c = load<u8>(++p) as u32;
    const down = c == 0x2d;
    if (down || c == 0x2b) c = load<u8>(++p) as u32;
    floatEnd = p;
    if (!isDigit(c)) return FLOAT_INVALID;
    do {
      // Beyond any float64 already; further digits must not overflow.
      if (power < 100000) power = power * 10 + ((c - 48) as i32);
      c = load<u8>(++p) as u32;
    } while (isDigit(c));
    if (down) power = -power;
    floatEnd = p;
  }
  if (digits > 19) {
    // Zeros in front are no digits that count.
    let zeros: u32 = 0;
    let q = start;
    while (load<u8>(q) == 0x30 || load<u8>(q) == 0x2e) {
      if (load<u8>(q) == 0x30) zeros++;
      q++;
    }
    if (digits - min<u32>(zeros, digits) > 19) return FLOAT_HARD;
  }
  const sign: u64 = negative ? 0x8000000000000000 : 0;
  if (mantissa == 0) {
    store<u64>(out, sign);
    return FLOAT_OK;
  }
  if (fraction > 100000) return FLOAT_HARD;
  power -= fraction as i32;
  if (mantissa <= EXACT_MANTISSA_MAX && power >= -EXACT_POWER_MAX && power <= EXACT_POWER_MAX) {
    // Both are exact, so one operation rounds once.
    let value: f64 = mantissa as f64;
    if (power < 0) value /= load<f64>(powers + EXACT_POWERS + ((-power) as u32) * 8);
    else value *= load<f64>(powers + EXACT_POWERS + (power as u32) * 8);
    store<u64>(out, reinterpret<u64>(value) | sign);
    return FLOAT_OK;
  }
  const bits = scale(mantissa, power, powers);
  if (bits == ~(0 as u64)) return FLOAT_HARD;
  store<u64>(out, bits | sign);
  return FLOAT_OK;
}

/** For tests: the status in the low bits, how many bytes were read above them. */
export function floatFrom(p: u32, powers: u32, out: u32): i32 {
  const status = readFloat(p, powers, out);
  return ((floatEnd - p) << 2) | status;
}
