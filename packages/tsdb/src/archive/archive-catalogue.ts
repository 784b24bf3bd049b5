import { errorText, OperatingError } from "@pharos/base";
import type { BlobStore, Disk } from "@pharos/ports";
import {
  type ArchiveEntry,
  archivedFiles,
  BLOCKS_PREFIX,
  blockPrefix,
  CATALOGUE_PREFIX,
  decodeEntry,
  encodeEntry,
  entryKey,
  entryName,
} from "./archive-entry.ts";

/** Where copies of the catalogue lie, on the local disk. */
export const CATALOGUE_DIRECTORY = "archive";

const SUFFIX = ".json";

/** Keys asked for at once. */
const PAGE_LENGTH = 1000;

/**
 * What is in the archive. Entries are files beside the blocks there; a copy of each lies on the local disk, so that a
 * start needs no connection, and a query knows what it misses while there is none.
 */
export class ArchiveCatalogue {
  readonly #disk: Disk;
  readonly #store: BlobStore;
  readonly #entries = new Map<string, ArchiveEntry>();
  /** Why entries were left out, for people. */
  readonly problems: string[] = [];

  private constructor(disk: Disk, store: BlobStore) {
    this.#disk = disk;
    this.#store = store;
  }

  /**
   * Reads the local copies. Those that are damaged come again with the next `refresh`.
   * @param follow for one that only reads, while another thread keeps the copies.
   */
  static open(disk: Disk, store: BlobStore, follow = false): ArchiveCatalogue {
    const catalogue = new ArchiveCatalogue(disk, store);
    if (!follow)
      for (const path of catalogue.#copies()) {
        const entry = path.endsWith(SUFFIX) ? decodeEntry(disk.read(path)) : "not finished";
        if (typeof entry === "string") disk.remove(path);
      }
    catalogue.follow();
    return catalogue;
  }

  #copies(): string[] {
    const tiers = this.#disk
      .list(CATALOGUE_DIRECTORY)
      .map((tier) => `${CATALOGUE_DIRECTORY}/${tier}`);
    return tiers.flatMap((tier) => this.#disk.list(tier).map((name) => `${tier}/${name}`));
  }

  /** Makes the entries those that are on the local disk. Reads only what is new there. */
  follow(): void {
    const there = new Set<string>();
    for (const path of this.#copies()) {
      if (!path.endsWith(SUFFIX)) continue;
      const name = path.slice(CATALOGUE_DIRECTORY.length + 1, -SUFFIX.length);
      there.add(name);
      if (this.#entries.has(name)) continue;
      const entry = decodeEntry(this.#disk.read(path));
      if (typeof entry !== "string") this.#entries.set(name, entry);
    }
    for (const name of this.#entries.keys()) if (!there.has(name)) this.#entries.delete(name);
  }

  get entries(): readonly ArchiveEntry[] {
    return [...this.#entries.values()];
  }

  /** By rank and sequence: of two samples at the same time, that of the earlier block stands. */
  overlapping(tier: string, minMs: number, maxMs: number): ArchiveEntry[] {
    return this.entries
      .filter((entry) => entry.tier === tier)
      .filter(({ minTimeMs, maxTimeMs }) => minTimeMs <= maxMs && maxTimeMs >= minMs)
      .sort((a, b) => a.rank - b.rank || a.sequence - b.sequence);
  }

  /** Takes in an entry that is in the archive. @throws OperatingError `disk.full`, `disk.failed`. */
  async add(entry: ArchiveEntry): Promise<void> {
    const directory = `${CATALOGUE_DIRECTORY}/${entry.tier}`;
    this.#disk.makeDirectory(directory);
    const path = localPath(entryName(entry));
    this.#disk.remove(`${path}.tmp`);
    const file = this.#disk.openAppend(`${path}.tmp`);
    try {
      file.append([encodeEntry(entry)]);
      await file.sync();
    } finally {
      file.close();
    }
    this.#disk.rename(`${path}.tmp`, path);
    await this.#disk.syncDirectory(directory);
    await this.#disk.syncDirectory(CATALOGUE_DIRECTORY);
    await this.#disk.syncDirectory("");
    this.#entries.set(entryName(entry), entry);
  }

  /** Makes the copies those of the archive's own catalogue. @throws OperatingError as the store. */
  async refresh(signal: AbortSignal): Promise<void> {
    const there = new Set<string>();
    this.problems.length = 0;
    for await (const key of keysBelow(this.#store, CATALOGUE_PREFIX, signal)) {
      const name = key.slice(CATALOGUE_PREFIX.length, -SUFFIX.length);
      there.add(name);
      if (this.#entries.has(name)) continue;
      const entry = decodeEntry(await this.#store.get(key, null, signal));
      if (typeof entry === "string") this.problems.push(`archive: ${key}: ${entry}`);
      else await this.add(entry);
    }
    for (const [name] of this.#entries) if (!there.has(name)) this.#forget(name);
  }

  /**
   * Removes blocks whose whole range is before a time: first the entry, so that a crash leaves files without an entry,
   * which `removeLeftovers` finds, and never an entry without files. Answers how many.
   */
  async removeBefore(tier: string, timeMs: number, signal: AbortSignal): Promise<number> {
    const old = this.entries.filter((entry) => entry.tier === tier && entry.rangeEndMs <= timeMs);
    for (const entry of old) await this.remove(entry, signal);
    return old.length;
  }

  /** Removes one block from the archive. */
  async remove(entry: ArchiveEntry, signal: AbortSignal): Promise<void> {
    await this.#store.delete(entryKey(entry), signal);
    this.#forget(entryName(entry));
    for (const { key } of archivedFiles(entry)) await this.#store.delete(key, signal);
  }

  /**
   * Removes files of blocks that are not in the archive's catalogue: what a crash left of an upload, or of a removal.
   * Not while a block is being archived. Answers how many.
   */
  async removeLeftovers(signal: AbortSignal): Promise<number> {
    await this.refresh(signal);
    // An entry that cannot be read may be of files that are all right.
    if (this.problems.length > 0) return 0;
    const known = new Set(this.entries.map(blockPrefix));
    let removed = 0;
    for await (const key of keysBelow(this.#store, BLOCKS_PREFIX, signal)) {
      if (known.has(key.slice(0, key.lastIndexOf("/") + 1)) || !key.endsWith(".parquet")) continue;
      await this.#store.delete(key, signal);
      removed++;
    }
    return removed;
  }

  #forget(name: string): void {
    this.#entries.delete(name);
    try {
      this.#disk.remove(localPath(name));
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.problems.push(`archive: ${errorText(error)}`); // `refresh` removes it another time.
    }
  }
}

function localPath(name: string): string {
  return `${CATALOGUE_DIRECTORY}/${name}${SUFFIX}`;
}

async function* keysBelow(
  store: BlobStore,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let after: string | undefined;
  for (;;) {
    const options = { limit: PAGE_LENGTH, ...(after === undefined ? {} : { after }) };
    const { blobs, more } = await store.list(prefix, options, signal);
    for (const { key } of blobs) yield key;
    after = blobs.at(-1)?.key;
    if (!more || after === undefined) return;
  }
}
