import { PAIR_UNIT_LOG, pairFind, pairOf } from "./label-pairs";
import { tableFind, tableInsertCopy, tableRemove } from "./series-table";
import { isUtf8 } from "./utf8";

// Canonical label bytes (drawn in src/label-bytes.ts): for each label | 0x0a | size | 0x0a | name size | name | 0x12 |
// value size | value |, by rising names, sizes as the shortest varints.
const TAG_LABEL: u32 = 0x0a;
const TAG_NAME: u32 = 0x0a;
const TAG_VALUE: u32 = 0x12;
/** "__name__" as a word, little-endian. */
const METRIC_NAME: u64 = 0x5f5f_656d_616e_5f5f;
const METRIC_NAME_SIZE: u32 = 8;

/** Where the content begins whose size `readSize` has read; 0 where it is no shortest varint or goes beyond the end. */
let cursor: u32 = 0;

function readSize(p: u32, end: u32): u32 {
  let size: u32 = 0;
  cursor = 0;
  for (let shift: u32 = 0; shift < 21 && p < end; shift += 7) {
    const byte = load<u8>(p) as u32;
    p++;
    size |= (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    if (byte == 0 && shift > 0) return 0;
    if (size <= end - p) cursor = p;
    return size;
  }
  return 0;
}

/** Less than, equal to or greater than 0 as the first bytes come before, are, or come after the second ones. */
function compareBytes(a: u32, aSize: u32, b: u32, bSize: u32): i32 {
  const shared = min<u32>(aSize, bSize);
  for (let i: u32 = 0; i < shared; i++) {
    const order = (load<u8>(a + i) as i32) - (load<u8>(b + i) as i32);
    if (order != 0) return order;
  }
  return (aSize as i32) - (bSize as i32);
}

/**
 * 1 where bytes are the canonical form of a label set with at most `labelsMax` labels and names and values of at most so
 * many bytes, all of them UTF-8; 2 where it has a metric name besides. Else 0.
 */
export function labelsCheck(bytes: u32, length: u32, labelsMax: u32, nameSizeMax: u32, valueSizeMax: u32): i32 {
  const end = bytes + length;
  let p = bytes;
  let count: u32 = 0;
  let named = false;
  let lastName: u32 = 0;
  let lastNameSize: u32 = 0;
  while (p < end) {
    if (load<u8>(p) != TAG_LABEL || ++count > labelsMax) return 0;
    const size = readSize(p + 1, end);
    if (cursor == 0) return 0;
    p = cursor;
    const labelEnd = p + size;
    if (size == 0 || load<u8>(p) != TAG_NAME) return 0;
    const nameSize = readSize(p + 1, labelEnd);
    const name = cursor;
    if (name == 0 || nameSize == 0 || nameSize > nameSizeMax) return 0;
    p = name + nameSize;
    if (p == labelEnd || load<u8>(p) != TAG_VALUE) return 0;
    const valueSize = readSize(p + 1, labelEnd);
    const value = cursor;
    if (value == 0 || valueSize == 0 || valueSize > valueSizeMax || value + valueSize != labelEnd) return 0;
    if (compareBytes(lastName, lastNameSize, name, nameSize) >= 0) return 0;
    if (!isUtf8(name, p) || !isUtf8(value, labelEnd)) return 0;
    if (nameSize == METRIC_NAME_SIZE && load<u64>(name) == METRIC_NAME) named = true;
    lastName = name;
    lastNameSize = nameSize;
    p = labelEnd;
  }
  return named ? 2 : 1;
}

export const PAIRS_WHOLE: i32 = 0;
export const PAIRS_MALFORMED: i32 = 1;
export const PAIRS_NO_MEMORY: i32 = 2;

/** How many pairs the last `labelPairs` has found. */
export let pairsFound: u32 = 0;

/** Whether one of them is the metric name. */
export let pairsNamed: bool = false;

/**
 * Finds the pairs of canonical label bytes, and makes those there are not, without series: their numbers go to `list`,
 * which has room for one for each 8 bytes. Where it stops before the end, since there is no memory, or the bytes are not
 * canonical or beyond the limits, `pairsFound` is how many pairs came before. Whether a pair is UTF-8 is looked at when
 * it is made.
 */
export function labelPairs(
  index: u32, bytes: u32, length: u32, list: u32, labelsMax: u32, nameSizeMax: u32, valueSizeMax: u32,
): i32 {
  const end = bytes + length;
  let lastName: u32 = 0;
  let lastNameSize: u32 = 0;
  pairsFound = 0;
  pairsNamed = false;
  for (let p = bytes; p < end; ) {
    const size = readSize(p + 1, end);
    const label = cursor;
    if (label == 0 || size == 0 || load<u8>(p) != TAG_LABEL || load<u8>(label) != TAG_NAME) return PAIRS_MALFORMED;
    const labelEnd = label + size;
    const nameSize = readSize(label + 1, labelEnd);
    const name = cursor;
    const nameEnd = name + nameSize;
    if (name == 0 || nameSize == 0 || nameEnd == labelEnd || load<u8>(nameEnd) != TAG_VALUE) return PAIRS_MALFORMED;
    const valueSize = readSize(nameEnd + 1, labelEnd);
    if (cursor == 0 || valueSize == 0 || cursor + valueSize != labelEnd) return PAIRS_MALFORMED;
    if (pairsFound == labelsMax || nameSize > nameSizeMax || valueSize > valueSizeMax) return PAIRS_MALFORMED;
    if (compareBytes(lastName, lastNameSize, name, nameSize) >= 0) return PAIRS_MALFORMED;
    lastName = name;
    lastNameSize = nameSize;
    if (nameSize == METRIC_NAME_SIZE && load<u64>(name) == METRIC_NAME) pairsNamed = true;
    let pair = pairFind(index, p, labelEnd - p);
    if (pair == 0) {
      if (!isUtf8(name, nameEnd) || !isUtf8(cursor, labelEnd)) return PAIRS_MALFORMED;
      pair = pairOf(index, p, labelEnd - p, label, nameEnd - label);
      if (pair == 0) return PAIRS_NO_MEMORY;
    }
    store<u32>(list + pairsFound * 4, pair >> PAIR_UNIT_LOG);
    pairsFound++;
    p = labelEnd;
  }
  return PAIRS_WHOLE;
}

/**
 * Gives each label of canonical bytes its number, which is the entry of its bytes in namespace 0 of `table`: i32s at
 * `out`, number - 2^31 where the label is new. Answers how many; -1 where the memory is full and -2 where these are no
 * label bytes, and then nothing is new.
 */
export function labelsNumber(table: u32, bytes: u32, length: u32, out: u32): i32 {
  const end = bytes + length;
  let count: u32 = 0;
  for (let p = bytes; p < end; ) {
    const size = readSize(p + 1, end);
    if (cursor == 0) return forgetNew(table, out, count, -2);
    const fieldSize = cursor + size - p;
    let number = tableFind(table, 0, p, fieldSize);
    if (number < 0) {
      number = tableInsertCopy(table, 0, p, fieldSize, 0);
      if (number < 0) return forgetNew(table, out, count, -1);
      number |= i32.MIN_VALUE;
    }
    store<i32>(out + count * 4, number);
    count++;
    p += fieldSize;
  }
  return count as i32;
}

function forgetNew(table: u32, numbers: u32, count: u32, status: i32): i32 {
  for (let i: u32 = 0; i < count; i++) {
    const number = load<i32>(numbers + i * 4);
    if (number < 0) tableRemove(table, number & i32.MAX_VALUE);
  }
  return status;
}
