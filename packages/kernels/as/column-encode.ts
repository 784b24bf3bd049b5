// From floats to the smallest column: which domain, predictor and coding is cheapest is found by trying, on whole
// numbers in scratch memory. The format is that of column-format.ts.
import { numberSize, packEnd, packPut, packStart, widthOf, writeNumber, writeSigned, zigzag } from "./bits";
import { correctionBits, correctionCount, exponentOf, findDecimals } from "./column-decimals";
import { fit, fitBase, fitCoding, fitFieldBase, FIT_SCRATCH_SIZE, fitWidth } from "./column-fit";
import {
  ALL_ZERO, BITS, COLUMN_SAMPLES_MAX, CORRECTED, DECIMAL, DECIMAL_WIDTH_MAX, HAS_FACTOR, HAS_STALE, LEVEL, LINE, PACKED,
  PATCHED, powerOfTen, SLOPE_UNIT, SPARSE, STALE_BITS, STEP, STEP_OF_STEP, XOR,
} from "./column-format";

// Scratch memory: the column as decimals and as bits, what a predictor leaves of either, the indices of corrections.
const COLUMN_SIZE: usize = (COLUMN_SAMPLES_MAX as usize) * 8;
const DECIMALS: usize = 0;
const WORDS: usize = COLUMN_SIZE;
const RESIDUALS: usize = COLUMN_SIZE * 2;
const CORRECTIONS: usize = COLUMN_SIZE * 3;
const FIT: usize = CORRECTIONS + (COLUMN_SAMPLES_MAX as usize) * 2;

/** Decimals without corrections and with no more bits a value than this need no comparison with the floats' bits. */
const DECIMAL_BITS_SURE: u32 = 32;
/** i × slope stays exact in a float: a line is not tried where the column spans more. */
const LINE_SPAN_MAX: i64 = 1 << 36;
/** A slope so near to a whole number, over the whole column, is that number. */
const SLOPE_ROUNDING: f64 = 2;

// The cheapest candidate so far, and what it costs in bits at most.
let bestCost: u32 = 0;
let bestDomain: u32 = 0;
let bestPredictor: u32 = 0;
let bestSlope: i64 = 0;
let bestCoding: u32 = 0;
let bestBase: i64 = 0;
let bestFieldBase: i64 = 0;
let bestWidth: u32 = 0;

export function columnScratchSize(): u32 {
  return (FIT as u32) + FIT_SCRATCH_SIZE;
}

/**
 * Encodes `count` floats, 1 to COLUMN_SAMPLES_MAX, to `out`, which has room for columnSizeMax (src/column-codec.ts).
 * `grid` is 1 where they are likely to lie near a line, as timestamps do. Answers the size in bytes.
 */
export function columnEncode(values: usize, count: u32, grid: i32, scratch: usize, out: usize): u32 {
  const first = load<u64>(values);
  if (isConstant(values, count, first)) return encodeConstant(first, out);

  const decimals = scratch + DECIMALS;
  let firstDecimal: i64 = 0;
  let factor: i64 = 1;
  bestCost = -1;
  const exponent = findDecimals(values, count, decimals, scratch + CORRECTIONS);
  if (exponent >= 0) {
    firstDecimal = load<i64>(decimals);
    const extra = correctionBits(values, decimals, scratch + CORRECTIONS, exponent);
    factor = commonFactor(decimals, count);
    normalize(decimals, count, firstDecimal, factor);
    tryPredictor(DECIMAL, LEVEL, count, extra, scratch);
    tryPredictor(DECIMAL, STEP, count, extra, scratch);
    tryPredictor(DECIMAL, STEP_OF_STEP, count, extra, scratch);
    if (grid != 0 && abs<i64>(load<i64>(decimals + (count - 1) * 8)) < LINE_SPAN_MAX)
      tryPredictor(DECIMAL, LINE, count, extra, scratch);
  }
  let shift: u32 = 0;
  if (exponent < 0 || correctionCount > 0 || bestCost > DECIMAL_BITS_SURE * count) {
    shift = toWords(values, count, scratch + WORDS);
    tryPredictor(BITS, LEVEL, count, 0, scratch);
    tryPredictor(BITS, STEP, count, 0, scratch);
    tryPredictor(BITS, STEP_OF_STEP, count, 0, scratch);
    tryPredictor(BITS, XOR, count, 0, scratch);
  }

  const corrected = bestDomain == DECIMAL && correctionCount > 0;
  let at = out + 2;
  if (bestDomain == DECIMAL) {
    store<u8>(out, exponent | (factor == 1 ? 0 : HAS_FACTOR), 1);
    at = writeSigned(at, firstDecimal);
    if (factor != 1) at = writeNumber(at, factor);
  } else {
    store<u8>(out, shift, 1);
    store<u64>(at, first);
    at += 8;
  }
  if (bestPredictor == STEP_OF_STEP || (bestDomain == DECIMAL && bestPredictor == LINE)) at = writeSigned(at, bestSlope);
  if (bestCoding != ALL_ZERO) at = writeSigned(at, bestBase);
  residualsOf(bestDomain, bestPredictor, count, scratch);
  at = writeFields(scratch + RESIDUALS, count - 1, at);
  const before = at;
  at = writePatches(scratch + RESIDUALS, count - 1, at);
  const patched = at != before;
  if (corrected) at = writeCorrections(values, exponent, firstDecimal, factor, scratch, at);
  const flags =
    (patched ? PATCHED : 0) | (corrected ? CORRECTED : 0) | (hasStale(values, count) ? HAS_STALE : 0);
  store<u8>(out, bestDomain | (bestPredictor << 1) | (bestCoding << 3) | flags);
  return (at - out) as u32;
}

