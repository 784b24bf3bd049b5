// From an encoded column to floats, in passes without a branch for a single sample: fields to numbers, patches, what the
// predictor says, corrections. All passes work in place, and each is bounded by the count that comes from outside.
import { packedSize, readBytes, readFrom, readNumber, readPosition, readSigned, unpackFloats, unpackIntegers } from "./bits";
import {
  ALL_EQUAL, ALL_ZERO, BITS, COLUMN_SAMPLES_MAX, CORRECTED, DECIMAL_WIDTH_MAX, EXPONENT_MAX, HAS_FACTOR, LEVEL, LINE,
  PATCHED, powerOfTen, SLOPE_UNIT, SPARSE, STEP, STEP_OF_STEP, XOR,
} from "./column-format";

/**
 * Decodes a column of `count` floats to `out`. Answers 1; 0 where the bytes are no such column, and then what `out` holds
 * is undefined. Whatever the bytes, nothing is written outside of `out`.
 */
export function columnDecode(input: usize, size: u32, count: u32, out: usize): i32 {
  if (count == 0 || count > COLUMN_SAMPLES_MAX || size < 3) return 0;
  const head = load<u8>(input) as u32;
  const scale = load<u8>(input, 1) as u32;
  readFrom(input + 2, input + size);
  const whole = (head & 1) == BITS ? decodeBits(head, scale, count, out) : decodeDecimals(head, scale, count, out);
  return whole && correct(head, count, out) && readPosition() == input + size ? 1 : 0;
}

/** As columnDecode, for timestamps: 0 also where they are not whole numbers that strictly increase. */
export function columnDecodeTimestamps(input: usize, size: u32, count: u32, out: usize): i32 {
  if (columnDecode(input, size, count, out) == 0) return 0;
  let right = i64x2.splat(-1);
  let p = out;
  for (const end = out + (count - 1) * 8; p + 16 <= end; p += 16) {
    const two = v128.load(p);
    right = v128.and(right, v128.and(f64x2.lt(two, v128.load(p, 8)), f64x2.eq(two, f64x2.floor(two))));
  }
  let rest = true;
  for (const end = out + count * 8; p < end; p += 8) {
    const time = load<f64>(p);
    if (time != floor<f64>(time) || (p + 8 < end && !(time < load<f64>(p, 8)))) rest = false;
  }
  return rest && i64x2.all_true(right) ? 1 : 0;
}

function decodeDecimals(head: u32, scale: u32, count: u32, out: usize): bool {
  const exponent = scale & 31;
  if (exponent > EXPONENT_MAX || (scale & 0xc0) != 0) return false;
  const predictor = (head >> 1) & 3;
  const coding = (head >> 3) & 3;
  const power = powerOfTen(exponent);
  const first = readSigned() as f64;
  const factor: f64 = (scale & HAS_FACTOR) != 0 ? (readNumber() as f64) : 1;
  const slope: f64 = predictor == STEP_OF_STEP || predictor == LINE ? (readSigned() as f64) : 0;
  const whole: i64 = coding == ALL_ZERO ? 0 : readSigned();
  const base = whole as f64;
  if (readPosition() == 0) return false;

  const smooth = coding <= ALL_EQUAL && (head & PATCHED) == 0;
  if (smooth && predictor == LEVEL && coding == ALL_ZERO) {
    fill(out, count, reinterpret<u64>(first / power));
    return true;
  }
  if (smooth && predictor == STEP) fillRamp(out, count, first, base * factor);
  else {
    const rest = out + 8;
    if (!readResiduals(false, head, whole, count - 1, rest)) return false;
    // Without a factor the first value takes part in the sums, which saves the pass that adds it.
    const start: f64 = factor == 1 ? first : 0;
    store<f64>(out, start);
    if (predictor == LEVEL) addTo(rest, count - 1, base + start);
    else if (predictor == LINE) addLine(rest, count - 1, slope, base + start);
    else if (predictor == STEP) sum(rest, count - 1, base, start);
    else {
      sum(rest, count - 1, base, slope);
      sum(rest, count - 1, 0, start);
    }
    if (factor != 1) scaleBy(out, count, factor, first);
  }
  if (exponent > 0) divide(out, count, power);
  return true;
}

