import { equalBytes, hashBytes } from "./hash";
import { PAIR_UNIT_LOG, pairsAbandon, pairsAdd, pairsBury, pairsCopy, pairsCreate, pairsDestroy, pairsEqual, pairsReserve, pairsSweep } from "./label-pairs";
import { labelPairs, PAIRS_MALFORMED, PAIRS_WHOLE, pairsFound, pairsNamed } from "./label-bytes";
import { allocate, release } from "./memory";

// A map from (namespace, bytes) to a 32-bit value. Slots are open addressed with linear probing and no tombstones:
// removal moves later slots back. Entries have ids that never move and lie in pages that never move.
//
// An entry's bytes lie in a block of its own, or, if it is a series, as the numbers of its label pairs (label-pairs.ts):
// neighbouring series share most of theirs. The series that have ended are marked until a sweep has taken them out of
// the lists of their pairs.
//
// Table, 80 bytes:
//   0 slots u32, 4 slot mask u32, 8 live entries u32, 12 entry pages u32, 16 entry page capacity u32, 20 entry ids given u32,
//   24 first free entry + 1 u32, 28 namespaces u32, 32 namespace capacity u32, 36 namespace ids given u32,
//   40 first free namespace u32 (0 = none; namespace 0 is never freed), 44 seed u32, 48 pairs u32, 52 ended marks u32,
//   56 their words u32, 60 ended series that are marked u32, 64 pages of first spellings u32, 68 their capacity u32,
//   72 first spelling of what is dropped u32, 76 room for the pairs of one series u32
const SLOTS: u32 = 0;
const SLOT_MASK: u32 = 4;
const SIZE: u32 = 8;
const ENTRY_PAGES: u32 = 12;
const ENTRY_PAGE_CAPACITY: u32 = 16;
const ENTRY_COUNT: u32 = 20;
const ENTRY_FREE: u32 = 24;
const NAMESPACES: u32 = 28;
const NAMESPACE_CAPACITY: u32 = 32;
const NAMESPACE_COUNT: u32 = 36;
const NAMESPACE_FREE: u32 = 40;
const SEED: u32 = 44;
const PAIR_INDEX: u32 = 48;
const MARKS: u32 = 52;
const MARK_WORDS: u32 = 56;
const MARKED: u32 = 60;
const SPELLING_PAGES: u32 = 64;
const SPELLING_PAGE_CAPACITY: u32 = 68;
const DROPPED: u32 = 72;
const FOUND: u32 = 76;
const TABLE_SIZE: u32 = 80;

// Slot, 8 bytes: the high half of the hash, then the entry's id + 1 (0 = empty).
const SLOT_SIZE: u32 = 8;

// Entry, 32 bytes. Siblings are the entries of one namespace, doubly linked, ids + 1. `NEXT` is the entry (id + 1) that
// followed this one in the last body, a guess that whoever uses it verifies. A free entry has PAIRS_FREE, so that no
// comparison with it succeeds, and the next free entry in NEXT.
const ENTRY_SIZE_LOG: u32 = 5;
const PAGE_ENTRIES_LOG: u32 = 11;
const PAGE_ENTRIES: u32 = 2048;
const PAGE_SIZE: u32 = 65536;
const HASH: u32 = 0; // u32, the low half
const BYTES: u32 = 4; // u32, a block of bytes or of pair numbers
const LENGTH: u32 = 8; // u16, of the bytes
const PAIRS: u32 = 10; // u16, 0 where the bytes are a block of their own
const NAMESPACE: u32 = 12;
const VALUE: u32 = 16;
const NEXT: u32 = 20;
const SIBLING_NEXT: u32 = 24;
const SIBLING_PREVIOUS: u32 = 28;
const PAIRS_FREE: u32 = 0xffff;
const NAMESPACE_NONE: u32 = 0xffff_ffff;

// Block of bytes: 0 the next and 4 the previous entry (id + 1) that is not a series and has the same value, 8 .. bytes.
// These are the spellings of one series, or all that is dropped; the first of each value stands in pages of 1024 values.
const SPELLING_NEXT: u32 = 0;
const SPELLING_PREVIOUS: u32 = 4;
const SPELLING_HEADER: u32 = 8;
const SPELLING_PAGE_LOG: u32 = 10;
const SPELLING_PAGE_SIZE: u32 = 4096;

