import { equalBytes, hashBytes } from "./hash";
import {
  LIST_SIZE, listAdd, listBury, listCapacity, listCount, listRead, listRelease, listReserve, listSweep,
} from "./ref-list";
import { allocate, release } from "./memory";

// Labels, each once: pairs of name and value, the series that have them, and the names. Neither pairs nor names ever
// move, so that a pair's number is its address by PAIR_UNIT.
//
// Index, 64 bytes:
//   0 slots u32, 4 slot mask u32, 8 pairs and names u32, 12 pairs u32, 16 first name u32, 20 changes so far u32, 24 seed u32,
//   28 .. 56 the list of all series, 56 the pairs that went last
const SLOTS: u32 = 0;
const SLOT_MASK: u32 = 4;
const RECORDS: u32 = 8;
const PAIRS: u32 = 12;
const FIRST_NAME: u32 = 16;
const CHANGES: u32 = 20;
const SEED: u32 = 24;
const ALL: u32 = 28;
const GONE: u32 = 56;
const INDEX_SIZE: u32 = 64;

// Pair that went, 8 bytes: its address, then that of the pair that was next of its name. It lies where the number of the
// change says, by GONE_MASK.
const GONE_SIZE: u32 = 8;
const GONE_MASK: u32 = 0x7fff;

// Slot, 8 bytes: the high half of the hash, then the address of a pair or a name (0 = empty).
const SLOT_SIZE: u32 = 8;
const SLOTS_MIN: u32 = 256;

// Pair, 48 bytes and its own: 0 low half of the hash u32, 4 size u32, 8 .. 36 the list of its series, 36 its name,
//   40 next and 44 previous pair of that name, 48 .. the label as in label bytes, tag and size included
// Name, the same: 4 size u32 with NAME set, 8 pairs u32, 36 next and 44 previous
//   name, 40 its first pair, 48 .. tag, size and name, as within the bytes of a label
const HASH: u32 = 0;
export const PAIR_LENGTH: u32 = 4;
const LIST: u32 = 8;
const NAME_PAIRS: u32 = 8;
const PAIR_NAME: u32 = 36;
const NEXT_NAME: u32 = 36;
const NEXT_PAIR: u32 = 40;
const FIRST_PAIR: u32 = 40;
const PREVIOUS: u32 = 44;
export const PAIR_BYTES: u32 = 48;
const NAME: u32 = 0x8000_0000;
/** By this, addresses of pairs become their numbers. */
export const PAIR_UNIT_LOG: u32 = 3;

/** The address of an empty index, or 0 when the memory is full. */
export function pairsCreate(seed: u32): u32 {
  const index = allocate(INDEX_SIZE);
  const slots = allocate(SLOTS_MIN * SLOT_SIZE);
  const gone = allocate((GONE_MASK + 1) * GONE_SIZE);
  if (index == 0 || slots == 0 || gone == 0) return 0;
  memory.fill(index, 0, INDEX_SIZE);
  memory.fill(slots, 0, SLOTS_MIN * SLOT_SIZE);
  store<u32>(index, gone, GONE);
  store<u32>(index, slots, SLOTS);
  store<u32>(index, SLOTS_MIN - 1, SLOT_MASK);
  store<u32>(index, seed, SEED);
  return index;
}

function recordSize(record: u32): u32 {
  return PAIR_BYTES + (load<u32>(record, PAIR_LENGTH) & ~NAME);
}

/** Frees the index and all that it has. */
export function pairsDestroy(index: u32): void {
  const slots = load<u32>(index, SLOTS);
  const count = load<u32>(index, SLOT_MASK) + 1;
  for (let i: u32 = 0; i < count; i++) {
    const record = load<u32>(slots + i * SLOT_SIZE, 4);
    if (record == 0) continue;
    if ((load<u32>(record, PAIR_LENGTH) & NAME) == 0) listRelease(record + LIST);
    release(record, recordSize(record));
  }
  listRelease(index + ALL);
  release(slots, count * SLOT_SIZE);
  release(load<u32>(index, GONE), (GONE_MASK + 1) * GONE_SIZE);
  release(index, INDEX_SIZE);
}