function isConstant(values: usize, count: u32, first: u64): bool {
  const two = i64x2.splat(first);
  const end = values + count * 8;
  let p = values;
  for (; p + 32 <= end; p += 32) {
    const different = v128.or(v128.xor(v128.load(p), two), v128.xor(v128.load(p, 16), two));
    if (v128.any_true(different)) return false;
  }
  for (; p < end; p += 8) if (load<u64>(p) != first) return false;
  return true;
}

function encodeConstant(bits: u64, out: usize): u32 {
  const value = reinterpret<f64>(bits);
  const exponent = exponentOf(value, 0);
  if (exponent >= 0) {
    const power = powerOfTen(exponent);
    const number = nearest<f64>(value * power) as i64;
    if (reinterpret<u64>((number as f64) / power) == bits) {
      store<u8>(out, DECIMAL | (ALL_ZERO << 3));
      store<u8>(out, exponent, 1);
      return (writeSigned(out + 2, number) - out) as u32;
    }
  }
  store<u8>(out, BITS | (ALL_ZERO << 3) | (bits == STALE_BITS ? HAS_STALE : 0));
  store<u8>(out, 0, 1);
  store<u64>(out, bits, 2);
  return 10;
}

function hasStale(values: usize, count: u32): bool {
  for (let p = values, end = values + count * 8; p < end; p += 8) if (load<u64>(p) == STALE_BITS) return true;
  return false;
}

/** The greatest factor of all differences; 1 where all numbers are the same. */
function commonFactor(numbers: usize, count: u32): i64 {
  let factor: i64 = 0;
  const end = numbers + count * 8;
  for (let p = numbers + 8; p < end && factor != 1; p += 8) {
    let rest = abs<i64>(load<i64>(p) - load<i64>(p - 8));
    if (rest == 0 || rest == factor) continue;
    if (factor == 0) {
      factor = rest;
      continue;
    }
    if (rest > factor) rest %= factor;
    while (rest != 0) {
      const next = factor % rest;
      factor = rest;
      rest = next;
    }
  }
  return factor == 0 ? 1 : factor;
}

function normalize(numbers: usize, count: u32, first: i64, factor: i64): void {
  const end = numbers + count * 8;
  if (factor == 1) for (let p = numbers; p < end; p += 8) store<i64>(p, load<i64>(p) - first);
  else for (let p = numbers; p < end; p += 8) store<i64>(p, (load<i64>(p) - first) / factor);
}

/** The bits of the values without the zeros that all of them end with, or what all of them end with. Answers how many. */
function toWords(values: usize, count: u32, words: usize): u32 {
  const first = load<u64>(values);
  let different: u64 = 0;
  const size = count * 8;
  for (let at: usize = 0; at < size; at += 8) different |= load<u64>(values + at) ^ first;
  const shift = ctz<u64>(different);
  for (let at: usize = 0; at < size; at += 8) store<u64>(words + at, load<u64>(values + at) >> shift);
  return shift as u32;
}

/** What `predictor` leaves of all numbers but the first. Answers its slope, where it has one. */
function residualsOf(domain: u32, predictor: u32, count: u32, scratch: usize): i64 {
  const numbers = scratch + (domain == DECIMAL ? DECIMALS : WORDS) + 8;
  const out = scratch + RESIDUALS;
  const size: usize = (count - 1) * 8;
  const first = load<i64>(numbers - 8);
  if (predictor == LEVEL) {
    for (let at: usize = 0; at < size; at += 8) store<i64>(out + at, load<i64>(numbers + at) - first);
  } else if (predictor == STEP) {
    for (let at: usize = 0; at < size; at += 8)
      store<i64>(out + at, load<i64>(numbers + at) - load<i64>(numbers + at - 8));
  } else if (predictor == STEP_OF_STEP) {
    const slope = load<i64>(numbers) - first;
    let step = slope;
    for (let at: usize = 0; at < size; at += 8) {
      const next = load<i64>(numbers + at) - load<i64>(numbers + at - 8);
      store<i64>(out + at, next - step);
      step = next;
    }
    return slope;
  } else if (domain == DECIMAL) {
    const slope = slopeOf(numbers - 8, count);
    let i: f64 = 1;
    for (let at: usize = 0; at < size; at += 8, i++)
      store<i64>(out + at, load<i64>(numbers + at) - (floor<f64>(i * slope * (1 / SLOPE_UNIT)) as i64));
    return slope as i64;
  } else {
    for (let at: usize = 0; at < size; at += 8)
      store<i64>(out + at, load<i64>(numbers + at) ^ load<i64>(numbers + at - 8));
  }
  return 0;
}

