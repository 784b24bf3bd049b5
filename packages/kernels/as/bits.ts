// Whole numbers in bits: variable-length numbers, and fields of one width one after another. The least significant bit
// comes first, in bytes and in numbers. Wide loads look at up to 16 bytes behind what they are asked for; no result
// depends on those, and the heap keeps them addressable (see memory.ts).

/** Widths up to this are unpacked with SIMD: four fields, each shifted by up to 7 bits, fit four words. */
const SIMD_WIDTH_MAX: u32 = 25;
/** Widths up to this are within one load of 8 bytes, wherever they begin. */
const LOAD_WIDTH_MAX: u32 = 57;

/** Where reading goes on; 0 once something was beyond the end or not a number. */
let cursor: usize = 0;
let limit: usize = 0;

/** Starts reading variable-length numbers from `from`, which must not go beyond `end`. */
export function readFrom(from: usize, end: usize): void {
  cursor = from;
  limit = end;
}

/** Where the next number begins; 0 where one was not whole. */
export function readPosition(): usize {
  return cursor;
}

/** The next number: 7 bits a byte, the lowest first, the top bit says that more follow. 0 when reading has failed. */
export function readNumber(): u64 {
  if (cursor == 0) return 0;
  let number: u64 = 0;
  for (let shift: u64 = 0; shift < 70 && cursor < limit; shift += 7) {
    const byte = load<u8>(cursor++) as u64;
    number |= (byte & 0x7f) << shift;
    if (byte < 0x80) return number;
  }
  cursor = 0;
  return 0;
}

/** The next number with its sign: 0, -1, 1, -2, … are 0, 1, 2, 3, … */
export function readSigned(): i64 {
  const number = readNumber();
  return ((number >> 1) as i64) ^ -((number & 1) as i64);
}

/** The address of the next `size` bytes, which are passed over; 0 when reading has failed. */
export function readBytes(size: u32): usize {
  const at = cursor;
  if (at == 0) return 0;
  cursor = (size as usize) <= limit - at ? at + size : 0;
  return cursor == 0 ? 0 : at;
}

export function zigzag(number: i64): u64 {
  return ((number << 1) ^ (number >> 63)) as u64;
}

/** Answers where the next byte goes. */
export function writeNumber(at: usize, number: u64): usize {
  while (number >= 0x80) {
    store<u8>(at++, (number as u8) | 0x80);
    number >>= 7;
  }
  store<u8>(at, number as u8);
  return at + 1;
}

export function writeSigned(at: usize, number: i64): usize {
  return writeNumber(at, zigzag(number));
}

/** Bytes of a number that has `width` significant bits. */
export function numberSize(width: u32): u32 {
  return width == 0 ? 1 : (width + 6) / 7;
}

/** How many bits a number needs. */
export function widthOf(number: u64): u32 {
  return 64 - (clz<u64>(number) as u32);
}

/** Bytes that `count` fields of `width` bits take. */
export function packedSize(count: u32, width: u32): u32 {
  return (count * width + 7) >> 3;
}

/** Takes fields one by one. The width is 1 to 64, and each field has no bit above it. */
let packAt: usize = 0;
let packBits: u64 = 0;
let packFill: u32 = 0;

export function packStart(at: usize): void {
  packAt = at;
  packBits = 0;
  packFill = 0;
}

export function packPut(field: u64, width: u32): void {
  packBits |= field << packFill;
  const fill = packFill + width;
  if (fill < 64) {
    packFill = fill;
    return;
  }
  store<u64>(packAt, packBits);
  packAt += 8;
  packFill = fill - 64;
  packBits = packFill == 0 ? 0 : field >> (width - packFill);
}

/** Writes what is left, and up to 7 bytes behind it. Answers where the next byte goes. */
export function packEnd(): usize {
  store<u64>(packAt, packBits);
  return packAt + ((packFill + 7) >> 3);
}

/** The field at bit `at`, of at most LOAD_WIDTH_MAX bits. */
function field(from: usize, at: u32, mask: u64): u64 {
  return (load<u64>(from + (at >> 3)) >> (at & 7)) & mask;
}

