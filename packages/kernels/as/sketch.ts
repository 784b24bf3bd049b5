// Quantile sketches: how many values lie in each of buckets whose width grows with the value, 35 to a doubling. Where a
// value is known to lie between two that are 2 % apart, one between them is within 1 % of it (as in DDSketch).
//
// Which bucket of a doubling a value is in comes from a cubic that lies near the logarithm (it takes 1 % more buckets than
// the logarithm itself, and a tenth of the time), of additions and multiplications only: every machine gives the same.
//
// A bucket's key is 0 for zero, number + BIAS for positive values and its negative for negative ones, so that keys are
// in the order of values. Encoded (drawn in src/quantile-sketch.ts), keys are in rising order.
import { readFrom, readNumber, readPosition, writeNumber, zigzag } from "./bits";

const BUCKETS_PER_DOUBLING: f64 = 35;
const CUBIC: f64 = 6.0 / 35;
const SQUARE: f64 = -3.0 / 5;
const LINEAR: f64 = 10.0 / 7;
/** Beyond every finite value's: 35 × 1074 at most. Infinities have this number. */
const NUMBER_MAX: i32 = 40_000;
const BIAS: i32 = NUMBER_MAX + 1;
const KEY_MAX: i32 = NUMBER_MAX + BIAS;
/** Buckets of a sketch when it is encoded. Of those beyond, the lowest become one. */
const BUCKETS_MAX: u32 = 2048;
/** Of the number NUMBER_MAX, with a sign; a number as far below 0 would have a key on the other side of zero. */
const FIRST_CODE_MAX: u64 = (NUMBER_MAX as u64) * 4 + 2;
const COUNT_MAX: u64 = 1 << 53;

// The sketch that is being made: which keys it has, as bits, and their counts.
const FIRST_WORD: usize = 0; // u32 no word of the bits before this one is set
const END_WORD: usize = 4; // u32 nor from this one on
const KEYS: usize = 16; // a bit for each key from -KEY_MAX on
const KEYS_SIZE: usize = (((KEY_MAX * 2 + 1) as usize) >> 6) * 8 + 8;
const COUNTS: usize = KEYS + KEYS_SIZE; // f64 for each key
const SKETCH_SIZE: usize = COUNTS + ((KEY_MAX * 2 + 1) as usize) * 8;

export function sketchSize(): u32 {
  return SKETCH_SIZE as u32;
}

/** The most bytes of an encoded sketch. */
export function sketchEncodedSizeMax(): u32 {
  return 16 + BUCKETS_MAX * 12;
}

/** Makes a sketch of no values of any memory. */
export function sketchCreate(sketch: usize): void {
  memory.fill(sketch, 0, SKETCH_SIZE);
  store<u32>(sketch, -1, FIRST_WORD);
}