/** The list of all series. */
export function pairsAll(index: u32): u32 {
  return index + ALL;
}

export function pairList(pair: u32): u32 {
  return pair + LIST;
}

/** Whether the pairs numbered at `list` have the bytes at `bytes`, one after another. */
export function pairsEqual(list: u32, count: u32, bytes: u32): bool {
  let at = bytes;
  const end = list + count * 4;
  for (let p = list; p < end; p += 4) {
    const pair = load<u32>(p) << PAIR_UNIT_LOG;
    const length = load<u32>(pair, PAIR_LENGTH);
    if (!equalBytes(pair + PAIR_BYTES, at, length)) return false;
    at += length;
  }
  return true;
}

/** Copies the bytes of the pairs numbered at `list` to `out`. */
export function pairsCopy(list: u32, count: u32, out: u32): void {
  let at = out;
  for (let i: u32 = 0; i < count; i++) {
    const pair = load<u32>(list + i * 4) << PAIR_UNIT_LOG;
    const length = load<u32>(pair, PAIR_LENGTH);
    memory.copy(at, pair + PAIR_BYTES, length);
    at += length;
  }
}

/** `length` has NAME set where a name is meant: what is a pair's bytes may be a name's too. */
function hashOf(index: u32, bytes: u32, length: u32): u64 {
  const seed = ((length >> 31) as u64) << 32 | (load<u32>(index, SEED) as u64);
  return hashBytes(bytes, length & ~NAME, seed);
}

function find(index: u32, hash: u64, bytes: u32, length: u32): u32 {
  const slots = load<u32>(index, SLOTS);
  const mask = load<u32>(index, SLOT_MASK);
  const fingerprint = (hash >> 32) as u32;
  let at = (hash as u32) & mask;
  while (true) {
    const slot = slots + at * SLOT_SIZE;
    const record = load<u32>(slot, 4);
    if (record == 0) return 0;
    if (
      load<u32>(slot) == fingerprint &&
      load<u32>(record, PAIR_LENGTH) == length &&
      equalBytes(record + PAIR_BYTES, bytes, length & ~NAME)
    )
      return record;
    at = (at + 1) & mask;
  }
}

/** The pair with these bytes, or 0. They are readable for 15 bytes beyond their end. */
export function pairFind(index: u32, bytes: u32, length: u32): u32 {
  return find(index, hashOf(index, bytes, length), bytes, length);
}

/** The name with these bytes, or 0. */
export function nameFind(index: u32, bytes: u32, length: u32): u32 {
  return find(index, hashOf(index, bytes, length | NAME), bytes, length | NAME);
}

function place(slots: u32, mask: u32, hash: u64, record: u32): void {
  let at = (hash as u32) & mask;
  while (load<u32>(slots + at * SLOT_SIZE, 4) != 0) at = (at + 1) & mask;
  store<u32>(slots + at * SLOT_SIZE, (hash >> 32) as u32);
  store<u32>(slots + at * SLOT_SIZE, record, 4);
}

function reserveSlots(index: u32): bool {
  const oldCount = load<u32>(index, SLOT_MASK) + 1;
  if ((load<u32>(index, RECORDS) + 1) * 2 <= oldCount) return true;
  const count = oldCount * 2;
  const slots = allocate(count * SLOT_SIZE);
  if (slots == 0) return false;
  memory.fill(slots, 0, count * SLOT_SIZE);
  const oldSlots = load<u32>(index, SLOTS);
  for (let i: u32 = 0; i < oldCount; i++) {
    const slot = oldSlots + i * SLOT_SIZE;
    const record = load<u32>(slot, 4);
    if (record == 0) continue;
    const hash = ((load<u32>(slot) as u64) << 32) | (load<u32>(record, HASH) as u64);
    place(slots, count - 1, hash, record);
  }
  release(oldSlots, oldCount * SLOT_SIZE);
  store<u32>(index, slots, SLOTS);
  store<u32>(index, count - 1, SLOT_MASK);
  return true;
}

