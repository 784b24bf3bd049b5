import { assert, OperatingError } from "@pharos/base";
import { HEAD_REFERENCES_MAX, IndexList } from "./head.ts";
import { type Kernels, kernelOf } from "./kernels.ts";
import { ScratchBlock } from "./scratch-block.ts";

/** The value of a series that is known and not wanted (relabelled or limited away): its samples are skipped. */
export const VALUE_DROPPED = -1;

/** What a resolver says of a series that is not wanted now, and may be the next time: nothing is remembered. */
export const VALUE_REFUSED = -2;

/** The namespace of the head's series, whose bytes are label bytes as `encodeLabels` writes them. */
export const HEAD_NAMESPACE = 0;

/** Bytes of one series, in whatever form it is keyed by. A label set beyond this is a mistake of its sender. */
export const SERIES_BYTES_MAX = 65_535;

/** How many entries decoders may fill by themselves; see `remember`. At some 250 bytes each, 1 GB of the 4 GiB. */
const ENTRIES_MAX = 4_000_000;

/** Longer spellings are found out anew each time: few series are so long, and whoever sends many wants the memory. */
const REMEMBERED_BYTES_MAX = 4096;

/** Memory in use beyond which nothing is remembered: the rest is for samples. */
const REMEMBERING_USE_MAX = 2 * 1024 ** 3;

// Shared with as/series-table.ts.
const ENTRY_BYTES = 4;
const ENTRY_LENGTH_AND_PAIRS = 8;
const PAIR_UNIT = 8;
const ENTRY_VALUE = 16;
const ALREADY_THERE = -2;
const NOT_CANONICAL = -3;
const STILL_MARKED = -4;
/** Count, reference and size, and the longest label bytes. */
const DEFINITION_SIZE_MAX = 12 + SERIES_BYTES_MAX;
/** Values are references of the head. */
const VALUES_MAX = HEAD_REFERENCES_MAX;

/**
 * Which series some bytes mean: (namespace, bytes) → value, in the kernels' memory, so that decoders look series up
 * without making strings of them. A value from 0 is a reference of the head's series; `VALUE_DROPPED` says to skip it.
 *
 * Namespace 0 holds the head's series by their label bytes, which share the memory of the labels that they have in
 * common; `SeriesLabels` finds series by them. What senders write differently is there a second time, with the same
 * value. Every scrape target has a namespace of its own, keyed by the text of its series.
 *
 * An entry's id stays its own until it is removed; then it may be given out again.
 */
export class SeriesTable {
  /** The address, for decoders. */
  readonly pointer: number;
  readonly #kernels: Kernels;
  readonly #entriesMax: number;
  readonly #key: ScratchBlock;
  readonly #find: (...args: number[]) => number;
  readonly #insert: (...args: number[]) => number;
  readonly #insertSeries: (...args: number[]) => number;
  readonly #entryAt: (...args: number[]) => number;
  readonly #isOpen: (...args: number[]) => number;
  /** Where the sweep of ended series goes on, among so many slots. */
  #sweepFrom = 0;
  #sweepSlots = 0;
  #sweepCount = 0;

  /**
   * @param options.seed makes the hash this process's own, so that nobody outside can choose colliding series. u32.
   * @param options.entriesMax beyond this `remember` declines. `insert` does not.
   * @throws OperatingError `memory.full`.
   */
  constructor(kernels: Kernels, options: { seed?: number; entriesMax?: number } = {}) {
    this.#kernels = kernels;
    this.#key = new ScratchBlock(kernels);
    this.#entriesMax = options.entriesMax ?? ENTRIES_MAX;
    this.pointer = kernels.call("tableCreate", options.seed ?? 0) >>> 0;
    if (this.pointer === 0) throw new OperatingError("memory.full", "no room for a series table");
    this.#find = kernelOf(kernels, "tableFind");
    this.#insert = kernelOf(kernels, "tableInsertCopy");
    this.#insertSeries = kernelOf(kernels, "tableInsertSeries");
    this.#entryAt = kernelOf(kernels, "tableEntry");
    this.#isOpen = kernelOf(kernels, "tableIsOpen");
  }

  /** Frees all memory. No call may follow. */
  destroy(): void {
    this.#kernels.call("tableDestroy", this.pointer);
    this.#key.release();
  }

  /** How many parts of sweeps there were: only these take references out of lists. */
  get sweepCount(): number {
    return this.#sweepCount;
  }

  /** How many entries there are, in all namespaces. */
  get size(): number {
    return this.#kernels.call("tableSize", this.pointer) >>> 0;
  }

  /** How many entries a namespace has. */
  sizeOf(namespace: number): number {
    this.#assertOpen(namespace);
    return this.#kernels.call("tableNamespaceSize", this.pointer, namespace) >>> 0;
  }