/** The key of the bucket of a value, which is a number. */
export function sketchKey(value: f64): i32 {
  if (value == 0) return 0;
  const bits = reinterpret<u64>(value) & 0x7fff_ffff_ffff_ffff;
  let number = NUMBER_MAX;
  if (bits < 0x7ff0_0000_0000_0000) {
    let normal = bits;
    let exponent: i32 = -1023;
    if (bits < 0x0010_0000_0000_0000) {
      // Subnormal: its digits begin further down.
      normal = reinterpret<u64>(reinterpret<f64>(bits) * 18014398509481984.0); // 2^54
      exponent -= 54;
    }
    exponent += (normal >> 52) as i32;
    const part = reinterpret<f64>((normal & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000) - 1;
    number = floor<f64>(((exponent as f64) + cubic(part)) * BUCKETS_PER_DOUBLING) as i32;
  }
  return value > 0 ? number + BIAS : -number - BIAS;
}

/** Nearly log2(1 + part), and exactly at 0 and 1. */
function cubic(part: f64): f64 {
  return ((CUBIC * part + SQUARE) * part + LINEAR) * part;
}

/** What `cubic` makes `logarithm` of, by Newton's method: the slope is nowhere less than 0.7. */
function inverseOfCubic(logarithm: f64): f64 {
  let part = logarithm;
  for (let i = 0; i < 6; i++)
    part -= (cubic(part) - logarithm) / ((3 * CUBIC * part + 2 * SQUARE) * part + LINEAR);
  return part;
}

/** A value that is no further than 1 % from any in the bucket. */
function valueOf(key: i32): f64 {
  if (key == 0) return 0;
  const number = (key > 0 ? key : -key) - BIAS;
  let magnitude = Infinity;
  if (number < NUMBER_MAX) {
    const low = (number as f64) / BUCKETS_PER_DOUBLING;
    const high = ((number + 1) as f64) / BUCKETS_PER_DOUBLING;
    const exponent = floor<f64>(low);
    const lowPart = 1 + inverseOfCubic(low - exponent);
    const highPart = high - exponent < 1 ? 1 + inverseOfCubic(high - exponent) : 2;
    const middle = (2 * lowPart * highPart) / (lowPart + highPart);
    // By halves, since the power alone may be beyond what a float holds.
    const half = (exponent as i32) >> 1;
    magnitude = min<f64>(middle * powerOfTwo(half) * powerOfTwo((exponent as i32) - half), f64.MAX_VALUE);
  }
  return key > 0 ? magnitude : -magnitude;
}

function powerOfTwo(exponent: i32): f64 {
  return reinterpret<f64>(((exponent + 1023) as u64) << 52);
}

function add(sketch: usize, key: i32, count: f64): void {
  const at = (key + KEY_MAX) as u32;
  const word = at >> 6;
  const bits = sketch + KEYS + word * 8;
  store<u64>(bits, load<u64>(bits) | ((1 as u64) << (at & 63)));
  if (word < load<u32>(sketch, FIRST_WORD)) store<u32>(sketch, word, FIRST_WORD);
  if (word >= load<u32>(sketch, END_WORD)) store<u32>(sketch, word + 1, END_WORD);
  const address = sketch + COUNTS + at * 8;
  const sum = load<f64>(address) + count;
  store<f64>(address, sum);
  // What was added and taken out again is not there.
  if (sum == 0) store<u64>(bits, load<u64>(bits) ^ ((1 as u64) << (at & 63)));
}

/** Adds f64s. Those that are no number are left out. */
export function sketchAddValues(sketch: usize, values: usize, count: u32): void {
  for (const end = values + count * 8; values < end; values += 8) {
    const value = load<f64>(values);
    if (value == value) add(sketch, sketchKey(value), 1);
  }
}

/**
 * Adds encoded sketches that lie one after another: those from `from` to `to` (not included) of a column whose ends, as
 * u32s, count from `bytes`. 0 where one of them is none, and then nothing is added.
 */
export function sketchAddEncoded(sketch: usize, bytes: usize, ends: usize, from: u32, to: u32): i32 {
  for (let i = from; i < to; i++) {
    if (addEncoded(sketch, bytes, ends, i, 1)) continue;
    for (let added = from; added < i; added++) addEncoded(sketch, bytes, ends, added, -1);
    return 0;
  }
  return 1;
}

/** Adds one sketch, or takes it out again. False where it is none, and then nothing has changed. */
function addEncoded(sketch: usize, bytes: usize, ends: usize, i: u32, sign: f64): bool {
  const start = i == 0 ? 0 : load<u32>(ends + (i - 1) * 4);
  const end = load<u32>(ends + i * 4);
  const wrongAt = addBuckets(sketch, bytes + start, bytes + end, sign, -1);
  if (wrongAt == -1) return true;
  addBuckets(sketch, bytes + start, bytes + end, -sign, wrongAt);
  return false;
}

/**
 * Adds what a sketch says of its first `most` buckets. Answers which bucket was wrong, and nothing of it or of later ones
 * is added; -1 where all is well.
 */
function addBuckets(sketch: usize, start: usize, end: usize, sign: f64, most: u32): u32 {
  readFrom(start, end);
  const buckets = readNumber();
  if (buckets > BUCKETS_MAX) return 0;
  const last = min<u32>(buckets as u32, most);
  let key: i64 = 0;
  for (let i: u32 = 0; i < last; i++) {
    let count: u64 = 1;
    if (i == 0) {
      const code = readNumber();
      if (code > FIRST_CODE_MAX) return i;
      key = keyOfCode(code as i32);
      count = readNumber();
    } else {
      const token = readNumber();
      if (token < 2 || token > ((KEY_MAX as u64) << 3)) return i;
      key += (token >> 1) as i64;
      if ((token & 1) == 1) count = readNumber();
    }
    if (readPosition() == 0 || key > KEY_MAX || count == 0 || count > COUNT_MAX) return i;
    add(sketch, key as i32, (count as f64) * sign);
  }
  return last < (buckets as u32) || readPosition() == end ? -1 : last;
}

/** A key as a number that is small where the value is near to 1 or -1: two bytes for most. */
function codeOfKey(key: i32): u32 {
  if (key == 0) return 0;
  const number = (key > 0 ? key : -key) - BIAS;
  return (((zigzag(number) as u32) << 1) | (key > 0 ? 0 : 1)) + 1;
}

function keyOfCode(code: i32): i32 {
  if (code == 0) return 0;
  const folded = (code - 1) >> 1;
  const number = (folded >> 1) ^ -(folded & 1);
  return ((code - 1) & 1) == 0 ? number + BIAS : -number - BIAS;
}

/** How many values there are. */
export function sketchCount(sketch: usize): f64 {
  let count: f64 = 0;
  for (let key = nextKey(sketch, -KEY_MAX); key <= KEY_MAX; key = nextKey(sketch, key + 1)) count += countOf(sketch, key);
  return count;
}

function countOf(sketch: usize, key: i32): f64 {
  return load<f64>(sketch + COUNTS + ((key + KEY_MAX) as usize) * 8);
}

/** The first key from `key` on; beyond KEY_MAX if there is none. */
function nextKey(sketch: usize, key: i32): i32 {
  const at = (key + KEY_MAX) as u32;
  const end = load<u32>(sketch, END_WORD);
  const first = load<u32>(sketch, FIRST_WORD);
  let word = at >> 6;
  let skipped = at & 63;
  if (word < first) {
    word = first;
    skipped = 0;
  }
  for (; word < end; word++) {
    const bits = load<u64>(sketch + KEYS + word * 8) & ((-1 as u64) << skipped);
    if (bits != 0) return ((word << 6) as i32) + (ctz<u64>(bits) as i32) - KEY_MAX;
    skipped = 0;
  }
  return KEY_MAX + 1;
}

/** Takes all values out. Costs no more than adding them did. */
export function sketchClear(sketch: usize): void {
  for (let key = nextKey(sketch, -KEY_MAX); key <= KEY_MAX; key = nextKey(sketch, key + 1))
    store<f64>(sketch + COUNTS + ((key + KEY_MAX) as usize) * 8, 0);
  const first = load<u32>(sketch, FIRST_WORD);
  const end = load<u32>(sketch, END_WORD);
  if (first < end) memory.fill(sketch + KEYS + first * 8, 0, (end - first) * 8);
  store<u32>(sketch, -1, FIRST_WORD);
  store<u32>(sketch, 0, END_WORD);
}

/** Encodes to `out`, which has room for sketchEncodedSizeMax. Answers the size. */
export function sketchEncode(sketch: usize, out: usize): u32 {
  let buckets: u32 = 0;
  for (let word = load<u32>(sketch, FIRST_WORD), end = load<u32>(sketch, END_WORD); word < end; word++)
    buckets += popcnt<u64>(load<u64>(sketch + KEYS + word * 8)) as u32;
  let key = nextKey(sketch, -KEY_MAX);
  let surplus: f64 = 0;
  for (; buckets > BUCKETS_MAX; buckets--, key = nextKey(sketch, key + 1)) surplus += countOf(sketch, key);

  let at = writeNumber(out, buckets);
  if (buckets == 0) return 1;
  at = writeNumber(at, codeOfKey(key));
  at = writeNumber(at, min<f64>(countOf(sketch, key) + surplus, COUNT_MAX as f64) as u64);
  let before = key;
  while ((key = nextKey(sketch, key + 1)) <= KEY_MAX) {
    const count = min<f64>(countOf(sketch, key), COUNT_MAX as f64) as u64;
    at = writeNumber(at, (((key - before) as u64) << 1) | (count == 1 ? 0 : 1));
    if (count != 1) at = writeNumber(at, count);
    before = key;
  }
  return (at - out) as u32;
}

/**
 * The value that the part `q` (0 to 1) of all values do not exceed, between two of them where it lies between. NaN where
 * there are none.
 */
export function sketchQuantile(sketch: usize, q: f64): f64 {
  const count = sketchCount(sketch);
  if (count == 0) return NaN;
  const rank = q * (count - 1);
  const below = floor<f64>(rank);
  const weight = rank - below;
  const lower = valueAt(sketch, below);
  if (weight == 0) return lower;
  const upper = valueAt(sketch, below + 1);
  return lower == upper ? lower : lower * (1 - weight) + upper * weight;
}

/** The value of a rank, from 0. */
function valueAt(sketch: usize, rank: f64): f64 {
  let passed: f64 = 0;
  let last: i32 = 0;
  for (let key = nextKey(sketch, -KEY_MAX); key <= KEY_MAX; key = nextKey(sketch, key + 1)) {
    passed += countOf(sketch, key);
    last = key;
    if (passed > rank) break;
  }
  return valueOf(last);
}