/** A record of these bytes, in its slot; 0 when the memory is full. */
function insert(index: u32, hash: u64, bytes: u32, length: u32): u32 {
  if (!reserveSlots(index)) return 0;
  const size = length & ~NAME;
  const record = allocate(PAIR_BYTES + size);
  if (record == 0) return 0;
  memory.fill(record, 0, PAIR_BYTES);
  memory.copy(record + PAIR_BYTES, bytes, size);
  store<u32>(record, hash as u32, HASH);
  store<u32>(record, length, PAIR_LENGTH);
  place(load<u32>(index, SLOTS), load<u32>(index, SLOT_MASK), hash, record);
  store<u32>(index, load<u32>(index, RECORDS) + 1, RECORDS);
  return record;
}

function remove(index: u32, record: u32): void {
  const slots = load<u32>(index, SLOTS);
  const mask = load<u32>(index, SLOT_MASK);
  let hole = load<u32>(record, HASH) & mask;
  while (load<u32>(slots + hole * SLOT_SIZE, 4) != record) hole = (hole + 1) & mask;
  for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
    const other = load<u32>(slots + at * SLOT_SIZE, 4);
    if (other == 0) break;
    const home = load<u32>(other, HASH) & mask;
    // It may fill the hole if its home is not between the hole (exclusive) and where it is now.
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    store<u64>(slots + hole * SLOT_SIZE, load<u64>(slots + at * SLOT_SIZE));
    hole = at;
  }
  store<u64>(slots + hole * SLOT_SIZE, 0);
  release(record, recordSize(record));
  store<u32>(index, load<u32>(index, RECORDS) - 1, RECORDS);
}

/**
 * The pair with these bytes, whose name (with tag and size) is the `nameLength` bytes at `name`; a new one without series
 * if there is none. 0 when the memory is full.
 */
export function pairOf(index: u32, bytes: u32, length: u32, name: u32, nameLength: u32): u32 {
  const hash = hashOf(index, bytes, length);
  const there = find(index, hash, bytes, length);
  if (there != 0) return there;
  const owner = nameOf(index, name, nameLength);
  if (owner == 0) return 0;
  const pair = insert(index, hash, bytes, length);
  if (pair == 0) {
    if (load<u32>(owner, NAME_PAIRS) == 0) forgetName(index, owner);
    return 0;
  }
  const next = load<u32>(owner, FIRST_PAIR);
  store<u32>(pair, owner, PAIR_NAME);
  store<u32>(pair, next, NEXT_PAIR);
  if (next != 0) store<u32>(next, pair, PREVIOUS);
  store<u32>(owner, pair, FIRST_PAIR);
  store<u32>(owner, load<u32>(owner, NAME_PAIRS) + 1, NAME_PAIRS);
  store<u32>(index, load<u32>(index, PAIRS) + 1, PAIRS);
  return pair;
}

function nameOf(index: u32, bytes: u32, length: u32): u32 {
  const hash = hashOf(index, bytes, length | NAME);
  const there = find(index, hash, bytes, length | NAME);
  if (there != 0) return there;
  const name = insert(index, hash, bytes, length | NAME);
  if (name == 0) return 0;
  const next = load<u32>(index, FIRST_NAME);
  store<u32>(name, next, NEXT_NAME);
  if (next != 0) store<u32>(next, name, PREVIOUS);
  store<u32>(index, name, FIRST_NAME);
  return name;
}

/** A pair goes: whoever keeps what a name had learns of it, and of the pair that takes its place in the name's list. */
function noteGone(index: u32, pair: u32, next: u32): void {
  const changes = load<u32>(index, CHANGES) + 1;
  store<u32>(index, changes, CHANGES);
  const at = load<u32>(index, GONE) + (changes & GONE_MASK) * GONE_SIZE;
  store<u32>(at, pair);
  store<u32>(at, next, 4);
}

function forgetName(index: u32, name: u32): void {
  const next = load<u32>(name, NEXT_NAME);
  const previous = load<u32>(name, PREVIOUS);
  if (next != 0) store<u32>(next, previous, PREVIOUS);
  if (previous != 0) store<u32>(previous, next, NEXT_NAME);
  else store<u32>(index, next, FIRST_NAME);
  remove(index, name);
}