function decodeBits(head: u32, shift: u32, count: u32, out: usize): bool {
  if (shift > 63) return false;
  const predictor = (head >> 1) & 3;
  const coding = (head >> 3) & 3;
  const word = readBytes(8);
  const slope: i64 = predictor == STEP_OF_STEP ? readSigned() : 0;
  const base: i64 = coding == ALL_ZERO ? 0 : readSigned();
  if (readPosition() == 0) return false;

  let bits = load<u64>(word);
  if (predictor == LEVEL && coding == ALL_ZERO && (head & PATCHED) == 0) {
    fill(out, count, bits);
    return true;
  }
  let p = out + 8;
  const end = out + count * 8;
  if (!readResiduals(true, head, base, count - 1, p)) return false;
  store<u64>(out, bits);
  const by = shift as u64;
  if (predictor == LEVEL) {
    for (; p < end; p += 8) store<u64>(p, bits + ((load<u64>(p) + base) << by));
  } else if (predictor == STEP) {
    for (; p < end; p += 8) store<u64>(p, (bits += (load<u64>(p) + base) << by));
  } else if (predictor == XOR) {
    for (; p < end; p += 8) store<u64>(p, (bits ^= (load<u64>(p) + base) << by));
  } else {
    for (let step: u64 = slope; p < end; p += 8) {
      step += load<u64>(p) + base;
      store<u64>(p, (bits += step << by));
    }
  }
  return true;
}

/** Reads what the predictor left, less the base, as u64s or f64s to `out`. */
function readResiduals(integers: bool, head: u32, base: i64, count: u32, out: usize): bool {
  const coding = (head >> 3) & 3;
  if (coding <= ALL_EQUAL) memory.fill(out, 0, count * 8);
  else {
    const at = readBytes(1);
    if (at == 0) return false;
    const width = load<u8>(at) as u32;
    if (width > (integers ? 64 : DECIMAL_WIDTH_MAX)) return false;
    if (coding == SPARSE) {
      const above = readSigned() - base;
      const bitmap = readBytes((count + 7) >> 3);
      if (bitmap == 0) return false;
      const few = bitsSet(bitmap, count);
      const fields = readBytes(packedSize(few, width));
      if (fields == 0) return false;
      // At the end of `out`, so that spreading them from the begin never overtakes itself.
      const packed = out + (count - few) * 8;
      unpack(integers, fields, few, width, packed);
      if (integers) for (let p = packed, end = out + count * 8; p < end; p += 8) store<u64>(p, load<u64>(p) + above);
      else addTo(packed, few, above as f64);
      spread(bitmap, count, packed, out);
    } else {
      const fields = readBytes(packedSize(count, width));
      if (fields == 0) return false;
      unpack(integers, fields, count, width, out);
    }
  }
  return (head & PATCHED) == 0 || patch(integers, count, out);
}

/** Fields have no bits where all numbers are the same. */
function unpack(integers: bool, fields: usize, count: u32, width: u32, out: usize): void {
  if (width == 0) memory.fill(out, 0, count * 8);
  else if (integers) unpackIntegers(fields, count, width, out);
  else unpackFloats(fields, count, width, out);
}

/** How many of the first `count` bits are set. */
function bitsSet(bitmap: usize, count: u32): u32 {
  let set: u64 = 0;
  let i: u32 = 0;
  for (; i + 64 <= count; i += 64) set += popcnt<u64>(load<u64>(bitmap + (i >> 3)));
  if (i < count) set += popcnt<u64>(load<u64>(bitmap + (i >> 3)) << (64 - ((count - i) as u64)));
  return set as u32;
}

/** Gives each set bit the next of the packed words and each clear bit 0. */
function spread(bitmap: usize, count: u32, packed: usize, out: usize): void {
  for (let i: u32 = 0; i < count; i += 8) {
    let bits = load<u8>(bitmap + (i >> 3)) as u64;
    const end = out + min<u32>(count - i, 8) * 8;
    for (; out < end; out += 8, bits >>= 1) {
      const bit = bits & 1;
      store<u64>(out, load<u64>(packed) & (0 - bit));
      packed += (bit as usize) << 3;
    }
  }
}

/** Patches: residuals that are too far from the base for a field. Each stands for itself, whatever the field says. */
function patch(integers: bool, count: u32, out: usize): bool {
  const patches = readNumber();
  if (patches > count) return false;
  let at: u64 = 0;
  for (let i: u64 = 0; i < patches; i++) {
    const gap = readNumber();
    const residual = readSigned();
    if (gap >= (count as u64) - at) return false;
    at += gap;
    if (readPosition() == 0) return false;
    if (integers) store<i64>(out + (at as usize) * 8, residual);
    else store<f64>(out + (at as usize) * 8, residual as f64);
    if (++at == count && i + 1 < patches) return false;
  }
  return readPosition() != 0;
}