// Namespace, 24 bytes: 0 first sibling + 1, 4 number of entries, 8 first entry + 1 of the last body (a guess),
// 12 open (1) or, when closed, the next free namespace shifted left by one, 16 u64 for its decoder.
const NAMESPACE_SIZE: u32 = 24;
const SPACE_FIRST: u32 = 0;
const SPACE_SIZE: u32 = 4;
const SPACE_HINT: u32 = 8;
const SPACE_STATE: u32 = 12;
const SPACE_NOTE: u32 = 16;

/** No limit. */
const ANY: u32 = 0xffff_ffff;
/** A label takes at least 8 bytes of the 65,535 that a series may have. */
const SERIES_PAIRS_MAX: u32 = 8192;
const SLOTS_MIN: u32 = 1024;
const NAMESPACES_MIN: u32 = 64;
const PAGE_LIST_MIN: u32 = 16;

// What an insertion answers instead of an entry.
const MEMORY_FULL: i32 = -1;
const ALREADY_THERE: i32 = -2;
export const NOT_CANONICAL: i32 = -3;
const STILL_MARKED: i32 = -4;

/** The address of an empty table, or 0 when the memory is full. */
export function tableCreate(seed: u32): u32 {
  const table = allocate(TABLE_SIZE);
  if (table == 0) return 0;
  memory.fill(table, 0, TABLE_SIZE);
  store<u32>(table, seed, SEED);
  const slots = allocate(SLOTS_MIN * SLOT_SIZE);
  const namespaces = allocate(NAMESPACES_MIN * NAMESPACE_SIZE);
  const entryPages = allocate(PAGE_LIST_MIN * 4);
  const spellingPages = allocate(PAGE_LIST_MIN * 4);
  const pairs = pairsCreate(seed);
  if (slots == 0 || namespaces == 0 || entryPages == 0 || spellingPages == 0 || pairs == 0) return 0;
  memory.fill(slots, 0, SLOTS_MIN * SLOT_SIZE);
  memory.fill(namespaces, 0, NAMESPACE_SIZE);
  memory.fill(entryPages, 0, PAGE_LIST_MIN * 4);
  memory.fill(spellingPages, 0, PAGE_LIST_MIN * 4);
  store<u32>(namespaces, 1, SPACE_STATE);
  store<u32>(table, slots, SLOTS);
  store<u32>(table, SLOTS_MIN - 1, SLOT_MASK);
  store<u32>(table, namespaces, NAMESPACES);
  store<u32>(table, NAMESPACES_MIN, NAMESPACE_CAPACITY);
  store<u32>(table, 1, NAMESPACE_COUNT);
  store<u32>(table, entryPages, ENTRY_PAGES);
  store<u32>(table, PAGE_LIST_MIN, ENTRY_PAGE_CAPACITY);
  store<u32>(table, spellingPages, SPELLING_PAGES);
  store<u32>(table, PAGE_LIST_MIN, SPELLING_PAGE_CAPACITY);
  store<u32>(table, pairs, PAIR_INDEX);
  return table;
}

/** The address of an entry: always the same. */
export function entryAt(table: u32, entry: u32): u32 {
  const page = load<u32>(load<u32>(table, ENTRY_PAGES) + (entry >> PAGE_ENTRIES_LOG) * 4);
  return page + ((entry & (PAGE_ENTRIES - 1)) << ENTRY_SIZE_LOG);
}

export function entryLength(entryPointer: u32): u32 {
  return load<u16>(entryPointer, LENGTH);
}

export function entryNamespace(entryPointer: u32): u32 {
  return load<u32>(entryPointer, NAMESPACE);
}

export function entryValue(entryPointer: u32): i32 {
  return load<i32>(entryPointer, VALUE);
}

/** The id + 1 of the entry that is likely to follow, 0 for none. */
export function entryNext(entryPointer: u32): u32 {
  return load<u32>(entryPointer, NEXT);
}

export function entrySetNext(entryPointer: u32, idPlusOne: u32): void {
  store<u32>(entryPointer, idPlusOne, NEXT);
}

/** Whether an entry, free ones included, has these bytes, which are readable for 15 bytes beyond their end. */
export function entryEquals(entryPointer: u32, bytes: u32, length: u32): bool {
  if (load<u16>(entryPointer, LENGTH) != length) return false;
  const pairs = load<u16>(entryPointer, PAIRS) as u32;
  const block = load<u32>(entryPointer, BYTES);
  if (pairs == 0) return equalBytes(block + SPELLING_HEADER, bytes, length);
  return pairs != PAIRS_FREE && pairsEqual(block, pairs, bytes);
}