/** Frees a pair, which has no live series, and its name if this was the last one. */
export function pairForget(index: u32, pair: u32): void {
  const name = load<u32>(pair, PAIR_NAME);
  const next = load<u32>(pair, NEXT_PAIR);
  const previous = load<u32>(pair, PREVIOUS);
  if (next != 0) store<u32>(next, previous, PREVIOUS);
  if (previous != 0) store<u32>(previous, next, NEXT_PAIR);
  else store<u32>(name, next, FIRST_PAIR);
  listRelease(pair + LIST);
  remove(index, pair);
  store<u32>(index, load<u32>(index, PAIRS) - 1, PAIRS);
  const pairs = load<u32>(name, NAME_PAIRS) - 1;
  store<u32>(name, pairs, NAME_PAIRS);
  noteGone(index, pair, next);
  if (pairs == 0) forgetName(index, name);
}

/** Room for a series in the lists of the pairs numbered at `list`, and in that of all. */
export function pairsReserve(index: u32, list: u32, count: u32): bool {
  for (let i: u32 = 0; i < count; i++)
    if (!listReserve((load<u32>(list + i * 4) << PAIR_UNIT_LOG) + LIST)) return false;
  return listReserve(index + ALL);
}

/** Adds a series to the lists of its pairs, numbered at `list`, and to that of all. Room was reserved. */
export function pairsAdd(index: u32, list: u32, count: u32, ref: u32): void {
  for (let i: u32 = 0; i < count; i++) listAdd((load<u32>(list + i * 4) << PAIR_UNIT_LOG) + LIST, ref);
  listAdd(index + ALL, ref);
}

/** Takes back what `pairOf` made for a series that does not come: pairs numbered at `list` without any series. */
export function pairsAbandon(index: u32, list: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const pair = load<u32>(list + i * 4) << PAIR_UNIT_LOG;
    if (listCount(pair + LIST) == 0) pairForget(index, pair);
  }
}

/** A series of the pairs numbered at `list` has ended; its mark says which. */
export function pairsBury(index: u32, list: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const pair = load<u32>(list + i * 4) << PAIR_UNIT_LOG;
    if (listBury(pair + LIST) == 0) pairForget(index, pair);
  }
  listBury(index + ALL);
}

/**
 * Takes the marked series out of the lists of up to about `work` references, from slot `from` on. Answers the slot to go
 * on at, or 0 at the end. Between the parts of one sweep no series ends; where the slots have moved, it begins again.
 */
export function pairsSweep(index: u32, marks: u32, words: u32, from: u32, work: u32): u32 {
  if (from == 0) {
    const all = index + ALL;
    if (listCount(all) != 0) listSweep(all, marks, words);
    else {
      listRelease(all);
      memory.fill(all, 0, LIST_SIZE);
    }
  }
  const slots = load<u32>(index, SLOTS);
  const count = load<u32>(index, SLOT_MASK) + 1;
  let done: u32 = 0;
  for (let i = from; i < count; i++) {
    if (done >= work) return i;
    const record = load<u32>(slots + i * SLOT_SIZE, 4);
    done++;
    if (record == 0 || (load<u32>(record, PAIR_LENGTH) & NAME) != 0) continue;
    done += listCapacity(record + LIST);
    listSweep(record + LIST, marks, words);
  }
  return 0;
}

/** The series of a pair, or of all labels where `pair` is 0, as `listRead` gives them. */
export function pairRead(index: u32, pair: u32, marks: u32, words: u32, out: u32, spare: u32): u32 {
  return listRead(pair == 0 ? index + ALL : pair + LIST, marks, words, out, spare);
}

/** Pairs there are. */
export function pairsCount(index: u32): u32 {
  return load<u32>(index, PAIRS);
}

export function pairsFirstName(index: u32): u32 {
  return load<u32>(index, FIRST_NAME);
}

/** How many pairs have gone, modulo 2^32: stays the same as long as none goes. */
export function pairsChanges(index: u32): u32 {
  return load<u32>(index, CHANGES);
}

/** The address of the notes of the pairs that went last. */
export function pairsGone(index: u32): u32 {
  return load<u32>(index, GONE);
}

/** How many slots there are: where it changes, a sweep begins again. */
export function pairsSlots(index: u32): u32 {
  return load<u32>(index, SLOT_MASK) + 1;
}
