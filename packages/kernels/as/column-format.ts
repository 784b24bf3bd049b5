// What encoder and decoder of columns share. The bytes are drawn in docs/formats/columns.md: on disk for ever, never
// renumber.
//
//   head u8 | scale u8 | first | … parameters | bitmap | fields | patches | corrections
//
// head: bit 0 the domain, bits 1-2 the predictor, bits 3-4 the coding, then three flags.

/** Longer columns are a bug of the caller. Keeps every index within 16 bits and a column within the L1 cache. */
export const COLUMN_SAMPLES_MAX: u32 = 4096;

// Domains: what the whole numbers are.
export const DECIMAL: u32 = 0; // value = (first + k × factor) / 10^exponent, all of it exact
export const BITS: u32 = 1; // the 64 bits of the float

// Predictors: how a number follows from those before.
export const LEVEL: u32 = 0;
export const STEP: u32 = 1;
export const STEP_OF_STEP: u32 = 2;
export const LINE: u32 = 3; // of decimals: from a line through all of the column
export const XOR: u32 = 3; // of bits

// Codings of what the predictor leaves.
export const ALL_ZERO: u32 = 0;
export const ALL_EQUAL: u32 = 1;
export const PACKED: u32 = 2; // a field for each, above the base
export const SPARSE: u32 = 3; // a bitmap of those that are not the base, and a field for each of these

export const PATCHED: u32 = 0x20;
export const CORRECTED: u32 = 0x40;
export const HAS_STALE: u32 = 0x80;

/** In the scale of decimals, beside the exponent. */
export const HAS_FACTOR: u32 = 0x20;
/** 10^22 is the largest power of ten that a float holds exactly. */
export const EXPONENT_MAX: u32 = 22;
/** Decimals are below this, so that their differences' differences are exact in a float too. */
export const MANTISSA_LIMIT: f64 = 1125899906842624.0; // 2^50
/** Fields of decimals are no wider than a float is exact. */
export const DECIMAL_WIDTH_MAX: u32 = 53;
/** A line's slope counts in 2^-16 of the unit. */
export const SLOPE_UNIT: f64 = 65536.0;

export const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

export function powerOfTen(exponent: u32): f64 {
  let power: f64 = 1;
  for (let i: u32 = 0; i < exponent; i++) power *= 10;
  return power;
}