/** The slope of the line that lies nearest to all numbers (least squares), in units of 1 / SLOPE_UNIT, whole. */
function slopeOf(numbers: usize, count: u32): f64 {
  const middle = ((count - 1) as f64) / 2;
  let products: f64 = 0;
  let squares: f64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const distance = (i as f64) - middle;
    products += distance * (load<i64>(numbers + i * 8) as f64);
    squares += distance * distance;
  }
  const slope = products / squares;
  const whole = nearest<f64>(slope);
  if (abs<f64>(slope - whole) * (count as f64) < SLOPE_ROUNDING) return whole * SLOPE_UNIT;
  return nearest<f64>(slope * SLOPE_UNIT);
}

/** Remembers a candidate if it is the cheapest. `extra` is what it costs beside, in bits. */
function tryPredictor(domain: u32, predictor: u32, count: u32, extra: u32, scratch: usize): void {
  const slope = residualsOf(domain, predictor, count, scratch);
  const widthMax: u32 = domain == BITS ? 64 : DECIMAL_WIDTH_MAX;
  let cost = fit(scratch + RESIDUALS, count - 1, widthMax, scratch + FIT) + extra;
  if (domain == BITS) cost += 64;
  if (slope != 0) cost += signedBits(slope);
  if (fitCoding != ALL_ZERO) cost += signedBits(fitBase);
  if (fitCoding == SPARSE) cost += signedBits(fitFieldBase);
  if (cost >= bestCost) return;
  bestCost = cost;
  bestDomain = domain;
  bestPredictor = predictor;
  bestSlope = slope;
  bestCoding = fitCoding;
  bestBase = fitBase;
  bestFieldBase = fitFieldBase;
  bestWidth = fitWidth;
}

function signedBits(number: i64): u32 {
  return numberSize(widthOf(zigzag(number))) * 8;
}

/** Whether a residual has a field or, as the base of a sparse column, needs none. Others are patched. */
function isWithin(residual: i64): bool {
  if (bestCoding == PACKED) return bestWidth == 64 || ((residual - bestBase) as u64) >> bestWidth == 0;
  if (residual == bestBase) return true;
  return bestCoding == SPARSE && (bestWidth == 64 || ((residual - bestFieldBase) as u64) >> bestWidth == 0);
}

/** The width, the bitmap of a sparse column, and the fields. */
function writeFields(residuals: usize, count: u32, at: usize): usize {
  if (bestCoding != PACKED && bestCoding != SPARSE) return at;
  store<u8>(at++, bestWidth as u8);
  const end = residuals + count * 8;
  if (bestCoding == PACKED) {
    packStart(at);
    for (let p = residuals; p < end; p += 8) {
      const residual = load<i64>(p);
      packPut(isWithin(residual) ? ((residual - bestBase) as u64) : 0, bestWidth);
    }
    return packEnd();
  }
  at = writeSigned(at, bestFieldBase);
  packStart(at);
  for (let p = residuals; p < end; p += 8) {
    const residual = load<i64>(p);
    packPut(residual != bestBase && isWithin(residual) ? 1 : 0, 1);
  }
  at = packEnd();
  if (bestWidth == 0) return at;
  packStart(at);
  for (let p = residuals; p < end; p += 8) {
    const residual = load<i64>(p);
    if (residual != bestBase && isWithin(residual)) packPut((residual - bestFieldBase) as u64, bestWidth);
  }
  return packEnd();
}

/** Nothing where there are none. */
function writePatches(residuals: usize, count: u32, at: usize): usize {
  let patches: u32 = 0;
  for (let i: u32 = 0; i < count; i++) if (!isWithin(load<i64>(residuals + i * 8))) patches++;
  if (patches == 0) return at;
  at = writeNumber(at, patches);
  let next: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const residual = load<i64>(residuals + i * 8);
    if (isWithin(residual)) continue;
    at = writeNumber(at, i - next);
    at = writeSigned(at, residual - bestBase);
    next = i + 1;
  }
  return at;
}

function writeCorrections(values: usize, exponent: i32, first: i64, factor: i64, scratch: usize, at: usize): usize {
  const power = powerOfTen(exponent);
  at = writeNumber(at, correctionCount);
  let next: u32 = 0;
  for (let i: u32 = 0; i < correctionCount; i++) {
    const index = load<u16>(scratch + CORRECTIONS + i * 2) as u32;
    const number = load<i64>(scratch + DECIMALS + (index as usize) * 8) * factor + first;
    const decoded = reinterpret<u64>((number as f64) / power);
    at = writeNumber(at, index - next);
    at = writeSigned(at, load<u64>(values + (index as usize) * 8) - decoded);
    next = index + 1;
  }
  return at;
}