/** The id + 1 of the entry that the last body of this namespace began with, 0 for none. */
export function namespaceHint(table: u32, namespace: u32): u32 {
  return load<u32>(load<u32>(table, NAMESPACES) + namespace * NAMESPACE_SIZE, SPACE_HINT);
}

export function namespaceSetHint(table: u32, namespace: u32, idPlusOne: u32): void {
  store<u32>(load<u32>(table, NAMESPACES) + namespace * NAMESPACE_SIZE, idPlusOne, SPACE_HINT);
}

/** The address of 8 bytes that a decoder may use as it likes; 0 in a new namespace. Valid until one is opened. */
export function namespaceNote(table: u32, namespace: u32): u32 {
  return load<u32>(table, NAMESPACES) + namespace * NAMESPACE_SIZE + SPACE_NOTE;
}

export function tableHash(table: u32, namespace: u32, bytes: u32, length: u32): u64 {
  const seed = ((namespace as u64) << 32) | (load<u32>(table, SEED) as u64);
  return hashBytes(bytes, length, seed);
}

/** The first slot with this hash's fingerprint, or an empty one: its address. Touches slots only. */
export function tableProbe(table: u32, hash: u64): u32 {
  const slots = load<u32>(table, SLOTS);
  const mask = load<u32>(table, SLOT_MASK);
  const fingerprint = (hash >> 32) as u32;
  let index = (hash as u32) & mask;
  while (true) {
    const slot = slots + index * SLOT_SIZE;
    if (load<u32>(slot, 4) == 0 || load<u32>(slot) == fingerprint) return slot;
    index = (index + 1) & mask;
  }
}

/** The entry with these bytes, searched from `slot` as `tableProbe` gave it, or -1. `bytes` is readable 15 bytes beyond. */
export function tableFindFrom(table: u32, slot: u32, hash: u64, namespace: u32, bytes: u32, length: u32): i32 {
  const slots = load<u32>(table, SLOTS);
  const end = slots + (load<u32>(table, SLOT_MASK) + 1) * SLOT_SIZE;
  const fingerprint = (hash >> 32) as u32;
  while (true) {
    const idPlusOne = load<u32>(slot, 4);
    if (idPlusOne == 0) return -1;
    if (load<u32>(slot) == fingerprint) {
      const entry = entryAt(table, idPlusOne - 1);
      if (
        load<u32>(entry, HASH) == (hash as u32) &&
        load<u32>(entry, NAMESPACE) == namespace &&
        entryEquals(entry, bytes, length)
      )
        return (idPlusOne - 1) as i32;
    }
    slot += SLOT_SIZE;
    if (slot == end) slot = slots;
  }
}

/** The entry with these bytes, or -1. `bytes` must be readable for 15 bytes beyond the end. */
export function tableFind(table: u32, namespace: u32, bytes: u32, length: u32): i32 {
  const hash = tableHash(table, namespace, bytes, length);
  return tableFindFrom(table, tableProbe(table, hash), hash, namespace, bytes, length);
}

function placeSlot(slots: u32, mask: u32, fingerprint: u32, home: u32, idPlusOne: u32): void {
  let index = home & mask;
  while (load<u32>(slots + index * SLOT_SIZE, 4) != 0) index = (index + 1) & mask;
  store<u32>(slots + index * SLOT_SIZE, fingerprint);
  store<u32>(slots + index * SLOT_SIZE, idPlusOne, 4);
}

/** Room in the slots for one more. At most five of eight are taken: longer probes would cost more than the memory saved. */
function reserveSlot(table: u32): bool {
  const oldCount = load<u32>(table, SLOT_MASK) + 1;
  if (((load<u32>(table, SIZE) + 1) as u64) * 8 <= (oldCount as u64) * 5) return true;
  const count = oldCount * 2;
  const slots = allocate(count * SLOT_SIZE);
  if (slots == 0) return false;
  memory.fill(slots, 0, count * SLOT_SIZE);
  const oldSlots = load<u32>(table, SLOTS);
  for (let i: u32 = 0; i < oldCount; i++) {
    const idPlusOne = load<u32>(oldSlots + i * SLOT_SIZE, 4);
    if (idPlusOne == 0) continue;
    placeSlot(slots, count - 1, load<u32>(oldSlots + i * SLOT_SIZE), load<u32>(entryAt(table, idPlusOne - 1), HASH), idPlusOne);
  }
  store<u32>(table, slots, SLOTS);
  store<u32>(table, count - 1, SLOT_MASK);
  release(oldSlots, oldCount * SLOT_SIZE);
  return true;
}

