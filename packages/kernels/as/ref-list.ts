import { allocate, blockSize, release } from "./memory";

// The references of the series that have a label, in few bytes: most come in rising order, close to each other.
//
// List, 28 bytes: 0 live references u32, 4 dead ones that are still in it u32, 8 bytes u32 (0 while a single reference
//   is all there is: it is the last one), 12 their size u32, 16 their capacity u32, 20 last reference u32, 24 runs u32
// Bytes: runs of rising references, each as the difference to the one before, a varint; the first of a run as the
//   difference to -1. A run after the first begins with the byte 0, which no difference is.
//
// References die by being marked, in a bitmap that the caller keeps, and go with the next sweep.
export const LIST_SIZE: u32 = 28;
const COUNT: u32 = 0;
const DEAD: u32 = 4;
const BYTES: u32 = 8;
const SIZE: u32 = 12;
const CAPACITY: u32 = 16;
const LAST: u32 = 20;
const RUNS: u32 = 24;

const CAPACITY_MIN: u32 = 16;
/** A new run and the longest varint. */
const REFERENCE_SIZE_MAX: u32 = 6;

export function listCount(list: u32): u32 {
  return load<u32>(list, COUNT);
}

/** Room that `listRead` needs at each of its two addresses, in references. */
export function listCapacity(list: u32): u32 {
  return load<u32>(list, COUNT) + load<u32>(list, DEAD);
}

export function listRelease(list: u32): void {
  const bytes = load<u32>(list, BYTES);
  if (bytes != 0) release(bytes, load<u32>(list, CAPACITY));
}

function putVarint(at: u32, value: u32): u32 {
  let rest = value;
  while (rest >= 0x80) {
    store<u8>(at, (rest & 0x7f) | 0x80);
    at++;
    rest >>= 7;
  }
  store<u8>(at, rest);
  return at + 1;
}

/** Where the last varint ended. */
let cursor: u32 = 0;

function readVarint(at: u32): u32 {
  let byte = load<u8>(at) as u32;
  at++;
  let value = byte & 0x7f;
  for (let shift: u32 = 7; byte >= 0x80; shift += 7) {
    byte = load<u8>(at) as u32;
    at++;
    value |= (byte & 0x7f) << shift;
  }
  cursor = at;
  return value;
}

/** Makes room for one more reference; false when the memory is full, and then nothing has changed. */
export function listReserve(list: u32): bool {
  if (listCapacity(list) == 0) return true;
  const bytes = load<u32>(list, BYTES);
  if (bytes == 0) {
    const block = allocate(CAPACITY_MIN);
    if (block == 0) return false;
    store<u32>(list, block, BYTES);
    store<u32>(list, CAPACITY_MIN, CAPACITY);
    store<u32>(list, putVarint(block, load<u32>(list, LAST) + 1) - block, SIZE);
    return true;
  }
  const size = load<u32>(list, SIZE);
  const capacity = load<u32>(list, CAPACITY);
  if (size + REFERENCE_SIZE_MAX <= capacity) return true;
  return resize(list, blockSize(capacity + (capacity >> 1)));
}

function resize(list: u32, capacity: u32): bool {
  const block = allocate(capacity);
  if (block == 0) return false;
  memory.copy(block, load<u32>(list, BYTES), load<u32>(list, SIZE));
  listRelease(list);
  store<u32>(list, block, BYTES);
  store<u32>(list, capacity, CAPACITY);
  return true;
}

/** Adds a reference that is not there, dead or alive. Room was reserved. */
export function listAdd(list: u32, ref: u32): void {
  const last = load<u32>(list, LAST);
  if (listCapacity(list) == 0) store<u32>(list, 1, RUNS);
  else {
    const bytes = load<u32>(list, BYTES);
    let at = bytes + load<u32>(list, SIZE);
    if (ref > last) at = putVarint(at, ref - last);
    else {
      store<u8>(at, 0);
      at = putVarint(at + 1, ref + 1);
      store<u32>(list, load<u32>(list, RUNS) + 1, RUNS);
    }
    store<u32>(list, at - bytes, SIZE);
  }
  store<u32>(list, ref, LAST);
  store<u32>(list, load<u32>(list, COUNT) + 1, COUNT);
}

/** One of the references has died. Answers how many are left alive. */
export function listBury(list: u32): u32 {
  const left = load<u32>(list, COUNT) - 1;
  store<u32>(list, left, COUNT);
  store<u32>(list, load<u32>(list, DEAD) + 1, DEAD);
  return left;
}

/** Whether a bit is set in the `words` * 32 bits at `marks`. */
export function isMarked(marks: u32, words: u32, ref: u32): bool {
  return ref >> 5 < words && ((load<u32>(marks + (ref >> 5) * 4) >> (ref & 31)) & 1) != 0;
}

