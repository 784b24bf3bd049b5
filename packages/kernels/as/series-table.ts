import { equalBytes, hashBytes } from "./hash";
import { allocate, release } from "./memory";

// A map from (namespace, bytes) to a 32-bit value. Slots are open addressed with linear probing and no tombstones:
// removal moves later slots back. Entries have ids that never move; the arrays double when they are full.
//
// Table, 48 bytes:
//   0 slots u32, 4 slot mask u32, 8 live entries u32, 12 entries u32, 16 entry capacity u32, 20 entry ids given u32,
//   24 first free entry + 1 u32, 28 namespaces u32, 32 namespace capacity u32, 36 namespace ids given u32,
//   40 first free namespace u32 (0 = none; namespace 0 is never freed), 44 seed u32
const SLOTS: u32 = 0;
const SLOT_MASK: u32 = 4;
const SIZE: u32 = 8;
const ENTRIES: u32 = 12;
const ENTRY_CAPACITY: u32 = 16;
const ENTRY_COUNT: u32 = 20;
const ENTRY_FREE: u32 = 24;
const NAMESPACES: u32 = 28;
const NAMESPACE_CAPACITY: u32 = 32;
const NAMESPACE_COUNT: u32 = 36;
const NAMESPACE_FREE: u32 = 40;
const SEED: u32 = 44;
const TABLE_SIZE: u32 = 48;

// Slot, 8 bytes: the high half of the hash, then the entry's id + 1 (0 = empty).
const SLOT_SIZE: u32 = 8;

// Entry, 40 bytes. Siblings are the entries of one namespace, doubly linked, ids + 1. `NEXT` is the entry (id + 1) that
// followed this one in the last body, a guess that whoever uses it verifies. A free entry has the length
// LENGTH_FREE, so that no comparison with it succeeds, and the next free entry in NEXT.
export const ENTRY_SIZE: u32 = 40;
const HASH: u32 = 0;
const BYTES: u32 = 8;
const LENGTH: u32 = 12;
const NAMESPACE: u32 = 16;
const VALUE: u32 = 20;
const NEXT: u32 = 24;
const SIBLING_NEXT: u32 = 28;
const SIBLING_PREVIOUS: u32 = 32;
const LENGTH_FREE: u32 = 0xffff_ffff;

// Namespace, 24 bytes: 0 first sibling + 1, 4 number of entries, 8 first entry + 1 of the last body (a guess),
// 12 open (1) or, when closed, the next free namespace shifted left by one, 16 u64 for its decoder.
const NAMESPACE_SIZE: u32 = 24;
const SPACE_FIRST: u32 = 0;
const SPACE_SIZE: u32 = 4;
const SPACE_HINT: u32 = 8;
const SPACE_STATE: u32 = 12;
const SPACE_NOTE: u32 = 16;

const SLOTS_MIN: u32 = 1024;
const ENTRIES_MIN: u32 = 512;
const NAMESPACES_MIN: u32 = 64;

/** The address of an empty table, or 0 when the memory is full. */
export function tableCreate(seed: u32): u32 {
  const table = allocate(TABLE_SIZE);
  if (table == 0) return 0;
  memory.fill(table, 0, TABLE_SIZE);
  store<u32>(table, seed, SEED);
  const slots = allocate(SLOTS_MIN * SLOT_SIZE);
  const entries = allocate(ENTRIES_MIN * ENTRY_SIZE);
  const namespaces = allocate(NAMESPACES_MIN * NAMESPACE_SIZE);
  if (slots == 0 || entries == 0 || namespaces == 0) return 0;
  memory.fill(slots, 0, SLOTS_MIN * SLOT_SIZE);
  memory.fill(namespaces, 0, NAMESPACE_SIZE);
  store<u32>(namespaces, 1, SPACE_STATE);
  store<u32>(table, slots, SLOTS);
  store<u32>(table, SLOTS_MIN - 1, SLOT_MASK);
  store<u32>(table, entries, ENTRIES);
  store<u32>(table, ENTRIES_MIN, ENTRY_CAPACITY);
  store<u32>(table, namespaces, NAMESPACES);
  store<u32>(table, NAMESPACES_MIN, NAMESPACE_CAPACITY);
  store<u32>(table, 1, NAMESPACE_COUNT);
  return table;
}

/** The address of an entry. Valid until the next insertion. */
export function entryAt(table: u32, entry: u32): u32 {
  return load<u32>(table, ENTRIES) + entry * ENTRY_SIZE;
}

export function entryBytes(entryPointer: u32): u32 {
  return load<u32>(entryPointer, BYTES);
}