/** Doubles the array whose address and capacity lie at `at` and `at + 4`; what is new is 0. */
function growArray(at: u32, itemSize: u32): bool {
  const capacity = load<u32>(at, 4);
  const bigger = allocate(capacity * 2 * itemSize);
  if (bigger == 0) return false;
  memory.copy(bigger, load<u32>(at), capacity * itemSize);
  memory.fill(bigger + capacity * itemSize, 0, capacity * itemSize);
  release(load<u32>(at), capacity * itemSize);
  store<u32>(at, bigger);
  store<u32>(at, capacity * 2, 4);
  return true;
}

/** An id for one more entry can be taken. */
function reserveEntry(table: u32): bool {
  if (load<u32>(table, ENTRY_FREE) != 0) return true;
  const count = load<u32>(table, ENTRY_COUNT);
  const at = count >> PAGE_ENTRIES_LOG;
  if (at == load<u32>(table, ENTRY_PAGE_CAPACITY) && !growArray(table + ENTRY_PAGES, 4)) return false;
  const place = load<u32>(table, ENTRY_PAGES) + at * 4;
  if (load<u32>(place) != 0) return true;
  const page = allocate(PAGE_SIZE);
  if (page == 0) return false;
  store<u32>(place, page);
  return true;
}

/** An entry with its slot and siblings, but without bytes. Room was reserved. */
function takeEntry(table: u32, hash: u64, namespace: u32, length: u32, value: i32): u32 {
  let id = load<u32>(table, ENTRY_FREE);
  if (id != 0) {
    id--;
    store<u32>(table, load<u32>(entryAt(table, id), NEXT), ENTRY_FREE);
  } else {
    id = load<u32>(table, ENTRY_COUNT);
    store<u32>(table, id + 1, ENTRY_COUNT);
  }
  const entry = entryAt(table, id);
  const space = load<u32>(table, NAMESPACES) + namespace * NAMESPACE_SIZE;
  const first = load<u32>(space, SPACE_FIRST);
  store<u32>(entry, hash as u32, HASH);
  store<u16>(entry, length as u16, LENGTH);
  store<u32>(entry, namespace, NAMESPACE);
  store<i32>(entry, value, VALUE);
  store<u32>(entry, 0, NEXT);
  store<u32>(entry, first, SIBLING_NEXT);
  store<u32>(entry, 0, SIBLING_PREVIOUS);
  if (first != 0) store<u32>(entryAt(table, first - 1), id + 1, SIBLING_PREVIOUS);
  store<u32>(space, id + 1, SPACE_FIRST);
  store<u32>(space, load<u32>(space, SPACE_SIZE) + 1, SPACE_SIZE);
  placeSlot(load<u32>(table, SLOTS), load<u32>(table, SLOT_MASK), (hash >> 32) as u32, hash as u32, id + 1);
  store<u32>(table, load<u32>(table, SIZE) + 1, SIZE);
  return id;
}

/** Where the first spelling of a value stands, if there is a page for it; else 0. */
function spellingPlace(table: u32, value: i32): u32 {
  if (value < 0) return table + DROPPED;
  const at = (value as u32) >> SPELLING_PAGE_LOG;
  if (at >= load<u32>(table, SPELLING_PAGE_CAPACITY)) return 0;
  const page = load<u32>(load<u32>(table, SPELLING_PAGES) + at * 4);
  return page == 0 ? 0 : page + (value & 1023) * 4;
}

/** There is a page for the first spelling of a value. */
function reserveSpelling(table: u32, value: i32): bool {
  if (value < 0) return true;
  const at = (value as u32) >> SPELLING_PAGE_LOG;
  while (at >= load<u32>(table, SPELLING_PAGE_CAPACITY))
    if (!growArray(table + SPELLING_PAGES, 4)) return false;
  const place = load<u32>(table, SPELLING_PAGES) + at * 4;
  if (load<u32>(place) != 0) return true;
  const page = allocate(SPELLING_PAGE_SIZE);
  if (page == 0) return false;
  memory.fill(page, 0, SPELLING_PAGE_SIZE);
  store<u32>(place, page);
  return true;
}

