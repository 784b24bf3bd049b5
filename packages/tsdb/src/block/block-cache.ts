import type { DiskReader } from "@pharos/ports";

/** What a cache holds at most unless told otherwise, in bytes. */
export const BLOCK_CACHE_SIZE_MAX = 256 * 1024 * 1024;

/** Files that are open at a time; the one not read for longest is closed first. */
const OPEN_FILES_MAX = 512;

/** What one entry takes beside its value: the entry itself and its place in the map. */
const ENTRY_SIZE = 120;

/** So many files may each keep the page of each of their streams that was read last, beside the budget. */
const HOLDERS_MAX = 32;

/** No entry may take more than this part of the cache: it is read anew every time instead. */
const PART_MAX = 1 / 4;

export interface BlockCacheStats {
  readonly hits: number;
  readonly misses: number;
  readonly usedSize: number;
  readonly sizeMax: number;
  readonly entries: number;
  readonly openFiles: number;
}

/** One value, in the chain of all from the most to the least recently used. */
abstract class Link {
  newer: Link | undefined;
  older: Link | undefined;
  readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  /** Takes itself out of its space. */
  abstract forget(): void;
}

class Entry<T> extends Link {
  readonly #map: Map<number, Entry<T>>;
  readonly #key: number;
  readonly value: T;

  constructor(map: Map<number, Entry<T>>, key: number, value: T, size: number) {
    super(size);
    this.#map = map;
    this.#key = key;
    this.value = value;
  }

  forget(): void {
    this.#map.delete(this.#key);
  }
}

/**
 * What was read from blocks lately, in memory: pages, parts of indexes, timestamps. One for a thread, with one budget
 * for all blocks. What has not been used for longest goes first; what is larger than a quarter of the budget is never
 * kept. A budget of 0 keeps nothing.
 */
export class BlockCache {
  readonly sizeMax: number;
  /** The open files. */
  readonly files = new OpenFiles();
  readonly #holders = new Set<PageHolder>();
  #newest: Link | undefined;
  #oldest: Link | undefined;
  #usedSize = 0;
  #entries = 0;
  #hits = 0;
  #misses = 0;

  constructor(sizeMax: number = BLOCK_CACHE_SIZE_MAX) {
    this.sizeMax = sizeMax;
  }

  get stats(): BlockCacheStats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      usedSize: this.#usedSize,
      sizeMax: this.sizeMax,
      entries: this.#entries,
      openFiles: this.files.count,
    };
  }

  /** Notes who keeps pages at hand; who did so longest ago is told to stop. */
  hold(holder: PageHolder): void {
    this.#holders.delete(holder);
    this.#holders.add(holder);
    for (const old of this.#holders) {
      if (this.#holders.size <= HOLDERS_MAX) break;
      this.#holders.delete(old);
      old.dropPages();
    }
  }

  /** Room for values of one kind of one file, by number. */
  space<T>(): CacheSpace<T> {
    const map = new Map<number, Entry<T>>();
    return {
      get: (key) => {
        const entry = map.get(key);
        if (entry === undefined) {
          this.#misses++;
          return undefined;
        }
        this.#hits++;
        if (entry !== this.#newest) {
          this.#unlink(entry);
          this.#link(entry);
        }
        return entry.value;
      },
      put: (key, value, size) => {
        const there = map.get(key);
        if (there !== undefined) this.#remove(there);
        const total = size + ENTRY_SIZE;
        if (total > this.sizeMax * PART_MAX) return;
        const entry = new Entry(map, key, value, total);
        map.set(key, entry);
        this.#usedSize += total;
        this.#entries++;
        this.#link(entry);
        while (this.#usedSize > this.sizeMax && this.#oldest !== undefined)
          this.#remove(this.#oldest);
      },
      clear: () => {
        for (const entry of [...map.values()]) this.#remove(entry);
      },
    };
  }

  /** Forgets all that is kept; files stay open. */
  clear(): void {
    while (this.#oldest !== undefined) this.#remove(this.#oldest);
    for (const holder of this.#holders) holder.dropPages();
    this.#holders.clear();
  }

  #link(link: Link): void {
    link.newer = undefined;
    link.older = this.#newest;
    if (this.#newest !== undefined) this.#newest.newer = link;
    this.#newest = link;
    this.#oldest ??= link;
  }

  #unlink(link: Link): void {
    if (link.newer === undefined) this.#newest = link.older;
    else link.newer.older = link.older;
    if (link.older === undefined) this.#oldest = link.newer;
    else link.older.newer = link.newer;
  }

  #remove(link: Link): void {
    this.#unlink(link);
    link.forget();
    this.#usedSize -= link.size;
    this.#entries--;
  }
}

export interface PageHolder {
  dropPages(): void;
}

export interface CacheSpace<T> {
  /** Counts as a use. */
  get(key: number): T | undefined;
  /** @param size about how many bytes of memory it takes. */
  put(key: number, value: T, size: number): void;
  clear(): void;
}

/** Files that are kept open for reading, a bounded number of them. */
export class OpenFiles {
  /** The most recently used last. */
  readonly #readers = new Map<object, DiskReader>();

  get count(): number {
    return this.#readers.size;
  }

  /** The reader of a file, opened if need be; it may be closed by the next call. */
  reader(owner: object, open: () => DiskReader): DiskReader {
    const there = this.#readers.get(owner);
    if (there !== undefined) {
      this.#readers.delete(owner);
      this.#readers.set(owner, there);
      return there;
    }
    for (const old of this.#readers.keys()) {
      if (this.#readers.size < OPEN_FILES_MAX) break;
      this.close(old);
    }
    const reader = open();
    this.#readers.set(owner, reader);
    return reader;
  }

  close(owner: object): void {
    this.#readers.get(owner)?.close();
    this.#readers.delete(owner);
  }
}