/** The field at bit `at`, of any width. */
function wideField(from: usize, at: u32, mask: u64): u64 {
  const address = from + (at >> 3);
  const shift = (at & 7) as u64;
  return ((load<u64>(address) >> shift) | (((load<u8>(address, 8) as u64) << 1) << (63 - shift))) & mask;
}

/** Unpacks fields of 1 to 64 bits to u64s. */
export function unpackIntegers(from: usize, count: u32, width: u32, out: usize): void {
  const mask: u64 = (-1 as u64) >> (64 - width);
  const end = out + count * 8;
  let at: u32 = 0;
  if (width > LOAD_WIDTH_MAX) {
    for (; out < end; out += 8, at += width) store<u64>(out, wideField(from, at, mask));
    return;
  }
  for (; out + 32 <= end; out += 32, at += width * 4) {
    store<u64>(out, field(from, at, mask));
    store<u64>(out, field(from, at + width, mask), 8);
    store<u64>(out, field(from, at + width * 2, mask), 16);
    store<u64>(out, field(from, at + width * 3, mask), 24);
  }
  for (; out < end; out += 8, at += width) store<u64>(out, field(from, at, mask));
}

/** Unpacks fields of 1 to 53 bits to f64s. */
export function unpackFloats(from: usize, count: u32, width: u32, out: usize): void {
  const mask: u64 = (-1 as u64) >> (64 - width);
  const end = out + count * 8;
  let at: u32 = 0;
  if (width <= SIMD_WIDTH_MAX) {
    // Eight fields are `width` bytes. Of each half, a swizzle brings the 4 bytes that a field lies in to a lane of its
    // own; a multiplication moves it to the top of the lane, whatever bit it began at, and one shift back down.
    const half: u32 = (width * 4) >> 3;
    const halfBit: u32 = (width * 4) & 7;
    const lowBytes = laneBytes(0, width);
    const highBytes = laneBytes(halfBit, width);
    const lowFactors = laneFactors(0, width);
    const highFactors = laneFactors(halfBit, width);
    const down: i32 = 32 - width;
    let p = from;
    for (; out + 64 <= end; out += 64, p += width) {
      const low = i32x4.shr_u(i32x4.mul(i8x16.swizzle(v128.load(p), lowBytes), lowFactors), down);
      const high = i32x4.shr_u(i32x4.mul(i8x16.swizzle(v128.load(p + half), highBytes), highFactors), down);
      v128.store(out, f64x2.convert_low_i32x4_s(low));
      v128.store(out, f64x2.convert_low_i32x4_s(i32x4.shuffle(low, low, 2, 3, 2, 3)), 16);
      v128.store(out, f64x2.convert_low_i32x4_s(high), 32);
      v128.store(out, f64x2.convert_low_i32x4_s(i32x4.shuffle(high, high, 2, 3, 2, 3)), 48);
    }
    at = ((p - from) as u32) * 8;
  }
  for (; out < end; out += 8, at += width) store<f64>(out, field(from, at, mask) as i64 as f64);
}

/** For each of four fields that begin at bit `at`, the four bytes that hold it. */
function laneBytes(at: u32, width: u32): v128 {
  let lanes = i32x4.splat(bytesFrom(at));
  lanes = i32x4.replace_lane(lanes, 1, bytesFrom(at + width));
  lanes = i32x4.replace_lane(lanes, 2, bytesFrom(at + width * 2));
  return i32x4.replace_lane(lanes, 3, bytesFrom(at + width * 3));
}

function bytesFrom(at: u32): i32 {
  return 0x0302_0100 + (at >> 3) * 0x0101_0101;
}

/** For each of four fields, what moves it from its bit of the byte to the top of a 32-bit lane. */
function laneFactors(at: u32, width: u32): v128 {
  let lanes = i32x4.splat(factorOf(at, width));
  lanes = i32x4.replace_lane(lanes, 1, factorOf(at + width, width));
  lanes = i32x4.replace_lane(lanes, 2, factorOf(at + width * 2, width));
  return i32x4.replace_lane(lanes, 3, factorOf(at + width * 3, width));
}

function factorOf(at: u32, width: u32): i32 {
  return 1 << (32 - width - (at & 7));
}