export function entryLength(entryPointer: u32): u32 {
  return load<u32>(entryPointer, LENGTH);
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
        load<u64>(entry, HASH) == hash &&
        load<u32>(entry, LENGTH) == length &&
        load<u32>(entry, NAMESPACE) == namespace &&
        equalBytes(load<u32>(entry, BYTES), bytes, length)
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

function placeSlot(slots: u32, mask: u32, hash: u64, idPlusOne: u32): void {
  let index = (hash as u32) & mask;
  while (load<u32>(slots + index * SLOT_SIZE, 4) != 0) index = (index + 1) & mask;
  store<u32>(slots + index * SLOT_SIZE, (hash >> 32) as u32);
  store<u32>(slots + index * SLOT_SIZE, idPlusOne, 4);
}

function growSlots(table: u32): bool {
  const oldSlots = load<u32>(table, SLOTS);
  const oldCount = load<u32>(table, SLOT_MASK) + 1;
  const count = oldCount * 2;
  const slots = allocate(count * SLOT_SIZE);
  if (slots == 0) return false;
  memory.fill(slots, 0, count * SLOT_SIZE);
  for (let i: u32 = 0; i < oldCount; i++) {
    const idPlusOne = load<u32>(oldSlots + i * SLOT_SIZE, 4);
    if (idPlusOne == 0) continue;
    placeSlot(slots, count - 1, load<u64>(entryAt(table, idPlusOne - 1), HASH), idPlusOne);
  }
  store<u32>(table, slots, SLOTS);
  store<u32>(table, count - 1, SLOT_MASK);
  release(oldSlots, oldCount * SLOT_SIZE);
  return true;
}

/** Doubles the array whose address and capacity lie at `at` and `at + 4`. */
function growArray(at: u32, itemSize: u32): bool {
  const capacity = load<u32>(at, 4);
  const bigger = allocate(capacity * 2 * itemSize);
  if (bigger == 0) return false;
  memory.copy(bigger, load<u32>(at), capacity * itemSize);
  release(load<u32>(at), capacity * itemSize);
  store<u32>(at, bigger);
  store<u32>(at, capacity * 2, 4);
  return true;
}

/**
 * Adds an entry and answers its id, or -1 when the memory is full, or -2 when these bytes are there already. `bytes` is
 * a heap block of `length`, which the table owns from then on (not if it answers less than 0).
 */
export function tableInsert(table: u32, namespace: u32, bytes: u32, length: u32, value: i32): i32 {
  const hash = tableHash(table, namespace, bytes, length);
  if (tableFindFrom(table, tableProbe(table, hash), hash, namespace, bytes, length) >= 0) return -2;
  // At most five of eight slots are taken: longer probes would cost more than the memory saved.
  const size = load<u32>(table, SIZE);
  if ((size + 1) * 8 > (load<u32>(table, SLOT_MASK) + 1) * 5 && !growSlots(table)) return -1;

  let id = load<u32>(table, ENTRY_FREE);
  if (id != 0) {
    id--;
    store<u32>(table, load<u32>(entryAt(table, id), NEXT), ENTRY_FREE);
  } else {
    id = load<u32>(table, ENTRY_COUNT);
    if (id == load<u32>(table, ENTRY_CAPACITY) && !growArray(table + ENTRIES, ENTRY_SIZE)) return -1;
    store<u32>(table, id + 1, ENTRY_COUNT);
  }
  const entry = entryAt(table, id);
  const space = load<u32>(table, NAMESPACES) + namespace * NAMESPACE_SIZE;
  const first = load<u32>(space, SPACE_FIRST);
  store<u64>(entry, hash, HASH);
  store<u32>(entry, bytes, BYTES);
  store<u32>(entry, length, LENGTH);
  store<u32>(entry, namespace, NAMESPACE);
  store<i32>(entry, value, VALUE);
  store<u32>(entry, 0, NEXT);
  store<u32>(entry, first, SIBLING_NEXT);
  store<u32>(entry, 0, SIBLING_PREVIOUS);
  if (first != 0) store<u32>(entryAt(table, first - 1), id + 1, SIBLING_PREVIOUS);
  store<u32>(space, id + 1, SPACE_FIRST);
  store<u32>(space, load<u32>(space, SPACE_SIZE) + 1, SPACE_SIZE);
  placeSlot(load<u32>(table, SLOTS), load<u32>(table, SLOT_MASK), hash, id + 1);
  store<u32>(table, size + 1, SIZE);
  return id as i32;
}

/** As `tableInsert`, of bytes that stay the caller's. */
export function tableInsertCopy(table: u32, namespace: u32, bytes: u32, length: u32, value: i32): i32 {
  const copy = allocate(length);
  if (copy == 0) return -1;
  memory.copy(copy, bytes, length);
  const entry = tableInsert(table, namespace, copy, length, value);
  if (entry < 0) release(copy, length);
  return entry;
}

/** Empties the slot of an entry and moves back those that probed past it. */
function removeSlot(table: u32, hash: u64, idPlusOne: u32): void {
  const slots = load<u32>(table, SLOTS);
  const mask = load<u32>(table, SLOT_MASK);
  let hole = (hash as u32) & mask;
  while (load<u32>(slots + hole * SLOT_SIZE, 4) != idPlusOne) hole = (hole + 1) & mask;
  let index = (hole + 1) & mask;
  while (true) {
    const other = load<u32>(slots + index * SLOT_SIZE, 4);
    if (other == 0) break;
    const home = (load<u64>(entryAt(table, other - 1), HASH) as u32) & mask;
    // It may fill the hole if its home is not between the hole (exclusive) and where it is now.
    if (((index - home) & mask) >= ((index - hole) & mask)) {
      store<u64>(slots + hole * SLOT_SIZE, load<u64>(slots + index * SLOT_SIZE));
      hole = index;
    }
    index = (index + 1) & mask;
  }
  store<u64>(slots + hole * SLOT_SIZE, 0);
}

export function tableRemove(table: u32, id: u32): void {
  const entry = entryAt(table, id);
  removeSlot(table, load<u64>(entry, HASH), id + 1);
  release(load<u32>(entry, BYTES), load<u32>(entry, LENGTH));

  const space = load<u32>(table, NAMESPACES) + load<u32>(entry, NAMESPACE) * NAMESPACE_SIZE;
  const next = load<u32>(entry, SIBLING_NEXT);
  const previous = load<u32>(entry, SIBLING_PREVIOUS);
  if (next != 0) store<u32>(entryAt(table, next - 1), previous, SIBLING_PREVIOUS);
  if (previous != 0) store<u32>(entryAt(table, previous - 1), next, SIBLING_NEXT);
  else store<u32>(space, next, SPACE_FIRST);
  store<u32>(space, load<u32>(space, SPACE_SIZE) - 1, SPACE_SIZE);

  store<u32>(entry, LENGTH_FREE, LENGTH);
  store<u32>(entry, load<u32>(table, ENTRY_FREE), NEXT);
  store<u32>(table, id + 1, ENTRY_FREE);
  store<u32>(table, load<u32>(table, SIZE) - 1, SIZE);
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
    if (load<u32>(entry, LENGTH) != LENGTH_FREE) release(load<u32>(entry, BYTES), load<u32>(entry, LENGTH));
  }
  release(load<u32>(table, SLOTS), (load<u32>(table, SLOT_MASK) + 1) * SLOT_SIZE);
  release(load<u32>(table, ENTRIES), load<u32>(table, ENTRY_CAPACITY) * ENTRY_SIZE);
  release(load<u32>(table, NAMESPACES), load<u32>(table, NAMESPACE_CAPACITY) * NAMESPACE_SIZE);
  release(table, TABLE_SIZE);
}