  /** The entry with these bytes, or -1. @throws OperatingError `memory.full`. */
  find(namespace: number, bytes: Uint8Array): number {
    this.#assertOpen(namespace);
    return this.#find(this.pointer, namespace, this.#key.place(bytes), bytes.length);
  }

  /**
   * Adds an entry; nothing with these bytes may be there yet. The bytes are copied.
   * @throws OperatingError `memory.full`; the table is as before.
   */
  insert(namespace: number, bytes: Uint8Array, value: number): number {
    this.#assertOpen(namespace);
    assert(bytes.length <= SERIES_BYTES_MAX, () => `series of ${bytes.length} bytes`);
    assertValue(value);
    const entry = this.#insert(
      this.pointer,
      namespace,
      this.#key.place(bytes),
      bytes.length,
      value,
    );
    if (entry >= 0) return entry;
    assert(entry !== ALREADY_THERE, "a series is inserted once");
    throw new OperatingError("memory.full", `no room for a series beside ${this.size}`);
  }

  /**
   * Adds a series of the head, by its canonical label bytes, which may be there as a spelling but not as a series. Its
   * entry is what `insert` would give, and it is in the lists of its labels.
   *
   * @throws OperatingError `memory.full`; the table is as before.
   */
  insertSeries(labelBytes: Uint8Array, ref: number): number {
    assert(labelBytes.length <= SERIES_BYTES_MAX, () => `series of ${labelBytes.length} bytes`);
    assert(ref >= 0 && ref < VALUES_MAX, () => `reference ${ref}`);
    const bytes = this.#key.place(labelBytes);
    let entry = this.#insertSeries(this.pointer, bytes, labelBytes.length, ref);
    if (entry === STILL_MARKED) {
      while (!this.sweepEnded(SWEEP_ALL));
      entry = this.#insertSeries(this.pointer, bytes, labelBytes.length, ref);
    }
    if (entry >= 0) return entry;
    assert(entry !== ALREADY_THERE, "a series is inserted once");
    assert(entry !== NOT_CANONICAL, "the label bytes are canonical");
    throw new OperatingError("memory.full", `no room for a series beside ${this.size}`);
  }

  /**
   * A part of forgetting the series that have ended (were removed): takes them out of the lists of their labels, where
   * until then they are skipped. Looks at about `work` references and answers whether nothing is left to do: then the
   * references may be given to other series. No series may end between the parts.
   */
  sweepEnded(work: number): boolean {
    this.#sweepCount++;
    const pairs = this.#kernels.call("tablePairs", this.pointer);
    const slots = this.#kernels.call("pairsSlots", pairs);
    if (slots !== this.#sweepSlots) this.#sweepFrom = 0;
    this.#sweepSlots = slots;
    this.#sweepFrom = this.#kernels.call("tableSweep", this.pointer, this.#sweepFrom, work) >>> 0;
    return this.#sweepFrom === 0;
  }

  /**
   * As `insert`, for what can be found out again: spellings of series and series not wanted. -1 when the bytes are
   * many, the table has `entriesMax` entries, or half of the memory is in use: what senders make up must not fill it.
   */
  remember(namespace: number, bytes: Uint8Array, value: number): number {
    if (bytes.length > REMEMBERED_BYTES_MAX || this.size >= this.#entriesMax) return -1;
    if (this.#kernels.memoryUse().usedSize > REMEMBERING_USE_MAX) return -1;
    try {
      return this.insert(namespace, bytes, value);
    } catch (error) {
      if (error instanceof OperatingError && error.code === "memory.full") return -1;
      throw error;
    }
  }

  valueOf(entry: number): number {
    return this.#word(this.#entry(entry) + ENTRY_VALUE) | 0;
  }

  /** Gives an entry that is not a series another value. @throws OperatingError `memory.full`. */
  setValue(entry: number, value: number): void {
    assert(!this.isSeries(entry), () => `entry ${entry} is a spelling`);
    assertValue(value);
    if (this.#kernels.call("tableSetValue", this.pointer, entry, value) === 0)
      throw new OperatingError("memory.full", "no room for another value");
  }

  /** Whether the entry was made by `insertSeries`. */
  isSeries(entry: number): boolean {
    return this.#word(this.#entry(entry) + ENTRY_LENGTH_AND_PAIRS) >>> 16 !== 0;
  }

  /** The addresses of the label pairs of a series: valid until it ends. */
  pairsOf(entry: number): number[] {
    const at = this.#entry(entry);
    const list = this.#word(at + ENTRY_BYTES) / 4;
    const count = this.#word(at + ENTRY_LENGTH_AND_PAIRS) >>> 16;
    const numbers = this.#kernels.words.subarray(list, list + count);
    return Array.from(numbers, (number) => number * PAIR_UNIT);
  }

  /** A copy of the bytes of an entry. */
  bytesOf(entry: number): Uint8Array<ArrayBuffer> {
    const length = this.#word(this.#entry(entry) + ENTRY_LENGTH_AND_PAIRS) & 0xffff;
    const scratch = this.#key.reserve(length);
    this.#kernels.call("tableCopyBytes", this.pointer, entry, scratch);
    return this.#kernels.bytes.slice(scratch, scratch + length);
  }

  /**
   * Series as the log defines them: | count u32 | then each: reference u32 | size u32 | label bytes |, little-endian, in
   * parts of up to about `partSize` bytes. They are copies.
   *
   * @throws OperatingError `memory.full`.
   */
  definitions(entries: readonly number[], partSize: number): Uint8Array<ArrayBuffer>[] {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    const list = new IndexList(this.#kernels, Math.max(1, entries.length));
    const room = partSize + DEFINITION_SIZE_MAX;
    const out = this.#key.reserve(room);
    try {
      list.words.set(entries);
      for (let done = 0; done < entries.length; ) {
        const at = list.pointer + done * 4;
        const left = entries.length - done;
        const size = this.#kernels.call("tableDefine", this.pointer, at, left, out, room);
        done += this.#word(out);
        parts.push(this.#kernels.bytes.slice(out, out + size));
      }
      return parts;
    } finally {
      list.release();
    }
  }

  /** Removes an entry. A series ends with it; `sweepEnded` must follow. */
  remove(entry: number): void {
    this.#entry(entry);
    this.#kernels.call("tableRemove", this.pointer, entry);
  }

  /**
   * Removes every entry, in any namespace, that `dead` says so of; one pass over all. Answers how many. `dead` must not change the table.
   */
  removeWhere(dead: (value: number, entry: number) => boolean): number {
    const count = this.#kernels.call("tableEntryCount", this.pointer);
    const words = new Int32Array(this.#kernels.buffer);
    let removed = 0;
    for (let entry = 0; entry < count; entry++) {
      const at = this.#kernels.call("tableEntry", this.pointer, entry) >>> 0;
      if (at === 0 || !dead(words[(at + ENTRY_VALUE) / 4] as number, entry)) continue;
      this.#kernels.call("tableRemove", this.pointer, entry);
      removed++;
    }
    return removed;
  }

  /** Removes the entries, of any namespace, that are spellings of a series. Costs what they are. Answers how many. */
  removeSpellings(ref: number): number {
    return this.#kernels.call("tableRemoveSpellings", this.pointer, ref, ALL);
  }

  /** Removes up to `most` of the entries that say `VALUE_DROPPED`. Answers how many. */
  removeDropped(most = ALL): number {
    return this.#kernels.call("tableRemoveSpellings", this.pointer, VALUE_DROPPED, most);
  }

  /** A new, empty namespace: an integer from 1. Ids of closed ones come again. @throws OperatingError `memory.full`. */
  openNamespace(): number {
    const namespace = this.#kernels.call("tableOpenNamespace", this.pointer);
    if (namespace === 0) throw new OperatingError("memory.full", "no room for a namespace");
    return namespace;
  }

  /** Removes the namespace and all its entries. */
  closeNamespace(namespace: number): void {
    this.#assertOpen(namespace);
    assert(namespace !== HEAD_NAMESPACE, "the head's namespace stays open");
    this.#kernels.call("tableCloseNamespace", this.pointer, namespace);
  }

  /** Visits the entries of a namespace, in no particular order. `visit` may remove the entry that it is given. */
  forEach(namespace: number, visit: (entry: number, value: number) => void): void {
    this.#assertOpen(namespace);
    let entry = this.#kernels.call("tableFirst", this.pointer, namespace);
    while (entry >= 0) {
      const after = this.#kernels.call("tableAfter", this.pointer, entry);
      visit(entry, this.valueOf(entry));
      entry = after;
    }
  }

  #word(address: number): number {
    return this.#kernels.words[address >>> 2] as number;
  }

  #entry(entry: number): number {
    const at = this.#entryAt(this.pointer, entry) >>> 0;
    assert(at !== 0, () => `entry ${entry} exists`);
    return at;
  }

  #assertOpen(namespace: number): void {
    const open = this.#isOpen(this.pointer, namespace);
    assert(open === 1, () => `namespace ${namespace} is open`);
  }
}

function assertValue(value: number): void {
  assert(Number.isInteger(value) && value >= VALUE_DROPPED, () => `value ${value}`);
  assert(value < VALUES_MAX, () => `value ${value}`);
}

/** More than all there are. */
const ALL = 0x7fff_ffff;
const SWEEP_ALL = 0x7fff_ffff;