/**
 * Writes the references that are not marked to `out`, rising, and answers how many there are. `out` and `spare` have
 * room for `listCapacity`.
 */
export function listRead(list: u32, marks: u32, words: u32, out: u32, spare: u32): u32 {
  const live = load<u32>(list, COUNT);
  if (live == 0) return 0;
  let at = load<u32>(list, BYTES);
  if (at == 0) {
    store<u32>(out, load<u32>(list, LAST));
    return 1;
  }
  const end = at + load<u32>(list, SIZE);
  const whole = load<u32>(list, DEAD) == 0;
  let ref: u32 = 0xffff_ffff;
  let to = out;
  while (at < end) {
    const step = load<u8>(at) as u32;
    if (step == 0) {
      ref = 0xffff_ffff;
      at++;
      continue;
    }
    if (step < 0x80) {
      ref += step;
      at++;
    } else {
      ref += readVarint(at);
      at = cursor;
    }
    if (!whole && isMarked(marks, words, ref)) continue;
    store<u32>(to, ref);
    to += 4;
  }
  const count = (to - out) >> 2;
  if (load<u32>(list, RUNS) > 1) mergeRuns(out, spare, count);
  return count;
}

function runEnd(list: u32, from: u32, count: u32): u32 {
  let at = from + 1;
  while (at < count && load<u32>(list + at * 4) > load<u32>(list + at * 4 - 4)) at++;
  return at;
}

/** Merges the rising runs of `count` words at `list` until there is one. `spare` has as much room. */
function mergeRuns(list: u32, spare: u32, count: u32): void {
  let from = list;
  let to = spare;
  while (runEnd(from, 0, count) < count) {
    for (let start: u32 = 0; start < count; ) {
      const middle = runEnd(from, start, count);
      const end = middle < count ? runEnd(from, middle, count) : middle;
      let left = start;
      let right = middle;
      for (let out = start; out < end; out++) {
        const takeLeft =
          right == end || (left < middle && load<u32>(from + left * 4) < load<u32>(from + right * 4));
        store<u32>(to + out * 4, load<u32>(from + (takeLeft ? left++ : right++) * 4));
      }
      start = end;
    }
    const other = from;
    from = to;
    to = other;
  }
  if (from != list) memory.copy(list, from, count * 4);
}

/**
 * Takes the marked references out, and makes one run of several if there is memory for it. Some reference is alive. The
 * bytes never become more: a difference that spans what is gone is as long as those it replaces at most.
 */
export function listSweep(list: u32, marks: u32, words: u32): void {
  if (load<u32>(list, DEAD) != 0) takeOut(list, marks, words);
  if (load<u32>(list, RUNS) > 1) join(list);
  const size = load<u32>(list, SIZE);
  // If there is no memory for a smaller block, it stays as it is.
  if (load<u32>(list, BYTES) != 0 && size * 4 < load<u32>(list, CAPACITY)) resize(list, blockSize(max<u32>(size * 2, CAPACITY_MIN)));
}

function takeOut(list: u32, marks: u32, words: u32): void {
  const bytes = load<u32>(list, BYTES);
  const end = bytes + load<u32>(list, SIZE);
  let at = bytes;
  let to = bytes;
  let ref: u32 = 0xffff_ffff;
  let written: u32 = 0xffff_ffff;
  let runs: u32 = 1;
  while (at < end) {
    const step = readVarint(at);
    at = cursor;
    if (step == 0) {
      ref = 0xffff_ffff;
      continue;
    }
    ref += step;
    if (isMarked(marks, words, ref)) continue;
    if (written != 0xffff_ffff && ref < written) {
      store<u8>(to, 0);
      to++;
      runs++;
      written = 0xffff_ffff;
    }
    to = putVarint(to, ref - written);
    written = ref;
  }
  store<u32>(list, to - bytes, SIZE);
  store<u32>(list, written, LAST);
  store<u32>(list, runs, RUNS);
  store<u32>(list, 0, DEAD);
}

function join(list: u32): void {
  const room = load<u32>(list, COUNT) * 4;
  const words = allocate(room);
  if (words == 0) return;
  const spare = allocate(room);
  if (spare != 0) {
    const count = listRead(list, 0, 0, words, spare);
    const bytes = load<u32>(list, BYTES);
    let to = bytes;
    let written: u32 = 0xffff_ffff;
    for (let i: u32 = 0; i < count; i++) {
      const ref = load<u32>(words + i * 4);
      to = putVarint(to, ref - written);
      written = ref;
    }
    store<u32>(list, to - bytes, SIZE);
    store<u32>(list, written, LAST);
    store<u32>(list, 1, RUNS);
    release(spare, room);
  }
  release(words, room);
}