/** Corrections: how many floats away from what has been decoded a value is. */
function correct(head: u32, count: u32, out: usize): bool {
  if ((head & CORRECTED) == 0) return true;
  const corrections = readNumber();
  if (corrections > count) return false;
  let at: u64 = 0;
  for (let i: u64 = 0; i < corrections; i++) {
    const gap = readNumber();
    const floats = readSigned();
    if (readPosition() == 0 || at > count || gap >= (count as u64) - at) return false;
    at += gap;
    const address = out + (at as usize) * 8;
    store<u64>(address, load<u64>(address) + floats);
    at++;
  }
  return readPosition() != 0;
}

function fill(out: usize, count: u32, bits: u64): void {
  const two = i64x2.splat(bits);
  const end = out + count * 8;
  for (; out + 32 <= end; out += 32) {
    v128.store(out, two);
    v128.store(out, two, 16);
  }
  for (; out < end; out += 8) store<u64>(out, bits);
}

function fillRamp(out: usize, count: u32, first: f64, step: f64): void {
  let two = f64x2.replace_lane(f64x2.splat(first), 1, first + step);
  let next = f64x2.add(two, f64x2.splat(step * 2));
  const by = f64x2.splat(step * 4);
  const end = out + count * 8;
  for (; out + 32 <= end; out += 32) {
    v128.store(out, two);
    v128.store(out, next, 16);
    two = f64x2.add(two, by);
    next = f64x2.add(next, by);
  }
  let value = f64x2.extract_lane(two, 0);
  for (; out < end; out += 8, value += step) store<f64>(out, value);
}

function addTo(out: usize, count: u32, amount: f64): void {
  const two = f64x2.splat(amount);
  const end = out + count * 8;
  for (; out + 16 <= end; out += 16) v128.store(out, f64x2.add(v128.load(out), two));
  if (out < end) store<f64>(out, load<f64>(out) + amount);
}

/** Adds floor(i × slope) + amount to the i-th number, counted from 1. */
function addLine(out: usize, count: u32, slope: f64, amount: f64): void {
  const amounts = f64x2.splat(amount);
  const slopes = f64x2.splat(slope);
  const unit = f64x2.splat(1 / SLOPE_UNIT);
  const two = f64x2.splat(2);
  let index = f64x2.replace_lane(f64x2.splat(1), 1, 2);
  const end = out + count * 8;
  for (; out + 16 <= end; out += 16) {
    const line = f64x2.floor(f64x2.mul(f64x2.mul(index, slopes), unit));
    v128.store(out, f64x2.add(v128.load(out), f64x2.add(line, amounts)));
    index = f64x2.add(index, two);
  }
  if (out < end) store<f64>(out, load<f64>(out) + (floor<f64>((count as f64) * slope * (1 / SLOPE_UNIT)) + amount));
}

/** Running sums of the numbers, `amount` added to each of them, from `start`. */
function sum(out: usize, count: u32, amount: f64, start: f64): void {
  const zero = f64x2.splat(0);
  const amounts = f64x2.splat(amount);
  let before = f64x2.splat(start);
  const end = out + count * 8;
  for (; out + 16 <= end; out += 16) {
    const two = f64x2.add(v128.load(out), amounts);
    const sums = f64x2.add(before, f64x2.add(two, i64x2.shuffle(zero, two, 0, 2)));
    v128.store(out, sums);
    before = i64x2.shuffle(sums, sums, 1, 1);
  }
  if (out < end) store<f64>(out, f64x2.extract_lane(before, 0) + load<f64>(out) + amount);
}

function scaleBy(out: usize, count: u32, factor: f64, amount: f64): void {
  const factors = f64x2.splat(factor);
  const amounts = f64x2.splat(amount);
  const end = out + count * 8;
  for (; out + 16 <= end; out += 16) v128.store(out, f64x2.add(f64x2.mul(v128.load(out), factors), amounts));
  if (out < end) store<f64>(out, load<f64>(out) * factor + amount);
}

/** Division is rounded right, so that 12.34 is 1234 / 100 to the last bit; a product with 0.01 would not be. */
function divide(out: usize, count: u32, power: f64): void {
  const powers = f64x2.splat(power);
  const end = out + count * 8;
  for (; out + 16 <= end; out += 16) v128.store(out, f64x2.div(v128.load(out), powers));
  if (out < end) store<f64>(out, load<f64>(out) / power);
}