function linkSpelling(table: u32, id: u32): void {
  const entry = entryAt(table, id);
  const block = load<u32>(entry, BYTES);
  const place = spellingPlace(table, load<i32>(entry, VALUE));
  const first = load<u32>(place);
  if (first != 0) store<u32>(load<u32>(entryAt(table, first - 1), BYTES), id + 1, SPELLING_PREVIOUS);
  store<u32>(place, id + 1);
  store<u32>(block, first, SPELLING_NEXT);
  store<u32>(block, 0, SPELLING_PREVIOUS);
}

function unlinkSpelling(table: u32, id: u32): void {
  const entry = entryAt(table, id);
  const block = load<u32>(entry, BYTES);
  const next = load<u32>(block, SPELLING_NEXT);
  const previous = load<u32>(block, SPELLING_PREVIOUS);
  if (next != 0) store<u32>(load<u32>(entryAt(table, next - 1), BYTES), previous, SPELLING_PREVIOUS);
  if (previous != 0) store<u32>(load<u32>(entryAt(table, previous - 1), BYTES), next, SPELLING_NEXT);
  else store<u32>(spellingPlace(table, load<i32>(entry, VALUE)), next);
}

/** Adds an entry, with a copy of the bytes, and answers its id; or MEMORY_FULL or ALREADY_THERE. */
export function tableInsertCopy(table: u32, namespace: u32, bytes: u32, length: u32, value: i32): i32 {
  const hash = tableHash(table, namespace, bytes, length);
  if (tableFindFrom(table, tableProbe(table, hash), hash, namespace, bytes, length) >= 0) return ALREADY_THERE;
  if (!reserveSlot(table) || !reserveEntry(table) || !reserveSpelling(table, value)) return MEMORY_FULL;
  const block = allocate(SPELLING_HEADER + length);
  if (block == 0) return MEMORY_FULL;
  memory.copy(block + SPELLING_HEADER, bytes, length);
  const id = takeEntry(table, hash, namespace, length, value);
  const entry = entryAt(table, id);
  store<u32>(entry, block, BYTES);
  store<u16>(entry, 0, PAIRS);
  linkSpelling(table, id);
  return id as i32;
}

/** Room for the mark of a reference. */
function reserveMark(table: u32, ref: u32): bool {
  const words = load<u32>(table, MARK_WORDS);
  if (ref >> 5 < words) return true;
  const wanted = max<u32>(words * 2, max<u32>(64, (ref >> 5) + 1));
  const marks = allocate(wanted * 4);
  if (marks == 0) return false;
  memory.fill(marks, 0, wanted * 4);
  if (words != 0) {
    memory.copy(marks, load<u32>(table, MARKS), words * 4);
    release(load<u32>(table, MARKS), words * 4);
  }
  store<u32>(table, marks, MARKS);
  store<u32>(table, wanted, MARK_WORDS);
  return true;
}

/** Most tables have no series, and need no room for pairs. */
function reserveFound(table: u32): bool {
  if (load<u32>(table, FOUND) != 0) return true;
  const found = allocate(SERIES_PAIRS_MAX * 4);
  store<u32>(table, found, FOUND);
  return found != 0;
}

function mark(table: u32, ref: u32): void {
  const at = load<u32>(table, MARKS) + (ref >> 5) * 4;
  store<u32>(at, load<u32>(at) | ((1 as u32) << (ref & 31)));
  store<u32>(table, load<u32>(table, MARKED) + 1, MARKED);
}

function isMarkedEnded(table: u32, ref: u32): bool {
  return ref >> 5 < load<u32>(table, MARK_WORDS) && ((load<u32>(load<u32>(table, MARKS) + (ref >> 5) * 4) >> (ref & 31)) & 1) != 0;
}

/**
 * Adds a series to namespace 0 by its canonical label bytes: an entry, and the series in the lists of its labels. Where
 * an entry has these bytes and is no series it becomes this one. Answers the entry's id, and nothing has changed where
 * it answers MEMORY_FULL, ALREADY_THERE, NOT_CANONICAL, or STILL_MARKED: the series that had the reference before has
 * ended, and a sweep must come first.
 */
export function tableInsertSeries(table: u32, bytes: u32, length: u32, ref: u32): i32 {
  return insertSeries(table, tableHash(table, 0, bytes, length), bytes, length, ref, ANY, ANY, ANY, false);
}