/**
 * Removes the entries of any namespace whose value's bit is set in the `words` * 32 bits at `marks`. Answers how many.
 */
export function tableRemoveMarked(table: u32, marks: u32, words: u32): u32 {
  let removed: u32 = 0;
  const count = load<u32>(table, ENTRY_COUNT);
  for (let id: u32 = 0; id < count; id++) {
    const entry = entryAt(table, id);
    const value = load<i32>(entry, VALUE);
    if (load<u32>(entry, LENGTH) == LENGTH_FREE || value < 0 || (value as u32) >> 5 >= words) continue;
    if (((load<u32>(marks + ((value as u32) >> 5) * 4) >> (value & 31)) & 1) == 0) continue;
    tableRemove(table, id);
    removed++;
  }
  return removed;
}

/** Removes the entries of any namespace with this value. Answers how many. */
export function tableRemoveValue(table: u32, value: i32): u32 {
  let removed: u32 = 0;
  const count = load<u32>(table, ENTRY_COUNT);
  for (let id: u32 = 0; id < count; id++) {
    const entry = entryAt(table, id);
    if (load<i32>(entry, VALUE) != value || load<u32>(entry, LENGTH) == LENGTH_FREE) continue;
    tableRemove(table, id);
    removed++;
  }
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
  return load<u32>(entry, LENGTH) == LENGTH_FREE ? 0 : entry;
}

/** One more than the largest id ever given. */
export function tableEntryCount(table: u32): u32 {
  return load<u32>(table, ENTRY_COUNT);
}

export function tableSetValue(table: u32, id: u32, value: i32): void {
  store<i32>(entryAt(table, id), value, VALUE);
}

/** The first entry of a namespace, then the one after each: ids, or -1 at the end. */
export function tableFirst(table: u32, namespace: u32): i32 {
  const space = load<u32>(table, NAMESPACES) + namespace * NAMESPACE_SIZE;
  return (load<u32>(space, SPACE_FIRST) as i32) - 1;
}

export function tableAfter(table: u32, id: u32): i32 {
  return (load<u32>(entryAt(table, id), SIBLING_NEXT) as i32) - 1;
}