/** As `tableInsertSeries`, where the hash is known: NOT_CANONICAL also for what is beyond the limits or has no name. */
export function insertSeries(
  table: u32, hash: u64, bytes: u32, length: u32, ref: u32,
  labelsMax: u32, nameSizeMax: u32, valueSizeMax: u32, mustBeNamed: bool,
): i32 {
  const spelled = tableFindFrom(table, tableProbe(table, hash), hash, 0, bytes, length);
  if (spelled >= 0 && load<u16>(entryAt(table, spelled), PAIRS) != 0) return ALREADY_THERE;
  if (isMarkedEnded(table, ref)) return STILL_MARKED;
  if (spelled < 0 && (!reserveSlot(table) || !reserveEntry(table))) return MEMORY_FULL;
  if (!reserveMark(table, ref) || !reserveFound(table)) return MEMORY_FULL;
  const index = load<u32>(table, PAIR_INDEX);
  const found = load<u32>(table, FOUND);
  let status = labelPairs(index, bytes, length, found, labelsMax, nameSizeMax, valueSizeMax);
  const count = pairsFound;
  if (status == PAIRS_WHOLE && mustBeNamed && !pairsNamed) status = PAIRS_MALFORMED;
  let list: u32 = 0;
  if (status == PAIRS_WHOLE && count > 0) list = allocate(count * 4);
  if (list == 0 || !pairsReserve(index, found, count)) {
    pairsAbandon(index, found, count);
    if (list != 0) release(list, count * 4);
    return status == PAIRS_MALFORMED || (status == PAIRS_WHOLE && count == 0) ? NOT_CANONICAL : MEMORY_FULL;
  }
  memory.copy(list, found, count * 4);
  pairsAdd(index, list, count, ref);
  let id = spelled as u32;
  if (spelled < 0) id = takeEntry(table, hash, 0, length, ref as i32);
  else {
    unlinkSpelling(table, id);
    const entry = entryAt(table, id);
    release(load<u32>(entry, BYTES), SPELLING_HEADER + length);
    store<i32>(entry, ref as i32, VALUE);
  }
  const entry = entryAt(table, id);
  store<u32>(entry, list, BYTES);
  store<u16>(entry, count as u16, PAIRS);
  return id as i32;
}

/** Empties the slot of an entry and moves back those that probed past it. */
function removeSlot(table: u32, home: u32, idPlusOne: u32): void {
  const slots = load<u32>(table, SLOTS);
  const mask = load<u32>(table, SLOT_MASK);
  let hole = home & mask;
  while (load<u32>(slots + hole * SLOT_SIZE, 4) != idPlusOne) hole = (hole + 1) & mask;
  let index = (hole + 1) & mask;
  while (true) {
    const other = load<u32>(slots + index * SLOT_SIZE, 4);
    if (other == 0) break;
    const home = load<u32>(entryAt(table, other - 1), HASH) & mask;
    // It may fill the hole if its home is not between the hole (exclusive) and where it is now.
    if (((index - home) & mask) >= ((index - hole) & mask)) {
      store<u64>(slots + hole * SLOT_SIZE, load<u64>(slots + index * SLOT_SIZE));
      hole = index;
    }
    index = (index + 1) & mask;
  }
  store<u64>(slots + hole * SLOT_SIZE, 0);
}

/** Removes an entry. If it is a series, that has ended: it is marked, and in no list from now on. */
export function tableRemove(table: u32, id: u32): void {
  const entry = entryAt(table, id);
  removeSlot(table, load<u32>(entry, HASH), id + 1);
  const pairs = load<u16>(entry, PAIRS) as u32;
  const block = load<u32>(entry, BYTES);
  if (pairs != 0) {
    // The mark comes first: lists are read without what is marked.
    mark(table, load<u32>(entry, VALUE));
    pairsBury(load<u32>(table, PAIR_INDEX), block, pairs);
    release(block, pairs * 4);
  } else {
    unlinkSpelling(table, id);
    release(block, SPELLING_HEADER + (load<u16>(entry, LENGTH) as u32));
  }

  const space = load<u32>(table, NAMESPACES) + load<u32>(entry, NAMESPACE) * NAMESPACE_SIZE;
  const next = load<u32>(entry, SIBLING_NEXT);
  const previous = load<u32>(entry, SIBLING_PREVIOUS);
  if (next != 0) store<u32>(entryAt(table, next - 1), previous, SIBLING_PREVIOUS);
  if (previous != 0) store<u32>(entryAt(table, previous - 1), next, SIBLING_NEXT);
  else store<u32>(space, next, SPACE_FIRST);
  store<u32>(space, load<u32>(space, SPACE_SIZE) - 1, SPACE_SIZE);

  store<u16>(entry, PAIRS_FREE as u16, PAIRS);
  store<u32>(entry, NAMESPACE_NONE, NAMESPACE);
  store<u32>(entry, load<u32>(table, ENTRY_FREE), NEXT);
  store<u32>(table, id + 1, ENTRY_FREE);
  store<u32>(table, load<u32>(table, SIZE) - 1, SIZE);
}

/**
 * Takes the series that have ended out of the lists of their labels, in parts as `pairsSweep`: `from` is 0 and then what
 * the part before has answered; 0 is the end. Their references may be used again then.
 */
export function tableSweep(table: u32, from: u32, work: u32): u32 {
  if (load<u32>(table, MARKED) == 0) return 0;
  const marks = load<u32>(table, MARKS);
  const words = load<u32>(table, MARK_WORDS);
  const next = pairsSweep(load<u32>(table, PAIR_INDEX), marks, words, from, work);
  if (next != 0) return next;
  memory.fill(marks, 0, words * 4);
  store<u32>(table, 0, MARKED);
  return 0;
}

export function tablePairs(table: u32): u32 {
  return load<u32>(table, PAIR_INDEX);
}

export function tableMarks(table: u32): u32 {
  return load<u32>(table, MARKS);
}

export function tableMarkWords(table: u32): u32 {
  return load<u32>(table, MARK_WORDS);
}

/** A namespace of its own, from 1, or 0 when the memory is full. */
export function tableOpenNamespace(table: u32): u32 {
  let id = load<u32>(table, NAMESPACE_FREE);
  if (id == 0) {
    id = load<u32>(table, NAMESPACE_COUNT);
    if (id == load<u32>(table, NAMESPACE_CAPACITY) && !growArray(table + NAMESPACES, NAMESPACE_SIZE)) return 0;
    store<u32>(table, id + 1, NAMESPACE_COUNT);
  } else {
    const state = load<u32>(load<u32>(table, NAMESPACES) + id * NAMESPACE_SIZE, SPACE_STATE);
    store<u32>(table, state >> 1, NAMESPACE_FREE);
  }
  const space = load<u32>(table, NAMESPACES) + id * NAMESPACE_SIZE;
  memory.fill(space, 0, NAMESPACE_SIZE);
  store<u32>(space, 1, SPACE_STATE);
  return id;
}

/** Removes all entries of a namespace and frees its id. */
export function tableCloseNamespace(table: u32, id: u32): void {
  const space = load<u32>(table, NAMESPACES) + id * NAMESPACE_SIZE;
  while (load<u32>(space, SPACE_FIRST) != 0) tableRemove(table, load<u32>(space, SPACE_FIRST) - 1);
  store<u32>(space, load<u32>(table, NAMESPACE_FREE) << 1, SPACE_STATE);
  store<u32>(table, id, NAMESPACE_FREE);
}

export function tableIsOpen(table: u32, id: u32): bool {
  if (id >= load<u32>(table, NAMESPACE_COUNT)) return false;
  return (load<u32>(load<u32>(table, NAMESPACES) + id * NAMESPACE_SIZE, SPACE_STATE) & 1) == 1;
}

/** Frees a table and all that it has. */
export function tableDestroy(table: u32): void {
  for (let id: u32 = 0; id < load<u32>(table, ENTRY_COUNT); id++) {
    const entry = entryAt(table, id);
    const pairs = load<u16>(entry, PAIRS) as u32;
    const length = load<u16>(entry, LENGTH) as u32;
    if (pairs != PAIRS_FREE) release(load<u32>(entry, BYTES), pairs == 0 ? SPELLING_HEADER + length : pairs * 4);
  }
  pairsDestroy(load<u32>(table, PAIR_INDEX));
  if (load<u32>(table, FOUND) != 0) release(load<u32>(table, FOUND), SERIES_PAIRS_MAX * 4);
  if (load<u32>(table, MARK_WORDS) != 0) release(load<u32>(table, MARKS), load<u32>(table, MARK_WORDS) * 4);
  releasePages(table + SPELLING_PAGES, SPELLING_PAGE_SIZE);
  releasePages(table + ENTRY_PAGES, PAGE_SIZE);
  release(load<u32>(table, SLOTS), (load<u32>(table, SLOT_MASK) + 1) * SLOT_SIZE);
  release(load<u32>(table, NAMESPACES), load<u32>(table, NAMESPACE_CAPACITY) * NAMESPACE_SIZE);
  release(table, TABLE_SIZE);
}

/** Frees the pages whose list and its capacity lie at `at` and `at + 4`, and the list. */
function releasePages(at: u32, pageSize: u32): void {
  const list = load<u32>(at);
  const capacity = load<u32>(at, 4);
  for (let i: u32 = 0; i < capacity; i++) if (load<u32>(list + i * 4) != 0) release(load<u32>(list + i * 4), pageSize);
  release(list, capacity * 4);
}

/** Removes up to `most` entries, of any namespace, that have this value and are no series. Answers how many. */
export function tableRemoveSpellings(table: u32, value: i32, most: u32): u32 {
  const place = spellingPlace(table, value);
  if (place == 0) return 0;
  let removed: u32 = 0;
  for (; removed < most && load<u32>(place) != 0; removed++) tableRemove(table, load<u32>(place) - 1);
  return removed;
}

/** How many entries there are; of one namespace with `tableNamespaceSize`. */
export function tableSize(table: u32): u32 {
  return load<u32>(table, SIZE);
}

export function tableNamespaceSize(table: u32, id: u32): u32 {
  return load<u32>(load<u32>(table, NAMESPACES) + id * NAMESPACE_SIZE, SPACE_SIZE);
}

/** The entry with this id if it is live: its address, else 0. */
export function tableEntry(table: u32, id: u32): u32 {
  if (id >= load<u32>(table, ENTRY_COUNT)) return 0;
  const entry = entryAt(table, id);
  return load<u16>(entry, PAIRS) == PAIRS_FREE ? 0 : entry;
}

/** Copies the bytes of an entry to `out`, which has room for them, and answers how many there are. */
export function tableCopyBytes(table: u32, id: u32, out: u32): u32 {
  const entry = entryAt(table, id);
  const pairs = load<u16>(entry, PAIRS) as u32;
  const length = load<u16>(entry, LENGTH) as u32;
  const block = load<u32>(entry, BYTES);
  if (pairs == 0) memory.copy(out, block + SPELLING_HEADER, length);
  else pairsCopy(block, pairs, out);
  return length;
}

/**
 * Writes down the series at the entries given, for the log: | count u32 | then each: value u32 | size u32 | bytes |, as
 * many as fit `room` bytes, at least one if there is room for the longest. Answers the size.
 */
export function tableDefine(table: u32, entries: u32, count: u32, out: u32, room: u32): u32 {
  let at = out + 4;
  const end = out + room;
  let done: u32 = 0;
  for (; done < count; done++) {
    const id = load<u32>(entries + done * 4);
    const entry = entryAt(table, id);
    if (at + 8 + (load<u16>(entry, LENGTH) as u32) > end) break;
    store<i32>(at, load<i32>(entry, VALUE));
    const size = tableCopyBytes(table, id, at + 8);
    store<u32>(at, size, 4);
    at += 8 + size;
  }
  store<u32>(out, done);
  return at - out;
}

/** One more than the largest id ever given. */
export function tableEntryCount(table: u32): u32 {
  return load<u32>(table, ENTRY_COUNT);
}

/** Gives an entry that is no series another value. Answers 1, or 0 when the memory is full. */
export function tableSetValue(table: u32, id: u32, value: i32): u32 {
  if (!reserveSpelling(table, value)) return 0;
  unlinkSpelling(table, id);
  store<i32>(entryAt(table, id), value, VALUE);
  linkSpelling(table, id);
  return 1;
}

/** The first entry of a namespace, then the one after each: ids, or -1 at the end. */
export function tableFirst(table: u32, namespace: u32): i32 {
  const space = load<u32>(table, NAMESPACES) + namespace * NAMESPACE_SIZE;
  return (load<u32>(space, SPACE_FIRST) as i32) - 1;
}

export function tableAfter(table: u32, id: u32): i32 {
  return (load<u32>(entryAt(table, id), SIBLING_NEXT) as i32) - 1;
}
